// SPDX-License-Identifier: Apache-2.0
#include "featurestore/rocksdb_state.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <limits>
#include <utility>

#include "base/bytes.h"
#include "featurestore/hash_bytes.h"
#include "featurestore/rocksdb_status.h"

namespace larder::featurestore {

std::string BlobPrefix(BlobKind kind, std::string_view name) {
  std::string out(1, static_cast<char>(kind));
  ByteWriter(out).String(name);
  return out;
}

std::string NamedBlobKey(BlobKind kind, std::string_view name, std::string_view key) {
  std::string out = BlobPrefix(kind, name);
  ByteWriter(out).String(key);
  return out;
}

std::string WindowBlobKey(std::string_view entity, std::string_view key, const Digest& digest) {
  std::string out = NamedBlobKey(BlobKind::kWindow, entity, key);
  out.append(DigestPrefix(digest));
  return out;
}

std::string VectorBlobKey(const Digest& digest, std::string_view key) {
  return NamedBlobKey(BlobKind::kVector, DigestPrefix(digest), key);
}

std::string NumberBlobKey(BlobKind kind, uint64_t number) {
  return Concat(static_cast<char>(kind), BigEndian(number));
}

std::string IdsBlobKey(std::string_view source, uint64_t entry) {
  return BlobPrefix(BlobKind::kIds, source) + BigEndian(entry);
}

std::string HistoryIdBlobKey(std::string_view source, const Hash128& id) {
  return BlobPrefix(BlobKind::kHistoryId, source) + BigEndian(id.high) + BigEndian(id.low);
}

bool ParseNamed(std::string_view rest, std::string_view& name, std::string_view& key) {
  ByteReader in(rest);
  name = in.String();
  key = in.String();
  return in.ok() && in.remaining() == 0;
}

bool ParseWindow(std::string_view rest, std::string_view& entity, std::string_view& key,
                 std::string_view& digest_prefix) {
  ByteReader in(rest);
  entity = in.String();
  key = in.String();
  digest_prefix = in.Raw(kDigestPrefix);
  return in.ok() && in.remaining() == 0;
}

std::string BlobName(std::string_view blob_key) {
  std::string out = "state blob '";
  for (const char c : blob_key) {
    if (c >= 0x20 && c < 0x7f) {
      out.push_back(c);
    } else {
      out.append("\\x").append(ToHex({&c, 1}));
    }
  }
  return out + "'";
}

namespace {

// position | share | body | checksum over key and all before it.
void EncodeBlob(std::string_view key, Position position, const Hash128& share,
                std::string_view body, std::string& out) {
  ByteWriter writer(out);
  writer.Varint(position.value);
  EncodeHash(share, writer);
  writer.Raw(body);
  writer.Fixed(Hash64(out, Hash64(key)));
}

StatusOr<Blob> DecodeBlob(std::string_view key, std::string_view bytes) {
  constexpr size_t kChecksum = sizeof(uint64_t);
  if (bytes.size() < kChecksum) return DataLoss(BlobName(key), " is too short");
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksum);
  ByteReader tail(bytes.substr(content.size()));
  if (tail.Fixed<uint64_t>() != Hash64(content, Hash64(key))) {
    return DataLoss(BlobName(key), " has a wrong checksum");
  }
  ByteReader in(content);
  Blob blob;
  blob.position = Position{in.Varint()};
  blob.share = DecodeHash(in);
  if (!in.ok()) return DataLoss(BlobName(key), " is too short");
  blob.body = in.Raw(in.remaining());
  return blob;
}

rocksdb::Options StateOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  // The state is some prefix of what was written, never one with holes; the log has the rest.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.paranoid_checks = true;
  // Bounds what is replayed from RocksDB's own log at start.
  options.write_buffer_size = size_t{32} << 20;
  options.max_write_buffer_number = 3;
  options.avoid_flush_during_recovery = true;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kLZ4Compression;
  options.max_open_files = 128;
  options.info_log = NoMessages();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = size_t{16} << 10;
  table.block_cache = rocksdb::NewLRUCache(size_t{64} << 20);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// The least key after all that begin with `prefix`; kinds are letters, so there is one.
std::string After(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksDbBatch : public StateDb::Batch {
 public:
  void Put(std::string_view key, Position position, const Hash128& share,
           std::string_view body) override {
    value_.clear();
    EncodeBlob(key, position, share, body, value_);
    Note(batch_.Put(ToSlice(key), value_));
  }
  void Delete(std::string_view key) override { Note(batch_.Delete(ToSlice(key))); }
  void DeleteRange(std::string_view first, std::string_view last) override {
    Note(batch_.DeleteRange(ToSlice(first), ToSlice(last)));
  }
  void DeletePrefix(std::string_view prefix) override { DeleteRange(prefix, After(prefix)); }
  size_t SizeBytes() const override { return batch_.GetDataSize(); }

  rocksdb::WriteBatch& batch() { return batch_; }
  const rocksdb::Status& status() const { return status_; }

 private:
  void Note(const rocksdb::Status& status) {
    if (status_.ok()) status_ = status;
  }

  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
  std::string value_;
};

class RocksDbState : public StateDb {
 public:
  RocksDbState(std::unique_ptr<rocksdb::DB> db, std::string dir)
      : db_(std::move(db)), dir_(std::move(dir)) {}

  std::unique_ptr<Batch> NewBatch() override { return std::make_unique<RocksDbBatch>(); }

  Status Write(Batch& batch, bool sync) override {
    auto& own = static_cast<RocksDbBatch&>(batch);
    LARDER_RETURN_IF_ERROR(FromRocksDb(own.status(), dir_));
    // After an error RocksDB takes nothing until it is told to go on, which it does if it can.
    if (!error_.ok() && !db_->Resume().ok()) return error_;
    rocksdb::WriteOptions options;
    options.sync = sync;
    error_ = FromRocksDb(db_->Write(options, &own.batch()), dir_);
    return error_;
  }

  Status Get(std::string_view key, const std::function<Status(const Blob&)>& visit) override {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        db_->Get(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), ToSlice(key), &value);
    if (!status.ok()) return FromRocksDb(status, BlobName(key));
    LARDER_ASSIGN_OR_RETURN(const Blob blob, DecodeBlob(key, ToView(value)));
    return visit(blob);
  }

  Status Scan(std::string_view prefix, bool once,
              const std::function<Status(std::string_view, const Blob&)>& visit) override {
    rocksdb::ReadOptions options;
    if (once) {
      options.fill_cache = false;
      options.readahead_size = size_t{2} << 20;
    }
    const std::string end = After(prefix);
    const rocksdb::Slice bound = ToSlice(end);
    options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
    for (it->Seek(ToSlice(prefix)); it->Valid(); it->Next()) {
      const std::string_view key = ToView(it->key());
      LARDER_ASSIGN_OR_RETURN(const Blob blob, DecodeBlob(key, ToView(it->value())));
      LARDER_RETURN_IF_ERROR(visit(key.substr(1), blob));
    }
    return FromRocksDb(it->status(), dir_);
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  const std::string dir_;
  Status error_;  // of the last write; the one writer's
};

}  // namespace

StatusOr<std::unique_ptr<StateDb>> StateDb::Open(const std::string& dir, rocksdb::Env* env) {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(StateOptions(env), dir, &db);
  LARDER_RETURN_IF_ERROR(FromRocksDb(status, dir));
  return std::make_unique<RocksDbState>(std::unique_ptr<rocksdb::DB>(db), dir);
}

}  // namespace larder::featurestore
