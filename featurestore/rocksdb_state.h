// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_FEATURESTORE_ROCKSDB_STATE_H_
#define LARDER_FEATURESTORE_ROCKSDB_STATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"
#include "featurestore/position.h"

namespace rocksdb {
class Env;
}

namespace larder::featurestore {

// What a blob is about: the first byte of its key. On disk: docs/formats/state.md.
enum class BlobKind : char {
  kRow = 'r',         // name of the table, key
  kWindow = 'w',      // name of the entity, key, 16 bytes of the aggregate's digest
  kVector = 'v',      // 16 bytes of the feature's digest, key
  kSeen = 'k',        // name of the entity, key
  kLayout = 'l',      // id
  kControl = 'c',     // position
  kIds = 'i',         // name of the source, entry
  kHistoryId = 'h',   // name of the source, record id
  kSum = 's',         // the running state hash
  kCheckpoint = 'm',
};

// The keys of blobs. Names and keys are length-prefixed, so that all of an entity's key is in
// one place; numbers are big-endian, so that they are in order.
// What the keys of all blobs of a kind that are about one name begin with.
std::string BlobPrefix(BlobKind kind, std::string_view name);
std::string NamedBlobKey(BlobKind kind, std::string_view name, std::string_view key);
std::string WindowBlobKey(std::string_view entity, std::string_view key, const Digest& digest);
std::string VectorBlobKey(const Digest& digest, std::string_view key);
std::string NumberBlobKey(BlobKind kind, uint64_t number);
std::string IdsBlobKey(std::string_view source, uint64_t entry);
std::string HistoryIdBlobKey(std::string_view source, const Hash128& id);
inline constexpr size_t kDigestPrefix = 16;
inline std::string_view DigestPrefix(const Digest& digest) {
  return digest.view().substr(0, kDigestPrefix);
}
// Takes a blob's key apart, after the kind: false if it is not one.
bool ParseNamed(std::string_view rest, std::string_view& name, std::string_view& key);
bool ParseWindow(std::string_view rest, std::string_view& entity, std::string_view& key,
                 std::string_view& digest_prefix);
// For messages: kind, printable characters, the rest in hexadecimal.
std::string BlobName(std::string_view blob_key);

// One stored blob, checked.
struct Blob {
  Position position;      // last folded into it
  Hash128 share;          // of the running state hash (S10); zero for what it does not cover
  std::string_view body;  // lives as long as the call that it is passed to
};

// The blobs of the state, on a RocksDB of its own in `dir`. Writes are ordered: after a crash or a
// power cut the state is as after some write, at or after the last synced one.
// Thread-safety: thread-safe; one writer.
class StateDb {
 public:
  // Errors: kDataLoss naming `dir` if it is damaged.
  static StatusOr<std::unique_ptr<StateDb>> Open(const std::string& dir, rocksdb::Env* env);
  virtual ~StateDb() = default;

  // Writes made together, or not at all.
  class Batch {
   public:
    virtual ~Batch() = default;
    virtual void Put(std::string_view key, Position position, const Hash128& share,
                     std::string_view body) = 0;
    virtual void Delete(std::string_view key) = 0;
    // Deletes first <= key < last.
    virtual void DeleteRange(std::string_view first, std::string_view last) = 0;
    virtual void DeletePrefix(std::string_view prefix) = 0;
    virtual size_t SizeBytes() const = 0;
  };
  virtual std::unique_ptr<Batch> NewBatch() = 0;
  // `sync`: durable, with all that was written before, when it returns. After an error it is not
  // known whether the batch is stored; the same batch can be written again, and no other before it.
  virtual Status Write(Batch& batch, bool sync) = 0;

  // Errors: kNotFound; kDataLoss naming the blob.
  virtual Status Get(std::string_view key, const std::function<Status(const Blob&)>& visit) = 0;
  // All blobs whose key begins with `prefix`, in order; `rest` is the key after its first byte.
  // `once`: a whole read at start, which shall not push everything else out of the cache.
  virtual Status Scan(
      std::string_view prefix, bool once,
      const std::function<Status(std::string_view rest, const Blob& blob)>& visit) = 0;
};

}  // namespace larder::featurestore

#endif  // LARDER_FEATURESTORE_ROCKSDB_STATE_H_
