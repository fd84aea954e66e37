// SPDX-License-Identifier: Apache-2.0
#include "text/transformer/transformer_config.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/text/transformer/transformer_testing.h"

namespace larder::text {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kMiniLm = R"({
  "architectures": ["BertModel"], "hidden_act": "gelu", "hidden_size": 384,
  "intermediate_size": 1536, "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
  "model_type": "bert", "num_attention_heads": 12, "num_hidden_layers": 6, "pad_token_id": 0,
  "position_embedding_type": "absolute", "type_vocab_size": 2, "vocab_size": 30522})";

std::string Replaced(std::string_view from, std::string_view to) {
  std::string json(kMiniLm);
  const size_t at = json.find(from);
  LARDER_CHECK(at != std::string::npos);
  return json.replace(at, from.size(), to);
}

TEST(TransformerConfig, ReadsThatOfMiniLm) {
  ASSERT_OK_AND_ASSIGN(const TransformerConfig config, ParseBertConfig(kMiniLm, "config.json"));

  EXPECT_EQ(config.layers, 6);
  EXPECT_EQ(config.heads, 12);
  EXPECT_EQ(config.hidden, 384);
  EXPECT_EQ(config.intermediate, 1536);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.position_offset, 0);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(config.activation, Activation::kGelu);
  EXPECT_EQ(config.max_tokens(), 512);
}

TEST(TransformerConfig, PositionsOfRobertaBeginAfterThePadding) {
  std::string json = Replaced("\"bert\"", "\"xlm-roberta\"");
  json.replace(json.find("\"pad_token_id\": 0"), 17, "\"pad_token_id\": 1");
  json.replace(json.find("512"), 3, "514");

  ASSERT_OK_AND_ASSIGN(const TransformerConfig config, ParseBertConfig(json, "config.json"));

  EXPECT_EQ(config.position_offset, 2);
  EXPECT_EQ(config.max_tokens(), 512);
}

TEST(TransformerConfig, KnowsThreeActivations) {
  const std::vector<std::pair<std::string, Activation>> cases = {
      {"gelu", Activation::kGelu},
      {"gelu_new", Activation::kGeluTanh},
      {"gelu_pytorch_tanh", Activation::kGeluTanh},
      {"relu", Activation::kRelu}};
  for (const auto& [name, activation] : cases) {
    ASSERT_OK_AND_ASSIGN(const TransformerConfig config,
                         ParseBertConfig(Replaced("\"gelu\"", Concat("\"", name, "\"")), "c"));
    EXPECT_EQ(config.activation, activation);
  }
}

TEST(TransformerConfig, NamesWhatItDoesNotKnow) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Replaced("\"bert\"", "\"mpnet\""), "model_type 'mpnet'"},
      {Replaced("\"gelu\"", "\"silu\""), "hidden_act 'silu'"},
      {Replaced("\"absolute\"", "\"relative_key\""), "position_embedding_type 'relative_key'"},
      {Replaced("\"hidden_act\"", "\"is_decoder\": true, \"hidden_act\""), "'is_decoder'"},
      {Replaced("384", "400"), "hidden is 400"},
      {Replaced("384", "2048"), "hidden is 2048"},
      {Replaced("1536", "8192"), "intermediate is 8192"},
      {Replaced("\"num_attention_heads\": 12", "\"num_attention_heads\": 3"),
       "hidden / heads is 128"},
      {Replaced("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 49"), "layers is 49"},
      {Replaced("512", "9000"), "max_positions is 9000"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(ParseBertConfig(json, "d/config.json"),
                StatusIs(StatusCode::kUnimplemented,
                         AllOf(HasSubstr("d/config.json"), HasSubstr(message))));
  }
}

TEST(TransformerConfig, NamesTheForgedField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"[]", "expected a JSON object"},
      {Replaced("\"hidden_size\"", "\"hidden\""), "'hidden_size' is missing"},
      {Replaced("384", "\"384\""), "'hidden_size' is no integer"},
      {Replaced("384", "-1"), "'hidden_size' is no integer"},
      {Replaced("384", "0"), "hidden is 0"},
      {Replaced("1536", "99999999999"), "'intermediate_size' is no integer"},
      {Replaced("\"num_attention_heads\": 12", "\"num_attention_heads\": 0"), "heads is 0"},
      {Replaced("\"num_attention_heads\": 12", "\"num_attention_heads\": 7"), "heads is 7"},
      {Replaced("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 0"), "layers is 0"},
      {Replaced("512", "0"), "position_offset is 0"},
      {Replaced("1e-12", "0"), "layer_norm_eps is 0"},
      {Replaced("1e-12", "7"), "layer_norm_eps is 7"},
      {Replaced("1e-12", "\"small\""), "'layer_norm_eps' is no number"},
      {Replaced("\"gelu\"", "3"), "'hidden_act' is no text"},
      {Replaced("\"hidden_act\"", "\"is_decoder\": 1, \"hidden_act\""), "'is_decoder'"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(ParseBertConfig(json, "d/config.json"),
                StatusIs(StatusCode::kDataLoss,
                         AllOf(HasSubstr("d/config.json"), HasSubstr(message))));
  }
}

TEST(TransformerConfig, NamesAndValuesAreTheSame) {
  for (const Activation a : {Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    EXPECT_EQ(ParseActivation(ActivationName(a)), a);
  }
  for (const Pooling p : {Pooling::kMean, Pooling::kCls}) {
    EXPECT_EQ(ParsePooling(PoolingName(p)), p);
  }
  for (const Precision p : {Precision::kInt8, Precision::kF32}) {
    EXPECT_EQ(ParsePrecision(PrecisionName(p)), p);
  }
  EXPECT_EQ(ParseActivation("silu"), std::nullopt);
}

}  // namespace
}  // namespace larder::text
