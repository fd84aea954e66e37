// SPDX-License-Identifier: Apache-2.0
#include "tests/ann/graph_exercise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "ann/graph_base.h"
#include "ann/search.h"
#include "ann/vector_index.h"
#include "base/hash.h"

namespace larder::ann {
namespace {

using Random = std::mt19937_64;

Status CheckRefusal(const Status& status, std::string_view path) {
  const StatusCode code = status.code();
  const bool known = code == StatusCode::kDataLoss || code == StatusCode::kUnimplemented ||
                     code == StatusCode::kFailedPrecondition;
  if (known && Message(status).find(path) != std::string_view::npos) return OkStatus();
  return Internal("refused with ", status.ToString());
}

double CosineOf(const CodeShape& shape, std::span<const int8_t> a, std::span<const int8_t> b) {
  int64_t dot = 0;
  int64_t norm_a = 0;
  int64_t norm_b = 0;
  for (size_t i = 0; i < shape.dim; ++i) {
    const int64_t x = shape.has_low ? 256 * a[i] + a[shape.dim + i] : a[i];
    const int64_t y = shape.has_low ? 256 * b[i] + b[shape.dim + i] : b[i];
    dot += x * y;
    norm_a += x * x;
    norm_b += y * y;
  }
  return static_cast<double>(dot) /
         std::sqrt(static_cast<double>(norm_a) * static_cast<double>(norm_b));
}

// An index that holds some of a base's vectors, others under some of its keys and some more, and
// a map of the same.
class Subject {
 public:
  Subject(std::shared_ptr<const GraphBase> base, uint64_t seed)
      : random_(seed), base_(std::move(base)), shape_(base_->shape()) {
    index_.emplace(VectorIndexOptions{.shape = shape_, .space = base_->space()});
  }

  Status FillAndInstall() {
    ids_.assign(base_->row_count(), kNoId);
    bool twice = false;
    for (uint32_t row = 0; row < base_->row_count(); ++row) {
      if (random_() % 8 == 0) continue;
      const std::string key(base_->key(row));
      ids_[row] = id_of_key_.try_emplace(key, static_cast<uint32_t>(keys_.size())).first->second;
      twice = twice || ids_[row] < keys_.size();
      if (ids_[row] == keys_.size()) keys_.push_back(key);
      const uint64_t what = random_() % 8;
      if (what == 0) continue;
      LARDER_RETURN_IF_ERROR(Upsert(
          ids_[row], what == 1 ? Vector() : base_->vector(base_->node_of_row(row)).Codes()));
    }
    const size_t extra = random_() % 8 == 0 ? 600 : random_() % 6;
    for (size_t i = 0; i < extra; ++i) {
      std::string key = Concat("extra", i);
      while (!id_of_key_.try_emplace(key, static_cast<uint32_t>(keys_.size())).second) key += '+';
      LARDER_RETURN_IF_ERROR(Upsert(static_cast<uint32_t>(keys_.size()), Vector()));
      keys_.push_back(key);
    }
    return Install(twice);
  }

  Status Upsert(uint32_t id, std::vector<int8_t> codes) {
    LARDER_RETURN_IF_ERROR(index_->Upsert(id, codes));
    if (IsZero(codes)) {
      vectors_.erase(id);
    } else {
      vectors_[id] = std::move(codes);
    }
    return OkStatus();
  }

  // Ids that come twice are refused; then all but the first are gone keys, and it must work.
  Status Install(bool twice) {
    if (twice) {
      const Status refused = index_->InstallBase(base_, ids_);
      if (refused.code() != StatusCode::kInvalidArgument) {
        return Internal("two rows of one id: ", refused.ToString());
      }
      std::vector<bool> seen(keys_.size());
      for (uint32_t& id : ids_) {
        if (id == kNoId) continue;
        if (seen[id]) {
          id = kNoId;
        } else {
          seen[id] = true;
        }
      }
    }
    return index_->InstallBase(base_, ids_);
  }

