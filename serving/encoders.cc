// SPDX-License-Identifier: Apache-2.0
#include "serving/encoders.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "text/document.h"

namespace larder::serving {

Encoders::Slot& Encoders::SlotOf(const Digest& digest) {
  MutexLock lock(mu_);
  std::unique_ptr<Slot>& slot = slots_[digest];
  if (slot == nullptr) {
    slot = std::make_unique<Slot>();
    slot->number = static_cast<uint32_t>(slots_.size());
  }
  return *slot;
}

StatusOr<const text::Encoder*> Encoders::Open(const Digest& digest, Slot& slot) {
  MutexLock lock(slot.mu);
  if (slot.encoder == nullptr) {
    LARDER_ASSIGN_OR_RETURN(const std::string dir, artifacts_.Path(digest));
    auto encoder = open_(fs_, dir);
    if (encoder.ok() && (*encoder)->digest() != digest) {
      encoder = DataLoss("the files in ", dir, " have changed: their digest is ",
                         (*encoder)->digest().Hex());
    }
    if (encoder.status().code() == StatusCode::kDataLoss) {
      return DataLoss(Message(encoder.status()),
                      "; to repair it, copy the encoder's own files into ", dir,
                      ", or apply its definitions again while the server runs");
    }
    LARDER_RETURN_IF_ERROR(encoder.status());
    slot.encoder = *std::move(encoder);
  }
  return slot.encoder.get();
}

StatusOr<EncoderUse> Encoders::Use(const Digest& digest) {
  Slot& slot = SlotOf(digest);
  LARDER_ASSIGN_OR_RETURN(const text::Encoder* opened, Open(digest, slot));
  return EncoderUse{*opened, slot.number, slot.counts, batcher_, cache_};
}

Status Encoders::Embed(const Digest& encoder, registry::TextRole role,
                       std::span<const std::string_view> texts, std::span<int8_t> codes) {
  const bool query = role == registry::TextRole::kQuery;
  return Embed(encoder, texts, codes,
               {.role = ToTextRole(role),
                .priority = query ? EmbedPriority::kLive : EmbedPriority::kBackground});
}

Status Encoders::Embed(const Digest& encoder, std::span<const std::string_view> texts,
                       std::span<int8_t> out, const EmbedCall& call) {
  LARDER_ASSIGN_OR_RETURN(const EncoderUse use, Use(encoder));
  const size_t needed = texts.size() * use.encoder.info().code_size();
  if (out.size() != needed) {
    return InvalidArgument("room for ", out.size(), " codes, ", texts.size(), " texts need ",
                           needed);
  }
  LARDER_ASSIGN_OR_RETURN(PendingTexts pending, PendingTexts::Start(use, texts, call));
  LARDER_ASSIGN_OR_RETURN(const EmbeddedTexts embedded, pending.Wait());
  for (size_t i = 0; i < texts.size(); ++i) {
    LARDER_RETURN_IF_ERROR(Annotate(embedded.outcomes[i].status, Concat("text ", i)));
  }
  std::copy(embedded.codes.begin(), embedded.codes.end(), out.begin());
  return OkStatus();
}

StatusOr<PendingTexts> Encoders::Start(const Digest& encoder,
                                       std::span<const std::string_view> texts,
                                       const EmbedCall& call) {
  LARDER_ASSIGN_OR_RETURN(const EncoderUse use, Use(encoder));
  return PendingTexts::Start(use, texts, call);
}

StatusOr<PendingTexts> Encoders::StartTokens(const Digest& encoder,
                                             std::vector<std::vector<int32_t>> ids,
                                             const EmbedCall& call) {
  LARDER_ASSIGN_OR_RETURN(const EncoderUse use, Use(encoder));
  return PendingTexts::StartTokens(use, std::move(ids), call);
}

std::string Encoders::JoinFields(std::span<const std::string_view> fields) const {
  std::vector<std::optional<std::string_view>> present(fields.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].data() != nullptr) present[i] = fields[i];
  }
  return text::JoinFields(present);
}

StatusOr<const text::Encoder*> Encoders::Get(const Digest& encoder) {
  // A digest that is not in the store gets no slot: clients may name any.
  if (!artifacts_.Contains(encoder)) {
    return NotFound("artifact ", encoder.Hex(), " is not in the artifact store");
  }
  return Open(encoder, SlotOf(encoder));
}

StatusOr<text::EncoderInfo> Encoders::Load(const Digest& encoder) {
  LARDER_ASSIGN_OR_RETURN(const text::Encoder* opened, Get(encoder));
  return opened->info();
}

std::optional<Encoders::Usage> Encoders::Find(const Digest& encoder) const {
  Slot* slot = nullptr;
  {
    MutexLock lock(mu_);
    const auto it = slots_.find(encoder);
    if (it == slots_.end()) return std::nullopt;
    slot = it->second.get();
  }
  MutexLock lock(slot->mu);
  if (slot->encoder == nullptr) return std::nullopt;
  const EncoderCounts& counts = slot->counts;
  return Usage{.kind = slot->encoder->kind(),
               .tokenizer = std::string(slot->encoder->tokenizer().engine()),
               .max_tokens = slot->encoder->max_tokens(),
               .texts = counts.texts.load(std::memory_order_relaxed),
               .tokens = counts.tokens.load(std::memory_order_relaxed),
               .cache_hits = counts.cache_hits.load(std::memory_order_relaxed),
               .cache_misses = counts.cache_misses.load(std::memory_order_relaxed)};
}

Encoders::Stats Encoders::GetStats() const {
  Stats stats{.cache = cache_.GetStats(), .batcher = batcher_.GetStats()};
  MutexLock lock(mu_);
  for (const auto& [digest, slot] : slots_) {
    stats.texts += slot->counts.texts.load(std::memory_order_relaxed);
    stats.tokens += slot->counts.tokens.load(std::memory_order_relaxed);
    stats.cache_hits += slot->counts.cache_hits.load(std::memory_order_relaxed);
    stats.cache_misses += slot->counts.cache_misses.load(std::memory_order_relaxed);
  }
  return stats;
}

}  // namespace larder::serving
