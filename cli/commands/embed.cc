// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <functional>
#include <ostream>
#include <utility>

#include "base/bytes.h"
#include "base/file_system.h"
#include "cli/client.h"
#include "cli/column_view.h"
#include "cli/commands/commands.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/shortest_double.h"
#include "cli/text_input.h"
#include "larder/v1/text_service.grpc.pb.h"
#include "serving/text/base64.h"
#include "serving/text/embed_call.h"
#include "serving/text/vector_output.h"
#include "text/encoder.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder embed titles \"space opera\" \"cook book\"\n"
    "  larder embed titles --role query --format float \"space opera\"\n"
    "  larder embed titles - < lines.txt --json\n"
    "  larder embed --encoder-dir definitions/encoders/titles \"space opera\"";

// Some 4,000 tokens: a large transformer needs seconds for them, and a call has 30 by default.
constexpr TextBatch kBatch{.texts = 64, .bytes = size_t{16} << 10};

struct Options {
  TextOptions text;
  std::string truncate = "end";
  std::string format = "int8";
  uint32_t dimensions = 0;  // 0: the encoder's own
};

// The vectors of texts, in one of two forms.
struct Vectors {
  size_t dimensions = 0;
  std::vector<int8_t> codes;  // with --format int8
  std::vector<float> floats;  // else
  std::vector<serving::TextOutcome> outcomes;
};
using EmbedBatch = std::function<StatusOr<Vectors>(const std::vector<std::string>& texts)>;

EmbedBatch Offline(std::shared_ptr<const text::Encoder> encoder, const Options& options) {
  return [encoder, options](const std::vector<std::string>& texts) -> StatusOr<Vectors> {
    const text::EncoderInfo& info = encoder->info();
    std::optional<uint32_t> asked;
    if (options.dimensions > 0) asked = options.dimensions;
    Vectors vectors;
    LARDER_ASSIGN_OR_RETURN(vectors.dimensions, serving::OutputDimensions(info, asked));
    const serving::EmbedCall call{.role = RoleOf(options.text),
                                  .refuse_truncation = options.truncate == "error",
                                  .refuse_invalid_utf8 = true};
    std::vector<int8_t> codes(texts.size() * info.code_size());
    for (size_t i = 0; i < texts.size(); ++i) {
      text::TokenizedText tokens;
      vectors.outcomes.push_back(serving::TokenizeText(*encoder, texts[i], call, tokens));
      if (!vectors.outcomes.back().status.ok()) continue;
      LARDER_RETURN_IF_ERROR(encoder->EncodeTokens(
          std::span(&tokens, 1),
          std::span(codes).subspan(i * info.code_size(), info.code_size())));
    }
    if (options.format == "int8") {
      vectors.codes = serving::Int8Vectors(info, codes, vectors.dimensions);
    } else {
      vectors.floats = serving::UnitVectors(info, codes, vectors.dimensions);
    }
    return vectors;
  };
}

// The numbers of a column of vectors.
template <typename T>
StatusOr<std::vector<T>> ReadVectors(const v1::Column& column, v1::ColumnType type, size_t rows,
                                     size_t dimensions) {
  LARDER_RETURN_IF_ERROR(ColumnView::Open(column).status());
  std::vector<T> values(rows * dimensions);
  if (column.type() != v1::COLUMN_TYPE_FIXED_SIZE_LIST || column.child().type() != type ||
      column.child().values().size() != values.size() * sizeof(T)) {
    return Internal("reply has not one vector per text");
  }
  if (!values.empty()) std::memcpy(values.data(), column.child().values().data(),
                                   column.child().values().size());
  return values;
}

