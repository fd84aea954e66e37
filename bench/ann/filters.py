#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Filtered search at every selectivity: Larder's plans forced and chosen, hnswlib, FAISS.

    tools/bench ann --filters [--engines larder,hnswlib,faiss-hnsw] [--queries 200] [--rounds 3]
                              [--effort N] [--data DIR] [--json]

Base A of bench/ann/run.py; one query at a time, one thread. Filters: by chance; unions of arXiv
categories, the nearest to the query first (by the mean vector of a category) and the farthest
first. Recall@10 is against the exact f32 scores of what is admitted. hnswlib filters by a functor
over a bitmap in C++, FAISS by IDSelectorBitmap, each at the least effort whose recall without a
filter is 0.95. Every engine is asked twice and only the second time counts; Larder's plans in turn,
in so many rounds, of which each number is the median. A peer's cell ends after some seconds:
`queries` tells how many it did.

With --json, a line for the set-up, one for each cell, and the costs.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

import environment
import workers

SHARES = (0.9, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0001)
PLANS = ("survivors", "sketches", "graph")
ENGINES = ("larder", "hnswlib", "faiss-hnsw")
K, PEER_RECALL = 10, 0.95
# Of a peer, each time for each cell: 24 cells of two peers stay within seven minutes.
CELL_SECONDS = 4


def parse():
    """The options."""
    summary, usage = __doc__.split("\n", maxsplit=1)
    parser = argparse.ArgumentParser(prog="tools/bench ann --filters", description=summary,
                                     epilog=usage,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filters", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--engines", default=",".join(ENGINES), help="[%(default)s]")
    parser.add_argument("--queries", type=int, default=200, help="at most 2,000 [200]")
    parser.add_argument("--rounds", type=int, default=3, help="of Larder's plans [3]")
    parser.add_argument("--effort", type=int, default=0, help="of Larder [as served]")
    parser.add_argument("--data", help="the folder of the texts [../shared/data]")
    parser.add_argument("--json", action="store_true", help="lines of JSON on stdout")
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    if not set(options.engines) <= set(ENGINES):
        environment.fail(f"--engines are some of {','.join(ENGINES)}")
    if min(options.queries, options.rounds) < 1 or options.effort < 0:
        environment.fail("--queries and --rounds are at least 1, --effort at least 0")
    options.threads, options.huge_pages, options.rebuild = 2, True, False
    return options


class Cell:
    """One kind of filter at one share: its file, and what of an answer is right."""

    def __init__(self, admitted, scores, folder):
        import numpy as np  # pylint: disable=import-outside-toplevel
        self.np, self.admitted, self.scores, self.folder = np, admitted, scores, folder
        self.wanted = min(K, int(admitted[0].sum()))
        self.path = os.path.join(folder, "filters.npy")
        np.save(self.path, np.packbits(admitted, axis=1, bitorder="little"))
        # The score of the last one wanted; a tie with it counts.
        self.last = [np.partition(score[mask], -self.wanted)[-self.wanted]
                     for score, mask in zip(scores, admitted)]

    def ask(self, worker, effort, how):
        """The reply to one filtered search of all queries, with `recall` and `short`, the queries
        that got fewer than there are."""
        out = os.path.join(self.folder, "ids.npy")
        reply = worker.ask(f"filtered {K} {effort} {how} {self.path} {out}")
        shares, short = [], 0
        for query, found in enumerate(self.np.load(out)):
            found = found[found >= 0]
            if not self.admitted[query][found].all() or len(set(found)) != len(found):
                raise workers.Failed(f"found what is not admitted or twice, query {query}")
            short += len(found) < self.wanted
            reached = self.scores[query][found] >= self.last[query] - 1e-6
            shares.append(reached.sum() / self.wanted)
        return {**reply, "recall": float(self.np.mean(shares)), "short": short}


def ask_peer(cell, worker, effort, _):
    """The numbers of the second time: both engines find the caches as they leave them."""
    cell.ask(worker, effort, CELL_SECONDS)
    return cell.ask(worker, effort, CELL_SECONDS)


