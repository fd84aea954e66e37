#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Transformers: Larder and onnxruntime on the same weights and tokens, one thread each.

    python3 bench/text/transformer_peers.py [--data DIR] [--rounds N] [--core N] [--json]

Needs `bench_transformer` built (cmake --build --preset release --target bench_transformer) and the
STS-B files in DIR/sts. The model is all-MiniLM-L6-v2. onnxruntime has its fused BERT operators and,
in int8, one scale per output (bench/ann/minilm.py). Engines take turns in every round; a round's
time is the best of its repeats, and every number the median over the rounds: what others do on the
machine then hits all alike. Vectors are compared too: the rank correlation with people's scores on
STS-B dev, the cosine distance to float32, and how many texts have other bits in a batch of 32 than
alone.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "ann"))

import environment  # pylint: disable=wrong-import-position

PACKAGES = ("numpy", "zstandard", "onnxruntime==1.32.0", "onnx", "safetensors", "tokenizers")
PROGRAM = os.path.join(environment.ROOT, "build", "release", "bench", "bench_transformer")
SENTENCES, BATCH, DISTANCE_TEXTS, SAME_TEXTS = 1_024, 32, 3_000, 1_000
LENGTHS = (8, 16, 32, 128)
ROUND_S = 0.15


class Larder:
    """`bench_transformer worker`; vectors and times by its own clock."""

    def __init__(self, folder, precision, scratch):
        self.scratch = scratch
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [PROGRAM, "worker", folder, precision], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        self.ready = self.reply()
        self.loaded = None

    def reply(self):
        """The next line of JSON."""
        line = self.process.stdout.readline()
        if not line:
            environment.fail("bench_transformer has ended")
        return json.loads(line)

    def ask(self, line):
        """The reply to one request."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.reply()

    def load(self, sequences):
        """Makes these the texts that requests are about."""
        if self.loaded is sequences:
            return
        path = os.path.join(self.scratch, "ids")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(" ".join(map(str, s)) + "\n" for s in sequences)
        self.ask("load " + path)
        self.loaded = sequences

    def seconds(self, sequences, batch, repeats):
        """The best time of all texts in batches; the VNNI peak just after, in operations/s."""
        self.load(sequences)
        answer = self.ask(f"time {batch} {repeats}")
        return min(answer["seconds"]), answer["operations"] / answer["vnni_peak"]

    def vectors(self, sequences, batch):
        """Vectors [n, 384]."""
        import numpy as np  # pylint: disable=import-outside-toplevel
        self.load(sequences)
        path = os.path.join(self.scratch, "vectors.npy")
        self.ask(f"vectors {batch} {path}")
        return np.load(path)


class Onnx:
    """onnxruntime in this process."""

    def __init__(self, folder, precision):
        import minilm  # pylint: disable=import-outside-toplevel
        model = minilm.int8_model(folder) if precision == "int8" else None
        self.encoder = minilm.Encoder(folder, model)

    def run(self, sequences, batch):
        """All texts in batches, padded to the longest of each."""
        return [self.encoder.vectors(sequences[i:i + batch])
                for i in range(0, len(sequences), batch)]

    def seconds(self, sequences, batch, repeats):
        """As Larder.seconds."""
        best = float("inf")
        for _ in range(repeats):
            start = time.perf_counter()
            self.run(sequences, batch)
            best = min(best, time.perf_counter() - start)
        return best, None

    def vectors(self, sequences, batch):
        """Vectors [n, 384]."""
        import numpy as np  # pylint: disable=import-outside-toplevel
        return np.concatenate(self.run(sequences, batch))


def read_pairs(data, name):
    """Scores, first and second sentences of one STS-B file."""
    with open(os.path.join(data, "sts", name), encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [float(r[4]) for r in rows], [r[5] for r in rows], [r[6] for r in rows]


def rank_correlation(a, b):
    """Spearman's; ties share their mean rank."""
    import numpy as np  # pylint: disable=import-outside-toplevel

    def ranks(values):
        _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[index]
    return float(np.corrcoef(ranks(np.asarray(a)), ranks(np.asarray(b)))[0, 1])


