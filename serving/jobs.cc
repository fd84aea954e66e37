// SPDX-License-Identifier: Apache-2.0
#include "serving/jobs.h"

#include <algorithm>
#include <memory>
#include <set>

#include "ann/graph_base.h"
#include "serving/caught.h"
#include "serving/index_epoch.h"
#include "serving/index_query.h"

namespace larder::serving {
namespace {

constexpr size_t kRemembered = 8;

std::chrono::milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               start);
}

// True if the index has a base that is known to be whole, or wants none.
bool HasBase(const ann::VectorIndex& index) {
  return index.base() == nullptr ? !index.WantsBase() : index.base()->is_loaded();
}

}  // namespace

Jobs::Jobs(const Parts& parts, const JobsOptions& options)
    : parts_(parts), options_(options) {
  for (size_t lane = 0; lane < threads_.size(); ++lane) {
    threads_[lane] =
        std::jthread([this, lane](const std::stop_token& stop) { Loop(lane, stop); });
  }
}

Jobs::~Jobs() {
  for (std::jthread& thread : threads_) thread.request_stop();
  MutexLock lock(wake_mu_);
  wake_.SignalAll();
}

StatusOr<std::vector<Jobs::Task>> Jobs::Find() const {
  std::vector<Task> tasks;
  std::vector<featurestore::VectorStats> ready;
  std::set<Digest> computing;
  for (const featurestore::VectorStats& stats : parts_.store.Stats().vectors) {
    if (stats.stage == featurestore::VectorStage::kComputing) computing.insert(stats.feature);
    if (stats.stage == featurestore::VectorStage::kReady) ready.push_back(stats);
    if (stats.stage == featurestore::VectorStage::kComputing || stats.wanted > 0) {
      tasks.push_back({Kind::kVectors, stats.feature, stats.name});
    }
  }
  LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                          parts_.store.Read({}, Steady::now() + kReadWait));
  for (const LiveIndex* live : parts_.indexes.All(*snapshot)) {
    const auto& base = live->index->base();
    // A base that is built before all vectors are there would be built twice.
    if (computing.contains(live->feature) && !parts_.indexes.IsFull(*live)) continue;
    // Nothing is made of a base that is damaged, or may be.
    if (base != nullptr && !base->is_loaded()) {
      tasks.push_back({Kind::kIndexCheck, live->feature, live->name});
    } else if (WantsBase(*live)) {
      tasks.push_back({Kind::kIndexBase, live->feature, live->name});
    } else if (live->base_digest != Digest()) {
      if (!RecallOf(*live).has_value()) {
        tasks.push_back({Kind::kRecall, live->feature, live->name});
      }
    }
  }
  for (const featurestore::VectorStats& stats : ready) {
    const LiveIndex* live = parts_.indexes.Find(stats.feature, *snapshot);
    if (live == nullptr) continue;
    // One that no name of the live revision means has nothing to take the place of.
    const registry::VectorFeature* feature = FindLive(stats.feature, *snapshot);
    if (feature == nullptr) continue;
    // What would take the place of another is not slower than that: it has its base first.
    LARDER_ASSIGN_OR_RETURN(const NamedVector named, FindVector(feature->name, *snapshot));
    if (named.active && (!HasBase(*live->index) || IsRefused(*live, named.feature->digest))) {
      continue;
    }
    tasks.push_back({Kind::kEpoch, stats.feature, feature->name});
  }
  return tasks;
}

bool Jobs::IsRefused(const LiveIndex& live, const Digest& old) const {
  MutexLock lock(mu_);
  const auto it = checks_.find(live.feature);
  if (it == checks_.end() || it->second.check.refusal.empty()) return false;
  // Other vectors may pass, and the same ones beside another epoch.
  constexpr double kSameSize = 0.1;
  const auto size = static_cast<double>(live.index->size());
  const auto checked = static_cast<double>(it->second.size);
  return it->second.old == old && it->second.base_digest == live.base_digest &&
         std::abs(size - checked) <= kSameSize * checked;
}

bool Jobs::WantsBase(const LiveIndex& live) const {
  return live.index->WantsBase() || parts_.indexes.IsFull(live);
}

StatusOr<bool> Jobs::Idle() const {
  LARDER_ASSIGN_OR_RETURN(const std::vector<Task> tasks, Find());
  MutexLock lock(mu_);
  return tasks.empty() && std::none_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
           return lane.running.has_value();
         });
}

bool Jobs::IsQuiet(const LiveIndex& live, Steady::time_point now) {
  const ann::VectorIndex::Stats stats = live.index->GetStats();
  const size_t changes = stats.delta_size + stats.masked_rows;
  const auto [it, is_new] = watches_.try_emplace(live.feature);
  Watch& watch = it->second;
  if (is_new) watch.wanted = now;
  if (is_new || watch.changes != changes) {
    watch.changes = changes;
    watch.changed = now;
  }
  return now - watch.changed >= options_.index_quiet ||
         now - watch.wanted >= options_.index_patience;
}

