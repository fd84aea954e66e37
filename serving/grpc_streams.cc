// SPDX-License-Identifier: Apache-2.0
#include "serving/grpc_streams.h"

namespace larder::serving {

Streams::Streams(size_t limit, std::chrono::milliseconds idle)
    : limit_(limit), idle_(idle), thread_([this] { CancelIdle(); }) {}

Streams::~Streams() {
  MutexLock lock(mu_);
  stopping_ = true;
  stopped_.SignalAll();
}

Streams::Stream::Stream(Streams& all, grpc::ServerContext& call, bool ends_at_drain)
    : all_(all), call_(call) {
  MutexLock lock(all_.mu_);
  if (all_.open_.size() >= all_.limit_) {
    status_ = ResourceExhausted(all_.open_.size(), " streams are open, which is the most that "
                                "--grpc-threads allows");
    return;
  }
  all_.open_[&call_] = {.ends_at_drain = ends_at_drain, .since = Steady::now()};
}

Streams::Stream::~Stream() {
  MutexLock lock(all_.mu_);
  all_.open_.erase(&call_);
}

bool Streams::Stream::Waits() {
  MutexLock lock(all_.mu_);
  State& state = all_.open_.at(&call_);
  state.waits = true;
  state.since = Steady::now();
  return !(all_.draining_ && state.ends_at_drain);
}

void Streams::Stream::Works() {
  MutexLock lock(all_.mu_);
  all_.open_.at(&call_).waits = false;
}

void Streams::Stream::HelperWorks() {
  MutexLock lock(all_.mu_);
  all_.open_.at(&call_).helper_works = true;
}

void Streams::Stream::HelperWaits() {
  MutexLock lock(all_.mu_);
  State& state = all_.open_.at(&call_);
  state.helper_works = false;
  state.since = Steady::now();
}

void Streams::Drain() {
  MutexLock lock(mu_);
  draining_ = true;
  for (const auto& [call, state] : open_) {
    if (state.waits && state.ends_at_drain) call->TryCancel();
  }
}

void Streams::CancelIdle() {
  MutexLock lock(mu_);
  while (!stopping_) {
    const Steady::time_point now = Steady::now();
    for (const auto& [call, state] : open_) {
      if (state.waits && !state.helper_works && now - state.since > idle_) call->TryCancel();
    }
    stopped_.WaitUntil(mu_, now + idle_ / 4 + std::chrono::milliseconds(1));
  }
}

}  // namespace larder::serving
