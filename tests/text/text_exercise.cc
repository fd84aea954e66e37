// SPDX-License-Identifier: Apache-2.0
#include "tests/text/text_exercise.h"

#include <algorithm>
#include <array>
#include <vector>

#include "text/encoder_config.h"
#include "text/safetensors.h"
#include "text/wordpiece/wordpiece_tokenizer.h"

namespace larder::text {
namespace {

constexpr std::string_view kFile = "file";

// A refusal is as it should be if it names the file.
Status CheckRefusal(const Status& status) {
  const bool named = status.code() == StatusCode::kDataLoss ||
                     status.code() == StatusCode::kUnimplemented;
  if (named && Message(status).starts_with(kFile)) return OkStatus();
  return Internal("a refusal that does not name the file: ", status.ToString());
}

Status CheckTokens(const Tokenizer& tokenizer, std::string_view text,
                   std::span<const Token> tokens) {
  uint32_t begin = 0;
  uint32_t end = 0;
  for (const Token& token : tokens) {
    if (token.id < 0 || token.id >= tokenizer.vocab_size()) {
      return Internal("the id ", token.id, " of ", tokenizer.vocab_size());
    }
    if (token.begin < begin || token.end < end || token.end < token.begin ||
        token.end > text.size()) {
      return Internal("the place ", token.begin, " to ", token.end, " in ", text.size());
    }
    begin = token.begin;
    end = token.end;
  }
  return OkStatus();
}

}  // namespace

Status ExerciseTokenizer(const Tokenizer& tokenizer) {
  static const std::vector<std::string> texts = {
      "", "a", "  The unaffable caf\u00e9, [SEP] foo. ", std::string(300, 'a'),
      "\u6771\u4eac\u0344\u0323 New York\xff\xfe <t> \u1e9b\u0323\xe2\x82",
      std::string("a\0b \x01\t\x7f", 7)};
  if (!tokenizer.piece(-1).empty() || !tokenizer.piece(tokenizer.vocab_size()).empty()) {
    return Internal("a piece of an id that is none");
  }
  for (const auto symbols : {tokenizer.before(), tokenizer.after()}) {
    for (const int32_t id : symbols) {
      if (id < 0 || id >= tokenizer.vocab_size()) return Internal("the symbol ", id);
    }
  }
  for (const std::string& text : texts) {
    std::vector<Token> tokens;
    std::vector<int32_t> ids;
    LARDER_RETURN_IF_ERROR(tokenizer.EncodeWithOffsets(text, tokens));
    LARDER_RETURN_IF_ERROR(tokenizer.Encode(text, ids));
    LARDER_RETURN_IF_ERROR(CheckTokens(tokenizer, text, tokens));
    if (!std::equal(ids.begin(), ids.end(), tokens.begin(), tokens.end(),
                    [](int32_t id, const Token& token) { return id == token.id; })) {
      return Internal("ids with and without places differ for '", text, "'");
    }
  }
  return OkStatus();
}

Status ExerciseTokenizerJson(std::string_view bytes) {
  const auto tokenizer = OpenWordPiece(bytes, kFile);
  if (!tokenizer.ok()) return CheckRefusal(tokenizer.status());
  return ExerciseTokenizer(**tokenizer);
}

Status ExerciseVocabTxt(std::string_view bytes) {
  const bool lowercase = !bytes.empty() && (bytes[0] & 1) != 0;
  const auto json = TokenizerJsonOfVocab(bytes.substr(bytes.empty() ? 0 : 1), lowercase, kFile);
  if (!json.ok()) return CheckRefusal(json.status());
  const auto tokenizer = OpenWordPiece(*json, kFile);
  // A piece that is too long is seen only here.
  if (!tokenizer.ok()) return CheckRefusal(tokenizer.status());
  return ExerciseTokenizer(**tokenizer);
}

Status ExerciseSafeTensors(std::string_view bytes) {
  const auto file = ParseSafeTensors(bytes, kFile);
  if (!file.ok()) return CheckRefusal(file.status());
  const std::string written = WriteSafeTensors(file->tensors, file->metadata);
  const auto again = ParseSafeTensors(written, kFile);
  if (!again.ok()) return Internal("written and refused: ", again.status().ToString());
  const auto same = [](const Tensor& a, const Tensor& b) {
    return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
  };
  for (const Tensor& tensor : file->tensors) {
    const Tensor* other = again->Find(tensor.name);
    if (other == nullptr || !same(tensor, *other)) {
      return Internal("tensor '", tensor.name, "' is another when read again");
    }
  }
  if (file->tensors.size() != again->tensors.size()) return Internal("tensors are lost");
  return OkStatus();
}

Status ExerciseEncoderConfig(std::string_view bytes) {
  const auto config = ParseEncoderConfig(bytes, kFile);
  if (!config.ok()) return CheckRefusal(config.status());
  const std::string written = WriteEncoderConfig(*config);
  const auto again = ParseEncoderConfig(written, kFile);
  if (!again.ok()) return Internal("written and refused: ", again.status().ToString());
  if (WriteEncoderConfig(*again) != written) return Internal("another config when read again");
  return OkStatus();
}

std::string MutatedFile(std::string_view file, std::mt19937_64& random) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "null", "true", "-1", "1e309", "9223372036854775807", "18446744073709551615", "\"\"", "{}",
      "[]", "\"type\"", "\"normalized\":true", "\xff", "[[[[[[[[", "\\ud800", "\"ids\":[]", "0"};
  std::string out(file);
  for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
    const size_t at = out.empty() ? 0 : random() % out.size();
    const size_t size = std::min<size_t>(1 + random() % 16, out.size() - at);
    const std::string_view word = kWords[random() % kWords.size()];
    switch (random() % 5) {
      case 0: if (!out.empty()) out[at] = static_cast<char>(out[at] ^ (1 << random() % 8)); break;
      case 1: out.erase(at, size); break;
      case 2: out.insert(at, word); break;
      case 3: out.replace(at, size, word); break;
      default: out.insert(out.empty() ? 0 : random() % out.size(), out.substr(at, size)); break;
    }
  }
  return out;
}

}  // namespace larder::text
