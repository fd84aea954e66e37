// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieve_all.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ann/search.h"
#include "base/parallel.h"
#include "base/sync.h"
#include "serving/caught.h"
#include "serving/read_info.h"
#include "serving/request_values.h"
#include "serving/retrieval/key_batch.h"
#include "serving/retrieval/recipe_request.h"

namespace larder::serving {
namespace {

using Steady = std::chrono::steady_clock;

// Words of the candidates' bitmap whose keys are copied in one snapshot: some 2 ms.
constexpr size_t kWordsAtOnce = 256;
// Keys of one snapshot, and how long it is to last.
constexpr size_t kMaxBatch = 64;
constexpr std::chrono::microseconds kBatchTime{3'000};
// What a batch that failed waits for before it is tried again: for a moment's trouble to pass.
constexpr std::chrono::milliseconds kPauses[] = {std::chrono::milliseconds(50),
                                                 std::chrono::milliseconds(500)};
// Keys whose results are made before any is sent, and how long that is to take: often enough that
// a client sees progress, seldom enough that threads are not started all the time.
constexpr size_t kMaxRound = 8'192;
constexpr std::chrono::microseconds kRoundTime{250'000};
// Candidates of a round, so that memory stays bounded.
constexpr size_t kMaxRoundIds = 1'000'000;
// A message is sent once it has so many bytes.
constexpr size_t kMessageBytes = size_t{1} << 20;

// How many items to take next, if `done` of them took `took` and `wanted` is how long it may be.
size_t NextSize(size_t done, Steady::duration took, Steady::duration wanted, size_t most) {
  const double share = static_cast<double>(wanted.count()) /
                       static_cast<double>(std::max<Steady::rep>(took.count(), 1));
  // At most double: the first items may have been quick ones.
  const double next = static_cast<double>(done) * std::min(share, 2.0);
  return std::clamp<size_t>(static_cast<size_t>(next), 1, most);
}

void AddRoles(const registry::Program& program, std::span<const registry::Role> roles,
              std::set<size_t>& used) {
  for (const registry::Node& node : program.nodes) {
    if (node.op != registry::Node::Op::kRoleKey) continue;
    const auto role = static_cast<size_t>(node.index);
    if (!roles[role].candidate) used.insert(role);
  }
}

// The roles whose keys decide what the recipe finds.
std::set<size_t> UsedRoles(const registry::Retrieval& recipe) {
  std::set<size_t> used;
  const auto add = [&](const std::optional<registry::Program>& program) {
    if (program.has_value()) AddRoles(*program, recipe.roles, used);
  };
  add(recipe.where);
  add(recipe.exclude);
  for (const registry::Channel& channel : recipe.channels) {
    AddRoles(channel.program, recipe.roles, used);
    add(channel.where);
  }
  return used;
}

// Errors: kInvalidArgument, naming the keys, if the recipe does not use exactly one.
StatusOr<registry::Role> OneRole(const registry::Retrieval& recipe) {
  const std::set<size_t> used = UsedRoles(recipe);
  if (used.size() == 1) return recipe.roles[*used.begin()];
  if (used.empty()) {
    return InvalidArgument("recipe '", recipe.name, "' uses no key of its request, so that it "
                           "gives the same for all: one Retrieve is enough");
  }
  std::string names;
  for (const size_t role : used) {
    names += Concat(names.empty() ? "" : ", ", recipe.roles[role].name, " (",
                    recipe.roles[role].entity, ")");
  }
  return InvalidArgument("recipe '", recipe.name, "' uses ", used.size(), " keys of its request: ",
                         names, "; only the keys of one can be gone through");
}

// Errors: kFailedPrecondition unless the store knows which keys the role's entity has.
Status CheckListable(const registry::Role& role, const registry::CompiledRegistry& registry) {
  for (const registry::Source& source : registry.sources) {
    if (source.table && source.entity == role.entity) return OkStatus();
  }
  return FailedPrecondition("the keys of ", role.entity, ", which role '", role.name,
                            "' takes, cannot be listed: it has no table");
}

// One call. Thread-safety: single-thread.
class CatalogRun {
 public:
  CatalogRun(const v1::RetrieveAllRequest& request, const Context& context)
      : request_(request),
        context_(context),
        job_{.recipe = {}, .role = {}, .request = request.request()} {}

  Status Check() const {
    LARDER_RETURN_IF_ERROR(CheckRecipeName(request_.recipe()));
    if (request_.effort() > ann::kMaxEffort) {
      return InvalidArgument("effort: at most ", ann::kMaxEffort, ", got ", request_.effort());
    }
    if (!request_.after_key().empty()) {
      LARDER_RETURN_IF_ERROR(CheckKey("after_key", request_.after_key()));
    }
    return CheckDeadline(context_);
  }

  // Finds the recipe and fills all but the numbers of the head.
  Status Resolve(v1::RetrieveAllHead& head) {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context_));
    LARDER_ASSIGN_OR_RETURN(
        const auto found,
        snapshot->history().FindRetrieval(request_.recipe(), snapshot->active()));
    const registry::Retrieval& recipe = *found.retrieval;
    const registry::Revision* revision = snapshot->history().Find(found.revision);
    if (revision == nullptr) return Internal("revision ", found.revision, " is missing");
    LARDER_ASSIGN_OR_RETURN(const registry::Role role, OneRole(recipe));
    LARDER_RETURN_IF_ERROR(CheckListable(role, *revision->registry));
    LARDER_RETURN_IF_ERROR(RequestColumns(recipe.request_columns, request_.request()).status());
    std::optional<uint32_t> limit;
    if (request_.has_limit()) limit = request_.limit();
    LARDER_ASSIGN_OR_RETURN(job_.limit, RecipeLimit(limit, recipe));
    job_.recipe = Concat(recipe.name, "@", found.version);
    job_.role = role.name;
    job_.effort = request_.effort();
    entity_ = role.entity;
    head.set_role(role.name);
    head.set_entity(role.entity);
    SetReadInfo(*snapshot, found.revision, head.mutable_read());
    AddDefinition("retrieval", recipe.name, found.version, recipe.digest, head.mutable_read());
    return OkStatus();
  }

  // Lists the keys, in order.
  Status ListKeys(v1::RetrieveAllHead& head) {
    size_t all = 0;
    for (size_t begin = 0, end = 1; begin < end; begin += kWordsAtOnce) {
      LARDER_RETURN_IF_ERROR(CheckDeadline(context_));
      LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context_));
      const std::span<const uint64_t> live = snapshot->Candidates(entity_);
      end = live.size();
      for (size_t word = begin; word < std::min(begin + kWordsAtOnce, end); ++word) {
        for (uint64_t bits = live[word]; bits != 0; bits &= bits - 1) {
          const std::string_view key = snapshot->KeyOf(
              entity_, static_cast<registry::Ordinal>(
                           word * 64 + static_cast<size_t>(std::countr_zero(bits))));
          ++all;
          if (key > request_.after_key()) keys_.emplace_back(key);
        }
      }
    }
    std::sort(keys_.begin(), keys_.end());
    // One that went and came back between two snapshots is there twice.
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
    head.set_keys(all);
    head.set_keys_left(keys_.size());
    return OkStatus();
  }

