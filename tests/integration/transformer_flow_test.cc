// SPDX-License-Identifier: Apache-2.0
// A transformer from a published model's directory to answers: import, apply, vectors that a job
// makes, search; kill -9 in the middle of a backfill (R4, S7.3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "base/clock.h"
#include "base/status.h"
#include "tests/integration/ingest_client.h"
#include "tests/integration/larder_server.h"
#include "tests/support/temp_dir.h"
#include "tests/text/transformer/transformer_testing.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kCatalog[] = R"(
entity: item
key: item_id
---
table: catalog
of: item
time: updated_at
columns: {title: string}
---
encoder: tiny
path: encoders/tiny
)";
constexpr char kVectors[] = R"(
view: text_of
of: item
from: catalog
define:
  vec: embed(tiny, title)
)";
constexpr std::string_view kSpecial[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
// What rounding may make of a cosine: components are stored in 15 bits.
constexpr double kRounding = 1e-3;

std::string WordOf(size_t i) { return Concat("w", i); }

class TransformerFlow : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ForgeModel());
    const ProcessResult imported =
        server_.Cli({"encoder", "import", dir_.File("model"), "--out",
                     dir_.File("definitions/encoders/tiny")});
    ASSERT_EQ(imported.exit_code, 0) << imported.err;
    Write("definitions/catalog.yaml", kCatalog);
    server_.Start();
  }

  void Write(const std::string& name, std::string_view text) const {
    const std::filesystem::path path = dir_.File(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  // What sentence-transformers writes: a BERT of random weights that knows a few words.
  void ForgeModel() const {
    const text::TransformerConfig config = text::SmallConfig();
    std::string pieces;
    for (const std::string_view piece : kSpecial) pieces += Concat(piece, "\n");
    for (size_t i = std::size(kSpecial); i < text::kTestVocabulary; ++i) pieces += WordOf(i) + "\n";
    const auto tokenizer = text::TokenizerJsonOfVocab(pieces, /*lowercase=*/true, "vocab.txt");
    ASSERT_TRUE(tokenizer.ok()) << Message(tokenizer.status());
    Write("model/tokenizer.json", *tokenizer);
    Write("model/config.json", json{{"model_type", "bert"},
                                    {"hidden_size", config.hidden},
                                    {"num_hidden_layers", config.layers},
                                    {"num_attention_heads", config.heads},
                                    {"intermediate_size", config.intermediate},
                                    {"max_position_embeddings", config.max_positions}}
                                   .dump());
    Write("model/modules.json", R"([{"path": "", "type": "m.Transformer"},
                                    {"path": "1_Pooling", "type": "m.Pooling"},
                                    {"path": "2_Normalize", "type": "m.Normalize"}])");
    Write("model/1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
    Write("model/model.safetensors", text::ModelBytes(text::RandomWeights(config, 1)));
  }

  // `most` words, or fewer.
  std::string RandomText(size_t most) {
    std::string text;
    for (size_t words = 1 + random_() % most; words > 0; --words) {
      const size_t first = std::size(kSpecial);
      text += WordOf(first + random_() % (text::kTestVocabulary - first)) + " ";
    }
    return text;
  }

  // A new item, or another text of a known one.
  std::string RecordOf(const std::string& key, const std::string& text) {
    titles_[key] = text;
    const TimeUs at = Clock::System().Now() - kHourUs + ++sent_;
    return json{{"item_id", key}, {"updated_at", FormatTime(at)}, {"title", text}}.dump() + "\n";
  }
  std::string NewRecords(size_t count, size_t words) {
    std::string records;
    for (; count > 0; --count) records += RecordOf(Concat("i", titles_.size()), RandomText(words));
    return records;
  }

  void Apply() {
    const ProcessResult result = server_.Cli({"apply", "--yes", dir_.File("definitions")});
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  }
  void Ingest(const std::string& file, const std::string& in = "") {
    const ProcessResult result = server_.Cli({"ingest", "catalog", file}, in);
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  }
  void WaitForVectors() {
    const ProcessResult wait = server_.Cli({"status", "--wait"});
    ASSERT_EQ(wait.exit_code, 0) << wait.err;
    const json index = server_.Json({"status"}).at("indexes").at(0);
    EXPECT_EQ(index.at("pending_vectors"), 0);
    EXPECT_EQ(index.at("vectors"), titles_.size());
  }

  // Vectors of length 1, as the server encodes texts.
  std::vector<std::vector<double>> Embed(const std::vector<std::string>& texts) {
    std::string lines;
    for (const std::string& text : texts) lines += text + "\n";
    const ProcessResult result =
        server_.Cli({"embed", "tiny", "-", "--format", "float", "--json"}, lines);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::vector<double>> vectors;
    std::istringstream replies(result.out);
    for (std::string line; std::getline(replies, line);) {
      vectors.push_back(json::parse(line).at("vector"));
    }
    EXPECT_EQ(vectors.size(), texts.size());
    return vectors;
  }

  json Search(const std::string& text) {
    return server_.Json({"search", "text_of.vec", text, "--limit", "10"}).at("hits");
  }

  // Some searches find what the vectors of all titles say.
  void CheckSearches() {
    std::vector<std::string> keys;
    std::vector<std::string> texts;
    for (const auto& [key, title] : titles_) {
      keys.push_back(key);
      texts.push_back(title);
    }
    for (int i = 0; i < 5; ++i) texts.push_back(RandomText(8));
    const std::vector<std::vector<double>> vectors = Embed(texts);
    for (size_t query = keys.size(); query < texts.size(); ++query) {
      std::map<std::string, double> cosines;
      std::vector<double> best;
      for (size_t i = 0; i < keys.size(); ++i) {
        double dot = 0;
        for (size_t d = 0; d < vectors[i].size(); ++d) dot += vectors[i][d] * vectors[query][d];
        cosines[keys[i]] = dot;
        best.push_back(dot);
      }
      std::sort(best.rbegin(), best.rend());
      const json hits = Search(texts[query]);
      ASSERT_EQ(hits.size(), 10u);
      for (size_t rank = 0; rank < 10; ++rank) {
        EXPECT_NEAR(hits[rank].at("score").get<double>(), best[rank], kRounding) << texts[query];
        EXPECT_NEAR(cosines.at(hits[rank].at("id")), best[rank], kRounding) << texts[query];
      }
    }
  }

  const uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  const TempDir dir_;
  LarderServer server_{dir_.File("data")};
  TimeUs sent_ = 0;
  std::map<std::string, std::string> titles_;  // by key
};

TEST_F(TransformerFlow, RowsThatComeOrChangeGetTheirVectors) {
  SCOPED_TRACE(Concat("seed ", seed_));
  Write("definitions/vectors.yaml", kVectors);
  ASSERT_NO_FATAL_FAILURE(Apply());
  Write("items.jsonl", NewRecords(300, 12));
  ASSERT_NO_FATAL_FAILURE(Ingest(dir_.File("items.jsonl")));
  ASSERT_NO_FATAL_FAILURE(WaitForVectors());
  ASSERT_NO_FATAL_FAILURE(CheckSearches());

  const std::string old_text = titles_["i7"];
  const std::string changed = RecordOf("i7", "w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17");
  ASSERT_NO_FATAL_FAILURE(Ingest("-", changed + NewRecords(20, 12)));
  ASSERT_NO_FATAL_FAILURE(WaitForVectors());

  const json best = Search(titles_["i7"]).at(0);
  EXPECT_EQ(best.at("id"), "i7");
  EXPECT_NEAR(best.at("score").get<double>(), 1, kRounding);
  for (const json& hit : Search(old_text)) {
    if (hit.at("id") != "i7") continue;
    EXPECT_LT(hit.at("score").get<double>(), 1 - kRounding) << "that of the old text";
  }
  ASSERT_NO_FATAL_FAILURE(CheckSearches());
  EXPECT_EQ(server_.Stop(), 0);
}

// What was made before the end is not made again.
TEST_F(TransformerFlow, ABackfillGoesOnAfterAKill) {
  SCOPED_TRACE(Concat("seed ", seed_));
  ASSERT_NO_FATAL_FAILURE(Apply());
  ASSERT_NO_FATAL_FAILURE(Ingest("-", NewRecords(2'000, 250)));
  Write("definitions/vectors.yaml", kVectors);
  ASSERT_NO_FATAL_FAILURE(Apply());

  uint64_t made = 0;
  for (int round = 0; round < 3; ++round) {
    const uint64_t goal = made + titles_.size() / 5;
    IngestClient client(server_.address());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (made < goal && std::chrono::steady_clock::now() < deadline) {
      made = client.Status(false).indexes(0).vectors();
    }
    server_.Kill();
    ASSERT_GE(made, goal) << "of round " << round;
    server_.Start();
    if (made == titles_.size()) break;  // it was quicker than we looked
  }

  ASSERT_NO_FATAL_FAILURE(WaitForVectors());
  EXPECT_LE(server_.Json({"status"}).at("encoders").at(0).at("texts"), titles_.size() - made);
  ASSERT_NO_FATAL_FAILURE(CheckSearches());
  EXPECT_EQ(server_.Stop(), 0);
}

TEST_F(TransformerFlow, ADamagedFileOfTheEncoderStopsTheStart) {
  Write("definitions/vectors.yaml", kVectors);
  ASSERT_NO_FATAL_FAILURE(Apply());
  const std::string digest = server_.Json({"status"}).at("encoders").at(0).at("digest");
  EXPECT_EQ(server_.Stop(), 0);
  for (const std::string file : {"encoder.json", "tokenizer.json", "model.safetensors"}) {
    const std::string path = dir_.File(Concat("data/artifacts/", digest, "/", file));
    const std::string good = dir_.File(file);
    std::filesystem::copy_file(path, good);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);

    const ProcessResult refused = server_.StartAndFail();

    EXPECT_NE(refused.exit_code, 0) << path;
    EXPECT_THAT(refused.err, HasSubstr(Concat("encoder 'tiny': ", path))) << path;
    std::filesystem::copy_file(good, path, std::filesystem::copy_options::overwrite_existing);
  }
  server_.Start();
}

}  // namespace
}  // namespace larder
