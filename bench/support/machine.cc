// SPDX-License-Identifier: Apache-2.0
#include "bench/support/machine.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>

#include "ann/distance.h"
#include "base/status.h"

namespace larder::bench {
namespace {

// The value after "name<tab>: " in /proc/cpuinfo, of the first processor.
std::string CpuField(std::string_view name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) != 0) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

// Which of the instruction sets the processor has, and which kernel they lead to.
std::string Vectors() {
  const std::string flags = Concat(" ", CpuField("flags"), " ");
  std::string out;
  for (const std::string_view name : {"avx2", "avx512f", "avx512_vnni", "avx_vnni"}) {
    if (flags.find(Concat(" ", name, " ")) != std::string::npos) out += Concat(name, " ");
  }
  return Concat(out.empty() ? "no avx2 " : out, "(kernel ", ann::BestKernel().name, ")");
}

std::string Compiler() {
#if defined(__clang__)
  return Concat("clang ", __clang_version__);
#else
  return Concat("gcc ", __VERSION__);
#endif
}

std::string Commit() {
  const auto close = [](std::FILE* pipe) { pclose(pipe); };
  std::FILE* pipe = popen("git describe --always --dirty 2>/dev/null", "r");
  if (pipe == nullptr) return "unknown commit";
  std::array<char, 64> line{};
  const bool got = std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr;
  close(pipe);
  if (!got) return "unknown commit";
  std::string commit(line.data());
  commit.erase(std::remove(commit.begin(), commit.end(), '\n'), commit.end());
  return Concat("commit ", commit);
}

std::string Load() {
  double load = 0;
  if (getloadavg(&load, 1) != 1) return "load unknown";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "load %.1f", load);
  return text.data();
}

}  // namespace

std::string DescribeMachine() {
  const std::string model = CpuField("model name");
  return Concat(model.empty() ? "unknown processor" : model, ", ",
                std::thread::hardware_concurrency(), " cores, ", Vectors(), ", ", Compiler(), ", ",
                LARDER_BUILD_TYPE, ", ", Commit(), ", ", Load());
}

}  // namespace larder::bench
