// SPDX-License-Identifier: Apache-2.0
#include "registry/program_builder.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/bytes.h"
#include "registry/internal/evaluate.h"

namespace larder::registry {
namespace {

void WriteType(ByteWriter& writer, const Type& type) {
  writer.Fixed(static_cast<uint8_t>(type.kind));
  writer.Fixed(static_cast<uint8_t>((type.list ? 1 : 0) | (type.int8 ? 2 : 0)));
  writer.String(type.of);
  writer.Varint(type.dimensions);
}

void WriteConstant(ByteWriter& writer, const Column& column) {
  writer.Varint(column.rows);
  for (const Reason reason : column.reasons) writer.Fixed(static_cast<uint8_t>(reason));
  writer.Varint(column.element_reasons.size());
  for (const Reason reason : column.element_reasons) writer.Fixed(static_cast<uint8_t>(reason));
  writer.Varint(column.elements());
  for (const int64_t value : column.ints) writer.Fixed(value);
  for (const double value : column.doubles) writer.Fixed(std::bit_cast<uint64_t>(value));
  for (size_t i = 0; i < column.strings.size(); ++i) writer.String(column.strings[i]);
  for (const float value : column.floats) writer.Fixed(std::bit_cast<uint32_t>(value));
  for (const int8_t value : column.codes) writer.Fixed(value);
}

// Two nodes with equal bytes compute the same.
std::string BytesOf(const Node& node) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Fixed(static_cast<uint8_t>(node.op));
  WriteType(writer, node.type);
  writer.Varint(node.args.size());
  for (const int arg : node.args) writer.SignedVarint(arg);
  writer.SignedVarint(node.index);
  if (node.op == Node::Op::kConstant) WriteConstant(writer, node.constant);
  if (node.op == Node::Op::kLookup) {
    const StoredFeature& stored = node.stored;
    writer.Fixed(static_cast<uint8_t>(stored.kind));
    writer.String(stored.entity);
    writer.String(stored.source);
    writer.String(stored.column);
    writer.Raw(stored.digest.view());
    writer.SignedVarint(stored.ttl);
    writer.Fixed(stored.id.high);
    writer.Fixed(stored.id.low);
  }
  if (node.function != nullptr) {
    writer.String(node.function->name);
    writer.SignedVarint(node.signature);
    writer.Fixed(static_cast<uint8_t>(node.lift ? 1 : 0));
  }
  writer.Raw(node.encoder.view());
  return bytes;
}

Node NodeOf(Node::Op op, Type type, std::vector<int> args = {}) {
  Node node;
  node.op = op;
  node.type = std::move(type);
  node.args = std::move(args);
  return node;
}

Type KeyType(std::string_view entity) {
  Type type{.kind = Kind::kKey};
  type.of = entity;
  return type;
}

}  // namespace

int ProgramBuilder::Add(Node node) {
  for (const int arg : node.args) {
    LARDER_CHECK(arg >= 0 && static_cast<size_t>(arg) < nodes_.size());
  }
  const auto [place, added] =
      numbers_.try_emplace(BytesOf(node), static_cast<int>(nodes_.size()));
  if (added) nodes_.push_back(std::move(node));
  return place->second;
}

int ProgramBuilder::Constant(Column value) {
  LARDER_CHECK(value.rows == 1);
  value.times.clear();
  Node constant = NodeOf(Node::Op::kConstant, value.type);
  constant.constant = std::move(value);
  return Add(std::move(constant));
}

int ProgramBuilder::ConstantBool(bool value) {
  Column column = Column::Of({.kind = Kind::kBool});
  column.AppendInt(value ? 1 : 0);
  return Constant(std::move(column));
}

int ProgramBuilder::ConstantInt(int64_t value) {
  Column column = Column::Of({.kind = Kind::kInt64});
  column.AppendInt(value);
  return Constant(std::move(column));
}

int ProgramBuilder::ConstantDouble(double value) {
  Column column = Column::Of({.kind = Kind::kDouble});
  column.AppendDouble(value);
  return Constant(std::move(column));
}

int ProgramBuilder::ConstantDuration(DurationUs value) {
  Column column = Column::Of({.kind = Kind::kDuration});
  column.AppendInt(value);
  return Constant(std::move(column));
}

int ProgramBuilder::ConstantString(std::string_view value) {
  Column column = Column::Of({.kind = Kind::kString});
  column.AppendString(value);
  return Constant(std::move(column));
}

int ProgramBuilder::RecordColumn(int index, Type type) {
  Node column = NodeOf(Node::Op::kRecordColumn, std::move(type));
  column.index = index;
  return Add(std::move(column));
}

int ProgramBuilder::RequestColumn(int index, Type type) {
  Node column = NodeOf(Node::Op::kRequestColumn, std::move(type));
  column.index = index;
  return Add(std::move(column));
}

