// SPDX-License-Identifier: Apache-2.0
#include "registry/internal/evaluate.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/status.h"
#include "registry/function_table.h"
#include "registry/internal/kernels.h"

namespace larder::registry::internal {
namespace {

constexpr size_t kMaxKeyBytes = 256;  // S1.3

// Which argument of a lifting call is the list beyond its signature.
size_t LiftedArgument(const Node& node, std::span<const Column* const> args) {
  const Signature& signature = node.function->signatures[static_cast<size_t>(node.signature)];
  for (size_t i = 0; i < args.size(); ++i) {
    const TypePattern& pattern = signature.params[std::min(i, signature.params.size() - 1)];
    if (args[i]->type.list && !pattern.list) return i;
  }
  LARDER_CHECK(false);
  return 0;
}

// Turns a scalar column with one row per element into lists with the rows of `shape`.
Column AsLists(Column elements, const std::vector<uint32_t>& offsets,
               const std::vector<Reason>& reasons) {
  elements.type.list = true;
  elements.rows = reasons.size();
  elements.offsets = offsets;
  const bool all_valid = std::all_of(elements.reasons.begin(), elements.reasons.end(),
                                     [](Reason r) { return r == Reason::kValid; });
  if (!all_valid) elements.element_reasons = std::move(elements.reasons);
  elements.reasons = reasons;
  elements.times.clear();
  return elements;
}

Column EvaluateScalar(const Node& node, std::span<const Column* const> args) {
  Column out = Column::Of(node.type);
  if (node.lift) out = Column::Of(node.type.Element());
  const Signature& signature = node.function->signatures[static_cast<size_t>(node.signature)];
  signature.kernel({args, BroadcastRows(args)}, out);
  return out;
}

// The call per element of args[lifted]; the other arguments are spread over the elements.
Column EvaluateLifted(const Node& node, std::span<const Column* const> args) {
  const size_t lifted = LiftedArgument(node, args);
  const Column& list = *args[lifted];
  const size_t rows = BroadcastRows(args);

  std::vector<uint32_t> elements;  // of the list, one per element of the result
  std::vector<uint32_t> row_of;    // the row of each element of the result
  std::vector<uint32_t> offsets = {0};
  std::vector<Reason> reasons(rows);
  for (size_t i = 0; i < rows; ++i) {
    const size_t row = i * Step(list);
    reasons[i] = list.reasons[row];
    for (uint32_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
      elements.push_back(k);
      row_of.push_back(static_cast<uint32_t>(i));
    }
    offsets.push_back(static_cast<uint32_t>(elements.size()));
  }

  std::vector<Column> spread(args.size());
  std::vector<const Column*> columns(args.begin(), args.end());
  for (size_t i = 0; i < args.size(); ++i) {
    if (i == lifted) {
      spread[i] = TakeElements(list, elements);
    } else if (args[i]->rows == 1) {
      continue;
    } else if (args[i]->type.list) {
      spread[i] = Column::Of(args[i]->type, row_of.size());
      for (const uint32_t row : row_of) spread[i].AppendRow(*args[i], row);
    } else {
      spread[i] = TakeElements(*args[i], row_of);
    }
    columns[i] = &spread[i];
  }
  return AsLists(EvaluateScalar(node, columns), offsets, reasons);
}

}  // namespace

size_t BroadcastRows(std::span<const Column* const> args) {
  for (const Column* arg : args) {
    if (arg->rows != 1) return arg->rows;
  }
  return 1;
}

Column TakeElements(const Column& from, std::span<const uint32_t> indexes) {
  Column out = Column::Of(from.type.Element(), indexes.size());
  out.rows = indexes.size();
  for (const uint32_t i : indexes) out.reasons.push_back(from.element_reason(i));
  if (InInts(out.type.kind)) {
    for (const uint32_t i : indexes) out.ints.push_back(from.ints[i]);
  } else if (InDoubles(out.type.kind)) {
    for (const uint32_t i : indexes) out.doubles.push_back(from.doubles[i]);
  } else if (out.type.kind != Kind::kVector) {
    for (const uint32_t i : indexes) out.strings.push_back(from.strings[i]);
    if (!from.ordinals.empty()) {
      for (const uint32_t i : indexes) out.ordinals.push_back(from.ordinals[i]);
    }
  } else {
    const size_t size = out.type.dimensions;
    for (const uint32_t i : indexes) {
      if (out.type.int8) {
        const int8_t* begin = from.codes.data() + i * size;
        out.codes.insert(out.codes.end(), begin, begin + size);
      } else {
        const float* begin = from.floats.data() + i * size;
        out.floats.insert(out.floats.end(), begin, begin + size);
      }
    }
  }
  return out;
}

Column EvaluateCall(const Node& node, std::span<const Column* const> args) {
  return node.lift ? EvaluateLifted(node, args) : EvaluateScalar(node, args);
}

Column EvaluateMakeList(const Node& node, std::span<const Column* const> args) {
  const size_t rows = BroadcastRows(args);
  Column elements = Column::Of(node.type.Element(), rows * args.size());
  std::vector<uint32_t> offsets = {0};
  for (size_t i = 0; i < rows; ++i) {
    for (const Column* arg : args) elements.AppendRow(*arg, i * Step(*arg));
    offsets.push_back(static_cast<uint32_t>(elements.rows));
  }
  return AsLists(std::move(elements), offsets, std::vector<Reason>(rows, Reason::kValid));
}

Column EvaluateKeyOf(const Node& node, const Column& text) {
  Column out = Column::Of(node.type, text.rows);
  const size_t elements = text.elements();
  std::vector<Reason> reasons(elements);
  for (size_t i = 0; i < elements; ++i) {
    reasons[i] = text.element_reason(i);
    std::string decimal;
    std::string_view key;
    if (text.type.kind == Kind::kInt64) {
      decimal = std::to_string(text.ints[i]);
      key = decimal;
    } else {
      key = text.strings[i];
    }
    if (reasons[i] == Reason::kValid && (key.empty() || key.size() > kMaxKeyBytes)) {
      reasons[i] = Reason::kInputNull;
    }
    out.strings.push_back(reasons[i] == Reason::kValid ? key : std::string_view());
  }
  out.rows = text.rows;
  if (!node.type.list) {
    out.reasons = std::move(reasons);
    return out;
  }
  out.offsets = text.offsets;
  out.reasons = text.reasons;
  out.element_reasons = std::move(reasons);
  return out;
}

Column EvaluateElements(const Column& list) {
  std::vector<uint32_t> all(list.elements());
  std::iota(all.begin(), all.end(), 0U);
  return TakeElements(list, all);
}

Column EvaluateCollect(const Column& value, const Column& list) {
  const size_t elements = list.elements();
  LARDER_CHECK(value.rows == 1 || value.rows == elements);
  if (!value.type.list) {
    if (value.rows == elements) return AsLists(value, list.offsets, list.reasons);
    const std::vector<uint32_t> same(elements, 0);
    return AsLists(TakeElements(value, same), list.offsets, list.reasons);
  }
  // Lists of lists are joined; a null list adds nothing.
  std::vector<uint32_t> offsets = {0};
  std::vector<uint32_t> taken;
  for (size_t row = 0; row < list.rows; ++row) {
    for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
      const size_t inner = k * Step(value);
      for (uint32_t e = value.offsets[inner]; e < value.offsets[inner + 1]; ++e) taken.push_back(e);
    }
    offsets.push_back(static_cast<uint32_t>(taken.size()));
  }
  return AsLists(TakeElements(value, taken), offsets, list.reasons);
}

}  // namespace larder::registry::internal
