// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_BENCH_SUPPORT_MACHINE_H_
#define LARDER_BENCH_SUPPORT_MACHINE_H_

#include <string>

namespace larder::bench {

// What a number was measured on: processor, cores, the instruction sets that matter here, compiler,
// build type, commit, and how busy the machine was (load average of the last minute).
// Cost: starts git once.
std::string DescribeMachine();

}  // namespace larder::bench

#endif  // LARDER_BENCH_SUPPORT_MACHINE_H_
