// SPDX-License-Identifier: Apache-2.0
#include "text/training/value_vectors.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/text/text_testing.h"

namespace larder::text {
namespace {

TEST(ItemVectors, AreTheTextAndHalfItsValues) {
  const TempDir dir;
  ASSERT_OK(WriteSampleEncoder(dir.path()));
  ASSERT_OK_AND_ASSIGN(const auto encoder, OpenEncoder(FileSystem::Posix(), dir.path()));
  std::vector<ValueVector> values(2);
  for (size_t k = 0; k < 2; ++k) {
    values[k].name = k == 0 ? "by=Ann" : "by=Bob";
    values[k].vector.resize(16);
    values[k].vector[k] = 1;
  }
  const ItemVectors vectors(*encoder, values);
  std::vector<float> plain(16);
  std::vector<float> valued(16, 9.0f);
  std::vector<float> empty(16);

  ASSERT_OK(vectors.Of({.title = "network daemon", .values = {"by=Eve"}}, plain));
  ASSERT_OK(vectors.Of({.title = "network daemon", .values = {"by=Ann", "by=Bob"}}, valued));
  ASSERT_OK(vectors.Of({.values = {"by=Bob"}}, empty));

  double square = 0;
  for (const float x : plain) square += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_NEAR(square, 1, 1e-5);
  for (size_t d = 0; d < 16; ++d) {
    EXPECT_NEAR(valued[d] - plain[d], d < 2 ? 0.5 / std::sqrt(2.0) : 0, 1e-6) << d;
    EXPECT_EQ(empty[d], d == 1 ? 0.5f : 0.0f) << d;
  }
}

}  // namespace
}  // namespace larder::text
