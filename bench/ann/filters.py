#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Larder's filtered search at every selectivity, each plan forced and the planner's choice.

    python3 bench/ann/filters.py [--queries N] [--effort N] [--data DIR]

Base A of bench/ann/run.py. Filters: by chance; unions of arXiv categories, the nearest to the query
first (by the mean vector of a category) and the farthest first; the last category of a union is cut
by chance, so that the share is met. Recall@10 is against the exact f32 scores of what is admitted.
"""

import argparse
import json
import os
import sys
import tempfile

import environment
import workers

SHARES = (0.9, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0001)
PLANS = ("chosen", "survivors", "sketches", "graph")
K = 10


def category_order(np, base, categories, queries, farthest):
    """Of each query the categories by the cosine of their mean vectors."""
    names = sorted(set(categories))
    index = np.array([names.index(c) for c in categories])
    means = np.stack([base[index == i].mean(axis=0) for i in range(len(names))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    order = np.argsort(-(queries @ means.T), axis=1)
    return index, order[:, ::-1] if farthest else order


def make_filters(np, kind, share, base, categories, queries):
    """Bool [queries, base]."""
    random = np.random.default_rng(1)
    count = max(1, round(share * len(base)))
    out = np.zeros((len(queries), len(base)), bool)
    if kind == "random":
        for row in out:
            row[random.choice(len(base), count, replace=False)] = True
        return out
    index, orders = category_order(np, base, categories, queries, kind == "farthest")
    members = [np.flatnonzero(index == i) for i in range(orders.shape[1])]
    for row, order in zip(out, orders):
        left = count
        for category in order:
            some = members[category]
            if len(some) > left:
                some = random.choice(some, left, replace=False)
            row[some] = True
            left -= len(some)
            if left == 0:
                break
    return out


def recall(np, ids, scores, admitted):
    """Mean share of the exact top K of the admitted; a tie with the last one counts."""
    shares = []
    for found, score, mask in zip(ids, scores, admitted):
        allowed = np.where(mask, score, -2)
        wanted = min(K, int(mask.sum()))
        last = np.partition(-allowed, wanted - 1)[wanted - 1] * -1
        found = found[found >= 0]
        if len(found) != wanted or not mask[found].all():
            sys.exit(f"filters.py: {len(found)} hits, expected {wanted}, all of them admitted")
        shares.append((score[found] >= last - 1e-6).mean())
    return float(np.mean(shares))


def most_frequent(plans):
    """Of "graph:12 sketches:188" the first letters of the plan that came most often."""
    return max(plans.split(), key=lambda plan: int(plan.split(":")[1]))[:5]


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--effort", type=int, default=0)
    parser.add_argument("--data", help="the folder of the texts [../shared/data]")
    options = parser.parse_args()
    environment.enter(("numpy",))
    import numpy as np  # pylint: disable=import-outside-toplevel
    import inputs  # pylint: disable=import-outside-toplevel
    vectors = inputs.made("A", options)
    if vectors is None:
        environment.fail("the vectors of set A could not be made")
    base = np.load(vectors.base)
    queries = np.load(vectors.queries)[:options.queries]
    with open(os.path.join(vectors.folder, "A-categories.json"), encoding="utf-8") as file:
        categories = json.load(file)
    scores = queries @ base.T
    worker = workers.Worker("larder", vectors, threads=2, huge_pages=True)
    with tempfile.TemporaryDirectory() as scratch:
        print(f"{'filter':10}{'share':>9}" + "".join(f"{plan:>30}" for plan in PLANS))
        for kind in ("random", "nearest", "farthest"):
            for share in SHARES:
                filters = make_filters(np, kind, share, base, categories, queries)
                path = os.path.join(scratch, "filters.npy")
                np.save(path, np.packbits(filters, axis=1, bitorder="little"))
                line = f"{kind:10}{share:9.2%}"
                for plan in PLANS:
                    out = os.path.join(scratch, "ids.npy")
                    reply = worker.ask(f"filtered {K} {options.effort} {plan} {path} {out}")
                    found = recall(np, np.load(out), scores, filters)
                    line += f"{reply['p50_us']:9.0f} {reply['p99_us']:6.0f} us {found:.3f}"
                    line += f" {most_frequent(reply['plans'])}" if plan == "chosen" else "      "
                print(line, flush=True)
    worker.stop()


if __name__ == "__main__":
    main()
