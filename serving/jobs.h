// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_JOBS_H_
#define LARDER_SERVING_JOBS_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/artifact_store.h"
#include "featurestore/store.h"
#include "serving/encoders.h"
#include "serving/epoch_check.h"
#include "serving/index_sink.h"

namespace larder::serving {

struct JobsOptions {
  std::chrono::milliseconds poll{500};
  std::chrono::milliseconds index_quiet{2'000};
  std::chrono::milliseconds index_patience{30'000};
  std::chrono::milliseconds index_interval{60'000};
  uint32_t index_threads = 1;
  EpochBounds epoch_bounds;
  std::chrono::milliseconds retry{1'000};
  std::chrono::milliseconds retry_max{60'000};
};

// The background work: vectors of rows that are older than their `embed` or whose encoder is too
// slow for apply, bases of indexes whose delta has grown, and the check of an epoch that is to take
// the place of another, which end in an `activate` record (R4). Each new base is then read to its
// end, one that is damaged is given up, and its recall is measured. One job at a time in each of
// two lanes: vectors do not wait for a base to be built.
//
// Owns its threads; destruction asks the running jobs to stop and joins. Of a job that was stopped,
// what it activated stays, and the rest is found again at the next start: what there is to do is
// read from the state. Borrows everything. Thread-safety: thread-safe.
class Jobs {
 public:
  struct Parts {
    featurestore::Store& store;
    featurestore::ArtifactStore& artifacts;
    Encoders& encoders;
    IndexSink& indexes;
  };

  Jobs(const Parts& parts, const JobsOptions& options);
  ~Jobs();

  enum class Kind { kVectors, kIndexCheck, kIndexBase, kEpoch, kRecall };
  enum class State { kRunning, kRetrying, kDone };
  struct Report {
    Kind kind = Kind::kVectors;
    std::string subject;  // "text_of.vec"
    State state = State::kRunning;
    uint64_t done = 0;
    uint64_t total = 0;   // 0: not known yet
    std::string error;
    std::chrono::milliseconds elapsed{0};
  };
  // The running job first, then those that wait to be tried again, then the last few done.
  std::vector<Report> Reports() const;

  // How well an index searches since it has its base: recall@10 against the exact scan, for vectors
  // of its own, each without itself.
  struct Recall {
    Digest base_digest;
    uint32_t queries = 0;
    double at_10 = 1;
  };
  // The last one measured of the feature's index; nothing if none was, or not since it has the base
  // that it has.
  std::optional<Recall> RecallOf(const LiveIndex& live) const;

  // What the last check of a feature's epoch found; nothing if there was none, as for the first
  // epoch of a name. One that is refused is checked again once its index has another base, or a
  // tenth more vectors or fewer, or once another epoch is live than the one it was compared with.
  std::optional<EpochCheck> CheckOf(const Digest& feature) const;

  // What the bases of a feature's index have cost since the server's start.
  struct BaseWrites {
    uint64_t bases = 0;
    uint64_t bytes = 0;    // of their files
    uint64_t vectors = 0;  // that they brought into a graph
  };
  BaseWrites WritesOf(const Digest& feature) const;

  // True when no job runs and nothing is left to do for one, at this moment.
  // Errors: the store's.
  StatusOr<bool> Idle() const;

  // Rows that the vectors job of a feature had not come to when it last looked, at most.
  uint64_t VectorsLeft(const Digest& feature) const;

 private:
  using Steady = std::chrono::steady_clock;
  struct Task {
    Kind kind = Kind::kVectors;
    Digest feature;
    std::string name;
    auto operator<=>(const Task&) const = default;
  };
  struct Failure {
    std::string error;
    Steady::time_point next;
    std::chrono::milliseconds wait{0};
  };
  // How far the rows of a feature were looked through for those without a vector, since start.
  struct Scan {
    registry::Ordinal next = 0;
    uint64_t left = 0;
  };
  // What one thread works on.
  struct Lane {
    std::optional<Task> running;
    Report progress;
    Steady::time_point started;
  };
  static constexpr size_t kVectorLane = 0;
  static constexpr size_t kIndexLane = 1;
  static size_t LaneOf(Kind kind) { return kind == Kind::kVectors ? kVectorLane : kIndexLane; }

  // The last base of an index.
  struct Built {
    Steady::time_point activated;
    Steady::duration took{0};
  };
  // How an index that wants a base has been lately.
  struct Watch {
    size_t changes = 0;  // vectors outside of the base and masked, the sign of change
    Steady::time_point changed;
    Steady::time_point wanted;
  };

  // The check of a feature's epoch, the epoch it was compared with, and the base and size that its
  // index had then.
  struct CheckedEpoch {
    Digest old;
    Digest base_digest;
    size_t size = 0;
    EpochCheck check;
  };

  void Loop(size_t lane, const std::stop_token& stop);
  // Everything that there is to do, in the order in which it is to be done.
  StatusOr<std::vector<Task>> Find() const;
  bool WantsBase(const LiveIndex& live) const;
  // `old`: the feature whose epoch is live now.
  bool IsRefused(const LiveIndex& live, const Digest& old) const;
  bool IsDue(const Task& task, Steady::time_point now);
  bool IsQuiet(const LiveIndex& live, Steady::time_point now);
  void RunTask(const Task& task, const std::stop_token& stop);
  Status Work(const Task& task, const std::stop_token& stop);
  Status MakeVectors(const Task& task, const std::stop_token& stop);
  Status EncodeAndActivate(const Task& task, const Digest& space, size_t code_size,
                           const std::vector<featurestore::VectorInput>& inputs,
                           const std::stop_token& stop);
  bool OthersWantVectors(const Digest& feature) const;
  void NoteScan(const Digest& feature, const featurestore::PendingVectors& pending);
  Status NoteAllVectors(const Digest& feature, const std::stop_token& stop);
  Status CheckBase(const Task& task, const std::stop_token& stop);
  Status BuildBase(const Task& task, const std::stop_token& stop);
  Status ActivateEpoch(const Task& task, const std::stop_token& stop);
  StatusOr<CheckedEpoch> Check(const Task& task, const Digest& old, const std::stop_token& stop);
  Status MeasureRecall(const Task& task, const std::stop_token& stop);
  Status InstallBase(const Digest& feature, std::string_view bytes, const std::stop_token& stop);
  Status Activate(const featurestore::Activation& activation, const std::stop_token& stop);
  void Progress(Kind kind, uint64_t done, uint64_t total);

  const Parts parts_;
  const JobsOptions options_;
  mutable Mutex mu_;
  std::array<Lane, 2> lanes_ ABSL_GUARDED_BY(mu_);
  std::map<Task, Failure> failures_ ABSL_GUARDED_BY(mu_);
  std::deque<Report> done_ ABSL_GUARDED_BY(mu_);
  std::map<Digest, Recall> recalls_ ABSL_GUARDED_BY(mu_);  // by feature
  std::map<Digest, CheckedEpoch> checks_ ABSL_GUARDED_BY(mu_);  // by feature
  std::map<Digest, BaseWrites> writes_ ABSL_GUARDED_BY(mu_);  // by feature
  std::map<Digest, Scan> scans_ ABSL_GUARDED_BY(mu_);         // by feature
  bool has_more_vectors_ = false;                             // the vector lane's own
  std::map<Digest, Watch> watches_;                           // the index lane's own
  std::map<Digest, Built> built_;                             // by feature; the index lane's own
  Mutex wake_mu_;
  CondVar wake_;
  std::array<std::jthread, 2> threads_;  // last: they use all of the above
};

}  // namespace larder::serving

#endif  // LARDER_SERVING_JOBS_H_
