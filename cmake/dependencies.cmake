# SPDX-License-Identifier: Apache-2.0
# Third-party packages, all from Debian 12 (see tools/setup). Each folder links what it names.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(simdjson CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(Eigen3 CONFIG REQUIRED)
find_package(OpenMP REQUIRED)
find_package(PkgConfig REQUIRED)

# Prefix pc_: the plain names would clash with the find modules of RocksDB.
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(pc_zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(pc_zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)

find_package(faiss CONFIG REQUIRED)
include(sentencepiece)

if(LARDER_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(LARDER_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
