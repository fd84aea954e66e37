// SPDX-License-Identifier: Apache-2.0
#include "serving/jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "featurestore/vector_list.h"
#include "serving/admin.h"
#include "serving/registry_handlers.h"
#include "tests/serving/serving_world.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using featurestore::Activation;
using testing::HasSubstr;
using std::chrono::milliseconds;

JobsOptions Fast() {
  return {.poll = milliseconds(5),
          .index_quiet = milliseconds(0),
          .index_patience = milliseconds(0),
          .index_interval = milliseconds(0),
          .index_threads = 1,
          .epoch_bounds = {},
          .retry = milliseconds(5),
          .retry_max = milliseconds(20)};
}

// One base of an index in an hour.
JobsOptions Hourly() {
  JobsOptions options = Fast();
  options.index_interval = std::chrono::hours(1);
  return options;
}

Jobs::Parts PartsOf(ServingWorld& world) {
  return {*world.store, *world.artifacts, *world.encoders, world.indexes};
}

bool IsIdle(const Jobs& jobs) {
  const auto idle = jobs.Idle();
  return idle.ok() && *idle;
}

std::vector<Jobs::Report> Done(const Jobs& jobs) {
  std::vector<Jobs::Report> done = jobs.Reports();
  std::erase_if(done, [](const auto& report) { return report.state != Jobs::State::kDone; });
  return done;
}

TEST(Jobs, HasNothingToDoForAnEmptyStore) {
  ServingWorld world("");
  const Jobs jobs(PartsOf(world), Fast());
  EXPECT_TRUE(IsIdle(jobs));
  EXPECT_TRUE(jobs.Reports().empty());
}

TEST(Jobs, EncodesTheMissingVectorsAndActivatesThem) {  // S7.3
  ServingWorld world;
  std::vector<featurestore::VectorInput> missing;
  for (int i = 0; i < 5'000; ++i) missing.push_back({std::to_string(i), {}, "apple pie"});
  world.store->SetInactive("text_of.vec", missing);
  const Jobs jobs(PartsOf(world), Fast());
  EXPECT_FALSE(IsIdle(jobs) && Done(jobs).empty());

  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));

  // The first epoch of a name has nothing to be compared with.
  const std::vector<Activation>& activations = world.store->activations;
  ASSERT_GT(activations.size(), 3U) << "in pieces";
  size_t vectors = 0;
  for (const Activation& activation : std::span(activations).first(activations.size() - 2)) {
    EXPECT_EQ(activation.kind, Activation::Kind::kVectors);
    ASSERT_OK_AND_ASSIGN(const auto list, featurestore::DecodeVectorList(activation.vectors, 16));
    vectors += list.size();
  }
  EXPECT_EQ(vectors, 5'000U);
  EXPECT_EQ(activations[activations.size() - 2].kind, Activation::Kind::kAllVectors);
  EXPECT_EQ(activations.back().kind, Activation::Kind::kEpoch);
  EXPECT_FALSE(jobs.CheckOf(activations.back().feature).has_value());
  // The two lanes tell in any order.
  auto done = Done(jobs);
  ASSERT_EQ(done.size(), 2U);
  if (done[0].kind != Jobs::Kind::kEpoch) std::swap(done[0], done[1]);
  EXPECT_EQ(done[0].kind, Jobs::Kind::kEpoch);
  EXPECT_EQ(done[1].subject, "text_of.vec");
  EXPECT_EQ(done[1].done, 5'000U);
  EXPECT_EQ(done[1].total, 5'000U);
}

TEST(Jobs, BuildsABaseWhenTheDeltaIsLarge) {
  ServingWorld world;
  std::mt19937_64 random(1);
  for (int i = 0; i < 4'200; ++i) {
    world.AddItem("item-" + std::to_string(i),
                  "apple " + std::to_string(random()) + " pie " + std::to_string(random()));
  }
  const Jobs jobs(PartsOf(world), Fast());

  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));

  ASSERT_EQ(world.store->activations.size(), 1U);
  EXPECT_EQ(world.store->activations[0].kind, Activation::Kind::kIndexBase);
  ASSERT_OK_AND_ASSIGN(const auto snapshot,
                       world.store->Read({}, std::chrono::steady_clock::now()));
  const LiveIndex* live = world.indexes.Find(world.store->activations[0].feature, *snapshot);
  ASSERT_NE(live, nullptr);
  EXPECT_EQ(live->base_digest, world.store->activations[0].artifact);
  EXPECT_EQ(live->index->GetStats().delta_size, 0U);
  const auto recall = jobs.RecallOf(*live);
  ASSERT_TRUE(recall.has_value());
  EXPECT_EQ(recall->base_digest, live->base_digest);
  EXPECT_EQ(recall->queries, 200U);
  EXPECT_GE(recall->at_10, 0.97);
  EXPECT_LE(recall->at_10, 1.0);
}

