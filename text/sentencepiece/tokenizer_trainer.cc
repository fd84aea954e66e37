// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/tokenizer_trainer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/sync.h"
#include "text/internal/check_range.h"
#include "text/internal/random.h"
#include "text/sentencepiece/charsmap.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/punctuation_rules.h"
#include "text/sentencepiece/sentencepiece_bridge.h"
#include "text/sentencepiece/utf8.h"

namespace larder::text {
namespace {

// The trainer skips longer lines altogether (its own default is 4,192).
constexpr size_t kMaxLineBytes = 2'000;
constexpr std::string_view kStage = "train tokenizer";

using Flags = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string_view> Lines(std::span<const std::string_view> texts) {
  std::vector<std::string_view> lines;
  for (std::string_view text : texts) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = Utf8Prefix(text.substr(0, end), kMaxLineBytes);
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return lines;
}

Status CheckOptions(const TokenizerTrainingOptions& options) {
  LARDER_RETURN_IF_ERROR(internal::CheckRange("vocab_size", options.vocab_size, 32, 500'000));
  LARDER_RETURN_IF_ERROR(
      internal::CheckRange("max_sentences", options.max_sentences, 1, 10'000'000));
  if (!(options.character_coverage >= 0.98 && options.character_coverage <= 1)) {
    return InvalidArgument("character_coverage is ", options.character_coverage,
                           ", expected 0.98 to 1");
  }
  return OkStatus();
}

// The library says nothing while it works, and offers no call for it: so it works on a thread of
// its own, and this one tells that time passes.
std::string TrainWithHeartbeat(const std::vector<std::string_view>& lines, const Flags& flags,
                               const Progress& progress, std::string& error) {
  std::string model;
  Mutex mutex;
  CondVar ended;
  bool done = false;
  std::jthread library([&] {
    std::string trained = internal::TrainSentencePieceModel(lines, flags, error);
    const MutexLock lock(mutex);
    model = std::move(trained);
    done = true;
    ended.SignalOne();
  });
  using Clock = std::chrono::steady_clock;
  // A second at first; later a fiftieth of the time so far, so that the calls stay few.
  const Clock::time_point start = Clock::now();
  const MutexLock lock(mutex);
  while (!done) {
    const Clock::duration wait = std::max<Clock::duration>(std::chrono::seconds(1),
                                                           (Clock::now() - start) / 50);
    if (!ended.WaitUntil(mutex, Clock::now() + wait) && !done && progress) progress(kStage, 0, 1);
  }
  return model;
}

// The library's rules have names, but it gives their table only as part of a model.
StatusOr<std::string> CompiledRules(std::string_view option, const std::string& value) {
  std::string error;
  const Flags flags = {{std::string(option), value},
                       {"vocab_size", "8"},
                       {"hard_vocab_limit", "false"},
                       {"minloglevel", "2"}};
  const std::string model = internal::TrainSentencePieceModel({"a"}, flags, error);
  if (model.empty()) return Internal("libsentencepiece has no rules for ", option, ": ", error);
  LARDER_ASSIGN_OR_RETURN(const internal::Model parsed, internal::ParseModel(model, option));
  return std::string(parsed.charsmap);
}

// The table of the library's rules `name` with spaces for punctuation. The library compiles rules
// only from a file, so it gets one that is in memory.
StatusOr<std::string> RulesWithoutPunctuation(const std::string& name) {
  LARDER_ASSIGN_OR_RETURN(const std::string table, CompiledRules("normalization_rule_name", name));
  LARDER_ASSIGN_OR_RETURN(const auto rules, internal::CharsMap::Open(table, name, "normaliser"));
  const std::string changed = internal::PunctuationAsSpace(rules);
  const int file = memfd_create("rules", MFD_CLOEXEC);
  if (file < 0) return Unavailable("no memory for the normaliser's rules");
  StatusOr<std::string> compiled = Unavailable("no memory for the normaliser's rules");
  if (write(file, changed.data(), changed.size()) == static_cast<ssize_t>(changed.size())) {
    compiled = CompiledRules("normalization_rule_tsv", Concat("/proc/self/fd/", file));
  }
  close(file);
  return compiled;
}

// Whether the line has a character that may become a piece once it is normalised. The library
// skips lines with its sign for the unknown piece.
bool HoldsCharacter(std::string_view line, const internal::CharsMap& rules) {
  constexpr std::string_view kUnknown = "\u2585";
  const auto counts = [](std::string_view character) {
    if (internal::ValidUtf8Length(character) == 0) return false;
    return character != " " && character != "\t" && character != std::string_view("\0", 1) &&
           character != "\u2581" && character != "\ufffd";
  };
  if (line.find(kUnknown) != std::string_view::npos) return false;
  while (!line.empty()) {
    const internal::CharsMap::Match match = rules.Find(line);
    const size_t length = match.length > 0 ? match.length : internal::CharacterLength(line);
    std::string_view normalised = match.length > 0 ? match.replacement : line.substr(0, length);
    while (!normalised.empty()) {
      const size_t next = internal::CharacterLength(normalised);
      if (counts(normalised.substr(0, next))) return true;
      normalised.remove_prefix(next);
    }
    line.remove_prefix(length);
  }
  return false;
}

// The library ends the process when no character is left to learn.
Status CheckHoldCharacters(const std::vector<std::string_view>& lines, const std::string& table) {
  LARDER_ASSIGN_OR_RETURN(const auto rules, internal::CharsMap::Open(table, "rules", "normaliser"));
  const auto holds = [&](std::string_view line) { return HoldsCharacter(line, rules); };
  if (std::any_of(lines.begin(), lines.end(), holds)) return OkStatus();
  return InvalidArgument("no text to train a tokenizer on: ", lines.size(),
                         " lines hold only punctuation and spaces");
}

}  // namespace

StatusOr<std::string> TrainTokenizer(std::span<const std::string_view> texts,
                                     const TokenizerTrainingOptions& options,
                                     const Progress& progress) {
  LARDER_RETURN_IF_ERROR(CheckOptions(options));
  if (progress) progress(kStage, 0, 1);
  std::vector<std::string_view> lines = Lines(texts);
  if (lines.empty()) return InvalidArgument("no text to train a tokenizer on");
  if (lines.size() > options.max_sentences) {
    std::vector<std::string_view> sample;
    for (size_t i : internal::SampleIndices(lines.size(), options.max_sentences, options.seed)) {
      sample.push_back(lines[i]);
    }
    lines = std::move(sample);
  }
  const std::string rules = options.fold_case ? "nmt_nfkc_cf" : "nmt_nfkc";
  Flags flags = {
      {"model_type", options.model == TokenizerModel::kBpe ? "bpe" : "unigram"},
      {"vocab_size", Concat(options.vocab_size)},
      {"character_coverage", Concat(options.character_coverage)},
      {"normalization_rule_name", rules},
      // A corpus that has fewer good pieces gets a smaller vocabulary, not an error.
      {"hard_vocab_limit", "false"},
      // The expectation step adds per-thread sums in order of thread, so the number is fixed.
      {"num_threads", "2"},
      {"shuffle_input_sentence", "false"},
      {"minloglevel", "2"},
  };
  LARDER_ASSIGN_OR_RETURN(const std::string table,
                          options.drop_punctuation
                              ? RulesWithoutPunctuation(rules)
                              : CompiledRules("normalization_rule_name", rules));
  LARDER_RETURN_IF_ERROR(CheckHoldCharacters(lines, table));
  if (options.drop_punctuation) flags.emplace_back("precompiled_charsmap", table);
  std::string error;
  std::string model = TrainWithHeartbeat(lines, flags, progress, error);
  if (model.empty()) {
    return InvalidArgument("no tokenizer could be trained on ", lines.size(),
                           " lines with vocab_size ", options.vocab_size, ": ", error);
  }
  if (progress) progress(kStage, 1, 1);
  return model;
}

}  // namespace larder::text
