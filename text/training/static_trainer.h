// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_STATIC_TRAINER_H_
#define LARDER_TEXT_TRAINING_STATIC_TRAINER_H_

#include <cstdint>
#include <span>
#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "text/document.h"
#include "text/encoder.h"
#include "text/evaluation/evaluate.h"
#include "text/progress.h"
#include "text/static/static_encoder.h"
#include "text/tokenizer.h"
#include "text/sentencepiece/tokenizer_trainer.h"

namespace larder::text {

struct StaticTrainingOptions {
  // Size of the vectors, 8 to 1,024. 256 suits catalogs of some 10,000 to 1,000,000 items;
  // retrieval gains little beyond, cost grows with it.
  int32_t dimensions = 256;
  // At most so many documents (10 to 5,000,000) are used, drawn with `seed` when there are more.
  uint64_t max_documents = 200'000;
  uint64_t seed = 1;
};

// Learns a row and a weight per piece from which pieces occur in the same documents.
//
// The documents' pieces are weighted (1 + count logarithmically, times the inverse document
// frequency) and normalised; the leading right singular vectors of that matrix give each piece a
// direction. Every direction is scaled to unit length, so that rare pieces, such as names, tell as
// much as frequent ones, and then weighted by the inverse document frequency. A random rotation
// spreads the information evenly over the dimensions before they are rounded to int8.
//
// Order: the same documents, tokenizer and options give the same bytes on one machine.
// Errors: kInvalidArgument for options out of range or documents without a known piece.
// Cost: about 12 s for 63,000 documents of 400 bytes at 256 dimensions, on one core.
// Source: latent semantic indexing, Deerwester et al. 1990; differs in the unit rows.
StatusOr<StaticTables> TrainStaticTables(std::span<const Document> documents,
                                         const Tokenizer& tokenizer,
                                         const StaticTrainingOptions& options,
                                         const Progress& progress = {});

struct EncoderTrainingOptions {
  // The serialised tokenizer to build on; empty: one is trained on the documents.
  std::string tokenizer_model;
  TokenizerTrainingOptions tokenizer;
  StaticTrainingOptions table;
  EvaluationOptions evaluation;
};

struct TrainedEncoder {
  EncoderInfo info;
  // Measured on the documents it was trained on; also written to encoder.json.
  Evaluation evaluation;
};

// Trains a tokenizer (unless given) and a static encoder, measures it and writes its artifact
// directory `dir` (docs/formats/encoder.md).
//
// Order: the same documents and options give the same digest on one machine.
// Errors: as TrainTokenizer and TrainStaticTables; kDataLoss for a given tokenizer that is none;
//         what the file system says.
StatusOr<TrainedEncoder> TrainStaticEncoder(FileSystem& fs, const std::string& dir,
                                            std::span<const Document> documents,
                                            const EncoderTrainingOptions& options,
                                            const Progress& progress = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_TRAINING_STATIC_TRAINER_H_