TEST(Jobs, MeasureTheRecallOfABaseOnce) {
  ServingWorld world;
  for (int i = 0; i < 4'200; ++i) {
    world.AddItem(std::to_string(i), "apple " + std::to_string(i));
  }
  const auto is_measured = [&](const Jobs& jobs) {
    const auto snapshot = *world.store->Read({}, std::chrono::steady_clock::now());
    return jobs.RecallOf(*world.indexes.All(*snapshot).front()).has_value();
  };
  {
    const Jobs jobs(PartsOf(world), Fast());
    ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
    ASSERT_EQ(Done(jobs).size(), 3U);
    EXPECT_EQ(Done(jobs)[0].kind, Jobs::Kind::kRecall);
    EXPECT_EQ(Done(jobs)[1].kind, Jobs::Kind::kIndexCheck);
    EXPECT_EQ(Done(jobs)[2].kind, Jobs::Kind::kIndexBase);
    EXPECT_TRUE(is_measured(jobs));
  }
  // After a restart nothing is to be built, but what is not stored is measured again.
  const Jobs jobs(PartsOf(world), Fast());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  EXPECT_EQ(world.store->activations.size(), 1U);
  EXPECT_EQ(Done(jobs).size(), 1U);
  EXPECT_TRUE(is_measured(jobs));
}

TEST(Jobs, FoldsTheDeltaIntoTheBase) {
  ServingWorld world;
  const auto add = [&](int begin, int end) {
    for (int i = begin; i < end; ++i) {
      world.AddItem(std::to_string(i), "apple " + std::to_string(i) + " " + std::to_string(i * 7));
    }
  };
  add(0, 4'200);
  const Jobs jobs(PartsOf(world), Fast());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  const Digest feature = world.store->activations.at(0).feature;

  add(4'200, 8'500);
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs) && world.store->activations.size() > 1; }));

  const auto snapshot = *world.store->Read({}, std::chrono::steady_clock::now());
  const LiveIndex* live = world.indexes.Find(feature, *snapshot);
  const ann::VectorIndex::Stats stats = live->index->GetStats();
  EXPECT_EQ(stats.base_rows + stats.delta_size, 8'500U);
  EXPECT_GT(stats.base_rows, 4'200U);
  EXPECT_TRUE(live->index->base()->is_loaded());
  const Jobs::BaseWrites writes = jobs.WritesOf(feature);
  EXPECT_EQ(writes.bases, world.store->activations.size());
  EXPECT_EQ(writes.vectors, stats.base_rows) << "each was linked once, not again in each base";
  EXPECT_GT(writes.bytes, 0U);
}

// Changes one byte of a vector in the file of the index's base.
void DamageVector(const ServingWorld& world, const LiveIndex& live) {
  FileSystem& fs = FileSystem::Posix();
  const std::string path = *world.artifacts->Path(live.base_digest) + "/index.larder";
  std::string bytes = *fs.Read(path, 1 << 24);
  const std::vector<int8_t> codes = live.index->Find(live.index->Ids().front()).Codes();
  const size_t at = bytes.find(std::string(codes.begin(), codes.end()));
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  ASSERT_OK(WriteFileAtomically(fs, path, bytes));
}

TEST(Jobs, ADamagedBaseIsGivenUpAndMadeAgain) {
  ServingWorld world;
  for (int i = 0; i < 4'200; ++i) {
    world.AddItem(std::to_string(i), "apple " + std::to_string(i) + " " + std::to_string(i * 7));
  }
  {
    const Jobs jobs(PartsOf(world), Fast());
    ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  }
  const Activation base = world.store->activations.at(0);
  {
    const auto snapshot = *world.store->Read({}, std::chrono::steady_clock::now());
    DamageVector(world, *world.indexes.Find(base.feature, *snapshot));
  }
  ASSERT_OK(world.store->Activate(base));  // as a start does

  const Jobs jobs(PartsOf(world), Fast());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));

  ASSERT_EQ(world.store->activations.size(), 4U);
  EXPECT_EQ(world.store->activations[2].kind, Activation::Kind::kNoBase);
  EXPECT_EQ(world.store->activations[3].kind, Activation::Kind::kIndexBase);
  const auto done = Done(jobs);
  const auto check = std::find_if(done.begin(), done.end(), [](const Jobs::Report& report) {
    return report.kind == Jobs::Kind::kIndexCheck && !report.error.empty();
  });
  ASSERT_NE(check, done.end());
  EXPECT_THAT(check->error, HasSubstr("index.larder"));
  const auto snapshot = *world.store->Read({}, std::chrono::steady_clock::now());
  const LiveIndex* live = world.indexes.Find(base.feature, *snapshot);
  EXPECT_EQ(live->index->GetStats().base_rows, 4'200U);
  EXPECT_EQ(live->index->GetStats().delta_size, 0U);
  EXPECT_FALSE(live->index->base()->is_damaged());
}