def ask_larder(cell, worker, _, options):
    """What the planner chose beside each plan forced: `best` of them, `ratio` of the medians."""
    asked = {plan: [] for plan in ("chosen", *PLANS)}
    for _ in range(options.rounds):
        for plan, replies in asked.items():
            # Each plan finds the caches as it leaves them, not as the one before it does: that
            # counts where a search takes a few µs.
            cell.ask(worker, options.effort, plan)
            replies.append(cell.ask(worker, options.effort, plan))
    row = {}
    for plan, replies in asked.items():
        row[plan] = {**replies[0], **{name: statistics.median(r[name] for r in replies)
                                      for name in ("p50_us", "p99_us")}}
        if max(r["short"] for r in replies) > 0:
            raise workers.Failed(f"gave fewer hits than there are by plan {plan}")
    counts = dict(word.split(":") for word in row["chosen"].pop("plans").split())
    row["choice"] = {plan: int(count) for plan, count in counts.items()}
    row["best"] = min(PLANS, key=lambda plan: row[plan]["p50_us"])
    row["ratio"] = row["chosen"]["p50_us"] / row[row["best"]]["p50_us"]
    return row


def effort_of(worker, setting, options):
    """The effort to search with, and its recall without a filter."""
    import sweep  # pylint: disable=import-outside-toplevel
    import truth  # pylint: disable=import-outside-toplevel
    if worker.name != "larder":
        points = sweep.sweep(worker, setting)
        best = max(points, key=lambda point: min(point.recall, PEER_RECALL))
        return best.effort, best.recall
    with tempfile.TemporaryDirectory() as folder:
        _, ids = worker.ids(K, options.effort, os.path.join(folder, "ids.npy"),
                            len(setting.queries))
    return options.effort, truth.recall(setting.base, setting.queries, setting.last, ids)


def start(vectors, setting, options):
    """The workers, each with its effort, and what a table's head tells of them."""
    started, heads = {}, {}
    for name in options.engines:
        environment.tell(f"{name} builds, or is read from the cache")
        try:
            worker = workers.Worker(name, vectors, options)
            effort, found = effort_of(worker, setting, options)
        except workers.Failed as error:
            heads[name] = {"error": str(error)}
            continue
        started[worker] = effort
        heads[name] = {"version": worker.ready["version"], "config": worker.ready["config"],
                       "effort": effort or "as served", "recall_unfiltered": found}
    return started, heads


def ask_all(cell, started, options):
    """Engine -> its numbers, or why there are none: then it is left out from here on."""
    row = {}
    for worker, effort in list(started.items()):
        try:
            row[worker.name] = (ask_larder if worker.name == "larder"
                                else ask_peer)(cell, worker, effort, options)
        except (workers.Failed, OSError, ValueError, KeyError) as error:
            row[worker.name] = {"error": str(error)}
            environment.tell(f"{worker.name} left out: {error}")
            worker.stop()
            del started[worker]
    return row


def micros(value):
    """Eight columns."""
    return f"{value:8.0f}" if value >= 100 else f"{value:8.1f}"


def times(numbers):
    """Of one plan or peer."""
    return f"{micros(numbers['p50_us'])}{micros(numbers['p99_us'])}{numbers['recall']:7.3f}"


def larder_line(row):
    """One cell of the first table."""
    if "error" in row:
        return " failed: " + row["error"]
    choice = max(row["choice"], key=row["choice"].get)
    share = row["choice"][choice] / sum(row["choice"].values())
    return (f"  {choice:9} {share:4.0%}{times(row['chosen'])}  {row['best']:9}"
            f"{micros(row[row['best']]['p50_us'])}{row['ratio']:7.2f}"
            + "".join(times(row[plan]) for plan in PLANS))


