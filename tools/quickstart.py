#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a bare Debian 12 machine to similar packages with features, in one command.

    tools/quickstart             everything; what is there already is kept
    tools/quickstart --refresh   makes the catalog, the sessions, the encoder and the data anew

Installs the packages that the build needs, builds `larder` (release), fetches the distribution's own
package catalog, trains an encoder on it, starts a server under build/quickstart, applies the
definitions of examples/debian, ingests, builds the index and shows what came out. After the first
run it needs no network. Definitions that you edit in build/quickstart/definitions, and files that
you add there, stay as they are.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import quickstart_data
import quickstart_home

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME = os.path.join("build", "quickstart")
LARDER = os.path.join("build", "release", "cli", "larder")
DEFINITIONS = os.path.join(HOME, "definitions")
ENCODER = os.path.join(DEFINITIONS, "encoders", "debian")
DATA = os.path.join(HOME, "data")
SOURCES = {"catalog": "catalog.jsonl", "depends": "edges.jsonl", "views": "sessions.jsonl"}
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Quickstart:
    """The steps, their times and the facts that they leave behind."""

    def __init__(self):
        self.times = []  # (step, seconds, note)
        self.facts = self._read_facts()
        self.server = None

    @staticmethod
    def _facts_path():
        return os.path.join(HOME, "quickstart.json")

    def _read_facts(self):
        with contextlib.suppress(OSError, ValueError):
            with open(self._facts_path(), encoding="utf-8") as file:
                return json.load(file)
        return {}

    def remember(self, name, value):
        """Keeps a fact for the next run."""
        self.facts[name] = value
        os.makedirs(HOME, exist_ok=True)
        with open(self._facts_path() + ".partial", "w", encoding="utf-8") as file:
            json.dump(self.facts, file, indent=1)
        os.replace(self._facts_path() + ".partial", self._facts_path())

    @contextlib.contextmanager
    def step(self, name):
        """Announces and times one step; the body may set `note` on what it gets."""
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        notes = []
        yield notes
        self.times.append((name, time.monotonic() - started, "; ".join(notes)))


def run(*command, **options):
    """Runs a command that must succeed; its output goes to the screen."""
    done = subprocess.run(command, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"\nquickstart: `{' '.join(command)}` failed with exit code {done.returncode}")
    return done


def larder_json(*arguments, accept=(0,)):
    """Runs a larder command with --json: its only document. Progress stays on the screen."""
    done = subprocess.run([LARDER, *arguments, "--json"], check=False, stdout=subprocess.PIPE,
                          text=True)
    if done.returncode not in accept:
        sys.exit(f"\nquickstart: `larder {' '.join(arguments)}` failed with exit code "
                 f"{done.returncode}")
    return json.loads(done.stdout)


def show(*arguments):
    """Prints a larder command and what it says."""
    shown = " ".join(f"'{a}'" if " " in a else a for a in arguments)
    print(f"\n$ larder {shown}", flush=True)
    run(LARDER, *arguments)


def data_tool(*arguments):
    """Runs tools/quickstart_data.py on build/quickstart."""
    run(sys.executable, "tools/quickstart_data.py", *arguments)


# ---- before the server -------------------------------------------------------------------------


def build(quick):
    """Builds the release; tools/quickstart has installed what that needs."""
    with quick.step("build (release)"):
        run("cmake", "--preset", "release", "--log-level=WARNING", stdout=subprocess.DEVNULL)
        run("cmake", "--build", "--preset", "release", "--target", "larder", "-j",
            str(os.cpu_count()))


def have(*names):
    """True if all these files lie under build/quickstart."""
    return all(os.path.exists(os.path.join(HOME, name)) for name in names)


def prepare_data(quick):
    """Catalog, edges, tags and sessions: made once."""
    if not quickstart_data.have_lists(HOME):
        with quick.step("fetch the distribution's package lists"):
            data_tool("fetch", HOME)
    if not have("catalog.jsonl", "edges.jsonl", "tags.jsonl"):
        with quick.step("read the package catalog"):
            data_tool("catalog", HOME)
    if not have("sessions.jsonl"):
        with quick.step("simulate browsing sessions"):
            data_tool("sessions", HOME)


