// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_ENCODERS_H_
#define LARDER_SERVING_ENCODERS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/artifact_store.h"
#include "registry/stored_feature.h"
#include "text/encoder.h"

namespace larder::serving {

// The encoders in memory: opened from the artifact store at their first use, once per digest, and
// kept. The expression machine's `embed` (registry::TextEmbedder) over `text`.
//
// Borrows the file system and the artifact store. Thread-safety: thread-safe; loading one encoder
// holds up only those who want the same.
class Encoders : public registry::TextEmbedder {
 public:
  Encoders(FileSystem& fs, const featurestore::ArtifactStore& artifacts)
      : fs_(fs), artifacts_(artifacts) {}

  // Errors: kNotFound if the artifact is not in the store; kDataLoss naming the file.
  Status Embed(const Digest& encoder, registry::TextRole role,
               std::span<const std::string_view> texts, std::span<int8_t> codes) override;
  std::string JoinFields(std::span<const std::string_view> fields) const override;

  // Loads an encoder now, so that no read has to wait for it, and says what it makes.
  // Errors: as Embed; kDataLoss if the artifact's content has another digest.
  StatusOr<text::EncoderInfo> Load(const Digest& encoder);

  // What `status` shows of one encoder; nothing if it is not loaded.
  struct Usage {
    uint64_t texts = 0;  // encoded since start
  };
  std::optional<Usage> Find(const Digest& encoder) const;
  // Texts encoded since start, of all encoders.
  uint64_t texts_encoded() const { return texts_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    Mutex mu;  // held while loading
    std::unique_ptr<const text::Encoder> encoder ABSL_GUARDED_BY(mu);
    std::atomic<uint64_t> texts{0};
  };

  StatusOr<const text::Encoder*> Open(const Digest& digest, Slot& slot);
  Slot& SlotOf(const Digest& digest);

  FileSystem& fs_;
  const featurestore::ArtifactStore& artifacts_;
  std::atomic<uint64_t> texts_{0};
  mutable Mutex mu_;
  std::map<Digest, std::unique_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_ENCODERS_H_
