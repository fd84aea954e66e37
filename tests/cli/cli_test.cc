// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file_system.h"
#include "cli/json.h"
#include "tests/cli/run_larder.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

TEST(Cli, HelpIsNoErrorAndHasExamples) {
  const Result help = RunLarder({"get", "--help"});

  EXPECT_EQ(help.code, kExitOk);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("--ages"));
}

TEST(Cli, WrongUsageIsItsOwnExitCode) {
  EXPECT_EQ(RunLarder({}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"bake"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"get"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"get", "ranker", "--colour"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"ingest", "a", "b", "--batch", "0"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"embed"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"embed", "titles"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"search", "text_of.vec"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"status", "--timeout", "soon"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"serve", "--data", "/nonexistent", "--drain", "soon"}).code, kExitUsage);
  EXPECT_EQ(RunLarder({"serve", "--data", "/nonexistent", "--http-threads", "0"}).code, kExitUsage);
}

TEST(Cli, NumbersThatDoNotFitAreWrongUsage) {
  const std::vector<std::vector<std::string>> wrong{
      {"similar", "r", "--seed", "18446744073709551616"},
      {"similar", "r", "--seed", "-1"},
      {"similar", "r", "--min-position", "-1"},
      {"get", "s", "--min-position", "-1"},
      {"search", "f", "t", "--limit", "2001"},
      {"search", "f", "t", "--effort", "10001"},
      {"retrieve", "r", "--all", "--out", "x", "--effort", "10001"},
      {"search", "f", "t", "--min-position", "-5"},
      {"serve", "--data", "/nonexistent", "--cached-keys", "-1"},
      {"tokenizer", "train", "--items", "x", "--out", "y", "--seed", "-1"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const Result result = RunLarder(arguments);

    EXPECT_EQ(result.code, kExitUsage) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr("whole number")) << arguments[0];
  }
}

TEST(Cli, AnUnknownCommandIsNamedWithItsNearest) {
  const Result unknown = RunLarder({"statsu", "--json"});

  EXPECT_EQ(unknown.code, kExitUsage);
  EXPECT_THAT(unknown.err, HasSubstr("there is no command 'statsu'; did you mean 'status'?"));
  EXPECT_THAT(RunLarder({"registry", "lst"}).err, HasSubstr("'lst'; did you mean 'list'?"));
  EXPECT_THAT(RunLarder({"nosuch"}).err, HasSubstr("'nosuch'"));
}

TEST(Cli, AnOptionBeforeTheCommandIsToldWhereToGo) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--server", "localhost:7070", "status"}, {"--json", "status"}}) {
    const Result result = RunLarder(arguments);

    EXPECT_EQ(result.code, kExitUsage);
    EXPECT_THAT(result.err, HasSubstr(Concat("option '", arguments[0], "' stands before")));
  }
  EXPECT_EQ(RunLarder({"--help"}).code, kExitOk);
  EXPECT_EQ(RunLarder({"--version"}).code, kExitOk);
}

TEST(Cli, ACommandThatHoldsOthersShowsNotTheExamplesOfAll) {
  for (const char* group : {"registry", "encoder", "tokenizer"}) {
    const Result help = RunLarder({group, "--help"});

    EXPECT_EQ(help.code, kExitOk);
    EXPECT_EQ(help.out.find("larder serve"), std::string::npos) << group;
  }
}

TEST(Cli, ArgumentsThatAreNotUtf8AreRefused) {
  const Result result = RunLarder({"search", "text_of.vec", "caf\xE9"});

  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_THAT(result.err, HasSubstr("argument 3 is not UTF-8"));
}

TEST(Cli, OutputThatIsLostIsAnError) {
  std::ofstream full("/dev/full");
  std::ostringstream err;

  EXPECT_EQ(RunCli({"functions"}, {full, err}), kExitError);
  EXPECT_THAT(err.str(), HasSubstr("standard output cannot be written"));
}

TEST(Cli, ErrorsNameTheProgramAndTheCode) {
  const Result result = RunLarder({"check", "/nonexistent"});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.err, HasSubstr("larder: NOT_FOUND: /nonexistent"));
  EXPECT_THAT(RunLarder({"check", "/etc/passwd"}).err,
              HasSubstr("/etc/passwd: expected a directory of definitions"));
  EXPECT_EQ(RunLarder({"check", ""}).code, kExitUsage);
}

TEST(Cli, WithoutAServerItSaysHowToStartOne) {
  // Port 1 of the loopback interface: nobody listens there.
  const Result result = RunLarder({"status", "--server", "127.0.0.1:1"});

  EXPECT_EQ(result.code, kExitNoServer);
  EXPECT_THAT(result.err, HasSubstr("no server answers at 127.0.0.1:1 within 2s; start one"));
  EXPECT_THAT(result.err, HasSubstr("larder serve"));
}

