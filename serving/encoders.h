// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_ENCODERS_H_
#define LARDER_SERVING_ENCODERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/artifact_store.h"
#include "registry/stored_feature.h"
#include "serving/text/batcher.h"
#include "serving/text/embed_call.h"
#include "serving/text/pending_texts.h"
#include "serving/text/vector_cache.h"
#include "text/encoder.h"

namespace larder::serving {

struct EncodersOptions {
  BatcherOptions batcher;
  size_t cache_bytes = size_t{64} << 20;
};

// The same role as text/ has it.
inline text::TextRole ToTextRole(registry::TextRole role) {
  return role == registry::TextRole::kQuery ? text::TextRole::kQuery : text::TextRole::kDocument;
}

using EncoderOpener = std::function<StatusOr<std::unique_ptr<const text::Encoder>>(
    FileSystem& fs, const std::string& dir)>;

// The encoders in memory: opened from the artifact store at their first use, once per digest, and
// kept. The expression machine's `embed` (registry::TextEmbedder) over `text`.
//
// Borrows the file system and the artifact store. Thread-safety: thread-safe; loading one encoder
// holds up only those who want the same.
class Encoders : public registry::TextEmbedder {
 public:
  Encoders(FileSystem& fs, const featurestore::ArtifactStore& artifacts,
           const EncodersOptions& options = {}, EncoderOpener open = text::OpenEncoder)
      : fs_(fs),
        artifacts_(artifacts),
        open_(std::move(open)),
        batcher_(options.batcher),
        cache_(options.cache_bytes) {}

  // For as long as it takes. Documents are encoded by the calling thread and never refused: apply
  // and jobs want them. Somebody waits for a query, so it goes before them.
  // Errors: kNotFound if the artifact is not in the store; kDataLoss naming the file;
  //         kInvalidArgument, kOutOfRange naming the text by its place; for queries PendingTexts'.
  Status Embed(const Digest& encoder, registry::TextRole role,
               std::span<const std::string_view> texts, std::span<int8_t> codes) override;
  std::string JoinFields(std::span<const std::string_view> fields) const override;

  // The codes of texts, [texts, code_size] row-major; all of them or an error.
  // Errors: as the other one; as PendingTexts.
  Status Embed(const Digest& encoder, std::span<const std::string_view> texts,
               std::span<int8_t> out, const EmbedCall& call);

  // The same in two steps, so that a caller may have several on their way; a text that cannot be
  // encoded does not concern the others.
  // Errors: as Load; as PendingTexts.
  StatusOr<PendingTexts> Start(const Digest& encoder, std::span<const std::string_view> texts,
                               const EmbedCall& call);
  StatusOr<PendingTexts> StartTokens(const Digest& encoder, std::vector<std::vector<int32_t>> ids,
                                     const EmbedCall& call);

  // The encoder, loaded if it is not yet; it stays as long as this object does.
  // Errors: kNotFound, kDataLoss as Embed.
  StatusOr<const text::Encoder*> Get(const Digest& encoder);

  // Loads an encoder now, so that no read has to wait for it, and says what it makes.
  // Errors: as Get; kDataLoss if the artifact's content has another digest.
  StatusOr<text::EncoderInfo> Load(const Digest& encoder);

  // What `status` shows of one encoder; nothing if it is not loaded.
  struct Usage {
    text::EncoderKind kind = text::EncoderKind::kStatic;
    std::string tokenizer;  // text::Tokenizer::engine
    size_t max_tokens = 0;
    // Since start.
    uint64_t texts = 0;
    uint64_t tokens = 0;
    uint64_t cache_hits = 0;
    uint64_t cache_misses = 0;
  };
  std::optional<Usage> Find(const Digest& encoder) const;

  // What all of them do.
  struct Stats {
    uint64_t texts = 0;
    uint64_t tokens = 0;
    uint64_t cache_hits = 0;
    uint64_t cache_misses = 0;
    VectorCache::Stats cache;
    Batcher::Stats batcher;
  };
  Stats GetStats() const;

 private:
  struct Slot {
    uint32_t number = 0;
    EncoderCounts counts;
    Mutex mu;  // held while loading
    std::unique_ptr<const text::Encoder> encoder ABSL_GUARDED_BY(mu);
  };

  StatusOr<const text::Encoder*> Open(const Digest& digest, Slot& slot);
  StatusOr<EncoderUse> Use(const Digest& digest);
  Slot& SlotOf(const Digest& digest);

  FileSystem& fs_;
  const featurestore::ArtifactStore& artifacts_;
  const EncoderOpener open_;
  mutable Mutex mu_;
  std::map<Digest, std::unique_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);
  Batcher batcher_;  // after the encoders, which it uses
  VectorCache cache_;
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_ENCODERS_H_
