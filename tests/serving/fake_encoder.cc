// SPDX-License-Identifier: Apache-2.0
#include "tests/serving/fake_encoder.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "base/bytes.h"
#include "base/directory_digest.h"
#include "text/tokenizer.h"

namespace larder::serving {
namespace {

constexpr int32_t kBegin = 0;
constexpr int32_t kEnd = 1;
constexpr int32_t kFirstByte = 2;

class ByteTokenizer : public text::Tokenizer {
 public:
  ByteTokenizer() : Tokenizer(kFirstByte + 256, kFirstByte, {kBegin}, {kEnd}) {
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      pieces_.push_back(byte > 0 && byte < 128 ? std::string(1, c) : "?");
    }
  }
  bool is_control(int32_t id) const override { return id < kFirstByte; }
  std::string_view piece(int32_t id) const override {
    if (id == kBegin) return "[CLS]";
    if (id == kEnd) return "[SEP]";
    return pieces_[static_cast<size_t>(id - kFirstByte)];
  }
  std::string_view engine() const override { return "bytes"; }

 private:
  Status EncodeText(std::string_view text, std::vector<int32_t>& ids) const override {
    ids.clear();
    for (const char c : text) ids.push_back(kFirstByte + static_cast<uint8_t>(c));
    return OkStatus();
  }
  Status EncodeTextWithOffsets(std::string_view text,
                               std::vector<text::Token>& tokens) const override {
    tokens.clear();
    for (uint32_t i = 0; i < text.size(); ++i) {
      tokens.push_back({kFirstByte + static_cast<uint8_t>(text[i]), i, i + 1});
    }
    return OkStatus();
  }

  std::vector<std::string> pieces_;
};

class FakeEncoder : public text::Encoder {
 public:
  FakeEncoder(FakeEncoderControl& control, const Digest& digest, int32_t dimensions)
      : Encoder({.digest = digest,
                 .kind = text::EncoderKind::kTransformer,
                 .dimensions = dimensions,
                 .matryoshka = {4, 8}},
                std::make_unique<ByteTokenizer>(), 64),
        control_(control) {}

  std::string_view prompt(text::TextRole role) const override {
    return role == text::TextRole::kQuery ? kFakePrompt : "";
  }
  Status Tokenize(std::string_view text, text::TextRole role,
                  text::TokenizedText& out) const override {
    LARDER_RETURN_IF_ERROR(tokenizer().Encode(Concat(prompt(role), text), out.ids));
    out.truncated = out.ids.size() + 2 > max_tokens();
    out.ids.resize(std::min(out.ids.size(), max_tokens() - 2));
    out.ids.insert(out.ids.begin(), kBegin);
    out.ids.push_back(kEnd);
    return OkStatus();
  }

 private:
  void EncodeFloat(std::span<const text::TokenizedText> texts,
                   std::span<float> out) const override {
    const auto size = static_cast<size_t>(dimensions());
    FakeEncoderControl::Batch batch{.texts = {}, .tokens = 0, .thread = std::this_thread::get_id()};
    for (size_t i = 0; i < texts.size(); ++i) {
      std::string& text = batch.texts.emplace_back();
      for (const int32_t id : texts[i].ids) {
        if (id >= kFirstByte) text.push_back(static_cast<char>(id - kFirstByte));
      }
      if (text == kThrowingText) throw std::bad_alloc();
      batch.tokens += texts[i].ids.size();
      const uint64_t hash = Hash64(AsBytes(std::span<const int32_t>(texts[i].ids)));
      double squares = 0;
      for (size_t d = 0; d < size; ++d) {
        const auto value = static_cast<float>(static_cast<int>(Hash64("", hash + d) % 201) - 100);
        out[i * size + d] = value;
        squares += double{value} * value;
      }
      for (size_t d = 0; d < size; ++d) {
        out[i * size + d] = static_cast<float>(out[i * size + d] / std::sqrt(squares));
      }
    }
    control_.Enter(std::move(batch));
  }

  FakeEncoderControl& control_;
};

}  // namespace

void FakeEncoderControl::Close() {
  MutexLock lock(mu_);
  closed_ = true;
}

void FakeEncoderControl::Open() {
  MutexLock lock(mu_);
  closed_ = false;
  changed_.SignalAll();
}

void FakeEncoderControl::WaitForBatches(size_t count) {
  MutexLock lock(mu_);
  while (batches_.size() < count) changed_.Wait(mu_);
}

std::vector<FakeEncoderControl::Batch> FakeEncoderControl::batches() const {
  MutexLock lock(mu_);
  return batches_;
}

size_t FakeEncoderControl::CountOf(const std::string& text) const {
  size_t count = 0;
  for (const Batch& batch : batches()) {
    count += static_cast<size_t>(std::count(batch.texts.begin(), batch.texts.end(), text));
  }
  return count;
}

void FakeEncoderControl::Enter(Batch batch) {
  MutexLock lock(mu_);
  batches_.push_back(std::move(batch));
  changed_.SignalAll();
  while (closed_) changed_.Wait(mu_);
}

std::unique_ptr<const text::Encoder> MakeFakeEncoder(FakeEncoderControl& control,
                                                     const Digest& digest, int32_t dimensions) {
  return std::make_unique<FakeEncoder>(control, digest, dimensions);
}

EncoderOpener OpenFakeEncoders(FakeEncoderControl& control, int32_t dimensions) {
  return [&control, dimensions](FileSystem& fs, const std::string& dir)
             -> StatusOr<std::unique_ptr<const text::Encoder>> {
    LARDER_ASSIGN_OR_RETURN(const Digest digest, DirectoryDigest(fs, dir));
    return MakeFakeEncoder(control, digest, dimensions);
  };
}

}  // namespace larder::serving
