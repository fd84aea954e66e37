// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_STATIC_TRAINER_H_
#define LARDER_TEXT_TRAINING_STATIC_TRAINER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "text/document.h"
#include "text/encoder.h"
#include "text/evaluation/evaluate.h"
#include "text/progress.h"
#include "text/sentencepiece/tokenizer_trainer.h"
#include "text/static/static_encoder.h"
#include "text/tokenizer.h"

namespace larder::text {

struct StaticTrainingOptions {
  // Size of the vectors, 8 to 1,024. 256 suits catalogs of some 10,000 to 1,000,000 items;
  // retrieval gains little beyond, cost grows with it.
  int32_t dimensions = 256;
  // At most so many documents (10 to 5,000,000) are used, drawn with `seed` when there are more.
  uint64_t max_documents = 1'000'000;
  // Passes over the pairs of views, 0 to 100. 0 leaves the table as it begins, which compares texts
  // by their words and the letters of these alone.
  uint64_t epochs = 20;
  // Pairs told apart at a time, 64 to 8,192; fewer on small catalogs. Larger ones are a little
  // better and take longer.
  uint64_t batch = 2'048;
  uint64_t seed = 1;
};

// A value of a field of several documents, in the same space as their texts.
struct ValueVector {
  std::string name;           // as Document::values has it
  uint64_t items = 0;         // documents that have it
  std::vector<float> vector;  // [dimensions], of length 1
};

struct LearnedTables {
  StaticTables tables;
  std::vector<ValueVector> values;
  uint64_t text_pairs = 0;     // pairs of views of one item, in each epoch
  uint64_t related_pairs = 0;  // pairs of items from interactions, in each epoch
  uint64_t steps = 0;          // 0: there were too few pairs to learn from
  double last_loss = 0;
};

// Learns a row and a weight per piece of the tokenizer.
//
// Rows begin as sums of random directions, some of which pieces with the same letters share
// (piece_parts.h), weights as inverse document frequencies: texts are then near each other when
// they share rare words or their stems. From there they are moved so that two views of one item,
// its title and a sentence of its content, are nearer than those of different items
// (contrastively, many at a time). `interactions` (maybe none; items are numbers of `documents`)
// give pairs more: items that one user engages with one after the other. Values of documents'
// fields get vectors of their own in the same space, near the texts of the documents that have
// them. Documents without two views teach nothing; a catalog that has hardly any keeps its
// beginning, with smooth inverse frequencies for weights.
//
// Order: the same documents, tokenizer and options give the same bytes on one machine, whatever the
// number of its processors.
// Errors: kInvalidArgument for options out of range, documents without a known piece, or an
//         interaction with an item that is no document.
// Cost: some 8 seconds an epoch for 200,000 documents of 1,300 bytes at 256 dimensions on two
//       cores, besides the tokenizer's; memory of some 30 bytes per piece of text.
StatusOr<LearnedTables> TrainStaticTables(std::span<const Document> documents,
                                          std::span<const Interaction> interactions,
                                          const Tokenizer& tokenizer,
                                          const StaticTrainingOptions& options,
                                          const Progress& progress = {});

struct EncoderTrainingOptions {
  // The serialised tokenizer to build on; empty: one is trained on the documents.
  std::string tokenizer_model;
  TokenizerTrainingOptions tokenizer;
  StaticTrainingOptions table;
  EvaluationOptions evaluation;
  // So many documents are kept from all training, that of the tokenizer too, and asked about
  // afterwards: the newest if documents have times, else drawn. By default a twentieth, at most
  // 1,000, and none of fewer than 400. More than half is refused.
  std::optional<uint64_t> hold_out;
};

struct TrainedEncoder {
  EncoderInfo info;
  uint64_t held_out = 0;
  uint64_t text_pairs = 0;
  uint64_t related_pairs = 0;
  uint64_t steps = 0;  // 0: too few pairs to learn from
  std::vector<ValueVector> values;
  // Asked about the documents held out, or about all when none was; also in encoder.json.
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
                                            std::span<const Interaction> interactions,
                                            const EncoderTrainingOptions& options,
                                            const Progress& progress = {});

}  // namespace larder::text

#endif  // LARDER_TEXT_TRAINING_STATIC_TRAINER_H_
