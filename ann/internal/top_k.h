// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_ANN_INTERNAL_TOP_K_H_
#define LARDER_ANN_INTERNAL_TOP_K_H_

#include <algorithm>
#include <utility>
#include <vector>

#include "ann/search.h"

namespace larder::ann {

// Keeps the best k hits offered, with S9.3's order: higher score first, then `order` (null: id).
// Thread-safety: single-thread.
class TopK {
 public:
  TopK(size_t k, const IdOrder* order, double min_score)
      : k_(k), order_(order), min_score_(min_score) {
    hits_.reserve(k);
  }

  // Offers below this score change nothing.
  double bound() const { return hits_.size() < k_ ? min_score_ : hits_.front().score; }

  void Offer(uint32_t id, double score) {
    if (score < min_score_) return;
    const auto better = [this](const Hit& a, const Hit& b) { return Better(a, b); };
    const Hit hit{id, score};
    if (hits_.size() < k_) {
      hits_.push_back(hit);
      if (hits_.size() == k_) std::make_heap(hits_.begin(), hits_.end(), better);
    } else if (Better(hit, hits_.front())) {
      std::pop_heap(hits_.begin(), hits_.end(), better);
      hits_.back() = hit;
      std::push_heap(hits_.begin(), hits_.end(), better);
    }
  }

  size_t size() const { return hits_.size(); }
  bool full() const { return hits_.size() == k_; }

  // The hits, best first. Ends the use of this object.
  std::vector<Hit> Take() {
    std::sort(hits_.begin(), hits_.end(),
              [this](const Hit& a, const Hit& b) { return Better(a, b); });
    return std::move(hits_);
  }

 private:
  bool Better(const Hit& a, const Hit& b) const {
    if (a.score != b.score) return a.score > b.score;
    return order_ != nullptr ? order_->Before(a.id, b.id) : a.id < b.id;
  }

  size_t k_;
  const IdOrder* order_;
  double min_score_;
  std::vector<Hit> hits_;  // once full, a heap with the worst in front
};

}  // namespace larder::ann

#endif  // LARDER_ANN_INTERNAL_TOP_K_H_
