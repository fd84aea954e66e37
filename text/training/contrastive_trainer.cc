// SPDX-License-Identifier: Apache-2.0
#include "text/training/contrastive_trainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "text/training/contrastive.h"
#include "text/training/newness.h"

namespace larder::text::internal {
namespace {

// Found on arXiv (docs/formats/encoder.md): rows of length 1 move by some 2 % of their elements.
constexpr float kRowRate = 0.02f;
constexpr float kGainRate = 0.01f;
constexpr float kDecay = 0.001f;
constexpr double kWarmUp = 0.05;
constexpr uint64_t kBatchesOfCatalog = 64;
constexpr uint64_t kSmallestBatch = 64;
constexpr size_t kFewestPairs = 128;
// So many pairs of an item with a title are two sentences all the same.
constexpr double kSentencePairs = 0.3;
// Of an item that is a view as a whole.
constexpr size_t kMaxItemPieces = 256;

enum class PairKind { kTexts, kRelated, kValue };

// The documents of a pair; both the same but for kRelated.
struct Pair {
  uint32_t first;
  uint32_t second;
};

class Trainer {
 public:
  Trainer(const Corpus& corpus, std::span<const RelatedPair> related,
          const ContrastiveOptions& options)
      : corpus_(corpus), options_(options), random_(options.seed) {
    for (size_t i = 0; i < corpus.size(); ++i) {
      const size_t views = corpus.sentence_count(i) + !corpus.title(i).empty();
      const auto document = static_cast<uint32_t>(i);
      if (views >= 2) with_views_.push_back(document);
      if (views >= 1 && !corpus.values_of(i).empty()) valued_.push_back({document, document});
    }
    for (const auto& [first, second] : related) related_.push_back({first, second});
    const uint64_t pairs = AllPairs();
    const uint64_t smallest = std::min(kSmallestBatch, options.batch);
    batch_ = std::clamp<uint64_t>(pairs / kBatchesOfCatalog, smallest, options.batch);
  }

  bool CanRun() const {
    return AllPairs() >= kFewestPairs && options_.epochs > 0 && StepsOfEpoch() > 0;
  }

  ContrastiveOutcome Run(const Progress& progress, TokenTable& table) {
    ContrastiveOutcome outcome{.text_pairs = with_views_.size(),
                               .related_pairs = related_.size(),
                               .value_pairs = valued_.size()};
    const uint64_t per_epoch = StepsOfEpoch();
    const uint64_t total = per_epoch * options_.epochs;
    if (!CanRun()) return outcome;
    std::vector<TimeUs> times;
    for (const uint32_t document : with_views_) times.push_back(corpus_.time(document));
    newness_ = NewnessWeights(times);
    const uint64_t every = total / 100 + 1;
    for (uint64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      double losses = 0;
      DrawOwn();
      std::array<std::vector<Pair>*, 3> lists = {&own_, &related_, &valued_};
      std::array<size_t, 3> batches{};
      for (size_t k = 0; k < lists.size(); ++k) {
        random_.Shuffle(std::span(*lists[k]));
        batches[k] = lists[k]->size() / batch_;
      }
      for (uint64_t step = 0; step < per_epoch; ++step) {
        // Of the batches that are left, each comes next with the same chance.
        size_t drawn = random_.Below(batches[0] + batches[1] + batches[2]);
        size_t k = 0;
        for (; drawn >= batches[k]; ++k) drawn -= batches[k];
        const auto taken = std::span(*lists[k]).subspan(--batches[k] * batch_, batch_);
        const double at = static_cast<double>(outcome.steps) / static_cast<double>(total);
        losses += Step(static_cast<PairKind>(k), taken, at, table);
        ++outcome.steps;
        if (progress && (outcome.steps % every == 0 || outcome.steps == total)) {
          progress(Stage(losses / static_cast<double>(step + 1)), outcome.steps, total);
        }
      }
      outcome.last_loss = losses / static_cast<double>(per_epoch);
    }
    return outcome;
  }

 private:
  static std::string Stage(double loss) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "train, loss %.3f", loss);
    return text.data();
  }

  TokenIds Sentence(size_t document, size_t number) const {
    return corpus_.sentence(document, number);
  }
  TokenIds Whole(size_t document) const {
    const TokenIds all = corpus_.all(document);
    return all.first(std::min(all.size(), kMaxItemPieces));
  }

