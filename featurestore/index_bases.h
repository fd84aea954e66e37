// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_INDEX_BASES_H_
#define LARDER_FEATURESTORE_INDEX_BASES_H_

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace larder::featurestore {

// The artifacts that were activated as bases of each feature's index. The newest two are kept: the
// older one is used if the newest cannot be read. All others are of no use any more.
// Thread-safety: single-thread.
class IndexBases {
 public:
  void Add(const Digest& feature, const Digest& artifact) {
    std::vector<Digest>& bases = bases_[feature];
    std::erase(bases, artifact);
    bases.push_back(artifact);
    if (bases.size() <= kKept) return;
    unneeded_.insert(bases.front());
    bases.erase(bases.begin());
  }
  // The index goes on without any.
  void Clear(const Digest& feature) {
    for (const Digest& artifact : std::exchange(bases_[feature], {})) unneeded_.insert(artifact);
  }

  // An artifact that may be a base and that was never activated, or not as far as is known.
  void AddUnneeded(const Digest& artifact) { unneeded_.insert(artifact); }

  // Per feature, the newest last.
  const std::map<Digest, std::vector<Digest>>& all() const { return bases_; }

  // Those that no feature keeps, each once.
  std::set<Digest> TakeUnneeded() {
    for (const auto& [feature, bases] : bases_) {
      for (const Digest& artifact : bases) unneeded_.erase(artifact);
    }
    return std::exchange(unneeded_, {});
  }

 private:
  static constexpr size_t kKept = 2;

  std::map<Digest, std::vector<Digest>> bases_;
  std::set<Digest> unneeded_;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_INDEX_BASES_H_
