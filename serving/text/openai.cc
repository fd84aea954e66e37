// SPDX-License-Identifier: Apache-2.0
#include "serving/text/openai.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "serving/admitted.h"
#include "serving/caught.h"
#include "serving/encoders.h"
#include "serving/text/base64.h"
#include "serving/text/named_encoder.h"
#include "serving/text/openai_request.h"
#include "serving/text/vector_output.h"

namespace larder::serving {
namespace {

constexpr std::string_view kModelsPath = "/v1/models";
constexpr std::string_view kEmbeddingsPath = "/v1/embeddings";

// What went wrong, and about which field of the request; empty: none.
struct Failure {
  Status status;
  std::string param = {};
};

// `text` as a JSON string; what is not UTF-8 is replaced.
std::string Quoted(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// How OpenAI calls it.
struct Kind {
  int http = 500;
  std::string_view type = "server_error";
  std::string_view code = {};  // empty: null
  bool retry = false;
};

Kind KindOf(StatusCode code) {
  constexpr std::string_view kInvalid = "invalid_request_error";
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kFailedPrecondition: return {.http = 400, .type = kInvalid};
    case StatusCode::kOutOfRange:
      return {.http = 400, .type = kInvalid, .code = "context_length_exceeded"};
    case StatusCode::kNotFound:
      return {.http = 404, .type = kInvalid, .code = "model_not_found"};
    case StatusCode::kResourceExhausted:
      return {.http = 429, .type = "rate_limit_error", .code = "rate_limit_exceeded",
              .retry = true};
    case StatusCode::kDeadlineExceeded: return {.http = 504, .code = "timeout"};
    case StatusCode::kCancelled:
    case StatusCode::kUnavailable: return {.http = 503, .retry = true};
    default: return {};
  }
}

HttpReply ErrorReply(const Kind& kind, std::string_view message, std::string_view param) {
  const auto or_null = [](std::string_view text) {
    return text.empty() ? std::string("null") : Quoted(text);
  };
  return {.status = kind.http,
          .body = Concat("{\"error\":{\"message\":", Quoted(message),
                         ",\"type\":", Quoted(kind.type), ",\"param\":", or_null(param),
                         ",\"code\":", or_null(kind.code), "}}"),
          .retry = kind.retry};
}

HttpReply ErrorReply(const Failure& failure) {
  return ErrorReply(KindOf(failure.status.code()), Message(failure.status), failure.param);
}

HttpReply InvalidRequest(int status, std::string_view message, std::string_view code = {}) {
  return ErrorReply({.http = status, .type = "invalid_request_error", .code = code}, message, {});
}

HttpReply BodyError(HttpBody body) {
  switch (body) {
    case HttpBody::kTooLarge:
      return InvalidRequest(413, Concat("the body is larger than ", kMaxHttpBodyBytes, " bytes"),
                            "request_too_large");
    case HttpBody::kLate: return InvalidRequest(408, "the body did not come in time");
    case HttpBody::kUnknownEncoding:
      return InvalidRequest(415, "the body's Content-Encoding is not known");
    default:
      return InvalidRequest(400, "the body is not what its Content-Encoding or Transfer-Encoding "
                                 "says");
  }
}

void AppendFloats(std::span<const float> values, std::string& out) {
  out.push_back('[');
  std::array<char, 32> digits;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out.push_back(',');
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), values[i]).ptr;
    out.append(digits.data(), end);
  }
  out.push_back(']');
}

std::string EmbeddingsBody(const std::vector<float>& vectors, size_t dimensions, bool base64,
                           std::string_view model, uint64_t tokens) {
  std::string out = "{\"object\":\"list\",\"data\":[";
  out.reserve(vectors.size() * (base64 ? 6 : 13));
  for (size_t begin = 0; begin < vectors.size(); begin += dimensions) {
    const auto vector = std::span<const float>(vectors).subspan(begin, dimensions);
    out += Concat(begin > 0 ? "," : "", "{\"object\":\"embedding\",\"index\":",
                  begin / dimensions, ",\"embedding\":");
    if (base64) {
      out.push_back('"');
      AppendBase64(AsBytes(vector), out);
      out.push_back('"');
    } else {
      AppendFloats(vector, out);
    }
    out.push_back('}');
  }
  out += Concat("],\"model\":", Quoted(model), ",\"usage\":{\"prompt_tokens\":", tokens,
                ",\"total_tokens\":", tokens, "}}");
  return out;
}

// The first input that could not be encoded, or OK.
Failure InputFailure(const std::vector<TextOutcome>& outcomes) {
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].status.ok()) continue;
    return {Annotate(outcomes[i].status, Concat("input ", i)), "input"};
  }
  return {};
}

