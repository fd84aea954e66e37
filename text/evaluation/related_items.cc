// SPDX-License-Identifier: Apache-2.0
#include "text/evaluation/related_items.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "text/evaluation/ranking.h"
#include "text/internal/check_range.h"
#include "text/internal/random.h"

namespace larder::text {
namespace {

using internal::kNearest;
using internal::Searcher;

// An item, and what the same user engages with after it.
struct Question {
  uint32_t user = 0;
  uint32_t item = 0;
  std::vector<uint32_t> right;  // ascending
};

// Where the interactions of a test period ask a question: the item of one, and those behind it up
// to the end of the user's.
struct Place {
  size_t asks = 0;
  size_t end = 0;
};

// The interactions from `split` on, by user, then by time.
std::vector<Interaction> TestPeriod(std::span<const Interaction> interactions, TimeUs split) {
  std::vector<Interaction> test;
  for (const Interaction& i : interactions) {
    if (i.time >= split) test.push_back(i);
  }
  std::sort(test.begin(), test.end(), [](const Interaction& a, const Interaction& b) {
    return std::tie(a.user, a.time, a.item) < std::tie(b.user, b.time, b.item);
  });
  return test;
}

// The places of `test` that ask a question with a right answer; only items of `allowed` are right.
std::vector<Place> PlacesThatAsk(std::span<const Interaction> test,
                                 const std::vector<bool>& allowed) {
  std::vector<Place> places;
  for (size_t begin = 0, end; begin < test.size(); begin = end) {
    end = begin;
    while (end < test.size() && test[end].user == test[begin].user) ++end;
    // From the last on: the latest times of two allowed items tell whether one that is not the
    // asking one comes later.
    std::vector<size_t> latest;  // places of two different allowed items
    for (size_t i = end; i-- > begin && latest.size() < 2;) {
      if (!allowed[test[i].item]) continue;
      if (latest.empty() || test[latest[0]].item != test[i].item) latest.push_back(i);
    }
    std::unordered_set<uint32_t> seeds;
    for (size_t i = begin; i < end; ++i) {
      // An item's first time in the period is the one that asks.
      if (!seeds.insert(test[i].item).second) continue;
      const bool answered = std::any_of(latest.begin(), latest.end(), [&](size_t k) {
        return test[k].item != test[i].item && test[k].time > test[i].time;
      });
      if (answered) places.push_back({i, end});
    }
  }
  return places;
}

Question AskAt(std::span<const Interaction> test, const Place& place,
               const std::vector<bool>& allowed) {
  const Interaction& asks = test[place.asks];
  Question question{asks.user, asks.item, {}};
  for (size_t k = place.asks + 1; k < place.end; ++k) {
    const uint32_t item = test[k].item;
    if (test[k].time > asks.time && item != asks.item && allowed[item]) {
      question.right.push_back(item);
    }
  }
  std::sort(question.right.begin(), question.right.end());
  question.right.erase(std::unique(question.right.begin(), question.right.end()),
                       question.right.end());
  return question;
}

// Asks about the items among those of `searched`.
class RelatedSearch {
 public:
  RelatedSearch(const Encoder& encoder, std::span<const Document> documents,
                const std::vector<bool>& searched)
      : encoder_(encoder), number_of_(documents.size(), documents.size()) {
    texts_.reserve(documents.size());
    for (const Document& document : documents) texts_.push_back(FullText(document));
    for (size_t i = 0; i < documents.size(); ++i) {
      index_.AddFrequencies(texts_[i]);
      if (!searched[i]) continue;
      number_of_[i] = items_.size();
      items_.push_back(i);
      item_texts_.push_back(texts_[i]);
    }
    for (const std::string_view text : item_texts_) {
      index_.Add(text);
      bm25_.Add(text);
    }
    bm25_.Finish();
  }

  StatusOr<RelatedFigures> Measure(std::span<const Question> questions, uint64_t seed) const {
    std::vector<std::string_view> texts;
    std::vector<size_t> own;  // documents.size() for an item that is not searched
    std::vector<uint32_t> users;
    for (const Question& question : questions) {
      texts.push_back(texts_[question.item]);
      own.push_back(number_of_[question.item]);
      users.push_back(question.user);
    }
    LARDER_ASSIGN_OR_RETURN(
        const auto items, internal::VectorSet::Encode(encoder_, item_texts_, TextRole::kDocument));
    LARDER_ASSIGN_OR_RETURN(const auto queries,
                            internal::VectorSet::Encode(encoder_, texts, TextRole::kDocument));
    const auto shares = [&](const Searcher& searcher) {
      return Shares(internal::NearestTexts(searcher, items_.size(), own), questions);
    };
    const std::vector<double> encoder = shares(internal::VectorSearcher(items, queries));
    const std::vector<double> tfidf = shares(internal::TfIdfSearcher(index_, texts));
    const std::vector<double> bm25 = shares(internal::Bm25Searcher(bm25_, texts));
    RelatedFigures figures;
    figures.queries = questions.size();
    figures.items = items_.size();
    const auto count = static_cast<double>(questions.size());
    std::vector<double> differences;
    for (size_t q = 0; q < questions.size(); ++q) {
      figures.users += q == 0 || users[q] != users[q - 1];
      figures.encoder += encoder[q] / count;
      figures.tfidf += tfidf[q] / count;
      figures.bm25 += bm25[q] / count;
      differences.push_back(encoder[q] - tfidf[q]);
    }
    figures.difference = internal::BootstrapMean(differences, users, seed);
    return figures;
  }