TEST(Cli, WrongValuesAreNamedBeforeAServerIsAsked) {
  const std::vector<std::string> server{"--server", "127.0.0.1:1"};
  const auto refuses = [&](std::vector<std::string> arguments, const char* what) {
    arguments.insert(arguments.end(), server.begin(), server.end());
    const Result result = RunLarder(arguments);
    EXPECT_EQ(result.code, kExitUsage) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
  };
  refuses({"get", "s", "--columns", ""}, "--columns: expected names of columns, got ''");
  refuses({"similar", "s", "--columns", ","}, "--columns: expected names");
  refuses({"get", "s", "-k", "candidate=a,,b"}, "a key has 1 to 256 bytes");
  EXPECT_THAT(RunLarder({"status", "--server", ""}).err, HasSubstr("expected HOST:PORT, got ''"));
  EXPECT_THAT(RunLarder({"serve", "--data", "/nonexistent", "--default-deadline", "1us"}).err,
              HasSubstr("--default-deadline: expected whole milliseconds, got '1us'"));
}

TEST(Cli, KeysAreReadBeforeAnythingIsAsked) {
  const Result result = RunLarder({"get", "ranker", "--key", "user", "--server", "127.0.0.1:1"});

  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_THAT(result.err, HasSubstr("--key: expected NAME=VALUE, got 'user'"));
}

TEST(Cli, FunctionsAreListedWithoutAServer) {
  EXPECT_THAT(RunLarder({"functions"}).out, HasSubstr("log1p"));
  EXPECT_THAT(RunLarder({"functions", "cosine"}).out, HasSubstr("nulls:"));
  EXPECT_EQ(RunLarder({"functions", "nothing_like_it"}).code, kExitError);
  const Json one = Json::parse(RunLarder({"functions", "log1p", "--json"}).out);
  EXPECT_EQ(one["name"], "log1p");
}

TEST(Cli, CheckPrintsEveryErrorWithItsPlace) {
  const std::string dir = testing::TempDir() + "/cli_check";
  ASSERT_TRUE(FileSystem::Posix().MakeDirs(dir).ok());
  std::ofstream(dir + "/a.yaml") << "entity: item\nkey: item_id\n---\nentity: item\nkeyy: x\n";

  const Result result = RunLarder({"check", dir});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.out, HasSubstr(dir + "/a.yaml:5:1: "));
  EXPECT_THAT(result.err, HasSubstr("INVALID_ARGUMENT"));
  const Json json = Json::parse(RunLarder({"check", dir, "--json"}).out);
  EXPECT_FALSE(json["ok"].get<bool>());
  EXPECT_EQ(json["diagnostics"][0]["file"], "a.yaml");
}

TEST(Cli, DefinitionsThatAreNotUtf8AreNamedWithoutAskingAServer) {
  const std::string dir = testing::TempDir() + "/cli_latin1";
  ASSERT_TRUE(FileSystem::Posix().MakeDirs(dir).ok());
  std::ofstream(dir + "/a.yaml") << "entity: item\nkey: item_id\ndescription: caf\xE9\n";
  for (const char* command : {"check", "plan", "apply"}) {
    std::vector<std::string> arguments{command, dir};
    if (command != std::string_view("check")) {
      arguments.insert(arguments.end(), {"--server", "127.0.0.1:1"});
    }

    const Result result = RunLarder(arguments);

    EXPECT_EQ(result.code, kExitError) << command;
    EXPECT_THAT(result.out, HasSubstr(dir + "/a.yaml:3:1: this line is not valid UTF-8"));
  }
}

class TrainTest : public testing::Test {
 protected:
  TrainTest() {
    std::ofstream(items_) << "{\"title\":\"one\"}\n{\"title\":\"two\",\"content\":null}\n";
  }

  const TempDir dir_;
  const std::string items_ = dir_.File("items.jsonl");
};

TEST_F(TrainTest, AFieldThatNoRecordHasIsNamedWithThoseThatAreThere) {
  const Result encoder = RunLarder(
      {"encoder", "train", "--items", items_, "--title", "nosuch", "--out", dir_.File("out")});
  EXPECT_EQ(encoder.code, kExitError);
  EXPECT_THAT(encoder.err, HasSubstr("no record of the items has a field 'nosuch', there are: "
                                     "content, title"));

  const Result tokenizer = RunLarder({"tokenizer", "train", "--items", items_, "--fields",
                                      "title,nosuch", "--out", dir_.File("out")});
  EXPECT_EQ(tokenizer.code, kExitError);
  EXPECT_THAT(tokenizer.err, HasSubstr("'nosuch', there are: content, title"));
}

