// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fixed_point.h"
#include "registry/internal/evaluate.h"
#include "registry/internal/kernels.h"
#include "registry/program.h"

namespace larder::registry {
namespace {

using internal::InDoubles;
using internal::InInts;
using internal::Step;

// Whether columns of these kinds keep their values in the same array.
bool SameStorage(const Type& a, const Type& b) {
  if (a.list != b.list) return false;
  if (InDoubles(a.kind) && InDoubles(b.kind)) return true;
  const auto text = [](Kind kind) { return kind == Kind::kString || kind == Kind::kKey; };
  if (text(a.kind) && text(b.kind)) return true;
  if (a.kind != b.kind) return false;
  return a.kind != Kind::kVector || (a.dimensions == b.dimensions && a.int8 == b.int8);
}

TimeUs TimeOf(const Column& column, size_t row) {
  return column.times.empty() ? kNoTime : column.times[row];
}

// One run of one program: a column per node, made in order.
class Runner {
 public:
  Runner(const Program& program, const ProgramInput& input)
      : program_(program),
        input_(input),
        columns_(program.nodes.size(), nullptr),
        made_(program.nodes.size()),
        ordinals_(program.nodes.size()) {}

  StatusOr<std::vector<Column>> Run() {
    for (size_t i = 0; i < program_.nodes.size(); ++i) LARDER_RETURN_IF_ERROR(Evaluate(i));
    std::vector<Column> outputs;
    outputs.reserve(program_.outputs.size());
    for (size_t i = 0; i < program_.outputs.size(); ++i) outputs.push_back(Output(i));
    return outputs;
  }

 private:
  Status Evaluate(size_t i) {
    const Node& node = program_.nodes[i];
    std::vector<const Column*> args;
    args.reserve(node.args.size());
    for (const int arg : node.args) args.push_back(columns_[static_cast<size_t>(arg)]);
    Column& made = made_[i];
    switch (node.op) {
      case Node::Op::kConstant: columns_[i] = &node.constant; return OkStatus();
      case Node::Op::kRecordColumn: return Input(i, input_.record, "record column", input_.rows);
      case Node::Op::kRequestColumn: return Input(i, input_.request, "request column", 1);
      case Node::Op::kRoleKey: return Input(i, input_.roles, "role", input_.rows);
      case Node::Op::kNow:
        made = Column::Of(node.type, 1);
        made.AppendInt(input_.now);
        break;
      case Node::Op::kLookup: LARDER_RETURN_IF_ERROR(Lookup(node)); return OkStatus();
      case Node::Op::kEmbed: LARDER_RETURN_IF_ERROR(Embed(node, args, made)); break;
      case Node::Op::kKeyOf: made = internal::EvaluateKeyOf(node, *args[0]); break;
      case Node::Op::kCall: made = internal::EvaluateCall(node, args); break;
      case Node::Op::kElements: made = internal::EvaluateElements(*args[0]); break;
      case Node::Op::kCollect: made = internal::EvaluateCollect(*args[0], *args[1]); break;
      case Node::Op::kMakeList: made = internal::EvaluateMakeList(node, args); break;
    }
    if (input_.want_times) SetTimes(node.op, args, made);
    columns_[i] = &made;
    return OkStatus();
  }

  // A column that the caller brings. A mismatch is the caller's bug, not a matter of data.
  Status Input(size_t i, std::span<const Column> from, std::string_view what, size_t rows) {
    const Node& node = program_.nodes[i];
    const auto index = static_cast<size_t>(node.index);
    if (index >= from.size()) {
      return Internal("program needs ", what, " ", node.index, ", got ", from.size());
    }
    const Column& column = from[index];
    if (!SameStorage(column.type, node.type)) {
      return Internal(what, " ", node.index, ": expected ", node.type.Name(), ", got ",
                      column.type.Name());
    }
    if ((column.rows != 1 && column.rows != rows) || column.reasons.size() != column.rows) {
      return Internal(what, " ", node.index, ": expected ", rows, " rows, got ", column.rows);
    }
    columns_[i] = &column;
    return OkStatus();
  }

