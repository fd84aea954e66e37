// SPDX-License-Identifier: Apache-2.0
#include "registry/history.h"
#include "tests/registry/compile_testing.h"
#include "tests/support/status_matchers.h"

namespace larder::registry {
namespace {

using Lines = std::vector<std::string>;

// A history of one revision, items.yaml.
class DiffTest : public testing::Test {
 protected:
  DiffTest() {
    EXPECT_OK(history_.Apply({0, "ada", {{"a.yaml", ItemsYaml()}}, TestEncoders()}, 1));
  }

  std::vector<Change> DiffTo(const std::string& text, bool records = true) {
    return Diff(history_.current(), *MustCompile(text), [=](std::string_view) { return records; });
  }

  // The one change of `name`.
  Change ChangeOf(const std::string& name, const std::string& text, bool records = true) {
    for (Change& change : DiffTo(text, records)) {
      if (change.name == name) return std::move(change);
    }
    ADD_FAILURE() << name << " did not change";
    return {};
  }

  History history_;
};

TEST_F(DiffTest, UnchangedDefinitionsAreLeftOut) { EXPECT_TRUE(DiffTo(ItemsYaml()).empty()); }

TEST_F(DiffTest, EverythingIsAddedAtFirst) {
  const auto registry = MustCompile(ItemsYaml());

  const std::vector<Change> changes =
      Diff(nullptr, *registry, [](std::string_view) { return false; });

  EXPECT_EQ(changes.size(), registry->definitions.size());
  for (const Change& change : changes) {
    EXPECT_EQ(change.kind, Change::Kind::kAdded);
    EXPECT_EQ(change.old_version, 0u);
    EXPECT_EQ(change.new_version, 1u);
    EXPECT_EQ(change.details, Lines{});
  }
  EXPECT_EQ(changes.front().definition_kind, "encoder");
}

TEST_F(DiffTest, SaysWhichColumnsASourceGainsAndLoses) {
  const Change added =
      ChangeOf("catalog", Replace(ItemsYaml(), "  stock: int64\n", "  stock: int64\n  x: bool\n"));
  EXPECT_EQ(added.kind, Change::Kind::kCompatible);
  EXPECT_EQ(added.details, Lines{"column x: bool added"});
  EXPECT_EQ(added.old_version, 1u);
  EXPECT_EQ(added.new_version, 2u);

  const Change removed = ChangeOf("catalog", Replace(ItemsYaml(), "  weight: float\n", ""));
  EXPECT_EQ(removed.kind, Change::Kind::kBreaking);
  EXPECT_EQ(removed.details, Lines{"column weight removed"});
}

TEST_F(DiffTest, SaysWhatMustBeComputed) {
  const std::string text = Replace(ItemsYaml(), "over [1h, 7d]", "over [1h, 7d, 28d]");
  const Change change = ChangeOf("quality", text);
  EXPECT_EQ(change.kind, Change::Kind::kCompatible);
  EXPECT_EQ(change.details,
            (Lines{"feature clicks_28d: int64 added",
                   "new aggregate quality.clicks_28d over clicks folds from this revision on; "
                   "reads never_computed until backfilled"}));
  EXPECT_EQ(change.used_by, (Lines{"ranker", "rates", "similar"}));
  // Without records nothing is missed.
  EXPECT_EQ(ChangeOf("quality", text, false).details, Lines{"feature clicks_28d: int64 added"});

  const Change vector = ChangeOf(
      "text", Replace(ItemsYaml(), "embed(titles, title, content)", "embed(titles, title)"));
  EXPECT_EQ(vector.details,
            (Lines{"feature vec: embed(titles, title, content) -> embed(titles, title)",
                   "new vectors text.vec of catalog: a background job embeds the rows that are "
                   "there, then activates them"}));
}

TEST_F(DiffTest, RemovedFeaturesAndColumnsBreak) {
  const Change view =
      ChangeOf("taste", Replace(ItemsYaml(), "  first_seen: first(clicked_at)\n", ""));
  EXPECT_EQ(view.kind, Change::Kind::kBreaking);
  EXPECT_EQ(view.details, Lines{"feature first_seen removed"});

  const Change set =
      ChangeOf("ranker", Replace(ItemsYaml(), "  - is_seed: candidate == seed\n", ""));
  EXPECT_EQ(set.kind, Change::Kind::kBreaking);
  EXPECT_EQ(set.details, Lines{"column is_seed removed"});
}

TEST_F(DiffTest, TheOrderOfASetsColumnsBreaks) {
  std::string text = Replace(ItemsYaml(), "  - item_page.hour\n", "");
  text = Replace(text, "columns:\n  - candidate.quality.*",
                 "columns:\n  - item_page.hour\n  - candidate.quality.*");
  EXPECT_EQ(ChangeOf("ranker", text).details, Lines{"the order of the columns changed"});
}

TEST_F(DiffTest, SaysWhichUsedDefinitionChanges) {
  const Change change = ChangeOf("ranker", Replace(ItemsYaml(), "+ 20)", "+ 30)"));
  EXPECT_EQ(change.kind, Change::Kind::kCompatible);
  EXPECT_EQ(change.details, Lines{"uses view rates, which changes"});
}

TEST_F(DiffTest, SaysWhatChangesInAView) {
  std::string text = Replace(ItemsYaml(), "where: valid\nttl: 60d", "where: dwell_s > 1\nttl: 30d");
  text = Replace(text, "since_h: hours(", "since_h: days(");
  const Change view = ChangeOf("quality", text, false);
  EXPECT_EQ(view.kind, Change::Kind::kCompatible);
  EXPECT_EQ(view.details,
            (Lines{"where: valid -> dwell_s > 1", "ttl: 60d -> 30d",
                   "feature clicks_1h: its definition changed",
                   "feature clicks_7d: its definition changed",
                   "feature dwell_7d: its definition changed",
                   "feature dwell_max: its definition changed",
                   "feature since_h: hours(age(last(clicked_at))) -> days(age(last(clicked_at)))",
                   "feature exact_1h: its definition changed"}));
  EXPECT_EQ(ChangeOf("next", Replace(ItemsYaml(), "key: seed_id", "key: item_id"), false).details,
            (Lines{"key: seed_id -> item_id", "feature items: its definition changed"}));
}

TEST_F(DiffTest, SaysWhichColumnsOfASetMeanSomethingElse) {
  std::string text = Replace(ItemsYaml(), "is_seed: candidate ==", "is_seed: candidate !=");
  text = Replace(text, "  - item_page.hour\n", "");
  const Change set = ChangeOf("ranker", text);
  EXPECT_EQ(set.kind, Change::Kind::kBreaking);
  EXPECT_EQ(set.details, (Lines{"column item_page.hour removed",
                                "column is_seed: candidate == seed -> candidate != seed"}));
}

TEST_F(DiffTest, SaysWhatChangesInARetrieval) {
  std::string text = Replace(ItemsYaml(), "take: 500", "take: 400");
  text = Replace(text, "  and not coalesce(candidate.catalog.hidden, false)\n", "");
  text = Replace(text, "[seed, user.taste.recent]", "[seed]");
  text = Replace(text, "score: rrf(like, popular, tower)\n", "");
  text = Replace(text, "    where: candidate.catalog.stock > 0\n", "");
  const Change change = ChangeOf("similar", text);
  EXPECT_EQ(change.kind, Change::Kind::kCompatible);
  EXPECT_EQ(change.details,
            (Lines{"channel like, take: 500 -> 400",
                   "channel popular, where: candidate.catalog.stock > 0 -> nothing",
                   "where: candidate.catalog.language == seed.catalog.language and not "
                   "coalesce(candidate.catalog.hidden, false) -> candidate.catalog.language == "
                   "seed.catalog.language",
                   "exclude: [seed, user.taste.recent] -> [seed]",
                   "score: rrf(like, popular, tower) -> rrf(like, popular, rated, tower)"}));
}

// They are refused as well (History), but the plan shows what they are.
TEST_F(DiffTest, SaysWhatChangesInASource) {
  std::string text = Replace(ItemsYaml(), "time: clicked_at\nunit: ms", "time: clicked_at");
  text = Replace(text, "seed_id: item, page_id: page}", "seed_id: creator, page_id: page}");
  text = Replace(text, "key: seed_id\nfrom", "key: item_id\nfrom");
  const Change change = ChangeOf("clicks", text);
  EXPECT_EQ(change.kind, Change::Kind::kBreaking);
  EXPECT_EQ(change.details,
            (Lines{"column seed_id: key<item> -> key<creator>", "unit: ms -> nothing",
                   "key seed_id: item -> creator"}));
}

TEST_F(DiffTest, RemovedDefinitionsAreNamedWithTheirUsers) {
  std::string text = ItemsYaml();
  text.resize(text.find("---\nretrieval: similar"));
  const Change change = ChangeOf("similar", text);
  EXPECT_EQ(change.kind, Change::Kind::kRemoved);
  EXPECT_EQ(change.old_version, 1u);
  EXPECT_EQ(change.new_version, 0u);
}

TEST_F(DiffTest, ARollbackKeepsTheOldNumber) {
  const std::string changed = Replace(ItemsYaml(), "limit: 60", "limit: 50");
  EXPECT_OK(history_.Apply({1, "ada", {{"a.yaml", changed}}, TestEncoders()}, 2));

  const Change back = ChangeOf("similar", ItemsYaml());

  EXPECT_EQ(back.old_version, 2u);
  EXPECT_EQ(back.new_version, 1u);
  EXPECT_EQ(back.details, Lines{"limit 50 -> 60"});
  EXPECT_EQ(ChangeOf("similar", Replace(changed, "limit: 50", "limit: 40")).new_version, 3u);
}

}  // namespace
}  // namespace larder::registry
