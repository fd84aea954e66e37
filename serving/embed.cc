// SPDX-License-Identifier: Apache-2.0
#include "serving/embed.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serving/column_codec.h"
#include "serving/encoders.h"
#include "serving/text/vector_output.h"
#include "text/token_list.h"

namespace larder::serving {
namespace {

// The texts of a request, in one of its two fields.
StatusOr<std::vector<std::string_view>> TextsOf(const v1::EmbedRequest& request) {
  if (!request.texts().empty() && !request.raw_texts().empty()) {
    return InvalidArgument("expected texts or raw_texts, got both");
  }
  const auto& field = request.texts().empty() ? request.raw_texts() : request.texts();
  if (static_cast<size_t>(field.size()) > kMaxEmbedTexts) {
    return InvalidArgument("texts: at most ", kMaxEmbedTexts, ", got ", field.size());
  }
  std::vector<std::string_view> texts(field.begin(), field.end());
  size_t bytes = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    bytes += texts[i].size();
    if (bytes > kMaxEmbedBytes) {
      return InvalidArgument("texts: at most ", kMaxEmbedBytes, " bytes together, passed at text ",
                             i);
    }
  }
  return texts;
}

StatusOr<text::TextRole> RoleOf(v1::TextRole role) {
  switch (role) {
    case v1::TEXT_ROLE_UNSPECIFIED:
    case v1::TEXT_ROLE_DOCUMENT: return text::TextRole::kDocument;
    case v1::TEXT_ROLE_QUERY: return text::TextRole::kQuery;
    default: return InvalidArgument("role: ", static_cast<int>(role), " is none");
  }
}

StatusOr<EmbedCall> CallOf(const v1::EmbedRequest& request, const Context& context) {
  EmbedCall call{.deadline = context.deadline, .cancelled = context.cancelled};
  LARDER_ASSIGN_OR_RETURN(call.role, RoleOf(request.role()));
  if (!v1::Truncate_IsValid(request.truncate())) {
    return InvalidArgument("truncate: ", static_cast<int>(request.truncate()), " is none");
  }
  if (!v1::InvalidUtf8_IsValid(request.invalid_utf8())) {
    return InvalidArgument("invalid_utf8: ", static_cast<int>(request.invalid_utf8()), " is none");
  }
  call.refuse_truncation = request.truncate() == v1::TRUNCATE_ERROR;
  call.refuse_invalid_utf8 = request.invalid_utf8() != v1::INVALID_UTF8_REPLACE;
  return call;
}

// What a reply holds at most of a text beside its vectors: counts, its validity, its error. And of
// all of them together.
constexpr size_t kMaxFactsBytes = 192;
constexpr size_t kMaxHeadBytes = size_t{16} << 10;

// Of one text.
size_t VectorBytes(const EmbedWant& want) {
  const size_t component = (want.codes ? sizeof(int8_t) : 0) + (want.vectors ? sizeof(float) : 0) +
                           (want.halves ? sizeof(uint16_t) : 0);
  return want.dimensions * component;
}

// Before anything is encoded: gRPC itself would refuse to send a larger reply, after all the work.
Status CheckReplySize(const EmbedWant& want, size_t texts) {
  const size_t most = (kMaxSendBytes - kMaxHeadBytes) / (VectorBytes(want) + kMaxFactsBytes);
  if (texts <= most) return OkStatus();
  return InvalidArgument("texts: the reply would have more than ", kMaxSendBytes, " bytes; with ",
                         VectorBytes(want), " bytes of vectors each at most ", most, " fit, got ",
                         texts);
}

// Bit i of byte i / 8 is 1 for a text that has a vector.
std::string ValidityOf(const std::vector<TextOutcome>& outcomes) {
  std::string bits((outcomes.size() + 7) / 8, '\0');
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].status.ok()) continue;
    bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << i % 8);
  }
  return bits;
}

void SetOutcomes(const std::vector<TextOutcome>& outcomes, v1::EmbedResponse& reply) {
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const TextOutcome& outcome = outcomes[i];
    reply.add_tokens(outcome.tokens);
    reply.add_truncated(outcome.truncated);
    if (outcome.status.ok()) continue;
    v1::TextError* error = reply.add_not_ok();
    error->set_index(static_cast<uint32_t>(i));
    error->set_code(static_cast<uint32_t>(outcome.status.code()));
    error->set_message(std::string(Message(outcome.status)));
  }
  if (reply.not_ok().empty()) return;
  const std::string validity = ValidityOf(outcomes);
  if (reply.has_codes()) reply.mutable_codes()->set_validity(validity);
  if (reply.has_vectors()) reply.mutable_vectors()->set_validity(validity);
  if (reply.has_halves()) reply.mutable_halves()->set_validity(validity);
}

}  // namespace

