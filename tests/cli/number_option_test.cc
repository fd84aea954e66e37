// SPDX-License-Identifier: Apache-2.0
#include "cli/number_option.h"

#include <gmock/gmock.h>

#include <optional>

#include "tests/support/status_matchers.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

TEST(NumberOption, TakesBothEndsOfItsRange) {
  EXPECT_THAT(ParseNumber("0", {}), IsOkAndHolds(0u));
  EXPECT_THAT(ParseNumber("18446744073709551615", {}), IsOkAndHolds(UINT64_MAX));
  EXPECT_THAT(ParseNumber("8", {8, 9}), IsOkAndHolds(8u));
  EXPECT_THAT(ParseNumber("9", {8, 9}), IsOkAndHolds(9u));
}

TEST(NumberOption, RefusesWhatDoesNotFitInsteadOfBendingIt) {
  for (const char* text : {"7", "10", "-1", "-18446744073709551607", "18446744073709551616", "",
                           "8.5", "0x8", " 8", "8 ", "+8", "eight"}) {
    EXPECT_THAT(ParseNumber(text, {8, 9}),
                StatusIs(StatusCode::kInvalidArgument,
                         HasSubstr(Concat("a whole number of 8 to 9, got '", text, "'"))));
  }
}

TEST(NumberOption, FillsFieldsOfAnyIntegerAndNamesItsDefault) {
  CLI::App app;
  int32_t pieces = 16'000;
  std::optional<uint64_t> seed;
  AddNumber(&app, "--pieces", pieces, {32, 500'000}, "Pieces");
  AddNumber(&app, "--seed", seed, {}, "Seed", "from the request");

  EXPECT_EQ(app.get_option("--pieces")->get_description(), "Pieces [16000]");
  EXPECT_EQ(app.get_option("--seed")->get_description(), "Seed [from the request]");
  app.parse("--pieces 32 --seed 9223372036854775808");
  EXPECT_EQ(pieces, 32);
  EXPECT_EQ(seed, uint64_t{1} << 63);
  EXPECT_THROW(app.parse("--seed 18446744073709551616"), CLI::ValidationError);
  EXPECT_EQ(pieces, 32);
}

}  // namespace
}  // namespace larder::cli
