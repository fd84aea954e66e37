// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CLI_TEXT_INPUT_H_
#define LARDER_CLI_TEXT_INPUT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "cli/cli.h"
#include "text/encoder.h"

namespace larder::cli {

// What commands on texts have in common: an encoder of a server or of an artifact directory, and
// the texts.
struct TextOptions {
  std::vector<std::string> arguments;  // ENCODER (not with --encoder-dir), then texts or "-"
  std::string encoder_dir;
  std::string role = "document";
};

void AddTextOptions(CLI::App* command, TextOptions& options);
text::TextRole RoleOf(const TextOptions& options);

// The arguments taken apart.
struct TextInput {
  std::string encoder;             // its name; empty: --encoder-dir
  std::vector<std::string> texts;  // empty: lines of standard input
};
// Errors: a usage error if something is missing.
StatusOr<TextInput> ReadTextInput(const TextOptions& options);

// What goes into one call at most; a single text may have more bytes.
struct TextBatch {
  size_t texts = 0;
  size_t bytes = 0;
};

// Calls `work(texts, first)` for the texts, batch after batch; `first` counts those before.
// Errors: what `work` returns; kInvalidArgument for a line that is too long.
Status ForTexts(const TextInput& input, TextBatch most,
                const std::function<Status(const std::vector<std::string>& texts, size_t first)>&
                    work);

}  // namespace larder::cli

#endif  // LARDER_CLI_TEXT_INPUT_H_