  // The ordinals of a key node, found once per run.
  std::span<const Ordinal> OrdinalsOf(size_t key_node, std::string_view entity) {
    const Column& keys = *columns_[key_node];
    if (keys.ordinals.size() == keys.elements()) return keys.ordinals;
    std::vector<Ordinal>& ordinals = ordinals_[key_node];
    if (ordinals.size() == keys.elements()) return ordinals;
    ordinals.assign(keys.elements(), kNoOrdinal);
    std::vector<std::string_view> texts;
    std::vector<size_t> places;
    for (size_t i = 0; i < keys.elements(); ++i) {
      if (keys.element_reason(i) != Reason::kValid) continue;
      texts.push_back(keys.strings[i]);
      places.push_back(i);
    }
    std::vector<Ordinal> found(texts.size(), kNoOrdinal);
    if (!texts.empty()) input_.reader->FindKeys(entity, texts, found);
    for (size_t i = 0; i < places.size(); ++i) ordinals[places[i]] = found[i];
    return ordinals;
  }

  Status Lookup(const Node& node) {
    const auto key_node = static_cast<size_t>(node.args[0]);
    const Column& keys = *columns_[key_node];
    const size_t number = static_cast<size_t>(&node - program_.nodes.data());
    if (input_.reader == nullptr) return Internal("program looks up features, but has no reader");
    const std::span<const Ordinal> ordinals = OrdinalsOf(key_node, node.stored.entity);
    Type type = node.stored.type;
    Column values = Column::Of(type, ordinals.size());
    LARDER_RETURN_IF_ERROR(
        input_.reader->Read(node.stored, ordinals, input_.want_times, values));
    if (values.rows != ordinals.size() || values.reasons.size() != ordinals.size()) {
      return Internal("reader: expected ", ordinals.size(), " values, got ", values.rows);
    }
    if (!values.times.empty() && values.times.size() != values.rows) {
      return Internal("reader: expected ", values.rows, " times, got ", values.times.size());
    }
    for (size_t i = 0; i < values.rows; ++i) SetNullKey(keys.element_reason(i), i, values);
    if (!keys.type.list) {
      if (input_.want_times) MinTimes(keys, values);
      made_[number] = std::move(values);
    } else {
      made_[number] = internal::EvaluateCollect(values, keys);
      if (input_.want_times) SetCollectedTimes(values, keys, made_[number]);
    }
    columns_[number] = &made_[number];
    return OkStatus();
  }

  // A value of a null key is null for the key's reason, also where a key that nobody has ever seen
  // would give 0 or an empty list (S3.4, S4.1).
  static void SetNullKey(Reason reason, size_t i, Column& values) {
    if (reason == Reason::kValid) return;
    values.reasons[i] = reason;
    if (values.type.list) return;
    if (InInts(values.type.kind)) values.ints[i] = 0;
    if (InDoubles(values.type.kind)) values.doubles[i] = 0;
  }

  static void MinTimes(const Column& from, Column& to) {
    to.times.resize(to.rows, kNoTime);
    for (size_t i = 0; i < to.rows; ++i) {
      to.times[i] = std::min(to.times[i], TimeOf(from, i * Step(from)));
    }
  }

  // S4.2: a derived value has its oldest input's time.
  static void SetTimes(Node::Op op, std::span<const Column* const> args, Column& made) {
    if (op == Node::Op::kCollect) {
      SetCollectedTimes(*args[0], *args[1], made);
      return;
    }
    made.times.assign(made.rows, kNoTime);
    if (op == Node::Op::kElements) {
      const Column& list = *args[0];
      for (size_t row = 0; row < list.rows; ++row) {
        for (uint32_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
          made.times[k] = TimeOf(list, row);
        }
      }
      return;
    }
    for (const Column* arg : args) {
      if (!arg->times.empty()) MinTimes(*arg, made);
    }
  }

