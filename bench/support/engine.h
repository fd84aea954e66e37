// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_ENGINE_H_
#define LARDER_BENCH_SUPPORT_ENGINE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "featurestore/artifact_store.h"
#include "featurestore/store.h"
#include "serving/context.h"
#include "serving/encoders.h"
#include "serving/index_sink.h"
#include "serving/jobs.h"
#include "serving/live_recall.h"
#include "serving/retrieval/key_hashes.h"
#include "serving/retrieval/top_list.h"

namespace larder::bench {

// Everything of a server but its ports: handlers are called as plain functions.
// Thread-safety: thread-safe after Open.
class Engine {
 public:
  // `build_indexes`: whether an index base is built once there is enough for one, as in a server.
  // Errors: the store's.
  static StatusOr<std::unique_ptr<Engine>> Open(const std::string& dir, bool build_indexes = true);

  // Makes a directory of definitions the live revision, with one more file of `extra` YAML if it
  // is not empty; puts the encoders that it names into the store.
  // Errors: kInvalidArgument with the first diagnostic; what Apply says.
  Status Apply(const std::string& definitions, std::string_view extra = {});

  // Until everything that is durable is applied and no background job is left.
  Status WaitUntilIdle();

  // For one call, with half a minute to run.
  serving::Context context();
  featurestore::Store& store() { return *store_; }

 private:
  Engine() : indexes_(FileSystem::Posix()) {}

  serving::IndexSink indexes_;
  serving::TopLists top_lists_;
  serving::KeyHashes key_hashes_;
  std::unique_ptr<featurestore::ArtifactStore> artifacts_;
  std::optional<serving::Encoders> encoders_;
  std::unique_ptr<featurestore::Store> store_;
  std::optional<serving::LiveRecall> live_recall_;
  std::optional<serving::Backend> backend_;
  std::optional<serving::Jobs> jobs_;
};

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_ENGINE_H_
