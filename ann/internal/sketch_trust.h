// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_SKETCH_TRUST_H_
#define LARDER_ANN_INTERNAL_SKETCH_TRUST_H_

#include "ann/internal/graph_format.h"

namespace larder::ann {

// Whether estimates from a base's sketches are about as good as Query::SketchThreshold takes them
// for. They are not where a few components outweigh the many: those have as little say in a sketch
// as any other. All vectors sharing a few large components is such a case, vectors of few
// components are another: estimates fall far below the cosine, and what is near would never get a
// closer look. False without sketches, and without links to judge them by.
//
// Thread-safety: thread-safe.
// Cost: compares some 250 vectors, spread over the base, with their neighbours in the graph.
bool MayTrustSketches(const GraphSections& sections);

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_SKETCH_TRUST_H_
