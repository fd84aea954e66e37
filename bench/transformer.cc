// SPDX-License-Identifier: Apache-2.0
// How fast a transformer's forward pass is, on token ids: no tokenizer, one thread.
//
//   bench_transformer [--data DIR] [--rounds N] [--json]
//   bench_transformer worker DIR int8|f32
//
// DIR has the config.json and model.safetensors of a published encoder; by default all-MiniLM-L6-v2
// where bench/ann/minilm.py keeps it. The second form answers requests on stdin, one line of JSON
// each, and is our side of bench/text/transformer_peers.py:
//
//   load IDS            a text's token ids in each line
//   time BATCH REPEATS  all texts in batches, in order: seconds of each repeat
//   vectors BATCH OUT   the vectors as .npy
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "bench/support/data.h"
#include "bench/support/driver.h"
#include "bench/support/npy.h"
#include "bench/support/timing.h"
#include "bench/support/vnni_peak.h"
#include "text/transformer/transformer_model.h"

namespace larder::bench {
namespace {

using text::TransformerModel;
using Ids = std::vector<int32_t>;

constexpr uint64_t kMaxModelBytes = uint64_t{2} << 30;
constexpr uint64_t kMaxIdsBytes = uint64_t{1} << 30;
constexpr double kRoundSeconds = 0.1;

StatusOr<std::unique_ptr<const TransformerModel>> OpenModel(const std::string& dir,
                                                            text::Precision precision) {
  const std::string config_path = JoinPath(dir, "config.json");
  const std::string model_path = JoinPath(dir, "model.safetensors");
  if (!FileSystem::Posix().Exists(model_path)) {
    return FailedPrecondition(model_path, " is missing: --data DIR, or `tools/bench ann`, which "
                              "fetches all-MiniLM-L6-v2");
  }
  LARDER_ASSIGN_OR_RETURN(const std::string json, FileSystem::Posix().Read(config_path, 1 << 20));
  LARDER_ASSIGN_OR_RETURN(auto config, text::ParseBertConfig(json, config_path));
  config.precision = precision;
  LARDER_ASSIGN_OR_RETURN(const auto bytes, MappedFile::Open(model_path));
  return TransformerModel::Create(config, bytes->bytes(), model_path);
}

// Texts of these lengths; which ids they have makes no difference to the time.
std::vector<Ids> MakeTexts(const TransformerModel& model, std::span<const size_t> lengths) {
  std::vector<Ids> texts;
  uint64_t state = 1;
  for (const size_t length : lengths) {
    Ids ids(length);
    for (int32_t& id : ids) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      id = static_cast<int32_t>((state >> 33) % model.vocab_size());
    }
    texts.push_back(std::move(ids));
  }
  return texts;
}

// All texts, so many in a call.
void EncodeAll(const TransformerModel& model, std::span<const Ids> texts, size_t batch,
               std::vector<float>& out) {
  const auto hidden = static_cast<size_t>(model.config().hidden);
  out.resize(texts.size() * hidden);
  for (size_t first = 0; first < texts.size(); first += batch) {
    const size_t count = std::min(batch, texts.size() - first);
    const std::vector<std::span<const int32_t>> views(texts.begin() + first,
                                                      texts.begin() + first + count);
    model.Encode(views, std::span(out).subspan(first * hidden, count * hidden));
  }
}

// Operations of matrix products alone, attention's too: two per product of numbers.
double Operations(const TransformerModel& model, std::span<const Ids> texts) {
  const text::TransformerConfig& config = model.config();
  double total = 0;
  for (const Ids& ids : texts) {
    const auto tokens = static_cast<double>(ids.size());
    const double hidden = config.hidden;
    const double weights = 4 * hidden * hidden + 2 * hidden * config.intermediate;
    total += 2.0 * config.layers * tokens * (weights + 2 * tokens * hidden);
  }
  return total;
}

// ---- the table ---------------------------------------------------------------------------------

struct Case {
  std::string name;
  std::vector<size_t> lengths;  // one call
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const size_t tokens : {8, 16, 32, 128}) {
    cases.push_back({Concat(tokens, " tokens, 1 text"), {tokens}});
  }
  for (const size_t tokens : {16, 128}) {
    cases.push_back({Concat(tokens, " tokens, 32 texts"), std::vector<size_t>(32, tokens)});
  }
  // As titles and sentences are: most are short.
  cases.push_back({"6 to 60 tokens, 32 texts",
                   {9,  12, 7,  15, 22, 10, 31, 8,  18, 14, 6,  11, 45, 13, 9,  27,
                    16, 10, 12, 60, 8,  19, 14, 7,  24, 11, 36, 13, 9,  17, 10, 15}});
  return cases;
}

// Milliseconds of each case, one round after the other, so that all see the same moments.
void Measure(const TransformerModel& model, double peak, size_t rounds, Report& report) {
  const std::vector<Case> cases = Cases();
  std::vector<std::vector<Ids>> texts;
  std::vector<std::vector<double>> ms(cases.size());
  for (const Case& one : cases) texts.push_back(MakeTexts(model, one.lengths));
  std::vector<float> out;
  for (size_t round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < cases.size(); ++i) {
      const Stopwatch watch;
      size_t calls = 0;
      do {
        EncodeAll(model, texts[i], texts[i].size(), out);
        ++calls;
      } while (watch.seconds() < kRoundSeconds);
      // The first round warms up.
      if (round > 0) ms[i].push_back(watch.seconds() * 1e3 / static_cast<double>(calls));
    }
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    const double median = Median(ms[i]);
    const double operations = Operations(model, texts[i]) / (median * 1e-3);
    Report::Fields fields = {{"ms_per_text", median / static_cast<double>(texts[i].size())},
                             {"gop_per_s", operations / 1e9}};
    if (peak > 0) fields.emplace_back("percent_of_vnni_peak", 100 * operations / peak);
    report.Add(Concat(PrecisionName(model.config().precision), ", ", cases[i].name), fields);
  }
}