def prepare_definitions(quick):
    """A copy of examples/debian, beside which the encoder lies; what somebody edited there stays."""
    copied, edited = quickstart_home.copy_definitions("examples/debian", DEFINITIONS,
                                                      quick.facts.get("definitions", {}))
    quick.remember("definitions", copied)
    for name in edited:
        print(f"quickstart: {os.path.join(DEFINITIONS, name)} was edited and stays as it is; "
              "delete it to get the example's again")


def train(quick):
    """The encoder: trained once, measured on packages and debtags that it never saw."""
    if os.path.exists(os.path.join(ENCODER, "encoder.json")):
        return
    # What a training that was cut off has left: the command writes to an empty directory only.
    shutil.rmtree(ENCODER, ignore_errors=True)
    with quick.step("train an encoder and measure it (debtags are not given to it)"):
        show("encoder", "train", "--items", os.path.join(HOME, "catalog.jsonl"), "--key", "package",
             "--tags", os.path.join(HOME, "tags.jsonl"), "--out", ENCODER)


# ---- the server --------------------------------------------------------------------------------


def free_port():
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(quick):
    """Starts `larder serve`, waits until it answers, points LARDER_SERVER at it."""
    with quick.step("start the server") as notes:
        address = f"127.0.0.1:{free_port()}"
        log = open(os.path.join(HOME, "server.log"), "ab")
        # A signal that came between starting the server and noting it would leave it behind.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            quick.server = subprocess.Popen(
                [LARDER, "serve", "--data", DATA, "--listen", address, "--http",
                 f"127.0.0.1:{free_port()}"], stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        os.environ["LARDER_SERVER"] = address
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            answer = subprocess.run([LARDER, "status", "--json"], check=False, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if answer.returncode == 0:
                break
            if quick.server.poll() is not None or time.monotonic() > deadline:
                log_path = os.path.join(HOME, "server.log")
                sys.exit(f"quickstart: the server did not start: "
                         f"{quickstart_home.last_line(log_path)}\nquickstart: all that it said is "
                         f"in {log_path}")
            time.sleep(0.05)
        recovered = json.loads(answer.stdout)["recovery_s"]
        notes.append(f"at {address}, recovered in {recovered:.2f} s")


def stop_server(quick):
    """Stops the server as an operator would."""
    if quick.server is None or quick.server.poll() is not None:
        return
    quick.server.send_signal(signal.SIGTERM)
    try:
        code = quick.server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        quick.server.kill()
        sys.exit("quickstart: the server did not stop within a minute")
    if code != 0:
        sys.exit(f"quickstart: the server ended with exit code {code}, see {HOME}/server.log")


@contextlib.contextmanager
def no_orphan(quick):
    """Whatever ends the body, a signal or an error, the server does not outlive it."""
    def give_up(number, _):
        sys.exit(f"quickstart: stopped by {signal.Signals(number).name}")

    for number in STOP_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, give_up)
    try:
        yield
    finally:
        if quick.server is not None and quick.server.poll() is None:
            quick.server.terminate()
            try:
                quick.server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                quick.server.kill()


def fingerprint(name):
    """Names one version of a data file, without reading it."""
    status = os.stat(os.path.join(HOME, name))
    return f"{status.st_size}-{status.st_mtime_ns}"


def fill(quick):
    """Applies the definitions and ingests what this data directory does not hold yet."""
    with quick.step("apply the definitions") as notes:
        told = larder_json("apply", DEFINITIONS, "--yes", "--author", "quickstart")
        notes.append(f"revision {told['revision']}, {len(told['changes'])} changes")
    done = quick.facts.get("ingested", {})
    for source, file in SOURCES.items():
        if done.get(source) == fingerprint(file):
            continue
        with quick.step(f"ingest {source}") as notes:
            # What is older than the server is history, until a source has live records.
            history = [] if source in done else ["--history"]
            told = larder_json("ingest", source, os.path.join(HOME, file), *history, "--rejects",
                               os.path.join(HOME, f"{source}.rejects.jsonl"), accept=(0, 3))
            rate = told["accepted"] / told["seconds"]
            notes.append(f"{told['accepted']:,} records, {rate:,.0f}/s, "
                         f"{told['rejected']:,} rejected")
            done[source] = fingerprint(file)
            quick.remember("ingested", done)
    with quick.step("wait for background work (vectors, index)") as notes:
        told = larder_json("status", "--wait")
        for index in told["indexes"]:
            notes.append(index_note(index))