TEST_F(TrainTest, TheModelIsNotWrittenOverItsItems) {
  std::filesystem::create_symlink(items_, dir_.File("link"));
  const Result result =
      RunLarder({"tokenizer", "train", "--items", items_, "--out", dir_.File("link")});

  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_THAT(result.err, HasSubstr("--out: "));
  EXPECT_THAT(result.err, HasSubstr("is the input " + items_));
}

TEST_F(TrainTest, ATokenizerThatIsNoneIsCalledByItsName) {
  const Result result = RunLarder({"encoder", "train", "--items", items_, "--tokenizer",
                                   "/etc/passwd", "--out", dir_.File("out")});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.err, HasSubstr("/etc/passwd: not a SentencePiece model"));
}

// A catalog of 300 items, of two creators and subjects, with events and scored pairs.
class EncoderTest : public testing::Test {
 protected:
  EncoderTest() {
    std::ofstream items(items_);
    std::ofstream events(events_);
    for (int i = 0; i < 300; ++i) {
      const std::string subject = i % 2 == 0 ? "network" : "castle";
      const std::string other = i % 2 == 0 ? "protocol" : "enemy";
      items << R"({"id":"i)" << i << R"(","title":"item)" << i << " " << subject
            << R"(","content":"About )" << other << " number " << i
            << R"( and more of it.","creator":")" << (i % 2 == 0 ? "Ann" : "Bob")
            << R"(","published_at":"2024-01-01T00:00:)" << (i < 250 ? "00Z" : "01Z") << "\"}\n";
      for (int k = 0; k < 3; ++k) {
        events << R"({"user_id":"u)" << i % 20 << R"(","item_id":"i)" << (i + 2 * k) % 300
               << R"(","rating":)" << k + 3 << R"(,"event_time":"2024-02-01T00:0)" << i / 60 << ":"
               << i % 60 / 10 << i % 10 << "Z\"}\n";
      }
    }
    std::ofstream(pairs_) << "score\tfirst\tsecond\n5\tnetwork\tnetwork\n0\tnetwork\tenemy\n"
                          << "3\tcastle one\tcastle two\n";
  }
  Result Train(std::vector<std::string> more) {
    std::vector<std::string> args = {"encoder", "train",  "--items", items_, "--key",    "id",
                                     "--out",   encoder_, "--pieces", "200",  "--epochs", "2",
                                     "--dimensions", "32"};
    args.insert(args.end(), more.begin(), more.end());
    return RunLarder(args);
  }

  const TempDir dir_;
  const std::string items_ = dir_.File("items.jsonl");
  const std::string events_ = dir_.File("events.jsonl");
  const std::string pairs_ = dir_.File("pairs.tsv");
  const std::string encoder_ = dir_.File("encoder");
};

TEST_F(EncoderTest, TrainsHoldsOutAndTellsWhatTheTableMeans) {
  const Result result = Train({"--hold-out", "50", "--time", "published_at"});

  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("ENCODER"));
  EXPECT_THAT(result.out, HasSubstr("BM25"));
  EXPECT_THAT(result.out, HasSubstr("a sentence finds its title first, of 50 among 300"));
  EXPECT_THAT(result.out, HasSubstr("Asked about 50 items that training never saw."));
}

TEST_F(EncoderTest, LearnsFromEventsAndWritesVectorsOfValuesAndItems) {
  const std::string values = dir_.File("values.jsonl");
  const std::string vectors = dir_.File("vectors.jsonl");

  const Result result =
      Train({"--events", events_, "--value", "rating", "--at-least", "4", "--fields", "creator",
             "--value-vectors", values, "--item-vectors", vectors, "--json"});

  EXPECT_EQ(result.code, kExitOk) << result.err;
  const Json told = Json::parse(result.out);
  EXPECT_GT(told["related_pairs"], 200);
  EXPECT_GT(told["steps"], 0);
  EXPECT_TRUE(told["evaluation"]["known_item"].contains("bm25"));
  std::ifstream value_lines(values);
  std::string line;
  std::vector<std::string> names;
  while (std::getline(value_lines, line)) {
    const Json value = Json::parse(line);
    EXPECT_EQ(value["field"], "creator");
    EXPECT_EQ(value["items"], 150);
    EXPECT_EQ(value["vector"].size(), 32u);
    names.push_back(value["value"]);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("Ann", "Bob"));
  std::ifstream vector_lines(vectors);
  size_t items = 0;
  while (std::getline(vector_lines, line)) {
    const Json item = Json::parse(line);
    EXPECT_EQ(item["id"], Concat("i", items));
    EXPECT_EQ(item["vector"].size(), 32u);
    ++items;
  }
  EXPECT_EQ(items, 300u);
}

