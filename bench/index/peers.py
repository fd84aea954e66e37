#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hnswlib and FAISS on the vectors of one .npy file; lines of JSON on stdout.

    bench/index/peers.py VECTORS.npy NAME…

The same graph parameters as Larder's (degree 16, construction effort 160, search effort 160), one
thread, one query at a time, recall@10 against an exact scan without the query itself. Peers get
float32 of length 1: they have no int8 cosine, and so four times the bytes.
"""

import json
import os
import statistics
import sys
import time

import numpy as np

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ann"))
import libraries  # pylint: disable=wrong-import-position
import truth  # pylint: disable=wrong-import-position

DEGREE, CONSTRUCTION_EFFORT, EFFORT, K, QUERIES, ROUNDS, SEED = 16, 160, 160, 10, 1_000, 5, 1


def tell(**row):
    """One row of the table."""
    print(json.dumps(row), flush=True)


def without_self(ids, queries):
    """Of ids [queries, K + 1] those that are not the query, or else all but the last: K."""
    keep = ids != queries[:, None]
    keep[keep.all(axis=1), -1] = False
    return ids[keep].reshape(len(queries), -1)


def latencies(search, vectors):
    """Medians over the rounds of p50, p99 (µs) and searches per second."""
    rounds = []
    for _ in range(ROUNDS):
        times, started = [], time.perf_counter()
        for vector in vectors:
            begin = time.perf_counter()
            search(vector)
            times.append((time.perf_counter() - begin) * 1e6)
        total = time.perf_counter() - started
        times.sort()
        rounds.append((times[len(times) // 2], times[int(len(times) * 0.99)], len(times) / total))
    return [statistics.median(r[i] for r in rounds) for i in range(3)]


def measure(name, vectors, queries, last):
    """One peer; `last` is the score of the K-th nearest of each query, itself not counted."""
    peer = libraries.PEERS[name](*vectors.shape)
    peer.degree, peer.construction = DEGREE, CONSTRUCTION_EFFORT
    started = time.perf_counter()
    peer.build(vectors, 1)
    seconds = time.perf_counter() - started
    tell(name=f"{name} build, 1 thread", build_s=seconds, vectors_per_s=len(vectors) / seconds)

    def search(vector):
        return peer.search(vector[None], K + 1, EFFORT)[0]

    ids = np.array([search(vectors[query]) for query in queries]).astype(np.int64)
    share = truth.recall(vectors, vectors[queries], last, without_self(ids, queries))
    p50, p99, rate = latencies(search, vectors[queries])
    tell(name=f"{name} search, from Python", recall_at_10=share, p50_us=p50, p99_us=p99,
         calls_per_s=rate)


def main():
    """Reads the vectors, measures every peer that is named."""
    vectors = np.load(sys.argv[1]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = np.random.default_rng(SEED).integers(0, len(vectors), QUERIES)
    last = truth.scan(vectors, vectors[queries], K + 1)  # a query is its own nearest
    for name in sys.argv[2:]:
        try:
            measure(name, vectors, queries, last)
        except (ImportError, RuntimeError) as error:
            tell(note=f"{name} left out: {error}")
    tell(note="peers: float32 of the same vectors, same degree and efforts, called from Python "
              "(a few µs a call)")


if __name__ == "__main__":
    main()
