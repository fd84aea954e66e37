// SPDX-License-Identifier: Apache-2.0
#include "cli/text_input.h"

#include "cli/input/byte_source.h"
#include "cli/input/line_reader.h"
#include "cli/input/record_reader.h"

namespace larder::cli {
namespace {

constexpr size_t kBatchTexts = 1'000;
constexpr size_t kBatchBytes = size_t{512} << 10;  // Tokenize takes a MiB

}  // namespace

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

Status ForTexts(const TextInput& input,
                const std::function<Status(const std::vector<std::string>& texts, size_t first)>&
                    work) {
  if (!input.texts.empty()) return work(input.texts, 0);
  LARDER_ASSIGN_OR_RETURN(const auto source, OpenInput("-"));
  LineReader lines(*source, kMaxRecordBytes);
  Line line;
  std::vector<std::string> batch;
  size_t first = 0;
  size_t bytes = 0;
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more) break;
    if (line.too_long) {
      return InvalidArgument("line ", line.number, " is longer than ", kMaxRecordBytes, " bytes");
    }
    if (!batch.empty() && bytes + line.text.size() > kBatchBytes) {
      LARDER_RETURN_IF_ERROR(work(batch, first));
      first += batch.size();
      batch.clear();
      bytes = 0;
    }
    bytes += line.text.size();
    batch.push_back(line.text);
    if (batch.size() < kBatchTexts) continue;
    LARDER_RETURN_IF_ERROR(work(batch, first));
    first += batch.size();
    batch.clear();
    bytes = 0;
  }
  return batch.empty() ? OkStatus() : work(batch, first);
}

}  // namespace larder::cli
