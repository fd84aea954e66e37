// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TEXT_PROGRESS_H_
#define LARDER_TEXT_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string_view>

namespace larder::text {

// Told now and then how far a long piece of work is: the stage's name, maybe with a figure after a
// comma ("train, loss 1.234"), steps done and steps in all. Called on the thread that does the
// work, at most about a hundred times per stage; may be empty.
using Progress = std::function<void(std::string_view stage, uint64_t done, uint64_t total)>;

}  // namespace larder::text

#endif  // LARDER_TEXT_PROGRESS_H_
