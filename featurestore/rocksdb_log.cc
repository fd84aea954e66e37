// SPDX-License-Identifier: Apache-2.0
#include "featurestore/rocksdb_log.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <utility>

#include "base/bytes.h"
#include "featurestore/rocksdb_status.h"
#include "featurestore/sync_mark.h"

namespace larder::featurestore {
namespace {

constexpr char kMarkName[] = "SYNCED";

// 0 (no entry has it) for a key that is not ours.
uint64_t NumberOf(const rocksdb::Slice& key) {
  return FromBigEndian({key.data(), key.size()}).value_or(0);
}

rocksdb::Options LogOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  // An unsynced tail may have holes after a power cut (S11): keep the prefix before the first. What
  // was synced is looked for before that: CheckEnd.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.paranoid_checks = true;
  // Keys only grow, so files never overlap and level compaction moves them without rewriting.
  options.compaction_style = rocksdb::kCompactionStyleLevel;
  options.write_buffer_size = size_t{64} << 20;
  options.max_write_buffer_number = 4;
  options.max_background_jobs = 2;
  // Compression is for flushes in the background; the WAL, which callers wait for, has none.
  options.compression = rocksdb::kLZ4Compression;
  options.max_open_files = 64;
  options.info_log = NoMessages();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = size_t{64} << 10;  // entries are read in order, never looked up by key
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ReadOptions SequentialRead() {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  options.readahead_size = size_t{1} << 20;
  return options;
}

// The greatest entry, 0 if there is none. Errors: kDataLoss.
StatusOr<uint64_t> LastOf(rocksdb::DB& db, const std::string& dir) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(SequentialRead()));
  it->SeekToLast();
  LARDER_RETURN_IF_ERROR(FromRocksDb(it->status(), dir));
  if (!it->Valid()) return uint64_t{0};
  const uint64_t last = NumberOf(it->key());
  if (last == 0) return DataLoss(dir, ": a key is not an entry number");
  return last;
}

// Looks at a log without changing it: opening it to write keeps what can be read up to the first
// hole and removes the rest for good.
Status CheckEnd(const rocksdb::Options& options, const std::string& dir, const SyncMark& mark) {
  if (mark.number() == 0) return OkStatus();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(options, dir, &db);
  LARDER_RETURN_IF_ERROR(FromRocksDb(opened, dir));
  const std::unique_ptr<rocksdb::DB> closing(db);
  LARDER_ASSIGN_OR_RETURN(const uint64_t last, LastOf(*db, dir));
  if (last >= mark.number()) return OkStatus();
  return DataLoss(dir, " is damaged: its entries up to ", mark.number(),
                  " were synced, but it can be read up to ", last,
                  " only. Restore it from a copy. To go on without the rest: keep a copy, remove ",
                  dir, "/", kMarkName, " and the folder state beside it, which is made again");
}

class RocksDbLog : public Log {
 public:
  RocksDbLog(std::unique_ptr<rocksdb::DB> db, std::string dir, std::unique_ptr<SyncMark> mark)
      : db_(std::move(db)), dir_(std::move(dir)), mark_(std::move(mark)) {}

  // Finds the end and checks that entry 1 and as many as there should be are there.
  Status Recover() {
    LARDER_ASSIGN_OR_RETURN(const uint64_t last, LastOf(*db_, dir_));
    if (last == 0) return OkStatus();
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(SequentialRead()));
    it->SeekToFirst();
    if (!it->Valid()) return FromRocksDb(it->status(), dir_);
    const uint64_t first = NumberOf(it->key());
    if (first == 0 || last < first) return DataLoss(dir_, ": a key is not an entry number");
    if (first > 1) return DataLoss(dir_, ": entries are missing: the first is ", first);
    // Opening flushed everything to tables. Entries are written once: fewer than expected means
    // holes.
    rocksdb::TablePropertiesCollection tables;
    LARDER_RETURN_IF_ERROR(FromRocksDb(db_->GetPropertiesOfAllTables(&tables), dir_));
    uint64_t entries = 0;
    for (const auto& [name, properties] : tables) entries += properties->num_entries;
    if (entries < last) {
      return DataLoss(dir_, ": entries are missing: there are ", entries, " of ", last);
    }
    last_.store(last);
    return OkStatus();
  }

  Status Append(std::span<const std::string> entries) override {
    if (failed_) {
      return Unavailable(dir_, ": an earlier append failed, what is durable is unknown");
    }
    if (entries.empty()) return OkStatus();
    const uint64_t last = last_.load();
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < entries.size(); ++i) batch.Put(BigEndian(last + 1 + i), entries[i]);
    rocksdb::WriteOptions options;
    options.sync = true;
    const Status status = FromRocksDb(db_->Write(options, &batch), dir_);
    if (!status.ok()) {
      failed_ = true;
      return status;
    }
    last_.store(last + entries.size());
    mark_->Set(last + entries.size());
    return OkStatus();
  }

  uint64_t last() const override { return last_.load(); }

  Status Read(uint64_t from, const std::function<Status(uint64_t, std::string_view)>& visit)
      const override {
    const uint64_t last = last_.load();
    if (from > last) return OkStatus();
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(SequentialRead()));
    uint64_t expected = from;
    for (it->Seek(BigEndian(from)); it->Valid() && expected <= last; it->Next(), ++expected) {
      const uint64_t number = NumberOf(it->key());
      if (number != expected) {
        return DataLoss(dir_, ": entry ", expected, " is missing, the next is ", number);
      }
      LARDER_RETURN_IF_ERROR(visit(number, {it->value().data(), it->value().size()}));
    }
    LARDER_RETURN_IF_ERROR(FromRocksDb(it->status(), dir_));
    if (expected <= last) return DataLoss(dir_, ": entry ", expected, " is missing");
    return OkStatus();
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  const std::string dir_;
  const std::unique_ptr<SyncMark> mark_;
  std::atomic<uint64_t> last_{0};
  bool failed_ = false;  // of the one appender
};

}  // namespace

StatusOr<std::unique_ptr<Log>> OpenRocksDbLog(const std::string& dir, rocksdb::Env* env) {
  const rocksdb::Options options = LogOptions(env);
  LARDER_RETURN_IF_ERROR(FromRocksDb(options.env->CreateDirIfMissing(dir), dir));
  LARDER_ASSIGN_OR_RETURN(auto mark, SyncMark::Open(Concat(dir, "/", kMarkName)));
  LARDER_RETURN_IF_ERROR(CheckEnd(options, dir, *mark));
  rocksdb::DB* db = nullptr;
  LARDER_RETURN_IF_ERROR(FromRocksDb(rocksdb::DB::Open(options, dir, &db), dir));
  auto log =
      std::make_unique<RocksDbLog>(std::unique_ptr<rocksdb::DB>(db), dir, std::move(mark));
  LARDER_RETURN_IF_ERROR(log->Recover());
  return log;
}

}  // namespace larder::featurestore
