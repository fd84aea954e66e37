// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SERVING_SERVING_WORLD_H_
#define LARDER_TESTS_SERVING_SERVING_WORLD_H_

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "larder/v1/common.pb.h"
#include "larder/v1/registry_service.pb.h"
#include "serving/context.h"
#include "serving/encoders.h"
#include "serving/index_sink.h"
#include "serving/live_recall.h"
#include "serving/retrieval/key_hashes.h"
#include "serving/retrieval/top_list.h"
#include "tests/serving/fake_store.h"
#include "tests/support/temp_dir.h"

namespace larder::serving {

// Items with text vectors, users with a history, one set and some recipes.
extern const std::string_view kTestDefinitions;

// Of the encoder alone: for fake ones, whose vectors the fake store does not know.
extern const std::string_view kEncoderDefinition;

// Everything that the handlers work on, over a fake store, with a small real encoder.
struct ServingWorld {
  // With kTestDefinitions applied, unless `definitions` is empty. `open`: for fake encoders.
  explicit ServingWorld(std::string_view definitions = kTestDefinitions,
                        size_t max_delta = 1'000'000, const EncodersOptions& options = {},
                        EncoderOpener open = text::OpenEncoder);

  TempDir dir;
  Digest encoder_digest;  // of "titles"
  uint32_t encoder_dimensions = 16;
  bool encoder_makes_floats = false;
  std::unique_ptr<featurestore::ArtifactStore> artifacts;
  std::optional<Encoders> encoders;
  IndexSink indexes;
  std::optional<FakeStore> store;
  TopLists top_lists{std::chrono::milliseconds(0)};
  KeyHashes key_hashes;
  std::optional<LiveRecall> live_recall;
  std::optional<Backend> backend;

  Context context(std::chrono::milliseconds left = std::chrono::seconds(30)) {
    return {*backend, std::chrono::steady_clock::now() + left};
  }
  // A request that compiles `definitions` with the facts of the test's encoder.
  template <typename Request>
  Request Definitions(std::string_view definitions) const {
    Request request;
    request.add_files()->set_path("test.yaml");
    request.mutable_files(0)->set_text(std::string(definitions));
    larder::v1::EncoderFacts* facts = request.add_encoders();
    facts->set_path("encoders/titles");
    facts->set_digest(encoder_digest.Hex());
    facts->set_dimensions(encoder_dimensions);
    facts->set_floats(encoder_makes_floats);
    return request;
  }
  // An item with a title of one of the encoder's subjects.
  // Changes a byte of the encoder in the artifact store.
  void DamageEncoder();
  void AddItem(const std::string& key, const std::string& title, const std::string& language = "en",
               double price = 1);
};

// Reads columns back, as a client would. Out of range reads are the test's own bugs.
template <typename T>
std::vector<T> Numbers(const larder::v1::Column& column) {
  std::vector<T> values(column.values().size() / sizeof(T));
  if (!values.empty()) {
    std::memcpy(values.data(), column.values().data(), column.values().size());
  }
  return values;
}
std::vector<std::string> Strings(const larder::v1::Column& column);
std::vector<bool> Validity(const larder::v1::Column& column);
// The column of this name; the test fails if there is none.
const larder::v1::Column& FindColumn(
    const google::protobuf::RepeatedPtrField<larder::v1::Column>& columns, std::string_view name);

}  // namespace larder::serving

#endif  // LARDER_TESTS_SERVING_SERVING_WORLD_H_
