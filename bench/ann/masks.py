# SPDX-License-Identifier: Apache-2.0
"""The filters of bench/ann/filters.py: which rows of the base each query admits."""

import numpy as np

KINDS = ("random", "nearest", "farthest")


class Masks:
    """Filters over a base whose rows have categories; the same ones every time."""

    def __init__(self, base, categories, queries):
        self.rows, self.queries = len(base), len(queries)
        names, index = np.unique(categories, return_inverse=True)
        means = np.stack([base[index == i].mean(axis=0) for i in range(len(names))])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        self.members = [np.flatnonzero(index == i) for i in range(len(names))]
        # Of each query the categories, the nearest first, by the cosine of their mean vectors.
        self.orders = np.argsort(-(queries @ means.T), axis=1)

    def make(self, kind, share):
        """Bool [queries, rows], each row with the same count. "random" is by chance; "nearest" and
        "farthest" are unions of categories in that order, the last one cut by chance."""
        random = np.random.default_rng(1)
        count = max(1, round(share * self.rows))
        made = np.zeros((self.queries, self.rows), bool)
        for row, order in zip(made, self.orders):
            if kind == "random":
                row[random.choice(self.rows, count, replace=False)] = True
                continue
            left = count
            for category in order if kind == "nearest" else order[::-1]:
                some = self.members[category]
                if len(some) > left:
                    some = random.choice(some, left, replace=False)
                row[some] = True
                left -= len(some)
                if left == 0:
                    break
        return made
