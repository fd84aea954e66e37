// SPDX-License-Identifier: Apache-2.0
#include "featurestore/rocksdb_status.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace larder::featurestore {
namespace {

using testing::HasSubstr;

TEST(RocksDbStatus, MapsEachKindAndNamesTheThing) {
  const struct {
    rocksdb::Status status;
    StatusCode code;
  } cases[] = {
      {rocksdb::Status::NotFound(), StatusCode::kNotFound},
      {rocksdb::Status::Corruption("block checksum mismatch"), StatusCode::kDataLoss},
      {rocksdb::Status::IOError("short read"), StatusCode::kUnavailable},
      {rocksdb::Status::NoSpace(), StatusCode::kResourceExhausted},
      {rocksdb::Status::PathNotFound("000007.sst"), StatusCode::kDataLoss},
      {rocksdb::Status::IOError("While lock file: /x/LOCK", "Resource temporarily unavailable"),
       StatusCode::kFailedPrecondition},
      {rocksdb::Status::InvalidArgument("no"), StatusCode::kInvalidArgument},
      {rocksdb::Status::ShutdownInProgress(), StatusCode::kUnavailable},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(FromRocksDb(test.status, "/data/log"),
                StatusIs(test.code, HasSubstr("/data/log: ")))
        << test.status.ToString();
  }
  EXPECT_OK(FromRocksDb(rocksdb::Status::OK(), "x"));
}

}  // namespace
}  // namespace larder::featurestore
