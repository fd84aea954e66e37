// SPDX-License-Identifier: Apache-2.0
//
// What each kind of job does.
#include <algorithm>
#include <memory>

#include "ann/graph_base.h"
#include "ann/recall.h"
#include "base/low_priority.h"
#include "featurestore/vector_list.h"
#include "serving/index_build.h"
#include "serving/index_epoch.h"
#include "serving/index_query.h"
#include "serving/jobs.h"

namespace larder::serving {
namespace {

// What is encoded and activated at a time: so much that a log entry for it is little work, so
// little that a row that changes does not wait for a second (a transformer reads some 60 KB/s).
constexpr featurestore::PendingLimits kInt8Piece{.max_texts = 2'048, .max_bytes = 1u << 20};
constexpr featurestore::PendingLimits kFloatPiece{.max_texts = 256, .max_bytes = 16u << 10};
constexpr size_t kAppendBytes = size_t{1} << 20;
// Keys whose neighbours are looked at to measure recall, and to check an epoch.
constexpr size_t kQueries = 200;
constexpr uint64_t kSeed = 1;
// What was made must not be lost because more comes in than is stored at the moment.
constexpr std::chrono::seconds kQueuePatience{60};
constexpr std::chrono::milliseconds kQueueRetry{50};

}  // namespace

// The log's entry, waiting while the queue before it is full.
Status Jobs::Activate(const featurestore::Activation& activation, const std::stop_token& stop) {
  const Steady::time_point end = Steady::now() + kQueuePatience;
  while (true) {
    const Status status = parts_.store.Activate(activation).status();
    if (status.code() != StatusCode::kResourceExhausted || Steady::now() >= end) return status;
    if (stop.stop_requested()) return Cancelled("the server is shutting down");
    std::this_thread::sleep_for(kQueueRetry);
  }
}

Status Jobs::InstallBase(const Digest& feature, std::string_view bytes,
                         const std::stop_token& stop) {
  LARDER_ASSIGN_OR_RETURN(const auto writer, parts_.artifacts.Create());
  LARDER_RETURN_IF_ERROR(writer->BeginFile(featurestore::kBaseFileName));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kAppendBytes))) {
    LARDER_RETURN_IF_ERROR(writer->Append(bytes.substr(0, kAppendBytes)));
  }
  LARDER_ASSIGN_OR_RETURN(const Digest artifact, writer->Commit({}));
  return Activate({.kind = featurestore::Activation::Kind::kIndexBase,
                   .feature = feature,
                   .artifact = artifact},
                  stop);
}

Status Jobs::EncodeAndActivate(const Task& task, const Digest& space, size_t code_size,
                               const std::vector<featurestore::VectorInput>& inputs,
                               const std::stop_token& stop) {
  if (inputs.empty()) return OkStatus();
  std::vector<std::string_view> texts;
  for (const featurestore::VectorInput& input : inputs) texts.push_back(input.text);
  std::vector<int8_t> codes(texts.size() * code_size);
  LARDER_RETURN_IF_ERROR(AtLowPriority([&] {
    return parts_.encoders.Embed(space, registry::TextRole::kDocument, texts, codes);
  }));
  return Activate({.kind = featurestore::Activation::Kind::kVectors,
                   .feature = task.feature,
                   .vectors = featurestore::EncodeVectorList(inputs, codes)},
                  stop);
}

bool Jobs::OthersWantVectors(const Digest& feature) const {
  const featurestore::StoreStats stats = parts_.store.Stats();
  return std::any_of(stats.vectors.begin(), stats.vectors.end(), [&](const auto& other) {
    return other.wanted > 0 && other.feature != feature;
  });
}

// In pieces, each activated at once: what is done stays done, and rows that change meanwhile come
// before the others.
Status Jobs::MakeVectors(const Task& task, const std::stop_token& stop) {
  Digest space;
  size_t code_size = 0;
  bool floats = false;
  {
    LARDER_ASSIGN_OR_RETURN(const HeldIndex held,
                            HoldIndex(parts_.store, parts_.indexes, task.feature));
    const ann::VectorIndex& index = *held.live->index;
    space = index.space();
    code_size = index.shape().size();
    floats = index.shape().has_low;
  }
  featurestore::PendingVectors pending;
  {
    MutexLock lock(mu_);
    pending.next = scans_[task.feature].next;
  }
  for (uint64_t done = 0; !pending.is_last;) {
    if (stop.stop_requested()) return Cancelled("the server is shutting down");
    LARDER_ASSIGN_OR_RETURN(pending,
                            parts_.store.FindPendingVectors(task.feature, pending.next,
                                                            floats ? kFloatPiece : kInt8Piece));
    Progress(task.kind, done, done + pending.inputs.size() + pending.left);
    LARDER_RETURN_IF_ERROR(EncodeAndActivate(task, space, code_size, pending.inputs, stop));
    done += pending.inputs.size();
    Progress(task.kind, done, done + pending.left);
    NoteScan(task.feature, pending);
    if (OthersWantVectors(task.feature)) {
      has_more_vectors_ = true;
      return Cancelled("changed rows of another feature come first");
    }
  }
  return NoteAllVectors(task.feature, stop);
}

void Jobs::NoteScan(const Digest& feature, const featurestore::PendingVectors& pending) {
  MutexLock lock(mu_);
  scans_[feature] = {.next = pending.next, .left = pending.left};
}