  std::vector<int8_t> Vector() {
    std::vector<int8_t> codes(shape_.size());
    const uint64_t kind = random_() % 4;
    if (kind == 0 && !vectors_.empty()) {  // one that is there
      return std::next(vectors_.begin(), static_cast<ptrdiff_t>(random_() % vectors_.size()))
          ->second;
    }
    for (int8_t& code : codes) {
      const auto value = static_cast<int8_t>(random_());
      code = kind == 1 ? static_cast<int8_t>(value < 0 ? -1 - value : value)  // one quadrant
                       : value;
      if (kind == 2 && random_() % 16 != 0) code = 0;  // sparse
    }
    return codes;
  }

  // `whole`: Load was content with the base.
  Status SearchAll(bool whole) {
    std::vector<std::vector<int8_t>> queries;
    std::vector<Bitmap> filters;
    std::vector<SearchRequest> requests;
    for (int i = 0; i < 3; ++i) {
      queries.push_back(Vector());
      if (IsZero(queries.back())) queries.back()[0] = 1;
      filters.emplace_back(keys_.size());
      const uint64_t share = 1 + random_() % 4;
      for (uint32_t id = 0; id < keys_.size(); ++id) {
        if (random_() % share == 0) filters.back().Set(id);
      }
    }
    const std::vector<uint32_t> exclude = {0, 3};
    for (int i = 0; i < 3; ++i) {
      for (int plan = -2; plan < 4; ++plan) {
        SearchRequest request{.query = queries[static_cast<size_t>(i)], .space = base_->space()};
        const size_t counts[] = {1, 3, vectors_.size() + 1, kMaxK};
        request.k = std::min(kMaxK, counts[random_() % 4]);
        request.effort = random_() % 2 == 0 ? 0 : 1 + random_() % 40;
        if (random_() % 2 == 0) request.filter = &filters[static_cast<size_t>(i)];
        if (random_() % 4 == 0) request.exclude = exclude;
        request.exact = plan == -2;
        if (plan >= 0) request.plan = static_cast<Plan>(plan);
        requests.push_back(request);
      }
    }
    LARDER_ASSIGN_OR_RETURN(const auto together, index_->SearchBatch(requests));
    for (size_t i = 0; i < requests.size(); ++i) {
      LARDER_ASSIGN_OR_RETURN(const SearchResult alone, index_->Search(requests[i]));
      if (alone.hits != together[i].hits) return Internal("a batch gives other hits");
      LARDER_RETURN_IF_ERROR(
          Annotate(Check(requests[i], alone, whole),
                   Concat(Describe(alone), ", k ", requests[i].k, ", effort ",
                          requests[i].effort, ", filter ", requests[i].filter != nullptr)));
    }
    return OkStatus();
  }

