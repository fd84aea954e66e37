#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The index benchmark with its peers, hnswlib and FAISS, on the same vectors.

    tools/bench index [--json] [--data DIR] [--rounds N] [--no-peers]

Called by tools/bench, which builds first. The peers are Python packages, fetched on demand into
build/bench-venv; without a network they are left out, and the table says so.
"""

import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join("build", "release", "bench", "bench_index")
VENV = os.path.join("build", "bench-venv")
PACKAGES = ("numpy", "hnswlib", "faiss-cpu")
FETCH_TIMEOUT_S = 600


def python_with_peers():
    """The interpreter of the virtual environment, or why there is none."""
    python = os.path.join(VENV, "bin", "python")
    probe = [python, "-c", "import numpy, faiss"]
    if os.path.exists(python) and subprocess.run(probe, check=False,
                                                 stderr=subprocess.DEVNULL).returncode == 0:
        return python, ""
    print("… fetching the peers into " + VENV, file=sys.stderr)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], check=False, stdout=sys.stderr)
    if made.returncode != 0:
        return None, "peers left out: Python cannot make virtual environments (python3-venv)"
    fetched = False
    for package in PACKAGES:  # one by one: hnswlib needs a compiler, the others do not
        try:
            done = subprocess.run([python, "-m", "pip", "install", "-q", package], check=False,
                                  stdout=sys.stderr, timeout=FETCH_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None, f"peers left out: pip did not fetch {package} in time"
        if done.returncode != 0:
            print(f"… pip cannot fetch {package}", file=sys.stderr)
        fetched = fetched or (done.returncode == 0 and package != "numpy")
    if not fetched:
        return None, "peers left out: pip cannot fetch them"
    return python, ""


def measure_peers(arguments, folder):
    """Lines of JSON: rows of the peers, or a note that says why there are none."""
    python, why = python_with_peers()
    if python is None:
        return json.dumps({"note": why}) + "\n"
    vectors = os.path.join(folder, "vectors.npy")
    subprocess.run([PROGRAM, *arguments, "--vectors", vectors], check=True)
    done = subprocess.run([python, "bench/index/peers.py", vectors], check=False, text=True,
                          stdout=subprocess.PIPE)
    if done.returncode != 0:
        return json.dumps({"note": "peers left out: bench/index/peers.py failed"}) + "\n"
    return done.stdout


def main():
    """Measures the peers, then Larder, which prints them together."""
    os.chdir(ROOT)
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
