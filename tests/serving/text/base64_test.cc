// SPDX-License-Identifier: Apache-2.0
#include "serving/text/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace larder::serving {
namespace {

// RFC 4648, section 10, and the two characters that other alphabets have differently.
TEST(Base64, HasTheStandardAlphabetAndPadding) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
      {"\xfb\xff\xfe", "+//+"}, {std::string(3, '\0'), "AAAA"}};
  for (const auto& [bytes, text] : cases) {
    std::string out = "x";
    AppendBase64(bytes, out);
    EXPECT_EQ(out, "x" + text);
  }
}

}  // namespace
}  // namespace larder::serving
