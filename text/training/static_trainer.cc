// SPDX-License-Identifier: Apache-2.0
#include "text/training/static_trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "text/encoder_config.h"
#include "text/internal/random.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/training/truncated_svd.h"

namespace larder::text {
namespace {

using Eigen::Index;
using internal::FloatMatrix;
using internal::SparseRows;

// Seeds of the parts, so that they do not share random numbers.
constexpr uint64_t kSketchSeed = 0x736b65746368;
constexpr uint64_t kRotationSeed = 0x726f74617465;

struct TermMatrix {
  SparseRows rows;
  std::vector<double> idf;       // [vocab]
  std::vector<uint64_t> in_documents;  // [vocab] documents that have the piece
};

Status CheckOptions(const StaticTrainingOptions& options) {
  if (options.dimensions < 8 || options.dimensions > 1'024) {
    return InvalidArgument("dimensions is ", options.dimensions, ", expected 8 to 1024");
  }
  if (options.max_documents < 10 || options.max_documents > 5'000'000) {
    return InvalidArgument("max_documents is ", options.max_documents,
                           ", expected 10 to 5000000");
  }
  return OkStatus();
}

// Counts the known pieces of every document into rows of (piece, count), pieces ascending.
StatusOr<SparseRows> CountPieces(std::span<const Document> documents, const Tokenizer& tokenizer,
                                 const StaticTrainingOptions& options, const Progress& progress) {
  const std::vector<size_t> chosen =
      internal::SampleIndices(documents.size(), options.max_documents, options.seed);
  SparseRows rows;
  rows.columns = static_cast<size_t>(tokenizer.vocab_size());
  std::vector<int32_t> ids;
  std::vector<int32_t> pieces;
  const size_t every = chosen.size() / 100 + 1;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (progress && i % every == 0) progress("tokenize", i, chosen.size());
    const Document& document = documents[chosen[i]];
    pieces.clear();
    for (const std::string_view text : {std::string_view(document.title),
                                        std::string_view(document.content)}) {
      const Status status = tokenizer.Encode(text, ids);
      if (!status.ok()) return Annotate(status, Concat("document ", chosen[i]));
      pieces.insert(pieces.end(), ids.begin(), ids.end());
    }
    std::erase(pieces, tokenizer.unknown_id());
    std::sort(pieces.begin(), pieces.end());
    for (size_t begin = 0, end; begin < pieces.size(); begin = end) {
      end = begin;
      while (end < pieces.size() && pieces[end] == pieces[begin]) ++end;
      rows.column.push_back(pieces[begin]);
      rows.value.push_back(static_cast<float>(end - begin));
    }
    rows.begin.push_back(rows.column.size());
  }
  if (progress) progress("tokenize", chosen.size(), chosen.size());
  if (rows.column.empty()) {
    return InvalidArgument(documents.size(), " documents hold no piece that the tokenizer knows");
  }
  return rows;
}

// Turns counts into weights: logarithmic counts times idf, each row of length 1.
TermMatrix WeighTerms(SparseRows counts) {
  TermMatrix matrix;
  matrix.in_documents.assign(counts.columns, 0);
  for (const int32_t piece : counts.column) ++matrix.in_documents[static_cast<size_t>(piece)];
  const auto documents = static_cast<double>(counts.rows());
  for (const uint64_t count : matrix.in_documents) {
    matrix.idf.push_back(std::log((1 + documents) / (1 + static_cast<double>(count))) + 1);
  }
  for (size_t r = 0; r < counts.rows(); ++r) {
    double norm = 0;
    for (size_t k = counts.begin[r]; k < counts.begin[r + 1]; ++k) {
      const double weight = std::log1p(static_cast<double>(counts.value[k])) *
                            matrix.idf[static_cast<size_t>(counts.column[k])];
      counts.value[k] = static_cast<float>(weight);
      norm += weight * weight;
    }
    const auto scale = static_cast<float>(norm > 0 ? 1 / std::sqrt(norm) : 0);
    for (size_t k = counts.begin[r]; k < counts.begin[r + 1]; ++k) counts.value[k] *= scale;
  }
  matrix.rows = std::move(counts);
  return matrix;
}

// Rounds each piece's direction to int8 by its own largest entry and puts what that scaling took,
// times the piece's idf, into its integer weight.
StaticTables Quantise(const FloatMatrix& directions, const TermMatrix& matrix) {
  const auto vocab = static_cast<size_t>(directions.rows());
  const auto dim = static_cast<size_t>(directions.cols());
  StaticTables tables;
  tables.dimensions = static_cast<int32_t>(dim);
  tables.table.assign(vocab * dim, 0);
  tables.weights.assign(vocab, 0);
  std::vector<double> weights(vocab, 0.0);
  for (size_t t = 0; t < vocab; ++t) {
    const auto row = directions.row(static_cast<Index>(t));
    const float largest = row.cwiseAbs().maxCoeff();
    const float length = row.norm();
    // A piece that occurs nowhere has a direction of rounding noise only.
    if (matrix.in_documents[t] == 0 || !(largest > 0) || !(length > 0)) continue;
    for (size_t d = 0; d < dim; ++d) {
      const float scaled = row(static_cast<Index>(d)) * 127.0f / largest;
      tables.table[t * dim + d] = static_cast<int8_t>(std::lround(scaled));
    }
    weights[t] = matrix.idf[t] * static_cast<double>(largest / length);
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  for (size_t t = 0; t < vocab && largest > 0; ++t) {
    tables.weights[t] =
        static_cast<int32_t>(std::lround(weights[t] / largest * kMaxTokenWeight));
  }
  return tables;
}

// What the artifact tells about its making.
void DescribeTraining(std::span<const Document> documents, const EncoderTrainingOptions& options,
                      EncoderConfig& config) {
  const StaticTrainingOptions& table = options.table;
  config.training["method"] = "tfidf-svd-unit-rows";
  config.training["documents"] =
      static_cast<double>(std::min<uint64_t>(documents.size(), table.max_documents));
  config.training["seed"] = Concat(table.seed);
  config.training["tokenizer"] =
      options.tokenizer_model.empty()
          ? Concat(options.tokenizer.model == TokenizerModel::kBpe ? "bpe" : "unigram",
                   " trained on the same documents")
          : std::string("given");
}

void DescribeQuality(const Evaluation& evaluation, EncoderConfig& config) {
  auto& quality = config.quality;
  if (evaluation.known_item_queries > 0) {
    quality["known_item_queries"] = static_cast<double>(evaluation.known_item_queries);
    quality["known_item_recall_at_1"] = evaluation.encoder.at_1;
    quality["known_item_recall_at_10"] = evaluation.encoder.at_10;
    quality["tfidf_known_item_recall_at_1"] = evaluation.tfidf.at_1;
    quality["tfidf_known_item_recall_at_10"] = evaluation.tfidf.at_10;
  }
  if (evaluation.tag_queries > 0) {
    quality["tag_queries"] = static_cast<double>(evaluation.tag_queries);
    quality["tag_share_at_10"] = evaluation.tag_share_encoder;
    quality["tfidf_tag_share_at_10"] = evaluation.tag_share_tfidf;
    quality["random_tag_share_at_10"] = evaluation.tag_share_random;
  }
}

std::vector<std::string_view> AllTexts(std::span<const Document> documents) {
  std::vector<std::string_view> texts;
  texts.reserve(2 * documents.size());
  for (const Document& document : documents) {
    texts.push_back(document.title);
    texts.push_back(document.content);
  }
  return texts;
}

}  // namespace

StatusOr<StaticTables> TrainStaticTables(std::span<const Document> documents,
                                         const Tokenizer& tokenizer,
                                         const StaticTrainingOptions& options,
                                         const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options));
  LARDER_ASSIGN_OR_RETURN(SparseRows counts,
                          CountPieces(documents, tokenizer, options, progress));
  const TermMatrix matrix = WeighTerms(std::move(counts));
  const internal::SvdOptions svd = {.rank = options.dimensions,
                                    .seed = options.seed ^ kSketchSeed};
  const internal::RightSingular found =
      internal::TruncatedSvd(matrix.rows, svd, [&](uint64_t done, uint64_t total) {
        if (progress) progress("decompose", done, total);
      });
  const auto rank = static_cast<int32_t>(found.vectors.cols());
  if (rank == 0) return InvalidArgument("the documents do not tell any two pieces apart");
  // The singular vectors themselves, without their values: on catalogs, retrieval is best when
  // all directions count alike (docs/formats/encoder.md has the measurement).
  const FloatMatrix directions =
      found.vectors *
      internal::RandomRotation(rank, options.dimensions, options.seed ^ kRotationSeed);
  return Quantise(directions, matrix);
}

