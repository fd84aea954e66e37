# SPDX-License-Identifier: Apache-2.0
"""The virtual environment of the benchmarks, build/bench-venv, and what they cache elsewhere."""

import glob
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, "build", "bench-venv")
PYTHON = os.path.join(VENV, "bin", "python")
FETCH_TIMEOUT_S = 900
HNSWLIB = "hnswlib==0.8.0"
# Of hnswlib, wherever it is compiled: no wheel may be older than this processor.
NATIVE_FLAGS = "-O3 -march=native"


def tell(line):
    """Progress, on stderr."""
    print("… " + line, file=sys.stderr, flush=True)


def fail(message):
    """Ends the program with one line."""
    sys.exit("bench ann: " + message)


def cache_folder():
    """Where vectors and models are kept, outside the repository."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "larder-bench", "ann")


def installed():
    """Name -> version of the packages in the environment; empty if there is no environment."""
    probe = ("import importlib.metadata as m\n"
             "for d in m.distributions(): print(d.metadata['Name'], d.version)")
    if not os.path.exists(PYTHON):
        return {}
    done = subprocess.run([PYTHON, "-c", probe], check=True, text=True, stdout=subprocess.PIPE)
    return dict(line.lower().replace("_", "-").split() for line in done.stdout.splitlines())


def install(requirement, *options, variables=None):
    """Installs one package if it is missing; returns whether it is there."""
    name, _, version = requirement.partition("==")
    there = installed().get(re.sub(r"\[.*", "", name))
    if there and (not version or there == version):
        return True
    tell(f"fetching {requirement} into {os.path.relpath(VENV, ROOT)}")
    command = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", *options,
               requirement]
    try:
        done = subprocess.run(command, check=False, stdout=sys.stderr, timeout=FETCH_TIMEOUT_S,
                              env={**os.environ, **(variables or {})})
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def make():
    """Makes the environment if it is missing; returns whether it is there."""
    if os.path.exists(PYTHON):
        return True
    tell("making " + os.path.relpath(VENV, ROOT))
    return subprocess.run([sys.executable, "-m", "venv", VENV], check=False,
                          stdout=sys.stderr).returncode == 0


def install_hnswlib():
    """Installs hnswlib, compiled here; returns whether it is there."""
    return install(HNSWLIB, "--no-binary", "hnswlib", variables={"CXXFLAGS": NATIVE_FLAGS})


def hnswlib_filter():
    """The path of hnswlib_filter.cc as a shared library, compiled when it is missing against the
    headers of HNSWLIB. Raises OSError or subprocess.SubprocessError where that cannot be."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hnswlib_filter.cc")
    with open(source, "rb") as file:
        key = hashlib.sha256(file.read() + f"{HNSWLIB} {NATIVE_FLAGS}".encode()).hexdigest()[:12]
    path = os.path.join(VENV, "lib", f"hnswlib_filter-{key}.so")
    if os.path.exists(path):
        return path
    tell("compiling hnswlib_filter.cc")
    with tempfile.TemporaryDirectory(dir=VENV) as folder:
        subprocess.run([PYTHON, "-m", "pip", "download", "-q", "--disable-pip-version-check",
                        "--no-deps", "--no-binary", "hnswlib", "--dest", folder, HNSWLIB],
                       check=True, stdout=sys.stderr, timeout=FETCH_TIMEOUT_S)
        for name in glob.glob(os.path.join(folder, "hnswlib-*.tar.gz")):
            with tarfile.open(name) as archive:
                archive.extractall(folder, filter="data")
        headers = glob.glob(os.path.join(folder, "hnswlib-*", "hnswlib", "hnswlib.h"))
        if not headers:
            raise OSError(f"pip's {HNSWLIB} has no headers")
        library = os.path.join(folder, "filter.so")
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++17", *shlex.split(NATIVE_FLAGS),
                        "-fPIC", "-shared", "-isystem",
                        os.path.dirname(os.path.dirname(headers[0])), source, "-o", library],
                       check=True, stdout=sys.stderr)
        os.rename(library, path)
    return path


def enter(packages):
    """Goes on in the environment's interpreter, with these packages; starts the program anew."""
    if not make():
        fail("Python cannot make virtual environments: install python3-venv")
    there = installed()
    for package in packages:
        if package not in there and not install(package):
            fail(f"pip cannot fetch {package}, which this needs")
    if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
        sys.stdout.flush()
        os.execv(PYTHON, [PYTHON, *sys.argv])
