# SPDX-License-Identifier: Apache-2.0
"""Exact neighbours by brute force, and the share of them that a search found."""

import os

import numpy as np

import environment

TOLERANCE = 1e-6
BLOCK_ROWS, BLOCK_QUERIES = 16_384, 64


def scan(base, queries, k):
    """The score of the k-th nearest of each query, float32, over blocks of rows."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for begin in range(0, len(base), BLOCK_ROWS):
        scores = queries @ base[begin:begin + BLOCK_ROWS].T
        # Few rows of a later block are among the best: only those queries are sorted again.
        rows = np.flatnonzero(scores.max(axis=1) > best.min(axis=1))
        both = np.concatenate([best[rows], scores[rows]], axis=1)
        best[rows] = np.partition(both, both.shape[1] - k, axis=1)[:, -k:]
    return best.min(axis=1)


def last_scores(base, queries, k, folder, name):
    """Like scan(), computed once and kept in the folder as NAME-truth-K.npy."""
    path = os.path.join(folder, f"{name}-truth-{k}.npy")
    if not os.path.exists(path):
        environment.tell(f"{name}: exact search of the {k} nearest of {len(queries)} queries")
        temporary = f"{path}.{os.getpid()}.npy"
        np.save(temporary, scan(base, queries, k))
        os.rename(temporary, path)
    return np.load(path)


def recall(base, queries, last, ids):
    """The share of the exact results found: an id counts if its score reaches the exact k-th.

    So duplicates stand in for each other. An id that is repeated in a row counts once, one that is
    no row of the base (padding) not at all.
    """
    found, k = 0, ids.shape[1]
    for begin in range(0, len(queries), BLOCK_QUERIES):
        part = np.sort(ids[begin:begin + BLOCK_QUERIES], axis=1)
        counts = (part >= 0) & (part < len(base))
        counts[:, 1:] &= part[:, 1:] != part[:, :-1]
        vectors = base[np.where(counts, part, 0)]
        scores = np.matmul(vectors, queries[begin:begin + BLOCK_QUERIES, :, None])[:, :, 0]
        reached = scores >= last[begin:begin + BLOCK_QUERIES, None] - TOLERANCE
        found += int((counts & reached).sum())
    return found / (len(queries) * k)
