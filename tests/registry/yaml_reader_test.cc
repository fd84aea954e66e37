// SPDX-License-Identifier: Apache-2.0
#include "registry/yaml_reader.h"

#include <random>

#include "tests/registry/compile_testing.h"

namespace larder::registry {
namespace {

struct Read {
  YamlFile file;
  std::vector<YamlNode> documents;
  std::vector<Diagnostic> diagnostics;
};

Read ReadText(std::string text) {
  Read read;
  read.file = ReadYaml({"f.yaml", std::move(text)}, read.diagnostics);
  read.documents = read.file.documents;
  return read;
}

// The complaints of reading `text`, without the file's name.
std::string Complaints(std::string text) {
  std::string all;
  for (const Diagnostic& d : ReadText(std::move(text)).diagnostics) {
    all += std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message + "\n";
  }
  return all;
}

TEST(YamlReader, ReadsDocumentsMapsListsAndText) {
  const Read read = ReadText("a: 010\nb: [x, no]\nc: {d: 12:30:00}\n---\ne: f\n");

  ASSERT_EQ(Text(read.diagnostics), "");
  ASSERT_EQ(read.documents.size(), 2u);
  const YamlNode& first = read.documents[0];
  EXPECT_EQ(first.Find("a")->text.text, "010");
  EXPECT_EQ(first.Find("b")->items[1].text.text, "no");
  EXPECT_TRUE(first.Find("b")->flow);
  EXPECT_EQ(first.Find("c")->Find("d")->text.text, "12:30:00");
  EXPECT_FALSE(first.flow);
  EXPECT_EQ(first.Find("z"), nullptr);
}

TEST(YamlReader, LeavesOutEmptyDocuments) {
  EXPECT_EQ(ReadText("# nothing\n---\n---\na: b\n").documents.size(), 1u);
  EXPECT_EQ(ReadText("").documents.size(), 0u);
}

// The place of the first 'X' in the value of key `a`.
std::string PlaceOfX(std::string text) {
  const Read read = ReadText(std::move(text));
  EXPECT_EQ(Text(read.diagnostics), "");
  const SourceText& value = read.documents.at(0).Find("a")->text;
  EXPECT_EQ(value.positions.size(), value.text.size() + 1);
  return value.positions[value.text.find('X')].ToString();
}

TEST(YamlReader, KnowsThePlaceOfEachByteInEveryStyle) {
  EXPECT_EQ(PlaceOfX("a: one X\n"), "1:8");
  EXPECT_EQ(PlaceOfX("a: one\n  two\n\n  X\n"), "4:3");
  EXPECT_EQ(PlaceOfX("a: 'it''s X'\n"), "1:11");
  EXPECT_EQ(PlaceOfX("a: \"\\u00e9\\tX\"\n"), "1:13");
  EXPECT_EQ(PlaceOfX("a: \"one \\\n    X\"\n"), "2:5");
  EXPECT_EQ(PlaceOfX("a: \"one\n  \\ X\"\n"), "2:5");
  EXPECT_EQ(PlaceOfX("a: \"one  \n\n\n  \\\n \\ X\"\n"), "5:4");
  EXPECT_EQ(PlaceOfX("a: >-  # folded\n  one\n  two X\n"), "3:7");
  EXPECT_EQ(PlaceOfX("a: |\n    one\n      X\n"), "3:7");
  EXPECT_EQ(PlaceOfX("a: |2\n    one X\n"), "2:9");
}

TEST(YamlReader, CountsColumnsInCodePoints) {
  EXPECT_EQ(PlaceOfX("a: \"äöü€😀 X\"\n"), "1:11");
  EXPECT_EQ(PlaceOfX("ä: b\r\na: é X\r\n"), "2:6");
}

TEST(YamlReader, RejectsWhatTheLanguageDoesNotHave) {
  EXPECT_EQ(Complaints("a: b\nc: d\na: e\n"), "3:1: key 'a' appears twice; first on line 1\n");
  EXPECT_EQ(Complaints("a: &x b\n"), "1:4: anchors (&name) are not part of the language\n");
  EXPECT_EQ(Complaints("a: &x b\nc: *x\n"),
            "1:4: anchors (&name) are not part of the language\n"
            "2:4: aliases (*name) are not part of the language; write it out\n");
  EXPECT_EQ(Complaints("a: !!str b\n"),
            "1:4: tags (!name) are not part of the language; every value is text\n");
  EXPECT_EQ(Complaints("a: ! b\n"),
            "1:4: tags (!name) are not part of the language; every value is text\n");
  EXPECT_EQ(Complaints("a: !x {b: c}\n"),
            "1:4: tags (!name) are not part of the language; every value is text\n");
  EXPECT_EQ(Complaints("<<: {a: b}\n"),
            "1:1: merge keys (<<) are not part of the language; write the keys out\n");
  EXPECT_EQ(Complaints("? [a]\n: b\n"), "1:3: a key must be one word, not a list or a map\n");
}

TEST(YamlReader, RejectsNullsAndHintsAtCommasInFlowMaps) {
  const std::string null = "a value is missing here; nulls are not part of the language";
  EXPECT_EQ(Complaints("a: ~\n"), "1:4: " + null + "\n");
  EXPECT_EQ(Complaints("a: null\n"),
            "1:4: 'null' means nothing in YAML, and nulls are not part of the language; quote it "
            "if the word is meant\n");
  EXPECT_EQ(Complaints("a: \"null\"\n"), "");
  EXPECT_EQ(Complaints("d: {a: count(where x, over 7d)}\n"),
            "1:31: " + null + std::string(kCommaHint) + "\n");
}

TEST(YamlReader, RejectsBytesThatAreNoText) {
  EXPECT_EQ(Complaints("a: b\nc: \xff\n"), "2:1: this line is not valid UTF-8\n");
  EXPECT_EQ(Complaints(std::string("a: b\nc: \0d\n", 10)),
            "2:1: this line has a control character\n");
  EXPECT_EQ(Complaints("\xEF\xBB\xBF" "a: b\n"),
            "1:1: the file starts with a byte order mark; remove it\n");
}

TEST(YamlReader, RejectsFilesOverOneMebibyte) {
  std::string text = "a: b #";
  text.resize(kMaxYamlBytes, 'x');
  EXPECT_EQ(Complaints(text), "");

  text.push_back('x');
  EXPECT_EQ(Complaints(text),
            "0:0: the file has 1048577 bytes; at most 1048576 are allowed; split it\n");
}

TEST(YamlReader, RejectsDeepNesting) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + "a" + std::string(depth, ']');
  };
  EXPECT_EQ(Complaints(nested(kMaxYamlDepth)), "");
  EXPECT_EQ(Complaints(nested(kMaxYamlDepth + 1)), "1:33: nested deeper than 32 levels\n");
  EXPECT_EQ(Complaints(nested(100'000)), "1:33: nested deeper than 32 levels\n");
}

TEST(YamlReader, NamesTheErrorsOfTheParser) {
  EXPECT_EQ(Complaints("a: [b\nc: d\n").substr(0, 21), "2:2: not valid YAML: ");
  EXPECT_EQ(Complaints("a: 'b\n"), "1:4: the quote that begins here is not closed\n");
  EXPECT_EQ(Complaints("a: \"b\\\""), "1:8: not valid YAML: illegal EOF in scalar\n");
  EXPECT_EQ(Complaints("a: \"b \\\n  \"\nc: ' d '\n"), "");
  EXPECT_NE(Complaints("\ta: b\n"), "");
  EXPECT_FALSE(ReadText("a: b\n---\na: [b\nc: d\n").file.complete);
  EXPECT_TRUE(ReadText("a: b\na: c\n").file.complete);
}

TEST(YamlReader, FindsSeveralErrorsInOneRun) {
  EXPECT_EQ(Complaints("a: ~\nb: &x c\nb: d\n"),
            "1:4: a value is missing here; nulls are not part of the language\n"
            "2:4: anchors (&name) are not part of the language\n"
            "3:1: key 'b' appears twice; first on line 2\n");
}

// Damage: whatever the bytes, reading ends, and every scalar has a place for each of its bytes.
void CheckPlaces(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar && !node.broken) {
    EXPECT_EQ(node.text.positions.size(), node.text.text.size() + 1);
  }
  for (const YamlEntry& entry : node.entries) CheckPlaces(entry.value);
  for (const YamlNode& item : node.items) CheckPlaces(item);
}

TEST(YamlReader, SurvivesDamagedFiles) {
  const std::string good = ItemsYaml();
  constexpr uint64_t kSeed = 20240501;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  const std::string_view bytes = "\n:-'\"|>{}[]#&*!?, \\\tx\xc3";
  for (int round = 0; round < 60; ++round) {
    std::string text = good.substr(random() % 1'000, random() % 2'000);
    for (int edit = 0; edit < 5; ++edit) {
      if (!text.empty()) text[random() % text.size()] = bytes[random() % bytes.size()];
    }
    for (const YamlNode& node : ReadText(text).documents) CheckPlaces(node);
  }
}

}  // namespace
}  // namespace larder::registry