EmbedBatch Online(Client client, std::string encoder, const Options& options) {
  return [client, encoder, options](const std::vector<std::string>& texts) -> StatusOr<Vectors> {
    v1::EmbedRequest request;
    request.set_encoder(encoder);
    request.mutable_raw_texts()->Add(texts.begin(), texts.end());
    request.set_want_codes(options.format == "int8");
    request.set_role(RoleOf(options.text) == text::TextRole::kQuery ? v1::TEXT_ROLE_QUERY
                                                                    : v1::TEXT_ROLE_DOCUMENT);
    request.set_truncate(options.truncate == "error" ? v1::TRUNCATE_ERROR : v1::TRUNCATE_END);
    if (options.dimensions > 0) request.set_dimensions(options.dimensions);
    const auto stub = v1::TextService::NewStub(client.channel());
    LARDER_ASSIGN_OR_RETURN(const v1::EmbedResponse reply,
                            client.Call(*stub, &v1::TextService::Stub::Embed, request));
    Vectors vectors{.dimensions = reply.dimensions(), .codes = {}, .floats = {}, .outcomes = {}};
    const auto count = static_cast<int>(texts.size());
    if (reply.tokens_size() != count || reply.truncated_size() != count) {
      return Internal("reply has not one vector per text");
    }
    for (int i = 0; i < count; ++i) {
      vectors.outcomes.push_back({{}, reply.tokens(i), reply.truncated(i)});
    }
    for (const v1::TextError& error : reply.not_ok()) {
      if (error.index() >= texts.size()) return Internal("reply names a text that was not sent");
      vectors.outcomes[error.index()].status =
          MakeStatus(static_cast<StatusCode>(error.code()), error.message());
    }
    if (options.format == "int8") {
      LARDER_ASSIGN_OR_RETURN(vectors.codes,
                              ReadVectors<int8_t>(reply.codes(), v1::COLUMN_TYPE_INT8, texts.size(),
                                                  vectors.dimensions));
    } else {
      LARDER_ASSIGN_OR_RETURN(vectors.floats,
                              ReadVectors<float>(reply.vectors(), v1::COLUMN_TYPE_FLOAT32,
                                                 texts.size(), vectors.dimensions));
    }
    return vectors;
  };
}

Json ToJson(std::span<const float> vector) {
  Json json = Json::array();
  for (const float value : vector) json.push_back(ShortestDouble(value));
  return json;
}

template <typename T>
std::string Line(std::span<const T> vector) {
  std::string line;
  for (const T value : vector) line += Concat(line.empty() ? "" : " ", ShortestDouble(value));
  return line;
}

// One line per text: JSON, or the vector.
void Print(Cli& cli, const Options& options, const std::string& text, const Vectors& vectors,
           size_t row) {
  const size_t size = vectors.dimensions;
  std::span<const int8_t> codes;
  std::span<const float> floats;
  std::string base64;
  if (options.format == "int8") {
    codes = std::span(vectors.codes).subspan(row * size, size);
  } else {
    floats = std::span(vectors.floats).subspan(row * size, size);
    if (options.format == "base64") serving::AppendBase64(AsBytes(floats), base64);
  }
  if (!cli.json) {
    cli.io.out << (options.format == "int8"    ? Line(codes)
                   : options.format == "float" ? Line(floats)
                                               : base64)
               << "\n";
    return;
  }
  Json json = {{"text", text}};
  if (options.format == "int8") json["codes"] = std::vector<int>(codes.begin(), codes.end());
  if (options.format == "float") json["vector"] = ToJson(floats);
  if (options.format == "base64") json["base64"] = base64;
  json["tokens"] = vectors.outcomes[row].tokens;
  json["truncated"] = vectors.outcomes[row].truncated;
  cli.io.out << DumpJson(json) << "\n";
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const TextInput input, ReadTextInput(options.text));
  EmbedBatch embed;
  if (options.text.encoder_dir.empty()) {
    LARDER_ASSIGN_OR_RETURN(Client client, Client::Connect(cli));
    embed = Online(std::move(client), input.encoder, options);
  } else {
    LARDER_ASSIGN_OR_RETURN(auto encoder,
                            text::OpenEncoder(FileSystem::Posix(), options.text.encoder_dir));
    embed = Offline(std::move(encoder), options);
  }
  const auto print = [&](const std::vector<std::string>& texts, size_t first) -> Status {
    LARDER_ASSIGN_OR_RETURN(const Vectors vectors, embed(texts));
    for (size_t i = 0; i < texts.size(); ++i) {
      const serving::TextOutcome& outcome = vectors.outcomes[i];
      LARDER_RETURN_IF_ERROR(Annotate(outcome.status, Concat("text ", first + i)));
      if (outcome.truncated) {
        cli.io.err << "warning: text " << first + i << " is cut off after " << outcome.tokens
                   << " tokens\n";
      }
      Print(cli, options, texts[i], vectors, i);
    }
    return OkStatus();
  };
  LARDER_RETURN_IF_ERROR(ForTexts(input, kBatch, print));
  return kExitOk;
}

}  // namespace

void AddEmbed(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "embed", "Turn texts into vectors, a line each",
                                 kExamples, Needs::kServer);
  AddTextOptions(command, options->text);
  command
      ->add_option("--truncate", options->truncate,
                   "end or error: what becomes of texts with more tokens than the encoder reads "
                   "[end]")
      ->check(CLI::IsMember({"end", "error"}));
  AddNumber(command, "--dimensions", options->dimensions, {1, 4'096},
            "A shorter length for which the encoder was trained", "its own");
  command
      ->add_option("--format", options->format,
                   "int8 codes, float, or base64 of little-endian float32 [int8]")
      ->check(CLI::IsMember({"int8", "float", "base64"}));
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
