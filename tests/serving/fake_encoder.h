// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SERVING_FAKE_ENCODER_H_
#define LARDER_TESTS_SERVING_FAKE_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/sync.h"
#include "serving/encoders.h"
#include "text/encoder.h"

namespace larder::serving {

// What fake encoders do and have done. Thread-safety: thread-safe.
class FakeEncoderControl {
 public:
  struct Batch {
    std::vector<std::string> texts;  // with their prompts
    size_t tokens = 0;
    std::thread::id thread;
  };

  // While it is closed, encoding waits.
  void Close();
  void Open();
  // Until so many batches have begun in all.
  void WaitForBatches(size_t count);
  // All that have begun, in order.
  std::vector<Batch> batches() const;
  // How often a text was encoded.
  size_t CountOf(const std::string& text) const;

  // For the encoder.
  void Enter(Batch batch);

 private:
  mutable Mutex mu_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Batch> batches_ ABSL_GUARDED_BY(mu_);
};

// A float encoder (kTransformer), trained for 4 and 8 dimensions too, that reads 64 tokens:
// [CLS], a token per byte, [SEP]. Queries have a prompt. Its vectors are a hash of the tokens.
// `control` must outlive it.
std::unique_ptr<const text::Encoder> MakeFakeEncoder(FakeEncoderControl& control,
                                                     const Digest& digest = {},
                                                     int32_t dimensions = 16);
inline constexpr const char* kFakePrompt = "query: ";
// A text for which it finds no memory.
inline constexpr const char* kThrowingText = "throw bad_alloc";

// Opens each artifact as a fake encoder.
EncoderOpener OpenFakeEncoders(FakeEncoderControl& control, int32_t dimensions = 16);

}  // namespace larder::serving

#endif  // LARDER_TESTS_SERVING_FAKE_ENCODER_H_
