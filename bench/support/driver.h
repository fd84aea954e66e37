// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_DRIVER_H_
#define LARDER_BENCH_SUPPORT_DRIVER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "bench/support/report.h"

namespace larder::bench {

struct Options {
  // --data DIR: what tools/quickstart made: catalog.jsonl, edges.jsonl, sessions.jsonl,
  // definitions/ with encoders/debian, data/. Of `retrieve_all` a .npy of vectors instead, of
  // `embed` a file of items, of `tokenizer` a folder with text/ and tokenizers/.
  std::string data = "build/quickstart";
  bool help = false;
  // --json: one line of JSON instead of a table.
  bool json = false;
  // --rounds N: every number is the median of so many rounds, 1 to 100.
  size_t rounds = 5;
  // --rate N: calls per second of the open loops, 1 to 100,000.
  double rate = 100;
  // --vectors FILE: `index` writes its vectors there as .npy for the peers, and ends.
  std::string vectors;
  // --ids DIR: `tokenizer` writes its texts and their ids there for the peers.
  std::string ids;
  // --encoder DIR: `titles` measures this artifact.
  std::string encoder;
  // --seconds N: how long `live` upserts, 1 to 86,400.
  double seconds = 600;
  // --only TEXT: `serving` measures the rows whose name contains it, `tokenizer` the models.
  std::string only;
  // --rows FILE: rows that peers measured, shown with the own ones.
  std::string rows;

  bool Wants(std::string_view row) const { return row.find(only) != std::string_view::npos; }
};

// The main function of a benchmark: parses options, runs `body`, prints its report.
// Returns 0; 2 for bad options and for missing data, 1 for any other error, said on stderr.
int Drive(std::string_view name, int argc, char** argv,
          const std::function<Status(const Options&, Report&)>& body);

// One line on stderr about what is going on.
void Progress(std::string_view line);

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_DRIVER_H_
