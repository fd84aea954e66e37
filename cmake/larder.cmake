# SPDX-License-Identifier: Apache-2.0
# Build rules shared by all folders: one larder_library per folder, one larder_test per folder.

option(LARDER_BUILD_TESTS "Build the tests" ON)
option(LARDER_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(LARDER_BUILD_FUZZERS "Build the fuzzers, which need clang: see tests/fuzz" OFF)
set(LARDER_SANITIZE "" CACHE STRING "Sanitizers for the whole build: '', 'address,undefined' or 'thread'")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(LARDER_CCACHE ccache)
if(LARDER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the checkout: a second clone finds what the first one compiled.
  set(launcher ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${LARDER_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# Warnings, reproducible floating point (R3) and sanitizers, for our own code only.
add_library(larder_warnings INTERFACE)
target_compile_options(larder_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

add_library(larder_build INTERFACE)
target_compile_options(larder_build INTERFACE -ffp-contract=off -pthread)
target_include_directories(larder_build INTERFACE ${CMAKE_SOURCE_DIR})
if(LARDER_SANITIZE)
  target_compile_options(larder_build INTERFACE
    -fsanitize=${LARDER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(LARDER_SANITIZE MATCHES undefined)
    # Null pointers and ends of objects are AddressSanitizer's; vptr checks double a build's time.
    target_compile_options(larder_build INTERFACE -fno-sanitize=vptr,null,object-size)
  endif()
  target_link_options(larder_build INTERFACE -fsanitize=${LARDER_SANITIZE})
else()
  # In front of libc's malloc; sanitizers bring their own.
  target_link_libraries(larder_build INTERFACE PkgConfig::jemalloc)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(larder_build INTERFACE -fno-plt)
endif()

# Headers of others that most files include, compiled once: a third of a build's time. Every file
# still includes what it uses, and builds with CMAKE_DISABLE_PRECOMPILE_HEADERS=ON too.
set(LARDER_COMMON_HEADERS
  <algorithm> <atomic> <chrono> <cmath> <cstdint> <functional> <limits> <map> <memory> <optional>
  <set> <span> <string> <string_view> <unordered_map> <utility> <vector>
  <absl/status/statusor.h> <absl/strings/cord.h> <absl/synchronization/mutex.h>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)  # for ccache
endif()

# larder_library(NAME ann HDRS … SRCS … DEPS … PRIVATE_DEPS …)
#
# One static library `larder::NAME` per folder. HDRS are verified to be self-contained.
# DEPS are visible to users of the folder, PRIVATE_DEPS (third party) are not. PRECOMPILE names
# further headers to compile once for this folder.
function(larder_library)
  cmake_parse_arguments(ARG "" "NAME" "HDRS;SRCS;DEPS;PRIVATE_DEPS;PRECOMPILE" ${ARGN})
  set(target larder_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SRCS})
  add_library(larder::${ARG_NAME} ALIAS ${target})
  target_sources(${target} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${ARG_HDRS})
  target_link_libraries(${target} PUBLIC larder_build ${ARG_DEPS}
    PRIVATE larder_warnings ${ARG_PRIVATE_DEPS})
  if(ARG_PRECOMPILE OR ARG_NAME STREQUAL "base")
    target_precompile_headers(${target} PRIVATE ${LARDER_COMMON_HEADERS} ${ARG_PRECOMPILE})
  else()
    target_precompile_headers(${target} REUSE_FROM larder_base)
  endif()
endfunction()

add_custom_target(unit_tests)

# larder_test(NAME ann SRCS … DEPS … LABELS unit|slow|grpc|…)
#
# One test binary per folder; every TEST becomes a ctest entry with the labels and a time limit.
# Tests are compiled without optimisation and without UBSan, which our libraries have: they are many
# and each of their lines runs once. The target `unit_tests` builds all that have the label unit.
function(larder_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  set(target ${ARG_NAME}_test)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${target} ${ARG_SRCS})
  target_link_libraries(${target} PRIVATE larder_build larder_warnings ${ARG_DEPS}
    GTest::gmock GTest::gtest_main)
  target_compile_options(${target} PRIVATE -O0)
  if(LARDER_SANITIZE MATCHES undefined)
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
  if("unit" IN_LIST ARG_LABELS)
    add_dependencies(unit_tests ${target})
  endif()
  if(ARG_NAME STREQUAL "base")
    target_precompile_headers(${target} PRIVATE
      ${LARDER_COMMON_HEADERS} <random> <gmock/gmock.h> <gtest/gtest.h>)
  else()
    target_precompile_headers(${target} REUSE_FROM base_test)
  endif()
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${ARG_NAME}."
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