  static void SetCollectedTimes(const Column& value, const Column& list, Column& made) {
    made.times.assign(made.rows, kNoTime);
    for (size_t row = 0; row < list.rows; ++row) {
      made.times[row] = TimeOf(list, row);
      for (uint32_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
        made.times[row] = std::min(made.times[row], TimeOf(value, k * Step(value)));
      }
    }
  }

  // Rows whose texts are all null are null as the first of them; the others are embedded together.
  Status Embed(const Node& node, std::span<const Column* const> args, Column& made) {
    if (input_.embedder == nullptr) return Internal("program embeds texts, but has no embedder");
    const size_t rows = internal::BroadcastRows(args);
    made = Column::Of(node.type, rows);
    std::vector<std::string> texts;
    std::vector<std::string_view> fields(args.size());
    for (size_t i = 0; i < rows; ++i) {
      bool any = false;
      for (size_t k = 0; k < args.size(); ++k) {
        const size_t at = i * Step(*args[k]);
        fields[k] = args[k]->valid(at) ? Present(args[k]->strings[at]) : std::string_view();
        any = any || args[k]->valid(at);
      }
      made.reasons.push_back(any ? Reason::kValid : args[0]->reasons[i * Step(*args[0])]);
      if (any) texts.push_back(input_.embedder->JoinFields(fields));
    }
    made.rows = rows;
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    std::vector<int8_t> codes(texts.size() * CodeSize(node.type));
    if (!views.empty()) {
      LARDER_RETURN_IF_ERROR(
          input_.embedder->Embed(node.encoder, TextRole::kQuery, views, codes));
    }
    PlaceVectors(codes, made);
    return OkStatus();
  }

  // Of one vector of an encoder, as the embedder gives it.
  static size_t CodeSize(const Type& type) {
    return type.int8 ? type.dimensions : size_t{2} * type.dimensions;
  }

  // Puts the codes into the rows that are valid, in order.
  static void PlaceVectors(std::span<const int8_t> codes, Column& made) {
    const size_t size = made.type.dimensions;
    if (made.type.int8) {
      made.codes.resize(made.rows * size);
    } else {
      made.floats.resize(made.rows * size);
    }
    for (size_t i = 0; i < made.rows; ++i) {
      if (made.reasons[i] != Reason::kValid) continue;
      const std::span<const int8_t> vector = codes.first(CodeSize(made.type));
      codes = codes.subspan(vector.size());
      if (made.type.int8) {
        std::copy(vector.begin(), vector.end(), made.codes.begin() +
                                                    static_cast<std::ptrdiff_t>(i * size));
      } else {
        FromFixedPoint(vector, std::span(made.floats).subspan(i * size, size));
      }
    }
  }

  // An empty text is not a null one: it has data().
  static std::string_view Present(std::string_view text) {
    return text.data() == nullptr ? std::string_view("") : text;
  }

  Column Output(size_t i) {
    const auto number = static_cast<size_t>(program_.outputs[i]);
    const auto rest = program_.outputs.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    const bool again = std::find(rest, program_.outputs.end(), program_.outputs[i]) !=
                       program_.outputs.end();
    const bool own = columns_[number] == &made_[number];
    Column column = own && !again ? std::move(made_[number]) : *columns_[number];
    column.type = program_.nodes[number].type;
    if (!input_.want_times) {
      column.times.clear();
    } else if (column.times.empty()) {
      column.times.assign(column.rows, kNoTime);
    }
    return column;
  }

  const Program& program_;
  const ProgramInput& input_;
  std::vector<const Column*> columns_;  // of each node: its own, the caller's or a constant
  std::vector<Column> made_;
  std::vector<std::vector<Ordinal>> ordinals_;  // by key node
};

}  // namespace

StatusOr<std::vector<Column>> Run(const Program& program, const ProgramInput& input) {
  return Runner(program, input).Run();
}

}  // namespace larder::registry