TEST_F(EncoderTest, EvaluatesItemsEventsAndPairs) {
  ASSERT_EQ(Train({}).code, kExitOk);

  const Result result =
      RunLarder({"encoder", "eval", encoder_, "--items", items_, "--key", "id", "--time",
                 "published_at", "--newest", "50", "--events", events_, "--sts", pairs_,
                 "--score-column", "1", "--first-column", "2", "--second-column", "3", "--json"});

  EXPECT_EQ(result.code, kExitOk) << result.err;
  const Json told = Json::parse(result.out);
  EXPECT_EQ(told["known_item_queries"], 50);
  EXPECT_GT(told["related"]["all"]["queries"], 50);
  EXPECT_EQ(told["related"]["all"]["encoder_minus_tfidf_95"].size(), 2u);
  EXPECT_TRUE(told["related"].contains("cold"));
  EXPECT_EQ(told["pairs"]["pairs"], 3);
  EXPECT_EQ(told["pairs"]["tfidf"], 1);
}

TEST_F(EncoderTest, DistilsFromAnArtifact) {
  ASSERT_EQ(Train({}).code, kExitOk);

  const Result result =
      RunLarder({"encoder", "distill", "--teacher", encoder_, "--texts", items_, "--out",
                 dir_.File("student"), "--pieces", "150", "--dimensions", "16", "--epochs", "1",
                 "--json"});

  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_EQ(Json::parse(result.out)["texts"], 600);
  const Result eval =
      RunLarder({"encoder", "eval", dir_.File("student"), "--items", items_, "--json"});
  EXPECT_EQ(eval.code, kExitOk) << eval.err;
  EXPECT_THAT(eval.out, HasSubstr("\"tokenizer\":\"own unigram\""));
}

TEST_F(EncoderTest, WritesOverNothingThatItReadsOrWrites) {
  const auto refuses = [&](const std::vector<std::string>& more, const std::string& what) {
    const Result result = Train(more);
    EXPECT_EQ(result.code, kExitUsage) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
  };
  const std::string file = dir_.File("vectors");
  std::filesystem::create_symlink(dir_.path(), dir_.File("link"));
  refuses({"--fields", "creator", "--item-vectors", items_}, "is the input " + items_);
  refuses({"--fields", "creator", "--events", events_, "--value-vectors", events_},
          "--value-vectors: " + events_ + " is the input");
  refuses({"--fields", "creator", "--item-vectors", file, "--value-vectors", file},
          "which --value-vectors writes");
  refuses({"--fields", "creator", "--item-vectors", encoder_}, "which --out writes");
  refuses({"--fields", "creator", "--value-vectors", dir_.File("link/encoder/x/v.jsonl")},
          "which --out writes");

  ASSERT_EQ(Train({}).code, kExitOk);
  const Result distil = RunLarder({"encoder", "distill", "--teacher", encoder_, "--texts", items_,
                                   "--out", dir_.File("link/encoder")});
  EXPECT_EQ(distil.code, kExitUsage);
  EXPECT_THAT(distil.err, HasSubstr("is the input " + encoder_));
}

TEST_F(EncoderTest, ADirectoryThatIsNotEmptyIsRefusedBeforeAnythingIsRead) {
  const std::string missing = dir_.File("nosuch");
  const auto refused = [&](std::vector<std::string> args, const std::string& out) {
    args.insert(args.begin(), "encoder");
    args.insert(args.end(), {"--out", out});
    const Result result = RunLarder(args);
    EXPECT_EQ(result.code, kExitError);
    return result.err;
  };
  const std::string holds = dir_.path() + ": holds events.jsonl, items.jsonl, pairs.tsv, expected "
                                          "an empty or new directory";
  const std::vector<std::string> train = {"train", "--items", missing};
  EXPECT_THAT(refused(train, dir_.path()), HasSubstr(holds));
  EXPECT_THAT(refused(train, items_), HasSubstr(items_ + ": no directory"));
  EXPECT_THAT(refused({"distill", "--teacher", missing, "--texts", missing}, dir_.path()),
              HasSubstr(holds));
  EXPECT_THAT(refused({"import", missing}, dir_.path()), HasSubstr(holds));
  EXPECT_THAT(refused(train, encoder_), HasSubstr(missing));
}

