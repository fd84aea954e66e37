// SPDX-License-Identifier: Apache-2.0
#include "serving/jobs.h"

#include <algorithm>
#include <memory>

#include "ann/graph_base.h"
#include "ann/recall.h"
#include "serving/index_build.h"

namespace larder::serving {
namespace {

// Texts encoded between two looks at the stop token.
constexpr size_t kTextsAtATime = 512;
constexpr size_t kAppendBytes = size_t{1} << 20;
constexpr size_t kRemembered = 8;
constexpr uint32_t kRecallQueries = 200;
constexpr uint64_t kRecallSeed = 1;
// For reads that must not hold up anybody for long.
constexpr std::chrono::seconds kReadWait{10};

std::chrono::milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               start);
}

}  // namespace

Jobs::Jobs(const Parts& parts, const JobsOptions& options)
    : parts_(parts), options_(options), thread_([this](const std::stop_token& stop) {
        Loop(stop);
      }) {}

Jobs::~Jobs() {
  thread_.request_stop();
  MutexLock lock(wake_mu_);
  wake_.SignalAll();
}

StatusOr<std::vector<Jobs::Task>> Jobs::Find() const {
  std::vector<Task> tasks;
  // Vectors first: a base that is built before them would be built twice.
  for (const featurestore::VectorStats& stats : parts_.store.Stats().vectors) {
    if (!stats.active) tasks.push_back({Kind::kVectors, stats.feature, stats.name});
  }
  LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                          parts_.store.Read({}, Steady::now() + kReadWait));
  for (const LiveIndex* live : parts_.indexes.All(*snapshot)) {
    const auto& base = live->index->base();
    // Nothing is made of a base that is damaged, or may be.
    if (base != nullptr && !base->is_loaded()) {
      tasks.push_back({Kind::kIndexCheck, live->feature, live->name});
    } else if (live->index->WantsBase()) {
      tasks.push_back({Kind::kIndexBase, live->feature, live->name});
    } else if (live->base_digest != Digest()) {
      const std::optional<Recall> recall = RecallOf(live->feature);
      if (!recall.has_value() || recall->base_digest != live->base_digest) {
        tasks.push_back({Kind::kRecall, live->feature, live->name});
      }
    }
  }
  return tasks;
}

StatusOr<bool> Jobs::Idle() const {
  LARDER_ASSIGN_OR_RETURN(const std::vector<Task> tasks, Find());
  MutexLock lock(mu_);
  return tasks.empty() && !running_.has_value();
}

bool Jobs::IsQuiet(const Task& task, Steady::time_point now) {
  const auto snapshot = parts_.store.Read({}, now + kReadWait);
  if (!snapshot.ok()) return false;
  const LiveIndex* live = parts_.indexes.Find(task.feature, **snapshot);
  if (live == nullptr) return false;
  const ann::VectorIndex::Stats stats = live->index->GetStats();
  const size_t changes = stats.delta_size + stats.masked_rows;
  const auto [it, is_new] = watches_.try_emplace(task.feature);
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
  const auto built = built_.find(task.feature);
  if (built != built_.end() && now - built->second < options_.index_interval) return false;
  return IsQuiet(task, now);
}

void Jobs::Loop(const std::stop_token& stop) {
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
        if (IsDue(task, Steady::now())) RunTask(task, stop);
      }
    }
    MutexLock lock(wake_mu_);
    if (!stop.stop_requested()) wake_.WaitUntil(wake_mu_, Steady::now() + options_.poll);
  }
}

void Jobs::RunTask(const Task& task, const std::stop_token& stop) {
  {
    MutexLock lock(mu_);
    running_ = task;
    started_ = Steady::now();
    progress_ = {.kind = task.kind,
                 .subject = task.name,
                 .state = State::kRunning,
                 .done = 0,
                 .total = 0,
                 .error = {},
                 .elapsed = {}};
  }
  Status status;
  switch (task.kind) {
    case Kind::kVectors: status = Backfill(task, stop); break;
    case Kind::kIndexCheck: status = CheckBase(task); break;
    case Kind::kIndexBase: status = BuildBase(task, stop); break;
    case Kind::kRecall: status = MeasureRecall(task, stop); break;
  }
  watches_.erase(task.feature);
  MutexLock lock(mu_);
  running_.reset();
  progress_.elapsed = Since(started_);
  if (status.ok()) {
    failures_.erase(task);
    progress_.state = State::kDone;
    done_.push_front(progress_);
    if (done_.size() > kRemembered) done_.pop_back();
  } else if (status.code() != StatusCode::kCancelled) {
    Failure& failure = failures_[task];
    failure.wait = std::min(failure.wait.count() == 0 ? options_.retry : 2 * failure.wait,
                            options_.retry_max);
    failure.next = Steady::now() + failure.wait;
    failure.error = std::string(Message(status));
  }
}

void Jobs::Progress(uint64_t done, uint64_t total) {
  MutexLock lock(mu_);
  progress_.done = done;
  progress_.total = total;
}

