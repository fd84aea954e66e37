// SPDX-License-Identifier: Apache-2.0
// How fast texts become ids: our own tokenizers and libsentencepiece, on the same lines. With
// --ids DIR it leaves the lines and the library's ids there for bench/text/tokenizer_peers.py.
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/timing.h"
#include "cli/input/record_reader.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/tokenizer.h"

namespace larder::bench {
namespace {

constexpr std::string_view kTexts = "text/english.jsonl.zst";
constexpr std::string_view kModels = "tokenizers/sentencepiece";
constexpr std::string_view kNames[] = {"t5_spiece", "bpemb_en.wiki.bpe.vs100000"};

using Lines = std::vector<std::string>;
using Ids = std::vector<int32_t>;
using text::Tokenizer;

StatusOr<Lines> ReadTexts(const std::string& path) {
  LARDER_ASSIGN_OR_RETURN(const auto reader,
                          cli::RecordReader::Open(path, cli::InputFormat::kJsonLines));
  Lines lines;
  cli::InputRecord record;
  while (true) {
    LARDER_ASSIGN_OR_RETURN(const bool more, reader->Next(record));
    if (!more) return lines;
    const auto json = nlohmann::json::parse(record.bytes, nullptr, false);
    if (!json.is_object() || !json.contains("text")) {
      return InvalidArgument(path, ":", record.line, ": expected an object with 'text'");
    }
    lines.push_back(json["text"].get<std::string>());
  }
}

// Every `step`th line from `first` on.
Status EncodeAll(const Tokenizer& tokenizer, const Lines& lines, size_t first, size_t step) {
  Ids ids;
  for (size_t i = first; i < lines.size(); i += step) {
    LARDER_RETURN_IF_ERROR(tokenizer.Encode(lines[i], ids));
  }
  return OkStatus();
}

double Megabytes(const Lines& lines, size_t first, size_t step) {
  double bytes = 0;
  for (size_t i = first; i < lines.size(); i += step) bytes += static_cast<double>(lines[i].size());
  return bytes / 1e6;
}

StatusOr<double> Seconds(const Tokenizer& tokenizer, const Lines& lines, size_t first,
                         size_t step) {
  const Stopwatch watch;
  LARDER_RETURN_IF_ERROR(EncodeAll(tokenizer, lines, first, step));
  return watch.seconds();
}

// The odd lines on all processors at once, with a cache that the even lines filled.
StatusOr<double> SecondsOfThreads(const Tokenizer& tokenizer, const Lines& lines, size_t threads) {
  std::vector<Status> results(threads);
  const Stopwatch watch;
  {
    std::vector<std::jthread> running;
    for (size_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] { results[i] = EncodeAll(tokenizer, lines, 1, 2); });
    }
  }
  const double seconds = watch.seconds();
  for (const Status& result : results) LARDER_RETURN_IF_ERROR(result);
  return seconds;
}

Status MeasureOwn(const std::string& bytes, std::string_view name, const Lines& lines,
                  size_t rounds, Report& report) {
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<double> open, cold, warm, all;
  for (size_t i = 0; i < rounds; ++i) {
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const auto tokenizer, text::OpenSentencePiece(bytes, name));
    open.push_back(watch.seconds());
    LARDER_ASSIGN_OR_RETURN(cold.emplace_back(), Seconds(*tokenizer, lines, 0, 1));
    LARDER_ASSIGN_OR_RETURN(const auto other, text::OpenSentencePiece(bytes, name));
    LARDER_RETURN_IF_ERROR(EncodeAll(*other, lines, 0, 2));
    LARDER_ASSIGN_OR_RETURN(warm.emplace_back(), Seconds(*other, lines, 1, 2));
    LARDER_ASSIGN_OR_RETURN(all.emplace_back(), SecondsOfThreads(*other, lines, threads));
  }
  const double odd = Megabytes(lines, 1, 2);
  report.Add(Concat(name, ", own, cold"), {{"mb_per_s", Megabytes(lines, 0, 1) / Median(cold)},
                                           {"open_ms", Median(open) * 1e3}});
  report.Add(Concat(name, ", own, warm"), {{"mb_per_s", odd / Median(warm)}});
  report.Add(Concat(name, ", own, warm, ", threads, " threads"),
             {{"mb_per_s", odd * static_cast<double>(threads) / Median(all)}});
  return OkStatus();
}

