// SPDX-License-Identifier: Apache-2.0
#include "text/training/distill.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>
#include <vector>

#include "text/encoder_config.h"
#include "text/internal/check_range.h"
#include "text/internal/random.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/training/contrastive.h"
#include "text/training/corpus.h"
#include "text/training/kernels.h"
#include "text/training/token_table.h"

namespace larder::text {
namespace {

using internal::TextBatch;
using internal::TokenTable;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr uint64_t kRowSeed = 0x726f7773;
constexpr uint64_t kShuffleSeed = 0x73687566;
constexpr uint64_t kFewestTexts = 100;
constexpr size_t kTextsPerCall = 64;
constexpr size_t kTestShare = 50;
constexpr float kTemperature = 0.05f;
// Of a teacher's vectors of length 1; less is rounding.
constexpr float kSmallestSpread = 1e-6f;
constexpr float kRowRate = 0.005f;
constexpr float kGainRate = 0.005f;

Status CheckOptions(const DistillOptions& options, const Teacher& teacher, size_t texts) {
  const auto most = static_cast<int32_t>(std::min<size_t>(1'024, teacher.dimensions));
  LARDER_RETURN_IF_ERROR(internal::CheckRange("dimensions", options.dimensions, 8, most));
  LARDER_RETURN_IF_ERROR(
      internal::CheckRange("max_texts", options.max_texts, kFewestTexts, 5'000'000));
  LARDER_RETURN_IF_ERROR(internal::CheckRange("epochs", options.epochs, 0, 100));
  LARDER_RETURN_IF_ERROR(internal::CheckRange("batch", options.batch, 64, 8'192));
  if (texts >= kFewestTexts) return OkStatus();
  return InvalidArgument(texts, " texts, expected at least ", kFewestTexts);
}

// The teacher's vectors of all texts, a few at a time.
StatusOr<Matrix> Teach(const Teacher& teacher, std::span<const std::string_view> texts,
                       std::string_view stage, const Progress& progress) {
  Matrix vectors(static_cast<Eigen::Index>(texts.size()),
                 static_cast<Eigen::Index>(teacher.dimensions));
  const size_t every = texts.size() / kTextsPerCall / 100 + 1;
  for (size_t first = 0; first < texts.size(); first += kTextsPerCall) {
    if (progress && first / kTextsPerCall % every == 0) progress(stage, first, texts.size());
    const size_t count = std::min(kTextsPerCall, texts.size() - first);
    const std::span<float> out(vectors.data() + first * teacher.dimensions,
                               count * teacher.dimensions);
    LARDER_RETURN_IF_ERROR(teacher.encode(texts.subspan(first, count), out));
    if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); })) {
      return Internal("the teacher's vectors of texts ", first, " to ", first + count - 1,
                      " are not finite");
    }
  }
  if (progress) progress(stage, texts.size(), texts.size());
  return vectors;
}

// Brings teacher vectors to fewer dimensions: the mean is taken off, the strongest principal
// components stay.
class Projection {
 public:
  Projection(const Matrix& vectors, int32_t dimensions) : mean_(vectors.colwise().mean()) {
    const Matrix centred = vectors.rowwise() - mean_;
    const Eigen::MatrixXf covariance = centred.transpose() * centred;
    spread_ = covariance.trace();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solver(covariance);
    components_ = solver.eigenvectors().rightCols(dimensions);  // values ascend
  }
  // The sum of the vectors' squared distances from their mean.
  float spread() const { return spread_; }
  Matrix Project(const Matrix& vectors) const {
    return (vectors.rowwise() - mean_) * components_;
  }

