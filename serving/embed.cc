// SPDX-License-Identifier: Apache-2.0
#include "serving/embed.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "serving/column_codec.h"
#include "serving/encoders.h"
#include "serving/known_names.h"
#include "serving/read_info.h"

namespace larder::serving {
namespace {

// What is encoded between two looks at the deadline: at most so many texts, and no further text
// once there are so many bytes.
constexpr size_t kTextsAtATime = 256;
constexpr size_t kBytesAtATime = size_t{256} << 10;

// How many of `texts` to encode next.
size_t NextTexts(std::span<const std::string_view> texts) {
  size_t n = 0;
  for (size_t bytes = 0; n < std::min(texts.size(), kTextsAtATime) && bytes < kBytesAtATime; ++n) {
    bytes += texts[n].size();
  }
  return n;
}

Status CheckTexts(const v1::EmbedRequest& request) {
  if (static_cast<size_t>(request.texts_size()) > kMaxEmbedTexts) {
    return InvalidArgument("texts: at most ", kMaxEmbedTexts, ", got ", request.texts_size());
  }
  size_t bytes = 0;
  for (int i = 0; i < request.texts_size(); ++i) {
    const std::string& text = request.texts(i);
    bytes += text.size();
    if (text.size() > kMaxTextBytes || bytes > kMaxEmbedBytes) {
      return InvalidArgument("texts: at most ", kMaxTextBytes, " bytes each and ", kMaxEmbedBytes,
                             " together; passed at text ", i);
    }
    if (!IsUtf8(text)) return InvalidArgument("text ", i, " is not UTF-8");
  }
  return OkStatus();
}

StatusOr<registry::Encoder> FindEncoder(const std::string& name, const Context& context,
                                        v1::DefinitionRef* ref) {
  if (name.size() > kMaxNameBytes || !IsUtf8(name)) {
    return InvalidArgument("encoder: expected 1 to ", kMaxNameBytes, " bytes of UTF-8");
  }
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
  const registry::Revision* current = snapshot->history().current();
  const registry::Encoder* encoder =
      current == nullptr ? nullptr : current->registry->FindEncoder(name);
  if (encoder == nullptr) {
    std::span<const registry::Encoder> known;
    if (current != nullptr) known = current->registry->encoders;
    return NotFound("unknown encoder '", name, "'", ExpectedOneOf(known));
  }
  const auto version = current->versions.find(encoder->name);
  ref->set_kind("encoder");
  ref->set_name(encoder->name);
  ref->set_version(version == current->versions.end() ? 0 : version->second);
  ref->set_digest(encoder->digest.Hex());
  return *encoder;
}

// The codes scaled to length 1; zero stays zero.
std::vector<float> Unit(std::span<const int8_t> codes, size_t dimensions) {
  std::vector<float> out(codes.size());
  for (size_t begin = 0; begin < codes.size(); begin += dimensions) {
    double squares = 0;
    for (size_t i = begin; i < begin + dimensions; ++i) squares += codes[i] * codes[i];
    if (squares == 0) continue;
    const double norm = std::sqrt(squares);
    for (size_t i = begin; i < begin + dimensions; ++i) {
      out[i] = static_cast<float>(codes[i] / norm);
    }
  }
  return out;
}

}  // namespace

StatusOr<v1::EmbedResponse> Embed(const v1::EmbedRequest& request, const Context& context) {
  LARDER_RETURN_IF_ERROR(CheckTexts(request));
  v1::EmbedResponse reply;
  LARDER_ASSIGN_OR_RETURN(const registry::Encoder encoder,
                          FindEncoder(request.encoder(), context, reply.mutable_encoder()));
  if (encoder.external) {
    return FailedPrecondition("encoder '", encoder.name, "' is external: its vectors come with "
                              "the rows");
  }
  const std::vector<std::string_view> texts(request.texts().begin(), request.texts().end());
  const size_t dimensions = encoder.dimensions;
  std::vector<int8_t> codes(texts.size() * dimensions);
  for (size_t begin = 0; begin < texts.size();) {
    LARDER_RETURN_IF_ERROR(CheckDeadline(context));
    const size_t n = NextTexts(std::span(texts).subspan(begin));
    LARDER_RETURN_IF_ERROR(context.backend.encoders.Embed(
        encoder.digest, registry::TextRole::kDocument, std::span(texts).subspan(begin, n),
        std::span(codes).subspan(begin * dimensions, n * dimensions)));
    begin += n;
  }
  reply.set_dimensions(encoder.dimensions);
  if (request.want_codes()) {
    EncodeVectors("codes", std::span<const int8_t>(codes), dimensions, reply.mutable_codes());
  }
  if (request.want_vectors() || !request.want_codes()) {
    const std::vector<float> vectors = Unit(codes, dimensions);
    EncodeVectors("vectors", std::span<const float>(vectors), dimensions, reply.mutable_vectors());
  }
  return reply;
}

}  // namespace larder::serving
