// SPDX-License-Identifier: Apache-2.0
#include "tests/serving/serving_world.h"

#include <gtest/gtest.h>

#include "serving/registry_handlers.h"
#include "tests/text/text_testing.h"

namespace larder::serving {

const std::string_view kTestDefinitions = R"(
entity: item
key: item_id
---
entity: user
key: user_id
---
encoder: titles
path: encoders/titles
---
table: catalog
of: item
time: updated_at
unit: us
columns: {title: string, language: string, price: double, stock: int64}
---
events: clicks
keys: {user_id: user, item_id: item}
time: clicked_at
unit: us
id: click_id
columns: {click_id: string}
---
view: text_of
of: item
from: catalog
define:
  vec: embed(titles, title)
---
view: quality
of: item
from: clicks
define:
  clicks: count(over 7d)
---
view: taste
of: user
from: clicks
define:
  recent: last(item_id, 50, distinct, over 30d)
---
request: page
keys: {user: user, seed: item}
columns: {language: string, hour: int64, max_price: double}
---
set: ranker
for: page
candidate: item
columns:
  - candidate.catalog.price
  - candidate.catalog.stock
  - candidate.catalog.title
  - candidate.quality.clicks
  - page.hour
  - like: cosine(seed.text_of.vec, candidate.text_of.vec)
  - twice: {is: candidate.catalog.price * 2, as: double}
---
retrieval: similar
for: page
candidate: item
channels:
  like: {near: text_of.vec, to: seed.text_of.vec, take: 20}
  hot: {top: quality.clicks, take: 10}
  cheap_hot: {top: quality.clicks, take: 5, where: candidate.catalog.price <= page.max_price}
where: candidate.catalog.language == page.language
exclude: [seed, user.taste.recent]
score: rrf(like, hot)
limit: 12
return: ranker
---
retrieval: plain
for: page
candidate: item
channels:
  like: {near: text_of.vec, to: seed.text_of.vec, take: 5}
score: rrf(like)
limit: 5
---
retrieval: exploring
for: page
candidate: item
channels:
  hot: {top: quality.clicks, take: 10}
  explore: {sample: 3}
where: candidate.catalog.language == page.language
score: rrf(hot)
limit: 6
)";

const std::string_view kEncoderDefinition = "encoder: titles\npath: encoders/titles\n";

ServingWorld::ServingWorld(std::string_view definitions, size_t max_delta,
                           const EncodersOptions& options, EncoderOpener open)
    : indexes(FileSystem::Posix(), max_delta) {
  FileSystem& fs = FileSystem::Posix();
  artifacts = *featurestore::ArtifactStore::Open(fs, dir.path() + "/data");
  LARDER_CHECK(text::WriteSampleEncoder(dir.path() + "/encoder").ok());
  encoder_digest = *featurestore::PutDirectory(*artifacts, fs, dir.path() + "/encoder");
  encoders.emplace(fs, *artifacts, options, std::move(open));
  store.emplace(*artifacts, *encoders, indexes);
  live_recall.emplace(*store, indexes, 0.0);
  backend.emplace(
      Backend{*store, *artifacts, *encoders, indexes, top_lists, key_hashes, *live_recall});
  if (definitions.empty()) return;
  if (const auto info = encoders->Load(encoder_digest); info.ok()) {
    encoder_dimensions = static_cast<uint32_t>(info->dimensions);
    encoder_makes_floats = info->element() == text::VectorElement::kFloat;
  }
  const auto applied = Apply(Definitions<v1::ApplyRequest>(definitions), context());
  if (!applied.ok()) ADD_FAILURE() << applied.status().ToString();
}

void ServingWorld::DamageEncoder() {
  FileSystem& fs = FileSystem::Posix();
  const std::string path = *artifacts->Path(encoder_digest) + "/model.safetensors";
  std::string bytes = *fs.Read(path, 1 << 22);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  if (!WriteFileAtomically(fs, path, bytes).ok()) ADD_FAILURE() << path;
}

void ServingWorld::AddItem(const std::string& key, const std::string& title,
                           const std::string& language, double price) {
  store->SetRow("catalog", key,
                {{"title", title},
                 {"language", language},
                 {"price", price},
                 {"stock", int64_t{7}}});
}

std::vector<std::string> Strings(const v1::Column& column) {
  EXPECT_EQ(column.type(), v1::COLUMN_TYPE_STRING) << column.name();
  std::vector<int32_t> offsets(column.offsets().size() / sizeof(int32_t));
  std::memcpy(offsets.data(), column.offsets().data(), column.offsets().size());
  std::vector<std::string> values;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    values.push_back(column.values().substr(static_cast<size_t>(offsets[i]),
                                            static_cast<size_t>(offsets[i + 1] - offsets[i])));
  }
  return values;
}

std::vector<bool> Validity(const v1::Column& column) {
  std::vector<bool> valid(column.rows(), true);
  if (column.validity().empty()) return valid;
  for (size_t i = 0; i < valid.size(); ++i) {
    valid[i] = (static_cast<uint8_t>(column.validity()[i / 8]) >> (i % 8) & 1) != 0;
  }
  return valid;
}

const v1::Column& FindColumn(const google::protobuf::RepeatedPtrField<v1::Column>& columns,
                             std::string_view name) {
  for (const v1::Column& column : columns) {
    if (column.name() == name) return column;
  }
  ADD_FAILURE() << "no column " << name;
  return v1::Column::default_instance();
}

}  // namespace larder::serving
