// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_ARTIFACT_H_
#define LARDER_TEXT_ARTIFACT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/status.h"
#include "text/encoder.h"
#include "text/encoder_config.h"

namespace larder::text {

// Of model.safetensors: its size, and the rows of its table of pieces.
inline constexpr uint64_t kMaxModelBytes = uint64_t{2} << 30;
inline constexpr uint64_t kMaxVocab = 1'000'000;

// Reads a file that a model needs: one that is missing or too large means that it is damaged.
// Errors: kDataLoss naming the file; else as FileSystem::Read.
StatusOr<std::string> ReadPart(FileSystem& fs, const std::string& path, uint64_t max_bytes);

// Whether an artifact may be written to `dir`: it is empty or not there, since all files in it
// would be part of the encoder and of its digest. To be asked before long work too.
// Errors: kAlreadyExists naming `dir` and what is in it; kInvalidArgument if it is no directory.
Status CheckNewArtifact(FileSystem& fs, const std::string& dir);

// Writes the artifact directory `dir` (docs/formats/encoder.md) and opens it as a server will.
//
// Each file is complete or absent after a crash, and encoder.json, without which it is no artifact,
// comes last. After an error no file is left.
// Errors: as CheckNewArtifact, FileSystem and OpenEncoder.
StatusOr<std::unique_ptr<const Encoder>> WriteArtifact(FileSystem& fs, const std::string& dir,
                                                       const EncoderConfig& config,
                                                       std::string_view tokenizer_bytes,
                                                       std::string_view model_bytes);

}  // namespace larder::text

#endif  // LARDER_TEXT_ARTIFACT_H_