def index_note(index):
    """What `larder status` says about an index; one that has no graph yet has no recall either."""
    note = (f"{index['feature']}: {index['vectors']:,} vectors, {index['base_vectors']:,} in the "
            "graph")
    recall = index.get("recall_at_10")
    return note if recall is None else f"{note}, recall@10 against the exact scan {recall:.4f}"


def pick_user():
    """Somebody with a history: the user of the newest view."""
    with open(os.path.join(HOME, "sessions.jsonl"), "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        return json.loads(file.readlines()[-1])["user_id"]


def show_results(quick):
    """The point of it all."""
    user = pick_user()
    with quick.step("similar packages, search, features"):
        for seed in ("nginx", "gimp", "python3-numpy"):
            show("similar", "similar_packages", "--key", f"seed={seed}", "--limit", "10")
        show("search", "facts.vec", "draw diagrams from a text description", "--limit", "8")
        show("retrieve", "packages_for_user", "--key", f"user={user}", "--key", "seed=vim",
             "--limit", "10", "--columns", "like_history,popularity.views_7d,rising")
        show("get", "package_ranker", "--key", f"user={user}", "--key", "seed=vim", "--key",
             "candidate=emacs,nano,neovim", "--request", "hour=9", "--ages")
        show("status")


# ---- the end -----------------------------------------------------------------------------------


def print_times(quick, total):
    """One line per step."""
    print("\n== measured")
    width = max(len(name) for name, _, _ in quick.times)
    for name, seconds, note in quick.times:
        print(f"  {name:<{width}}  {seconds:7.1f} s  {note}".rstrip())
    print(f"  {'all':<{width}}  {total:7.1f} s  on {os.cpu_count()} cores")
    print("  The packages, their texts and dependencies are Debian's. Users and sessions are "
          "simulated.")


def print_next():
    """What to try now."""
    print(f"""
The server is stopped; its data stays. Start it again, in another terminal:

  {LARDER} serve --data {DATA}

and try:

  {LARDER} similar similar_packages --key seed=postgresql-15
  {LARDER} search facts.vec "play chess against the computer"
  {LARDER} retrieve packages_for_user --key user=user0 --key seed=git --explain
  {LARDER} registry list
  {LARDER} functions

The definitions are in {DEFINITIONS}: edit one, then `{LARDER} plan {DEFINITIONS}`.""")


def refresh(quick):
    """Forgets what earlier runs made, except what somebody edited; no server may run on it."""
    quickstart_home.remove_data(DATA)
    for name in (os.path.join(HOME, "apt"), ENCODER):
        shutil.rmtree(name, ignore_errors=True)
    for name in ("catalog.jsonl", "edges.jsonl", "tags.jsonl", "sessions.jsonl"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(HOME, name))
    quick.facts = {"definitions": quick.facts.get("definitions", {})}


def main():
    """Runs all steps."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refresh", action="store_true",
                        help="make catalog, sessions, encoder and data anew")
    options = parser.parse_args()
    os.chdir(ROOT)
    started = time.monotonic()
    os.makedirs(HOME, exist_ok=True)
    quick = Quickstart()
    with no_orphan(quick):
        if options.refresh:
            refresh(quick)
        if not os.path.isdir(DATA):
            quick.remember("ingested", {})
        build(quick)
        prepare_data(quick)
        prepare_definitions(quick)
        train(quick)
        start_server(quick)
        fill(quick)
        show_results(quick)
        with quick.step("stop the server"):
            stop_server(quick)
    print_times(quick, time.monotonic() - started)
    print_next()


if __name__ == "__main__":
    main()
