// SPDX-License-Identifier: Apache-2.0
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <exception>
#include <unordered_map>

#include "text/sentencepiece/sentencepiece_bridge.h"

namespace larder::text::internal {
namespace {

class Library final : public SentencePieceLibrary {
 public:
  bool Load(std::string_view bytes, std::string& error) {
    return Caught(error, [&] { return processor_.LoadFromSerializedProto(bytes); });
  }
  bool Encode(std::string_view text, std::vector<int>& ids, std::string& error) const override {
    return Caught(error, [&] { return processor_.Encode(text, &ids); });
  }
  bool EncodeWithOffsets(std::string_view text, std::vector<LibraryToken>& tokens,
                         std::string& error) const override {
    sentencepiece::ImmutableSentencePieceText pieces;
    if (!Caught(error, [&] { return processor_.Encode(text, pieces.mutable_proto()); })) {
      return false;
    }
    tokens.clear();
    for (int i = 0; i < static_cast<int>(pieces.pieces_size()); ++i) {
      const auto piece = pieces.pieces(i);
      tokens.push_back({static_cast<int>(piece.id()), piece.begin(), piece.end()});
    }
    return true;
  }

 private:
  // True if `call` returns a good status.
  template <typename Call>
  static bool Caught(std::string& error, const Call& call) {
    try {
      const auto status = call();
      if (!status.ok()) error = status.error_message();
      return status.ok();
    } catch (const std::exception& e) {
      error = e.what();
    } catch (...) {
      // The double-array builder throws its own type.
      error = "the piece table cannot be built";
    }
    return false;
  }

  sentencepiece::SentencePieceProcessor processor_;
};

// The trainer's input interface over our views; it wants std::string references.
class Sentences final : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(const std::vector<std::string_view>& all) : all_(all) { Fill(); }
  bool done() const override { return next_ >= all_.size(); }
  void Next() override {
    ++next_;
    Fill();
  }
  const std::string& value() const override { return current_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  void Fill() {
    if (!done()) current_.assign(all_[next_]);
  }
  const std::vector<std::string_view>& all_;
  size_t next_ = 0;
  std::string current_;
};

}  // namespace

std::unique_ptr<const SentencePieceLibrary> SentencePieceLibrary::Load(std::string_view bytes,
                                                                       std::string& error) {
  auto library = std::make_unique<Library>();
  if (!library->Load(bytes, error)) return nullptr;
  return library;
}

std::string TrainSentencePieceModel(const std::vector<std::string_view>& sentences,
                                    const std::vector<std::pair<std::string, std::string>>& flags,
                                    std::string& error) {
  std::string model;
  try {
    Sentences iterator(sentences);
    const std::unordered_map<std::string, std::string> options(flags.begin(), flags.end());
    const auto status = sentencepiece::SentencePieceTrainer::Train(options, &iterator, &model);
    if (!status.ok()) {
      error = status.error_message();
      model.clear();
    }
  } catch (const std::exception& e) {
    error = e.what();
    model.clear();
  } catch (...) {
    error = "the trainer failed";
    model.clear();
  }
  return model;
}

}  // namespace larder::text::internal
