// SPDX-License-Identifier: Apache-2.0
#include "serving/retrieval/channels.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "serving/query_vectors.h"
#include "serving/retrieval/sample_channel.h"
#include "serving/retrieval/top_list.h"

namespace larder::serving {
namespace {

using registry::Channel;
using Steady = std::chrono::steady_clock;

StatusOr<ChannelOutput> RunOne(const Channel& channel, DurationUs deadline, const RecipeRun& run,
                               Admission& recipe, std::optional<StatusOr<NearSearch>> prepared) {
  Context context = run.context;
  if (deadline > 0) {
    context.deadline =
        std::min(context.deadline, Steady::now() + std::chrono::microseconds(deadline));
  }
  run.queries.set_deadline(context.deadline);
  Admission admission(recipe, channel.where, context);
  switch (channel.kind) {
    case Channel::Kind::kNear: {
      if (!prepared.has_value()) return RunNear(channel, run, admission);
      LARDER_ASSIGN_OR_RETURN(NearSearch search, *std::move(prepared));
      return FinishNear(channel, run, admission, std::move(search));
    }
    case Channel::Kind::kTop: return RunTop(channel, run, admission);
    case Channel::Kind::kSample: return RunSample(channel, run, admission);
  }
  return Unimplemented("a channel of this kind");
}

}  // namespace

StatusOr<ChannelResults> RunChannels(const RecipeRun& run, Admission& admission,
                                     PreparedSearches prepared) {
  prepared.resize(run.recipe.channels.size());
  ChannelResults results;
  for (size_t c = 0; c < prepared.size(); ++c) {
    const Channel& channel = run.recipe.channels[c];
    const DurationUs deadline = run.offline ? 0 : channel.deadline;
    LARDER_RETURN_IF_ERROR(CheckDeadline(run.context));
    const Steady::time_point start = Steady::now();
    StatusOr<ChannelOutput> output =
        RunOne(channel, deadline, run, admission, std::move(prepared[c]));
    LARDER_RETURN_IF_ERROR(CheckDeadline(run.context));
    const DurationUs took =
        std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count();
    const bool late = deadline > 0 && took >= deadline;
    if (late && (output.ok() || output.status().code() == StatusCode::kDeadlineExceeded)) {
      output = DeadlineExceeded("took ", FormatDuration(took), ", its deadline is ",
                                FormatDuration(deadline));
    }
    run.queries.set_deadline(run.context.deadline);
    results.took.push_back(took);
    results.dropped.push_back(output.status());
    results.outputs.emplace_back();
    if (output.ok()) results.outputs.back() = *std::move(output);
  }
  return results;
}

}  // namespace larder::serving
