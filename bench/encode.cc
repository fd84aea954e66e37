// SPDX-License-Identifier: Apache-2.0
// How fast the quickstart's encoder turns texts into vectors.
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/timing.h"
#include "text/document.h"
#include "text/encoder.h"

namespace larder::bench {
namespace {

constexpr size_t kBatch = 256;
constexpr size_t kSingleTexts = 10'000;

using Texts = std::span<const std::string_view>;

Status EncodeAll(const text::Encoder& encoder, Texts texts) {
  const auto dimensions = static_cast<size_t>(encoder.dimensions());
  std::vector<int8_t> out(kBatch * dimensions);
  for (size_t begin = 0; begin < texts.size(); begin += kBatch) {
    const Texts batch = texts.subspan(begin, std::min(kBatch, texts.size() - begin));
    LARDER_RETURN_IF_ERROR(
        encoder.Encode(batch, std::span(out).first(batch.size() * dimensions)));
  }
  return OkStatus();
}

// Every thread takes its share of the texts.
Status EncodeInThreads(const text::Encoder& encoder, Texts texts, size_t threads) {
  std::vector<Status> results(threads);
  {
    std::vector<std::jthread> running;
    for (size_t i = 0; i < threads; ++i) {
      const size_t begin = texts.size() * i / threads;
      const Texts share = texts.subspan(begin, texts.size() * (i + 1) / threads - begin);
      running.emplace_back([&, share, i] { results[i] = EncodeAll(encoder, share); });
    }
  }
  for (const Status& result : results) LARDER_RETURN_IF_ERROR(result);
  return OkStatus();
}

Status MeasureBatches(const text::Encoder& encoder, std::string_view what, Texts texts,
                      size_t threads, size_t rounds, Report& report) {
  double bytes = 0;
  for (const std::string_view text : texts) bytes += static_cast<double>(text.size());
  LARDER_RETURN_IF_ERROR(EncodeAll(encoder, texts.first(std::min(texts.size(), kSingleTexts))));
  std::vector<double> seconds;
  for (size_t i = 0; i < rounds; ++i) {
    const Stopwatch watch;
    LARDER_RETURN_IF_ERROR(EncodeInThreads(encoder, texts, threads));
    seconds.push_back(watch.seconds());
  }
  const double median = Median(seconds);
  const auto count = static_cast<double>(texts.size());
  const std::string_view plural = threads == 1 ? "" : "s";
  report.Add(Concat(what, ", batches of ", kBatch, ", ", threads, " thread", plural),
             {{"texts", count},
              {"bytes_per_text", bytes / count},
              {"texts_per_s", count / median},
              {"mb_per_s", bytes / median / 1e6}});
  return OkStatus();
}

Status MeasureSingles(const text::Encoder& encoder, Texts titles, size_t rounds, Report& report) {
  std::vector<int8_t> out(static_cast<size_t>(encoder.dimensions()));
  const Texts sample = titles.first(std::min(titles.size(), kSingleTexts));
  std::vector<Round> done;
  for (size_t i = 0; i < rounds; ++i) {
    std::vector<double> latencies;
    const Stopwatch all;
    for (const std::string_view& title : sample) {
      const Stopwatch watch;
      LARDER_RETURN_IF_ERROR(encoder.Encode(std::span(&title, 1), out));
      latencies.push_back(watch.us());
    }
    done.push_back(Summarise(latencies, all.seconds()));
  }
  report.AddRound("titles, one by one, 1 thread", {{"texts", static_cast<double>(sample.size())}},
                  MedianRound(done));
  return OkStatus();
}

Status Run(const Options& options, Report& report) {
  LARDER_RETURN_IF_ERROR(RequireData(options.data, {kCatalogFile, kEncoder}));
  const std::string catalog = JoinPath(options.data, kCatalogFile);
  LARDER_ASSIGN_OR_RETURN(const auto encoder, text::OpenEncoder(FileSystem::Posix(),
                                                                JoinPath(options.data, kEncoder)));
  LARDER_ASSIGN_OR_RETURN(const auto titles, ReadField(catalog, "title"));
  LARDER_ASSIGN_OR_RETURN(const auto contents, ReadField(catalog, "content"));
  std::vector<std::string> documents;
  std::vector<std::string_view> title_views;
  std::vector<std::string_view> document_views;
  for (size_t i = 0; i < titles.size(); ++i) {
    const std::optional<std::string_view> fields[] = {titles[i], contents[i]};
    documents.push_back(text::JoinFields(fields));
    if (titles[i]) title_views.push_back(*titles[i]);
  }
  document_views.assign(documents.begin(), documents.end());
  if (title_views.empty()) return InvalidArgument(catalog, ": has no titles");

  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  LARDER_RETURN_IF_ERROR(MeasureSingles(*encoder, title_views, options.rounds, report));
  std::vector<size_t> thread_counts = {1};
  if (cores > 1) thread_counts.push_back(cores);
  for (const size_t threads : thread_counts) {
    LARDER_RETURN_IF_ERROR(
        MeasureBatches(*encoder, "titles", title_views, threads, options.rounds, report));
    LARDER_RETURN_IF_ERROR(MeasureBatches(*encoder, "titles with content", document_views, threads,
                                          options.rounds, report));
  }
  report.Note(Concat(options.data, ", ", encoder->dimensions(), " dimensions, encoder ",
                     encoder->digest().Short(), "; median of ", options.rounds, " rounds"));
  return OkStatus();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("encode", argc, argv, larder::bench::Run);
}
