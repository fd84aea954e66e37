// SPDX-License-Identifier: Apache-2.0
#include "serving/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace larder::serving {
namespace {

using testing::HasSubstr;

TEST(Metrics, CountsCallsByMethodAndCode) {
  Metrics metrics;
  metrics.RecordCall("Retrieve", StatusCode::kOk, 0.003);
  metrics.RecordCall("Retrieve", StatusCode::kOk, 0.5);
  metrics.RecordCall("Retrieve", StatusCode::kNotFound, 0.0001);

  const std::string text = metrics.Text({});

  EXPECT_THAT(text, HasSubstr("larder_requests_total{code=\"OK\",method=\"Retrieve\"} 2"));
  EXPECT_THAT(text, HasSubstr("larder_requests_total{code=\"NOT_FOUND\",method=\"Retrieve\"} 1"));
  EXPECT_THAT(text, HasSubstr("larder_request_seconds_count{method=\"Retrieve\"} 3"));
  EXPECT_THAT(text, HasSubstr("larder_request_seconds_bucket{method=\"Retrieve\",le=\"0.005\"} 2"));
}

TEST(Metrics, WritesGaugesUnderOneHeadPerName) {
  const std::string text = Metrics().Text({{"larder_x", "Help of x", {{"part", "a"}}, 1, false},
                                           {"larder_x", "Help of x", {{"part", "b"}}, 2, false},
                                           {"larder_y_total", "Help of y", {}, 3, true}});
  EXPECT_THAT(text, HasSubstr("# HELP larder_x Help of x\n# TYPE larder_x gauge\n"
                              "larder_x{part=\"a\"} 1\nlarder_x{part=\"b\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE larder_y_total counter\nlarder_y_total 3\n"));
}

TEST(Metrics, CountsValuesUpToEachBound) {
  const std::vector<double> bounds = {1, 10};
  Histogram histogram(bounds);
  for (const double value : {0.5, 1.0, 2.0, 100.0}) histogram.Add(value);

  const std::string text =
      Metrics().Text({{"larder_z", "Help of z", {}, 0, false, histogram.Read()}});

  EXPECT_THAT(text, HasSubstr("# TYPE larder_z histogram\nlarder_z_count 4\nlarder_z_sum 103.5\n"
                              "larder_z_bucket{le=\"1\"} 2\nlarder_z_bucket{le=\"10\"} 3\n"
                              "larder_z_bucket{le=\"+Inf\"} 4\n"));
}

TEST(Metrics, LosesNothingBetweenThreads) {
  Metrics metrics;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) metrics.RecordCall("Search", StatusCode::kOk, 0.001);
      });
    }
  }
  EXPECT_THAT(metrics.Text({}),
              HasSubstr("larder_requests_total{code=\"OK\",method=\"Search\"} 2000"));
}

TEST(Metrics, KnowsTheMemoryOfTheProcess) { EXPECT_GT(ProcessMemoryBytes(), 1'000'000U); }

}  // namespace
}  // namespace larder::serving
