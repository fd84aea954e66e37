// SPDX-License-Identifier: Apache-2.0
#include "text/import/vocab_case.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

using testing::HasSubstr;

class VocabCaseTest : public testing::Test {
 protected:
  StatusOr<std::optional<bool>> Read(std::string_view tokenizer_config) {
    WriteFile(dir_.File("tokenizer_config.json"), tokenizer_config);
    ModelDirectory model;
    model.module = dir_.path();
    return ReadVocabCase(FileSystem::Posix(), model);
  }

  const TempDir dir_;
};

TEST_F(VocabCaseTest, IsWhatTheFileSaysOfAPlainBert) {
  EXPECT_THAT(Read(R"({"do_lower_case": true})"), IsOkAndHolds(std::optional(true)));
  EXPECT_THAT(Read(R"({"do_lower_case": null})"), IsOkAndHolds(std::optional<bool>()));
  EXPECT_THAT(Read("{}"), IsOkAndHolds(std::optional<bool>()));
  // As transformers writes it for a BERT.
  EXPECT_THAT(Read(R"({"added_tokens_decoder": {
      "0": {"content": "[PAD]", "lstrip": false, "special": true}, "100": {"content": "[UNK]"},
      "101": {"content": "[CLS]"}, "102": {"content": "[SEP]"}, "103": {"content": "[MASK]"}},
      "additional_special_tokens": [], "extra_special_tokens": {}, "clean_text": true,
      "clean_up_tokenization_spaces": true, "cls_token": "[CLS]", "do_basic_tokenize": true,
      "do_lower_case": false, "mask_token": {"content": "[MASK]", "__type": "AddedToken"},
      "model_max_length": 1000000000000000019884624838656, "never_split": null,
      "pad_token": "[PAD]", "sep_token": "[SEP]", "strip_accents": null,
      "tokenize_chinese_chars": true, "tokenizer_class": "BertTokenizer", "unk_token": "[UNK]"})"),
              IsOkAndHolds(std::optional(false)));
}

TEST_F(VocabCaseTest, ClassesThatSplitAsBertDoesAreTaken) {
  for (const std::string name :
       {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer"}) {
    EXPECT_OK(Read(Concat(R"({"tokenizer_class": ")", name, R"("})"))) << name;
    EXPECT_OK(Read(Concat(R"({"tokenizer_class": ")", name, R"(Fast"})"))) << name;
  }
}

TEST_F(VocabCaseTest, WhatIsNotPlainBertIsRefusedByName) {
  const auto refused = [&](std::string_view config, const std::string& what) {
    EXPECT_THAT(Read(config), StatusIs(StatusCode::kUnimplemented,
                                       HasSubstr("tokenizer_config.json: " + what)));
  };
  refused(R"({"tokenizer_class": "BertJapaneseTokenizer"})",
          "tokenizer_class 'BertJapaneseTokenizer' is not supported without a tokenizer.json");
  refused(R"({"tokenizer_class": "MPNetTokenizer"})", "tokenizer_class 'MPNetTokenizer'");
  refused(R"({"tokenizer_class": "PreTrainedTokenizerFast"})", "tokenizer_class 'PreTrained");
  refused(R"({"tokenizer_class": "Fast"})", "tokenizer_class 'Fast'");
  refused(R"({"tokenizer_class": 5})", "tokenizer_class ''");
  refused(R"({"word_tokenizer_type": "mecab"})", "word_tokenizer_type 'mecab'");
  refused(R"({"subword_tokenizer_type": "character"})", "subword_tokenizer_type 'character'");
  refused(R"({"wordpieces_prefix": "@@"})", "wordpieces_prefix '@@'");
  refused(R"({"cls_token": "<s>"})", "cls_token '<s>'");
  refused(R"({"unk_token": {"content": "<unk>"}})", "unk_token '<unk>'");
  refused(R"({"do_basic_tokenize": false})", "do_basic_tokenize false");
  refused(R"({"tokenize_chinese_chars": false})", "tokenize_chinese_chars false");
  refused(R"({"clean_text": false})", "clean_text false");
  refused(R"({"strip_accents": false})", "strip_accents is not supported");
  refused(R"({"never_split": ["C++"]})", "never_split is not supported");
  refused(R"({"additional_special_tokens": ["[Q]"]})", "additional_special_tokens is not");
  refused(R"({"extra_special_tokens": {"q": "[Q]"}})", "extra_special_tokens is not");
  refused(R"({"added_tokens_decoder": {"7": {"content": "[Q]"}}})", "the added token '[Q]'");
  EXPECT_THAT(Read(R"({"do_basic_tokenize": "no"})"), StatusIs(StatusCode::kDataLoss,
                                                              HasSubstr("do_basic_tokenize")));
  EXPECT_THAT(Read("[]"), StatusIs(StatusCode::kDataLoss, HasSubstr("expected an object")));
}

TEST_F(VocabCaseTest, OtherFilesMayNameAnotherTokenizer) {
  WriteFile(dir_.File("config.json"), R"({"tokenizer_class": "BertJapaneseTokenizer"})");
  EXPECT_THAT(Read("{}"), StatusIs(StatusCode::kUnimplemented,
                                   HasSubstr("/config.json: tokenizer_class 'BertJapanese")));
  EXPECT_OK(Read(R"({"tokenizer_class": "BertTokenizer"})"));

  WriteFile(dir_.File("config.json"), "{}");
  WriteFile(dir_.File("added_tokens.json"), R"({"[MASK]": 103})");
  EXPECT_OK(Read("{}"));
  WriteFile(dir_.File("added_tokens.json"), R"({"[ENT]": 30522})");
  EXPECT_THAT(Read("{}"), StatusIs(StatusCode::kUnimplemented,
                                   HasSubstr("added_tokens.json: the added token '[ENT]'")));
}

}  // namespace
}  // namespace larder::text
