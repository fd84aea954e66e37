// SPDX-License-Identifier: Apache-2.0
#include "bench/support/memory.h"

#include <malloc.h>

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

// jemalloc's, if that is the allocator; sanitizers bring their own.
extern "C" int mallctl(const char* name, void* old, size_t* old_size, void* value,
                       size_t size) __attribute__((weak));

namespace larder::bench {
namespace {

void GiveBack() {
  if (mallctl == nullptr) {
    ::malloc_trim(0);
    return;
  }
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // MALLCTL_ARENAS_ALL
}

}  // namespace

StatusOr<size_t> AnonymousBytes() {
  GiveBack();
  std::ifstream file("/proc/self/status");
  size_t total = 0;
  bool found = false;
  for (std::string line; std::getline(file, line);) {
    const bool anonymous = line.starts_with("RssAnon:");
    if (!anonymous && !line.starts_with("HugetlbPages:")) continue;
    const size_t at = line.find_first_of("0123456789");
    if (at == std::string::npos) continue;
    size_t kilobytes = 0;
    std::from_chars(line.data() + at, line.data() + line.size(), kilobytes);
    total += kilobytes * 1024;
    found |= anonymous;
  }
  if (!found) return Unimplemented("/proc/self/status has no RssAnon");
  return total;
}

}  // namespace larder::bench
