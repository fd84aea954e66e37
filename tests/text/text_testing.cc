// SPDX-License-Identifier: Apache-2.0
#include "tests/text/text_testing.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/sentencepiece/tokenizer_trainer.h"

namespace larder::text {
namespace {

constexpr std::array<std::array<std::string_view, 9>, 8> kSubjects = {{
    {"server", "network", "daemon", "protocol", "request", "proxy", "cache", "socket", "listen"},
    {"game", "player", "level", "strategy", "puzzle", "score", "sprite", "enemy", "castle"},
    {"editor", "text", "syntax", "highlight", "buffer", "cursor", "plugin", "undo", "macro"},
    {"music", "audio", "sound", "playlist", "codec", "synth", "mixer", "volume", "album"},
    {"image", "photo", "pixel", "colour", "camera", "filter", "raster", "layer", "canvas"},
    {"compiler", "language", "parser", "library", "linker", "debug", "symbol", "object", "build"},
    {"math", "matrix", "algebra", "solver", "vector", "number", "integral", "plot", "statistics"},
    {"mail", "message", "inbox", "spam", "folder", "address", "header", "attachment", "list"},
}};

}  // namespace

std::vector<Document> SampleCatalog(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Document> documents;
  for (size_t i = 0; i < count; ++i) {
    const auto& words = kSubjects[random() % kSubjects.size()];
    std::string name;
    for (int k = 0; k < 6; ++k) name.push_back(static_cast<char>('a' + random() % 26));
    Document document;
    document.title = Concat(name, " ", words[0], " ", words[1 + random() % 8]);
    document.content = Concat("The ", name, " program is a ", words[0], " for");
    for (int k = 0; k < 8; ++k) document.content += Concat(" ", words[1 + random() % 8]);
    document.content += Concat(". It also has ", words[1 + random() % 8], " and ",
                               words[1 + random() % 8], ".");
    document.tags = {std::string(words[0])};
    documents.push_back(std::move(document));
  }
  return documents;
}

const std::string& SampleTokenizerBytes() {
  static const std::string bytes = [] {
    const std::vector<Document> documents = SampleCatalog(300, 1);
    std::vector<std::string_view> texts;
    for (const Document& document : documents) {
      texts.push_back(document.title);
      texts.push_back(document.content);
    }
    TokenizerTrainingOptions options;
    options.vocab_size = 300;
    auto trained = TrainTokenizer(texts, options);
    LARDER_CHECK(trained.ok());
    return *std::move(trained);
  }();
  return bytes;
}

std::unique_ptr<const Tokenizer> SampleTokenizer() {
  auto tokenizer = OpenSentencePiece(SampleTokenizerBytes(), "sample");
  LARDER_CHECK(tokenizer.ok());
  return *std::move(tokenizer);
}

StaticTables RandomTables(int32_t dimensions, uint64_t seed) {
  std::mt19937_64 random(seed);
  StaticTables tables;
  tables.dimensions = dimensions;
  const int32_t vocab = SampleTokenizer()->vocab_size();
  for (int32_t t = 0; t < vocab; ++t) {
    tables.weights.push_back(
        t % 4 == 0 ? 0 : static_cast<int32_t>(random() % (kMaxTokenWeight + 1)));
    for (int32_t d = 0; d < dimensions; ++d) {
      tables.table.push_back(static_cast<int8_t>(random() % 256));
    }
  }
  return tables;
}

Status WriteSampleEncoder(const std::string& dir) {
  EncoderConfig config;
  config.dimensions = 16;
  config.training["method"] = "random";
  config.quality["recall"] = 0.25;
  return WriteStaticEncoder(FileSystem::Posix(), dir, config, SampleTokenizerBytes(),
                            RandomTables(16, 1))
      .status();
}

std::string ReadFile(const std::string& path) {
  auto bytes = FileSystem::Posix().Read(path, uint64_t{1} << 30);
  EXPECT_OK(bytes);
  return bytes.ok() ? *std::move(bytes) : std::string();
}

void WriteFile(const std::string& path, std::string_view bytes) {
  EXPECT_OK(WriteFileAtomically(FileSystem::Posix(), path, bytes));
}

}  // namespace larder::text