StatusOr<TrainedEncoder> TrainStaticEncoder(FileSystem& fs, const std::string& dir,
                                            std::span<const Document> documents,
                                            const EncoderTrainingOptions& options,
                                            const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options.table));
  std::string tokenizer_bytes = options.tokenizer_model;
  if (tokenizer_bytes.empty()) {
    LARDER_ASSIGN_OR_RETURN(tokenizer_bytes,
                            TrainTokenizer(AllTexts(documents), options.tokenizer, progress));
  }
  EncoderConfig config;
  config.dimensions = options.table.dimensions;
  DescribeTraining(documents, options, config);
  LARDER_ASSIGN_OR_RETURN(auto tokenizer,
                          OpenSentencePiece(tokenizer_bytes, config.tokenizer_file));
  LARDER_ASSIGN_OR_RETURN(const StaticTables tables,
                          TrainStaticTables(documents, *tokenizer, options.table, progress));

  // Measured before it is written, because encoder.json holds the figures. No digest yet.
  EncoderInfo unnamed;
  unnamed.dimensions = config.dimensions;
  LARDER_ASSIGN_OR_RETURN(
      const auto encoder,
      StaticEncoder::Create(unnamed, config, std::move(tokenizer), tables, kEncoderModelFile));
  TrainedEncoder trained;
  LARDER_ASSIGN_OR_RETURN(trained.evaluation, EvaluateEncoder(*encoder, documents,
                                                              options.evaluation, progress));
  DescribeQuality(trained.evaluation, config);
  LARDER_RETURN_IF_ERROR(WriteStaticEncoder(fs, dir, config, tokenizer_bytes, tables));
  LARDER_ASSIGN_OR_RETURN(trained.info, ReadEncoderInfo(fs, dir));
  return trained;
}

}  // namespace larder::text
