// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_ANN_GRAPH_EXERCISE_H_
#define LARDER_TESTS_ANN_GRAPH_EXERCISE_H_

#include <string>
#include <string_view>

#include "base/status.h"

namespace larder::ann {

// How far a file got.
enum class GraphFate { kRefused, kDamaged, kGood };

// Uses any bytes as the server uses an index artifact: opens the file, searches it at once, folds
// it, reads it to its end and does all that again. `dir` is where the file is written.
//
// A file that GraphBase refuses must be refused by name. One that it takes must not crash a search
// or give ids that are not there, and once Load is content with it every search must hold what
// vector_index.h promises: exact scans give what an oracle gives, scores are cosines, there are k
// hits where k are admitted, a fold is a good file.
// Errors: kInternal, what was promised and did not happen.
StatusOr<GraphFate> ExerciseGraphFile(std::string_view file, const std::string& dir);

}  // namespace larder::ann

#endif  // LARDER_TESTS_ANN_GRAPH_EXERCISE_H_
