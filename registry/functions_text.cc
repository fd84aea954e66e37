// SPDX-License-Identifier: Apache-2.0
//
// Functions of texts.
#include <string>
#include <utility>
#include <vector>

#include "registry/internal/kernels.h"
#include "registry/internal/lower_case.h"

namespace larder::registry::internal {
namespace {

void LowerKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  const Column& a = *args.columns[0];
  out.strings.bytes.reserve(a.strings.bytes.size());
  out.strings.ends.reserve(args.rows);
  for (size_t i = 0; i < args.rows; ++i) {
    AppendLower(a.strings[i * Step(a)], out.strings.bytes);
    out.strings.ends.push_back(static_cast<uint32_t>(out.strings.bytes.size()));
  }
}

void ContainsKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.assign(args.rows, 0);
  const Column& text = *args.columns[0];
  const Column& part = *args.columns[1];
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    const std::string_view in = text.strings[i * Step(text)];
    out.ints[i] = in.find(part.strings[i * Step(part)]) != std::string_view::npos ? 1 : 0;
  }
}

void TextLengthKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.resize(args.rows);
  const Column& a = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    out.ints[i] = static_cast<int64_t>(CountCodePoints(a.strings[i * Step(a)]));
  }
}

void ListLengthKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.ints.resize(args.rows);
  const Column& a = *args.columns[0];
  for (size_t i = 0; i < args.rows; ++i) {
    const size_t row = i * Step(a);
    out.ints[i] = a.offsets[row + 1] - a.offsets[row];
  }
}

Value ReferenceLower(std::span<const Value> args) {
  if (!args[0].valid()) return Value::Null(Value::Text("").type, args[0].reason);
  std::string out;
  AppendLower(args[0].text, out);
  return Value::Text(out);
}

Value ReferenceContains(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) {
    return Value::Null(Value::Bool(false).type, null->reason);
  }
  return Value::Bool(args[0].text.find(args[1].text) != std::string::npos);
}

Value ReferenceLength(std::span<const Value> args) {
  const Value& x = args[0];
  if (!x.valid()) return Value::Null(Value::Int(0).type, x.reason);
  if (x.type.list) return Value::Int(static_cast<int64_t>(x.elements.size()));
  int64_t count = 0;
  for (const char c : x.text) {
    if ((c & 0xC0) != 0x80) ++count;
  }
  return Value::Int(count);
}

}  // namespace

std::vector<Function> TextFunctions() {
  Function lower;
  lower.name = "lower";
  lower.usage = "lower(text: string) -> string";
  lower.nulls = kNullPropagates;
  lower.doc = "Small letters for capitals of Latin (up to U+017F), Greek and Cyrillic.";
  lower.example = "lower('NGINX Ärger')";
  lower.result = "'nginx ärger'";
  lower.signatures = {Of({kTextArg}, kTextArg, LowerKernel)};
  lower.reference = ReferenceLower;

  Function contains;
  contains.name = "contains";
  contains.usage = "contains(text: string, part: string) -> bool";
  contains.nulls = kNullPropagates;
  contains.doc = "Whether part stands somewhere in text, byte for byte.";
  contains.example = "contains('web server', 'serve')";
  contains.result = "true";
  contains.signatures = {Of({kTextArg, kTextArg}, kBoolArg, ContainsKernel)};
  contains.reference = ReferenceContains;

  Function length;
  length.name = "length";
  length.usage = "length(x: string | list<T>) -> int64";
  length.nulls = "null if x is; null elements count";
  length.doc = "Code points of a text, elements of a list.";
  length.example = "length('größe')";
  length.result = "5";
  length.signatures = {Of({kTextArg}, kIntArg, TextLengthKernel),
                       Of({ListOf(kAnyArg)}, kIntArg, ListLengthKernel)};
  length.reference = ReferenceLength;
  return {lower, contains, length};
}

}  // namespace larder::registry::internal
