// SPDX-License-Identifier: Apache-2.0
#include "cli/text_input.h"

#include "cli/input/byte_source.h"
#include "cli/input/line_reader.h"
#include "cli/input/record_reader.h"

namespace larder::cli {

void AddTextOptions(CLI::App* command, TextOptions& options) {
  command->add_option("ENCODER_AND_TEXTS", options.arguments,
                      "The encoder's name, then texts, or - for lines of standard input; with "
                      "--encoder-dir only the texts");
  command
      ->add_option("--encoder-dir", options.encoder_dir,
                   "Use this artifact directory and no server")
      ->type_name("DIR");
  command
      ->add_option("--role", options.role,
                   "document or query: which prompt of the encoder goes before a text [document]")
      ->check(CLI::IsMember({"document", "query"}));
}

text::TextRole RoleOf(const TextOptions& options) {
  return options.role == "query" ? text::TextRole::kQuery : text::TextRole::kDocument;
}

StatusOr<TextInput> ReadTextInput(const TextOptions& options) {
  TextInput input{.encoder = {}, .texts = options.arguments};
  if (options.encoder_dir.empty()) {
    if (input.texts.empty()) return UsageError("expected an ENCODER, or --encoder-dir DIR");
    input.encoder = input.texts.front();
    input.texts.erase(input.texts.begin());
  }
  if (input.texts.empty()) return UsageError("expected a TEXT, or - for lines of standard input");
  if (input.texts.size() == 1 && input.texts.front() == "-") input.texts.clear();
  return input;
}

namespace {

// Collects texts and hands them on in batches.
class Batches {
 public:
  using Work = std::function<Status(const std::vector<std::string>& texts, size_t first)>;

  Batches(TextBatch most, const Work& work) : most_(most), work_(work) {}
  Status Add(const std::string& text) {
    if (bytes_ + text.size() > most_.bytes) LARDER_RETURN_IF_ERROR(End());
    bytes_ += text.size();
    texts_.push_back(text);
    return texts_.size() < most_.texts ? OkStatus() : End();
  }
  Status End() {
    if (texts_.empty()) return OkStatus();
    LARDER_RETURN_IF_ERROR(work_(texts_, first_));
    first_ += texts_.size();
    texts_.clear();
    bytes_ = 0;
    return OkStatus();
  }

 private:
  const TextBatch most_;
  const Work& work_;
  std::vector<std::string> texts_;
  size_t bytes_ = 0;
  size_t first_ = 0;
};

}  // namespace

Status ForTexts(const TextInput& input, TextBatch most,
                const std::function<Status(const std::vector<std::string>& texts, size_t first)>&
                    work) {
  Batches batches(most, work);
  for (const std::string& text : input.texts) LARDER_RETURN_IF_ERROR(batches.Add(text));
  if (!input.texts.empty()) return batches.End();
  LARDER_ASSIGN_OR_RETURN(const auto source, OpenInput("-"));
  LineReader lines(*source, kMaxRecordBytes);
  Line line;
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more) return batches.End();
    if (line.too_long) {
      return InvalidArgument("line ", line.number, " is longer than ", kMaxRecordBytes, " bytes");
    }
    LARDER_RETURN_IF_ERROR(batches.Add(line.text));
  }
}

}  // namespace larder::cli
