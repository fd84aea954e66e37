#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One peer of the ann benchmark as a process that answers requests, so that rounds interleave.

    bench/ann/engine.py NAME BASE.npy QUERIES.npy [--threads 2]

Builds the index of BASE with that many threads and prints {"ready": true, "engine", "version",
"config", "build_s", "bytes_per_vector", "effort_floor"}. Then each line of stdin gets one line:

    search K EFFORT OUT.npy   searches all queries in one call on one thread; ids, int32
                              [queries, K], go to OUT unless it is "-": {"seconds": …}
    quit                      ends

Both inputs are float32 of length 1. `bytes_per_vector` is, for every peer, by how much the
process's anonymous resident memory has grown between just before and just after the build, divided
by the rows, with the heap trimmed both times; the input is mapped and does not count.
`effort_floor` is the least effort that makes sense: "k" where it is the length of a list of
candidates, 1 where it counts partitions.
"""

import argparse
import ctypes
import gc
import importlib.metadata
import json
import math
import os
import sys
import time

import numpy as np

SEED = 1
HUGE_PAGE, MADV_HUGEPAGE, MADV_COLLAPSE = 2 << 20, 14, 25


class Hnswlib:
    """The reference implementation of HNSW."""

    package, config, floor = "hnswlib", "M=16 efC=200 f32", "k"

    def build(self, base, threads):
        """Space `ip` on vectors of length 1."""
        import hnswlib  # pylint: disable=import-outside-toplevel
        self.index = hnswlib.Index(space="ip", dim=base.shape[1])
        self.index.init_index(len(base), M=16, ef_construction=200, random_seed=SEED)
        self.index.add_items(base, num_threads=threads)

    def search(self, queries, k, effort):
        """Effort is ef."""
        self.index.set_ef(max(effort, k))
        return self.index.knn_query(queries, k=k, num_threads=1)[0]


class FaissHnsw:
    """IndexHNSWFlat."""

    package, config, floor = "faiss-cpu", "HNSW32 efC=200 f32", "k"

    def make(self, faiss, dimensions):
        """The empty index."""
        return faiss.IndexHNSWFlat(dimensions, 32, faiss.METRIC_INNER_PRODUCT)

    def build(self, base, threads):
        """Trains where the storage needs it, then adds."""
        import faiss  # pylint: disable=import-outside-toplevel
        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        self.index = self.make(faiss, base.shape[1])
        self.index.hnsw.efConstruction = 200
        self.index.train(base)
        self.index.add(base)

    def search(self, queries, k, effort):
        """Effort is efSearch."""
        self.faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = max(effort, k)
        return self.index.search(queries, k)[1]


class FaissHnswSq(FaissHnsw):
    """IndexHNSWSQ, 8 bits a dimension."""

    config = "HNSW32 efC=200 SQ8"

    def make(self, faiss, dimensions):
        """The empty index."""
        return faiss.IndexHNSWSQ(dimensions, faiss.ScalarQuantizer.QT_8bit, 32,
                                 faiss.METRIC_INNER_PRODUCT)


class FaissIvf:
    """Partitions with 4-bit product codes, scanned by SIMD, refined by half floats."""

    package, config, floor = "faiss-cpu", "", 1

    def build(self, base, threads):
        """About 4 sqrt(n) partitions, two dimensions a code."""
        import faiss  # pylint: disable=import-outside-toplevel
        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        lists = 2 ** round(math.log2(max(4, 4 * math.sqrt(len(base)))))
        self.config = f"IVF{lists},PQ{base.shape[1] // 2}x4fs,Refine(SQfp16)"
        self.index = faiss.index_factory(base.shape[1], self.config, faiss.METRIC_INNER_PRODUCT)
        self.index.train(base)
        self.index.add(base)

    def search(self, queries, k, effort):
        """Effort is nprobe; candidates for the refinement: at least 100, at least 3 k."""
        self.faiss.omp_set_num_threads(1)
        parameters = self.faiss.IndexRefineSearchParameters(
            k_factor=max(3.0, 100 / k),
            base_index_params=self.faiss.SearchParametersIVF(nprobe=effort))
        return self.index.search(queries, k, params=parameters)[1]


class Usearch:
    """USearch with float32."""

    package, config, floor, dtype = "usearch", "M=16 efC=200 f32", "k", "f32"

    def build(self, base, threads):
        """Metric `cos`, for which int8 is scaled."""
        from usearch.index import Index  # pylint: disable=import-outside-toplevel
        self.index = Index(ndim=base.shape[1], metric="cos", dtype=self.dtype, connectivity=16,
                           expansion_add=200)
        self.index.add(np.arange(len(base)), base, threads=threads)
        self.config += " " + str(self.index.hardware_acceleration)

    def search(self, queries, k, effort):
        """Effort is expansion_search."""
        self.index.expansion_search = max(effort, k)
        return self.index.search(queries, k, threads=1).keys


class UsearchInt8(Usearch):
    """USearch with int8, made here: its own cast maps [-1, 1] to [-127, 127], which leaves the
    small numbers of long vectors some four bits."""

    config, dtype = "M=16 efC=200 i8", "i8"

    def codes(self, vectors):
        """One scale for all, so that the base's largest number is 127."""
        return np.clip(np.rint(vectors * self.scale), -127, 127).astype(np.int8)

    def build(self, base, threads):
        """The casting counts as building."""
        self.scale = 127 / max(float(base.max()), -float(base.min()))
        super().build(self.codes(base), threads)

    def search(self, queries, k, effort):
        """The casting of the queries counts as searching."""
        return super().search(self.codes(queries), k, effort)


