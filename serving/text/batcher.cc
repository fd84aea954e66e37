// SPDX-License-Identifier: Apache-2.0
#include "serving/text/batcher.h"

#include <algorithm>
#include <utility>

#include "serving/caught.h"

namespace larder::serving {
namespace {

// How often who waits looks whether its caller still does.
constexpr std::chrono::milliseconds kLookAround{10};

constexpr std::array<double, 10> kTokenBounds = {1, 8, 16, 32, 64, 128, 256, 512, 1'024, 8'192};
constexpr std::array<double, 10> kSecondBounds = {0.0001, 0.0005, 0.001, 0.002, 0.005,
                                                  0.01,   0.05,   0.1,   1,     10};

// A text without tokens takes a place all the same.
size_t CostOf(const text::TokenizedText& text) { return std::max<size_t>(text.ids.size(), 1); }

Status Late() { return DeadlineExceeded("the call's deadline has passed"); }
Status Gone() { return Cancelled("the caller no longer waits"); }

}  // namespace

// All but `encoder`, `deadline` and `arrived` is guarded by the batcher's mutex.
struct Batcher::Request {
  const text::Encoder* encoder = nullptr;
  Steady::time_point deadline;
  Steady::time_point arrived;
  std::function<bool()> cancelled;
  std::vector<text::TokenizedText> texts;
  size_t next = 0;      // the first text that no batch has
  size_t left = 0;      // texts without codes
  size_t tokens = 0;    // of the texts from `next`
  size_t counted = 0;   // of them in queue_tokens_
  bool queued = false;
  bool done = false;
  Status status;
  std::vector<int8_t> codes;
  CondVar changed;
};

struct Batcher::Batch {
  struct Part {
    std::shared_ptr<Request> request;
    size_t first = 0;  // of its texts
    size_t count = 0;
  };
  const text::Encoder* encoder = nullptr;
  std::vector<Part> parts;
  std::vector<text::TokenizedText> texts;  // of all parts, in order
  size_t tokens = 0;
};

Batcher::Batcher(const BatcherOptions& options)
    : options_(options), batch_tokens_(kTokenBounds), wait_seconds_(kSecondBounds) {}

Batcher::~Batcher() {
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mu_);
    stopping_ = true;
    threads.swap(threads_);
    work_.SignalAll();
  }
  threads.clear();  // joins
}

Batcher::Ticket::Ticket(Batcher& batcher, std::shared_ptr<Request> request)
    : batcher_(&batcher), request_(std::move(request)) {}

Batcher::Ticket::~Ticket() {
  if (request_ != nullptr) batcher_->GiveUp(*request_);
}

StatusOr<std::vector<int8_t>> Batcher::Ticket::Wait() { return batcher_->WaitFor(*request_); }

StatusOr<Batcher::Ticket> Batcher::Submit(const text::Encoder& encoder,
                                          std::vector<text::TokenizedText> texts,
                                          Steady::time_point deadline,
                                          std::function<bool()> cancelled) {
  auto request = std::make_shared<Request>();
  request->encoder = &encoder;
  request->deadline = deadline;
  request->arrived = Steady::now();
  request->cancelled = std::move(cancelled);
  request->texts = std::move(texts);
  request->left = request->texts.size();
  request->codes.resize(request->left * encoder.info().code_size());
  for (const text::TokenizedText& text : request->texts) request->tokens += CostOf(text);
  MutexLock lock(mu_);
  if (request->left == 0) {
    request->done = true;
    return Ticket(*this, std::move(request));
  }
  const size_t counted = std::min(request->tokens, options_.queue_tokens / 4);
  if (queue_tokens_ + counted > options_.queue_tokens) {
    ++rejected_;
    return ResourceExhausted("texts with ", waiting_tokens_, " tokens wait to be encoded, which "
                             "is as many as embed_queue_tokens allows: try again later");
  }
  StartLocked();
  queue_.push_back(request);
  request->queued = true;
  waiting_tokens_ += request->tokens;
  CountLocked(*request);
  work_.SignalOne();
  return Ticket(*this, std::move(request));
}

