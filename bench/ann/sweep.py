# SPDX-License-Identifier: Apache-2.0
"""Which effort reaches which recall, how fast: the sweep, the interleaved rounds, the rows."""

import dataclasses
import math
import os
import statistics
import tempfile

import numpy as np

import environment
import truth
import workers

STEP, MAX_EFFORT, MAX_SECONDS = 1.4, 20_000, 60
# A sweep ends when as many steps have together gained less than this.
STALL_STEPS, STALL_GAIN = 4, 0.002


@dataclasses.dataclass
class Point:
    """One effort of one engine."""

    effort: int
    recall: float
    seconds: list = dataclasses.field(default_factory=list)  # one per timed round
    distances: float | None = None  # computed, summed over the queries; if the engine tells

    def log_rate(self, queries):
        """Natural logarithm of the queries per second, of the median round."""
        return math.log(queries / statistics.median(self.seconds))


@dataclasses.dataclass
class Setting:
    """What is asked of every engine."""

    base: np.ndarray
    queries: np.ndarray
    k: int
    targets: list
    rounds: int
    last: np.ndarray  # the exact k-th score of each query


def efforts(floor, limit):
    """Geometric steps from the floor, each at least one more."""
    effort = floor
    while effort <= limit:
        yield effort
        effort = max(effort + 1, round(effort * STEP))


def sweep(worker, setting):
    """Points of rising effort until the recall reaches the highest target, or stays behind it."""
    points = []
    floor = 1 if worker.ready.get("effort_floor") == 1 else setting.k
    limit = max(floor, min(len(setting.base), worker.ready.get("effort_limit", MAX_EFFORT)))
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "ids.npy")
        for effort in efforts(floor, limit):
            answer, ids = worker.ids(setting.k, effort, out, len(setting.queries))
            share = truth.recall(setting.base, setting.queries, setting.last, ids)
            points.append(Point(effort, share, [], answer.get("distances")))
            if share >= max(setting.targets) or answer["seconds"] > MAX_SECONDS:
                break
            if (len(points) > STALL_STEPS
                    and share - points[-1 - STALL_STEPS].recall < STALL_GAIN):
                break
    environment.tell(f"{worker.name}: recall {points[0].recall:.3f} at effort {points[0].effort} "
                     f"to {points[-1].recall:.4f} at {points[-1].effort}")
    return points


def around(points, target):
    """The points just below and just at or above the target; one point where it starts above, none
    where it is never reached."""
    for index, point in enumerate(points):
        if point.recall >= target:
            return points[max(0, index - 1):index + 1]
    return []


def time_rounds(engines, setting, failures):
    """Times the points around each target in rounds over all engines, so that noise hits all. An
    engine that fails goes from `engines` to `failures`."""
    for number in range(setting.rounds):
        for worker, points in list(engines.items()):
            needed = {p.effort: p for t in setting.targets for p in around(points, t)}
            try:
                for effort, point in needed.items():
                    point.seconds.append(worker.search(setting.k, effort)["seconds"])
            except workers.Failed as error:
                failures[worker.name] = str(error)
                environment.tell(f"{worker.name} failed: {error}")
                del engines[worker]
        environment.tell(f"round {number + 1} of {setting.rounds}")


def at_target(points, target, queries):
    """Effort, recall, queries per second and distances per query, between the points."""
    pair = around(points, target)
    if not pair:
        best = max(points, key=lambda point: point.recall)
        return {"effort": best.effort, "recall": best.recall, "qps": None}, None
    low, high = pair[0], pair[-1]
    part = 1.0
    if high.recall > low.recall:
        part = (target - low.recall) / (high.recall - low.recall)

    def between(first, second):
        return first + part * (second - first)

    rate = between(low.log_rate(queries), high.log_rate(queries))
    distances = None
    if low.distances and high.distances:
        distances = between(low.distances, high.distances) / queries
    return {"effort": round(between(low.effort, high.effort)),
            "recall": between(low.recall, high.recall), "qps": math.exp(rate)}, distances


def rows(engines, setting, name, bandwidth):
    """One row per engine and target. `floor_qps` is what the memory's bandwidth alone would allow
    for the rows that a query compares, were each read whole, where the engine tells how many those
    are and how large (`row_bytes`)."""
    made = []
    for worker, points in engines.items():
        for target in setting.targets:
            found, distances = at_target(points, target, len(setting.queries))
            row = {"engine": worker.name, "set": name, "target": target, **found, "k": setting.k,
                   "bytes_per_vector": worker.ready["bytes_per_vector"],
                   "build_s": worker.ready["build_s"], "config": worker.ready.get("config", ""),
                   "version": worker.ready.get("version", "")}
            row |= {name: worker.ready[name] for name in ("cached", "own_bytes_per_vector", "open_s")
                    if name in worker.ready}
            if distances and "row_bytes" in worker.ready:
                row["bytes_per_query"] = distances * worker.ready["row_bytes"]
                row["floor_qps"] = bandwidth / row["bytes_per_query"]
            made.append(row)
    for row in made:
        peer = [r["qps"] for r in made if (r["engine"], r["target"]) == ("hnswlib", row["target"])]
        row["x_hnswlib"] = row["qps"] / peer[0] if row["qps"] and peer and peer[0] else None
    return made


def failed_rows(failures, setting, name):
    """Of each engine that failed the same rows without numbers, and why."""
    return [{"engine": engine, "set": name, "target": target, "effort": None, "recall": None,
             "qps": None, "k": setting.k, "bytes_per_vector": None, "build_s": None, "config": "",
             "version": "", "x_hnswlib": None, "error": why}
            for engine, why in failures.items() for target in setting.targets]
