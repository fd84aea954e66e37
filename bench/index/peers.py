#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hnswlib and FAISS on the vectors of one .npy file; lines of JSON on stdout.

The same graph parameters as Larder's (degree 16, construction effort 160, search effort 160), one
thread, one query at a time, recall@10 against an exact scan without the query itself. Peers get
float32 of length 1: they have no int8 cosine, and so four times the bytes.
"""

import json
import statistics
import sys
import time

import numpy as np

DEGREE, CONSTRUCTION_EFFORT, EFFORT, K, QUERIES, ROUNDS, SEED = 16, 160, 160, 10, 1_000, 5, 1


def tell(**row):
    """One row of the table."""
    print(json.dumps(row), flush=True)


def exact_scores(vectors, queries):
    """The score of the last of the K nearest of each query, without itself."""
    last = np.empty(len(queries), np.float32)
    for begin in range(0, len(queries), 100):
        ids = queries[begin:begin + 100]
        scores = vectors[ids] @ vectors.T
        scores[np.arange(len(ids)), ids] = -2
        last[begin:begin + 100] = -np.partition(-scores, K - 1, axis=1)[:, K - 1]
    return last


def recall(vectors, queries, last, search):
    """A hit counts if its score reaches that of the last exact one (equal vectors stand in)."""
    shares = []
    for query, limit in zip(queries, last):
        found = [i for i in search(vectors[query]) if i != query][:K]
        shares.append(float((vectors[found] @ vectors[query] >= limit - 1e-6).mean()))
    return statistics.mean(shares)


def latencies(vectors, queries, search):
    """Medians over the rounds of p50, p99 (µs) and searches per second."""
    rounds = []
    for _ in range(ROUNDS):
        times, started = [], time.perf_counter()
        for query in queries:
            begin = time.perf_counter()
            search(vectors[query])
            times.append((time.perf_counter() - begin) * 1e6)
        total = time.perf_counter() - started
        times.sort()
        rounds.append((times[len(times) // 2], times[int(len(times) * 0.99)], len(times) / total))
    return [statistics.median(r[i] for r in rounds) for i in range(3)]


def measure(name, vectors, queries, last, build):
    """One peer: `build` gives a function that finds K + 1 neighbours of a vector."""
    started = time.perf_counter()
    search = build(vectors)
    seconds = time.perf_counter() - started
    tell(name=f"{name} build, 1 thread", build_s=seconds, vectors_per_s=len(vectors) / seconds)
    p50, p99, rate = latencies(vectors, queries, search)
    tell(name=f"{name} search, from Python", recall_at_10=recall(vectors, queries, last, search),
         p50_us=p50, p99_us=p99, calls_per_s=rate)


def build_faiss(vectors):
    """IndexHNSWFlat by inner product; pip's build has SIMD, Debian's has none."""
    import faiss  # pylint: disable=import-outside-toplevel
    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(vectors.shape[1], DEGREE, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = CONSTRUCTION_EFFORT
    index.hnsw.efSearch = EFFORT
    index.add(vectors)
    return lambda query: index.search(query[None], K + 1)[1][0]


def build_hnswlib(vectors):
    """Index of the space `ip`."""
    import hnswlib  # pylint: disable=import-outside-toplevel
    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(len(vectors), M=DEGREE, ef_construction=CONSTRUCTION_EFFORT, random_seed=SEED)
    index.set_num_threads(1)
    index.set_ef(EFFORT)
    index.add_items(vectors)
    return lambda query: index.knn_query(query[None], k=K + 1)[0][0]


def main():
    """Reads the vectors, measures every peer that is there."""
    vectors = np.load(sys.argv[1]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = np.random.default_rng(SEED).integers(0, len(vectors), QUERIES)
    last = exact_scores(vectors, queries)
    for name, build in (("faiss", build_faiss), ("hnswlib", build_hnswlib)):
        try:
            measure(name, vectors, queries, last, build)
        except ImportError as error:
            tell(note=f"{name} left out: {error}")
    tell(note="peers: float32 of the same vectors, same degree and efforts, called from Python "
              "(a few µs a call)")


if __name__ == "__main__":
    main()
