// SPDX-License-Identifier: Apache-2.0
// How fast an encoder turns arXiv's titles into vectors, with its word cache empty and filled.
//
//   bench_titles --encoder DIR [--data DIR] [--rounds N] [--json]
//
// Cold: all titles in order of the file, by an encoder just opened. Warm: the odd ones, after the
// even ones.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/timing.h"
#include "text/encoder.h"

namespace larder::bench {
namespace {

constexpr std::string_view kItems = "arxiv/items.jsonl.zst";
constexpr size_t kBatch = 256;

using Texts = std::span<const std::string_view>;

// Texts per second.
StatusOr<double> Rate(const text::Encoder& encoder, Texts texts) {
  const auto dimensions = static_cast<size_t>(encoder.dimensions());
  std::vector<int8_t> out(kBatch * dimensions);
  const Stopwatch watch;
  for (size_t begin = 0; begin < texts.size(); begin += kBatch) {
    const Texts batch = texts.subspan(begin, std::min(kBatch, texts.size() - begin));
    LARDER_RETURN_IF_ERROR(
        encoder.Encode(batch, std::span(out).first(batch.size() * dimensions)));
  }
  return static_cast<double>(texts.size()) / watch.seconds();
}

Status Run(const Options& options, Report& report) {
  if (options.encoder.empty()) return InvalidArgument("--encoder DIR names what to measure");
  const std::string items = JoinPath(options.data, kItems);
  LARDER_ASSIGN_OR_RETURN(const std::vector<std::string> titles, ReadKeys(items, "title"));
  const std::vector<std::string_view> all(titles.begin(), titles.end());
  std::vector<std::string_view> even;
  std::vector<std::string_view> odd;
  for (size_t i = 0; i < all.size(); ++i) (i % 2 == 0 ? even : odd).push_back(all[i]);

  std::vector<double> cold, warm;
  std::string digest;
  for (size_t i = 0; i < options.rounds; ++i) {
    LARDER_ASSIGN_OR_RETURN(const auto fresh,
                            text::OpenEncoder(FileSystem::Posix(), options.encoder));
    LARDER_ASSIGN_OR_RETURN(cold.emplace_back(), Rate(*fresh, all));
    LARDER_ASSIGN_OR_RETURN(const auto filled,
                            text::OpenEncoder(FileSystem::Posix(), options.encoder));
    LARDER_RETURN_IF_ERROR(Rate(*filled, even).status());
    LARDER_ASSIGN_OR_RETURN(warm.emplace_back(), Rate(*filled, odd));
    digest = filled->digest().Short();
  }
  report.Add("titles, cold", {{"texts_per_s", Median(cold)}});
  report.Add("titles, warm", {{"texts_per_s", Median(warm)}});
  report.Note(Concat(items, ", ", titles.size(), " titles in batches of ", kBatch,
                     ", one thread; encoder ", digest, "; median of ", options.rounds, " rounds"));
  return OkStatus();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("titles", argc, argv, larder::bench::Run);
}
