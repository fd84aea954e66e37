// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <utility>

#include "base/bytes.h"
#include "base/file_system.h"
#include "cli/client.h"
#include "cli/column_view.h"
#include "cli/commands/commands.h"
#include "cli/input/byte_source.h"
#include "cli/input/line_reader.h"
#include "cli/input/record_reader.h"
#include "cli/json.h"
#include "larder/v1/text_service.grpc.pb.h"
#include "text/encoder.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder embed titles \"space opera\" \"cook book\"\n"
    "  larder embed titles - < lines.txt --json\n"
    "  larder embed --encoder-dir definitions/encoders/titles \"space opera\"";
constexpr size_t kBatchTexts = 1'000;
constexpr size_t kBatchBytes = size_t{8} << 20;

struct Options {
  std::vector<std::string> arguments;  // ENCODER (not with --encoder-dir), then texts or "-"
  std::string encoder_dir;
};

// Vectors of int8 codes, one per text; from the server or from an artifact directory.
using Codes = std::vector<std::vector<int>>;
using EmbedBatch = std::function<StatusOr<Codes>(const std::vector<std::string>& texts)>;

EmbedBatch Offline(std::shared_ptr<const text::Encoder> encoder) {
  return [encoder](const std::vector<std::string>& texts) -> StatusOr<Codes> {
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const auto size = static_cast<size_t>(encoder->dimensions());
    std::vector<int8_t> out(texts.size() * size);
    LARDER_RETURN_IF_ERROR(encoder->Encode(views, out));
    Codes codes;
    for (size_t i = 0; i < texts.size(); ++i) {
      codes.emplace_back(out.begin() + static_cast<ptrdiff_t>(i * size),
                         out.begin() + static_cast<ptrdiff_t>((i + 1) * size));
    }
    return codes;
  };
}

EmbedBatch Online(Client client, std::string encoder) {
  return [client, encoder](const std::vector<std::string>& texts) -> StatusOr<Codes> {
    v1::EmbedRequest request;
    request.set_encoder(encoder);
    request.mutable_texts()->Add(texts.begin(), texts.end());
    request.set_want_codes(true);
    const auto stub = v1::TextService::NewStub(client.channel());
    LARDER_ASSIGN_OR_RETURN(const v1::EmbedResponse reply,
                            client.Call(*stub, &v1::TextService::Stub::Embed, request));
    LARDER_ASSIGN_OR_RETURN(const ColumnView column, ColumnView::Open(reply.codes()));
    if (column.rows() != texts.size()) return Internal("reply has not one vector per text");
    Codes codes;
    for (size_t i = 0; i < texts.size(); ++i) {
      codes.push_back(column.ToJson(i).get<std::vector<int>>());
    }
    return codes;
  };
}

// Prints one line per text: JSON, or the text and the start of its vector.
Status EmbedAndPrint(Cli& cli, const EmbedBatch& embed, const std::vector<std::string>& texts) {
  if (texts.empty()) return OkStatus();
  LARDER_ASSIGN_OR_RETURN(const Codes codes, embed(texts));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (cli.json) {
      cli.io.out << DumpJson({{"text", texts[i]}, {"codes", codes[i]}}) << "\n";
      continue;
    }
    for (size_t d = 0; d < codes[i].size(); ++d) cli.io.out << (d == 0 ? "" : " ") << codes[i][d];
    cli.io.out << "\n";
  }
  return OkStatus();
}

Status EmbedLines(Cli& cli, const EmbedBatch& embed) {
  LARDER_ASSIGN_OR_RETURN(const auto input, OpenInput("-"));
  LineReader lines(*input, kMaxRecordBytes);
  Line line;
  std::vector<std::string> batch;
  size_t bytes = 0;
  for (;;) {
    LARDER_ASSIGN_OR_RETURN(const bool more, lines.Next(line));
    if (!more) break;
    if (line.too_long) {
      return InvalidArgument("line ", line.number, " is longer than ", kMaxRecordBytes, " bytes");
    }
    if (!IsUtf8(line.text)) return InvalidArgument("line ", line.number, " is not UTF-8");
    bytes += line.text.size();
    batch.push_back(line.text);
    if (batch.size() < kBatchTexts && bytes < kBatchBytes) continue;
    LARDER_RETURN_IF_ERROR(EmbedAndPrint(cli, embed, batch));
    batch.clear();
    bytes = 0;
  }
  return EmbedAndPrint(cli, embed, batch);
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  std::vector<std::string> texts = options.arguments;
  std::string name;
  if (options.encoder_dir.empty()) {
    if (texts.empty()) return UsageError("expected an ENCODER, or --encoder-dir DIR");
    name = texts.front();
    texts.erase(texts.begin());
  }
  if (texts.empty()) return UsageError("expected a TEXT, or - for lines of standard input");
  EmbedBatch embed;
  if (options.encoder_dir.empty()) {
    LARDER_ASSIGN_OR_RETURN(Client client, Client::Connect(cli));
    embed = Online(std::move(client), name);
  } else {
    LARDER_ASSIGN_OR_RETURN(auto encoder,
                            text::OpenEncoder(FileSystem::Posix(), options.encoder_dir));
    embed = Offline(std::move(encoder));
  }
  if (texts.size() == 1 && texts.front() == "-") {
    LARDER_RETURN_IF_ERROR(EmbedLines(cli, embed));
  } else {
    LARDER_RETURN_IF_ERROR(EmbedAndPrint(cli, embed, texts));
  }
  return kExitOk;
}

}  // namespace

void AddEmbed(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(app, cli, "embed", "Turn texts into vectors: int8 codes, a line each", kExamples,
                 Needs::kServer);
  command->add_option("ENCODER_AND_TEXTS", options->arguments,
                      "The encoder's name, then texts, or - for lines of standard input; with "
                      "--encoder-dir only the texts");
  command
      ->add_option("--encoder-dir", options->encoder_dir,
                   "Use this artifact directory and no server")
      ->type_name("DIR");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
