#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A transformer's int8 vectors by NumPy, as docs/formats/encoder.md describes them, bit for bit.

    python3 bench/text/transformer_reference.py

Computes the vectors of a few made-up texts with the weights of all-MiniLM-L6-v2 and compares them
with those of `bench_transformer worker`. Exits with 1 if a bit differs. Slow and obvious on
purpose: it shows that the page says enough for another implementation. fma is done in long double
(64 bits of mantissa on x86), whose second rounding hardly ever shows.
"""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "ann"))

import environment  # pylint: disable=wrong-import-position

environment.enter(("numpy", "zstandard", "safetensors"))

# pylint: disable=wrong-import-position,wrong-import-order
import minilm
import numpy as np
import transformer_peers

F = np.float32
LAYERS, HEADS, SIZE, EPSILON = 6, 12, 32, F(1e-12)
GELU = [float.fromhex(c) for c in (
    "0x1.0040bap-1", "-0x1.90354p-2", "-0x1.5e91bcp-5", "0x1.1ea3e2p-3", "-0x1.d78eaap-5",
    "0x1.451848p-7", "-0x1.5107bep-11")]
EXP = [float.fromhex(c) for c in ("0x1.c2a168p-5", "0x1.f00c54p-3", "0x1.62f5fcp-1")]


def fma(a, b, c):
    """a · b + c, rounded once."""
    return (np.asarray(a, np.longdouble) * b + c).astype(F)


def sums(rows, squares=False):
    """Sums of rows, [n, 1]: four chains of 16 lanes, then folded."""
    vectors = rows.reshape(len(rows), -1, 16)
    chain = [np.zeros((len(rows), 16), F) for _ in range(4)]
    for j in range(vectors.shape[1]):
        v = vectors[:, j]
        chain[j % 4] = fma(v, v, chain[j % 4]) if squares else chain[j % 4] + v
    total = (chain[0] + chain[1]) + (chain[2] + chain[3])
    for half in (8, 4, 2, 1):
        total = total[:, :half] + total[:, half:]
    return total


class Weights:
    """The tensors, and matrices as codes."""

    def __init__(self, folder):
        from safetensors.numpy import load_file  # pylint: disable=import-outside-toplevel
        self.tensors = load_file(os.path.join(folder, "model.safetensors"))

    def __getitem__(self, name):
        return self.tensors[name]

    def matrix(self, names, beta=None):
        """(scales, codes, sums, biases) of the outputs of dense layers."""
        w = np.concatenate([self[n + ".weight"] for n in names])
        bias = np.concatenate([self[n + ".bias"] for n in names])
        scale = np.abs(w).max(axis=1) / F(127)
        divisor = np.where(scale > 0, scale, F(1))  # a row of zeros has the codes 0
        codes = np.rint(w / divisor[:, None]).astype(np.int64)
        if beta is not None:
            bias = bias.astype(np.float64)
            for i in range(w.shape[1]):
                bias = bias + w[:, i].astype(np.float64) * np.float64(beta[i])
        return scale, codes, scale * codes.sum(axis=1).astype(F), bias.astype(F)


def codes_of(rows, low=None, high=None):
    """(codes, scales, offsets) of rows."""
    low = rows.min(axis=1, keepdims=True) if low is None else low
    high = rows.max(axis=1, keepdims=True) if high is None else high
    reach = np.maximum(high - low, F(1e-20))
    codes = np.rint(np.maximum(rows - low, F(0)) * (F(255) / reach)).astype(np.int64)
    return codes, reach / F(255), low


def product(rows, matrix):
    """Rows times a matrix, with its bias."""
    (codes, row_scale, offset), (scale, weights, total, bias) = rows, matrix
    return fma((codes @ weights.T).astype(F), row_scale * scale, fma(offset, total, bias))


def normalize(rows, weights, name):
    """The rows before and after beta is added."""
    n = F(rows.shape[1])
    e = rows - sums(rows) / n
    z = e * (F(1) / np.sqrt(sums(e, True) / n + EPSILON)) * weights[name + ".weight"]
    return z, z + weights[name + ".bias"]


def symmetric(x, axis):
    """(codes, scales) without an offset, one for each line along the axis."""
    largest = np.maximum(np.abs(x).max(axis=axis, keepdims=True), F(1e-20))
    return np.rint(x * (F(127) / largest)).astype(np.int64), largest / F(127)


def attend(query, key, value):
    """One head of one text."""
    (query, query_scale), (key, key_scale) = symmetric(query, 1), symmetric(key, 1)
    value, value_scale = symmetric(value, 0)
    query_scale = query_scale * F(np.log2(np.e) / np.sqrt(SIZE))
    score = (query @ key.T).astype(F) * (query_scale * key_scale.T)
    t = np.maximum(score - score.max(axis=1, keepdims=True), F(-32))
    n = np.rint(t)
    e = F(255) * F(EXP[0])
    for factor in (*EXP[1:], 1):
        e = fma(e, t - n, F(255) * F(factor))
    p = np.rint(np.ldexp(e, n.astype(int))).astype(np.int64)
    share = F(1) / p.sum(axis=1, keepdims=True).astype(F)
    return (p @ value).astype(F) * (share * value_scale)


def gelu(x):
    """By the polynomial."""
    a = np.minimum(np.abs(x), F(4))
    y = np.full_like(a, GELU[-1])
    for coefficient in GELU[-2::-1]:
        y = fma(y, a, F(coefficient))
    return np.maximum(x, F(0)) - a * y


def vector(weights, ids):
    """The vector of a text."""
    hidden = HEADS * SIZE
    positions = weights["embeddings.position_embeddings.weight"][:len(ids)]
    types = weights["embeddings.token_type_embeddings.weight"][0]
    x = weights["embeddings.word_embeddings.weight"][ids] + (positions + types)
    norm = "embeddings.LayerNorm"
    z, x = normalize(x, weights, norm)
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        names = [prefix + "attention.self." + part for part in ("query", "key", "value")]
        parts = product(codes_of(z), weights.matrix(names, weights[norm + ".bias"]))
        attended = np.concatenate(
            [attend(*(parts[:, p * hidden + h * SIZE:][:, :SIZE] for p in range(3)))
             for h in range(HEADS)], axis=1)
        x = x + product(codes_of(attended), weights.matrix([prefix + "attention.output.dense"]))
        norm = prefix + "attention.output.LayerNorm"
        z, x = normalize(x, weights, norm)
        wide = gelu(product(codes_of(z), weights.matrix([prefix + "intermediate.dense"],
                                                        weights[norm + ".bias"])))
        high = np.maximum(wide.max(axis=1, keepdims=True), F(0))
        x = x + product(codes_of(wide, F(-0.17), high), weights.matrix([prefix + "output.dense"]))
        norm = prefix + "output.LayerNorm"
        z, x = normalize(x, weights, norm)
    pooled = x[0]
    for row in x[1:]:
        pooled = pooled + row
    pooled = pooled * (F(1) / F(len(ids)))
    return pooled / np.sqrt(sums(pooled[None], True))[0]


def main():
    """Compares; exits with 1 if a bit differs."""
    folder = minilm.fetch()
    random = np.random.default_rng(1)
    texts = [[101, *map(int, random.integers(1_000, 30_000, n)), 102] for n in (0, 1, 7, 16, 40)]
    with tempfile.TemporaryDirectory() as scratch:
        ours = transformer_peers.Larder(folder, "int8", scratch).vectors(texts, len(texts))
    weights = Weights(folder)
    different = 0
    for ids, mine in zip(texts, ours):
        count = int((vector(weights, ids).view(np.int32) != mine.view(np.int32)).sum())
        print(f"{len(ids)} tokens: {count} of {len(mine)} values differ")
        different += count
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
