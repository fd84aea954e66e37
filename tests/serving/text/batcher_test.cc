// SPDX-License-Identifier: Apache-2.0
#include "serving/text/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/serving/fake_encoder.h"
#include "tests/support/status_matchers.h"

namespace larder::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Steady = std::chrono::steady_clock;

constexpr Steady::time_point kNever = Steady::time_point::max();
const std::string kBlocker = "blocker";

// Never waits for more, and gives way for ever.
BatcherOptions OneThread() {
  return {.threads = 1,
          .wait = std::chrono::microseconds(0),
          .background_patience = std::chrono::hours(1)};
}

// An encoder and a batcher. With Block() its one thread is busy until Open().
struct Bench {
  explicit Bench(const BatcherOptions& options = OneThread()) : batcher(options) {}
  ~Bench() {
    control.Open();
    blocker.reset();
  }

  void Block() {
    control.Close();
    blocker.emplace(*Submit({kBlocker}));
    control.WaitForBatches(1);
  }

  std::vector<text::TokenizedText> Tokens(const std::vector<std::string>& texts) const {
    std::vector<text::TokenizedText> tokens(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_OK(encoder->Tokenize(texts[i], text::TextRole::kDocument, tokens[i]));
    }
    return tokens;
  }
  StatusOr<Batcher::Ticket> Submit(const std::vector<std::string>& texts,
                                   Steady::time_point deadline = kNever,
                                   std::function<bool()> cancelled = {}) {
    return batcher.Submit(*encoder, Tokens(texts), deadline, std::move(cancelled));
  }
  StatusOr<std::vector<int8_t>> InBackground(const std::vector<std::string>& texts,
                                             std::function<bool()> cancelled = {}) {
    return batcher.EncodeInBackground(*encoder, Tokens(texts), kNever, cancelled);
  }
  // The texts of each batch but the blocker's.
  std::vector<std::vector<std::string>> Batches() const {
    std::vector<std::vector<std::string>> texts;
    for (const auto& batch : control.batches()) {
      if (batch.texts != std::vector{kBlocker}) texts.push_back(batch.texts);
    }
    return texts;
  }

  FakeEncoderControl control;
  std::unique_ptr<const text::Encoder> encoder = MakeFakeEncoder(control);
  Batcher batcher;
  std::optional<Batcher::Ticket> blocker;
};

// By an encoder of its own, one text at a time.
std::vector<int8_t> Expected(const std::vector<std::string>& texts) {
  FakeEncoderControl control;
  const auto encoder = MakeFakeEncoder(control);
  std::vector<int8_t> all;
  for (const std::string_view text : texts) {
    std::vector<int8_t> codes(encoder->info().code_size());
    EXPECT_OK(encoder->Encode({&text, 1}, codes));
    all.insert(all.end(), codes.begin(), codes.end());
  }
  return all;
}

TEST(Batcher, PutsWhatWaitsIntoOneBatchAndGivesEachItsOwn) {
  Bench bench;
  bench.Block();
  ASSERT_OK_AND_ASSIGN(auto first, bench.Submit({"a", "b"}));
  ASSERT_OK_AND_ASSIGN(auto second, bench.Submit({"c"}));
  ASSERT_OK_AND_ASSIGN(auto none, bench.Submit({}));

  bench.control.Open();

  EXPECT_THAT(second.Wait(), IsOkAndHolds(Expected({"c"})));
  EXPECT_THAT(first.Wait(), IsOkAndHolds(Expected({"a", "b"})));
  EXPECT_THAT(none.Wait(), IsOkAndHolds(testing::IsEmpty()));
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre("a", "b", "c")));
}

TEST(Batcher, WaitsForMoreWhileFewTokensWait) {
  BatcherOptions options = OneThread();
  options.wait = std::chrono::hours(1);
  Bench bench(options);

  ASSERT_OK_AND_ASSIGN(auto few, bench.Submit({std::string(10, 'a')}));
  ASSERT_OK_AND_ASSIGN(auto more, bench.Submit({std::string(25, 'b')}));

  EXPECT_OK(few.Wait());
  EXPECT_OK(more.Wait());
  EXPECT_EQ(bench.Batches().size(), 1U);
}

TEST(Batcher, EndsItsWaitInTime) {
  BatcherOptions options = OneThread();
  options.wait = std::chrono::milliseconds(1);
  Bench bench(options);
  ASSERT_OK_AND_ASSIGN(auto few, bench.Submit({"a"}));
  EXPECT_OK(few.Wait());
}

