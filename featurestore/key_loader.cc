// SPDX-License-Identifier: Apache-2.0
#include "featurestore/key_loader.h"

#include <utility>

#include "base/bytes.h"

namespace larder::featurestore {

using registry::kNoOrdinal;
using registry::Ordinal;

void LoadedKey::Install() {
  const Ordinal ordinal = entity->Add(key);
  entity->MarkSeen(ordinal, /*stored=*/true);
  entity->Touch(ordinal);
  for (Window& window : windows) {
    window.table->Install(ordinal, window.position, std::move(window.state));
  }
}

StatusOr<std::unique_ptr<AggregateState>> DecodeWindowBlob(const WindowTable& table,
                                                           std::string_view blob_key,
                                                           const Blob& blob) {
  auto state = AggregateState::Decode(table.shape(), blob.body);
  if (!state.ok()) return Annotate(state.status(), BlobName(blob_key));
  (*state)->share = blob.share;
  return state;
}

StatusOr<std::optional<LoadedKey>> LoadKey(StateDb& db, const StoreState& state,
                                           EntityState& entity, std::string_view key) {
  const Status seen = db.Get(NamedBlobKey(BlobKind::kSeen, entity.name(), key),
                             [](const Blob&) { return OkStatus(); });
  if (seen.code() == StatusCode::kNotFound) return std::nullopt;
  LARDER_RETURN_IF_ERROR(seen);
  LoadedKey loaded{&entity, std::string(key), {}};
  const std::string prefix = NamedBlobKey(BlobKind::kWindow, entity.name(), key);
  const Status scanned =
      db.Scan(prefix, /*once=*/false, [&](std::string_view rest, const Blob& blob) -> Status {
        const std::string blob_key = Concat('w', rest);
        WindowTable* table =
            state.FindWindowByPrefix(std::string_view(blob_key).substr(prefix.size()));
        if (table == nullptr) return DataLoss(BlobName(blob_key), " is of no known aggregate");
        LARDER_ASSIGN_OR_RETURN(auto window, DecodeWindowBlob(*table, blob_key, blob));
        loaded.windows.push_back({table, blob.position, std::move(window)});
        return OkStatus();
      });
  LARDER_RETURN_IF_ERROR(scanned);
  return loaded;
}

StatusOr<std::vector<LoadedKey>> LoadMissingKeys(StateDb& db, const StoreState& state,
                                                 EntityState& entity) {
  std::vector<std::string> missing;
  const std::string prefix = BlobPrefix(BlobKind::kSeen, entity.name());
  LARDER_RETURN_IF_ERROR(
      db.Scan(prefix, /*once=*/true, [&](std::string_view rest, const Blob&) -> Status {
        std::string_view name;
        std::string_view key;
        if (!ParseNamed(rest, name, key)) return DataLoss(BlobName(Concat('k', rest)));
        if (std::as_const(entity).keys().Find(key) == kNoOrdinal) missing.emplace_back(key);
        return OkStatus();
      }));
  std::vector<LoadedKey> loaded;
  for (const std::string& key : missing) {
    LARDER_ASSIGN_OR_RETURN(std::optional<LoadedKey> one, LoadKey(db, state, entity, key));
    if (one.has_value()) loaded.push_back(*std::move(one));
  }
  return loaded;
}

}  // namespace larder::featurestore