def print_tables(cells, heads):
    """For people: Larder's plans, then the engines side by side."""
    for name, head in heads.items():
        print(f"{name}: " + (f"failed: {head['error']}" if "error" in head else
                             f"{head['version']} {head['config']}, effort {head['effort']}, recall "
                             f"{head['recall_unfiltered']:.3f} without filter").strip())
    three = f"{'p50':>8}{'p99':>8}{'recall':>7}"
    if "larder" in heads:
        print(f"\n{'':17}  {'the planner, µs':38}  {'best forced':24}"
              + "".join(f"{plan:>23}" for plan in PLANS))
        print(f"{'filter':9}{'share':>8}  {'choice':14}{three}  {'plan':9}{'p50':>8}{'ratio':>7}"
              + three * len(PLANS))
    for cell in cells:
        if "larder" in cell:
            print(f"{cell['filter']:9}{cell['share']:8.2%}" + larder_line(cell["larder"]))
    print(f"\n{'':17}" + "".join(f"{name + ', µs':>36}" for name in heads))
    print(f"{'filter':9}{'share':>8}" + f"{three}{'short':>6}{'of':>7}" * len(heads))
    for cell in cells:
        line = f"{cell['filter']:9}{cell['share']:8.2%}"
        for name in heads:
            row = cell.get(name, {"error": ""})
            row = row.get("chosen", row)
            line += (f"{'failed':>36}" if "error" in row else
                     f"{times(row)}{row['short']:6}{row.get('queries', cell['queries']):7}")
        print(line)


def costs(cells):
    """Plan -> nanoseconds for each vector that it compares: the slope of its medians over filters
    by chance. What the planner's table (ann/planner.h) is made of."""
    found = {}
    for plan in PLANS:
        points = [(cell["larder"][plan]["compared"], 1000 * cell["larder"][plan]["p50_us"])
                  for cell in cells if cell["filter"] == "random"
                  and "error" not in cell.get("larder", {"error": ""})
                  and cell["larder"][plan]["plans"] == f"{plan}:{cell['queries']}"]
        if len({compared for compared, _ in points}) > 1:
            found[plan] = statistics.linear_regression(*zip(*points)).slope
    return found


def set_a(options):
    """The vectors of set A with so many queries, and the category of each row."""
    import inputs  # pylint: disable=import-outside-toplevel
    vectors = inputs.made("A", options)
    if vectors is None:
        environment.fail("the vectors of set A could not be made")
    with open(os.path.join(vectors.folder, "A-categories.json"), encoding="utf-8") as file:
        return inputs.first_queries(vectors, options.queries), json.load(file)


def measure(setting, categories, started, options):
    """Yields cell after cell."""
    import masks  # pylint: disable=import-outside-toplevel
    made = masks.Masks(setting.base, categories, setting.queries)
    scores = setting.queries @ setting.base.T
    with tempfile.TemporaryDirectory() as folder:
        for kind in masks.KINDS:
            for share in SHARES:
                environment.tell(f"{kind} {share:.2%}")
                cell = Cell(made.make(kind, share), scores, folder)
                yield {"filter": kind, "share": share, "queries": len(setting.queries),
                       **ask_all(cell, started, options)}


def main():
    """Measures cell after cell."""
    options = parse()
    environment.enter(("numpy", "zstandard"))
    import numpy as np  # pylint: disable=import-outside-toplevel
    import sweep  # pylint: disable=import-outside-toplevel
    import truth  # pylint: disable=import-outside-toplevel
    vectors, categories = set_a(options)
    base, queries = np.load(vectors.base), np.load(vectors.queries)
    setting = sweep.Setting(base, queries, K, [PEER_RECALL], 0, truth.scan(base, queries, K))
    started, heads = start(vectors, setting, options)
    if options.json:
        print(json.dumps({"k": K, "engines": heads}), flush=True)
    cells = []
    for cell in measure(setting, categories, started, options):
        cells.append(cell)
        if options.json:
            print(json.dumps(cell), flush=True)
    for worker in started:
        worker.stop()
    if options.json:
        print(json.dumps({"ns_per_vector": costs(cells)}), flush=True)
    else:
        print_tables(cells, heads)
        print("\nns for each vector compared: "
              + ", ".join(f"{plan} {cost:.1f}" for plan, cost in costs(cells).items()))
    if not started:
        sys.exit(1)


if __name__ == "__main__":
    main()