class Svs:
    """Intel's Vamana graph over half floats."""

    package, config, floor = "scalable-vs", "Vamana R=64 W=128 a=0.95 f16", "k"

    def build(self, base, threads):
        """By inner product with the alpha recommended for it; L2 with 1.2 is slower."""
        import svs  # pylint: disable=import-outside-toplevel
        parameters = svs.VamanaBuildParameters(graph_max_degree=64, window_size=128, alpha=0.95)
        self.index = svs.Vamana.build(parameters, base.astype(np.float16), svs.DistanceType.MIP,
                                      num_threads=threads)
        self.index.num_threads = 1

    def search(self, queries, k, effort):
        """Effort is the search window."""
        self.index.search_window_size = max(effort, k)
        return self.index.search(queries, k)[0]


PEERS = {"hnswlib": Hnswlib, "faiss-hnsw": FaissHnsw, "faiss-hnsw-sq8": FaissHnswSq,
         "faiss-ivf": FaissIvf, "usearch": Usearch, "usearch-i8": UsearchInt8, "svs": Svs}


def anonymous_bytes():
    """Resident memory that is no file's, after the heap has given back what it can."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) * 1024


def use_huge_pages():
    """What the allocator's setting does for memory of malloc, for what libraries map by themselves:
    all anonymous memory is advised, and put together now where the kernel can (Linux 6.1)."""
    libc = ctypes.CDLL(None)
    with open("/proc/self/maps", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    for fields in lines:
        begin, end = (int(address, 16) for address in fields[0].split("-"))
        begin = -(-begin // HUGE_PAGE) * HUGE_PAGE
        if len(fields) == 5 and fields[1].startswith("rw") and end - begin >= HUGE_PAGE:
            size = (end - begin) // HUGE_PAGE * HUGE_PAGE
            for advice in (MADV_HUGEPAGE, MADV_COLLAPSE):
                libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(size), advice)


def answer(peer, queries, line):
    """Does one search request."""
    _, k, effort, out = line.split(maxsplit=3)
    k, effort = int(k), int(effort)
    started = time.perf_counter()
    ids = peer.search(queries, k, effort)
    seconds = time.perf_counter() - started
    if out != "-":
        with open(out, "wb") as file:
            np.save(file, np.asarray(ids).astype(np.int32).reshape(len(queries), k))
    return {"seconds": seconds}


def main():
    """Builds, then answers until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("name", choices=sorted(PEERS))
    parser.add_argument("base")
    parser.add_argument("queries")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print; stdout is for replies

    def reply(**fields):
        print(json.dumps(fields), file=replies, flush=True)

    base = np.load(arguments.base, mmap_mode="r").view(np.ndarray)
    queries = np.load(arguments.queries)
    peer = PEERS[arguments.name]()
    version = importlib.metadata.version(peer.package)
    peer_warm_up(peer, base)
    before, started = anonymous_bytes(), time.perf_counter()
    peer.build(base, arguments.threads)
    seconds = time.perf_counter() - started
    grown = anonymous_bytes() - before
    if "hugetlb=1" in os.environ.get("GLIBC_TUNABLES", ""):
        use_huge_pages()
    reply(ready=True, engine=arguments.name, version=version, config=peer.config, build_s=seconds,
          bytes_per_vector=grown / len(base), effort_floor=peer.floor)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        reply(**answer(peer, queries, line.strip()))


def peer_warm_up(peer, base):
    """Loads the library, with an index of few rows that is dropped, so that neither the time nor
    the memory of that counts."""
    few = type(peer)()
    few.build(np.ascontiguousarray(base[:2_000]), 1)


if __name__ == "__main__":
    main()
