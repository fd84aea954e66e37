// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "text/evaluation/evaluate.h"
#include "text/evaluation/ranking.h"
#include "text/internal/random.h"

namespace larder::text::internal {
namespace {

// Shorter sentences ("Foo.") ask for nothing in particular.
constexpr size_t kMinQueryBytes = 20;

struct Queries {
  std::vector<std::string_view> texts;
  std::vector<size_t> own;  // the item that each asks for
};

// The sentence that asks for an item; empty if it has none that is long enough.
std::string_view QueryOf(const Document& document, QuerySentence which, Random& random) {
  if (which == QuerySentence::kFirst) {
    const std::string_view first = FirstSentence(document.content);
    return first.size() >= kMinQueryBytes ? first : std::string_view();
  }
  std::vector<std::string_view> sentences = Sentences(document.content);
  std::erase_if(sentences, [](std::string_view s) { return s.size() < kMinQueryBytes; });
  return sentences.empty() ? std::string_view() : sentences[random.Below(sentences.size())];
}

Queries ChooseQueries(std::span<const Document* const> documents,
                      std::span<const size_t> asked, const EvaluationOptions& options) {
  Random random(options.seed);
  Queries all;
  for (const size_t i : asked) {
    if (documents[i]->title.empty()) continue;  // there is nothing to find
    const std::string_view text = QueryOf(*documents[i], options.sentence, random);
    if (text.empty()) continue;
    all.texts.push_back(text);
    all.own.push_back(i);
  }
  Queries chosen;
  for (const size_t i :
       SampleIndices(all.own.size(), options.max_known_item_queries, options.seed)) {
    chosen.texts.push_back(all.texts[i]);
    chosen.own.push_back(all.own[i]);
  }
  return chosen;
}

}  // namespace

std::vector<size_t> Newest(std::span<const Document* const> documents, uint64_t count) {
  std::vector<size_t> order(documents.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return documents[a]->time < documents[b]->time;
  });
  if (count < order.size()) {
    order.erase(order.begin(), order.end() - static_cast<std::ptrdiff_t>(count));
  }
  std::sort(order.begin(), order.end());
  return order;
}

Status MeasureKnownItems(const Encoder& encoder, std::span<const Document* const> documents,
                         std::span<const size_t> asked, const EvaluationOptions& options,
                         const Progress& progress, Evaluation& result) {
  const Queries queries = ChooseQueries(documents, asked, options);
  result.known_item_queries = queries.own.size();
  if (queries.own.empty()) return OkStatus();

  constexpr std::string_view kStage = "evaluate known items";
  constexpr uint64_t kSteps = 6;
  const auto tell = [&](uint64_t step) {
    if (progress) progress(kStage, step, kSteps);
  };
  tell(0);
  std::vector<std::string_view> titles;
  for (const Document* document : documents) titles.push_back(document->title);
  LARDER_ASSIGN_OR_RETURN(const VectorSet title_vectors,
                          VectorSet::Encode(encoder, titles, TextRole::kDocument));
  LARDER_ASSIGN_OR_RETURN(const VectorSet query_vectors,
                          VectorSet::Encode(encoder, queries.texts, TextRole::kQuery));
  tell(1);
  const auto measure = [&](const Searcher& searcher) {
    return RetrievalOf(RanksOfOwn(searcher, documents.size(), queries.own));
  };
  result.encoder = measure(VectorSearcher(title_vectors, query_vectors));
  tell(2);
  {
    Bm25 index;
    for (const std::string_view title : titles) index.Add(title);
    index.Finish();
    result.bm25 = measure(Bm25Searcher(index, queries.texts));
  }
  tell(3);
  TfIdf index;
  for (const Document* document : documents) index.AddFrequencies(FullText(*document));
  tell(4);
  for (const std::string_view title : titles) index.Add(title);
  tell(5);
  result.tfidf = measure(TfIdfSearcher(index, queries.texts));
  tell(kSteps);
  return OkStatus();
}

}  // namespace larder::text::internal
