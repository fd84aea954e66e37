#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Approximate nearest neighbours: Larder and its peers, queries per second at equal recall.

    tools/bench ann [--set A,B,C] [--base X.npy --queries Y.npy] [--k 10] [--targets 0.95,0.99]
                    [--engines a,b,c | --no-peers] [--rounds 5] [--json]
    tools/bench ann --filters [--help]         # filtered search instead: bench/ann/filters.py

Called by tools/bench, which builds first. Vectors are made and cached by bench/ann/vectors.py
outside the repository; given ones are float32 and compared by cosine. Every engine is a process of
its own (bench/ann/engine.py; Larder's is `bench_ann worker` with the same protocol) that builds
with two threads and searches all queries in one call on one thread, one engine at a time. The
effort is swept until the recall is there; then the efforts around each target are timed in rounds
over all engines, and the queries per second at the target lie between the medians. An engine that
fails or runs out of time has rows that say so, and the others go on.

Indexes of the peers are kept in the cache (engine.py): their build times and bytes per vector are
then of the run that built them, and a note says when; --rebuild measures them anew.
"""

import argparse
import json
import os
import re
import subprocess
import sys

import environment
import workers
from environment import fail

PACKAGES = ("numpy", "zstandard")


def list_of(convert):
    """Reads values between commas."""
    def read(text):
        return [convert(part) for part in text.split(",") if part]
    read.__name__ = "list"
    return read


def parse():
    """The options."""
    summary, usage = __doc__.split("\n", maxsplit=1)
    parser = argparse.ArgumentParser(prog="tools/bench ann", description=summary, epilog=usage,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=list_of(str), default=["A", "B", "C"],
                        help="of the vectors that are made here [A,B,C]")
    parser.add_argument("--data", help="the folder of the texts [../shared/data]")
    parser.add_argument("--base", help="float32 .npy [n, dimensions], instead of --set")
    parser.add_argument("--queries", help="float32 .npy [queries, dimensions], goes with --base")
    parser.add_argument("--max-queries", type=int, help="use only the first so many queries")
    parser.add_argument("--k", type=int, default=10, help="neighbours wanted [10]")
    parser.add_argument("--targets", type=list_of(float), default=[0.95, 0.99],
                        help="recalls to reach [0.95,0.99]")
    parser.add_argument("--engines", type=list_of(str), default=list(workers.NAMES),
                        help=",".join(workers.NAMES) + "; faiss and usearch mean all of theirs")
    parser.add_argument("--no-peers", action="store_true", help="only Larder")
    parser.add_argument("--rounds", type=int, default=5, help="of timing [5]")
    parser.add_argument("--threads", type=int, default=2, help="to build with [2]")
    parser.add_argument("--rebuild", action="store_true",
                        help="build the peers' indexes, though they are in the cache")
    parser.add_argument("--huge-pages", action=argparse.BooleanOptionalAction, default=True,
                        help="huge pages for every engine alike, or for none")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    options = parser.parse_args()
    options.engines = check(options, workers.NAMES)
    return options


def check(options, names):
    """Ends with one line if an option makes no sense; the engines' full names."""
    if bool(options.base) != bool(options.queries):
        fail("--base and --queries go together")
    if not options.targets or not all(0 < t <= 1 for t in options.targets):
        fail("--targets are recalls above 0, up to 1")
    if min(options.k, options.rounds, options.threads, options.max_queries or 1) < 1:
        fail("--k, --rounds, --threads and --max-queries are at least 1")
    for name in options.set:
        if name not in ("A", "B", "C"):
            fail(f"there is no set {name!r}; there are A, B, C")
    engines = []
    for name in ["larder"] if options.no_peers else options.engines:
        family = [n for n in names if n == name]
        if name in ("faiss", "usearch"):
            family = [n for n in names if n.split("-")[0] == name]
        if not family:
            fail(f"there is no engine {name!r}; there are {', '.join(names)}")
        engines += [n for n in family if n not in engines]
    return engines


def machine():
    """Like bench/support/machine.cc: what the numbers were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        text = file.read()

    def field(name):
        found = re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE)
        return found.group(1) if found else ""

    sets = [n for n in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16")
            if n in field("flags").split()]
    done = subprocess.run(["git", "-C", environment.ROOT, "describe", "--always", "--dirty"],
                          check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    commit = done.stdout.strip()
    return (f"{field('model name') or 'unknown processor'}, {os.cpu_count()} cores, "
            f"{' '.join(sets) or 'no avx2'}, "
            f"{'commit ' + commit if commit else 'unknown commit'}, "
            f"load {os.getloadavg()[0]:.1f}")


def print_table(title, rows):
    """One set for people."""
    def number(value, form):
        return "-" if value is None else format(value, form)

    lines = [("engine", "config", "target", "effort", "q/s", "recall", "x hnswlib",
              "bytes/vector", "build s")]
    lines += [(row["engine"], "failed" if "error" in row else row["config"],
               f"{row['target']:g}", number(row["effort"], ""), number(row["qps"], ",.0f"),
               number(row["recall"], ".4f"), number(row["x_hnswlib"], ".2f"),
               number(row["bytes_per_vector"], ",.0f"), number(row["build_s"], ".1f"))
              for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    print("\n" + title)
    for line in lines:
        print("  ".join(cell.ljust(width) if index < 2 else cell.rjust(width)
                        for index, (cell, width) in enumerate(zip(line, widths))).rstrip())


def print_floor(rows, bandwidth):
    """What the memory allows, beside what was measured."""
    print(f"\nmemory: one thread reads {bandwidth / 1e9:.1f} GB/s in order")
    for row in rows:
        if "floor_qps" in row and row["qps"]:
            print(f"  {row['engine']}, set {row['set']}, target {row['target']:g}: "
                  f"rows of {row['bytes_per_query'] / 1e6:.2f} MB compared per query; read whole "
                  f"and nothing else, {row['floor_qps']:,.0f} q/s, measured {row['qps']:,.0f} q/s")


def notes_of(rows):
    """What a table has no column for, once for each set and engine."""
    notes = []
    for row in rows:
        which = f"{row['engine']}, set {row['set']}: "
        if "error" in row:
            notes.append(which + f"failed: {row['error']}")
        if "cached" in row:
            notes.append(which + f"built on {row['cached']} (--rebuild does it anew)")
        if "own_bytes_per_vector" in row:
            notes.append(which + f"{row['own_bytes_per_vector']:,.0f} bytes per vector by its own "
                                 "count (`larder status`)")
        if "open_s" in row:
            notes.append(which + f"the index's file opens, ready for a search, in "
                                 f"{row['open_s']:.2f} s")
    return list(dict.fromkeys(notes))


def main():
    """Measures set after set."""
    if "--filters" in sys.argv:
        import filters  # pylint: disable=import-outside-toplevel
        filters.main()
        return
    options = parse()
    environment.enter(PACKAGES)
    import inputs  # pylint: disable=import-outside-toplevel
    import measure  # pylint: disable=import-outside-toplevel
    bandwidth = measure.bandwidth_of_memory()
    all_rows, notes = [], []
    if options.base:
        sets = [inputs.given(options)]
    else:
        made = {name: inputs.made(name, options) for name in options.set}
        notes += [f"set {name} left out: its vectors could not be made"
                  for name, vectors in made.items() if vectors is None]
        sets = [vectors for vectors in made.values() if vectors]
    for vectors in sets:
        try:
            title, rows = measure.measure(vectors, options, bandwidth)
        except measure.Impossible as error:
            notes.append(f"set {vectors.name} left out: {error}")
            continue
        all_rows += rows
        if not options.json:
            print_table(title, rows)
    if options.json:
        print(json.dumps({"rows": all_rows}))
    else:
        print_floor(all_rows, bandwidth)
        print(f"\nmachine: {machine()}, "
              f"{'with' if options.huge_pages else 'without'} huge pages")
    for note in notes + notes_of(all_rows):
        print("note: " + note, file=sys.stderr if options.json else sys.stdout)
    if all("error" in row for row in all_rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
