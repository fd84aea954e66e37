// SPDX-License-Identifier: Apache-2.0
#include "text/training/corpus.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/parallel.h"

namespace larder::text::internal {
namespace {

// Documents are read in groups of so many, between which progress is told.
constexpr size_t kGroup = 4'096;
constexpr size_t kDocumentsPerPiece = 16;
constexpr double kSmooth = 1e-3;

struct TokenizedDocument {
  std::vector<std::vector<int32_t>> parts;
  Status status;
};

TokenizedDocument Split(const Document& document, const Tokenizer& tokenizer) {
  TokenizedDocument out;
  const auto add = [&](std::string_view text, bool title) {
    std::vector<int32_t>& ids = out.parts.emplace_back();
    if (const Status status = tokenizer.Encode(text, ids); !status.ok()) out.status = status;
    std::erase(ids, tokenizer.unknown_id());
    ids.resize(std::min(ids.size(), Corpus::kMaxSentencePieces));
    if (ids.empty() && !title) out.parts.pop_back();
  };
  if (document.title.size() > kMaxTextBytes || document.content.size() > kMaxTextBytes) {
    out.status = InvalidArgument("a text of more than ", kMaxTextBytes, " bytes");
    return out;
  }
  add(Utf8Prefix(document.title, Corpus::kMaxContentBytes), true);
  for (const std::string_view sentence :
       Sentences(Utf8Prefix(document.content, Corpus::kMaxContentBytes))) {
    add(sentence, false);
  }
  return out;
}

std::vector<float> GainsOf(const Tokenizer& tokenizer,
                           const std::function<double(size_t piece)>& gain) {
  std::vector<float> gains;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const bool text = id != tokenizer.unknown_id() && !tokenizer.is_control(id);
    gains.push_back(text ? static_cast<float>(gain(static_cast<size_t>(id))) : 0.0f);
  }
  return gains;
}

}  // namespace

StatusOr<Corpus> Corpus::Read(std::span<const Document* const> documents,
                              const Tokenizer& tokenizer, const Progress& progress) {
  constexpr std::string_view kStage = "tokenize";
  Corpus corpus;
  std::vector<TokenizedDocument> group;
  for (size_t first = 0; first < documents.size(); first += kGroup) {
    if (progress) progress(kStage, first, documents.size());
    group.resize(std::min(kGroup, documents.size() - first));
    ParallelPieces(group.size(), kDocumentsPerPiece, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) group[i] = Split(*documents[first + i], tokenizer);
    });
    for (size_t i = 0; i < group.size(); ++i) {
      if (!group[i].status.ok()) return Annotate(group[i].status, Concat("document ", first + i));
      for (const std::vector<int32_t>& ids : group[i].parts) {
        corpus.ids_.insert(corpus.ids_.end(), ids.begin(), ids.end());
        corpus.begin_.push_back(corpus.ids_.size());
      }
      corpus.first_.push_back(corpus.begin_.size() - 1);
    }
  }
  if (progress) progress(kStage, documents.size(), documents.size());
  for (const Document* document : documents) corpus.times_.push_back(document->time);
  corpus.NumberValues(documents, tokenizer.vocab_size());
  if (corpus.ids_.empty()) {
    return InvalidArgument(documents.size(), " documents hold no piece that the tokenizer knows");
  }
  return corpus;
}

void Corpus::NumberValues(std::span<const Document* const> documents, int32_t first_id) {
  std::unordered_map<std::string_view, uint64_t> counts;
  for (const Document* document : documents) {
    for (const std::string& value : document->values) ++counts[value];
  }
  std::unordered_map<std::string_view, int32_t> ids;
  for (const Document* document : documents) {
    for (const std::string& value : document->values) {
      if (counts[value] < kFewestItems) continue;
      const auto next = first_id + static_cast<int32_t>(values_.size());
      const auto [found, inserted] = ids.try_emplace(value, next);
      if (inserted) values_.push_back({.name = value, .items = counts[value]});
      value_ids_.push_back(found->second);
    }
    first_value_.push_back(value_ids_.size());
  }
}

std::vector<float> DocumentFrequencyGains(const Corpus& corpus, const Tokenizer& tokenizer) {
  const auto vocab = static_cast<size_t>(tokenizer.vocab_size());
  std::vector<uint64_t> documents(vocab);
  std::vector<size_t> last(vocab, corpus.size());
  for (size_t i = 0; i < corpus.size(); ++i) {
    for (const int32_t id : corpus.all(i)) {
      const auto piece = static_cast<size_t>(id);
      if (std::exchange(last[piece], i) != i) ++documents[piece];
    }
  }
  const double greatest = std::log(1 + static_cast<double>(corpus.size())) + 1;
  return GainsOf(tokenizer, [&](size_t piece) {
    return 1 - std::log(1 + static_cast<double>(documents[piece])) / greatest;
  });
}

std::vector<float> InverseFrequencyGains(const Corpus& corpus, const Tokenizer& tokenizer) {
  std::vector<uint64_t> counts(static_cast<size_t>(tokenizer.vocab_size()));
  for (const int32_t id : corpus.ids()) ++counts[static_cast<size_t>(id)];
  const auto all = static_cast<double>(corpus.ids().size());
  return GainsOf(tokenizer, [&](size_t piece) {
    return kSmooth / (kSmooth + static_cast<double>(counts[piece]) / all);
  });
}

}  // namespace larder::text::internal