StatusOr<PendingEmbed> PendingEmbed::Start(const v1::EmbedRequest& request,
                                           const Context& context) {
  LARDER_ASSIGN_OR_RETURN(const std::vector<std::string_view> texts, TextsOf(request));
  LARDER_ASSIGN_OR_RETURN(const EmbedCall call, CallOf(request, context));
  LARDER_ASSIGN_OR_RETURN(NamedEncoder encoder, FindEncoder(request.encoder(), context));
  EmbedWant want{.codes = request.want_codes(), .halves = request.want_halves()};
  want.vectors = request.want_vectors() || !(want.codes || want.halves);
  std::optional<uint32_t> dimensions;
  if (request.has_dimensions()) dimensions = request.dimensions();
  LARDER_ASSIGN_OR_RETURN(want.dimensions, OutputDimensions(encoder.encoder->info(), dimensions));
  LARDER_RETURN_IF_ERROR(CheckReplySize(want, texts.size()));
  LARDER_ASSIGN_OR_RETURN(PendingTexts pending,
                          context.backend.encoders.Start(encoder.digest, texts, call));
  return PendingEmbed(std::move(encoder), want, texts.size(), std::move(pending));
}

StatusOr<v1::EmbedResponse> PendingEmbed::Finish() {
  LARDER_ASSIGN_OR_RETURN(const EmbeddedTexts embedded, pending_.Wait());
  const text::EncoderInfo& info = encoder_.encoder->info();
  v1::EmbedResponse reply;
  reply.set_dimensions(static_cast<uint32_t>(want_.dimensions));
  *reply.mutable_encoder() = encoder_.ref;
  if (want_.codes) {
    const std::vector<int8_t> codes = Int8Vectors(info, embedded.codes, want_.dimensions);
    EncodeVectors("codes", std::span(codes), want_.dimensions, reply.mutable_codes());
  }
  std::vector<float> vectors;
  if (want_.vectors || want_.halves) {
    vectors = UnitVectors(info, embedded.codes, want_.dimensions);
  }
  if (want_.vectors) {
    EncodeVectors("vectors", std::span<const float>(vectors), want_.dimensions,
                  reply.mutable_vectors());
  }
  if (want_.halves) {
    const std::vector<uint16_t> halves = ToHalves(vectors);
    EncodeHalves("halves", halves, want_.dimensions, reply.mutable_halves());
  }
  SetOutcomes(embedded.outcomes, reply);
  return reply;
}

StatusOr<v1::EmbedResponse> Embed(const v1::EmbedRequest& request, const Context& context) {
  LARDER_ASSIGN_OR_RETURN(PendingEmbed pending, PendingEmbed::Start(request, context));
  return pending.Finish();
}

StatusOr<v1::TokenizeResponse> Tokenize(const v1::TokenizeRequest& request,
                                        const Context& context) {
  if (static_cast<size_t>(request.texts_size()) > kMaxEmbedTexts) {
    return InvalidArgument("texts: at most ", kMaxEmbedTexts, ", got ", request.texts_size());
  }
  size_t bytes = 0;
  for (const std::string& text : request.texts()) bytes += text.size();
  if (bytes > kMaxTokenizeBytes) {
    return InvalidArgument("texts: at most ", kMaxTokenizeBytes, " bytes together, got ", bytes);
  }
  LARDER_ASSIGN_OR_RETURN(const text::TextRole role, RoleOf(request.role()));
  LARDER_ASSIGN_OR_RETURN(const NamedEncoder encoder, FindEncoder(request.encoder(), context));
  v1::TokenizeResponse reply;
  *reply.mutable_encoder() = encoder.ref;
  reply.set_max_tokens(static_cast<uint32_t>(encoder.encoder->max_tokens()));
  for (int i = 0; i < request.texts_size(); ++i) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(context));
    StatusOr<text::TokenList> list = text::ListTokens(*encoder.encoder, request.texts(i), role);
    if (!list.ok()) return Annotate(list.status(), Concat("text ", i));
    v1::TokenizedText* out = reply.add_texts();
    for (const text::ListedToken& token : list->tokens) {
      out->add_ids(static_cast<uint32_t>(token.id));
      out->add_pieces(std::string(token.piece));
      out->add_begin(token.begin);
      out->add_end(token.end);
      out->add_special(token.special);
    }
    out->set_total(static_cast<uint32_t>(list->total));
    out->set_truncated(list->truncated);
  }
  return reply;
}

}  // namespace larder::serving
