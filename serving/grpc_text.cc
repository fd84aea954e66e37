// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_text.h"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/sync.h"
#include "serving/caught.h"
#include "serving/context.h"
#include "serving/embed.h"

namespace larder::serving {
namespace {

// Requests of one stream that are taken before the first of them is answered.
constexpr size_t kMaxInFlight = 16;

using Steady = std::chrono::steady_clock;

// A request that was read.
struct Taken {
  Steady::time_point start;
  Status status;
  std::optional<PendingEmbed> pending;  // unless `status` says why not
  size_t texts() const { return pending.has_value() ? pending->texts() : 0; }
};

// Answers what one thread takes, on a thread of its own and in the same order.
// Thread-safety: Put and the end by one thread.
class Answers {
 public:
  // `answer` returns false, or throws, if nobody reads answers any more.
  explicit Answers(std::function<bool(Taken&)> answer)
      : answer_(std::move(answer)), thread_([this] { Work(); }) {}
  // Answers all that was put.
  ~Answers() {
    {
      MutexLock lock(mu_);
      ended_ = true;
      changed_.SignalAll();
    }
    thread_.join();
  }
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  // Waits while there are too many. False: nobody reads answers any more.
  bool Put(Taken taken) {
    MutexLock lock(mu_);
    const size_t texts = taken.texts();
    while (!gone_ && !taken_.empty() &&
           (taken_.size() >= kMaxInFlight || texts_ + texts > kMaxEmbedTexts)) {
      changed_.Wait(mu_);
    }
    if (gone_) return false;
    texts_ += texts;
    taken_.push_back(std::move(taken));
    changed_.SignalAll();
    return true;
  }

 private:
  void Work() {
    MutexLock lock(mu_);
    while (true) {
      while (taken_.empty() && !ended_) changed_.Wait(mu_);
      if (taken_.empty()) return;
      // It keeps its place until it is answered, so that it counts.
      Taken& taken = taken_.front();
      bool read = !gone_;
      mu_.Unlock();
      if (read) read = Caught([&] { return answer_(taken) ? OkStatus() : Cancelled(""); }).ok();
      mu_.Lock();
      gone_ = !read;
      texts_ -= taken.texts();
      taken_.pop_front();
      changed_.SignalAll();
    }
  }

  const std::function<bool(Taken&)> answer_;
  Mutex mu_;
  CondVar changed_;
  std::deque<Taken> taken_ ABSL_GUARDED_BY(mu_);
  size_t texts_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace

grpc::Status GrpcTextService::Embed(grpc::ServerContext* call, const v1::EmbedRequest* request,
                                    v1::EmbedResponse* reply) {
  return calls_.Unary("Embed", *call, *request, reply, serving::Embed);
}

grpc::Status GrpcTextService::Tokenize(grpc::ServerContext* call,
                                       const v1::TokenizeRequest* request,
                                       v1::TokenizeResponse* reply) {
  return calls_.Unary("Tokenize", *call, *request, reply, serving::Tokenize);
}

grpc::Status GrpcTextService::EmbedStream(
    grpc::ServerContext* call,
    grpc::ServerReaderWriter<v1::EmbedStreamResponse, v1::EmbedStreamRequest>* stream) {
  Streams::Stream state(streams_, *call, /*ends_at_drain=*/true);
  if (!state.status().ok()) return ToGrpc(state.status());
  bool goes_on = true;
  const Status status = Caught([&]() -> Status {
    Answers answers([&](Taken& taken) {
      v1::EmbedStreamResponse answer;
      state.HelperWorks();  // the client is not silent, it waits
      Status done = taken.status;
      if (done.ok()) {
        done = Caught([&]() -> Status {
          LARDER_ASSIGN_OR_RETURN(*answer.mutable_reply(), taken.pending->Finish());
          return OkStatus();
        });
      }
      if (!done.ok()) {
        const grpc::Status error = ToGrpc(done);
        answer.clear_reply();
        answer.set_code(static_cast<uint32_t>(error.error_code()));
        answer.set_message(error.error_message());
      }
      calls_.Record("EmbedStream", done.code(), taken.start);
      state.HelperWaits();
      return stream->Write(answer);
    });
    v1::EmbedStreamRequest request;
    goes_on = state.Waits();
    while (goes_on && stream->Read(&request)) {
      state.Works();
      Taken taken{.start = Steady::now(), .status = {}, .pending = std::nullopt};
      taken.status = Caught([&]() -> Status {
        LARDER_ASSIGN_OR_RETURN(PendingEmbed pending,
                                PendingEmbed::Start(request.request(), calls_.MakeContext(*call)));
        taken.pending.emplace(std::move(pending));
        return OkStatus();
      });
      goes_on = state.Waits();  // also for a client that does not read what it asked for
      if (!answers.Put(std::move(taken))) return Cancelled("the client went away");
    }
    return OkStatus();
  });
  if (!status.ok()) return ToGrpc(status);
  if (!goes_on) return {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"};
  return grpc::Status::OK;
}

}  // namespace larder::serving
