// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_TESTS_SUPPORT_FAKE_FEATURE_READER_H_
#define LARDER_TESTS_SUPPORT_FAKE_FEATURE_READER_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "registry/stored_feature.h"

namespace larder::registry {

// Stored features held in columns: row i of "entity.source.column" is that of key i of the entity.
class FakeFeatureReader : public FeatureReader {
 public:
  std::map<std::string, std::vector<std::string>, std::less<>> keys;  // by entity
  std::map<std::string, Column> features;
  int find_calls = 0;
  int read_calls = 0;

  void FindKeys(std::string_view entity, std::span<const std::string_view> texts,
                std::span<Ordinal> ordinals) override {
    ++find_calls;
    const auto known = keys.find(entity);
    for (size_t i = 0; i < texts.size(); ++i) {
      ordinals[i] = kNoOrdinal;
      if (known == keys.end()) continue;
      for (size_t k = 0; k < known->second.size(); ++k) {
        if (known->second[k] == texts[i]) ordinals[i] = static_cast<Ordinal>(k);
      }
    }
  }

  std::string_view KeyOf(std::string_view entity, Ordinal ordinal) override {
    return keys.find(entity)->second[ordinal];
  }

  Status Read(const StoredFeature& feature, std::span<const Ordinal> ordinals, bool want_times,
              Column& out) override {
    ++read_calls;
    const std::string name = feature.entity + "." + feature.source + "." + feature.column;
    const auto found = features.find(name);
    if (found == features.end()) return NotFound("feature '", name, "'");
    Column values = found->second;
    if (!want_times) values.times.clear();
    for (const Ordinal ordinal : ordinals) {
      if (ordinal != kNoOrdinal) {
        out.AppendRow(values, ordinal);
        continue;
      }
      out.AppendNull(Reason::kNotFound);
      if (!values.times.empty()) out.times.push_back(kNoTime);
    }
    return OkStatus();
  }
};

// Codes made of the hash of a text.
class FakeEmbedder : public TextEmbedder {
 public:
  explicit FakeEmbedder(size_t dimensions) : dimensions_(dimensions) {}
  std::vector<std::string> texts;  // all that was embedded

  Status Embed(const Digest&, TextRole, std::span<const std::string_view> batch,
               std::span<int8_t> out) override {
    for (size_t i = 0; i < batch.size(); ++i) {
      texts.emplace_back(batch[i]);
      for (size_t d = 0; d < dimensions_; ++d) {
        out[i * dimensions_ + d] = static_cast<int8_t>(Hash64(batch[i], d) % 255 - 127);
      }
    }
    return OkStatus();
  }

  std::string JoinFields(std::span<const std::string_view> fields) const override {
    std::string joined;
    for (const std::string_view field : fields) {
      joined += field.data() == nullptr ? "<null>" : std::string(field);
      joined += ";";
    }
    return joined;
  }

 private:
  size_t dimensions_;
};

}  // namespace larder::registry

#endif  // LARDER_TESTS_SUPPORT_FAKE_FEATURE_READER_H_
