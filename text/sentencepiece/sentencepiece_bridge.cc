// SPDX-License-Identifier: Apache-2.0
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <exception>
#include <unordered_map>

#include "text/sentencepiece/sentencepiece_bridge.h"

namespace larder::text::internal {
namespace {

class LibraryModel final : public SentencePieceModel {
 public:
  bool Load(std::string_view bytes, std::string& error) {
    const auto status = processor_.LoadFromSerializedProto(bytes);
    if (!status.ok()) error = status.error_message();
    return status.ok();
  }
  bool Encode(std::string_view text, std::vector<int>& ids, std::string& error) const override {
    try {
      const auto status = processor_.Encode(text, &ids);
      if (!status.ok()) error = status.error_message();
      return status.ok();
    } catch (const std::exception& e) {
      error = e.what();
      return false;
    }
  }
  int32_t size() const override { return processor_.GetPieceSize(); }
  int32_t unknown_id() const override { return processor_.unk_id(); }
  std::string_view piece(int32_t id) const override { return processor_.IdToPiece(id); }
  bool is_control(int32_t id) const override { return processor_.IsControl(id); }

 private:
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

std::unique_ptr<const SentencePieceModel> SentencePieceModel::Load(std::string_view bytes,
                                                                   std::string& error) {
  try {
    auto model = std::make_unique<LibraryModel>();
    if (!model->Load(bytes, error)) return nullptr;
    return model;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    // The double-array builder throws its own type.
    error = "the piece table cannot be built";
  }
  return nullptr;
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