bool Jobs::IsDue(const Task& task, Steady::time_point now) {
  {
    MutexLock lock(mu_);
    const auto it = failures_.find(task);
    if (it != failures_.end() && now < it->second.next) return false;
  }
  if (task.kind != Kind::kIndexBase) return true;
  const auto snapshot = parts_.store.Read({}, now + kReadWait);
  if (!snapshot.ok()) return false;
  const LiveIndex* live = parts_.indexes.Find(task.feature, **snapshot);
  if (live == nullptr) return false;
  if (parts_.indexes.IsFull(*live)) return true;  // ingest waits for it
  const bool quiet = IsQuiet(*live, now);  // also where it is too soon: it notes since when
  const auto built = built_.find(task.feature);
  // It is about as long until the next base is activated as it was for the last one.
  return quiet && (built == built_.end() || now + built->second.took - built->second.activated >=
                                                options_.index_interval);
}

void Jobs::Loop(size_t lane, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    // A store that cannot be read now can be later; every call in it says what is wrong.
    if (const auto tasks = Find(); tasks.ok()) {
      {
        // What nobody asks for any more is not waited for either.
        MutexLock lock(mu_);
        std::erase_if(failures_, [&](const auto& failure) {
          return std::find(tasks->begin(), tasks->end(), failure.first) == tasks->end();
        });
      }
      for (const Task& task : *tasks) {
        if (stop.stop_requested()) break;
        if (LaneOf(task.kind) == lane && IsDue(task, Steady::now())) RunTask(task, stop);
      }
    }
    if (lane == kVectorLane && std::exchange(has_more_vectors_, false)) continue;
    MutexLock lock(wake_mu_);
    if (!stop.stop_requested()) wake_.WaitUntil(wake_mu_, Steady::now() + options_.poll);
  }
}

Status Jobs::Work(const Task& task, const std::stop_token& stop) {
  switch (task.kind) {
    case Kind::kVectors: return MakeVectors(task, stop);
    case Kind::kIndexCheck: return CheckBase(task, stop);
    case Kind::kIndexBase: return BuildBase(task, stop);
    case Kind::kEpoch: return ActivateEpoch(task, stop);
    case Kind::kRecall: return MeasureRecall(task, stop);
  }
  return OkStatus();
}

void Jobs::RunTask(const Task& task, const std::stop_token& stop) {
  const size_t at = LaneOf(task.kind);
  {
    MutexLock lock(mu_);
    lanes_[at] = {.running = task,
                  .progress = {.kind = task.kind,
                               .subject = task.name,
                               .state = State::kRunning,
                               .done = 0,
                               .total = 0,
                               .error = {},
                               .elapsed = {}},
                  .started = Steady::now()};
  }
  const Status status = Caught([&] { return Work(task, stop); });
  if (at == kIndexLane) watches_.erase(task.feature);
  MutexLock lock(mu_);
  Lane& lane = lanes_[at];
  lane.running.reset();
  lane.progress.elapsed = Since(lane.started);
  if (status.ok()) {
    failures_.erase(task);
    lane.progress.state = State::kDone;
    // Rows that change make a job of vectors every moment: the last one stands for them.
    if (task.kind == Kind::kVectors) {
      std::erase_if(done_, [&](const Report& report) {
        return report.kind == task.kind && report.subject == task.name;
      });
    }
    done_.push_front(lane.progress);
    if (done_.size() > kRemembered) done_.pop_back();
  } else if (status.code() != StatusCode::kCancelled) {
    Failure& failure = failures_[task];
    failure.wait = std::min(failure.wait.count() == 0 ? options_.retry : 2 * failure.wait,
                            options_.retry_max);
    failure.next = Steady::now() + failure.wait;
    failure.error = std::string(Message(status));
  }
}

void Jobs::Progress(Kind kind, uint64_t done, uint64_t total) {
  MutexLock lock(mu_);
  lanes_[LaneOf(kind)].progress.done = done;
  lanes_[LaneOf(kind)].progress.total = total;
}

uint64_t Jobs::VectorsLeft(const Digest& feature) const {
  MutexLock lock(mu_);
  const auto scan = scans_.find(feature);
  return scan == scans_.end() ? 0 : scan->second.left;
}

std::optional<Jobs::Recall> Jobs::RecallOf(const LiveIndex& live) const {
  MutexLock lock(mu_);
  const auto it = recalls_.find(live.feature);
  const bool measured = it != recalls_.end() && live.base_digest != Digest() &&
                        it->second.base_digest == live.base_digest;
  if (!measured) return std::nullopt;
  return it->second;
}

std::optional<EpochCheck> Jobs::CheckOf(const Digest& feature) const {
  MutexLock lock(mu_);
  const auto it = checks_.find(feature);
  return it == checks_.end() ? std::nullopt : std::optional(it->second.check);
}

Jobs::BaseWrites Jobs::WritesOf(const Digest& feature) const {
  MutexLock lock(mu_);
  const auto it = writes_.find(feature);
  return it == writes_.end() ? BaseWrites() : it->second;
}

std::vector<Jobs::Report> Jobs::Reports() const {
  MutexLock lock(mu_);
  std::vector<Report> reports;
  for (const Lane& lane : lanes_) {
    if (!lane.running.has_value()) continue;
    reports.push_back(lane.progress);
    reports.back().elapsed = Since(lane.started);
  }
  for (const auto& [task, failure] : failures_) {
    if (lanes_[LaneOf(task.kind)].running == task) continue;
    reports.push_back({.kind = task.kind,
                       .subject = task.name,
                       .state = State::kRetrying,
                       .done = 0,
                       .total = 0,
                       .error = failure.error,
                       .elapsed = {}});
  }
  reports.insert(reports.end(), done_.begin(), done_.end());
  return reports;
}

}  // namespace larder::serving