Status Jobs::Install(featurestore::Activation::Kind kind, const Digest& feature,
                     std::string_view file_name, std::string_view bytes) {
  LARDER_ASSIGN_OR_RETURN(const auto writer, parts_.artifacts.Create());
  LARDER_RETURN_IF_ERROR(writer->BeginFile(file_name));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kAppendBytes))) {
    LARDER_RETURN_IF_ERROR(writer->Append(bytes.substr(0, kAppendBytes)));
  }
  LARDER_ASSIGN_OR_RETURN(const Digest artifact, writer->Commit({}));
  return parts_.store.Activate({.kind = kind, .feature = feature, .artifact = artifact}).status();
}

Status Jobs::Backfill(const Task& task, const std::stop_token& stop) {
  Digest space;
  size_t dimensions = 0;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    if (live == nullptr) return NotFound("'", task.name, "' has no index");
    space = live->index->space();
    dimensions = live->index->dim();
  }
  LARDER_ASSIGN_OR_RETURN(const std::vector<featurestore::VectorInput> inputs,
                          parts_.store.MissingVectors(task.feature));
  std::vector<int8_t> vectors(inputs.size() * dimensions);
  for (size_t begin = 0; begin < inputs.size(); begin += kTextsAtATime) {
    if (stop.stop_requested()) return Cancelled("the server is shutting down");
    Progress(begin, inputs.size());
    const size_t n = std::min(kTextsAtATime, inputs.size() - begin);
    std::vector<std::string_view> texts(n);
    for (size_t i = 0; i < n; ++i) texts[i] = inputs[begin + i].text;
    LARDER_RETURN_IF_ERROR(parts_.encoders.Embed(
        space, texts, std::span(vectors).subspan(begin * dimensions, n * dimensions)));
  }
  Progress(inputs.size(), inputs.size());
  return Install(featurestore::Activation::Kind::kVectors, task.feature, "vectors.larder",
                 parts_.store.EncodeVectors(task.feature, inputs, vectors));
}

Status Jobs::CheckBase(const Task& task) const {
  std::shared_ptr<const ann::GraphBase> base;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    if (live != nullptr) base = live->index->base();
  }
  return base == nullptr ? OkStatus() : base->Load();
}

Status Jobs::BuildBase(const Task& task, const std::stop_token& stop) {
  BaseInput input;
  Digest old_base;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    if (live == nullptr || live->index->size() == 0) return OkStatus();
    old_base = live->base_digest;
    input = TakeBaseInput(*live, *snapshot);
  }
  LARDER_ASSIGN_OR_RETURN(
      const auto base,
      MakeBase(
          input, options_.index_threads,
          [this](size_t done, size_t total) { Progress(done, total); }, stop));
  LARDER_RETURN_IF_ERROR(Install(featurestore::Activation::Kind::kIndexBase, task.feature,
                                 "index.larder", base->bytes()));
  built_[task.feature] = Steady::now();
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
  if (live != nullptr && live->base_digest == old_base && live->index->WantsBase()) {
    return Internal("the new base of '", task.name, "' was not installed");
  }
  return OkStatus();
}

// One query per snapshot: an exact scan is long enough to hold up apply.
Status Jobs::MeasureRecall(const Task& task, const std::stop_token& stop) {
  Recall recall;
  double sum = 0;
  std::vector<uint32_t> ids;
  for (uint32_t query = 0; query < kRecallQueries; ++query) {
    if (stop.stop_requested()) return Cancelled("the server is shutting down");
    Progress(query, kRecallQueries);
    LARDER_ASSIGN_OR_RETURN(const auto snapshot,
                            parts_.store.Read({}, Steady::now() + kReadWait));
    const LiveIndex* live = parts_.indexes.Find(task.feature, *snapshot);
    if (live == nullptr) return NotFound("'", task.name, "' has no index");
    if (query == 0) {
      recall.base_digest = live->base_digest;
      ids = ann::DrawIds(*live->index, kRecallQueries, kRecallSeed);
      if (ids.empty()) break;
    }
    if (live->base_digest != recall.base_digest) return OkStatus();  // it is found again
    LARDER_ASSIGN_OR_RETURN(const ann::RecallReport report,
                            ann::MeasureRecall(*live->index, std::span(&ids[query], 1)));
    recall.queries += static_cast<uint32_t>(report.queries);
    sum += report.mean * static_cast<double>(report.queries);
  }
  Progress(kRecallQueries, kRecallQueries);
  if (recall.queries > 0) recall.at_10 = sum / recall.queries;
  MutexLock lock(mu_);
  recalls_[task.feature] = recall;
  return OkStatus();
}

std::optional<Jobs::Recall> Jobs::RecallOf(const Digest& feature) const {
  MutexLock lock(mu_);
  const auto it = recalls_.find(feature);
  return it == recalls_.end() ? std::nullopt : std::optional(it->second);
}

Jobs::BaseWrites Jobs::WritesOf(const Digest& feature) const {
  MutexLock lock(mu_);
  const auto it = writes_.find(feature);
  return it == writes_.end() ? BaseWrites() : it->second;
}

std::vector<Jobs::Report> Jobs::Reports() const {
  MutexLock lock(mu_);
  std::vector<Report> reports;
  if (running_.has_value()) {
    reports.push_back(progress_);
    reports.back().elapsed = Since(started_);
  }
  for (const auto& [task, failure] : failures_) {
    if (running_ == task) continue;
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
