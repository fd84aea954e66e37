// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_PROGRAM_H_
#define LARDER_REGISTRY_PROGRAM_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "registry/column.h"
#include "registry/stored_feature.h"

namespace larder::registry {

struct Function;  // registry/function_table.h

// One step of a program. `args` name earlier nodes.
struct Node {
  enum class Op : uint8_t {
    kConstant,       // `constant`, a one-row column
    kRecordColumn,   // column `index` of the record batch (aggregate arguments, row features)
    kRequestColumn,  // column `index` of the request, one row
    kRoleKey,        // the key of role `index`: one row, or one per candidate
    kLookup,         // stored feature `stored` of the key(s) args[0]; a list of keys gives a list
    kKeyOf,          // text args[0] as a key of entity type.of (`key` of a path through a column)
    kNow,            // T
    kCall,           // `function` applied to args
    kEmbed,          // text args through encoder `encoder`
    kElements,       // the elements of list args[0], one row each
    kCollect,        // value args[0] per element of list args[1], as lists again; lists are joined
    kMakeList,       // the values args, of one type, as one list per row
  };
  Op op = Op::kConstant;
  Type type;
  std::vector<int> args;
  int index = 0;
  Column constant;
  StoredFeature stored;
  const Function* function = nullptr;
  Digest encoder;
  int signature = 0;  // kCall: which of function->signatures
  bool lift = false;  // kCall: per element of the one argument that is a list beyond the signature
};

// A typed expression DAG in topological order, compiled once; the same program runs at append, at
// apply, at read and in replay. Immutable after compilation, so thread-safe.
struct Program {
  std::vector<Node> nodes;
  std::vector<int> outputs;  // node of each output
};

// What a run reads.
struct ProgramInput {
  // Rows of candidate-dependent columns: candidates of the request, or records of the batch.
  size_t rows = 1;
  TimeUs now = 0;
  bool want_times = false;
  std::span<const Column> record = {};   // kRecordColumn
  std::span<const Column> request = {};  // kRequestColumn, one row each
  std::span<const Column> roles = {};    // kRoleKey: kKey columns, one row or `rows` rows; their
                                         // `ordinals` are used if filled
  FeatureReader* reader = nullptr;   // needed for kLookup
  TextEmbedder* embedder = nullptr;  // needed for kEmbed
};

// Runs `program`; output i is the column of program.outputs[i], with `rows` rows or one row (it
// does not depend on the candidate: sent once).
//
// Total and deterministic: nulls, division and overflow as S4.3; no value makes it fail.
// Errors: only those of the reader or the embedder.
// Thread-safety: any number of runs of one program at once.
StatusOr<std::vector<Column>> Run(const Program& program, const ProgramInput& input);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_PROGRAM_H_
