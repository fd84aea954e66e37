// SPDX-License-Identifier: Apache-2.0
#include "tests/text/transformer/transformer_testing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/bytes.h"
#include "base/file_system.h"
#include "text/internal/random.h"

namespace larder::text {
namespace {

using Matrix = std::vector<std::vector<double>>;  // rows of tokens

// IEEE 754 binary16 of a value that is exact in it and no subnormal.
uint16_t ToHalf(float value) {
  if (value == 0) return 0;
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(value), &exponent);
  const auto mantissa = static_cast<int>((2 * fraction - 1) * 1024);
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 14) << 10 | mantissa);
}

std::string Encoded(const std::vector<float>& values, DType dtype) {
  std::string bytes;
  ByteWriter writer(bytes);
  for (const float value : values) {
    if (dtype == DType::kF32) {
      writer.Fixed(value);
    } else if (dtype == DType::kF16) {
      writer.Fixed(ToHalf(value));
    } else {
      writer.Fixed(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
    }
  }
  return bytes;
}

void Normalize(Matrix& x, const TestWeights& weights, const std::string& name, double eps) {
  const auto& gamma = weights.at(name + ".weight").values;
  const auto& beta = weights.at(name + ".bias").values;
  for (auto& row : x) {
    const auto n = static_cast<double>(row.size());
    double mean = 0;
    for (const double v : row) mean += v / n;
    double variance = 0;
    for (const double v : row) variance += (v - mean) * (v - mean) / n;
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + eps) * double{gamma[i]} + double{beta[i]};
    }
  }
}

Matrix Dense(const Matrix& x, const TestWeights& weights, const std::string& name) {
  const auto& w = weights.at(name + ".weight").values;
  const auto& b = weights.at(name + ".bias").values;
  Matrix out;
  for (const auto& row : x) {
    std::vector<double> y(b.begin(), b.end());
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < row.size(); ++i) y[o] += double{w[o * row.size() + i]} * row[i];
    }
    out.push_back(y);
  }
  return out;
}

void AddTo(Matrix& x, const Matrix& y) {
  for (size_t t = 0; t < x.size(); ++t) {
    for (size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
  }
}

double Activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kGelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu: return std::max(x, 0.0);
  }
  return x;
}

Matrix Attention(const Matrix& q, const Matrix& k, const Matrix& v, size_t heads) {
  const size_t size = q[0].size() / heads;
  Matrix out(q.size(), std::vector<double>(q[0].size()));
  for (size_t head = 0; head < heads; ++head) {
    for (size_t t = 0; t < q.size(); ++t) {
      std::vector<double> p(k.size());
      for (size_t u = 0; u < k.size(); ++u) {
        for (size_t i = head * size; i < (head + 1) * size; ++i) p[u] += q[t][i] * k[u][i];
        p[u] = std::exp(p[u] / std::sqrt(static_cast<double>(size)));
      }
      double total = 0;
      for (const double value : p) total += value;
      for (size_t u = 0; u < k.size(); ++u) {
        for (size_t i = head * size; i < (head + 1) * size; ++i) {
          out[t][i] += p[u] / total * v[u][i];
        }
      }
    }
  }
  return out;
}

}  // namespace

TransformerConfig SmallConfig(int32_t layers, int32_t hidden, int32_t heads,
                              int32_t intermediate) {
  TransformerConfig config;
  config.layers = layers;
  config.hidden = hidden;
  config.heads = heads;
  config.intermediate = intermediate;
  config.max_positions = 300;
  return config;
}

TestWeights RandomWeights(const TransformerConfig& config, uint64_t seed) {
  internal::Random random(seed);
  TestWeights weights;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape, double mean,
                       double deviation) {
    size_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    std::vector<float> values(count);
    for (float& v : values) v = static_cast<float>(mean + deviation * random.Gaussian());
    weights[name] = {std::move(shape), std::move(values)};
  };
  const auto hidden = static_cast<uint64_t>(config.hidden);
  const auto wide = static_cast<uint64_t>(config.intermediate);
  const auto add_norm = [&](const std::string& name) {
    add(name + ".weight", {hidden}, 1, 0.2);
    add(name + ".bias", {hidden}, 0, 0.2);
  };
  const auto add_dense = [&](const std::string& name, uint64_t outputs, uint64_t inputs) {
    add(name + ".weight", {outputs, inputs}, 0, 1.2 / std::sqrt(static_cast<double>(inputs)));
    add(name + ".bias", {outputs}, 0, 0.1);
  };
  add("embeddings.word_embeddings.weight", {kTestVocabulary, hidden}, 0, 0.5);
  add("embeddings.position_embeddings.weight",
      {static_cast<uint64_t>(config.max_positions), hidden}, 0, 0.2);
  add("embeddings.token_type_embeddings.weight", {2, hidden}, 0, 0.1);
  add_norm("embeddings.LayerNorm");
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = Concat("encoder.layer.", layer, ".");
    for (const std::string part : {"query", "key", "value"}) {
      add_dense(prefix + "attention.self." + part, hidden, hidden);
    }
    add_dense(prefix + "attention.output.dense", hidden, hidden);
    add_norm(prefix + "attention.output.LayerNorm");
    add_dense(prefix + "intermediate.dense", wide, hidden);
    add_dense(prefix + "output.dense", hidden, wide);
    add_norm(prefix + "output.LayerNorm");
  }
  return weights;
}