TEST(Batcher, ASmallRequestDoesNotWaitForAllOfALargeOne) {
  Bench bench;
  bench.Block();
  const std::string text(30, 'x');  // four of them are a batch of 128 tokens
  ASSERT_OK_AND_ASSIGN(auto large, bench.Submit(std::vector<std::string>(10, text)));
  ASSERT_OK_AND_ASSIGN(auto small, bench.Submit({"small"}));

  bench.control.Open();

  EXPECT_OK(small.Wait());
  EXPECT_THAT(large.Wait(), IsOkAndHolds(Expected(std::vector<std::string>(10, text))));
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre(text, text, text, text),
                                           ElementsAre("small", text, text, text),
                                           ElementsAre(text, text, text)));
}

TEST(Batcher, NobodyOvertakesTheNextInTurn) {
  BatcherOptions options = OneThread();
  options.batch_tokens = 40;
  Bench bench(options);
  bench.Block();
  const std::string a(28, 'a');
  const std::string b(28, 'b');
  ASSERT_OK_AND_ASSIGN(auto first, bench.Submit({a}));
  ASSERT_OK_AND_ASSIGN(auto second, bench.Submit({b}));
  ASSERT_OK_AND_ASSIGN(auto third, bench.Submit({"c"}));  // would fit beside the first

  bench.control.Open();

  EXPECT_OK(third.Wait());
  EXPECT_OK(second.Wait());
  EXPECT_OK(first.Wait());
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre(a), ElementsAre(b, "c")));
}

TEST(Batcher, ATextWithMoreTokensThanABatchGoesAlone) {
  BatcherOptions options = OneThread();
  options.batch_tokens = 16;
  Bench bench(options);
  bench.Block();
  const std::string text(40, 'a');
  ASSERT_OK_AND_ASSIGN(auto ticket, bench.Submit({"b", text, "c"}));

  bench.control.Open();

  EXPECT_THAT(ticket.Wait(), IsOkAndHolds(Expected({"b", text, "c"})));
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre("b"), ElementsAre(text), ElementsAre("c")));
}

TEST(Batcher, EncodersDoNotShareABatch) {
  Bench bench;
  FakeEncoderControl other_control;
  const auto other = MakeFakeEncoder(other_control);
  bench.Block();
  ASSERT_OK_AND_ASSIGN(auto first, bench.Submit({"a"}));
  ASSERT_OK_AND_ASSIGN(auto second, bench.batcher.Submit(*other, bench.Tokens({"b"}), kNever, {}));
  ASSERT_OK_AND_ASSIGN(auto third, bench.Submit({"c"}));

  bench.control.Open();

  EXPECT_THAT(second.Wait(), IsOkAndHolds(Expected({"b"})));
  EXPECT_OK(first.Wait());
  EXPECT_OK(third.Wait());
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre("a", "c")));
  EXPECT_EQ(other_control.batches().size(), 1U);
}

TEST(Batcher, RefusesAtOnceWhatIsTooMuch) {
  BatcherOptions options = OneThread();
  options.queue_tokens = 1'024;
  Bench bench(options);
  bench.Block();
  const std::vector<std::string> huge(50, std::string(62, 'a'));  // 3,200 tokens count as 256
  std::vector<Batcher::Ticket> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(*bench.Submit(huge));

  EXPECT_THAT(bench.Submit({"a"}), StatusIs(StatusCode::kResourceExhausted,
                                            HasSubstr("embed_queue_tokens")));
  EXPECT_EQ(bench.batcher.GetStats().queue_tokens, 1'024U);
  taken.pop_back();  // gives up
  ASSERT_OK_AND_ASSIGN(auto small, bench.Submit({"a"}));
  bench.control.Open();

  EXPECT_OK(small.Wait());
  for (Batcher::Ticket& ticket : taken) EXPECT_THAT(ticket.Wait(), IsOkAndHolds(Expected(huge)));
  const Batcher::Stats stats = bench.batcher.GetStats();
  EXPECT_EQ(stats.queue_tokens, 0U);
  EXPECT_EQ(stats.rejected, 1U);
  EXPECT_EQ(stats.abandoned, 1U);
}

TEST(Batcher, DoesNotEncodeWhatIsLateOrCancelled) {
  Bench bench;
  bench.Block();
  std::atomic<bool> gone{false};
  ASSERT_OK_AND_ASSIGN(auto late, bench.Submit({"late"}, Steady::now()));
  ASSERT_OK_AND_ASSIGN(auto cancelled,
                       bench.Submit({"cancelled"}, kNever, [&] { return gone.load(); }));
  ASSERT_OK_AND_ASSIGN(auto last, bench.Submit({"last"}));
  gone = true;

  bench.control.Open();

  EXPECT_OK(last.Wait());
  EXPECT_THAT(late.Wait(), StatusIs(StatusCode::kDeadlineExceeded, testing::_));
  EXPECT_THAT(cancelled.Wait(), StatusIs(StatusCode::kCancelled, testing::_));
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre("last")));
  EXPECT_EQ(bench.batcher.GetStats().abandoned, 2U);
}

