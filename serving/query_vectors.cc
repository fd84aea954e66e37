// SPDX-License-Identifier: Apache-2.0
#include "serving/query_vectors.h"

#include <algorithm>
#include <utility>

#include "serving/encoders.h"

namespace larder::serving {

Status QueryVectors::Embed(const Digest& encoder, registry::TextRole role,
                           std::span<const std::string_view> texts, std::span<int8_t> codes) {
  std::vector<Vectors::iterator> all;
  std::vector<Vectors::iterator> fresh;
  for (const std::string_view text : texts) {
    const auto [vector, is_new] =
        vectors_.try_emplace(Key{encoder, role, std::string(text)}, Vector());
    all.push_back(vector);
    if (is_new) fresh.push_back(vector);
  }
  if (!fresh.empty()) LARDER_RETURN_IF_ERROR(Begin(encoder, role, std::move(fresh)));
  const size_t size = texts.empty() ? 0 : codes.size() / texts.size();
  for (size_t i = 0; i < all.size(); ++i) {
    const Vector& vector = all[i]->second;
    if (!vector.made) return Unavailable("the vector of a text of the request is being made");
    LARDER_RETURN_IF_ERROR(Annotate(vector.status, Concat("text ", i)));
    if (vector.codes.size() != size) {
      return InvalidArgument("room for ", size, " codes, the encoder gives ", vector.codes.size());
    }
    std::copy(vector.codes.begin(), vector.codes.end(),
              codes.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
  return OkStatus();
}

std::string QueryVectors::JoinFields(std::span<const std::string_view> fields) const {
  return context_.backend.encoders.JoinFields(fields);
}

Status QueryVectors::Begin(const Digest& encoder, registry::TextRole role,
                           std::vector<Vectors::iterator> fresh) {
  std::vector<std::string_view> texts;
  for (const Vectors::iterator& vector : fresh) texts.push_back(vector->first.text);
  StatusOr<PendingTexts> pending =
      context_.backend.encoders.Start(encoder, texts,
                                      {.role = ToTextRole(role),
                                       .deadline = std::min(deadline_, context_.deadline),
                                       .cancelled = context_.cancelled});
  if (!pending.ok()) {
    for (const Vectors::iterator& vector : fresh) vectors_.erase(vector);
    return pending.status();
  }
  Waiting waiting{.of = std::move(fresh), .texts = *std::move(pending)};
  if (waiting.texts.ready()) {
    Take(waiting);
  } else {
    waiting_.push_back(std::move(waiting));
  }
  return OkStatus();
}

void QueryVectors::Wait() {
  for (Waiting& waiting : waiting_) Take(waiting);
  waiting_.clear();
}

void QueryVectors::Take(Waiting& waiting) {
  const StatusOr<EmbeddedTexts> embedded = waiting.texts.Wait();
  for (size_t i = 0; i < waiting.of.size(); ++i) {
    Vector& vector = waiting.of[i]->second;
    vector.made = true;
    vector.status = embedded.ok() ? embedded->outcomes[i].status : embedded.status();
    if (!vector.status.ok()) continue;
    const size_t size = embedded->codes.size() / waiting.of.size();
    const auto begin = embedded->codes.begin() + static_cast<std::ptrdiff_t>(i * size);
    vector.codes.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
}

}  // namespace larder::serving
