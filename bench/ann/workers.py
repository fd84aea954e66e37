# SPDX-License-Identifier: Apache-2.0
"""Engines of the ann benchmark as processes: started once, asked many times (see engine.py)."""

import ctypes
import dataclasses
import json
import os
import select
import subprocess
import time

import environment

HERE = os.path.dirname(os.path.abspath(__file__))
LARDER = os.path.join(environment.ROOT, "build", "release", "bench", "bench_ann")
# Name of an engine -> the package that it needs.
PEERS = {"hnswlib": environment.HNSWLIB, "faiss-hnsw": "faiss-cpu", "faiss-hnsw-sq8": "faiss-cpu",
         "faiss-ivf": "faiss-cpu", "usearch": "usearch", "usearch-i8": "usearch",
         "svs": "scalable-vs"}
NAMES = ("larder", *PEERS)
BUILD_TIMEOUT_S, SEARCH_TIMEOUT_S = 3_600, 900
PR_SET_THP_DISABLE = 41  # linux/prctl.h


class Failed(Exception):
    """An engine cannot go on; says why."""


@dataclasses.dataclass(frozen=True)
class Vectors:
    """The files of one set; `codes` are the int8 ones where the encoder gives such."""

    name: str
    folder: str
    base: str
    queries: str
    base_codes: str | None = None
    queries_codes: str | None = None


def install(name):
    """Raises Failed if the engine cannot be had."""
    if name == "larder":
        if not os.path.exists(LARDER):
            raise Failed(os.path.relpath(LARDER, environment.ROOT) + " is not built")
        return
    there = (environment.install_hnswlib() if name == "hnswlib"
             else environment.install(PEERS[name]))
    if not there:
        raise Failed(f"pip cannot fetch {PEERS[name]}")


def command(name, vectors, threads, rebuild):
    """What starts the engine."""
    if name != "larder":
        return [environment.PYTHON, os.path.join(HERE, "engine.py"), name, vectors.base,
                vectors.queries, "--threads", str(threads), *(["--rebuild"] if rebuild else [])]
    inputs = [vectors.base, vectors.queries]
    if vectors.base_codes:
        inputs = [vectors.base_codes, vectors.queries_codes]
    return [LARDER, "worker", *inputs, "--threads", str(threads)]


def environment_of(huge_pages):
    """Variables of every engine alike: one way to huge pages, no threads that spin."""
    variables = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
    if huge_pages:
        variables["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"  # madvise; malloc only
    return {**variables, "OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1"}


def forbid_huge_pages():
    """In a child, before it starts its engine, which may well ask for them by itself."""
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


class Worker:
    """One engine with its index; waits without using the processor between two requests."""

    def __init__(self, name, vectors, options):
        """Of `options` the fields threads, huge_pages and rebuild count."""
        install(name)
        self.name = name
        self.dead = False
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            command(name, vectors, options.threads, options.rebuild), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=environment_of(options.huge_pages),
            preexec_fn=None if options.huge_pages else forbid_huge_pages)
        self.rest = b""
        self.ready = self.reply(BUILD_TIMEOUT_S)
        if not self.ready.get("ready"):
            self.stop()
            raise Failed(f"said {self.ready} instead of ready")

    def reply(self, timeout_s):
        """The next line of JSON."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.stop()
                raise Failed(f"no answer in {timeout_s} s")
            block = os.read(self.process.stdout.fileno(), 65_536)
            if not block:
                self.stop()
                raise Failed(f"ended with status {self.process.returncode}")
            self.rest += block
        line, self.rest = self.rest.split(b"\n", maxsplit=1)
        try:
            return json.loads(line)
        except ValueError as error:
            self.stop()
            raise Failed(f"said no JSON: {line[:80]!r}") from error

    def ask(self, line):
        """The reply to one request."""
        try:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError as error:
            self.stop()
            raise Failed("has ended") from error
        return self.reply(SEARCH_TIMEOUT_S)

    def search(self, k, effort, out="-"):
        """The reply to one search of all queries."""
        answer = self.ask(f"search {k} {effort} {out}")
        if not answer.get("seconds", 0) > 0:
            self.stop()
            raise Failed(f"answered a search with {answer}")
        return answer

    def ids(self, k, effort, out, queries):
        """The reply and the ids of one search."""
        import numpy as np  # pylint: disable=import-outside-toplevel
        answer = self.search(k, effort, out)
        try:
            ids = np.load(out)
        except (OSError, ValueError) as error:
            self.stop()
            raise Failed(f"wrote no ids: {error}") from error
        if ids.dtype != np.int32 or ids.shape != (queries, k):
            self.stop()
            raise Failed(f"wrote ids {ids.dtype} {ids.shape}, not int32 {(queries, k)}")
        return answer, ids

    def stop(self):
        """Ends the process."""
        self.dead = True
        if self.process.poll() is None:
            try:
                self.process.stdin.write(b"quit\n")
                self.process.stdin.close()
                self.process.wait(timeout=5)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
