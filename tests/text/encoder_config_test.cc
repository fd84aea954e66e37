// SPDX-License-Identifier: Apache-2.0
#include "text/encoder_config.h"

#include <gtest/gtest.h>

#include "base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

EncoderConfig Sample() {
  EncoderConfig config;
  config.dimensions = 256;
  config.max_tokens = 100;
  config.training["method"] = "by \"hand\"\n\u00e4";
  config.training["documents"] = 63'000.0;
  config.quality["recall"] = 0.1;
  return config;
}

TEST(EncoderConfig, RoundTrip) {
  const std::string json = WriteEncoderConfig(Sample());

  ASSERT_OK_AND_ASSIGN(const EncoderConfig read, ParseEncoderConfig(json, "encoder.json"));

  EXPECT_EQ(read.kind, EncoderKind::kStatic);
  EXPECT_EQ(read.dimensions, 256);
  EXPECT_EQ(read.max_tokens, 100);
  EXPECT_EQ(read.tokenizer_file, "tokenizer.model");
  EXPECT_EQ(read.training, Sample().training);
  EXPECT_EQ(read.quality, Sample().quality);
  EXPECT_EQ(WriteEncoderConfig(read), json);
}

EncoderConfig SampleTransformer() {
  EncoderConfig config = Sample();
  config.kind = EncoderKind::kTransformer;
  config.dimensions = 384;
  config.transformer = {.layers = 6,
                        .heads = 12,
                        .hidden = 384,
                        .intermediate = 1536,
                        .max_positions = 514,
                        .position_offset = 2,
                        .layer_norm_eps = 1e-5,
                        .activation = Activation::kGeluTanh,
                        .pooling = Pooling::kCls,
                        .precision = Precision::kF32};
  config.query_prompt = "query: ";
  return config;
}

TEST(EncoderConfig, RoundTripOfATransformer) {
  const std::string json = WriteEncoderConfig(SampleTransformer());

  ASSERT_OK_AND_ASSIGN(const EncoderConfig read, ParseEncoderConfig(json, "encoder.json"));

  EXPECT_EQ(read.kind, EncoderKind::kTransformer);
  EXPECT_EQ(read.transformer, SampleTransformer().transformer);
  EXPECT_EQ(read.query_prompt, "query: ");
  EXPECT_EQ(read.document_prompt, "");
  EXPECT_EQ(WriteEncoderConfig(read), json);
}

std::string Replaced(std::string_view from, std::string_view to,
                     const EncoderConfig& config = Sample()) {
  std::string json = WriteEncoderConfig(config);
  const size_t at = json.find(from);
  LARDER_CHECK(at != std::string::npos);
  return json.replace(at, from.size(), to);
}

TEST(EncoderConfig, NamesTheForgedField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"[]", "expected a JSON object"},
      {"{}", "'format' is missing"},
      {Replaced("\"kind\": \"static\"", "\"kind\": 3"), "'kind' is no text"},
      {Replaced("256", "0"), "'dimensions' is no integer from 1 to 4096"},
      {Replaced("256", "4097"), "'dimensions' is no integer from 1 to 4096"},
      {Replaced("256", "-1"), "'dimensions'"},
      {Replaced("256", "2.5"), "'dimensions'"},
      {Replaced("256", "\"256\""), "'dimensions'"},
      {Replaced("256", "1e99"), "'dimensions'"},
      {Replaced("\"max_tokens\": 100", "\"max_tokens\": 0"), "'max_tokens'"},
      {Replaced("\"max_tokens\": 100", "\"more\": 1"), "unknown key 'more'"},
      {Replaced("\"pooling\"", "\"format\""), "'format' stands twice"},
      {Replaced("tokenizer.model", "../secret"), "must stay inside"},
      {Replaced("tokenizer.model", "/etc/passwd"), "must stay inside"},
      {Replaced("\"file\"", "\"path\""), "tokenizer: unknown key 'path'"},
      {Replaced("63000", "null"), "'documents' is neither number nor text"},
      {Replaced("0.1", "\"good\""), "'recall' is no number"},
      {Replaced("{\"kind\": \"sentencepiece\", \"file\": \"tokenizer.model\"}", "7"),
       "'tokenizer' is missing or no object"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(ParseEncoderConfig(json, "d/encoder.json"),
                StatusIs(StatusCode::kDataLoss,
                         testing::AllOf(HasSubstr("d/encoder.json"), HasSubstr(message))));
  }
}

TEST(EncoderConfig, WhatALaterVersionMayBringIsUnimplemented) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Replaced("larder-encoder-1", "larder-encoder-2"), "format 'larder-encoder-2'"},
      {Replaced("\"kind\": \"static\"", "\"kind\": \"mixture\", \"experts\": 6"),
       "encoder kind 'mixture'"},
      {Replaced("sentencepiece", "bytes"), "tokenizer kind 'bytes'"},
      {Replaced("weighted_sum", "cls"), "pooling 'cls'"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(ParseEncoderConfig(json, "encoder.json"),
                StatusIs(StatusCode::kUnimplemented, HasSubstr(message)));
  }
}

