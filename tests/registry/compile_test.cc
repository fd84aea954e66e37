// SPDX-License-Identifier: Apache-2.0
#include "registry/compile.h"

#include <algorithm>
#include <filesystem>

#include "registry/program_builder.h"
#include "tests/registry/compile_testing.h"

namespace larder::registry {
namespace {

// The registry of items.yaml, compiled once.
const CompiledRegistry& Items() {
  static const std::shared_ptr<const CompiledRegistry> registry = MustCompile(ItemsYaml());
  return *registry;
}

const Aggregate& AggregateNamed(std::string_view name) {
  for (const Aggregate& aggregate : Items().aggregates) {
    if (aggregate.name == name) return aggregate;
  }
  ADD_FAILURE() << "no aggregate " << name;
  return Items().aggregates.front();
}

std::string ColumnNameOf(const Source& source, size_t index) { return source.columns[index].name; }

TEST(Compile, TellsWhichEntitiesAreCandidates) {
  EXPECT_TRUE(Items().FindEntity("item")->candidate);
  EXPECT_FALSE(Items().FindEntity("user")->candidate);
  EXPECT_EQ(Items().FindEntity("item")->key, "item_id");
}

TEST(Compile, CompletesTheColumnsOfSources) {
  const Source& catalog = *Items().FindSource("catalog");
  EXPECT_TRUE(catalog.table);
  EXPECT_EQ(catalog.entity, "item");
  EXPECT_EQ(ColumnNameOf(catalog, catalog.time_column), "updated_at");
  EXPECT_EQ(ColumnNameOf(catalog, catalog.key_column), "item_id");
  EXPECT_EQ(catalog.columns[catalog.key_column].type.Name(), "key<item>");
  EXPECT_EQ(catalog.unit, Source::TimeUnit::kMilliseconds);
  EXPECT_EQ(catalog.delay, 10 * kMinuteUs);
  EXPECT_FALSE(catalog.id_column.has_value());
  EXPECT_TRUE(std::is_sorted(catalog.columns.begin(), catalog.columns.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

  const Source& clicks = *Items().FindSource("clicks");
  EXPECT_FALSE(clicks.table);
  EXPECT_EQ(ColumnNameOf(clicks, *clicks.id_column), "click_id");
  EXPECT_TRUE(clicks.ignore_extra);
  EXPECT_EQ(Items().FindSource("creators")->unit, Source::TimeUnit::kRfc3339);
}

TEST(Compile, KeepsTheDeclaredTypeOfKeyColumns) {
  const Source& clicks = *Items().FindSource("clicks");
  const SourceColumn& page = clicks.columns[static_cast<size_t>(clicks.FindColumn("page_id"))];
  EXPECT_EQ(page.type.Name(), "string");
  EXPECT_EQ(page.entity, "page");
  const SourceColumn& user = clicks.columns[static_cast<size_t>(clicks.FindColumn("user_id"))];
  EXPECT_EQ(user.type.Name(), "key<user>");
}

// L1.2: what is declared as a number is a number in paths too, and still the key of its rows.
TEST(Compile, KeepsTheDeclaredTypeOfATablesKey) {
  const auto feature = [](const std::string& columns, const std::string& define) {
    const auto registry = MustCompile(
        "entity: item\nkey: item_id\n---\ntable: t\nof: item\ntime: at\ncolumns: {" + columns +
        "price: double}\n---\nview: v\nof: item\nfrom: t\ndefine: {x: " + define + "}\n");
    return registry->FindView("v")->features[0];
  };
  EXPECT_EQ(feature("item_id: int64, ", "item_id + 1").type.Name(), "int64");
  EXPECT_EQ(feature("item_id: int64, ", "t.item_id").type.Name(), "int64");
  EXPECT_EQ(feature("item_id: int64, ", "t.item_id").stored->column, "item_id");
  EXPECT_EQ(feature("item_id: string, ", "item_id").type.Name(), "string");
  EXPECT_EQ(feature("item_id: key<item>, ", "item_id").type.Name(), "key<item>");
  EXPECT_FALSE(feature("", "item_id").stored.has_value());
}

TEST(Compile, MakesOneAggregatePerWindow) {
  const Aggregate& hour = AggregateNamed("quality.clicks_1h");
  EXPECT_EQ(hour.source, "clicks");
  EXPECT_EQ(hour.entity, "item");
  EXPECT_EQ(ColumnNameOf(*Items().FindSource("clicks"), hour.key_column), "item_id");
  EXPECT_EQ(hour.function, AggregateFunction::kCount);
  EXPECT_EQ(hour.window.kind, Window::Kind::kTiled);
  EXPECT_EQ(hour.window.width, kHourUs);
  EXPECT_FALSE(hour.has_argument);
  EXPECT_TRUE(hour.has_where);  // the view's
  EXPECT_EQ(hour.program.outputs.size(), 1u);
  EXPECT_EQ(hour.type.Name(), "int64");

  EXPECT_EQ(AggregateNamed("quality.clicks_7d").window.width, 7 * kDayUs);
  EXPECT_EQ(AggregateNamed("quality.exact_1h").window.kind, Window::Kind::kExact);
  EXPECT_EQ(AggregateNamed("quality.dwell_max").window.kind, Window::Kind::kAll);
}

TEST(Compile, CompilesArgumentAndConditionOfAggregates) {
  const Aggregate& dwell = AggregateNamed("quality.dwell_7d");
  EXPECT_TRUE(dwell.has_argument);
  EXPECT_TRUE(dwell.has_where);
  ASSERT_EQ(dwell.program.outputs.size(), 2u);
  EXPECT_EQ(dwell.argument_type.Name(), "double");
  const Node& condition = dwell.program.nodes[static_cast<size_t>(dwell.program.outputs[1])];
  EXPECT_EQ(condition.type.Name(), "bool");  // valid and dwell_s < 3600
  for (const Node& node : dwell.program.nodes) {
    EXPECT_TRUE(node.op == Node::Op::kRecordColumn || node.op == Node::Op::kConstant ||
                node.op == Node::Op::kCall);
  }

  const Aggregate& recent = AggregateNamed("taste.recent");
  EXPECT_EQ(recent.function, AggregateFunction::kLast);
  EXPECT_EQ(recent.n, 50u);
  EXPECT_TRUE(recent.distinct);
  EXPECT_EQ(recent.type.Name(), "list<key<item>>");
}

TEST(Compile, MakesVectorsOfEmbedAndOfExternalColumns) {
  const VectorFeature& text = *Items().FindVectorByName("text.vec");
  EXPECT_EQ(text.entity, "item");
  EXPECT_EQ(text.source, "catalog");
  EXPECT_EQ(text.encoder, "titles");
  EXPECT_EQ(text.space, TestEncoders()[0].digest);
  EXPECT_EQ(text.dimensions, 64u);
  EXPECT_EQ(text.column, -1);
  EXPECT_EQ(text.program.outputs.size(), 2u);

  const VectorFeature& tower = *Items().FindVectorByName("catalog.tower_vec");
  const Source& catalog = *Items().FindSource("catalog");
  EXPECT_EQ(tower.column, catalog.FindColumn("tower_vec"));
  EXPECT_EQ(tower.space, Items().FindEncoder("tower")->digest);
  EXPECT_EQ(tower.dimensions, 8u);
  EXPECT_EQ(Items().FindVectorByName("text.nothing"), nullptr);
}

TEST(Compile, KeepsTheOrderOfASetAndExpandsWildcards) {
  const FeatureSet& set = *Items().FindSet("ranker");
  std::vector<std::string> names;
  for (size_t i = 0; i < 8; ++i) names.push_back(set.columns[i].name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "candidate.quality.clicks_1h", "candidate.quality.clicks_7d",
                       "candidate.quality.dwell_7d", "candidate.quality.dwell_max",
                       "candidate.quality.since_h", "candidate.quality.exact_1h",
                       "candidate.rates.ctr", "candidate.rates.stocked_ctr"}));
  EXPECT_EQ(set.columns.size(), set.program.outputs.size());
  ASSERT_EQ(set.roles.size(), 3u);
  EXPECT_EQ(set.roles[0].name, "seed");
  EXPECT_EQ(set.roles[1].name, "user");
  EXPECT_EQ(set.roles[2].name, "candidate");
  EXPECT_TRUE(set.roles[2].candidate);
}

TEST(Compile, SendsDoublesAsFloatsUnlessTheDefinitionSaysDouble) {
  const FeatureSet& set = *Items().FindSet("ranker");
  std::map<std::string, std::string> types;
  for (const OutputColumn& column : set.columns) types[column.name] = column.type.Name();
  EXPECT_EQ(types["candidate.rates.ctr"], "float");
  EXPECT_EQ(types["candidate.rates.stocked_ctr"], "double");  // the feature's own `as:`
  EXPECT_EQ(types["price_exact"], "double");
  EXPECT_EQ(types["candidate.catalog.stock"], "int64");
  EXPECT_EQ(types["is_seed"], "bool");
}

TEST(Compile, InlinesEverythingDownToStoredFeatures) {
  const FeatureSet& set = *Items().FindSet("ranker");
  size_t lookups = 0;
  for (const Node& node : set.program.nodes) {
    EXPECT_NE(node.op, Node::Op::kRecordColumn);
    if (node.op == Node::Op::kLookup) ++lookups;
    for (const int arg : node.args) EXPECT_LT(arg, &node - set.program.nodes.data());
  }
  EXPECT_GE(lookups, set.needs.size());
}

// "entity kind source.column or the aggregate's name" of each need.
std::vector<std::string> NeedNames(const std::vector<StoredFeature>& needs) {
  std::vector<std::string> names;
  for (const StoredFeature& need : needs) {
    switch (need.kind) {
      case StoredKind::kAggregate:
        names.push_back(Items().FindAggregate(need.digest)->name);
        break;
      case StoredKind::kVector: names.push_back(Items().FindVector(need.digest)->name); break;
      default: names.push_back(need.source + "." + need.column);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Compile, ListsWhatASetNeeds) {
  EXPECT_EQ(NeedNames(Items().FindSet("ranker")->needs),
            (std::vector<std::string>{
                "catalog.created_at", "catalog.creator", "catalog.price", "catalog.related",
                "catalog.stock", "catalog.tower_vec", "creators.name", "pages.n_7d",
                "quality.clicks_1h", "quality.clicks_7d", "quality.dwell_7d", "quality.dwell_max",
                "quality.exact_1h", "quality.since_h", "taste.recent", "text.vec"}));
}

TEST(Compile, GivesStoredFeaturesTheTtlOfTheirViewAndStableIds) {
  for (const StoredFeature& need : Items().FindSet("ranker")->needs) {
    const Aggregate* aggregate = Items().FindAggregate(need.digest);
    const bool quality = aggregate != nullptr && aggregate->name.starts_with("quality.");
    EXPECT_EQ(need.ttl, quality ? 60 * kDayUs : 0);
  }
  const View& quality = *Items().FindView("quality");
  EXPECT_EQ(quality.features[0].stored->id, Items().FindView("quality")->features[0].stored->id);
  EXPECT_NE(quality.features[0].stored->id, quality.features[1].stored->id);
  EXPECT_FALSE(Items().FindView("rates")->features[0].stored.has_value());
}

TEST(Compile, CompilesARetrieval) {
  const Retrieval& similar = *Items().FindRetrieval("similar");
  ASSERT_EQ(similar.channels.size(), 5u);  // by name
  const Channel& explore = similar.channels[0];
  EXPECT_EQ(explore.name, "explore");
  EXPECT_EQ(explore.kind, Channel::Kind::kSample);
  EXPECT_EQ(explore.take, 20u);
  const Channel& like = similar.channels[1];
  EXPECT_EQ(like.kind, Channel::Kind::kNear);
  EXPECT_EQ(like.feature.kind, StoredKind::kVector);
  EXPECT_EQ(like.feature.digest, Items().FindVectorByName("text.vec")->digest);
  EXPECT_EQ(like.take, 500u);
  const Channel& popular = similar.channels[2];
  EXPECT_EQ(popular.kind, Channel::Kind::kTop);
  EXPECT_EQ(popular.feature.kind, StoredKind::kAggregate);
  EXPECT_TRUE(popular.where.has_value());
  const Channel& rated = similar.channels[3];
  EXPECT_TRUE(rated.feature.entity.empty());  // computed: only the program has it
  EXPECT_EQ(rated.program.outputs.size(), 1u);
  EXPECT_EQ(similar.channels[4].deadline, 20 * kMillisecondUs);
  EXPECT_EQ(similar.rrf, (std::vector<size_t>{1, 2, 4}));
  EXPECT_EQ(similar.limit, 60u);
  EXPECT_EQ(similar.return_set, "ranker");
  EXPECT_EQ(similar.return_digest, Items().FindSet("ranker")->digest);
  EXPECT_TRUE(similar.where.has_value());
  EXPECT_EQ(similar.exclude->outputs.size(), 2u);
  EXPECT_GT(similar.needs.size(), Items().FindSet("ranker")->needs.size());
}

TEST(Compile, UsesAllScoredChannelsWhenThereIsNoScore) {
  const auto registry = MustCompile(Replace(ItemsYaml(), "score: rrf(like, popular, tower)\n", ""));
  EXPECT_EQ(registry->FindRetrieval("similar")->rrf, (std::vector<size_t>{1, 2, 3, 4}));
}

TEST(Compile, DoesNotDependOnTheOrderOfFilesOrDocuments) {
  std::vector<DefinitionFile> files;
  const std::string text = ItemsYaml();
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find("\n---\n", begin), text.size());
    files.push_back({"f" + std::to_string(files.size() % 7), text.substr(begin, end - begin)});
    begin = end + 5;
  }
  std::reverse(files.begin(), files.end());

  const auto registry = MustCompile(files);

  ASSERT_EQ(registry->definitions.size(), Items().definitions.size());
  for (size_t i = 0; i < registry->definitions.size(); ++i) {
    EXPECT_EQ(registry->definitions[i].digest, Items().definitions[i].digest);
  }
}

TEST(Compile, ListsTheUsesOfDefinitions) {
  EXPECT_EQ(Items().FindDefinition("rates")->uses,
            (std::vector<std::string>{"catalog", "item", "quality"}));
  EXPECT_EQ(Items().FindDefinition("text")->uses,
            (std::vector<std::string>{"catalog", "item", "titles"}));
  const std::vector<std::string>& uses = Items().FindDefinition("similar")->uses;
  EXPECT_TRUE(std::count(uses.begin(), uses.end(), "ranker"));
}

TEST(Compile, FindsTheEncodersOfADirectory) {
  EXPECT_EQ(EncoderPaths({{"a", "encoder: b\npath: x/b\n---\nencoder: a\npath: x/a"},
                          {"b", "encoder: c\nexternal: 8"},
                          {"c", "not: [valid"}}),
            (std::vector<std::string>{"x/a", "x/b"}));
}

// All blocks of the manual together are one registry.
TEST(Compile, AcceptsTheManual) {
  const std::string manual = ReadTestFile("docs/reference/definitions.md");
  constexpr std::string_view kOpen = "\n```yaml\n", kClose = "\n```\n";
  std::vector<DefinitionFile> files;
  for (size_t at = manual.find(kOpen); at != std::string::npos; at = manual.find(kOpen, at)) {
    const size_t begin = at + kOpen.size();
    at = manual.find(kClose, begin);
    ASSERT_NE(at, std::string::npos);
    files.push_back({Concat("block ", files.size() + 1), manual.substr(begin, at + 1 - begin)});
  }

  ASSERT_GE(files.size(), 8u);
  const auto registry = MustCompile(files);
  ASSERT_NE(registry, nullptr);
  EXPECT_NE(registry->FindRetrieval("similar"), nullptr);
}

TEST(Compile, AcceptsTheExample) {
  std::vector<DefinitionFile> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("examples/debian", error)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".yaml")) files.push_back({path, ReadTestFile(path)});
  }
  if (files.empty()) GTEST_SKIP() << "examples/debian is not there";
  std::vector<EncoderFacts> encoders;
  for (const std::string& path : EncoderPaths(files)) encoders.push_back(FactsOf(path));
  MustCompile(files, encoders);
}

// The complete registries of the design: all of them parse, and what is missing says so.
TEST(Compile, AnswersNotSupportedYetToTheCompleteRegistries) {
  for (const std::string name : {"ads", "feed", "similar_items"}) {
    const std::string path = "../shared/design/registries/" + name + ".yaml";
    const std::string text = ReadTestFile(path);
    if (text.empty()) GTEST_SKIP() << path << " is not there";
    const CompileResult result = Compile({{path, text}}, TestEncoders());
    EXPECT_GT(result.diagnostics.size(), 10u);
    for (const Diagnostic& diagnostic : result.diagnostics) {
      if (diagnostic.message.ends_with("there is no encoder at 'encoders/posts_v2'; train one with "
                                       "`larder encoder train --out encoders/posts_v2`")) {
        continue;
      }
      EXPECT_NE(diagnostic.message.find("not supported yet"), std::string::npos)
          << diagnostic.ToString();
    }
  }
}

}  // namespace
}  // namespace larder::registry