TEST_F(EncoderTest, TellsWhatWasAskedAbout) {
  const std::string tags = dir_.File("tags.jsonl");
  {
    std::ofstream out(tags);
    for (int i = 0; i < 300; ++i) {
      out << R"({"id":"i)" << i << R"(","tags":["t)" << i % 2 << "\"]}\n";
    }
  }
  const Result both =
      RunLarder({"encoder", "train", "--items", items_, "--key", "id", "--out", encoder_,
                 "--pieces", "200", "--epochs", "0", "--hold-out", "50", "--tags", tags});
  EXPECT_THAT(both.out, HasSubstr("Sentences are of 50 items that training never saw; tags are of "
                                  "all items."));
  EXPECT_EQ(both.out.find("Too few items"), std::string::npos);
  std::filesystem::remove_all(encoder_);
  const Result untitled = Train({"--hold-out", "50", "--title", ""});
  EXPECT_EQ(untitled.code, kExitOk) << untitled.err;
  EXPECT_EQ(untitled.out.find("Asked about"), std::string::npos);

  std::filesystem::remove_all(encoder_);
  std::ofstream(tags) << R"({"id":"x","tags":["t"]})" << "\n";
  const Result none = Train({"--tags", tags});
  EXPECT_EQ(none.code, kExitError);
  EXPECT_THAT(none.err, HasSubstr("tags.jsonl: no record's 'id' is that of an item"));
}

TEST_F(EncoderTest, MisuseIsNamed) {
  ASSERT_EQ(Train({}).code, kExitOk);
  const auto eval = [&](std::vector<std::string> more) {
    std::vector<std::string> args = {"encoder", "eval", encoder_};
    args.insert(args.end(), more.begin(), more.end());
    return RunLarder(args);
  };
  EXPECT_THAT(eval({}).err, HasSubstr("expected --items or --sts"));
  EXPECT_THAT(eval({"--items", items_, "--events", events_}).err,
              HasSubstr("--events needs --key"));
  EXPECT_THAT(eval({"--items", items_, "--newest", "5"}).err, HasSubstr("needs --time"));
  EXPECT_THAT(eval({"--sts", events_}).err, HasSubstr("events.jsonl:1: 1 columns, expected"));
  std::ofstream(pairs_) << "1\ta\tb\nx\ta\tb\n";
  EXPECT_THAT(eval({"--sts", pairs_, "--score-column", "1", "--first-column", "2",
                    "--second-column", "3"})
                  .err,
              HasSubstr("pairs.tsv:2: column 1: expected a number, got 'x'"));
  EXPECT_THAT(eval({"--sts", pairs_, "--tags", items_}).err, HasSubstr("--tags needs --items"));
  EXPECT_THAT(eval({"--sts", pairs_, "--newest", "5"}).err, HasSubstr("--newest needs --items"));
  std::filesystem::remove_all(encoder_);
  EXPECT_THAT(Train({"--events", events_, "--value", "user_id"}).err,
              HasSubstr("field 'user_id': expected a finite number"));
  EXPECT_THAT(Train({"--value-vectors", dir_.File("v")}).err, HasSubstr("need --fields"));
  EXPECT_THAT(Train({"--until", "2024-01-01T00:00:00Z"}).err,
              HasSubstr("--until needs --events"));
  EXPECT_THAT(Train({"--events", events_, "--until", "2024-01-01T00:00:00Z"}).err,
              HasSubstr("none of the 900 events of " + events_ + " is before it"));
  EXPECT_THAT(RunLarder({"encoder", "train", "--items", items_, "--out", encoder_, "--key",
                         "vector", "--fields", "creator", "--item-vectors", dir_.File("v")})
                  .err,
              HasSubstr("--key needs another name"));
  EXPECT_THAT(Train({"--fields", "a=b"}).err, HasSubstr("--fields: 'a=b' has a '='"));
  EXPECT_THAT(Train({"--time", "title"}).err, HasSubstr("items.jsonl:1: field 'title'"));
  EXPECT_THAT(Train({"--hold-out", "151"}).err, HasSubstr("hold_out is 151"));
  std::ofstream(items_, std::ios::app) << "{\"id\":\"i3\",\"title\":\"again\"}\n";
  EXPECT_THAT(Train({}).err, HasSubstr("id 'i3' comes twice"));
}

TEST(Cli, WhatFailsOnThisMachineIsNoMissingServer) {
  const std::string folder = testing::TempDir();

  const Result result =
      RunLarder({"tokenizer", "train", "--items", folder, "--out", folder + "/model"});

  EXPECT_EQ(result.code, kExitError);
  EXPECT_THAT(result.err, HasSubstr(folder + ": cannot be read"));
}

}  // namespace
}  // namespace larder::cli
