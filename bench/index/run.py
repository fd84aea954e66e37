#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The index benchmark with its peers, hnswlib and FAISS, on the same vectors.

    tools/bench index [--json] [--data DIR] [--rounds N] [--no-peers]

Called by tools/bench, which builds first. The peers are Python packages, fetched on demand as those
of bench/ann/run.py are; without a network they are left out, and the table says so.
"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ann"))
import environment  # pylint: disable=wrong-import-position
import workers  # pylint: disable=wrong-import-position

PROGRAM = os.path.join("build", "release", "bench", "bench_index")
PEERS = ("faiss-hnsw", "hnswlib")


def note(text):
    """A line that bench_index shows below its table."""
    return json.dumps({"note": text}) + "\n"


def measure_peers(arguments, folder):
    """Lines of JSON: rows of the peers, and notes that say why some are missing."""
    if not environment.make():
        return note("peers left out: Python cannot make virtual environments (python3-venv)")
    if not environment.install("numpy"):
        return note("peers left out: pip cannot fetch numpy")
    there, lines = [], ""
    for name in PEERS:
        try:
            workers.install(name)
            there.append(name)
        except workers.Failed as error:
            lines += note(f"{name} left out: {error}")
    if not there:
        return lines
    vectors = os.path.join(folder, "vectors.npy")
    subprocess.run([PROGRAM, *arguments, "--vectors", vectors], check=True)
    done = subprocess.run([environment.PYTHON, "bench/index/peers.py", vectors, *there],
                          check=False, text=True, stdout=subprocess.PIPE)
    if done.returncode != 0:
        return lines + note("peers left out: bench/index/peers.py failed")
    return lines + done.stdout


def main():
    """Measures the peers, then Larder, which prints them together."""
    os.chdir(environment.ROOT)
    arguments = [a for a in sys.argv[1:] if a != "--no-peers"]
    if "--no-peers" in sys.argv:
        sys.exit(subprocess.run([PROGRAM, *arguments], check=False).returncode)
    with tempfile.TemporaryDirectory(dir="build") as folder:
        rows = os.path.join(folder, "peers.jsonl")
        try:
            lines = measure_peers(arguments, folder)
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)  # it has said why
        with open(rows, "w", encoding="utf-8") as file:
            file.write(lines)
        done = subprocess.run([PROGRAM, *arguments, "--rows", rows], check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