  // Makes all results and sends them, in rounds. The first has one key, which may be a slow one.
  template <typename Send>
  Status Run(const Send& send) {
    const size_t most = std::clamp<size_t>(kMaxRoundIds / job_.limit, 1, kMaxRound);
    // However slow keys are, no processor is to be idle.
    const size_t least = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, most);
    std::span<const std::string> left = keys_;
    for (size_t size = 1; !left.empty();) {
      Round round(left.first(std::min(size, left.size())));
      const Steady::time_point start = Steady::now();
      ParallelPieces(round.keys.size(), 1, [&](size_t, size_t) { MakeSome(round); });
      size = std::max(NextSize(round.keys.size(), Steady::now() - start, kRoundTime, most), least);
      left = left.subspan(round.keys.size());
      const auto [failure, made] = round.End();
      round.results.resize(made);
      LARDER_RETURN_IF_ERROR(SendResults(std::move(round.results), send));
      LARDER_RETURN_IF_ERROR(failure);
    }
    return OkStatus();
  }

 private:
  // Keys whose results are made on all processors, each of which takes the next ones when it is
  // done with its last. Thread-safety: thread-safe but for `results`, which are who took them's.
  struct Round {
    explicit Round(std::span<const std::string> all)
        : keys(all), results(all.size()), made_(all.size()) {}

    // Those at `begin` and after it are not made; nobody begins anything more. All that are before
    // it were begun earlier, so that they will be there unless they fail too.
    void Fail(size_t begin, Status why) {
      next = keys.size();
      MutexLock lock(mutex_);
      if (begin > made_) return;
      made_ = begin;
      failure_ = std::move(why);
    }
    // What failed first in the order of keys, and how many results are there before it.
    std::pair<Status, size_t> End() {
      MutexLock lock(mutex_);
      return {failure_, made_};
    }

    const std::span<const std::string> keys;
    std::vector<v1::KeyResult> results;
    std::atomic<size_t> next{0};

   private:
    Mutex mutex_;
    Status failure_ ABSL_GUARDED_BY(mutex_);
    size_t made_ ABSL_GUARDED_BY(mutex_);
  };

  // One thread's part, in batches that are as long as the recipe is quick.
  void MakeSome(Round& round) {
    for (;;) {
      const size_t wanted = batch_;
      const size_t begin = round.next.fetch_add(wanted);
      if (begin >= round.keys.size()) return;
      const size_t size = std::min(wanted, round.keys.size() - begin);
      Made made;
      Status status = Caught([&] {
        made = MakeBatch(round.keys.subspan(begin, size),
                         std::span(round.results).subspan(begin, size), size == wanted);
        return made.status;
      });
      if (!status.ok()) return round.Fail(begin + made.count, std::move(status));
    }
  }

  // How a batch ended, and if it failed, how many of its first results are there.
  struct Made {
    Status status;
    size_t count = 0;
  };

  // Learns how many keys to take next from a batch that is `whole`: not the rest of a round.
  Made MakeBatch(std::span<const std::string> keys, std::span<v1::KeyResult> results, bool whole) {
    // Whether the caller is gone is looked at between batches only: threads would wait for each
    // other to ask gRPC.
    const Context batch_context{.backend = context_.backend, .deadline = context_.deadline};
    for (const std::chrono::milliseconds pause : kPauses) {
      if (Status late = CheckDeadline(context_); !late.ok()) return {.status = std::move(late)};
      const Steady::time_point start = Steady::now();
      const StatusOr<Steady::duration> shared = RunKeyBatch(job_, keys, batch_context, results);
      if (shared.ok()) {
        const Steady::duration took = Steady::now() - start - *shared;
        if (whole) {
          batch_ = NextSize(keys.size(), took, std::max<Steady::duration>(kBatchTime, *shared),
                            kMaxBatch);
        }
        return {};
      }
      if (Status late = CheckDeadline(context_); !late.ok()) return {.status = std::move(late)};
      std::this_thread::sleep_for(pause);
    }
    // The last time one by one, so that the keys before the one that fails have their results.
    for (size_t i = 0; i < keys.size(); ++i) {
      Status status = CheckDeadline(context_);
      if (status.ok()) {
        status = RunKeyBatch(job_, keys.subspan(i, 1), batch_context, results.subspan(i, 1))
                     .status();
      }
      if (!status.ok()) return {.status = std::move(status), .count = i};
    }
    return {};
  }

  template <typename Send>
  static Status SendResults(std::vector<v1::KeyResult> results, const Send& send) {
    v1::RetrieveAllResponse message;
    size_t bytes = 0;
    for (v1::KeyResult& result : results) {
      bytes += result.ByteSizeLong();
      *message.mutable_results()->add_results() = std::move(result);
      if (bytes < kMessageBytes) continue;
      LARDER_RETURN_IF_ERROR(send(message));
      message.Clear();
      bytes = 0;
    }
    return bytes == 0 ? OkStatus() : send(message);
  }

  const v1::RetrieveAllRequest& request_;
  const Context& context_;
  KeyJob job_;
  std::string entity_;
  std::vector<std::string> keys_;
  std::atomic<size_t> batch_{1};  // keys of the next batch, whoever takes it
};

}  // namespace

Status RetrieveAll(const v1::RetrieveAllRequest& request, const Context& context,
                   const std::function<Status(const v1::RetrieveAllResponse&)>& send) {
  CatalogRun run(request, context);
  LARDER_RETURN_IF_ERROR(run.Check());
  v1::RetrieveAllResponse first;
  LARDER_RETURN_IF_ERROR(run.Resolve(*first.mutable_head()));
  LARDER_RETURN_IF_ERROR(run.ListKeys(*first.mutable_head()));
  LARDER_RETURN_IF_ERROR(send(first));
  return run.Run(send);
}

}  // namespace larder::serving