  Status Check(const SearchRequest& request, const SearchResult& result, bool whole) const {
    if (result.hits.size() > request.k) return Internal(result.hits.size(), " hits");
    for (size_t i = 0; i < result.hits.size(); ++i) {
      const auto& [id, score] = result.hits[i];
      const auto found = vectors_.find(id);
      if (found == vectors_.end() || !Admits(request, id)) return Internal("hit is id ", id);
      const double cosine = CosineOf(shape_, request.query, found->second);
      if (!(std::abs(score - cosine) <= 1e-12)) return Internal("score ", score, " of ", cosine);
      if (i == 0) continue;
      const Hit& before = result.hits[i - 1];
      if (before.score < score || (before.score == score && before.id >= id)) {
        return Internal("hit ", i, " is not in order");
      }
    }
    if (!whole) return OkStatus();
    std::vector<Hit> expected;
    for (const auto& [id, codes] : vectors_) {
      if (Admits(request, id)) expected.push_back({id, CosineOf(shape_, request.query, codes)});
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    expected.resize(std::min(expected.size(), request.k));
    if (result.hits.size() != expected.size()) {
      return Internal(result.hits.size(), " hits of ", expected.size());
    }
    if (result.plan != Plan::kScan && result.plan != Plan::kSurvivors) return OkStatus();
    for (size_t i = 0; i < expected.size(); ++i) {
      if (std::abs(expected[i].score - result.hits[i].score) > 1e-12) {
        return Internal("hit ", i, " of an exact scan is id ", result.hits[i].id, ", expected ",
                        expected[i].id);
      }
    }
    return OkStatus();
  }

  // Folds the delta in and searches what comes of it.
  Status Fold(bool whole) const {
    const VectorIndex::FoldInput input = index_->TakeFoldInput();
    std::vector<std::string> keys;
    for (const uint32_t id : input.added.ids) keys.push_back(keys_[id]);
    const auto folded =
        FoldGraphBase(*input.base, input.removed, input.added.codes, keys, {.ef_construction = 8});
    if (!folded.ok()) {
      const bool nothing_left =
          vectors_.empty() && folded.status().code() == StatusCode::kInvalidArgument;
      if (nothing_left || !whole) return OkStatus();
      return Internal("fold: ", folded.status().ToString());
    }
    const auto copy = GraphBase::FromBytes((*folded)->bytes(), "folded");
    if (!copy.ok()) return whole ? Internal("fold: ", copy.status().ToString()) : OkStatus();
    Subject next(*folded, random_());
    next.keys_ = keys_;
    for (const auto& [id, codes] : vectors_) LARDER_RETURN_IF_ERROR(next.Upsert(id, codes));
    for (size_t row = 0; row < (*folded)->row_count(); ++row) {
      next.ids_.push_back(id_of_key_.at(std::string((*folded)->key(row))));
    }
    LARDER_RETURN_IF_ERROR(next.Install(false));
    const VectorIndex::Stats stats = next.index_->GetStats();
    if (stats.delta_size != 0 || stats.masked_rows != 0) {
      return Internal("fold: ", stats.delta_size, " in the delta, ", stats.masked_rows, " masked");
    }
    return Annotate(next.SearchAll(true), "after the fold");
  }

  // Every search says what is wrong, or goes on without the base.
  Status SearchDamaged(std::string_view path) {
    const Status status = SearchAll(false);
    return status.ok() || status.code() == StatusCode::kInternal ? status
                                                                 : CheckRefusal(status, path);
  }

 private:
  static bool Admits(const SearchRequest& request, uint32_t id) {
    return (request.filter == nullptr || request.filter->Test(id)) &&
           !std::binary_search(request.exclude.begin(), request.exclude.end(), id);
  }

  mutable Random random_;
  const std::shared_ptr<const GraphBase> base_;
  const CodeShape shape_;
  std::optional<VectorIndex> index_;
  std::map<std::string, uint32_t, std::less<>> id_of_key_;
  std::vector<std::string> keys_;  // by id
  std::vector<uint32_t> ids_;      // by row
  std::map<uint32_t, std::vector<int8_t>> vectors_;
};

}  // namespace

StatusOr<GraphFate> ExerciseGraphFile(std::string_view file, const std::string& dir) {
  const std::string path = JoinPath(dir, "index.larder");
  std::filesystem::remove(path);  // a file that is cut and written again is synced by some
  std::ofstream(path, std::ios::binary) << file;
  const auto opened = GraphBase::Open(dir);
  const auto read = GraphBase::FromBytes(file, path);
  if (!opened.ok()) {
    LARDER_RETURN_IF_ERROR(CheckRefusal(opened.status(), path));
    if (read.ok()) return Internal("Open refuses what FromBytes takes");
    LARDER_RETURN_IF_ERROR(CheckRefusal(read.status(), path));
    return GraphFate::kRefused;
  }
  Subject subject(*opened, Hash64(file));
  LARDER_RETURN_IF_ERROR(subject.FillAndInstall());
  LARDER_RETURN_IF_ERROR(Annotate(subject.SearchAll(false), "before Load"));
  LARDER_RETURN_IF_ERROR(Annotate(subject.Fold(false), "before Load"));
  const Status loaded = (*opened)->Load();
  if (loaded.ok() != read.ok()) {
    return Internal("Load: ", loaded.ToString(), "; FromBytes: ", read.status().ToString());
  }
  if (!loaded.ok()) {
    LARDER_RETURN_IF_ERROR(CheckRefusal(loaded, path));
    LARDER_RETURN_IF_ERROR(CheckRefusal(read.status(), path));
    LARDER_RETURN_IF_ERROR(subject.SearchDamaged(path));
    return GraphFate::kDamaged;
  }
  LARDER_RETURN_IF_ERROR(Annotate(subject.SearchAll(true), "after Load"));
  LARDER_RETURN_IF_ERROR(subject.Fold(true));
  return GraphFate::kGood;
}

}  // namespace larder::ann
