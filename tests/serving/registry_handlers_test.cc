// SPDX-License-Identifier: Apache-2.0
#include "serving/registry_handlers.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/serving/serving_world.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::HasSubstr;

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  out.replace(out.find(from), from.size(), to);
  return out;
}

TEST(Plan, ListsWhatWouldBeAdded) {
  ServingWorld world("");
  ASSERT_OK_AND_ASSIGN(
      const auto reply,
      Plan(world.Definitions<v1::PlanRequest>(kTestDefinitions), world.context()));
  EXPECT_EQ(reply.diagnostics_size(), 0);
  EXPECT_EQ(reply.base_revision(), 0U);
  EXPECT_EQ(reply.missing_artifacts_size(), 0);
  bool ranker = false;
  for (const v1::Change& change : reply.changes()) {
    EXPECT_EQ(change.kind(), v1::CHANGE_KIND_ADDED);
    ranker |= change.name() == "ranker" && change.definition_kind() == "set" &&
              change.new_version() == 1;
  }
  EXPECT_TRUE(ranker);
}

TEST(Plan, FindsNoChangeInWhatIsLive) {
  ServingWorld world;
  ASSERT_OK_AND_ASSIGN(
      const auto reply,
      Plan(world.Definitions<v1::PlanRequest>(kTestDefinitions), world.context()));
  EXPECT_EQ(reply.changes_size(), 0);
  EXPECT_EQ(reply.base_revision(), 1U);
}

TEST(Plan, GivesDiagnosticsWithTheirPlaces) {
  ServingWorld world;
  ASSERT_OK_AND_ASSIGN(const auto reply,
                       Plan(world.Definitions<v1::PlanRequest>("entity: item\nkye: item_id\n"),
                            world.context()));
  bool found = false;
  for (const v1::Diagnostic& diagnostic : reply.diagnostics()) {
    EXPECT_EQ(diagnostic.file(), "test.yaml");
    found |= diagnostic.line() == 2 && diagnostic.column() == 1 &&
             diagnostic.message().find("kye") != std::string::npos;
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(reply.changes_size(), 0);
}

TEST(Plan, GivesThePlacesOfWhatEarlierRevisionsRefuse) {
  ServingWorld world;
  ASSERT_OK_AND_ASSIGN(
      const auto reply,
      Plan(world.Definitions<v1::PlanRequest>(
               Replaced(kTestDefinitions, "entity: item\nkey: item_id", "entity: item\nkey: id")),
           world.context()));
  ASSERT_GE(reply.diagnostics_size(), 1);
  for (const v1::Diagnostic& diagnostic : reply.diagnostics()) {
    EXPECT_EQ(diagnostic.file(), "test.yaml");
    EXPECT_GT(diagnostic.line(), 0U);
    EXPECT_THAT(diagnostic.message(), HasSubstr("revision 1 has it so"));
  }
  EXPECT_GT(reply.changes_size(), 0);
}

TEST(Plan, NamesArtifactsThatMustBePutFirst) {
  ServingWorld world;
  auto request = world.Definitions<v1::PlanRequest>(kTestDefinitions);
  request.mutable_encoders(0)->set_digest(Sha256("missing").Hex());
  ASSERT_OK_AND_ASSIGN(const auto reply, Plan(request, world.context()));
  ASSERT_EQ(reply.missing_artifacts_size(), 1);
  EXPECT_EQ(reply.missing_artifacts(0), Sha256("missing").Hex());
}

TEST(Plan, NamesADamagedArtifactAndApplyRefusesIt) {
  ServingWorld world;
  world.DamageEncoder();

  ASSERT_OK_AND_ASSIGN(
      const auto reply,
      Plan(world.Definitions<v1::PlanRequest>(kTestDefinitions), world.context()));
  ASSERT_EQ(reply.missing_artifacts_size(), 1);
  EXPECT_EQ(reply.missing_artifacts(0), world.encoder_digest.Hex());
  auto request = world.Definitions<v1::ApplyRequest>(
      Replaced(kTestDefinitions, "count(over 7d)", "count(over 1d)"));
  request.set_base_revision(1);
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kDataLoss, HasSubstr(world.encoder_digest.Hex())));

  ASSERT_OK(featurestore::PutDirectory(*world.artifacts, FileSystem::Posix(),
                                       world.dir.File("encoder")));
  EXPECT_OK(Apply(request, world.context()));
}

TEST(Apply, MakesTheNextRevision) {
  ServingWorld world;
  auto request = world.Definitions<v1::ApplyRequest>(
      Replaced(kTestDefinitions, "count(over 7d)", "count(over 1d)"));
  request.set_base_revision(1);
  request.set_author("ann");
  ASSERT_OK_AND_ASSIGN(const auto reply, Apply(request, world.context()));
  EXPECT_EQ(reply.revision(), 2U);
  EXPECT_EQ(reply.position().value(), world.store->position().value);
}

