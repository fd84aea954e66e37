// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BASE_FRAMED_FILE_H_
#define LARDER_BASE_FRAMED_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/status.h"

namespace larder {

// The frame of every file of our own (S11): 8 bytes magic, u32 format version, u32 zero,
// u64 body length, u64 XXH3 of the body, body. See docs/formats/framed_file.md.
inline constexpr size_t kFrameHeaderSize = 32;

struct FrameFormat {
  std::string_view magic;  // exactly 8 bytes
  uint32_t version;        // the newest version that this binary writes and reads
};

// The first kFrameHeaderSize bytes of a framed file: what stands before `body`.
std::string FrameHeader(const FrameFormat& format, std::string_view body);

// The framed bytes of `body`.
std::string Frame(const FrameFormat& format, std::string_view body);

// The format version of a framed file; only after Unframe.
uint32_t FrameVersion(std::string_view bytes);

// The body inside `bytes`; a view into them. `name` is the file, for messages.
// Errors: kDataLoss for a wrong magic, length or checksum; kUnimplemented for a newer version.
// `verify_checksum` off skips reading the body (maps are then checked later).
StatusOr<std::string_view> Unframe(const FrameFormat& format, std::string_view bytes,
                                   std::string_view name, bool verify_checksum = true);

}  // namespace larder

#endif  // LARDER_BASE_FRAMED_FILE_H_