Status Run(const Options& options, Report& report) {
  const std::string dir = options.data == Options().data ? MiniLmDir() : options.data;
  const double before = VnniPeakOperationsPerSecond();
  for (const text::Precision precision : {text::Precision::kInt8, text::Precision::kF32}) {
    const Stopwatch watch;
    LARDER_ASSIGN_OR_RETURN(const auto model, OpenModel(dir, precision));
    report.Note(Concat(model->engine(), ": loaded in ", watch.seconds(), " s, ",
                       static_cast<double>(model->memory_bytes()) / 1e6, " MB"));
    const bool is_int8 = precision == text::Precision::kInt8;
    const double peak = is_int8 ? std::max(before, VnniPeakOperationsPerSecond()) : 0;
    Measure(*model, peak, options.rounds, report);
    if (peak > 0) report.Note(Concat("VNNI peak of this core: ", peak / 1e9, " GOP/s"));
  }
  report.Note(Concat(dir, "; one thread; median of ", options.rounds, " rounds"));
  return OkStatus();
}

// ---- the worker --------------------------------------------------------------------------------

StatusOr<std::vector<Ids>> ReadIds(const std::string& path, const TransformerModel& model) {
  LARDER_ASSIGN_OR_RETURN(const std::string text, FileSystem::Posix().Read(path, kMaxIdsBytes));
  std::vector<Ids> texts;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    Ids ids;
    std::istringstream words(line);
    for (int32_t id = 0; words >> id;) {
      if (id < 0 || static_cast<size_t>(id) >= model.vocab_size()) {
        return InvalidArgument(path, ": token ", id, ", the vocabulary has ", model.vocab_size());
      }
      ids.push_back(id);
    }
    if (ids.size() > static_cast<size_t>(model.config().max_tokens())) {
      return InvalidArgument(path, ": a text of ", ids.size(), " tokens");
    }
    texts.push_back(std::move(ids));
  }
  return texts;
}

Status AnswerTime(const TransformerModel& model, std::span<const Ids> texts,
                  std::istream& words) {
  size_t batch = 0;
  size_t repeats = 0;
  if (!(words >> batch >> repeats) || batch == 0) {
    return InvalidArgument("usage: time BATCH REPEATS");
  }
  std::vector<float> out;
  std::string seconds;
  for (size_t i = 0; i < repeats; ++i) {
    const Stopwatch watch;
    EncodeAll(model, texts, batch, out);
    seconds += Concat(i > 0 ? ", " : "", watch.seconds());
  }
  std::printf("{\"seconds\": [%s], \"vnni_peak\": %.4e, \"operations\": %.6e}\n", seconds.c_str(),
              VnniPeakOperationsPerSecond(), Operations(model, texts));
  return OkStatus();
}

Status AnswerVectors(const TransformerModel& model, std::span<const Ids> texts,
                     std::istream& words) {
  size_t batch = 0;
  std::string path;
  if (!(words >> batch >> path) || batch == 0) return InvalidArgument("usage: vectors BATCH OUT");
  std::vector<float> out;
  EncodeAll(model, texts, batch, out);
  LARDER_RETURN_IF_ERROR(WriteNpy(path, "<f4", AsBytes(std::span<const float>(out)), texts.size(),
                                  static_cast<size_t>(model.config().hidden)));
  std::printf("{\"rows\": %zu}\n", texts.size());
  return OkStatus();
}

Status Serve(const TransformerModel& model) {
  std::vector<Ids> texts;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "load") {
      std::string path;
      words >> path;
      LARDER_ASSIGN_OR_RETURN(texts, ReadIds(path, model));
      std::printf("{\"texts\": %zu}\n", texts.size());
    } else if (verb == "time") {
      LARDER_RETURN_IF_ERROR(AnswerTime(model, texts, words));
    } else if (verb == "vectors") {
      LARDER_RETURN_IF_ERROR(AnswerVectors(model, texts, words));
    } else {
      return InvalidArgument("unknown request '", verb, "'");
    }
    std::fflush(stdout);
  }
  return OkStatus();
}

Status RunWorker(std::span<char*> arguments) {
  const auto precision =
      arguments.size() == 2 ? text::ParsePrecision(arguments[1]) : std::nullopt;
  if (!precision) return InvalidArgument("usage: bench_transformer worker DIR int8|f32");
  const Stopwatch watch;
  LARDER_ASSIGN_OR_RETURN(const auto model, OpenModel(arguments[0], *precision));
  std::printf("{\"ready\": true, \"engine\": \"%s\", \"load_s\": %.4f, \"memory_mb\": %.1f}\n",
              std::string(model->engine()).c_str(), watch.seconds(),
              static_cast<double>(model->memory_bytes()) / 1e6);
  std::fflush(stdout);
  return Serve(*model);
}

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  if (argc >= 2 && std::string_view(argv[1]) == "worker") {
    const larder::Status status =
        larder::bench::RunWorker(std::span(argv, static_cast<size_t>(argc)).subspan(2));
    if (status.ok()) return 0;
    std::fprintf(stderr, "bench_transformer: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return larder::bench::Drive("transformer", argc, argv, larder::bench::Run);
}
