#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One peer of the ann benchmark as a process that answers requests, so that rounds interleave.

    bench/ann/engine.py NAME BASE.npy QUERIES.npy [--threads 2] [--rebuild]

Builds the index of BASE with that many threads and prints {"ready": true, "engine", "version",
"config", "build_s", "bytes_per_vector", "effort_floor", "cached"}. Then each line of stdin gets one
line:

    search K EFFORT OUT.npy   searches all queries in one call on one thread; ids, int32
                              [queries, K], go to OUT unless it is "-": {"seconds": …}
    filtered K EFFORT SECONDS FILTERS.npy OUT.npy
                              query i among the ids whose bits are set in row i, lowest bit first;
                              one after the other, none further after SECONDS; hnswlib and
                              faiss-hnsw only: {"p50_us", "p99_us", "queries"}
    quit                      ends

Both inputs are float32 of length 1. `bytes_per_vector` is, for every peer, by how much the
process's anonymous resident memory has grown between just before and just after the build, divided
by the rows, with the heap trimmed both times; the input is mapped and does not count.
`effort_floor` is Peer.floor; an engine that takes no more than so much effort adds `effort_limit`.

An index is kept in the cache, under version, parameters and the base's hash, and read from there
the next time: then build_s and bytes_per_vector are of the process that built it, and `cached` is
the day of that. --rebuild builds anew.
"""

import argparse
import ctypes
import datetime
import gc
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
import time

import numpy as np

import environment
import libraries

HUGE_PAGE, MADV_HUGEPAGE, MADV_COLLAPSE = 2 << 20, 14, 25
# Another way to build or to write (beside what Peer.config says) makes another entry.
RECIPE = "1"


def anonymous_bytes():
    """Resident memory that is no file's, after the heap has given back what it can; huge pages of
    malloc are in RssAnon, those that a library maps from the reserved ones are not."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status", encoding="ascii") as file:
        return 1024 * sum(int(line.split()[1]) for line in file
                          if line.startswith(("RssAnon:", "HugetlbPages:")))


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


def warm_up(peer, base):
    """Loads the library, with an index of few rows that is dropped, so that neither the time nor
    the memory of that counts."""
    few = np.ascontiguousarray(base[:2_000])
    type(peer)(*few.shape).build(few, 1)


def build(peer, base, threads):
    """Builds; what the ready line says of it."""
    warm_up(peer, base)
    before, started = anonymous_bytes(), time.perf_counter()
    peer.build(base, threads)
    seconds = time.perf_counter() - started
    return {"build_s": seconds, "bytes_per_vector": (anonymous_bytes() - before) / len(base)}


def entry(arguments, peer, version):
    """The folder in the cache."""
    with open(arguments.base, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    key = json.dumps([RECIPE, arguments.name, version, peer.config, arguments.threads, digest])
    return os.path.join(environment.cache_folder(), "peers",
                        f"{arguments.name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}")


def keep(peer, folder, facts):
    """Puts the index into the cache; without room for it, only says so."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    temporary = tempfile.mkdtemp(prefix="tmp-", dir=os.path.dirname(folder))
    try:
        peer.save(temporary)
        facts = {**facts, "cached": datetime.date.today().isoformat()}
        with open(os.path.join(temporary, "facts.json"), "w", encoding="utf-8") as file:
            json.dump(facts, file)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(temporary, folder)
    except (OSError, RuntimeError) as error:
        environment.tell(f"the index is not kept: {error}")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make(peer, base, arguments, version):
    """Reads the index from the cache, or builds and keeps it; what the ready line says of it."""
    folder = entry(arguments, peer, version)
    if not arguments.rebuild and os.path.isdir(folder):
        try:
            with open(os.path.join(folder, "facts.json"), encoding="utf-8") as file:
                facts = json.load(file)
            peer.load(folder, base)
            return facts
        except (OSError, RuntimeError, ValueError) as error:
            environment.tell(f"{folder} cannot be read and is built anew: {error}")
    facts = build(peer, base, arguments.threads)
    keep(peer, folder, facts)
    return facts


def write_ids(out, ids):
    """The file of a request's answer."""
    with open(out, "wb") as file:
        np.save(file, np.asarray(ids).astype(np.int32))


def answer(peer, queries, line):
    """Does one request."""
    command, *words = line.split()
    if command == "search":
        k, effort, out = int(words[0]), int(words[1]), words[2]
        started = time.perf_counter()
        ids = peer.search(queries, k, effort)
        seconds = time.perf_counter() - started
        if out != "-":
            write_ids(out, np.asarray(ids).reshape(len(queries), k))
        return {"seconds": seconds}
    if command == "filtered":
        filters = np.load(words[3])
        ids, latencies = peer.filtered(queries[:len(filters)], int(words[0]), int(words[1]),
                                       filters, float(words[2]))
        write_ids(words[4], ids)
        p50, p99 = np.percentile(latencies, (50, 99), method="inverted_cdf")
        return {"p50_us": p50, "p99_us": p99, "queries": len(latencies)}
    raise ValueError(f"unknown request: {line}")


def main():
    """Builds, then answers until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("name", choices=sorted(libraries.PEERS))
    parser.add_argument("base")
    parser.add_argument("queries")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rebuild", action="store_true")
    arguments = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print; stdout is for replies

    def reply(**fields):
        print(json.dumps(fields), file=replies, flush=True)

    base = np.load(arguments.base, mmap_mode="r").view(np.ndarray)
    queries = np.load(arguments.queries)
    peer = libraries.PEERS[arguments.name](*base.shape)
    version = importlib.metadata.version(peer.package)
    facts = make(peer, base, arguments, version)
    if "hugetlb=1" in os.environ.get("GLIBC_TUNABLES", ""):
        use_huge_pages()
    reply(ready=True, engine=arguments.name, version=version,
          config=f"{peer.config} {peer.details()}".strip(), effort_floor=peer.floor, **facts)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        reply(**answer(peer, queries, line.strip()))


if __name__ == "__main__":
    main()
