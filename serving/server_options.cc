// SPDX-License-Identifier: Apache-2.0
#include "serving/server_options.h"

#include <algorithm>
#include <charconv>

#include "ann/vector_index.h"
#include "base/clock.h"

namespace larder::serving {
namespace {

using std::chrono::milliseconds;

Status CheckAddress(std::string_view field, std::string_view address, bool insecure) {
  auto parsed = ParseHostPort(address);
  if (!parsed.ok()) return Annotate(parsed.status(), field);
  if (insecure || IsLoopback(parsed->host)) return OkStatus();
  return FailedPrecondition(
      field, ": '", address, "' can be reached from other machines, and this version has neither "
      "TLS nor tokens: whoever reaches the port may read and change everything. Listen on "
      "127.0.0.1, or pass --insecure if something else keeps strangers out");
}

Status CheckRange(std::string_view field, milliseconds value, milliseconds low,
                  milliseconds high) {
  if (value >= low && value <= high) return OkStatus();
  return InvalidArgument(field, ": expected ", FormatDuration(low.count() * kMillisecondUs), " to ",
                         FormatDuration(high.count() * kMillisecondUs), ", got ",
                         FormatDuration(value.count() * kMillisecondUs));
}

Status CheckRange(std::string_view field, size_t value, size_t low, size_t high) {
  if (value >= low && value <= high) return OkStatus();
  return InvalidArgument(field, ": expected ", low, " to ", high, ", got ", value);
}

Status CheckShare(std::string_view field, double value) {
  if (value >= 0 && value <= 1) return OkStatus();
  return InvalidArgument(field, ": expected 0 to 1, got ", value);
}

}  // namespace

StatusOr<HostPort> ParseHostPort(std::string_view address) {
  const size_t colon = address.rfind(':');
  HostPort result;
  if (colon == std::string_view::npos || colon == 0) {
    return InvalidArgument("expected HOST:PORT, got '", address, "'");
  }
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return InvalidArgument("expected HOST:PORT, or [HOST]:PORT for IPv6, got '", address, "'");
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return InvalidArgument("expected a port of 0 to 65535, got '", port, "'");
  }
  result.host = host;
  return result;
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // Four numbers, the first 127: not "127.evil.example".
  if (host.substr(0, 4) != "127.") return false;
  int numbers = 0;
  const char* next = host.data();
  const char* const end = host.data() + host.size();
  while (true) {
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(next, end, value);
    if (error != std::errc() || value > 255) return false;
    ++numbers;
    if (stop == end) return numbers == 4;
    if (*stop != '.') return false;
    next = stop + 1;
  }
}

Status ServerOptions::Validate() const {
  if (data_dir.empty()) return InvalidArgument("data_dir: expected a directory, got nothing");
  LARDER_RETURN_IF_ERROR(CheckAddress("listen", listen, insecure));
  if (!http.empty()) LARDER_RETURN_IF_ERROR(CheckAddress("http", http, insecure));
  constexpr milliseconds kHour = std::chrono::hours(1);
  constexpr milliseconds kMinute = std::chrono::minutes(1);
  constexpr milliseconds kZero{0};
  constexpr milliseconds kOne{1};
  LARDER_RETURN_IF_ERROR(CheckRange("grpc_threads", grpc_threads, 4, 1'024));
  LARDER_RETURN_IF_ERROR(CheckRange("grpc_buffer_bytes", grpc_buffer_bytes, size_t{64} << 20,
                                    size_t{1} << 40));
  LARDER_RETURN_IF_ERROR(CheckRange("http_threads", http_threads, 2, 256));
  LARDER_RETURN_IF_ERROR(CheckRange("default_deadline", default_deadline, kOne, kHour));
  LARDER_RETURN_IF_ERROR(CheckRange("drain", drain, kZero, 10 * kMinute));
  LARDER_RETURN_IF_ERROR(CheckRange("top_list_age", top_list_age, kZero, kHour));
  LARDER_RETURN_IF_ERROR(CheckRange("embed_threads", embed_threads, 0, 64));
  LARDER_RETURN_IF_ERROR(CheckRange("embed_wait", embed_wait, kZero, std::chrono::seconds(1)));
  LARDER_RETURN_IF_ERROR(
      CheckRange("embed_queue_tokens", embed_queue_tokens, 1'024, size_t{1} << 24));
  LARDER_RETURN_IF_ERROR(
      CheckRange("embed_cache_bytes", embed_cache_bytes, 0, size_t{64} << 30));
  LARDER_RETURN_IF_ERROR(CheckRange("job_poll", job_poll, 10 * kOne, kMinute));
  LARDER_RETURN_IF_ERROR(CheckRange("index_quiet", index_quiet, kZero, kHour));
  LARDER_RETURN_IF_ERROR(CheckRange("index_patience", index_patience, kZero, 24 * kHour));
  LARDER_RETURN_IF_ERROR(CheckRange("index_interval", index_interval, kZero, 24 * kHour));
  LARDER_RETURN_IF_ERROR(
      CheckRange("max_delta", max_delta, 1'024, ann::VectorIndexOptions().max_ids));
  LARDER_RETURN_IF_ERROR(CheckShare("recall_budget", recall_budget));
  LARDER_RETURN_IF_ERROR(CheckShare("epoch_min_recall", epoch_min_recall));
  LARDER_RETURN_IF_ERROR(CheckShare("epoch_min_overlap", epoch_min_overlap));
  LARDER_RETURN_IF_ERROR(CheckRange("index_threads", index_threads, 1, 64));
  LARDER_RETURN_IF_ERROR(CheckRange("job_retry", job_retry, kOne, kHour));
  LARDER_RETURN_IF_ERROR(CheckRange("job_retry_max", job_retry_max, kOne, 24 * kHour));
  LARDER_RETURN_IF_ERROR(CheckRange("cached_keys", cached_keys, 1, 1'000'000'000));
  return ToStoreOptions().Validate();
}

featurestore::StoreOptions ServerOptions::ToStoreOptions() const {
  featurestore::StoreOptions options;
  options.dir = data_dir;
  options.accept_clock_skew = accept_clock_skew;
  options.dedupe_ids = dedupe_ids;
  options.queue_batches = queue_batches;
  options.checkpoint_entries = checkpoint_entries;
  options.checkpoint_every = checkpoint_every;
  options.cached_keys = cached_keys;
  return options;
}

}  // namespace larder::serving