std::string ModelBytes(const TestWeights& weights, std::string_view prefix, DType dtype) {
  std::vector<std::string> bytes;
  bytes.reserve(weights.size());
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : weights) {
    bytes.push_back(Encoded(tensor.values, dtype));
    tensors.push_back({.name = Concat(prefix, name),
                       .dtype = dtype,
                       .shape = tensor.shape,
                       .bytes = bytes.back()});
  }
  return WriteSafeTensors(tensors);
}

std::vector<Tokens> RandomTexts(size_t count, size_t longest, uint64_t seed) {
  internal::Random random(seed);
  std::vector<Tokens> texts(count);
  for (Tokens& text : texts) {
    text.resize(1 + random.Below(longest));
    for (int32_t& id : text) id = static_cast<int32_t>(random.Below(kTestVocabulary));
  }
  return texts;
}

std::vector<double> ReferenceVector(const TransformerConfig& config, const TestWeights& weights,
                                    const Tokens& ids) {
  const auto hidden = static_cast<size_t>(config.hidden);
  const auto row_of = [&](const std::string& name, size_t row, size_t i) {
    return double{weights.at("embeddings." + name + ".weight").values[row * hidden + i]};
  };
  Matrix x(ids.size(), std::vector<double>(hidden));
  for (size_t t = 0; t < ids.size(); ++t) {
    for (size_t i = 0; i < hidden; ++i) {
      x[t][i] = row_of("word_embeddings", static_cast<size_t>(ids[t]), i) +
                row_of("position_embeddings", t + static_cast<size_t>(config.position_offset), i) +
                row_of("token_type_embeddings", 0, i);
    }
  }
  Normalize(x, weights, "embeddings.LayerNorm", config.layer_norm_eps);
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = Concat("encoder.layer.", layer, ".");
    const std::string self = prefix + "attention.self.";
    const Matrix attended =
        Attention(Dense(x, weights, self + "query"), Dense(x, weights, self + "key"),
                  Dense(x, weights, self + "value"), static_cast<size_t>(config.heads));
    AddTo(x, Dense(attended, weights, prefix + "attention.output.dense"));
    Normalize(x, weights, prefix + "attention.output.LayerNorm", config.layer_norm_eps);
    Matrix wide = Dense(x, weights, prefix + "intermediate.dense");
    for (auto& row : wide) {
      for (double& v : row) v = Activated(config.activation, v);
    }
    AddTo(x, Dense(wide, weights, prefix + "output.dense"));
    Normalize(x, weights, prefix + "output.LayerNorm", config.layer_norm_eps);
  }
  std::vector<double> pooled = x[0];
  if (config.pooling == Pooling::kMean) {
    for (size_t t = 1; t < x.size(); ++t) {
      for (size_t i = 0; i < hidden; ++i) pooled[i] += x[t][i];
    }
  }
  double squares = 0;
  for (const double v : pooled) squares += v * v;
  for (double& v : pooled) v /= std::sqrt(squares);
  return pooled;
}

std::vector<float> EncodeTogether(const TransformerModel& model, const std::vector<Tokens>& texts) {
  std::vector<float> out(texts.size() * static_cast<size_t>(model.config().hidden));
  model.Encode(std::vector<std::span<const int32_t>>(texts.begin(), texts.end()), out);
  return out;
}

double CosineDistance(std::span<const float> a, std::span<const double> b) {
  double dot = 0;
  for (size_t i = 0; i < a.size(); ++i) dot += double{a[i]} * b[i];
  return 1 - dot;
}

std::string MiniLmFolder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base =
      cache != nullptr && *cache != 0 ? cache : JoinPath(home != nullptr ? home : "", ".cache");
  return JoinPath(base, "larder-bench/ann/model-b9a0018dff09");
}

bool HasMiniLm() {
  return FileSystem::Posix().Exists(JoinPath(MiniLmFolder(), "model.safetensors"));
}

}  // namespace larder::text
