// SPDX-License-Identifier: Apache-2.0
#include "serving/text/openai_request.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace larder::serving {
namespace {

constexpr std::array<std::string_view, 6> kFields = {"input",      "model", "encoding_format",
                                                     "dimensions", "user",  "input_type"};
constexpr std::string_view kInputTypes =
    "expected a text, a list of texts, a list of tokens or a list of lists of tokens";

// Takes the values as they come. Each callback returns false at the first thing that is wrong.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  OpenAiRequest request;
  std::string field;  // the one that is read
  Status error;
  bool has_input = false;
  bool has_model = false;

  bool null() override {
    if (level_ != 1) return Other("null");
    const bool optional = field != "input" && field != "model";
    return optional || Other("null");
  }
  bool boolean(bool) override { return Other("a boolean"); }
  bool number_integer(number_integer_t value) override {
    return value >= 0 ? Number(static_cast<uint64_t>(value)) : Other("a negative number");
  }
  bool number_unsigned(number_unsigned_t value) override { return Number(value); }
  bool number_float(number_float_t, const string_t& text) override {
    return Fail(field, Expected(), ", got ", std::string_view(text).substr(0, 32));
  }
  bool string(string_t& value) override { return Text(value); }
  bool binary(binary_t&) override { return Other("bytes"); }

  bool start_object(std::size_t) override {
    if (level_ > 0) return Other("an object");
    level_ = 1;
    return true;
  }
  bool key(string_t& name) override {
    size_t i = 0;
    while (i < kFields.size() && kFields[i] != name) ++i;
    if (i == kFields.size()) {
      return Fail("", "unrecognized request argument supplied: ", name.substr(0, 100));
    }
    field = name;
    if (seen_[i]) return Fail(field, "stands twice");
    seen_[i] = true;
    has_input |= field == "input";
    has_model |= field == "model";
    return true;
  }
  bool end_object() override {
    field.clear();
    return true;
  }
  bool start_array(std::size_t) override {
    if (level_ == 0 || field != "input" || level_ == 3) return Other("a list");
    if (level_ == 2) {
      if (!request.texts.empty() || flat_) return Fail(field, kInputTypes, ", not a mixture");
      if (!HasRoom()) return false;
      request.tokens.emplace_back();
    }
    ++level_;
    return true;
  }
  bool end_array() override {
    if (level_ == 3 && request.tokens.back().empty()) return Fail(field, "a list is empty");
    if (level_ == 2 && request.tokens.empty() && request.texts.empty()) {
      return Fail(field, "the list is empty");
    }
    --level_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& cause) override {
    // Without its own prefix, "[json.exception.parse_error.101] ".
    std::string_view text = cause.what();
    if (const size_t end = text.find("] "); end != std::string_view::npos) {
      text.remove_prefix(end + 2);
    }
    return Fail("", "the body is not JSON, byte ", position, ": ", text.substr(0, 200));
  }

 private:
  template <typename... Parts>
  bool Fail(std::string_view of, const Parts&... parts) {
    field = of;
    error = InvalidArgument(of, of.empty() ? "" : ": ", parts...);
    return false;
  }
  std::string_view Expected() const {
    if (level_ == 0) return "expected an object";
    if (field == "input") return kInputTypes;
    if (field == "dimensions") return "expected an integer from 1";
    if (field == "encoding_format") return "expected 'float' or 'base64'";
    if (field == "input_type") return "expected 'query' or 'document'";
    return "expected text";
  }
  bool Other(std::string_view what) { return Fail(field, Expected(), ", got ", what); }

  bool HasRoom() {
    if (request.texts.size() + request.tokens.size() < kMaxOpenAiInputs) return true;
    return Fail(field, "at most ", kMaxOpenAiInputs, " inputs");
  }

  bool Number(uint64_t value) {
    if (level_ == 1 && field == "dimensions") {
      if (value < 1 || value > std::numeric_limits<uint32_t>::max()) return Other("another one");
      request.dimensions = static_cast<uint32_t>(value);
      return true;
    }
    if (level_ < 2) return Other("a number");
    if (level_ == 2) {  // the tokens of one input
      if (!request.texts.empty() || (!request.tokens.empty() && !flat_)) {
        return Fail(field, kInputTypes, ", not a mixture");
      }
      if (!flat_) request.tokens.emplace_back();
      flat_ = true;
    }
    if (value > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
      return Fail(field, "a token is not in the vocabulary: ", value);
    }
    request.tokens.back().push_back(static_cast<int32_t>(value));
    return true;
  }

  bool Text(std::string& value) {
    if (level_ == 1 && field == "model") {
      request.model = std::move(value);
      return true;
    }
    if (level_ == 1 && field == "user") return true;
    if (level_ == 1 && field == "encoding_format") {
      request.base64 = value == "base64";
      return request.base64 || value == "float" ||
             Fail(field, Expected(), ", got '", value.substr(0, 100), "'");
    }
    if (level_ == 1 && field == "input_type") {
      const bool query = value == "query";
      request.role = query ? text::TextRole::kQuery : text::TextRole::kDocument;
      return query || value == "document" ||
             Fail(field, Expected(), ", got '", value.substr(0, 100), "'");
    }
    if (field != "input" || level_ == 0 || level_ == 3) return Other("text");
    if (!request.tokens.empty()) return Fail(field, kInputTypes, ", not a mixture");
    if (value.empty()) return Fail(field, "a text is empty");
    if (!HasRoom()) return false;
    request.texts.push_back(std::move(value));
    return true;
  }

  int level_ = 0;      // 1: in the object, 2: in the input's list, 3: in a list of it
  bool flat_ = false;  // the input is one list of tokens
  std::array<bool, kFields.size()> seen_{};
};

}  // namespace

StatusOr<OpenAiRequest> ParseOpenAiRequest(std::string_view body, std::string& param) {
  Reader reader;
  const bool read = nlohmann::json::sax_parse(body.begin(), body.end(), &reader);
  param = reader.field;
  if (!reader.error.ok()) return reader.error;
  if (!read) return InvalidArgument("the body is not JSON");
  if (!reader.has_model) {
    param = "model";
    return InvalidArgument("model: you must provide it");
  }
  if (!reader.has_input) {
    param = "input";
    return InvalidArgument("input: you must provide it");
  }
  return std::move(reader.request);
}

}  // namespace larder::serving