Status WriteIds(const std::string& dir, std::string_view name, const std::vector<Ids>& all) {
  std::ofstream out(JoinPath(dir, Concat(name, ".ids")), std::ios::binary);
  std::string line;
  for (const Ids& ids : all) {
    line.clear();
    for (const int32_t id : ids) line += Concat(line.empty() ? "" : " ", id);
    out << line << '\n';
  }
  return out.flush() ? OkStatus() : Unavailable(dir, ": cannot be written");
}

Status WriteTexts(const std::string& dir, const Lines& lines) {
  LARDER_RETURN_IF_ERROR(FileSystem::Posix().MakeDirs(dir));
  std::ofstream out(JoinPath(dir, "texts.jsonl"), std::ios::binary);
  for (const std::string& line : lines) out << nlohmann::json{{"text", line}}.dump() << '\n';
  return out.flush() ? OkStatus() : Unavailable(dir, ": cannot be written");
}

// The library once, as the oracle: how many lines have other ids of our own.
Status MeasureLibrary(const std::string& bytes, std::string_view name, const Lines& lines,
                      const std::string& ids_dir, Report& report) {
  const Stopwatch watch;
  LARDER_ASSIGN_OR_RETURN(const auto library, text::OpenSentencePieceLibrary(bytes, name));
  const double open_seconds = watch.seconds();
  std::vector<Ids> expected(lines.size());
  const Stopwatch all;
  for (size_t i = 0; i < lines.size(); ++i) {
    LARDER_RETURN_IF_ERROR(library->Encode(lines[i], expected[i]));
  }
  const double seconds = all.seconds();
  LARDER_ASSIGN_OR_RETURN(const auto own, text::OpenSentencePiece(bytes, name));
  Ids ids;
  double different = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    LARDER_RETURN_IF_ERROR(own->Encode(lines[i], ids));
    different += ids != expected[i];
  }
  report.Add(Concat(name, ", libsentencepiece"),
             {{"mb_per_s", Megabytes(lines, 0, 1) / seconds},
              {"open_ms", open_seconds * 1e3},
              {"lines", static_cast<double>(lines.size())},
              {"different_lines", different}});
  return ids_dir.empty() ? OkStatus() : WriteIds(ids_dir, name, expected);
}

Status Run(const Options& options, Report& report) {
  const std::string texts = JoinPath(options.data, kTexts);
  LARDER_ASSIGN_OR_RETURN(const Lines lines, ReadTexts(texts));
  if (!options.ids.empty()) LARDER_RETURN_IF_ERROR(WriteTexts(options.ids, lines));
  for (const std::string_view name : kNames) {
    if (!options.Wants(name)) continue;
    const std::string path = JoinPath(JoinPath(options.data, kModels), Concat(name, ".model"));
    LARDER_ASSIGN_OR_RETURN(const std::string bytes,
                            FileSystem::Posix().Read(path, text::kMaxTokenizerBytes));
    Progress(Concat("tokenizer: ", name));
    LARDER_RETURN_IF_ERROR(MeasureOwn(bytes, name, lines, options.rounds, report));
    LARDER_RETURN_IF_ERROR(MeasureLibrary(bytes, name, lines, options.ids, report));
  }
  report.Note(Concat(texts, ", ", lines.size(), " lines, one thread unless said otherwise; cold: ",
                     "all lines, empty word cache; warm: the odd lines after the even ones; ",
                     "median of ", options.rounds, " rounds, libsentencepiece once"));
  return OkStatus();
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  return larder::bench::Drive("tokenizer", argc, argv, larder::bench::Run);
}
