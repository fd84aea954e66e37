// SPDX-License-Identifier: Apache-2.0
#include "text/training/static_trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "text/encoder_config.h"
#include "text/internal/check_range.h"
#include "text/internal/random.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/training/contrastive_trainer.h"
#include "text/training/corpus.h"
#include "text/training/token_table.h"

namespace larder::text {
namespace {

using Documents = std::vector<const Document*>;

// Seeds of the parts, so that they do not share random numbers.
constexpr uint64_t kRowSeed = 0x726f7773;
constexpr uint64_t kPairSeed = 0x7061697273;
constexpr uint64_t kHoldOutSeed = 0x68656c64;
// An item is paired with so many that the same user engages with next.
constexpr size_t kNextItems = 2;
constexpr uint64_t kHeldOutShare = 20;
constexpr uint64_t kMostHeldOut = 1'000;
constexpr uint64_t kFewestToHoldOut = 400;

Status CheckOptions(const StaticTrainingOptions& options) {
  LARDER_RETURN_IF_ERROR(internal::CheckRange("dimensions", options.dimensions, 8, 1'024));
  LARDER_RETURN_IF_ERROR(
      internal::CheckRange("max_documents", options.max_documents, 10, 5'000'000));
  LARDER_RETURN_IF_ERROR(internal::CheckRange("epochs", options.epochs, 0, 100));
  return internal::CheckRange("batch", options.batch, 64, 8'192);
}

// Pairs of documents that a user engages with one after the other. `place` maps the numbers of all
// documents to those that are trained on; kLeftOut marks the others.
constexpr uint32_t kLeftOut = std::numeric_limits<uint32_t>::max();

std::vector<internal::RelatedPair> PairUp(std::span<const Interaction> interactions,
                                          std::span<const uint32_t> place) {
  std::vector<Interaction> kept;
  for (const Interaction& interaction : interactions) {
    if (place[interaction.item] != kLeftOut) kept.push_back(interaction);
  }
  std::sort(kept.begin(), kept.end(), [](const Interaction& a, const Interaction& b) {
    return std::tie(a.user, a.time, a.item) < std::tie(b.user, b.time, b.item);
  });
  std::vector<internal::RelatedPair> pairs;
  for (size_t i = 0; i < kept.size(); ++i) {
    for (size_t k = i + 1; k < std::min(i + 1 + kNextItems, kept.size()); ++k) {
      if (kept[k].user != kept[i].user || kept[k].item == kept[i].item) continue;
      pairs.emplace_back(place[kept[i].item], place[kept[k].item]);
    }
  }
  return pairs;
}

std::vector<ValueVector> ValueVectors(const internal::Corpus& corpus, size_t vocab,
                                      const internal::TokenTable& table) {
  std::vector<ValueVector> vectors;
  for (size_t k = 0; k < corpus.values().size(); ++k) {
    const internal::Corpus::Value& value = corpus.values()[k];
    const std::span<const float> row = table.row(vocab + k);
    double square = 0;
    for (const float x : row) square += static_cast<double>(x) * static_cast<double>(x);
    const auto scale = static_cast<float>(square > 0 ? 1 / std::sqrt(square) : 0);
    ValueVector& out = vectors.emplace_back();
    out.name = value.name;
    out.items = value.items;
    for (const float x : row) out.vector.push_back(x * scale);
  }
  return vectors;
}

StatusOr<LearnedTables> Learn(const Documents& documents,
                              std::span<const internal::RelatedPair> related,
                              const Tokenizer& tokenizer, const StaticTrainingOptions& options,
                              const Progress& progress) {
  LARDER_ASSIGN_OR_RETURN(const internal::Corpus corpus,
                          internal::Corpus::Read(documents, tokenizer, progress));
  const internal::ContrastiveOptions contrastive = {
      .epochs = options.epochs, .batch = options.batch, .seed = options.seed ^ kPairSeed};
  std::vector<float> gains =
      internal::CanTrainContrastively(corpus, related, contrastive)
          ? internal::DocumentFrequencyGains(corpus, tokenizer)
          : internal::InverseFrequencyGains(corpus, tokenizer);
  const size_t vocab = gains.size();
  gains.resize(vocab + corpus.values().size(), 1.0f);
  internal::TokenTable table(static_cast<size_t>(options.dimensions), gains,
                             internal::PiecesByLetters(tokenizer, corpus.values().size()),
                             options.seed ^ kRowSeed);
  const internal::ContrastiveOutcome outcome =
      internal::TrainContrastively(corpus, related, contrastive, progress, table);
  return LearnedTables{.tables = table.Quantise(vocab),
                       .values = outcome.steps > 0 ? ValueVectors(corpus, vocab, table)
                                                   : std::vector<ValueVector>(),
                       .text_pairs = outcome.text_pairs,
                       .related_pairs = outcome.related_pairs,
                       .steps = outcome.steps,
                       .last_loss = outcome.last_loss};
}

// As TrainStaticTables, without the documents that `held_out` (ascending) names.
StatusOr<LearnedTables> LearnFrom(std::span<const Document> documents,
                                  std::span<const size_t> held_out,
                                  std::span<const Interaction> interactions,
                                  const Tokenizer& tokenizer, const StaticTrainingOptions& options,
                                  const Progress& progress) {
  std::vector<size_t> rest;
  for (size_t i = 0; i < documents.size(); ++i) {
    if (!std::binary_search(held_out.begin(), held_out.end(), i)) rest.push_back(i);
  }
  Documents chosen;
  std::vector<uint32_t> place(documents.size(), kLeftOut);
  for (const size_t i : internal::SampleIndices(rest.size(), options.max_documents, options.seed)) {
    place[rest[i]] = static_cast<uint32_t>(chosen.size());
    chosen.push_back(&documents[rest[i]]);
  }
  for (const Interaction& interaction : interactions) {
    if (interaction.item < documents.size()) continue;
    return InvalidArgument("an interaction is with item ", interaction.item, " of ",
                           documents.size());
  }
  return Learn(chosen, PairUp(interactions, place), tokenizer, options, progress);
}

StatusOr<std::vector<size_t>> ChooseHeldOut(std::span<const Document> documents,
                                            const EncoderTrainingOptions& options) {
  const uint64_t all = documents.size();
  const uint64_t automatic =
      all < kFewestToHoldOut ? 0 : std::min(all / kHeldOutShare, kMostHeldOut);
  const uint64_t count = options.hold_out.value_or(automatic);
  if (count > all / 2) {
    return InvalidArgument("hold_out is ", count, ", more than half of ", all, " documents");
  }
  if (count == 0) return std::vector<size_t>();
  Documents pointers;
  bool timed = false;
  for (const Document& document : documents) {
    timed = timed || document.time != 0;
    pointers.push_back(&document);
  }
  return timed ? internal::Newest(pointers, count)
               : internal::SampleIndices(all, count, options.table.seed ^ kHoldOutSeed);
}

// What the artifact tells about its making.
void DescribeTraining(const LearnedTables& learned, uint64_t documents, uint64_t held_out,
                      const EncoderTrainingOptions& options, EncoderConfig& config) {
  const StaticTrainingOptions& table = options.table;
  auto& training = config.training;
  training["method"] = learned.steps > 0 ? "contrastive" : "inverse frequency";
  training["documents"] =
      static_cast<double>(std::min<uint64_t>(documents - held_out, table.max_documents));
  training["held_out"] = static_cast<double>(held_out);
  training["seed"] = Concat(table.seed);
  training["tokenizer"] =
      options.tokenizer_model.empty()
          ? Concat(options.tokenizer.model == TokenizerModel::kBpe ? "bpe" : "unigram",
                   " trained on the same documents")
          : std::string("given");
  if (learned.steps == 0) return;
  training["text_pairs"] = static_cast<double>(learned.text_pairs);
  training["related_pairs"] = static_cast<double>(learned.related_pairs);
  training["steps"] = static_cast<double>(learned.steps);
  training["loss"] = learned.last_loss;
}

void DescribeQuality(const Evaluation& evaluation, EncoderConfig& config) {
  auto& quality = config.quality;
  if (evaluation.known_item_queries > 0) {
    quality["known_item_queries"] = static_cast<double>(evaluation.known_item_queries);
    const auto put = [&](const std::string& prefix, const Retrieval& retrieval) {
      quality[prefix + "known_item_recall_at_1"] = retrieval.at_1;
      quality[prefix + "known_item_recall_at_10"] = retrieval.at_10;
      quality[prefix + "known_item_mrr_at_10"] = retrieval.mrr_10;
    };
    put("", evaluation.encoder);
    put("bm25_", evaluation.bm25);
    put("tfidf_", evaluation.tfidf);
  }
  if (evaluation.tag_queries > 0) {
    quality["tag_queries"] = static_cast<double>(evaluation.tag_queries);
    quality["tag_share_at_10"] = evaluation.tag_share_encoder;
    quality["tfidf_tag_share_at_10"] = evaluation.tag_share_tfidf;
    quality["random_tag_share_at_10"] = evaluation.tag_share_random;
  }
}

std::vector<std::string_view> AllTexts(std::span<const Document> documents,
                                       std::span<const size_t> held_out) {
  std::vector<std::string_view> texts;
  texts.reserve(2 * documents.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    if (std::binary_search(held_out.begin(), held_out.end(), i)) continue;
    texts.push_back(documents[i].title);
    texts.push_back(documents[i].content);
  }
  return texts;
}

}  // namespace

StatusOr<LearnedTables> TrainStaticTables(std::span<const Document> documents,
                                          std::span<const Interaction> interactions,
                                          const Tokenizer& tokenizer,
                                          const StaticTrainingOptions& options,
                                          const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options));
  return LearnFrom(documents, {}, interactions, tokenizer, options, progress);
}

StatusOr<TrainedEncoder> TrainStaticEncoder(FileSystem& fs, const std::string& dir,
                                            std::span<const Document> documents,
                                            std::span<const Interaction> interactions,
                                            const EncoderTrainingOptions& options,
                                            const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options.table));
  LARDER_ASSIGN_OR_RETURN(const std::vector<size_t> held_out, ChooseHeldOut(documents, options));
  std::string tokenizer_bytes = options.tokenizer_model;
  if (tokenizer_bytes.empty()) {
    const std::vector<std::string_view> texts = AllTexts(documents, held_out);
    LARDER_ASSIGN_OR_RETURN(tokenizer_bytes, TrainTokenizer(texts, options.tokenizer, progress));
  }
  EncoderConfig config;
  config.dimensions = options.table.dimensions;
  LARDER_ASSIGN_OR_RETURN(auto tokenizer,
                          OpenSentencePiece(tokenizer_bytes, config.tokenizer_file));
  LARDER_ASSIGN_OR_RETURN(const LearnedTables learned,
                          LearnFrom(documents, held_out, interactions, *tokenizer, options.table,
                                    progress));
  DescribeTraining(learned, documents.size(), held_out.size(), options, config);

  // Measured before it is written, because encoder.json holds the figures. No digest yet.
  EncoderInfo unnamed;
  unnamed.dimensions = config.dimensions;
  LARDER_ASSIGN_OR_RETURN(const auto encoder,
                          StaticEncoder::Create(unnamed, config, std::move(tokenizer),
                                                learned.tables, kEncoderModelFile));
  TrainedEncoder trained;
  trained.held_out = held_out.size();
  trained.text_pairs = learned.text_pairs;
  trained.related_pairs = learned.related_pairs;
  trained.steps = learned.steps;
  trained.values = learned.values;
  EvaluationOptions evaluation = options.evaluation;
  evaluation.asked = held_out;
  LARDER_ASSIGN_OR_RETURN(trained.evaluation,
                          EvaluateEncoder(*encoder, documents, evaluation, progress));
  DescribeQuality(trained.evaluation, config);
  LARDER_ASSIGN_OR_RETURN(trained.info,
                          WriteStaticEncoder(fs, dir, config, tokenizer_bytes, learned.tables));
  return trained;
}

}  // namespace larder::text