// The vectors as a body.
Failure Create(const std::string& body, const Context& context, std::string& out) {
  std::string param;
  StatusOr<OpenAiRequest> parsed = ParseOpenAiRequest(body, param);
  if (!parsed.ok()) return {parsed.status(), param};
  OpenAiRequest& request = *parsed;
  const StatusOr<NamedEncoder> found = FindEncoder(request.model, context);
  if (!found.ok()) return {found.status(), "model"};
  const text::EncoderInfo& info = found->encoder->info();
  const StatusOr<size_t> dimensions = OutputDimensions(info, request.dimensions);
  if (!dimensions.ok()) return {dimensions.status(), "dimensions"};

  const EmbedCall call{.role = request.role,
                       .refuse_truncation = true,
                       .refuse_invalid_utf8 = true,
                       .all_or_nothing = true,
                       .deadline = context.deadline,
                       .cancelled = context.cancelled};
  Encoders& encoders = context.backend.encoders;
  const std::vector<std::string_view> texts(request.texts.begin(), request.texts.end());
  StatusOr<PendingTexts> pending =
      request.tokens.empty()
          ? encoders.Start(found->digest, texts, call)
          : encoders.StartTokens(found->digest, std::move(request.tokens), call);
  if (!pending.ok()) return {pending.status()};
  const StatusOr<EmbeddedTexts> embedded = pending->Wait();
  if (!embedded.ok()) return {embedded.status()};
  if (Failure failure = InputFailure(embedded->outcomes); !failure.status.ok()) return failure;
  uint64_t tokens = 0;
  for (const TextOutcome& outcome : embedded->outcomes) tokens += outcome.tokens;
  out = EmbeddingsBody(UnitVectors(info, embedded->codes, *dimensions), *dimensions,
                       request.base64, request.model, tokens);
  return {};
}

std::string ModelBody(std::string_view name, TimeUs since) {
  return Concat("{\"id\":", Quoted(name), ",\"object\":\"model\",\"created\":",
                since / kSecondUs, ",\"owned_by\":\"larder\"}");
}

// The list, or one of it.
HttpReply Models(std::string_view path, const Context& context) {
  const StatusOr<EncoderNames> list = ListEncoders(context);
  if (!list.ok()) return ErrorReply({list.status()});
  if (path == kModelsPath) {
    std::string body = "{\"object\":\"list\",\"data\":[";
    for (const std::string& name : list->names) {
      body += Concat(body.back() == '[' ? "" : ",", ModelBody(name, list->since));
    }
    return {.body = body + "]}"};
  }
  const std::string_view name = path.substr(kModelsPath.size() + 1);
  if (std::find(list->names.begin(), list->names.end(), name) == list->names.end()) {
    return ErrorReply({NotFound("the model '", name.substr(0, 200), "' does not exist"), "model"});
  }
  return {.body = ModelBody(name, list->since)};
}

bool IsJson(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type.empty() || type == "application/json";
}

}  // namespace

HttpReply OpenAi::CreateEmbeddings(const HttpRequest& request, const Context& context) {
  const auto start = std::chrono::steady_clock::now();
  std::string body;
  Failure failure;
  {
    const Admitted admitted(running_, most_);
    failure.status = Caught([&]() -> Status {
      if (!admitted.ok()) {
        return ResourceExhausted(most_, " requests run already, which is the most at once for ",
                                 "http_threads: try again later");
      }
      Failure result = Create(request.body, context, body);
      failure.param = std::move(result.param);
      return result.status;
    });
  }
  metrics_.RecordCall(
      "HttpEmbeddings", failure.status.code(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  if (!failure.status.ok()) return ErrorReply(failure);
  return {.body = std::move(body)};
}

HttpReply OpenAi::Answer(const HttpRequest& request) {
  const Context context{backend_, std::chrono::steady_clock::now() + deadline_,
                        request.cancelled};
  const std::string_view path = request.path;
  if (request.method == "POST" && path == kEmbeddingsPath) {
    if (request.body_state != HttpBody::kWhole) return BodyError(request.body_state);
    if (!IsJson(request.content_type)) {
      return InvalidRequest(415, Concat("expected Content-Type: application/json, got ",
                                        request.content_type.substr(0, 100)));
    }
    return CreateEmbeddings(request, context);
  }
  const bool models = path == kModelsPath || path.starts_with(Concat(kModelsPath, "/"));
  if (request.method == "GET" && models) {
    HttpReply reply;
    const Status status = Caught([&] {
      reply = Models(path, context);
      return OkStatus();
    });
    return status.ok() ? reply : ErrorReply({status});
  }
  return InvalidRequest(404, Concat("unknown request URL: ", request.method, " ",
                                    path.substr(0, 200)),
                        "unknown_url");
}

}  // namespace larder::serving