 private:
  Eigen::RowVectorXf mean_;
  float spread_ = 0;
  Eigen::MatrixXf components_;  // [teacher's dimensions, student's]
};

// A piece as a text that a teacher can read.
std::string PieceText(std::string_view piece) {
  constexpr std::string_view kSpace = "\xe2\x96\x81";
  std::string text;
  while (!piece.empty()) {
    const bool space = piece.starts_with(kSpace);
    if (!space) text.push_back(piece.front());
    if (space && !text.empty()) text.push_back(' ');
    piece.remove_prefix(space ? kSpace.size() : 1);
  }
  return text;
}

// Rows to begin with: what the teacher says of each piece alone, at length 1.
Status InitialiseRows(const Teacher& teacher, const Projection& projection,
                      const Tokenizer& tokenizer, const Progress& progress, TokenTable& table) {
  std::vector<std::string> pieces;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    pieces.push_back(PieceText(tokenizer.piece(id)));
  }
  const std::vector<std::string_view> texts(pieces.begin(), pieces.end());
  LARDER_ASSIGN_OR_RETURN(const Matrix taught,
                          Teach(teacher, texts, "ask the teacher about pieces", progress));
  const Matrix rows = projection.Project(taught);
  for (size_t piece = 0; piece < table.vocab(); ++piece) {
    const auto row = rows.row(static_cast<Eigen::Index>(piece));
    const float length = row.norm();
    if (!(length > 0)) continue;
    for (size_t d = 0; d < table.dimensions(); ++d) {
      table.vector(piece)[d] = row(static_cast<Eigen::Index>(d)) / length;
    }
  }
  table.SumUpRows();
  return OkStatus();
}

// Learns from texts and their targets.
class Student {
 public:
  Student(const internal::Corpus& corpus, const Matrix& targets, const DistillOptions& options)
      : corpus_(corpus), targets_(targets), options_(options) {
    for (size_t i = 0; i < corpus.size(); ++i) {
      (i % kTestShare == 0 ? test_ : train_).push_back(i);
    }
  }

  void Run(TokenTable& table, const Progress& progress) {
    const uint64_t batch = std::min<uint64_t>(options_.batch, train_.size());
    const uint64_t per_epoch = train_.size() / batch;
    const uint64_t total = per_epoch * options_.epochs;
    internal::Random random(options_.seed ^ kShuffleSeed);
    uint64_t step = 0;
    for (uint64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      random.Shuffle(std::span(train_));
      double losses = 0;
      for (uint64_t k = 0; k < per_epoch; ++k) {
        const double left = 1 - static_cast<double>(step) / static_cast<double>(total);
        const auto taken = std::span(train_).subspan(k * batch, batch);
        losses += Step(taken, static_cast<float>(left), table);
        ++step;
        if (progress && (step % (total / 100 + 1) == 0 || step == total)) {
          std::array<char, 48> stage{};
          std::snprintf(stage.data(), stage.size(), "distil, loss %.3f",
                        losses / static_cast<double>(k + 1));
          progress(stage.data(), step, total);
        }
      }
    }
  }

  double TestCosine(const TokenTable& table) const {
    TextBatch batch;
    for (const size_t i : test_) batch.texts.push_back(corpus_.all(i));
    table.Embed(batch);
    double sum = 0;
    for (size_t k = 0; k < test_.size(); ++k) {
      sum += static_cast<double>(
          internal::DotFloat(batch.vectors.data() + k * table.dimensions(),
                             targets_.row(static_cast<Eigen::Index>(test_[k])).data(),
                             table.dimensions()));
    }
    return sum / static_cast<double>(test_.size());
  }

 private:
  double Step(std::span<const size_t> chosen, float rate, TokenTable& table) {
    const size_t dim = table.dimensions();
    batch_.texts.clear();
    wanted_.resize(chosen.size() * dim);
    for (size_t k = 0; k < chosen.size(); ++k) {
      batch_.texts.push_back(corpus_.all(chosen[k]));
      std::copy_n(targets_.row(static_cast<Eigen::Index>(chosen[k])).data(), dim,
                  wanted_.begin() + static_cast<std::ptrdiff_t>(k * dim));
    }
    table.Embed(batch_);
    batch_.gradient.resize(batch_.vectors.size());
    std::vector<uint32_t> subjects(chosen.size());
    std::iota(subjects.begin(), subjects.end(), 0u);
    const double loss = internal::ContrastiveLoss({batch_.vectors, wanted_, subjects, dim},
                                                  kTemperature, scratch_, batch_.gradient, {});
    const std::array<TextBatch*, 1> batches = {&batch_};
    table.Step(batches, {.row = rate * kRowRate, .log_gain = rate * kGainRate});
    return loss;
  }

  const internal::Corpus& corpus_;
  const Matrix& targets_;  // [texts, dimensions], of length 1 or 0
  const DistillOptions& options_;
  std::vector<size_t> train_;
  std::vector<size_t> test_;
  TextBatch batch_;
  std::vector<float> wanted_;
  internal::ContrastiveScratch scratch_;
};

}  // namespace

