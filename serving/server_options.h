// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_SERVING_SERVER_OPTIONS_H_
#define LARDER_SERVING_SERVER_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "featurestore/store.h"

namespace larder::serving {

// How one server runs. docs/reference/configuration.md lists every field.
struct ServerOptions {
  // Where everything lies; made if missing. One process at a time.
  std::string data_dir;

  // HOST:PORT of gRPC. Port 0: a free one, which is reported. A host that is not loopback needs
  // `insecure` (invariant 9).
  std::string listen = "127.0.0.1:7070";
  // HOST:PORT of /healthz, /metrics and /v1/embeddings, as `listen`. Empty: no HTTP.
  std::string http = "127.0.0.1:7080";
  // Serve everybody who reaches the port: there are no tokens and no TLS yet.
  bool insecure = false;
  // A file that is written once the server answers: {"grpc": PORT, "http": PORT}. Empty: none.
  std::string ports_file;

  // Threads that gRPC may use, 4 to 1,024; a call beyond them is refused. A stream keeps one for
  // itself; at most half of them are for streams.
  size_t grpc_threads = 64;
  // Memory that gRPC may hold in its buffers, in bytes, at least 64 MiB.
  size_t grpc_buffer_bytes = size_t{512} << 20;
  // Threads that answer HTTP, 2 to 256. A quarter of them, rounded up, is left by /v1/embeddings to
  // the other paths.
  size_t http_threads = 32;
  // The deadline of a call that comes without one, 1 ms to 1 h.
  std::chrono::milliseconds default_deadline{30'000};
  // How long a shutdown waits for calls that are running, 0 to 10 min.
  std::chrono::milliseconds drain{10'000};

  // Age at which the list of a `top` channel is built again, 0 to 1 h (S9.2).
  std::chrono::milliseconds top_list_age{60'000};

  // Threads that encode texts with slow encoders (transformers), at most 64. 0: one per processor.
  size_t embed_threads = 0;
  // How long one of them waits for further texts while fewer than 32 tokens wait, 0 to 1 s. 0:
  // never.
  std::chrono::milliseconds embed_wait{1};
  // Tokens that may wait for slow encoders, 1,024 to 2^24; more are answered RESOURCE_EXHAUSTED.
  // One call counts for no more than a quarter of them.
  size_t embed_queue_tokens = size_t{64} << 10;
  // Memory for vectors of slow encoders that may be asked for again, in bytes, at most 64 GiB. 0:
  // none.
  size_t embed_cache_bytes = size_t{64} << 20;

  // How often the background jobs look for work, 10 ms to 1 min.
  std::chrono::milliseconds job_poll{500};
  // An index base is built once its index has been quiet for so long, 0 to 1 h: a bulk load then
  // builds once and not over and over.
  std::chrono::milliseconds index_quiet{2'000};
  // ... or has wanted one for so long, 0 to 24 h.
  std::chrono::milliseconds index_patience{30'000};
  // ... and not sooner than so long after the last one, 0 to 24 h: each base is a new file. An
  // index that is full waits for none of the three.
  std::chrono::milliseconds index_interval{60'000};
  // Vectors that an index may have outside of its base, 1,024 to 2^27, as many as it can have at
  // all: with so many it is full, and batches for the source of the vectors answer
  // RESOURCE_EXHAUSTED until it has another base. The batches that wait to be applied come on top.
  // Each search scans them.
  size_t max_delta = size_t{1} << 20;
  // Share of one core, 0 to 1, that may go into searching a few of the live searches again exactly,
  // for larder_live_recall. 0: none are.
  double recall_budget = 0.01;
  // What an epoch must reach to take the place of another, each 0 to 1: recall@10 against the
  // exact scan, and the share of the old one's nearest neighbours that it keeps.
  double epoch_min_recall = 0.95;
  double epoch_min_overlap = 0.05;
  // Threads of one index build, 1 to 64, at most the free cores. 1 gives the same bytes each time.
  uint32_t index_threads = 1;
  // A failed job is tried again after so long, doubled each time up to `job_retry_max`;
  // 1 ms to 1 h.
  std::chrono::milliseconds job_retry{1'000};
  // 1 ms to 24 h.
  std::chrono::milliseconds job_retry_max{60'000};

  // The store's: see featurestore::StoreOptions.
  // Start although the clock is behind the last arrival (S2.1).
  bool accept_clock_skew = false;
  // Record ids remembered per source to find duplicates, 1,024 to 2^25; 40 bytes each (S1.7).
  size_t dedupe_ids = size_t{1} << 25;
  // Batches that may wait to be appended, 1 to 65,536.
  size_t queue_batches = 256;
  // Log entries applied but not yet durable as state before a checkpoint starts.
  size_t checkpoint_entries = 4'096;
  // The longest time between two checkpoints.
  std::chrono::milliseconds checkpoint_every{5'000};
  // Keys of entities that are no candidates kept in memory, 1 to 1,000,000,000.
  size_t cached_keys = 1'000'000;

  // Errors: kInvalidArgument naming the field, what was expected and what came; kFailedPrecondition
  // for an address that needs `insecure`.
  Status Validate() const;
  featurestore::StoreOptions ToStoreOptions() const;
};

// HOST:PORT taken apart; [HOST]:PORT for IPv6.
struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// Errors: kInvalidArgument.
StatusOr<HostPort> ParseHostPort(std::string_view address);

// True for localhost, 127.0.0.0/8 and ::1.
bool IsLoopback(std::string_view host);

}  // namespace larder::serving

#endif  // LARDER_SERVING_SERVER_OPTIONS_H_
