// SPDX-License-Identifier: Apache-2.0
#include "serving/encoders.h"

#include <string>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "text/document.h"

namespace larder::serving {
namespace {

// So many texts take a millisecond or more, many times what a thread costs.
constexpr size_t kTextsPerThread = 64;

}  // namespace

Encoders::Slot& Encoders::SlotOf(const Digest& digest) {
  MutexLock lock(mu_);
  std::unique_ptr<Slot>& slot = slots_[digest];
  if (slot == nullptr) slot = std::make_unique<Slot>();
  return *slot;
}

StatusOr<const text::Encoder*> Encoders::Open(const Digest& digest, Slot& slot) {
  MutexLock lock(slot.mu);
  if (slot.encoder == nullptr) {
    LARDER_ASSIGN_OR_RETURN(const std::string dir, artifacts_.Path(digest));
    auto encoder = text::OpenEncoder(fs_, dir);
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

Status Encoders::Embed(const Digest& encoder, registry::TextRole role,
                       std::span<const std::string_view> texts, std::span<int8_t> codes) {
  Slot& slot = SlotOf(encoder);
  LARDER_ASSIGN_OR_RETURN(const text::Encoder* opened, Open(encoder, slot));
  const size_t size = opened->info().code_size();
  if (codes.size() != texts.size() * size) return opened->Encode(texts, codes);  // says so
  const text::TextRole as = role == registry::TextRole::kQuery ? text::TextRole::kQuery
                                                               : text::TextRole::kDocument;
  Mutex error_mu;
  size_t error_at = texts.size();
  Status error;  // of the first piece that has one
  ParallelPieces(texts.size(), kTextsPerThread, [&](size_t begin, size_t end) {
    const size_t n = end - begin;
    Status status = opened->Encode(texts.subspan(begin, n), codes.subspan(begin * size, n * size),
                                   begin, as);
    if (status.ok()) return;
    const MutexLock lock(error_mu);
    if (begin > error_at) return;
    error_at = begin;
    error = std::move(status);
  });
  LARDER_RETURN_IF_ERROR(error);
  slot.texts.fetch_add(texts.size(), std::memory_order_relaxed);
  texts_.fetch_add(texts.size(), std::memory_order_relaxed);
  return OkStatus();
}

std::string Encoders::JoinFields(std::span<const std::string_view> fields) const {
  std::vector<std::optional<std::string_view>> present(fields.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].data() != nullptr) present[i] = fields[i];
  }
  return text::JoinFields(present);
}

StatusOr<text::EncoderInfo> Encoders::Load(const Digest& encoder) {
  // A digest that is not in the store gets no slot: clients may name any.
  if (!artifacts_.Contains(encoder)) {
    return NotFound("artifact ", encoder.Hex(), " is not in the artifact store");
  }
  LARDER_ASSIGN_OR_RETURN(const text::Encoder* opened, Open(encoder, SlotOf(encoder)));
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
  return Usage{.texts = slot->texts.load(std::memory_order_relaxed)};
}

}  // namespace larder::serving
