// SPDX-License-Identifier: Apache-2.0
//
// How jemalloc is set up in our programs; read by it before main() (jemalloc(3), "TUNING").

// Large pages: a read touches thousands of small blocks all over the heap, and with 4 KiB pages
// the processor walks page tables for most of them.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "thp:always,metadata_thp:auto";
}