Teacher TeacherOf(const Encoder& encoder) {
  const auto encode = [&encoder](std::span<const std::string_view> texts,
                                 std::span<float> vectors) -> Status {
    std::vector<TokenizedText> tokens(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      LARDER_RETURN_IF_ERROR(encoder.Tokenize(texts[i], TextRole::kDocument, tokens[i]));
    }
    return encoder.EncodeTokens(tokens, vectors);
  };
  return {.dimensions = static_cast<size_t>(encoder.dimensions()), .encode = encode};
}

StatusOr<Distilled> DistillStaticTables(std::span<const std::string_view> texts,
                                        const Teacher& teacher, const Tokenizer& tokenizer,
                                        const DistillOptions& options, const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options, teacher, texts.size()));
  std::vector<std::string_view> chosen;
  std::vector<Document> documents;
  std::vector<const Document*> pointers;
  for (const size_t i : internal::SampleIndices(texts.size(), options.max_texts, options.seed)) {
    chosen.push_back(texts[i]);
    // As a title: one text, not to be cut into sentences.
    documents.emplace_back().title = texts[i];
  }
  for (const Document& document : documents) pointers.push_back(&document);
  LARDER_ASSIGN_OR_RETURN(const internal::Corpus corpus,
                          internal::Corpus::Read(pointers, tokenizer, progress));
  LARDER_ASSIGN_OR_RETURN(const Matrix taught,
                          Teach(teacher, chosen, "ask the teacher about texts", progress));
  const Projection projection(taught, options.dimensions);
  if (!(projection.spread() > kSmallestSpread * static_cast<float>(chosen.size()))) {
    return InvalidArgument("the teacher gives all ", chosen.size(), " texts the same vector");
  }
  Matrix targets = projection.Project(taught);
  for (Eigen::Index i = 0; i < targets.rows(); ++i) {
    if (const float length = targets.row(i).norm(); length > 0) targets.row(i) /= length;
  }

  TokenTable table(static_cast<size_t>(options.dimensions),
                   internal::InverseFrequencyGains(corpus, tokenizer),
                   internal::WholePieces(static_cast<size_t>(tokenizer.vocab_size())),
                   options.seed ^ kRowSeed);
  LARDER_RETURN_IF_ERROR(InitialiseRows(teacher, projection, tokenizer, progress, table));
  Student student(corpus, targets, options);
  student.Run(table, progress);
  return Distilled{.tables = table.Quantise(table.vocab()),
                   .texts = chosen.size(),
                   .cosine = student.TestCosine(table)};
}

StatusOr<DistilledEncoder> DistillStaticEncoder(FileSystem& fs, const std::string& dir,
                                                std::span<const std::string_view> texts,
                                                const Teacher& teacher,
                                                std::string_view teacher_name,
                                                const EncoderDistillOptions& options,
                                                const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options.table, teacher, texts.size()));
  std::string tokenizer_bytes = options.tokenizer_model;
  if (tokenizer_bytes.empty()) {
    LARDER_ASSIGN_OR_RETURN(tokenizer_bytes, TrainTokenizer(texts, options.tokenizer, progress));
  }
  EncoderConfig config;
  config.dimensions = options.table.dimensions;
  LARDER_ASSIGN_OR_RETURN(const auto tokenizer,
                          OpenSentencePiece(tokenizer_bytes, config.tokenizer_file));
  LARDER_ASSIGN_OR_RETURN(
      const Distilled distilled,
      DistillStaticTables(texts, teacher, *tokenizer, options.table, progress));
  config.training["method"] = "distilled";
  config.training["teacher"] = std::string(teacher_name);
  config.training["texts"] = static_cast<double>(distilled.texts);
  config.training["seed"] = Concat(options.table.seed);
  config.quality["teacher_cosine"] = distilled.cosine;
  LARDER_ASSIGN_OR_RETURN(
      const EncoderInfo info,
      WriteStaticEncoder(fs, dir, config, tokenizer_bytes, distilled.tables));
  return DistilledEncoder{.info = info, .texts = distilled.texts, .cosine = distilled.cosine};
}

}  // namespace larder::text
