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

// A piece of a text, as the library has it.
struct LibraryToken {
  int id = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

// A model in libsentencepiece.
// Thread-safety: thread-safe after Load.
class SentencePieceLibrary {
 public:
  // Returns null and fills `error` when the library refuses the bytes. They must have passed
  // ParseModel and Normalizer::Create: the library itself trusts what it reads.
  static std::unique_ptr<const SentencePieceLibrary> Load(std::string_view bytes,
                                                          std::string& error);
  virtual ~SentencePieceLibrary() = default;

  // Replaces `ids` or `tokens`. Returns false and fills `error` when the library fails.
  virtual bool Encode(std::string_view text, std::vector<int>& ids, std::string& error) const = 0;
  virtual bool EncodeWithOffsets(std::string_view text, std::vector<LibraryToken>& tokens,
                                 std::string& error) const = 0;
};

// Runs libsentencepiece's trainer over `sentences` with its options `flags` (name, value).
// Returns the serialised model; empty with `error` filled when training failed.
std::string TrainSentencePieceModel(
    const std::vector<std::string_view>& sentences,
    const std::vector<std::pair<std::string, std::string>>& flags, std::string& error);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_SENTENCEPIECE_SENTENCEPIECE_BRIDGE_H_
