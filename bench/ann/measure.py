# SPDX-License-Identifier: Apache-2.0
"""One set of the ann benchmark: the engines built, swept and timed; the memory's bandwidth."""

import time

import numpy as np

import environment
import inputs
import sweep
import truth
import workers

BANDWIDTH_BYTES = 1 << 30


class Impossible(Exception):
    """A set cannot be measured; says why."""


def check_memory(base, engines):
    """Raises Impossible if the indexes of all engines will not fit at the same time."""
    needed = len(engines) * base.nbytes * 1.5 + base.nbytes
    with open("/proc/meminfo", encoding="ascii") as file:
        free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
    if free * 1024 < needed:
        raise Impossible(f"the engines need about {needed / 2**30:.0f} GiB together, "
                         f"{free / 2**20:.0f} GiB are free; name fewer with --engines")


def start(vectors, options, failures):
    """Workers of the engines, built one after the other; of those that cannot be, why."""
    started = []
    for name in options.engines:
        environment.tell(f"{vectors.name}: {name} builds, or is read from the cache")
        try:
            worker = workers.Worker(name, vectors, options)
        except workers.Failed as error:
            failures[name] = str(error)
            environment.tell(f"{name} failed: {error}")
            continue
        ready = worker.ready
        environment.tell(f"{name} {ready.get('version', '')} {ready.get('config', '')}: built in "
                         f"{ready['build_s']:.1f} s"
                         + (f" on {ready['cached']}" if "cached" in ready else "")
                         + f", {ready['bytes_per_vector']:.0f} bytes per vector")
        started.append(worker)
    return started


def measure(vectors, options, bandwidth):
    """A title and the rows of one set, with one for each engine that failed. Raises Impossible."""
    base = np.load(vectors.base, mmap_mode="r").view(np.ndarray)
    queries = np.load(vectors.queries)
    if options.k > len(base):
        raise Impossible(f"--k {options.k} is more than the {len(base)} rows of {vectors.base}")
    check_memory(base, options.engines)
    last = truth.last_scores(base, queries, options.k, vectors.folder, vectors.name)
    if options.max_queries and options.max_queries < len(queries):
        vectors = inputs.first_queries(vectors, options.max_queries)
        queries, last = queries[:options.max_queries], last[:options.max_queries]
    setting = sweep.Setting(base, queries, options.k, options.targets, options.rounds, last)
    engines, failures = {}, {}
    started = start(vectors, options, failures)
    try:
        for worker in started:
            try:
                engines[worker] = sweep.sweep(worker, setting)
            except workers.Failed as error:
                failures[worker.name] = str(error)
                environment.tell(f"{worker.name} failed: {error}")
        sweep.time_rounds(engines, setting, failures)
    finally:
        for worker in started:
            worker.stop()
    title = (f"set {vectors.name}: {len(base):,} vectors of {base.shape[1]} dimensions, "
             f"{len(queries):,} queries, k {options.k}, one thread")
    return title, (sweep.rows(engines, setting, vectors.name, bandwidth)
                   + sweep.failed_rows(failures, setting, vectors.name))


def bandwidth_of_memory():
    """Bytes per second that one thread reads in order: the best of five passes."""
    data = np.ones(BANDWIDTH_BYTES // 8, np.int64)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        data.max()
        best = min(best, time.perf_counter() - started)
    return data.nbytes / best
