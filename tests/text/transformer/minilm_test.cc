// SPDX-License-Identifier: Apache-2.0
// all-MiniLM-L6-v2 against vectors that onnxruntime computed from the same weights.
#include <gtest/gtest.h>
#include <zstd.h>

#include <cmath>
#include <cstring>
#include <sstream>

#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/text/text_testing.h"
#include "tests/text/transformer/transformer_testing.h"
#include "text/internal/json.h"

namespace larder::text {
namespace {

constexpr std::string_view kGolden = "../shared/data/minilm/golden.jsonl.zst";

struct Golden {
  std::vector<Tokens> ids;
  std::vector<std::vector<double>> vectors;
};

Golden ReadGolden() {
  const std::string packed = ReadFile(std::string(kGolden));
  std::string text(size_t{16} << 20, '\0');
  const size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  LARDER_CHECK(!ZSTD_isError(size));
  text.resize(size);
  Golden golden;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto json = internal::ParseJson(line, kGolden);
    LARDER_CHECK(json.ok());
    golden.ids.emplace_back();
    golden.vectors.emplace_back();
    for (const auto& id : json->Find("ids")->items) {
      golden.ids.back().push_back(static_cast<int32_t>(id.integer));
    }
    for (const auto& v : json->Find("vector")->items) golden.vectors.back().push_back(v.number);
  }
  return golden;
}

class MiniLm : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasMiniLm()) {
      GTEST_SKIP() << MiniLmFolder() << " is not here: `tools/bench ann` fetches it";
    }
    if (!FileSystem::Posix().Exists(std::string(kGolden))) {
      GTEST_SKIP() << kGolden << " is not here";
    }
  }
  static std::unique_ptr<const TransformerModel> Open(
      Precision precision, const internal::TransformerKernel* kernel = nullptr) {
    const std::string folder = MiniLmFolder();
    auto config = ParseBertConfig(ReadFile(JoinPath(folder, "config.json")), "config.json");
    LARDER_CHECK(config.ok());
    config->precision = precision;
    auto model = TransformerModel::Create(
        *config, ReadFile(JoinPath(folder, "model.safetensors")), "model.safetensors", kernel);
    LARDER_CHECK(model.ok());
    return *std::move(model);
  }
};

TEST_F(MiniLm, FloatIsWithinOneHundredThousandthOfGolden) {
  const Golden golden = ReadGolden();
  ASSERT_EQ(golden.ids.size(), 200u);

  const std::vector<float> vectors = EncodeTogether(*Open(Precision::kF32), golden.ids);

  double worst = 0;
  for (size_t i = 0; i < vectors.size(); ++i) {
    worst = std::max(worst, std::fabs(vectors[i] - golden.vectors[i / 384][i % 384]));
  }
  EXPECT_LE(worst, 1e-5);
}

TEST_F(MiniLm, Int8IsCloseToGolden) {
  const Golden golden = ReadGolden();

  const std::vector<float> vectors = EncodeTogether(*Open(Precision::kInt8), golden.ids);

  double sum = 0;
  for (size_t i = 0; i < golden.ids.size(); ++i) {
    sum += CosineDistance(std::span(vectors).subspan(i * 384, 384), golden.vectors[i]);
  }
  EXPECT_LE(sum / static_cast<double>(golden.ids.size()), 1.5e-3);
}

TEST_F(MiniLm, Int8HasTheSameBitsOnEveryInstructionSet) {
  Golden golden = ReadGolden();
  golden.ids.resize(8);
  const std::vector<float> expected = EncodeTogether(*Open(Precision::kInt8), golden.ids);

  for (const auto& kernel : internal::AvailableTransformerKernels()) {
    const std::vector<float> vectors =
        EncodeTogether(*Open(Precision::kInt8, &kernel), golden.ids);
    EXPECT_EQ(std::memcmp(vectors.data(), expected.data(), expected.size() * sizeof(float)), 0)
        << kernel.name;
  }
}

}  // namespace
}  // namespace larder::text
