// SPDX-License-Identifier: Apache-2.0
//
// Functions of vectors. An int8 vector stands for its direction v / |v|, because its codes are a
// normalised vector times a scale that nobody keeps. Two int8 vectors are compared in integers,
// which no order of summing can change; everything else is summed in double in one fixed order
// (R3). A vector of zeros has no direction: its cosine is null.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "registry/internal/kernels.h"

namespace larder::registry::internal {
namespace {

// Sums in eight lanes, dimension d in lane d % 8, and adds the lanes up in one fixed order: as
// exact a rule as one sum from left to right, and eight times as much work in flight.
constexpr size_t kLanes = 8;

double AddLanes(const double (&lanes)[kLanes]) {
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

template <typename A, typename B>
double LaneDot(const A* a, const B* b, size_t size) {
  double lanes[kLanes] = {};
  size_t d = 0;
  for (; d + kLanes <= size; d += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += static_cast<double>(a[d + lane]) * static_cast<double>(b[d + lane]);
    }
  }
  for (size_t lane = 0; d < size; ++d, ++lane) {
    lanes[lane] += static_cast<double>(a[d]) * static_cast<double>(b[d]);
  }
  return AddLanes(lanes);
}

// At most 127 * 128 per dimension; an int32 holds the sum of a block, which compilers vectorise.
double CodesDot(const int8_t* a, const int8_t* b, size_t size) {
  constexpr size_t kBlock = 4096;
  int64_t sum = 0;
  for (size_t begin = 0; begin < size; begin += kBlock) {
    const size_t end = begin + kBlock < size ? begin + kBlock : size;
    int32_t block = 0;
    for (size_t d = begin; d < end; ++d) block += a[d] * b[d];
    sum += block;
  }
  return static_cast<double>(sum);
}

// The vectors of a column, and their lengths.
class Vectors {
 public:
  explicit Vectors(const Column& column) : column_(column), size_(column.type.dimensions) {
    norms_.resize(column.elements());
    for (size_t i = 0; i < norms_.size(); ++i) {
      norms_[i] = std::sqrt(int8() ? CodesDot(codes(i), codes(i), size_)
                                   : LaneDot(floats(i), floats(i), size_));
    }
  }

  bool int8() const { return column_.type.int8; }
  const int8_t* codes(size_t i) const { return column_.codes.data() + i * size_; }
  const float* floats(size_t i) const { return column_.floats.data() + i * size_; }
  double norm(size_t i) const { return norms_[i]; }

  static double Dot(const Vectors& a, size_t i, const Vectors& b, size_t k) {
    if (a.int8()) {
      return b.int8() ? CodesDot(a.codes(i), b.codes(k), a.size_)
                      : LaneDot(a.codes(i), b.floats(k), a.size_);
    }
    return b.int8() ? LaneDot(a.floats(i), b.codes(k), a.size_)
                    : LaneDot(a.floats(i), b.floats(k), a.size_);
  }

 private:
  const Column& column_;
  const size_t size_;
  std::vector<double> norms_;
};

// dot / (|a| |b|), as `ann` scores: two square roots, one product, one quotient.
double Cosine(const Vectors& a, size_t i, const Vectors& b, size_t k) {
  return Vectors::Dot(a, i, b, k) / (a.norm(i) * b.norm(k));  // 0 / 0 is not finite: null
}

double Dot(const Vectors& a, size_t i, const Vectors& b, size_t k) {
  const double scale = (a.int8() ? a.norm(i) : 1) * (b.int8() ? b.norm(k) : 1);
  return scale == 0 ? 0 : Vectors::Dot(a, i, b, k) / scale;  // a vector of zeros stays one
}

template <double (*op)(const Vectors&, size_t, const Vectors&, size_t)>
void PairKernel(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  out.doubles.assign(args.rows, 0);
  const Vectors a(*args.columns[0]);
  const Vectors b(*args.columns[1]);
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    out.doubles[i] = op(a, i * Step(*args.columns[0]), b, i * Step(*args.columns[1]));
  }
  FinishDoubles(out);
}

// ---- References -------------------------------------------------------------------------------

double SlowDot(const Value& a, const Value& b) {
  double lanes[kLanes] = {};
  for (size_t d = 0; d < a.vector.size(); ++d) lanes[d % kLanes] += a.vector[d] * b.vector[d];
  return AddLanes(lanes);
}

double SlowNorm(const Value& v) { return std::sqrt(SlowDot(v, v)); }

Value ReferenceCosine(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return Value::Null({}, null->reason);
  return Value::Double(SlowDot(args[0], args[1]) / (SlowNorm(args[0]) * SlowNorm(args[1])));
}

Value ReferenceDot(std::span<const Value> args) {
  if (const Value* null = FirstNull(args)) return Value::Null({}, null->reason);
  double scale = 1;
  for (const Value& arg : args) {
    if (arg.type.int8) scale *= SlowNorm(arg);
  }
  return Value::Double(scale == 0 ? 0 : SlowDot(args[0], args[1]) / scale);
}

}  // namespace

