// SPDX-License-Identifier: Apache-2.0
#include "registry/canonical.h"

#include "tests/registry/compile_testing.h"

namespace larder::registry {
namespace {

std::map<std::string, Digest> DigestsOf(const CompiledRegistry& registry) {
  std::map<std::string, Digest> digests;
  for (const Definition& definition : registry.definitions) {
    digests[definition.name] = definition.digest;
  }
  return digests;
}

// The names of the definitions whose digests differ between items.yaml and `changed`.
std::vector<std::string> Changed(const std::string& changed,
                                 const std::vector<EncoderFacts>& encoders = TestEncoders()) {
  const auto before = DigestsOf(*MustCompile(ItemsYaml()));
  const auto after = DigestsOf(*MustCompile({{"a.yaml", changed}}, encoders));
  std::vector<std::string> names;
  for (const auto& [name, digest] : after) {
    const auto it = before.find(name);
    if (it == before.end() || it->second != digest) names.push_back(name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(Canonical, EscapesJsonText) {
  EXPECT_EQ(JsonText("a\"b\\c\n\t\x01 é"), "\"a\\\"b\\\\c\\n\\t\\u0001 é\"");
  JsonObject object;
  object.SetText("b", "1");
  object.Set("a", JsonList({"\"x\"", "\"y\""}));
  EXPECT_EQ(object.ToString(), R"({"a": ["x", "y"], "b": "1"})");
  EXPECT_EQ(object.ToDocument("view", "v"), R"({"view": "v", "a": ["x", "y"], "b": "1"})");
  EXPECT_EQ(JsonObject().ToDocument("view", "v"), R"({"view": "v"})");
}

TEST(Canonical, FieldsOfADigestCannotRunTogether) {
  EXPECT_NE(IdentityDigest("t").Text("ab").Text("c").Finish(),
            IdentityDigest("t").Text("a").Text("bc").Finish());
  EXPECT_NE(IdentityDigest("t").Finish(), IdentityDigest("u").Finish());
}

TEST(Canonical, CompilesToTheSameDigestsAgain) {
  const auto registry = MustCompile(ItemsYaml());
  std::vector<DefinitionFile> files;
  for (const Definition& definition : registry->definitions) {
    files.push_back({definition.name, definition.canonical});
  }

  const auto again = MustCompile(files);

  EXPECT_EQ(DigestsOf(*again), DigestsOf(*registry));
  for (const Definition& definition : registry->definitions) {
    EXPECT_EQ(again->FindDefinition(definition.name)->canonical, definition.canonical);
  }
  ASSERT_EQ(again->aggregates.size(), registry->aggregates.size());
  for (size_t i = 0; i < registry->aggregates.size(); ++i) {
    EXPECT_EQ(again->aggregates[i].digest, registry->aggregates[i].digest);
  }
}

// Digests are stored for ever: if this fails, either kSemantics or a tag must change too.
TEST(Canonical, DigestsStayTheSame) {
  const auto registry = MustCompile(
      "entity: item\nkey: item_id\n---\nevents: clicks\nkeys: {item_id: item}\ntime: at\n"
      "columns: {dwell_s: double}\n---\nview: q\nof: item\nfrom: clicks\n"
      "define: {d: \"mean(dwell_s, where dwell_s > 1, over 7d)\"}\n");
  EXPECT_EQ(registry->FindDefinition("item")->digest.Short(), "b92af7060a79");
  EXPECT_EQ(registry->FindDefinition("clicks")->digest.Short(), "3e860127eb2e");
  EXPECT_EQ(registry->FindDefinition("q")->digest.Short(), "e80e0b697679");
  EXPECT_EQ(registry->aggregates[0].digest.Short(), "095c142afa92");
}

TEST(Canonical, WordsForPeopleAndLayoutChangeNothing) {
  std::string text = ItemsYaml();
  text = Replace(text, "about: What is sold.", "about: Something else.");
  text = Replace(text, "owner: ranking-team\n", "");
  text = Replace(text, "tags: [core]", "tags: [a, b]");
  text = Replace(text, "price_log: log1p(price)", "price_log:  log1p( (price) )  # a comment");
  text = Replace(text, "delay: 10m", "delay: 600s");
  text = Replace(text, "hour: int64, page: string", "page: string, hour: int64");
  EXPECT_EQ(Changed(text), Names{});
}

TEST(Canonical, SayingADefaultChangesNothing) {
  std::string text = ItemsYaml();
  text = Replace(text, "view: taste\nof: user\n", "view: taste\nof: user\nkey: user_id\n");
  text = Replace(text, "time: updated_at\ncolumns: {name",
                 "time: updated_at\ndelay: 0s\ncolumns: {creator_id: key<creator>, "
                 "updated_at: timestamp, name");
  EXPECT_EQ(Changed(text), Names{});
}

TEST(Canonical, AnUnrelatedEditOfAViewGivesNoNewVersionOfASet) {
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "  first_seen: first(clicked_at)\n", "")),
            Names{"taste"});
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "  weight: float\n", "  weight: float\n  more: bool\n")),
            Names{"catalog"});
}

