// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_BRIDGE_H_
#define LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_BRIDGE_H_

// A plain interface to libsentencepiece. Its headers and absl's define `absl::string_view`
// differently, so neither this header nor the source behind it may include absl (or base/status.h).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::text::internal {

// A loaded SentencePiece model.
// Thread-safety: thread-safe after Load.
class SentencePieceModel {
 public:
  // Returns null and fills `error` when the library refuses the bytes. They must have passed
  // CheckSentencePieceModel: the library itself trusts what it reads.
  static std::unique_ptr<const SentencePieceModel> Load(std::string_view bytes, std::string& error);
  virtual ~SentencePieceModel() = default;

  // Replaces `ids`. Returns false and fills `error` when the library fails.
  virtual bool Encode(std::string_view text, std::vector<int>& ids, std::string& error) const = 0;
  virtual int32_t size() const = 0;
  virtual int32_t unknown_id() const = 0;
  // `id` must be in [0, size()). The view lives as long as the model.
  virtual std::string_view piece(int32_t id) const = 0;
  virtual bool is_control(int32_t id) const = 0;
};

// Runs libsentencepiece's trainer over `sentences` with its options `flags` (name, value).
// Returns the serialised model; empty with `error` filled when training failed.
std::string TrainSentencePieceModel(
    const std::vector<std::string_view>& sentences,
    const std::vector<std::pair<std::string, std::string>>& flags, std::string& error);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_BRIDGE_H_