int ProgramBuilder::RoleKey(int index, std::string_view entity) {
  Node key = NodeOf(Node::Op::kRoleKey, KeyType(entity));
  key.index = index;
  return Add(std::move(key));
}

int ProgramBuilder::Now() { return Add(NodeOf(Node::Op::kNow, {.kind = Kind::kTimestamp})); }

int ProgramBuilder::Lookup(const StoredFeature& feature, int key) {
  LARDER_CHECK(type(key).kind == Kind::kKey && type(key).of == feature.entity);
  if (type(key).list) return Collect(Lookup(feature, Elements(key)), key);
  Node lookup = NodeOf(Node::Op::kLookup, feature.type, {key});
  lookup.stored = feature;
  return Add(std::move(lookup));
}

int ProgramBuilder::KeyOf(std::string_view entity, int text) {
  Type key = KeyType(entity);
  key.list = type(text).list;
  if (type(text) == key) return text;
  LARDER_CHECK(type(text).kind == Kind::kString || type(text).kind == Kind::kKey ||
               type(text).kind == Kind::kInt64);
  return Add(NodeOf(Node::Op::kKeyOf, std::move(key), {text}));
}

int ProgramBuilder::Embed(const Encoder& encoder, std::vector<int> texts) {
  for (const int text : texts) {
    LARDER_CHECK(!type(text).list);
    LARDER_CHECK(type(text).kind == Kind::kString || type(text).kind == Kind::kKey);
  }
  Type vector{.kind = Kind::kVector};
  vector.of = encoder.name;
  vector.dimensions = encoder.dimensions;
  vector.int8 = !encoder.floats;
  Node embed = NodeOf(Node::Op::kEmbed, std::move(vector), std::move(texts));
  embed.encoder = encoder.digest;
  return Add(std::move(embed));
}

int ProgramBuilder::Elements(int list) {
  LARDER_CHECK(type(list).list);
  return Add(NodeOf(Node::Op::kElements, type(list).Element(), {list}));
}

int ProgramBuilder::Collect(int value, int list) {
  LARDER_CHECK(type(list).list);
  Type collected = type(value);
  collected.list = true;
  return Add(NodeOf(Node::Op::kCollect, std::move(collected), {value, list}));
}

int ProgramBuilder::MakeList(std::vector<int> values, Type element) {
  LARDER_CHECK(!values.empty());
  const bool constant =
      std::all_of(values.begin(), values.end(), [this](int value) { return IsConstant(value); });
  for (const int value : values) LARDER_CHECK(type(value) == element);
  element.list = true;
  Node list = NodeOf(Node::Op::kMakeList, std::move(element), std::move(values));
  if (!constant) return Add(std::move(list));
  std::vector<const Column*> args;
  for (const int value : list.args) args.push_back(&node(value).constant);
  return Constant(internal::EvaluateMakeList(list, args));
}

int ProgramBuilder::Call(const Function& function, int signature, std::vector<int> args, Type type,
                         bool lift) {
  Node call = NodeOf(Node::Op::kCall, std::move(type), std::move(args));
  call.function = &function;
  call.signature = signature;
  call.lift = lift;
  std::vector<const Column*> constants;
  for (const int arg : call.args) {
    if (IsConstant(arg)) constants.push_back(&node(arg).constant);
  }
  // Calls are total, so one of constants is a constant.
  if (constants.size() == call.args.size()) {
    return Constant(internal::EvaluateCall(call, constants));
  }
  return Add(std::move(call));
}

Program ProgramBuilder::Finish(std::span<const int> outputs) const {
  std::vector<bool> needed(nodes_.size());
  for (const int output : outputs) needed[static_cast<size_t>(output)] = true;
  for (size_t i = nodes_.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const int arg : nodes_[i].args) needed[static_cast<size_t>(arg)] = true;
  }
  Program program;
  std::vector<int> number(nodes_.size(), -1);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!needed[i]) continue;
    number[i] = static_cast<int>(program.nodes.size());
    program.nodes.push_back(nodes_[i]);
    for (int& arg : program.nodes.back().args) arg = number[static_cast<size_t>(arg)];
  }
  for (const int output : outputs) {
    program.outputs.push_back(number[static_cast<size_t>(output)]);
  }
  return program;
}

std::vector<StoredFeature> NeedsOf(const Program& program) {
  std::vector<StoredFeature> needs;
  for (const Node& node : program.nodes) {
    if (node.op != Node::Op::kLookup) continue;
    const bool known = std::any_of(needs.begin(), needs.end(), [&](const StoredFeature& need) {
      return need.id == node.stored.id && need.ttl == node.stored.ttl;
    });
    if (!known) needs.push_back(node.stored);
  }
  return needs;
}

}  // namespace larder::registry