TEST(Apply, RefusesABaseThatIsNotLive) {  // S7.1
  ServingWorld world;
  EXPECT_THAT(
      Apply(world.Definitions<v1::ApplyRequest>(kTestDefinitions), world.context()),
      StatusIs(StatusCode::kAborted, HasSubstr("revision")));
}

TEST(Apply, RefusesDefinitionsThatDoNotCompile) {
  ServingWorld world("");
  EXPECT_THAT(Apply(world.Definitions<v1::ApplyRequest>("entity: item\nkye: item_id\n"),
                    world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("test.yaml:2")));
}

TEST(Apply, RefusesAnEncoderThatIsMissingOrOfAnotherLength) {
  ServingWorld world("");
  auto request = world.Definitions<v1::ApplyRequest>(kTestDefinitions);
  request.mutable_encoders(0)->set_dimensions(17);
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("has 16 dimensions, got 17")));
  request = world.Definitions<v1::ApplyRequest>(kTestDefinitions);
  request.mutable_encoders(0)->set_digest(Sha256("missing").Hex());
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("put it first")));
  *request.add_encoders() = request.encoders(0);
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("comes twice")));
  request.mutable_encoders(1)->set_path("unknown/path");
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("has path 'unknown/path'")));
  request.mutable_encoders()->RemoveLast();
  request.mutable_encoders(0)->set_digest("zz");
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("encoders: digest")));
}

TEST(Apply, RefusesNoFilesAtAll) {
  ServingWorld world;
  v1::ApplyRequest request;
  request.set_base_revision(1);
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("files: expected 1 to 1000")));
}

TEST(Apply, RefusesWhatPassesALimit) {
  ServingWorld world("");
  auto request = world.Definitions<v1::ApplyRequest>(kTestDefinitions);
  request.set_author(std::string(257, 'a'));
  EXPECT_THAT(Apply(request, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("author")));
  v1::ApplyRequest many;
  for (size_t i = 0; i <= registry::kMaxDefinitionFiles; ++i) many.add_files()->set_path("f.yaml");
  EXPECT_THAT(Apply(many, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 1000")));
}

TEST(GetDefinition, ShowsEveryVersionOfAName) {
  ServingWorld world;
  auto request = world.Definitions<v1::ApplyRequest>(
      Replaced(kTestDefinitions, "count(over 7d)", "count(over 1d)"));
  request.set_base_revision(1);
  ASSERT_OK(Apply(request, world.context()));
  v1::RegistryServiceGetRequest get;
  get.set_name("quality");
  ASSERT_OK_AND_ASSIGN(const auto newest, GetDefinition(get, world.context()));
  get.set_name("quality@1");
  ASSERT_OK_AND_ASSIGN(const auto first, GetDefinition(get, world.context()));

  EXPECT_EQ(newest.definition().version(), 2U);
  EXPECT_THAT(newest.canonical(), HasSubstr("over 1d"));
  ASSERT_EQ(newest.versions_size(), 2);
  EXPECT_EQ(newest.versions(0).revision(), 1U);
  EXPECT_FALSE(newest.versions(0).live());
  EXPECT_TRUE(newest.versions(1).live());
  EXPECT_EQ(first.definition().version(), 1U);
  EXPECT_THAT(first.canonical(), HasSubstr("over 7d"));
}

TEST(GetDefinition, NamesWhatItDoesNotKnow) {
  ServingWorld world;
  v1::RegistryServiceGetRequest get;
  get.set_name("nothing");
  EXPECT_THAT(GetDefinition(get, world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("'nothing'")));
  get.set_name("quality@9");
  EXPECT_THAT(GetDefinition(get, world.context()),
              StatusIs(StatusCode::kNotFound, HasSubstr("'quality@9'; there are quality@1")));
  get.set_name("quality@x");
  EXPECT_THAT(GetDefinition(get, world.context()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("NAME@VERSION")));
}

TEST(ListRevisions, ShowsTheNewestFirst) {
  ServingWorld world;
  auto request = world.Definitions<v1::ApplyRequest>(
      Replaced(kTestDefinitions, "count(over 7d)", "count(over 1d)"));
  request.set_base_revision(1);
  request.set_author("ann");
  ASSERT_OK(Apply(request, world.context()));
  v1::RegistryServiceListRequest list;
  ASSERT_OK_AND_ASSIGN(const auto all, ListRevisions(list, world.context()));
  list.set_revision_limit(1);
  ASSERT_OK_AND_ASSIGN(const auto one, ListRevisions(list, world.context()));

  ASSERT_EQ(all.revisions_size(), 2);
  EXPECT_EQ(all.revisions(0).revision(), 2U);
  EXPECT_EQ(all.revisions(0).author(), "ann");
  EXPECT_EQ(all.revisions(1).base_revision(), 0U);
  EXPECT_EQ(one.revisions_size(), 1);
  EXPECT_EQ(all.definitions(0).kind(), "encoder");
  EXPECT_EQ(all.definitions_size(), static_cast<int>(all.revisions(0).definitions()));
}

}  // namespace
}  // namespace larder::serving