void Batcher::StartLocked() {
  if (!threads_.empty()) return;
  const size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const size_t count = options_.threads == 0 ? cores : options_.threads;
  for (size_t i = 0; i < count; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

// Brings what counts of a request in the queue up to date.
void Batcher::CountLocked(Request& request) {
  queue_tokens_ -= request.counted;
  request.counted =
      request.queued ? std::min(request.tokens, options_.queue_tokens / 4) : size_t{0};
  queue_tokens_ += request.counted;
}

// Somebody else must hold the request too: it leaves the queue.
void Batcher::EndLocked(Request& request, const Status& status) {
  if (request.queued) {
    queue_.remove_if([&](const auto& queued) { return queued.get() == &request; });
    request.queued = false;
    waiting_tokens_ -= request.tokens;
    CountLocked(request);
    if (queue_.empty() && encoding_ == 0) idle_.SignalAll();
  }
  if (request.done) return;
  request.done = true;
  request.status = status;
  request.changed.SignalAll();
}

void Batcher::GiveUp(Request& request) {
  MutexLock lock(mu_);
  if (!request.done) ++abandoned_;
  EndLocked(request, Gone());
  request.cancelled = nullptr;  // it may look at what ends now; a thread may still hold the request
}

StatusOr<std::vector<int8_t>> Batcher::WaitFor(Request& request) {
  MutexLock lock(mu_);
  while (!request.done) {
    const Steady::time_point now = Steady::now();
    if (now >= request.deadline) {
      ++abandoned_;
      EndLocked(request, Late());
      break;
    }
    if (request.cancelled && request.cancelled()) {
      ++abandoned_;
      EndLocked(request, Gone());
      break;
    }
    request.changed.WaitUntil(mu_, std::min(request.deadline, now + kLookAround));
  }
  if (!request.status.ok()) return request.status;
  return std::move(request.codes);
}

// The next batch: of the first request's encoder, in the order of the queue. Requests of which
// something is left go to `unfinished`. If it throws, each request that it has changed has a part.
void Batcher::TakeLocked(Batch& batch, Queue& unfinished) {
  const Steady::time_point now = Steady::now();
  for (auto it = queue_.begin(); it != queue_.end() && batch.tokens < options_.batch_tokens;) {
    const std::shared_ptr<Request> request = *it++;
    batch.parts.push_back({.request = request, .first = request->next});
    if (now >= request->deadline || (request->cancelled && request->cancelled())) {
      ++abandoned_;
      EndLocked(*request, now >= request->deadline ? Late() : Gone());
      batch.parts.pop_back();
      continue;
    }
    if (batch.encoder == nullptr) batch.encoder = request->encoder;
    if (batch.encoder != request->encoder) {
      batch.parts.pop_back();
      continue;
    }
    Batch::Part& part = batch.parts.back();
    size_t tokens = 0;
    for (; request->next < request->texts.size(); ++request->next, ++part.count) {
      const size_t cost = CostOf(request->texts[request->next]);
      const size_t sum = batch.tokens + tokens + cost;
      if (sum > options_.batch_tokens && !batch.texts.empty()) break;
      tokens += cost;
      batch.texts.push_back(std::move(request->texts[request->next]));
    }
    if (part.count == 0) {  // the next in turn has no room: nobody overtakes it
      batch.parts.pop_back();
      break;
    }
    if (part.first == 0) {
      wait_seconds_.Add(std::chrono::duration<double>(now - request->arrived).count());
    }
    batch.tokens += tokens;
    request->tokens -= tokens;
    waiting_tokens_ -= tokens;
    const auto place = std::prev(it);
    if (request->next == request->texts.size()) {
      queue_.erase(place);
      request->queued = false;
    } else {
      unfinished.splice(unfinished.end(), queue_, place);
    }
    CountLocked(*request);
  }
}

void Batcher::DeliverLocked(const Batch& batch, std::span<const int8_t> codes) {
  const size_t code_size = batch.encoder->info().code_size();
  for (const Batch::Part& part : batch.parts) {
    Request& request = *part.request;
    if (!request.done) {
      std::copy_n(codes.begin(), part.count * code_size,
                  request.codes.begin() + static_cast<ptrdiff_t>(part.first * code_size));
    }
    codes = codes.subspan(part.count * code_size);
    request.left -= part.count;
    if (request.left == 0) EndLocked(request, OkStatus());
  }
}

// Ends all requests of a batch. One that could not even begin ends the first in the queue: whoever
// waits gets an answer in the end.
void Batcher::FailLocked(const Batch& batch, const Status& status) {
  for (const Batch::Part& part : batch.parts) EndLocked(*part.request, status);
  if (!batch.parts.empty() || queue_.empty()) return;
  const std::shared_ptr<Request> first = queue_.front();
  EndLocked(*first, status);
}

void Batcher::Work() {
  MutexLock lock(mu_);
  while (!stopping_) {
    if (queue_.empty()) {
      work_.Wait(mu_);
      continue;
    }
    if (waiting_tokens_ < options_.enough_tokens && options_.wait.count() > 0) {
      const Steady::time_point due = queue_.front()->arrived + options_.wait;
      if (Steady::now() < due) {
        work_.WaitUntil(mu_, due);
        continue;
      }
    }
    Batch batch;
    Queue unfinished;
    Status status = Caught([&] {
      mu_.AssertHeld();
      TakeLocked(batch, unfinished);
      return OkStatus();
    });
    queue_.splice(queue_.end(), unfinished);
    // The signal of what came meanwhile may have gone to this thread.
    if (!queue_.empty()) work_.SignalOne();
    std::vector<int8_t> codes;
    if (status.ok() && !batch.texts.empty()) {
      batch_tokens_.Add(static_cast<double>(batch.tokens));
      ++encoding_;
      mu_.Unlock();
      status = Caught([&]() -> Status {
        codes.resize(batch.texts.size() * batch.encoder->info().code_size());
        return batch.encoder->EncodeTokens(batch.texts, std::span(codes));
      });
      mu_.Lock();
      --encoding_;
    }
    if (!status.ok()) {
      FailLocked(batch, status);
    } else if (!batch.texts.empty()) {
      DeliverLocked(batch, codes);
    }
    if (queue_.empty() && encoding_ == 0) idle_.SignalAll();
  }
}

// Until nothing is in the queue or encoded, but not longer than the patience.
Status Batcher::GiveWay(Steady::time_point deadline, const std::function<bool()>& cancelled) {
  const Steady::time_point end = Steady::now() + options_.background_patience;
  MutexLock lock(mu_);
  ++background_waits_;
  Status status;
  while (true) {
    const Steady::time_point now = Steady::now();
    if (now >= deadline) status = Late();
    if (cancelled && cancelled()) status = Gone();
    if (!status.ok() || now >= end || (queue_.empty() && encoding_ == 0)) break;
    idle_.WaitUntil(mu_, std::min({end, deadline, now + kLookAround}));
  }
  --background_waits_;
  return status;
}

StatusOr<std::vector<int8_t>> Batcher::EncodeInBackground(
    const text::Encoder& encoder, std::span<const text::TokenizedText> texts,
    Steady::time_point deadline, const std::function<bool()>& cancelled) {
  const size_t code_size = encoder.info().code_size();
  std::vector<int8_t> codes(texts.size() * code_size);
  for (size_t begin = 0; begin < texts.size();) {
    LARDER_RETURN_IF_ERROR(GiveWay(deadline, cancelled));
    size_t count = 0;
    size_t tokens = 0;
    for (; begin + count < texts.size(); ++count) {
      const size_t cost = CostOf(texts[begin + count]);
      if (count > 0 && tokens + cost > options_.background_tokens) break;
      tokens += cost;
    }
    batch_tokens_.Add(static_cast<double>(tokens));
    LARDER_RETURN_IF_ERROR(
        encoder.EncodeTokens(texts.subspan(begin, count),
                             std::span(codes).subspan(begin * code_size, count * code_size)));
    begin += count;
  }
  return codes;
}

Batcher::Stats Batcher::GetStats() const {
  MutexLock lock(mu_);
  return {.queue_tokens = queue_tokens_,
          .background_waits = background_waits_,
          .rejected = rejected_,
          .abandoned = abandoned_,
          .batch_tokens = batch_tokens_.Read(),
          .wait_seconds = wait_seconds_.Read()};
}

}  // namespace larder::serving
