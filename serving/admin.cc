// SPDX-License-Identifier: Apache-2.0
#include "serving/admin.h"

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "serving/encoders.h"
#include "serving/index_epoch.h"
#include "serving/index_sink.h"
#include "serving/live_recall.h"
#include "serving/read_info.h"

namespace larder::serving {
namespace {

std::string HexOf(const Hash128& hash) {
  std::string bytes;
  for (const uint64_t half : {hash.high, hash.low}) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(half >> shift));
  }
  return ToHex(bytes);
}

// Rows whose vector a job has still to make, at most.
uint64_t PendingVectors(const featurestore::VectorStats& vectors, const Jobs& jobs) {
  const bool computing = vectors.stage == featurestore::VectorStage::kComputing;
  return vectors.wanted + (computing ? jobs.VectorsLeft(vectors.feature) : 0);
}

v1::JobState ToProto(Jobs::State state) {
  switch (state) {
    case Jobs::State::kRunning: return v1::JOB_STATE_RUNNING;
    case Jobs::State::kRetrying: return v1::JOB_STATE_RETRYING;
    case Jobs::State::kDone: return v1::JOB_STATE_DONE;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

void SetStats(const featurestore::StoreStats& stats, v1::StatusResponse& reply) {
  reply.set_recovery_seconds(stats.recovery_seconds);
  reply.set_replayed_entries(stats.replayed_entries);
  reply.mutable_applied()->set_value(stats.applied.value);
  reply.mutable_synced()->set_value(stats.synced.value);
  reply.mutable_checkpoint()->set_value(stats.checkpoint.value);
  reply.set_revision(stats.revision);
  reply.set_keys(stats.keys);
  reply.set_window_states(stats.window_states);
  reply.set_dirty_blobs(stats.dirty_blobs);
  reply.set_queued_batches(stats.queued_batches);
  reply.set_failure(stats.failure);
  reply.set_artifact_errors(stats.artifact_errors);
  reply.set_last_artifact_error(stats.last_artifact_error);
  for (const featurestore::SourceStats& source : stats.sources) {
    v1::SourceStatus* out = reply.add_sources();
    out->set_name(source.name);
    out->set_records(source.records);
    out->set_duplicates(source.duplicates);
    out->set_skipped(source.skipped);
    out->set_ids(source.ids);
  }
}

void SetEpochState(const featurestore::VectorStats& vector, const featurestore::Snapshot& snapshot,
                   const Jobs& jobs, v1::IndexStatus* out) {
  using featurestore::VectorStage;
  const std::optional<EpochCheck> check = jobs.CheckOf(vector.feature);
  if (check.has_value()) {
    out->mutable_check()->set_queries(check->queries);
    out->mutable_check()->set_recall_at_10(check->recall_at_10);
    out->mutable_check()->set_overlap_at_10(check->overlap_at_10);
    out->mutable_check()->set_coverage(check->coverage);
    out->mutable_check()->set_refusal(check->refusal);
  }
  const bool refused = check.has_value() && !check->refusal.empty();
  const StatusOr<NamedVector> named = FindVector(vector.name, snapshot);
  const bool named_so = named.ok() && named->feature->digest == vector.feature;
  switch (vector.stage) {
    case VectorStage::kComputing: out->set_state(v1::EPOCH_STATE_COMPUTING); break;
    case VectorStage::kReady:
      out->set_state(refused ? v1::EPOCH_STATE_REFUSED : v1::EPOCH_STATE_CHECKING);
      break;
    case VectorStage::kActive:
      out->set_state(named_so ? v1::EPOCH_STATE_LIVE : v1::EPOCH_STATE_KEPT);
  }
  out->set_active(vector.stage == VectorStage::kActive);
}

void SetIndexes(const featurestore::StoreStats& stats, const IndexSink& indexes,
                const featurestore::Snapshot& snapshot, const Jobs& jobs,
                v1::StatusResponse& reply) {
  for (const featurestore::VectorStats& vector : stats.vectors) {
    v1::IndexStatus* out = reply.add_indexes();
    SetEpochState(vector, snapshot, jobs, out);
    out->set_vectors(vector.vectors);
    out->set_encoded(vector.encoded);
    out->set_reused(vector.reused);
    if (const LiveIndex* live = indexes.Find(vector.feature, snapshot); live != nullptr) {
      SetEpoch(*live, out->mutable_epoch());
      const ann::VectorIndex::Stats index = live->index->GetStats();
      out->set_memory_bytes(index.size_bytes);
      out->set_bytes_per_vector(index.bytes_per_vector);
      out->set_masked_vectors(index.masked_rows);
      out->set_next_base_bytes(index.next_base_bytes);
      out->set_next_epoch_bytes(index.next_epoch_bytes);
      if (const auto recall = jobs.RecallOf(*live); recall.has_value()) {
        out->set_recall_at_10(recall->at_10);
        out->set_recall_queries(recall->queries);
      }
    }
    out->set_pending_vectors(PendingVectors(vector, jobs));
    const Jobs::BaseWrites writes = jobs.WritesOf(vector.feature);
    out->set_bases_written(writes.bases);
    out->set_base_bytes_written(writes.bytes);
    out->set_base_vectors_added(writes.vectors);
    out->mutable_epoch()->set_feature(vector.name);
    out->mutable_epoch()->set_feature_digest(vector.feature.Hex());
  }
}

void SetEncoders(const registry::Revision& revision, const Encoders& encoders,
                 v1::StatusResponse& reply) {
  for (const registry::Encoder& encoder : revision.registry->encoders) {
    v1::EncoderStatus* out = reply.add_encoders();
    const auto version = revision.versions.find(encoder.name);
    out->mutable_definition()->set_kind("encoder");
    out->mutable_definition()->set_name(encoder.name);
    out->mutable_definition()->set_version(version == revision.versions.end() ? 0
                                                                              : version->second);
    out->mutable_definition()->set_digest(encoder.digest.Hex());
    out->set_dimensions(encoder.dimensions);
    out->set_external(encoder.external);
    if (const auto usage = encoders.Find(encoder.digest); usage.has_value()) {
      out->set_loaded(true);
      out->set_texts(usage->texts);
      out->set_kind(std::string(text::EncoderKindName(usage->kind)));
      out->set_tokenizer(usage->tokenizer);
      out->set_max_tokens(static_cast<uint32_t>(usage->max_tokens));
      out->set_tokens(usage->tokens);
      out->set_cache_hits(usage->cache_hits);
      out->set_cache_misses(usage->cache_misses);
    }
  }
}

const char* KindName(Jobs::Kind kind) {
  switch (kind) {
    case Jobs::Kind::kVectors: return "vectors";
    case Jobs::Kind::kIndexCheck: return "index_check";
    case Jobs::Kind::kIndexBase: return "index_base";
    case Jobs::Kind::kEpoch: return "epoch";
    case Jobs::Kind::kRecall: return "recall";
  }
  return "";
}

void SetJobs(const Jobs& jobs, v1::StatusResponse& reply) {
  for (const Jobs::Report& report : jobs.Reports()) {
    v1::JobStatus* out = reply.add_jobs();
    out->set_kind(KindName(report.kind));
    out->set_subject(report.subject);
    out->set_state(ToProto(report.state));
    out->set_done(report.done);
    out->set_total(report.total);
    out->set_error(report.error);
    SetDuration(report.elapsed.count() * kMillisecondUs, out->mutable_elapsed());
  }
}

// Collects metrics of equal names one after the other.
class Gauges {
 public:
  void Add(std::string name, std::string help, double value, bool counter = false,
           std::vector<std::pair<std::string, std::string>> labels = {}) {
    by_name_[name].push_back({name, std::move(help), std::move(labels), value, counter});
  }
  void Add(std::string name, std::string help, Histogram::Reading histogram) {
    by_name_[name].push_back({name, std::move(help), {}, 0, false, std::move(histogram)});
  }
  std::vector<Metrics::Gauge> Take() {
    std::vector<Metrics::Gauge> all;
    for (auto& [name, gauges] : by_name_) {
      for (Metrics::Gauge& gauge : gauges) all.push_back(std::move(gauge));
    }
    return all;
  }

 private:
  std::map<std::string, std::vector<Metrics::Gauge>> by_name_;
};

void AddStoreGauges(const featurestore::StoreStats& stats, Gauges& gauges) {
  const auto entry = [](featurestore::Position position) {
    return static_cast<double>(position.entry());
  };
  gauges.Add("larder_log_entry", "Newest log entry of each stage", entry(stats.applied), false,
             {{"stage", "applied"}});
  gauges.Add("larder_log_entry", "Newest log entry of each stage", entry(stats.synced), false,
             {{"stage", "synced"}});
  gauges.Add("larder_log_entry", "Newest log entry of each stage", entry(stats.checkpoint), false,
             {{"stage", "checkpoint"}});
  gauges.Add("larder_queued_batches", "Batches waiting to be appended",
             static_cast<double>(stats.queued_batches));
  gauges.Add("larder_revision", "The live registry revision", static_cast<double>(stats.revision));
  gauges.Add("larder_keys", "Keys known, of all entities", static_cast<double>(stats.keys));
  gauges.Add("larder_window_states", "Window states held",
             static_cast<double>(stats.window_states));
  gauges.Add("larder_dirty_blobs", "State changes not yet in durable blobs",
             static_cast<double>(stats.dirty_blobs));
  gauges.Add("larder_store_failed", "1 if the log, apply or the last checkpoint has failed, else 0",
             stats.failure.empty() ? 0 : 1);
  gauges.Add("larder_artifact_errors_total", "Activated artifacts that could not be used",
             static_cast<double>(stats.artifact_errors), true);
  gauges.Add("larder_recovery_seconds", "How long recovery took", stats.recovery_seconds);
  for (const featurestore::SourceStats& source : stats.sources) {
    const std::vector<std::pair<std::string, std::string>> labels = {{"source", source.name}};
    gauges.Add("larder_records_total", "Records applied", static_cast<double>(source.records),
               true, labels);
    gauges.Add("larder_duplicates_total", "Records seen again since start",
               static_cast<double>(source.duplicates), true, labels);
    gauges.Add("larder_skipped_inputs_total", "Inputs that an aggregate could not hold",
               static_cast<double>(source.skipped), true, labels);
  }
}

// Two epochs of a feature have the same name.
std::vector<std::pair<std::string, std::string>> EpochLabels(const LiveIndex& live) {
  return {{"feature", live.name}, {"epoch", live.feature.Short()}};
}

void AddIndexGauges(const IndexSink& indexes, const featurestore::Snapshot& snapshot,
                    const Jobs& jobs, Gauges& gauges) {
  for (const LiveIndex* live : indexes.All(snapshot)) {
    const std::vector<std::pair<std::string, std::string>> labels = EpochLabels(*live);
    const ann::VectorIndex::Stats stats = live->index->GetStats();
    const auto add = [&](const char* part, size_t value) {
      auto with_part = labels;
      with_part.emplace_back("part", part);
      gauges.Add("larder_index_vectors", "Vectors of an index: base, of them masked, delta",
                 static_cast<double>(value), false, std::move(with_part));
    };
    add("base", stats.base_rows);
    add("masked", stats.masked_rows);
    add("delta", stats.delta_size);
    gauges.Add("larder_index_bytes", "Memory of an index", static_cast<double>(stats.size_bytes),
               false, labels);
    const Jobs::BaseWrites writes = jobs.WritesOf(live->feature);
    gauges.Add("larder_index_base_bytes_total", "Bytes of the bases written",
               static_cast<double>(writes.bytes), true, labels);
    gauges.Add("larder_index_base_vectors_total", "Vectors that bases brought into the graph",
               static_cast<double>(writes.vectors), true, labels);
    if (const auto recall = jobs.RecallOf(*live); recall.has_value()) {
      gauges.Add("larder_index_recall", "Recall@10 of an index, measured when it got its base",
                 recall->at_10, false, labels);
    }
  }
}

void AddLiveRecall(const LiveRecall& live_recall, const IndexSink& indexes,
                   const featurestore::Snapshot& snapshot, Gauges& gauges) {
  for (const LiveRecall::Report& report : live_recall.Reports()) {
    const LiveIndex* live = indexes.Find(report.feature, snapshot);
    if (live == nullptr) continue;
    auto labels = EpochLabels(*live);
    labels.emplace_back("filter", FilterShapeName(report.shape));
    gauges.Add("larder_live_recall", "Mean recall of the last live searches searched again exactly",
               report.recall, false, labels);
    gauges.Add("larder_live_recall_searches_total", "Live searches searched again exactly",
               static_cast<double>(report.queries), true, labels);
  }
}

void AddEncoderGauges(const Encoders::Stats& stats, Gauges& gauges) {
  const auto add = [&](const char* name, const char* help, uint64_t value, bool counter = true) {
    gauges.Add(name, help, static_cast<double>(value), counter);
  };
  add("larder_encoded_texts_total", "Texts that got a vector", stats.texts);
  add("larder_encoded_tokens_total", "Tokens of these texts", stats.tokens);
  add("larder_embed_queue_tokens", "Tokens that wait for slow encoders",
      stats.batcher.queue_tokens, false);
  add("larder_embed_rejected_total", "Requests for which the queue of slow encoders was too full",
      stats.batcher.rejected);
  add("larder_embed_abandoned_total", "Requests that ended in the queue: too late or cancelled",
      stats.batcher.abandoned);
  gauges.Add("larder_embed_batch_tokens", "Tokens of the batches of slow encoders",
             stats.batcher.batch_tokens);
  gauges.Add("larder_embed_wait_seconds", "Time of requests in the queue of slow encoders",
             stats.batcher.wait_seconds);
  add("larder_embed_cache_hits_total", "Texts whose vectors were in the cache", stats.cache_hits);
  add("larder_embed_cache_misses_total", "Texts whose vectors were not", stats.cache_misses);
  add("larder_embed_cache_evictions_total", "Vectors that left the cache for others",
      stats.cache.evictions);
  add("larder_embed_cache_bytes", "Memory of the cached vectors", stats.cache.bytes, false);
}

}  // namespace

StatusOr<v1::StatusResponse> GetServerStatus(const v1::StatusRequest& request,
                                             const ServerFacts& facts, const Context& context) {
  v1::StatusResponse reply;
  const Backend& backend = context.backend;
  if (request.want_state_hash()) {
    LARDER_ASSIGN_OR_RETURN(const auto hash, backend.store.ComputeStateHash());
    reply.set_state_hash(HexOf(hash.hash));
    reply.mutable_state_hash_position()->set_value(hash.position.value);
  }
  reply.set_version(kVersion);
  reply.set_semantics(registry::kSemantics);
  reply.set_data_dir(facts.data_dir);
  SetTime(facts.started_at, reply.mutable_started_at());
  SetDuration(std::chrono::duration_cast<std::chrono::microseconds>(
                  std::chrono::steady_clock::now() - facts.started)
                  .count(),
              reply.mutable_uptime());
  reply.set_memory_bytes(ProcessMemoryBytes());
  const featurestore::StoreStats stats = backend.store.Stats();
  SetStats(stats, reply);
  SetJobs(facts.jobs, reply);
  LARDER_ASSIGN_OR_RETURN(const bool idle, facts.jobs.Idle());
  // The store knows the newest synced entry and not how many records it has: entries are compared.
  reply.set_idle(idle && stats.applied.entry() >= stats.synced.entry() &&
                 stats.queued_batches == 0);

  LARDER_ASSIGN_OR_RETURN(const auto snapshot, backend.store.Read({}, context.deadline));
  SetIndexes(stats, backend.indexes, *snapshot, facts.jobs, reply);
  if (const registry::Revision* current = snapshot->history().current(); current != nullptr) {
    SetEncoders(*current, backend.encoders, reply);
  }
  return reply;
}

StatusOr<v1::ActivateEpochResponse> ActivateEpoch(const v1::ActivateEpochRequest& request,
                                                  const ServerFacts& facts,
                                                  const Context& context) {
  if (request.feature().empty() || request.feature().size() > kMaxNameBytes) {
    return InvalidArgument("feature: expected a name of 1 to ", kMaxNameBytes, " bytes");
  }
  Digest feature;
  {
    LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
    // It is in the live revision, or this says what is.
    LARDER_RETURN_IF_ERROR(FindVector(request.feature(), *snapshot).status());
    feature = snapshot->history().current()->registry->FindVectorByName(request.feature())->digest;
  }
  for (const featurestore::VectorStats& vector : context.backend.store.Stats().vectors) {
    if (vector.feature != feature) continue;
    if (vector.stage == featurestore::VectorStage::kActive) {
      return FailedPrecondition("'", vector.name, "' is live already");
    }
    if (vector.stage == featurestore::VectorStage::kComputing) {
      return FailedPrecondition("the vectors of '", vector.name, "' are still made");
    }
  }
  if (!request.force()) {
    const std::optional<EpochCheck> check = facts.jobs.CheckOf(feature);
    if (check.has_value() && !check->refusal.empty()) return FailedPrecondition(check->refusal);
    return FailedPrecondition("'", request.feature(),
                              "' has still to be checked, and is activated if it passes");
  }
  LARDER_ASSIGN_OR_RETURN(const featurestore::Position position,
                          context.backend.store.Activate(
                              {.kind = featurestore::Activation::Kind::kEpoch,
                               .feature = feature}));
  v1::ActivateEpochResponse reply;
  reply.mutable_position()->set_value(position.value);
  return reply;
}

std::vector<Metrics::Gauge> CollectGauges(const ServerFacts& facts, const Context& context) {
  Gauges gauges;
  const Backend& backend = context.backend;
  const featurestore::StoreStats stats = backend.store.Stats();
  AddStoreGauges(stats, gauges);
  for (const featurestore::VectorStats& vectors : stats.vectors) {
    gauges.Add("larder_pending_vectors", "Rows whose vector a job has still to make, at most",
               static_cast<double>(PendingVectors(vectors, facts.jobs)), false,
               {{"feature", vectors.name}, {"epoch", vectors.feature.Short()}});
  }
  if (const auto snapshot = backend.store.Read({}, context.deadline); snapshot.ok()) {
    AddIndexGauges(backend.indexes, **snapshot, facts.jobs, gauges);
    AddLiveRecall(backend.live_recall, backend.indexes, **snapshot, gauges);
  }
  AddEncoderGauges(backend.encoders.GetStats(), gauges);
  gauges.Add("larder_index_refused_total", "Vectors and bases that an index refused",
             static_cast<double>(backend.indexes.refused()), true);
  double running = 0;
  double retrying = 0;
  for (const Jobs::Report& report : facts.jobs.Reports()) {
    running += report.state == Jobs::State::kRunning ? 1 : 0;
    retrying += report.state == Jobs::State::kRetrying ? 1 : 0;
  }
  gauges.Add("larder_jobs", "Background jobs by state", running, false, {{"state", "running"}});
  gauges.Add("larder_jobs", "Background jobs by state", retrying, false, {{"state", "retrying"}});
  gauges.Add("larder_memory_bytes", "Resident memory of the process",
             static_cast<double>(ProcessMemoryBytes()));
  gauges.Add("larder_uptime_seconds", "Time since the process started",
             std::chrono::duration<double>(std::chrono::steady_clock::now() - facts.started)
                 .count());
  return gauges.Take();
}

}  // namespace larder::serving
