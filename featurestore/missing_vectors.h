// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_MISSING_VECTORS_H_
#define LARDER_FEATURESTORE_MISSING_VECTORS_H_

#include <vector>

#include "base/hash.h"
#include "base/status.h"
#include "base/sync.h"
#include "featurestore/store.h"
#include "featurestore/store_state.h"
#include "registry/stored_feature.h"

namespace larder::featurestore {

// The rows of a feature that have a text and no vector, with that text, in order of ordinal.
// Takes the reader lock for a few hundred rows at a time: rows that change meanwhile get their
// vectors in apply, and what was found of them is dropped when it is activated (S7.3).
// Errors: kNotFound for an unknown feature.
StatusOr<std::vector<VectorInput>> FindMissingVectors(const StoreState& state, SharedMutex& lock,
                                                      const Digest& feature,
                                                      const registry::TextEmbedder& embedder);

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_MISSING_VECTORS_H_