TEST(Batcher, AWaitEndsAtItsDeadlineWhileTheTextIsEncoded) {
  Bench bench;
  bench.control.Close();
  ASSERT_OK_AND_ASSIGN(auto ticket,
                       bench.Submit({"a"}, Steady::now() + std::chrono::milliseconds(20)));

  EXPECT_THAT(ticket.Wait(), StatusIs(StatusCode::kDeadlineExceeded, testing::_));
}

TEST(Batcher, AWaitEndsWhenItsCallerIsGone) {
  Bench bench;
  bench.Block();
  ASSERT_OK_AND_ASSIGN(auto ticket, bench.Submit({"a"}, kNever, [] { return true; }));

  EXPECT_THAT(ticket.Wait(), StatusIs(StatusCode::kCancelled, testing::_));
  EXPECT_EQ(bench.batcher.GetStats().queue_tokens, 0U);
}

TEST(Batcher, ATicketMayEndWhileItsTextsAreEncoded) {
  Bench bench;
  bench.Block();
  bench.blocker.reset();
  ASSERT_OK_AND_ASSIGN(auto next, bench.Submit({"a"}));
  bench.control.Open();
  EXPECT_OK(next.Wait());
}

TEST(Batcher, PassesTheEncodersErrorOn) {
  Bench bench;
  ASSERT_OK_AND_ASSIGN(auto ticket, bench.batcher.Submit(*bench.encoder, {{.ids = {99'999}}},
                                                         kNever, {}));
  EXPECT_THAT(ticket.Wait(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("99999")));
}

TEST(Batcher, ABatchThatThrowsAnswersAllOfItsRequests) {
  Bench bench;
  bench.Block();
  ASSERT_OK_AND_ASSIGN(auto bad, bench.Submit({kThrowingText}));
  ASSERT_OK_AND_ASSIGN(auto with_it, bench.Submit({"a"}));

  bench.control.Open();

  EXPECT_THAT(bad.Wait(), StatusIs(StatusCode::kResourceExhausted, HasSubstr("out of memory")));
  EXPECT_THAT(with_it.Wait(), StatusIs(StatusCode::kResourceExhausted, testing::_));
  ASSERT_OK_AND_ASSIGN(auto later, bench.Submit({"a"}));
  EXPECT_THAT(later.Wait(), IsOkAndHolds(Expected({"a"})));
}

// What throws while a batch is put together: the question whether somebody waits.
TEST(Batcher, ABatchThatCannotBeTakenAnswersAllThatItTouched) {
  Bench bench;
  bench.Block();
  const auto here = std::this_thread::get_id();
  ASSERT_OK_AND_ASSIGN(auto whole, bench.Submit({"a", "b"}));
  ASSERT_OK_AND_ASSIGN(auto bad, bench.Submit({"c"}, kNever, [here]() -> bool {
    if (std::this_thread::get_id() != here) throw std::bad_alloc();
    return false;
  }));
  ASSERT_OK_AND_ASSIGN(auto behind, bench.Submit({"d"}));

  bench.control.Open();

  EXPECT_THAT(whole.Wait(), StatusIs(StatusCode::kResourceExhausted, testing::_));
  EXPECT_THAT(bad.Wait(), StatusIs(StatusCode::kResourceExhausted, HasSubstr("out of memory")));
  EXPECT_THAT(behind.Wait(), IsOkAndHolds(Expected({"d"})));
  EXPECT_EQ(bench.batcher.GetStats().queue_tokens, 0U);
}

// The first one has too much for a batch, so that a part of it waits when the second one throws.
TEST(Batcher, ARequestOfWhichAPartWasTakenIsAnsweredToo) {
  BatcherOptions options = OneThread();
  options.batch_tokens = 200;
  Bench bench(options);
  bench.Block();
  const auto here = std::this_thread::get_id();
  ASSERT_OK_AND_ASSIGN(auto large,
                       bench.Submit(std::vector<std::string>(4, std::string(58, 'a'))));
  ASSERT_OK_AND_ASSIGN(auto bad, bench.Submit({"c"}, kNever, [here]() -> bool {
    if (std::this_thread::get_id() != here) throw std::bad_alloc();
    return false;
  }));

  bench.control.Open();

  EXPECT_THAT(large.Wait(), StatusIs(StatusCode::kResourceExhausted, testing::_));
  EXPECT_THAT(bad.Wait(), StatusIs(StatusCode::kResourceExhausted, testing::_));
  EXPECT_EQ(bench.batcher.GetStats().queue_tokens, 0U);
  ASSERT_OK_AND_ASSIGN(auto later, bench.Submit({"a"}));
  EXPECT_THAT(later.Wait(), IsOkAndHolds(Expected({"a"})));
}

TEST(Batcher, BackgroundWorkGivesWayToWhatIsLive) {
  Bench bench;
  bench.Block();
  StatusOr<std::vector<int8_t>> background = Internal("not done");
  std::jthread thread([&] { background = bench.InBackground({"background"}); });
  while (bench.batcher.GetStats().background_waits == 0) std::this_thread::yield();
  ASSERT_OK_AND_ASSIGN(auto live, bench.Submit({"live"}));

  bench.control.Open();

  EXPECT_OK(live.Wait());
  thread.join();
  EXPECT_THAT(background, IsOkAndHolds(Expected({"background"})));
  EXPECT_THAT(bench.Batches(), ElementsAre(ElementsAre("live"), ElementsAre("background")));
}

TEST(Batcher, BackgroundWorkGoesOnAfterItsPatience) {
  BatcherOptions options = OneThread();
  options.background_patience = std::chrono::milliseconds(0);
  options.queue_tokens = 1'024;
  Bench bench(options);
  bench.control.Close();
  std::vector<Batcher::Ticket> full;
  while (true) {
    auto ticket = bench.Submit(std::vector<std::string>(10, std::string(50, 'a')));
    if (!ticket.ok()) break;
    full.push_back(*std::move(ticket));
  }
  // The gate is closed for it too, but that it came there is what counts: nothing refused it.
  std::jthread thread([&] { EXPECT_OK(bench.InBackground({"background"})); });
  bench.control.WaitForBatches(2);
  EXPECT_EQ(bench.control.CountOf("background"), 1U);
  bench.control.Open();
}

TEST(Batcher, BackgroundWorkIsDoneByItsOwnThreadInSmallPieces) {
  Bench bench;
  const std::vector<std::string> texts(20, std::string(18, 'a'));

  EXPECT_THAT(bench.InBackground(texts), IsOkAndHolds(Expected(texts)));

  const auto batches = bench.control.batches();
  EXPECT_EQ(batches.size(), 7U);  // of three texts of 20 tokens
  for (const auto& batch : batches) {
    EXPECT_LE(batch.tokens, 64U);
    EXPECT_EQ(batch.thread, std::this_thread::get_id());
  }
}

TEST(Batcher, BackgroundWorkEndsWhenNobodyWants) {
  Bench bench;
  bench.Block();
  EXPECT_THAT(bench.InBackground({"a"}, [] { return true; }),
              StatusIs(StatusCode::kCancelled, testing::_));
}

TEST(Batcher, ManyCallersGetWhatIsTheirs) {
  constexpr uint64_t kSeed = 7;
  RecordProperty("seed", std::to_string(kSeed));
  BatcherOptions options;
  options.threads = 3;
  options.wait = std::chrono::microseconds(50);
  options.background_patience = std::chrono::milliseconds(1);
  options.queue_tokens = 1'024;
  Bench bench(options);
  std::atomic<int> served{0};
  std::vector<std::jthread> callers;
  for (uint64_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      std::mt19937_64 random(kSeed + caller);
      for (int i = 0; i < 60; ++i) {
        std::vector<std::string> texts(random() % 9);
        for (std::string& text : texts) {
          text.assign(random() % 70, static_cast<char>('a' + random() % 26));
        }
        if (caller == 0) {
          EXPECT_THAT(bench.InBackground(texts), IsOkAndHolds(Expected(texts)));
          continue;
        }
        std::atomic<bool> gone{false};
        auto ticket = bench.Submit(texts, kNever, [&] { return gone.load(); });
        if (!ticket.ok()) continue;  // full
        if (random() % 8 == 0) gone = true;
        const auto codes = ticket->Wait();
        if (gone) continue;
        EXPECT_THAT(codes, IsOkAndHolds(Expected(texts)));
        ++served;
      }
    });
  }
  callers.clear();
  EXPECT_GT(served, 0);
  EXPECT_EQ(bench.batcher.GetStats().queue_tokens, 0U);
}

}  // namespace
}  // namespace larder::serving
