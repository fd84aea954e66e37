// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_TRAINING_CONTRASTIVE_TRAINER_H_
#define LARDER_TEXT_TRAINING_CONTRASTIVE_TRAINER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "text/progress.h"
#include "text/training/corpus.h"
#include "text/training/token_table.h"

namespace larder::text::internal {

// Two documents that somebody engaged with one after the other.
using RelatedPair = std::pair<uint32_t, uint32_t>;

struct ContrastiveOptions {
  uint64_t epochs = 20;
  // Pairs told apart at a time. A catalog of fewer than 64 times as many has smaller batches, so
  // that an epoch has enough steps; 64 at least.
  uint64_t batch = 2'048;
  float temperature = 0.03f;
  uint64_t seed = 1;
};

struct ContrastiveOutcome {
  uint64_t text_pairs = 0;     // of an epoch
  uint64_t related_pairs = 0;  // of an epoch
  uint64_t value_pairs = 0;    // of an epoch
  uint64_t steps = 0;
  double last_loss = 0;        // mean of the last epoch
};

// Moves the table's rows and gains so that two views of one item come near each other, and those of
// different items do not. Views: a title and a sentence of its content, drawn anew in each epoch;
// two sentences of an item without a title; two related items in full; a value of a field, by its
// row, and a text of an item that has it. Items that offer no such pair teach nothing. Newer items
// are drawn more often (newness.h).
//
// Order: the same input gives the same bits on one machine, on any number of threads.
// Cost: some 8 s an epoch for 200,000 items of 200 pieces at 256 dimensions on two cores.
ContrastiveOutcome TrainContrastively(const Corpus& corpus, std::span<const RelatedPair> related,
                                      const ContrastiveOptions& options, const Progress& progress,
                                      TokenTable& table);
// True if the items offer pairs enough, 128, to learn from; else TrainContrastively does nothing.
bool CanTrainContrastively(const Corpus& corpus, std::span<const RelatedPair> related,
                           const ContrastiveOptions& options);

}  // namespace larder::text::internal

#endif  // LARDER_TEXT_TRAINING_CONTRASTIVE_TRAINER_H_
