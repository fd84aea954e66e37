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
            (Lines{"feature vec: its definition changed",
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