std::string Forged(std::string_view from, std::string_view to) {
  return Replaced(from, to, SampleTransformer());
}

TEST(EncoderConfig, NamesTheForgedFieldOfATransformer) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Forged("\"transformer\": {", "\"transformers\": {"), "unknown key 'transformers'"},
      {Forged("\"max_tokens\"", "\"pooling\": \"mean\", \"max_tokens\""),
       "unknown key 'pooling'"},
      {Forged("\"layers\": 6", "\"layers\": 0"), "transformer: 'layers' is no integer"},
      {Forged("\"layers\": 6", "\"depth\": 6"), "transformer: unknown key 'depth'"},
      {Forged("\"heads\": 12, ", ""), "transformer: 'heads' is missing"},
      {Forged("\"heads\": 12", "\"heads\": 7"), "heads is 7"},
      {Forged("\"hidden\": 384", "\"hidden\": 768"), "'hidden' is 768, dimensions are 384"},
      {Forged("\"position_offset\": 2", "\"position_offset\": -1"), "'position_offset'"},
      {Forged("\"position_offset\": 2", "\"position_offset\": 514"), "position_offset is 514"},
      {Forged("1e-05", "\"tiny\""), "'layer_norm_eps' is missing or no number"},
      {Forged("1e-05", "-1"), "layer_norm_eps is -1"},
      {Forged("\"gelu_tanh\"", "1"), "'activation' is no text"},
      {Forged("\"query\": \"query: \"", "\"passage\": \"\""), "prompts: unknown key 'passage'"},
      {Forged("\"query: \"", "1"), "prompts: 'query' is no text"},
      {Replaced("\"pooling\"", "\"prompts\": {}, \"pooling\""), "unknown key 'prompts'"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(ParseEncoderConfig(json, "d/encoder.json"),
                StatusIs(StatusCode::kDataLoss,
                         testing::AllOf(HasSubstr("d/encoder.json"), HasSubstr(message))));
  }
}

TEST(EncoderConfig, ATransformerOfAnotherShapeIsUnimplemented) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Forged("\"layers\": 6", "\"layers\": 60"), "layers is 60"},
      {Forged("\"heads\": 12", "\"heads\": 3"), "hidden / heads is 128"},
      {Forged("1536", "1500"), "intermediate is 1500"},
      {Forged("gelu_tanh", "silu"), "activation 'silu'"},
      {Forged("\"cls\"", "\"max\""), "pooling 'max'"},
      {Forged("\"f32\"", "\"int4\""), "precision 'int4'"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(ParseEncoderConfig(json, "encoder.json"),
                StatusIs(StatusCode::kUnimplemented, HasSubstr(message)));
  }
}

TEST(EncoderConfig, EveryTruncationIsDataLoss) {
  const std::string json = WriteEncoderConfig(Sample());
  const size_t end = json.rfind('}');
  for (size_t size = 0; size <= end; ++size) {
    EXPECT_THAT(ParseEncoderConfig(std::string_view(json).substr(0, size), "encoder.json"),
                StatusIs(StatusCode::kDataLoss, HasSubstr("encoder.json")));
  }
}

TEST(EncoderConfig, FlippedBitsNeverCrash) {
  const std::string json = WriteEncoderConfig(Sample());
  for (size_t i = 0; i < json.size() * 8; ++i) {
    std::string damaged = json;
    damaged[i / 8] = static_cast<char>(static_cast<unsigned char>(damaged[i / 8]) ^ (1u << i % 8));
    const auto config = ParseEncoderConfig(damaged, "encoder.json");
    if (!config.ok()) {
      EXPECT_THAT(config.status().code(), testing::AnyOf(StatusCode::kDataLoss,
                                                         StatusCode::kUnimplemented));
    }
  }
}

TEST(EncoderConfig, AHugeFileIsRefusedUnread) {
  TempDir dir;
  WriteFile(dir.File("encoder.json"), std::string(100'000, ' '));

  EXPECT_THAT(ReadEncoderConfig(FileSystem::Posix(), dir.path()),
              StatusIs(StatusCode::kDataLoss, HasSubstr("larger than")));
}

TEST(EncoderConfig, AMissingFileIsNotFound) {
  TempDir dir;

  EXPECT_THAT(ReadEncoderConfig(FileSystem::Posix(), dir.path()),
              StatusIs(StatusCode::kNotFound, HasSubstr("encoder.json")));
}

}  // namespace
}  // namespace larder::text