TEST(Canonical, AChangeReachesEverythingThatUsesIt) {
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "+ 20)", "+ 30)")), (Names{"ranker", "rates", "similar"}));
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "items: last(item_id, 20", "items: last(item_id, 30")),
            Names{"next"});
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "stock: int64", "stock: double")),
            (Names{"catalog", "ranker", "rates", "similar"}));
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "limit: 60", "limit: 50")), Names{"similar"});
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "where: valid\nttl: 60d", "where: valid\nttl: 50d")),
            (Names{"quality", "ranker", "rates", "similar"}));
}

TEST(Canonical, ANewArtifactChangesWhatIsEmbeddedWithIt) {
  EXPECT_EQ(Changed(ItemsYaml(), {FactsOf("encoders/titles", "2")}),
            (Names{"ranker", "similar", "text", "titles"}));
}

TEST(Canonical, ThePathOfAnArtifactDoesNotMatter) {
  EncoderFacts moved = TestEncoders()[0];
  moved.path = "other/place";
  EXPECT_EQ(Changed(Replace(ItemsYaml(), "path: encoders/titles", "path: other/place"), {moved}),
            Names{});
}

// Invariant 5: window state is keyed by what an aggregate computes, whoever asks for it.
TEST(Canonical, AggregatesDoNotDependOnTheViewThatNamesThem) {
  const auto registry = MustCompile(
      "entity: item\nkey: item_id\n---\nevents: clicks\nkeys: {item_id: item, from_id: item}\n"
      "time: at\ncolumns: {d: double}\n---\n"
      "view: a\nof: item\nkey: item_id\nfrom: clicks\n"
      "define:\n  x: sum(d, over [1h, 7d])\n  y: sum(d, where d > 1) / count(over 7d)\n---\n"
      "view: b\nof: item\nkey: item_id\nfrom: clicks\nwhere: d > 1\n"
      "define:\n  z: sum(d)\n---\n"
      "view: c\nof: item\nkey: item_id\nfrom: clicks\ndefine:\n  w: 2 * sum((d), over 60m)\n---\n"
      "view: e\nof: item\nkey: from_id\nfrom: clicks\ndefine:\n  v: sum(d, over 7d)\n");
  const auto stored = [&](std::string_view view, size_t i) {
    return registry->FindView(view)->features[i].stored;
  };
  // sum over 1h, over 7d, with a condition, count over 7d; and the one by from_id.
  EXPECT_EQ(registry->aggregates.size(), 5u);
  EXPECT_EQ(stored("a", 0)->type.Name(), "double");
  EXPECT_NE(stored("a", 1)->digest, stored("e", 0)->digest);
  EXPECT_FALSE(stored("c", 0).has_value());
}

}  // namespace
}  // namespace larder::registry
