#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Quality of static encoders on real data, beside BM25 and TF-IDF, by the `larder` command.

arXiv: trained without the newest 10,000 items, which ask with their first sentences among all
titles. Movies and cardano: related items later in time, trained on texts alone and with the events
before the test period. Sentences: STS-B dev, by the words of general English lines, and distilled
if --teacher names an encoder's artifact.

    python3 bench/text/quality.py --larder build/release/cli/larder --data ../shared/data [--json]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

TIMEOUT_S = 1800
HELD_OUT = 10_000
# What makes an event of a data set, and which items the events are about.
EVENTS = {
    "movies": ["--events", "ratings.jsonl.zst", "--value", "rating", "--at-least", "4"],
    "cardano": ["--events", "events.jsonl.zst"],
}


class Bench:
    """Runs `larder` on the data and collects rows of (what, encoder, BM25, TF-IDF, note)."""

    def __init__(self, options, folder):
        self.options, self.folder, self.rows = options, folder, []

    def data(self, *names):
        """A path in the data folder."""
        return os.path.join(self.options.data, *names)

    def has(self, name):
        """Whether the data set is there; says so if it is not."""
        if os.path.isdir(self.data(name)):
            return True
        print(f"skipped {name}: no {self.data(name)}", file=sys.stderr)
        return False

    def larder(self, *arguments):
        """What a command of `larder encoder` says, as JSON. Writes over what it wrote before."""
        if "--out" in arguments:
            shutil.rmtree(arguments[arguments.index("--out") + 1], ignore_errors=True)
        print("larder encoder " + " ".join(arguments), file=sys.stderr)
        done = subprocess.run([self.options.larder, "encoder", *arguments, "--json"], check=True,
                              timeout=TIMEOUT_S, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def add(self, what, encoder, bm25, tfidf, note=""):
        """One row of the table."""
        self.rows.append({"what": what, "encoder": encoder, "bm25": bm25, "tfidf": tfidf,
                          "note": note})

    def arxiv(self):
        """Known items."""
        told = self.larder("train", "--items", self.data("arxiv", "items.jsonl.zst"),
                           "--time", "published_at", "--hold-out", str(HELD_OUT),
                           "--queries", str(HELD_OUT), "--pieces", "32000",
                           "--out", os.path.join(self.folder, "arxiv"))
        figures = told["evaluation"]["known_item"]
        for measure in ("recall_at_1", "recall_at_10", "mrr_at_10"):
            self.add(f"arxiv {measure}", *(figures[by][measure]
                                           for by in ("encoder", "bm25", "tfidf")),
                     f"{told['seconds']:.0f} s")

    def related(self, name):
        """Related items, without and with events in training."""
        folder = os.path.join(self.folder, name)
        events = [self.data(name, a) if a.endswith(".zst") else a for a in EVENTS[name]]
        items = ["--items", self.data(name, "items.jsonl.zst"), "--key", "item_id"]
        train = ["train", *items, "--hold-out", "0", "--out", folder]
        split = None
        for how in ("texts", "texts and events"):
            self.larder(*train, *([*events, "--until", split] if split else []))
            told = self.larder("eval", folder, *items, *events)["related"]
            split = told["split"]
            for part in ("all", "cold"):
                figures = told[part]
                low, high = figures["encoder_minus_tfidf_95"]
                self.add(f"{name} related, {part}, {how}", figures["encoder"], figures["bm25"],
                         figures["tfidf"], f"difference to TF-IDF {low:+.4f} to {high:+.4f}")

    def sentences(self):
        """Scored pairs of sentences."""
        texts = self.data("text", "english.jsonl.zst")
        pairs = ["--sts", self.data("sts", "sts-dev.csv")]
        ways = {"words by rarity": ["train", "--items", texts, "--title", "", "--content", "text",
                                    "--hold-out", "0", "--epochs", "0"]}
        if self.options.teacher:
            ways["distilled"] = ["distill", "--teacher", self.options.teacher, "--texts", texts,
                                 "--fields", "text"]
        for way, command in ways.items():
            folder = os.path.join(self.folder, "sentences")
            self.larder(*command, "--pieces", "32000", "--out", folder)
            told = self.larder("eval", folder, *pairs)["pairs"]
            self.add(f"STS-B dev, {way}", told["encoder"], None, told["tfidf"],
                     f"bag of words {told['words']:.3f}")

    def run(self):
        """Everything whose data is there."""
        if self.has("arxiv"):
            self.arxiv()
        for name in EVENTS:
            if self.has(name):
                self.related(name)
        if self.has("text") and self.has("sts"):
            self.sentences()


def main():
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--larder", default="build/release/cli/larder")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--teacher", help="the artifact of an encoder to distil from")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        bench.run()
    if options.json:
        print(json.dumps(bench.rows))
        return
    print(f"{'MEASURE':40} {'ENCODER':>8} {'BM25':>8} {'TF-IDF':>8}")
    for row in bench.rows:
        cells = ["" if row[by] is None else f"{row[by]:.4f}" for by in ("encoder", "bm25", "tfidf")]
        print(f"{row['what']:40} {cells[0]:>8} {cells[1]:>8} {cells[2]:>8}  {row['note']}")


if __name__ == "__main__":
    main()