// However small its delta is: nothing is ingested until then.
TEST(Jobs, AFullIndexGetsABaseAtOnce) {
  ServingWorld world(kTestDefinitions, /*max_delta=*/100);
  for (int i = 0; i < 150; ++i) world.AddItem(std::to_string(i), "apple " + std::to_string(i));
  ASSERT_EQ(world.indexes.full(), 1U);
  JobsOptions patient = Fast();
  patient.index_quiet = patient.index_patience = patient.index_interval = std::chrono::hours(1);
  const Jobs jobs(PartsOf(world), patient);
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  EXPECT_EQ(world.indexes.full(), 0U);
  EXPECT_EQ(world.store->activations.at(0).kind, Activation::Kind::kIndexBase);

  for (int i = 150; i < 300; ++i) world.AddItem(std::to_string(i), "apple " + std::to_string(i));
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  EXPECT_EQ(world.indexes.full(), 0U);
}

TEST(Jobs, AnIndexGetsOneBaseInAnInterval) {
  ServingWorld world;
  for (int i = 0; i < 5'000; ++i) world.AddItem(std::to_string(i), "apple " + std::to_string(i));
  const Jobs jobs(PartsOf(world), Hourly());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  const size_t activations = world.store->activations.size();

  for (int i = 0; i < 5'000; ++i) world.AddItem(std::to_string(i), "pear " + std::to_string(i));
  // Many looks at the state, each of which could begin a base.
  for (int look = 0; look < 100; ++look) {
    const auto last = world.store->last_deadline.load();
    ASSERT_TRUE(Eventually([&] { return world.store->last_deadline.load() != last; }));
  }

  EXPECT_FALSE(IsIdle(jobs));
  EXPECT_EQ(world.store->activations.size(), activations);
}

TEST(Jobs, TriesAFailedJobAgainAndSaysWhy) {
  ServingWorld world;
  world.store->SetInactive("text_of.vec", {{"a", {}, "apple"}});
  world.store->activate_errors = {Unavailable("the disk is full"), Unavailable("still full")};
  JobsOptions slow = Fast();
  slow.retry = slow.retry_max = milliseconds(200);
  const Jobs jobs(PartsOf(world), slow);

  ASSERT_TRUE(Eventually([&] {
    const auto reports = jobs.Reports();
    return reports.size() == 1 && reports[0].state == Jobs::State::kRetrying;
  }));
  const auto waiting = jobs.Reports();
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));

  EXPECT_THAT(waiting[0].error, HasSubstr("full"));
  EXPECT_EQ(world.store->activations.size(), 3U);
  for (const Jobs::Report& report : jobs.Reports()) {
    EXPECT_EQ(report.state, Jobs::State::kDone) << report.error;
  }
}

// It ends neither the thread nor the server; it waits to be tried again as any other failure.
TEST(Jobs, WhatAJobThrowsIsItsFailure) {
  const auto failure_of = [](const std::function<void()>& work) {
    ServingWorld world;
    world.store->SetInactive("text_of.vec", {{"a", {}, "apple"}});
    world.store->on_missing = work;
    JobsOptions slow = Fast();
    slow.retry = slow.retry_max = std::chrono::hours(1);
    const Jobs jobs(PartsOf(world), slow);
    EXPECT_TRUE(Eventually([&] {
      const auto reports = jobs.Reports();
      return reports.size() == 1 && reports[0].state == Jobs::State::kRetrying;
    }));
    return jobs.Reports().at(0).error;
  };
  EXPECT_EQ(failure_of([] { throw std::bad_alloc(); }), "out of memory");
  EXPECT_EQ(failure_of([] { throw std::runtime_error("it broke"); }), "unexpected: it broke");
}