Status Jobs::NoteAllVectors(const Digest& feature, const std::stop_token& stop) {
  const std::vector<featurestore::VectorStats> all = parts_.store.Stats().vectors;
  const auto stats = std::find_if(all.begin(), all.end(),
                                  [&](const auto& one) { return one.feature == feature; });
  if (stats == all.end() || stats->stage != featurestore::VectorStage::kComputing) {
    return OkStatus();
  }
  return Activate(
      {.kind = featurestore::Activation::Kind::kAllVectors, .feature = feature}, stop);
}

Status Jobs::CheckBase(const Task& task, const std::stop_token& stop) {
  std::shared_ptr<const ann::GraphBase> base;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    if (live != nullptr) base = live->index->base();
  }
  if (base == nullptr) return OkStatus();
  const Status loaded = AtLowPriority([&] { return base->Load(); });
  if (loaded.code() != StatusCode::kDataLoss) return loaded;
  {
    MutexLock lock(mu_);
    lanes_[kIndexLane].progress.error = Message(loaded);
  }
  // The store has the vectors, so the index goes on from them, and then wants another base.
  return Activate(
      {.kind = featurestore::Activation::Kind::kNoBase, .feature = task.feature}, stop);
}

// The first epoch of a name is activated as it is: nothing better is there.
Status Jobs::ActivateEpoch(const Task& task, const std::stop_token& stop) {
  std::optional<Digest> old;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    LARDER_ASSIGN_OR_RETURN(const NamedVector named, FindVector(task.name, *snapshot));
    if (named.active) old = named.feature->digest;
  }
  if (old.has_value() && *old != task.feature) {
    LARDER_ASSIGN_OR_RETURN(const CheckedEpoch checked, Check(task, *old, stop));
    MutexLock lock(mu_);
    checks_[task.feature] = checked;
    if (!checked.check.refusal.empty()) return OkStatus();
  }
  return Activate(
      {.kind = featurestore::Activation::Kind::kEpoch, .feature = task.feature}, stop);
}

StatusOr<Jobs::CheckedEpoch> Jobs::Check(const Task& task, const Digest& old,
                                         const std::stop_token& stop) {
  CheckedEpoch checked{.old = old, .base_digest = {}, .check = {}};
  std::vector<uint32_t> ids;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    const LiveIndex* before = parts_.indexes.Find(old, *snapshot);
    if (live == nullptr || before == nullptr) return NotFound("'", task.name, "' has no index");
    checked.base_digest = live->base_digest;
    checked.size = live->index->size();
    // Views of two entities have no key in common.
    if (live->entity == before->entity) ids = ann::DrawIds(*before->index, kQueries, kSeed);
  }
  EpochComparison comparison({parts_.store, parts_.indexes}, task.feature, old);
  for (size_t query = 0; query < ids.size(); ++query) {
    if (stop.stop_requested()) return Cancelled("the server is shutting down");
    Progress(task.kind, query, ids.size());
    LARDER_RETURN_IF_ERROR(comparison.Add(ids[query]));
  }
  Progress(task.kind, ids.size(), ids.size());
  checked.check = comparison.Finish(options_.epoch_bounds);
  return checked;
}

Status Jobs::BuildBase(const Task& task, const std::stop_token& stop) {
  const Steady::time_point start = Steady::now();
  Digest old_base;
  BaseInputReader reader;
  for (bool more = true; more;) {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    if (live == nullptr || live->index->size() == 0) return OkStatus();
    old_base = live->base_digest;
    more = reader.Read(*live, *snapshot);
  }
  const BaseInput input = reader.Take();
  const auto progress = [&](size_t done, size_t total) { Progress(task.kind, done, total); };
  LARDER_ASSIGN_OR_RETURN(const auto base, AtLowPriority([&] {
                            return MakeBase(input, options_.index_threads, progress, stop);
                          }));
  LARDER_RETURN_IF_ERROR(InstallBase(task.feature, base->bytes(), stop));
  built_[task.feature] = {.activated = Steady::now(), .took = Steady::now() - start};
  {
    MutexLock lock(mu_);
    BaseWrites& writes = writes_[task.feature];
    ++writes.bases;
    writes.bytes += base->bytes().size();
    writes.vectors += input.keys.size();
  }
  // An activation whose base was refused must not be repeated at once and for ever.
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, parts_.store.Read({}, Steady::now() + kReadWait));
  const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
  if (live != nullptr && live->base_digest == old_base && WantsBase(*live)) {
    return Internal("the new base of '", task.name, "' was not installed");
  }
  return OkStatus();
}

Status Jobs::MeasureRecall(const Task& task, const std::stop_token& stop) {
  Recall recall;
  std::vector<uint32_t> ids;
  {
    LARDER_ASSIGN_OR_RETURN(const HeldIndex held,
                            HoldIndex(parts_.store, parts_.indexes, task.feature));
    recall.base_digest = held.live->base_digest;
    ids = ann::DrawIds(*held.live->index, kQueries, kSeed);
  }
  IndexQueries queries(parts_.store, parts_.indexes);
  double sum = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (stop.stop_requested()) return Cancelled("the server is shutting down");
    Progress(task.kind, i, ids.size());
    LARDER_ASSIGN_OR_RETURN(const auto query, queries.Neighbours(task.feature, ids[i], 10));
    if (!query.has_value()) continue;
    LARDER_ASSIGN_OR_RETURN(const auto exact, queries.Exact(*query));
    LARDER_ASSIGN_OR_RETURN(const auto served, queries.Served(*query));
    sum += ann::Recall(served.hits, exact);
    ++recall.queries;
  }
  Progress(task.kind, ids.size(), ids.size());
  if (recall.queries > 0) recall.at_10 = sum / recall.queries;
  MutexLock lock(mu_);
  recalls_[task.feature] = recall;
  return OkStatus();
}

}  // namespace larder::serving
