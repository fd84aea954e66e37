// SPDX-License-Identifier: Apache-2.0
#include "text/training/value_vectors.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace larder::text {
namespace {

// How much a document's values count in its vector beside its text.
constexpr float kValueShare = 0.5f;

// Adds `factor` times `vector`, scaled to length 1, to `sum`.
void AddUnit(float factor, std::span<const float> vector, std::span<float> sum) {
  float square = 0;
  for (const float x : vector) square += x * x;
  if (!(square > 0)) return;
  for (size_t d = 0; d < sum.size(); ++d) sum[d] += factor * vector[d] / std::sqrt(square);
}

}  // namespace

ItemVectors::ItemVectors(const Encoder& encoder, std::span<const ValueVector> values)
    : encoder_(encoder) {
  for (const ValueVector& value : values) by_name_.emplace(value.name, &value);
}

Status ItemVectors::Of(const Document& document, std::span<float> vector) const {
  std::vector<TokenizedText> tokens(1);
  LARDER_RETURN_IF_ERROR(
      encoder_.Tokenize(FullText(document), TextRole::kDocument, tokens[0]));
  std::vector<float> of_text(vector.size());
  LARDER_RETURN_IF_ERROR(encoder_.EncodeTokens(tokens, std::span(of_text)));
  std::vector<float> of_values(vector.size());
  for (const std::string& name : document.values) {
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      AddUnit(1, found->second->vector, of_values);
    }
  }
  std::fill(vector.begin(), vector.end(), 0.0f);
  AddUnit(1, of_text, vector);
  AddUnit(kValueShare, of_values, vector);
  return OkStatus();
}

}  // namespace larder::text