// What was encoded, or built, is not thrown away.
TEST(Jobs, WaitsForRoomInTheQueueWithWhatItMade) {
  ServingWorld world;
  world.store->SetInactive("text_of.vec", {{"a", {}, "apple"}});
  world.store->activate_errors = {ResourceExhausted("the queue is full"),
                                  ResourceExhausted("the queue is full")};
  const Jobs jobs(PartsOf(world), Fast());

  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));

  EXPECT_TRUE(world.store->activate_errors.empty());
  for (const Jobs::Report& report : jobs.Reports()) {
    EXPECT_EQ(report.state, Jobs::State::kDone) << report.error;
  }
  EXPECT_EQ(world.encoders->GetStats().texts, 1U);
}

TEST(Jobs, StopsInTheMiddleOfAJob) {
  ServingWorld world;
  std::vector<featurestore::VectorInput> missing(200'000, {"a", {}, "apple pie and a green pear"});
  world.store->SetInactive("text_of.vec", std::move(missing));
  {
    const Jobs jobs(PartsOf(world), Fast());
    ASSERT_TRUE(Eventually([&] {
      const auto reports = jobs.Reports();
      return !reports.empty() && reports[0].done > 0;
    }));
  }
  // What it made stays, and the next start goes on from there.
  for (const Activation& activation : world.store->activations) {
    EXPECT_EQ(activation.kind, Activation::Kind::kVectors);
  }
}

// One that was refused beside another epoch may do beside the one that is live now.
TEST(Jobs, CheckARefusedEpochAgainOnceAnotherOneIsLive) {
  ServingWorld world;
  const auto apply = [&](const std::string& embed) {
    std::string definitions(kTestDefinitions);
    const std::string from = "embed(titles, title)";
    definitions.replace(definitions.find(from), from.size(), embed);
    v1::ApplyRequest request = world.Definitions<v1::ApplyRequest>(definitions);
    request.set_base_revision(world.store->Stats().revision);
    ASSERT_OK(Apply(request, world.context()));
  };
  for (int i = 0; i < 20; ++i) world.AddItem(std::to_string(i), "apple pie");
  // An epoch without vectors. The store takes it for live until it is told.
  apply("embed(titles, language)");
  world.store->SetInactive("text_of.vec", {});
  const Digest fresh = world.store->Stats().vectors.at(0).feature;
  const Jobs jobs(PartsOf(world), Fast());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  ASSERT_TRUE(jobs.CheckOf(fresh).has_value());
  ASSERT_THAT(jobs.CheckOf(fresh)->refusal, HasSubstr("it has a vector for 0 of the keys"));
  ASSERT_EQ(world.store->activations.size(), 1U) << "its vectors";

  apply("embed(titles, title, language)");  // live at once, and as empty
  apply("embed(titles, language)");

  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  EXPECT_EQ(jobs.CheckOf(fresh)->refusal, "");
  ASSERT_EQ(world.store->activations.size(), 2U);
  EXPECT_EQ(world.store->activations[1].kind, Activation::Kind::kEpoch);
  EXPECT_EQ(world.store->activations[1].feature, fresh);
}

// A recall is shown with the base that it was measured on, not with the next one.
TEST(Status, ShowsNoRecallOfABaseThatIsGone) {
  ServingWorld world;
  for (int i = 0; i < 4'200; ++i) world.AddItem(std::to_string(i), "apple " + std::to_string(i));
  const Jobs jobs(PartsOf(world), Hourly());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  const ServerFacts facts{"some/dir", 0, std::chrono::steady_clock::now(), jobs};
  const auto shows_recall = [&] {
    const auto gauges = CollectGauges(facts, world.context());
    const bool has_gauge = std::any_of(gauges.begin(), gauges.end(), [](const auto& gauge) {
      return gauge.name == "larder_index_recall";
    });
    const auto reply = GetServerStatus(v1::StatusRequest(), facts, world.context());
    EXPECT_OK(reply);
    return std::pair(has_gauge, reply.ok() && reply->indexes(0).has_recall_at_10());
  };
  EXPECT_EQ(shows_recall(), std::pair(true, true));

  const Digest feature = world.store->activations.at(0).feature;
  ASSERT_OK(world.store->Activate({.kind = Activation::Kind::kNoBase, .feature = feature}));

  EXPECT_EQ(shows_recall(), std::pair(false, false));
}

TEST(Status, SaysWhatTheServerHoldsAndDoes) {
  ServingWorld world;
  world.AddItem("a", "apple pie");
  const Jobs jobs(PartsOf(world), Fast());
  const ServerFacts facts{"some/dir", 5 * kSecondUs, std::chrono::steady_clock::now(), jobs};
  v1::StatusRequest request;
  ASSERT_OK_AND_ASSIGN(const auto plain, GetServerStatus(request, facts, world.context()));
  request.set_want_state_hash(true);
  ASSERT_OK_AND_ASSIGN(const auto hashed, GetServerStatus(request, facts, world.context()));

  EXPECT_TRUE(plain.idle());
  EXPECT_EQ(plain.data_dir(), "some/dir");
  EXPECT_EQ(plain.started_at().seconds(), 5);
  EXPECT_EQ(plain.revision(), 1U);
  EXPECT_EQ(plain.applied().value(), world.store->position().value);
  EXPECT_EQ(plain.sources_size(), 2);
  ASSERT_EQ(plain.indexes_size(), 1);
  EXPECT_EQ(plain.indexes(0).epoch().feature(), "text_of.vec");
  EXPECT_EQ(plain.indexes(0).epoch().delta_vectors(), 1U);
  EXPECT_TRUE(plain.indexes(0).active());
  ASSERT_EQ(plain.encoders_size(), 1);
  EXPECT_TRUE(plain.encoders(0).loaded());
  EXPECT_EQ(plain.encoders(0).texts(), 1U);
  EXPECT_EQ(plain.state_hash(), "");
  EXPECT_EQ(hashed.state_hash(), "00000000000000010000000000000002");
}

TEST(Status, SaysWhatIsMaskedAndWhatTheNextBaseAndEpochTake) {
  ServingWorld world;
  const auto title = [](int i) { return "apple " + std::to_string(i); };
  for (int i = 0; i < 4'200; ++i) world.AddItem(std::to_string(i), title(i));
  const Jobs jobs(PartsOf(world), Hourly());
  ASSERT_TRUE(Eventually([&] { return IsIdle(jobs); }));
  const ServerFacts facts{"some/dir", 0, std::chrono::steady_clock::now(), jobs};
  const auto status = [&] {
    const auto reply = GetServerStatus(v1::StatusRequest(), facts, world.context());
    EXPECT_OK(reply);
    return reply.ok() ? reply->indexes(0) : v1::IndexStatus();
  };
  EXPECT_EQ(status().masked_vectors(), 0U);

  for (int i = 0; i < 3; ++i) world.store->DeleteRow("catalog", std::to_string(i));
  for (int i = 10; i < 15; ++i) world.AddItem(std::to_string(i), "green pear");
  world.AddItem("20", title(20));  // as it was
  world.AddItem("new", "green pear");

  const v1::IndexStatus index = status();
  EXPECT_EQ(index.masked_vectors(), 8U);
  EXPECT_EQ(index.epoch().base_vectors(), 4'192U);
  EXPECT_EQ(index.epoch().delta_vectors(), 6U);
  constexpr size_t kVectorBytes = 16;
  EXPECT_GE(index.next_base_bytes(), (4'192 + 6) * kVectorBytes);
  EXPECT_GE(index.next_epoch_bytes(), (4'192 + 6) * kVectorBytes);
}

TEST(Status, SaysWhyTheStoreHasFailed) {
  ServingWorld world;
  const Jobs jobs(PartsOf(world), Fast());
  const ServerFacts facts{"some/dir", 0, std::chrono::steady_clock::now(), jobs};
  const auto failed = [&] {
    for (const Metrics::Gauge& gauge : CollectGauges(facts, world.context())) {
      if (gauge.name == "larder_store_failed") return gauge.value;
    }
    return -1.0;
  };
  EXPECT_EQ(failed(), 0);

  world.store->broken = true;

  ASSERT_OK_AND_ASSIGN(const auto reply,
                       GetServerStatus(v1::StatusRequest(), facts, world.context()));
  EXPECT_EQ(reply.failure(), "apply has stopped: test");
  EXPECT_EQ(failed(), 1);
}

TEST(Status, IsNotIdleWhileVectorsAreMissing) {
  ServingWorld world;
  world.store->SetInactive("text_of.vec", {{"a", {}, "apple"}});
  world.store->activate_errors.assign(1'000, Unavailable("no"));
  const Jobs jobs(PartsOf(world), Fast());
  const ServerFacts facts{"some/dir", 0, std::chrono::steady_clock::now(), jobs};
  ASSERT_OK_AND_ASSIGN(const auto reply,
                       GetServerStatus(v1::StatusRequest(), facts, world.context()));
  EXPECT_FALSE(reply.idle());
  EXPECT_FALSE(reply.indexes(0).active());
}

}  // namespace
}  // namespace larder::serving
