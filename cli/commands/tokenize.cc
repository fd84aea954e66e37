// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <ostream>
#include <utility>

#include "base/bytes.h"
#include "base/file_system.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text_input.h"
#include "larder/v1/text_service.grpc.pb.h"
#include "text/encoder.h"
#include "text/token_list.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder tokenize titles \"space opera\"\n"
    "  larder tokenize titles --role query \"space opera\" --json\n"
    "  larder tokenize --encoder-dir definitions/encoders/titles \"space opera\"";

// Tokenize takes a MiB.
constexpr TextBatch kBatch{.texts = 1'000, .bytes = size_t{512} << 10};

struct Options {
  TextOptions text;
};

struct Token {
  int64_t id = 0;
  std::string piece;
  uint32_t begin = 0;
  uint32_t end = 0;
  bool special = false;
};

struct Tokens {
  std::vector<Token> tokens;
  size_t total = 0;
  bool truncated = false;
};
using TokenizeBatch =
    std::function<StatusOr<std::vector<Tokens>>(const std::vector<std::string>& texts)>;

TokenizeBatch Offline(std::shared_ptr<const text::Encoder> encoder, text::TextRole role) {
  return [encoder, role](const std::vector<std::string>& texts)
             -> StatusOr<std::vector<Tokens>> {
    std::vector<Tokens> all;
    for (const std::string& text : texts) {
      LARDER_ASSIGN_OR_RETURN(const text::TokenList list, text::ListTokens(*encoder, text, role));
      Tokens& out = all.emplace_back();
      out.total = list.total;
      out.truncated = list.truncated;
      for (const text::ListedToken& token : list.tokens) {
        out.tokens.push_back(
            {token.id, std::string(token.piece), token.begin, token.end, token.special});
      }
    }
    return all;
  };
}

TokenizeBatch Online(Client client, std::string encoder, text::TextRole role) {
  return [client, encoder, role](const std::vector<std::string>& texts)
             -> StatusOr<std::vector<Tokens>> {
    v1::TokenizeRequest request;
    request.set_encoder(encoder);
    request.mutable_texts()->Add(texts.begin(), texts.end());
    request.set_role(role == text::TextRole::kQuery ? v1::TEXT_ROLE_QUERY
                                                    : v1::TEXT_ROLE_DOCUMENT);
    const auto stub = v1::TextService::NewStub(client.channel());
    LARDER_ASSIGN_OR_RETURN(const v1::TokenizeResponse reply,
                            client.Call(*stub, &v1::TextService::Stub::Tokenize, request));
    if (reply.texts_size() != request.texts_size()) {
      return Internal("reply has not the tokens of each text");
    }
    std::vector<Tokens> all;
    for (const v1::TokenizedText& text : reply.texts()) {
      const int count = text.ids_size();
      if (text.pieces_size() != count || text.begin_size() != count || text.end_size() != count ||
          text.special_size() != count) {
        return Internal("reply has lists of tokens of several lengths");
      }
      Tokens& out = all.emplace_back();
      out.total = text.total();
      out.truncated = text.truncated();
      for (int i = 0; i < count; ++i) {
        out.tokens.push_back(
            {text.ids(i), text.pieces(i), text.begin(i), text.end(i), text.special(i)});
      }
    }
    return all;
  };
}

void PrintJson(std::ostream& out, const std::string& text, const Tokens& tokens) {
  Json list = Json::array();
  for (const Token& token : tokens.tokens) {
    list.push_back({{"id", token.id},
                    {"piece", token.piece},
                    {"begin", token.begin},
                    {"end", token.end},
                    {"special", token.special}});
  }
  out << DumpJson({{"text", text},
                   {"tokens", std::move(list)},
                   {"total", tokens.total},
                   {"truncated", tokens.truncated}})
      << "\n";
}

void PrintTable(std::ostream& out, const std::string& text, const Tokens& tokens) {
  Table table;
  table.AddColumn("ID", Table::Align::kRight);
  table.AddColumn("PIECE");
  table.AddColumn("BYTES", Table::Align::kRight);
  table.AddColumn("TEXT");
  for (const Token& token : tokens.tokens) {
    const size_t begin = std::min<size_t>(token.begin, text.size());
    table.AddRow({std::to_string(token.id), token.piece,
                  Concat(token.begin, "-", token.end),
                  token.special ? "(special)" : text.substr(begin, token.end - begin)});
  }
  table.Print(out);
  out << tokens.tokens.size() << " tokens";
  if (tokens.truncated) out << " of " << tokens.total << ": the rest is not read";
  out << "\n";
}

StatusOr<int> Run(Cli& cli, const Options& options) {
  LARDER_ASSIGN_OR_RETURN(const TextInput input, ReadTextInput(options.text));
  const text::TextRole role = RoleOf(options.text);
  TokenizeBatch tokenize;
  if (options.text.encoder_dir.empty()) {
    LARDER_ASSIGN_OR_RETURN(Client client, Client::Connect(cli));
    tokenize = Online(std::move(client), input.encoder, role);
  } else {
    LARDER_ASSIGN_OR_RETURN(auto encoder,
                            text::OpenEncoder(FileSystem::Posix(), options.text.encoder_dir));
    tokenize = Offline(std::move(encoder), role);
  }
  const auto print = [&](const std::vector<std::string>& texts, size_t first) -> Status {
    for (size_t i = 0; i < texts.size(); ++i) {
      if (!IsUtf8(texts[i])) return InvalidArgument("text ", first + i, " is not UTF-8");
    }
    LARDER_ASSIGN_OR_RETURN(const std::vector<Tokens> all, tokenize(texts));
    for (size_t i = 0; i < texts.size(); ++i) {
      if (cli.json) {
        PrintJson(cli.io.out, texts[i], all[i]);
      } else {
        PrintTable(cli.io.out, texts[i], all[i]);
      }
    }
    return OkStatus();
  };
  LARDER_RETURN_IF_ERROR(ForTexts(input, kBatch, print));
  return kExitOk;
}

}  // namespace

void AddTokenize(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<Options>();
  CLI::App* command = AddCommand(app, cli, "tokenize", "Show what an encoder reads of texts",
                                 kExamples, Needs::kServer);
  AddTextOptions(command, options->text);
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