 private:
  std::vector<double> Shares(const std::vector<std::vector<size_t>>& nearest,
                             std::span<const Question> questions) const {
    std::vector<double> shares;
    for (size_t q = 0; q < questions.size(); ++q) {
      const std::vector<uint32_t>& right = questions[q].right;
      double found = 0;
      for (const size_t i : nearest[q]) {
        found += std::binary_search(right.begin(), right.end(), static_cast<uint32_t>(items_[i]));
      }
      shares.push_back(found / static_cast<double>(std::min(kNearest, right.size())));
    }
    return shares;
  }

  const Encoder& encoder_;
  std::vector<std::string> texts_;     // of all documents
  std::vector<size_t> items_;          // the documents searched
  std::vector<std::string_view> item_texts_;
  std::vector<size_t> number_of_;      // a document's place in items_
  internal::TfIdf index_;
  internal::Bm25 bm25_;
};

StatusOr<RelatedFigures> MeasureAmong(const Encoder& encoder, std::span<const Document> documents,
                                      std::span<const Interaction> interactions, TimeUs split,
                                      const std::vector<bool>& searched,
                                      const RelatedOptions& options) {
  const std::vector<Interaction> test = TestPeriod(interactions, split);
  const std::vector<Place> places = PlacesThatAsk(test, searched);
  std::vector<Question> questions;
  for (const size_t i :
       internal::SampleIndices(places.size(), options.max_queries, options.seed)) {
    questions.push_back(AskAt(test, places[i], searched));
  }
  if (questions.empty()) return RelatedFigures();
  return RelatedSearch(encoder, documents, searched).Measure(questions, options.seed);
}

}  // namespace

TimeUs SplitTime(std::span<const Interaction> interactions, double test_share) {
  if (interactions.empty()) return std::numeric_limits<TimeUs>::max();
  std::vector<TimeUs> times;
  for (const Interaction& interaction : interactions) times.push_back(interaction.time);
  const auto test = std::lround(static_cast<double>(times.size()) * test_share);
  const size_t at = times.size() - std::clamp<size_t>(static_cast<size_t>(test), 1, times.size());
  const auto place = times.begin() + static_cast<std::ptrdiff_t>(at);
  std::nth_element(times.begin(), place, times.end());
  return *place;
}

StatusOr<RelatedEvaluation> EvaluateRelated(const Encoder& encoder,
                                            std::span<const Document> documents,
                                            std::span<const Interaction> interactions,
                                            const RelatedOptions& options,
                                            const Progress& progress) {
  LARDER_RETURN_IF_ERROR(internal::CheckRange("max_queries", options.max_queries, 1, 100'000));
  if (!(options.test_share >= 0.01 && options.test_share <= 0.9)) {
    return InvalidArgument("test_share is ", options.test_share, ", expected 0.01 to 0.9");
  }
  for (size_t i = 0; i < interactions.size(); ++i) {
    if (interactions[i].item < documents.size()) continue;
    return InvalidArgument("interaction ", i, " is with item ", interactions[i].item, " of ",
                           documents.size());
  }
  RelatedEvaluation result;
  result.split = SplitTime(interactions, options.test_share);
  std::vector<bool> all(documents.size(), true);
  std::vector<bool> cold = all;
  for (const Interaction& interaction : interactions) {
    if (interaction.time < result.split) cold[interaction.item] = false;
  }
  constexpr std::string_view kStage = "evaluate related items";
  if (progress) progress(kStage, 0, 2);
  LARDER_ASSIGN_OR_RETURN(
      result.all, MeasureAmong(encoder, documents, interactions, result.split, all, options));
  if (result.all.queries == 0) {
    return InvalidArgument("no user engages with two items one after the other from ",
                           FormatTime(result.split), " on, the last of ", interactions.size(),
                           " interactions");
  }
  if (progress) progress(kStage, 1, 2);
  LARDER_ASSIGN_OR_RETURN(
      result.cold, MeasureAmong(encoder, documents, interactions, result.split, cold, options));
  if (progress) progress(kStage, 2, 2);
  return result;
}

}  // namespace larder::text
