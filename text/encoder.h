// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_ENCODER_H_
#define LARDER_TEXT_ENCODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/hash.h"
#include "base/status.h"

namespace larder::text {

enum class EncoderKind { kStatic };

// The name of a kind in encoder.json: "static".
std::string_view EncoderKindName(EncoderKind kind);

// What is known about an artifact without loading its tables.
struct EncoderInfo {
  Digest digest{};  // DirectoryDigest of the artifact: the `space` of its vectors
  EncoderKind kind = EncoderKind::kStatic;
  int32_t dimensions = 0;
};

// Turns texts into int8 vectors. Vectors of one digest are comparable by cosine or dot product;
// vectors of two digests never are.
//
// Thread-safety: thread-safe.
class Encoder {
 public:
  virtual ~Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  const EncoderInfo& info() const { return info_; }
  int32_t dimensions() const { return info_.dimensions; }
  EncoderKind kind() const { return info_.kind; }
  const Digest& digest() const { return info_.digest; }

  // Writes the vector of each text. The same text has the same bits on every machine, in every
  // batch and thread. A text of which nothing is known (an empty one, say) has the zero vector,
  // whose cosine with anything is null (S4.1).
  //
  // Shapes: out [texts.size(), dimensions()] row-major, values in [-127, 127].
  // Errors: kInvalidArgument if `out` has another size or a text is over kMaxTextBytes; its
  //         message names the text's place, counted from `first`, which is that of texts[0].
  //         Nothing in `out` is to be used then.
  Status Encode(std::span<const std::string_view> texts, std::span<int8_t> out,
                size_t first = 0) const;

 protected:
  explicit Encoder(const EncoderInfo& info) : info_(info) {}

 private:
  // As Encode; `out` has the size that it must have.
  virtual Status EncodeTexts(std::span<const std::string_view> texts, std::span<int8_t> out,
                             size_t first) const = 0;

  const EncoderInfo info_;
};

// Opens the artifact directory `dir` (docs/formats/encoder.md). Its files are not trusted.
// Errors: kNotFound without encoder.json; kDataLoss naming the file and what is wrong with it;
//         kUnimplemented for a kind or format that this version does not know.
// Cost: reads every file twice (digest, load).
StatusOr<std::unique_ptr<const Encoder>> OpenEncoder(FileSystem& fs, const std::string& dir);

// Reads what encoder.json says and computes the digest, without loading the tables.
// Errors: as OpenEncoder, for what it looks at.
// Cost: reads every file once.
StatusOr<EncoderInfo> ReadEncoderInfo(FileSystem& fs, const std::string& dir);

}  // namespace larder::text

#endif  // LARDER_TEXT_ENCODER_H_
