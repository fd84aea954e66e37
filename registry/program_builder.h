// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_PROGRAM_BUILDER_H_
#define LARDER_REGISTRY_PROGRAM_BUILDER_H_

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "registry/compiled_registry.h"
#include "registry/function_table.h"
#include "registry/program.h"

namespace larder::registry {

// Builds one program. Equal nodes are made once, so common parts of the outputs are shared, and a
// call of constants is a constant. Every method returns the number of a node; arguments must be
// numbers that it returned before.
// Thread-safety: thread-compatible.
class ProgramBuilder {
 public:
  // Programs do not grow beyond this: whoever builds them asks full() from time to time, because
  // features by features can ask for exponentially many nodes.
  static constexpr size_t kMaxNodes = 20'000;
  bool full() const { return nodes_.size() >= kMaxNodes; }

  // `value` has one row.
  int Constant(Column value);
  int ConstantBool(bool value);
  int ConstantInt(int64_t value);
  int ConstantDouble(double value);
  int ConstantDuration(DurationUs value);
  int ConstantString(std::string_view value);

  // Column `index` of the record batch, of the request, and the key of role `index`.
  int RecordColumn(int index, Type type);
  int RequestColumn(int index, Type type);
  int RoleKey(int index, std::string_view entity);
  // The run's T, a timestamp.
  int Now();

  // The stored feature of the key(s) `key`, a key<e> or a list<key<e>> of the feature's entity.
  // A list of keys gives a list with nulls in place; if the feature is a list itself, the lists
  // are joined.
  int Lookup(const StoredFeature& feature, int key);
  // Text (string, key or int64, or a list of them) as key(s) of `entity`. Text that is no key
  // (S1.3: 1 to 256 bytes) gives null.
  int KeyOf(std::string_view entity, int text);
  // Text columns through an encoder; `texts` are scalar strings or keys.
  int Embed(const Encoder& encoder, std::vector<int> texts);

  // One row per element of a list, and back: Collect(f(Elements(list)), list) is f per element;
  // lists are joined. `value` may depend on Elements(list), constants and now, not on other rows.
  int Elements(int list);
  int Collect(int value, int list);
  // A list of scalars of one type.
  int MakeList(std::vector<int> values, Type element);

  // `function`'s signature number `signature` applied to `args`, which have its types already
  // (lower.h's LowerCall finds signature and conversions). With `lift` one argument is a list of
  // what the signature says and the call is made per element.
  int Call(const Function& function, int signature, std::vector<int> args, Type type, bool lift);

  // Valid as long as the builder.
  const Type& type(int node) const { return nodes_[static_cast<size_t>(node)].type; }
  const Node& node(int number) const { return nodes_[static_cast<size_t>(number)]; }
  bool IsConstant(int number) const { return node(number).op == Node::Op::kConstant; }

  // The program of these outputs, without nodes that they do not need. May be called again.
  Program Finish(std::span<const int> outputs) const;

 private:
  int Add(Node node);

  std::deque<Node> nodes_;  // a deque: type() and node() stay valid while nodes are added
  std::unordered_map<std::string, int> numbers_;  // by the node's bytes
};

// Every stored feature that `program` looks up, each once, in the order of first use.
std::vector<StoredFeature> NeedsOf(const Program& program);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_PROGRAM_BUILDER_H_
