# SPDX-License-Identifier: Apache-2.0
"""The virtual environment of the benchmarks, build/bench-venv, and what they cache elsewhere."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, "build", "bench-venv")
PYTHON = os.path.join(VENV, "bin", "python")
FETCH_TIMEOUT_S = 900


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
    """Makes the environment if it is missing; ends the program if Python cannot."""
    if os.path.exists(PYTHON):
        return
    tell("making " + os.path.relpath(VENV, ROOT))
    if subprocess.run([sys.executable, "-m", "venv", VENV], check=False,
                      stdout=sys.stderr).returncode != 0:
        fail("Python cannot make virtual environments: install python3-venv")


def enter(packages):
    """Goes on in the environment's interpreter, with these packages; starts the program anew."""
    make()
    there = installed()
    for package in packages:
        if package not in there and not install(package):
            fail(f"pip cannot fetch {package}, which this needs")
    if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
        sys.stdout.flush()
        os.execv(PYTHON, [PYTHON, *sys.argv])