def cases(train):
    """(name, texts of Larder, texts of onnxruntime, batch)."""
    tokens = [t for s in train for t in s[1:-1]]
    for length in LENGTHS:
        text = [[101, *tokens[:length - 2], 102]]
        yield f"{length} tokens, 1 text", text, text, 1
    # The file is ordered by source, captions first; what comes to a server is mixed.
    sentences = random.Random(1).sample(train, SENTENCES)
    by_length = sorted(sentences, key=len)
    what = f"{SENTENCES} sentences, batches of {BATCH}"
    yield what + ", as they come", sentences, sentences, BATCH
    yield what + ", onnxruntime by length", sentences, by_length, BATCH


def measure_times(engines, train, rounds):
    """Rows of milliseconds per text."""
    rows = []
    for name, ours, theirs, batch in cases(train):
        texts = {e: ours if e.startswith("larder") else theirs for e in engines}
        repeats = {e: max(1, int(ROUND_S / engine.seconds(texts[e], batch, 2)[0]))
                   for e, engine in engines.items()}
        times, floors = {e: [] for e in engines}, []
        for _ in range(rounds):
            for e, engine in engines.items():
                best, floor = engine.seconds(texts[e], batch, repeats[e])
                times[e].append(best)
                if e == "larder int8":
                    floors.append(floor / best)
        row = {"name": name}
        for e in engines:
            row["ms_" + e.replace(" ", "_")] = statistics.median(times[e]) * 1e3 / len(ours)
        row["int8_times_onnx"] = statistics.median(
            b / a for a, b in zip(times["larder int8"], times["onnx int8"]))
        row["percent_of_vnni_peak"] = 100 * statistics.median(floors)
        rows.append(row)
        environment.tell(f"{name}: {row['int8_times_onnx']:.2f} times as fast")
    return rows


def measure_quality(engines, scores, pairs, train):
    """Rows about the vectors."""
    reference = engines["larder f32"].vectors(train[:DISTANCE_TEXTS], BATCH)
    rows = []
    for name, engine in engines.items():
        first, second = (engine.vectors(side, BATCH) for side in pairs)
        distance = 1 - (engine.vectors(train[:DISTANCE_TEXTS], BATCH) * reference).sum(
            axis=1, dtype="f8")
        together = engine.vectors(train[:SAME_TEXTS], BATCH)
        alone = engine.vectors(train[:SAME_TEXTS], 1)
        rows.append({"name": name,
                     "sts_dev_spearman": rank_correlation((first * second).sum(axis=1), scores),
                     "distance_to_f32_mean": float(distance.mean()),
                     "distance_to_f32_max": float(distance.max()),
                     "other_bits_in_a_batch": int((together != alone).any(axis=1).sum())})
        environment.tell(name)
    return rows


def show(rows):
    """Rows as a table."""
    fields = [f for f in rows[0] if f != "name"]
    width = max(len(r["name"]) for r in rows)
    print(" " * width, *(f"{f:>{len(f)}}" for f in fields), sep="  ")
    for row in rows:
        print(f"{row['name']:<{width}}", *(f"{row[f]:>{len(f)}.4g}" for f in fields), sep="  ")
    print()


def main():
    """Runs the benchmark."""
    summary, usage = __doc__.split("\n", maxsplit=1)
    parser = argparse.ArgumentParser(description=summary, epilog=usage,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.path.join(environment.ROOT, "..", "shared", "data"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--core", type=int, help="the only processor to use")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    if not os.path.exists(PROGRAM):
        environment.fail(os.path.relpath(PROGRAM, environment.ROOT) + " is not built")
    if not os.path.exists(os.path.join(options.data, "sts", "sts-dev.csv")):
        environment.fail(f"{options.data} has no sts/sts-dev.csv: --data DIR")
    environment.enter(PACKAGES)
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    import minilm  # pylint: disable=import-outside-toplevel
    folder = minilm.fetch()
    scores, *sides = read_pairs(options.data, "sts-dev.csv")
    pairs = [minilm.tokenize(folder, side) for side in sides]
    train = minilm.tokenize(folder, read_pairs(options.data, "sts-train.csv")[1])
    with tempfile.TemporaryDirectory() as scratch:
        engines = {"larder int8": Larder(folder, "int8", scratch), "onnx int8": Onnx(folder, "int8"),
                   "larder f32": Larder(folder, "f32", scratch), "onnx f32": Onnx(folder, "f32")}
        times = measure_times(engines, train, options.rounds)
        quality = measure_quality(engines, scores, pairs, train)
    if options.json:
        print(json.dumps({"bench": "transformer", "rows": times + quality}))
        return
    show(times)
    show(quality)


if __name__ == "__main__":
    main()