void MeanOfVectors(const KernelArgs& args, Column& out) {
  FirstNullReasons(args, out);
  const Column& list = *args.columns[0];
  const size_t size = out.type.dimensions;
  const Vectors vectors(list);
  out.floats.assign(args.rows * size, 0);
  std::vector<double> sum(size);
  for (size_t i = 0; i < args.rows; ++i) {
    if (out.reasons[i] != Reason::kValid) continue;
    std::fill(sum.begin(), sum.end(), 0.0);
    double count = 0;
    const size_t row = i * Step(list);
    for (size_t k = list.offsets[row]; k < list.offsets[row + 1]; ++k) {
      if (list.element_reason(k) != Reason::kValid) continue;
      count += 1;
      if (!vectors.int8()) {
        for (size_t d = 0; d < size; ++d) sum[d] += static_cast<double>(vectors.floats(k)[d]);
      } else if (const double norm = vectors.norm(k); norm != 0) {
        for (size_t d = 0; d < size; ++d) sum[d] += vectors.codes(k)[d] / norm;
      }
    }
    if (count == 0) {
      out.reasons[i] = Reason::kEmpty;
      continue;
    }
    for (size_t d = 0; d < size; ++d) {
      out.floats[i * size + d] = static_cast<float>(sum[d] / count);
    }
  }
}

Value ReferenceMeanOfVectors(const Value& list) {
  Value mean;
  mean.type = list.type.Element();
  mean.type.int8 = false;
  double count = 0;
  for (const Value& element : list.elements) {
    if (!element.valid()) continue;
    mean.vector.resize(element.vector.size());
    const double norm = list.type.int8 ? SlowNorm(element) : 1;
    for (size_t d = 0; norm != 0 && d < element.vector.size(); ++d) {
      mean.vector[d] += element.vector[d] / norm;
    }
    count += 1;
  }
  if (count == 0) return Value::Null(mean.type, Reason::kEmpty);
  for (double& x : mean.vector) x = static_cast<double>(static_cast<float>(x / count));
  return mean;
}

std::vector<Function> VectorFunctions() {
  Function cosine = MakeFunction("cosine", "cosine(a: vector, b: vector) -> double",
                                 "null if an argument is, or is all zeros",
                                 "The cosine of the angle between two vectors of one space.");
  cosine.signatures = {Of({kVectorArg, kVectorArg}, kDoubleArg, PairKernel<Cosine>)};
  cosine.reference = ReferenceCosine;
  Function dot = MakeFunction("dot", "dot(a: vector, b: vector) -> double", kNullPropagates,
                              "The inner product of two vectors of one space; vectors of a "
                              "text encoder have length 1.");
  dot.signatures = {Of({kVectorArg, kVectorArg}, kDoubleArg, PairKernel<Dot>)};
  dot.reference = ReferenceDot;

  Function gather = MakeFunction("gather", "gather(keys: list<key<e>>, view.feature) -> list<T>",
                                 "null if the list is; null elements stay in place",
                                 "A feature of each key of a list; lists are joined.");
  gather.kind = Function::Kind::kSpecial;
  Function embed = MakeFunction("embed", "embed(encoder, text: string, ...) -> vector<encoder>",
                                "null if all texts are", "The vector of one or more texts.");
  embed.kind = Function::Kind::kSpecial;
  return {cosine, dot, gather, embed};
}

}  // namespace larder::registry::internal
