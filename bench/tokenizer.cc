// SPDX-License-Identifier: Apache-2.0
// How fast texts become ids: our own tokenizers and libsentencepiece, on the same lines. With
// --ids DIR it leaves the lines and their ids there for bench/text/tokenizer_peers.py: of
// SentencePiece models the library's, of WordPiece our own.
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
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/tokenizer.h"

namespace larder::bench {
namespace {

constexpr std::string_view kTexts = "text/english.jsonl.zst";

struct Vocabulary {
  std::string_view name;
  std::string_view file;
  text::TokenizerKind kind;
};
constexpr auto kSentencePiece = text::TokenizerKind::kSentencePiece;
constexpr auto kWordPiece = text::TokenizerKind::kWordPiece;
constexpr Vocabulary kVocabularies[] = {
    {"t5_spiece", "tokenizers/sentencepiece/t5_spiece.model", kSentencePiece},
    {"bpemb_en.wiki.bpe.vs100000", "tokenizers/sentencepiece/bpemb_en.wiki.bpe.vs100000.model",
     kSentencePiece},
    {"bert_base_cased", "tokenizers/tokenizers_json/bert_base_cased.json", kWordPiece},
    {"gte", "tokenizers/tokenizers_json/gte.json", kWordPiece},
};

using Lines = std::vector<std::string>;
using Ids = std::vector<int32_t>;
using text::Tokenizer;

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

Status MeasureOwn(const std::string& bytes, const Vocabulary& vocabulary, const Lines& lines,
                  size_t rounds, Report& report) {
  const std::string_view name = vocabulary.name;
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<double> open, cold, warm, all;
  for (size_t i = 0; i < rounds; ++i) {
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Open(vocabulary.kind, bytes, name));
    open.push_back(watch.seconds());
    LARDER_ASSIGN_OR_RETURN(cold.emplace_back(), Seconds(*tokenizer, lines, 0, 1));
    LARDER_ASSIGN_OR_RETURN(const auto other, Tokenizer::Open(vocabulary.kind, bytes, name));
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

// The ids of WordPiece, for the peer to compare with.
Status WriteOwnIds(const std::string& bytes, const Vocabulary& vocabulary, const Lines& lines,
                   const std::string& ids_dir) {
  LARDER_ASSIGN_OR_RETURN(const auto own,
                          Tokenizer::Open(vocabulary.kind, bytes, vocabulary.name));
  std::vector<Ids> ids(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) LARDER_RETURN_IF_ERROR(own->Encode(lines[i], ids[i]));
  return WriteIds(ids_dir, vocabulary.name, ids);
}

Status Run(const Options& options, Report& report) {
  const std::string texts = JoinPath(options.data, kTexts);
  LARDER_ASSIGN_OR_RETURN(const Lines lines, ReadKeys(texts, "text"));
  if (!options.ids.empty()) LARDER_RETURN_IF_ERROR(WriteTexts(options.ids, lines));
  for (const Vocabulary& vocabulary : kVocabularies) {
    if (!options.Wants(vocabulary.name)) continue;
    LARDER_ASSIGN_OR_RETURN(const std::string bytes,
                            FileSystem::Posix().Read(JoinPath(options.data, vocabulary.file),
                                                     text::kMaxTokenizerBytes));
    Progress(Concat("tokenizer: ", vocabulary.name));
    LARDER_RETURN_IF_ERROR(MeasureOwn(bytes, vocabulary, lines, options.rounds, report));
    if (vocabulary.kind == kSentencePiece) {
      LARDER_RETURN_IF_ERROR(
          MeasureLibrary(bytes, vocabulary.name, lines, options.ids, report));
    } else if (!options.ids.empty()) {
      LARDER_RETURN_IF_ERROR(WriteOwnIds(bytes, vocabulary, lines, options.ids));
    }
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
