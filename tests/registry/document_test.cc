// SPDX-License-Identifier: Apache-2.0
#include "registry/document.h"

#include "registry/nearest_name.h"
#include "tests/registry/compile_testing.h"

namespace larder::registry {
namespace {

std::string Complaints(std::string text) {
  std::vector<Diagnostic> diagnostics;
  for (const YamlNode& node : ReadYaml({"f", std::move(text)}, diagnostics).documents) {
    ReadDocument(node, diagnostics);
  }
  return Text(diagnostics);
}

TEST(Document, GivesTypedAccessToItsKeys) {
  std::vector<Diagnostic> diagnostics;
  const YamlFile file = ReadYaml(
      {"f", "view: v\nof: item\ndefine: {a: b}\ntags: [x, y]\nabout: text\n"}, diagnostics);

  const std::optional<Document> document = ReadDocument(file.documents[0], diagnostics);

  ASSERT_EQ(Text(diagnostics), "");
  EXPECT_EQ(document->kind(), DocumentKind::kView);
  EXPECT_EQ(document->kind_name(), "view");
  EXPECT_EQ(document->name().text, "v");
  EXPECT_EQ(document->Text("of")->text, "item");
  EXPECT_EQ(document->Map("define")->entries.size(), 1u);
  EXPECT_EQ(document->List("tags")->items.size(), 2u);
  EXPECT_EQ(document->Text("define"), nullptr);
  EXPECT_FALSE(document->Has("from"));
}

TEST(Document, AcceptsTheCommonKeysOnEveryKind) {
  const std::string common = "about: a\nowner: b\ntags: [c]\ndeprecated: use other\n";
  EXPECT_EQ(Complaints("entity: e\nkey: k\n" + common), "");
  EXPECT_EQ(Complaints("encoder: e\npath: k\n" + common), "");
  EXPECT_EQ(Complaints("request: r\nkeys: {a: b}\n" + common), "");
}

TEST(Document, SuggestsTheNearestKey) {
  EXPECT_EQ(Complaints("view: v\nof: a\nfom: b\ndefine: {c: d}"),
            "f:3:1: view v: unknown key 'fom'; did you mean 'from'?\n");
  EXPECT_EQ(Complaints("view: v\nof: a\nzzzzzz: b\ndefine: {c: d}"),
            "f:3:1: view v: unknown key 'zzzzzz'\n");
}

TEST(Document, HintsAtCommasForUnknownKeysInFlowMappings) {
  EXPECT_EQ(Complaints("{view: v, of: a, define: {c: d}, x: y}"),
            "f:1:34: view v: unknown key 'x'" + std::string(kCommaHint) + "\n");
}

TEST(Document, NamesEveryMissingKeyAndWrongShape) {
  EXPECT_EQ(Complaints("table: t\nof: [a]\ncolumns: b"),
            "f:2:5: table t: 'of:' must be text, not a list\n"
            "f:3:10: table t: 'columns:' must be a map, not text\n"
            "f:1:1: table t: 'time:' is missing\n");
}

TEST(Document, AnswersUnsupportedKeysOnce) {
  EXPECT_EQ(Complaints("set: s\nfor: a\ncandidate: b\nlabels: [c, d]\ncolumns: [e.f]"),
            "f:4:1: set s: 'labels:' is not supported yet\n");
}

TEST(NearestName, FindsSlips) {
  const std::vector<std::string_view> known{"clicks", "views", "quality"};
  EXPECT_EQ(NearestName("click", known), "clicks");
  EXPECT_EQ(NearestName("veiws", known), "views");
  EXPECT_EQ(NearestName("qualities", known), "quality");
  EXPECT_EQ(NearestName("nothing", known), "");
  EXPECT_EQ(NearestName(std::string(1000, 'x'), known), "");
}

}  // namespace
}  // namespace larder::registry
