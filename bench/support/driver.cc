// SPDX-License-Identifier: Apache-2.0
#include "bench/support/driver.h"

#include <charconv>
#include <iostream>
#include <span>

#include "base/file_system.h"

namespace larder::bench {
namespace {

constexpr std::string_view kUsage = R"(options:
  --data DIR    what tools/quickstart made (build/quickstart)
  --json        one line of JSON instead of a table
  --rounds N    every number is the median of so many rounds (5)
  --rate N      calls per second of the open loops of `serving` (100)
  --seconds N   how long `live` upserts at its lower rate (600)
  --only TEXT   of `serving`, the rows whose name contains TEXT
see docs/benchmarks.md)";
constexpr uint64_t kMaxRowsBytes = uint64_t{16} << 20;

template <typename T>
Status ParseNumber(std::string_view option, std::string_view text, T least, T most, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out < least || out > most) {
    return InvalidArgument(option, ": expected a number from ", least, " to ", most, ", got '",
                           text, "'");
  }
  return OkStatus();
}

StatusOr<Options> Parse(std::span<char*> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--json") {
      options.json = true;
      continue;
    }
    if (name == "--help" || name == "-h") {
      options.help = true;
      return options;
    }
    if (i + 1 == arguments.size()) {
      return InvalidArgument("'", name, "' is unknown or needs a value\n", kUsage);
    }
    const std::string_view value = arguments[++i];
    if (name == "--data") {
      options.data = value;
    } else if (name == "--vectors") {
      options.vectors = value;
    } else if (name == "--ids") {
      options.ids = value;
    } else if (name == "--encoder") {
      options.encoder = value;
    } else if (name == "--only") {
      options.only = value;
    } else if (name == "--rows") {
      options.rows = value;
    } else if (name == "--rounds") {
      LARDER_RETURN_IF_ERROR(ParseNumber(name, value, size_t{1}, size_t{100}, options.rounds));
    } else if (name == "--seconds") {
      LARDER_RETURN_IF_ERROR(ParseNumber(name, value, 1.0, 86'400.0, options.seconds));
    } else if (name == "--rate") {
      LARDER_RETURN_IF_ERROR(ParseNumber(name, value, 1.0, 100'000.0, options.rate));
    } else {
      return InvalidArgument("unknown option '", name, "'\n", kUsage);
    }
  }
  return options;
}

int Fail(std::string_view bench, const Status& status) {
  std::cerr << "bench " << bench << ": " << Message(status) << std::endl;
  const bool usage = status.code() == StatusCode::kInvalidArgument ||
                     status.code() == StatusCode::kFailedPrecondition;
  return usage ? 2 : 1;
}

}  // namespace

int Drive(std::string_view name, int argc, char** argv,
          const std::function<Status(const Options&, Report&)>& body) {
  const StatusOr<Options> options = Parse(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (!options.ok()) return Fail(name, options.status());
  if (options->help) {
    std::cout << kUsage << std::endl;
    return 0;
  }
  Report report(name);
  Status status = body(*options, report);
  if (status.ok() && !options->rows.empty()) {
    const StatusOr<std::string> rows = FileSystem::Posix().Read(options->rows, kMaxRowsBytes);
    status = rows.ok() ? report.AddJsonLines(*rows) : rows.status();
  }
  if (!status.ok()) return Fail(name, status);
  if (!options->vectors.empty()) return 0;  // a step of another run, which prints
  std::cout << (options->json ? report.ToJson() : report.ToTable()) << std::flush;
  return 0;
}

void Progress(std::string_view line) { std::cerr << "… " << line << std::endl; }

}  // namespace larder::bench