  uint64_t AllPairs() const { return with_views_.size() + related_.size() + valued_.size(); }
  uint64_t StepsOfEpoch() const {
    return with_views_.size() / batch_ + related_.size() / batch_ + valued_.size() / batch_;
  }

  // The pairs of this epoch that are views of one document.
  void DrawOwn() {
    own_.clear();
    for (const uint32_t i : DrawByWeight(newness_, random_)) {
      own_.push_back({with_views_[i], with_views_[i]});
    }
  }

  // A value of the document and one of its texts. Returns the value.
  uint32_t AddValue(size_t document, TextBatch& first, TextBatch& second) {
    const TokenIds values = corpus_.values_of(document);
    const size_t value = random_.Below(values.size());
    first.texts.push_back(values.subspan(value, 1));
    const bool titled = !corpus_.title(document).empty();
    const size_t text = random_.Below(corpus_.sentence_count(document) + titled);
    second.texts.push_back(titled && text == 0 ? corpus_.title(document)
                                               : Sentence(document, text - titled));
    return static_cast<uint32_t>(values[value]);
  }

  // Two texts of the document.
  void AddTexts(size_t document, TextBatch& first, TextBatch& second) {
    const size_t sentences = corpus_.sentence_count(document);
    const size_t drawn = random_.Below(sentences);
    second.texts.push_back(Sentence(document, drawn));
    const bool titled = !corpus_.title(document).empty();
    if (titled && (sentences < 2 || random_.Unit() >= kSentencePairs)) {
      first.texts.push_back(corpus_.title(document));
    } else {
      first.texts.push_back(
          Sentence(document, (drawn + 1 + random_.Below(sentences - 1)) % sentences));
    }
  }

  // One step on a batch; `at` is the share of the training that is done. Returns the loss.
  double Step(PairKind kind, std::span<const Pair> pairs, double at, TokenTable& table) {
    first_.texts.clear();
    second_.texts.clear();
    subjects_.clear();
    for (const Pair& pair : pairs) {
      // Pairs of two items that only share the first are told apart, which keeps items that go with
      // everything from being near everything: on MovieLens 0.051 of what users like later is found
      // so, and 0.016 if they are not.
      uint32_t subject = pair.second;
      switch (kind) {
        case PairKind::kTexts:
          AddTexts(pair.first, first_, second_);
          break;
        case PairKind::kRelated:
          first_.texts.push_back(Whole(pair.first));
          second_.texts.push_back(Whole(pair.second));
          break;
        case PairKind::kValue:
          subject = AddValue(pair.first, first_, second_);
          break;
      }
      subjects_.push_back(subject);
    }
    table.Embed(first_);
    table.Embed(second_);
    first_.gradient.resize(first_.vectors.size());
    second_.gradient.resize(second_.vectors.size());
    const VectorPairs vectors{first_.vectors, second_.vectors, subjects_, table.dimensions()};
    const double loss = ContrastiveLoss(vectors, options_.temperature, scratch_, first_.gradient,
                                        second_.gradient);
    const double schedule = at < kWarmUp ? (at + 0.001) / kWarmUp : (1 - at) / (1 - kWarmUp);
    const auto scale = static_cast<float>(std::max(schedule, 0.01));
    const std::array<TextBatch*, 2> batches = {&first_, &second_};
    table.Step(batches, {.row = scale * kRowRate, .log_gain = scale * kGainRate, .decay = kDecay});
    return loss;
  }

  const Corpus& corpus_;
  const ContrastiveOptions& options_;
  Random random_;
  std::vector<uint32_t> with_views_;  // documents
  std::vector<double> newness_;       // of these
  std::vector<Pair> own_;
  std::vector<Pair> related_;
  std::vector<Pair> valued_;
  uint64_t batch_ = 0;
  TextBatch first_;
  TextBatch second_;
  std::vector<uint32_t> subjects_;
  ContrastiveScratch scratch_;
};

}  // namespace

bool CanTrainContrastively(const Corpus& corpus, std::span<const RelatedPair> related,
                           const ContrastiveOptions& options) {
  return Trainer(corpus, related, options).CanRun();
}

ContrastiveOutcome TrainContrastively(const Corpus& corpus, std::span<const RelatedPair> related,
                                      const ContrastiveOptions& options, const Progress& progress,
                                      TokenTable& table) {
  return Trainer(corpus, related, options).Run(progress, table);
}

}  // namespace larder::text::internal
