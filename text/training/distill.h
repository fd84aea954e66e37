// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_DISTILL_H_
#define LARDER_TEXT_TRAINING_DISTILL_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/status.h"
#include "text/encoder.h"
#include "text/progress.h"
#include "text/sentencepiece/tokenizer_trainer.h"
#include "text/static/static_encoder.h"
#include "text/tokenizer.h"

namespace larder::text {

// What a static encoder learns from: anything that turns texts into vectors.
struct Teacher {
  size_t dimensions = 0;
  // Shapes: vectors [texts.size(), dimensions], of length 1.
  std::function<Status(std::span<const std::string_view> texts, std::span<float> vectors)> encode;
};

// An encoder as a teacher; it must outlive the result. Texts are encoded as documents, on the
// calling thread, a few at a time.
Teacher TeacherOf(const Encoder& encoder);

struct DistillOptions {
  // Of the student's vectors, 8 to 1,024, not more than the teacher's.
  int32_t dimensions = 256;
  // At most so many texts (100 to 5,000,000) are shown to the teacher, drawn with `seed`: that is
  // what takes the time.
  uint64_t max_texts = 50'000;
  // Passes over the texts, 0 to 100. 0 leaves what the teacher says of the pieces alone.
  uint64_t epochs = 30;
  // Texts told apart at a time, 64 to 8,192.
  uint64_t batch = 512;
  uint64_t seed = 1;
};

struct Distilled {
  StaticTables tables;
  uint64_t texts = 0;
  // Mean cosine of the student's vectors with the teacher's, in the student's dimensions, over
  // texts that were kept from learning (a fiftieth).
  double cosine = 0;
};

// Teaches a static encoder to give the vectors that `teacher` gives.
//
// The teacher sees every piece of the tokenizer alone: its vectors, brought to the student's
// dimensions by the principal components of the texts' vectors, are the rows to begin with, and
// smooth inverse frequencies the weights. Then rows and weights are moved so that each text's
// vector is nearer to the teacher's vector of it than to those of other texts.
//
// Order: the same input gives the same bytes on one machine.
// Errors: kInvalidArgument for options out of range, fewer than 100 texts, or texts without a known
//         piece; kInternal if the teacher gives vectors that are not finite; what the teacher says.
// Cost: the teacher's, of max_texts texts and every piece, and some 10 us a text and epoch.
// Source: model2vec and tokenlearn of the Minish Lab, 2024 and 2025: principal components,
// weights, contrastive loss with teacher vectors as targets.
StatusOr<Distilled> DistillStaticTables(std::span<const std::string_view> texts,
                                        const Teacher& teacher, const Tokenizer& tokenizer,
                                        const DistillOptions& options,
                                        const Progress& progress = {});

struct EncoderDistillOptions {
  // As in EncoderTrainingOptions.
  std::string tokenizer_model;
  TokenizerTrainingOptions tokenizer;
  DistillOptions table;
};

struct DistilledEncoder {
  EncoderInfo info;
  uint64_t texts = 0;
  double cosine = 0;
};

// Trains a tokenizer on the texts (unless given), distils and writes the artifact directory `dir`.
// `teacher_name` is for encoder.json, for people.
// Errors: as TrainTokenizer and DistillStaticTables; what the file system says.
StatusOr<DistilledEncoder> DistillStaticEncoder(FileSystem& fs, const std::string& dir,
                                                std::span<const std::string_view> texts,
                                                const Teacher& teacher,
                                                std::string_view teacher_name,
                                                const EncoderDistillOptions& options,
                                                const Progress& progress = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_TRAINING_DISTILL_H_
