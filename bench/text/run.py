#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text in one table: tokenizers, encoders and serving, speed beside quality, peers in the same run.

    tools/bench text [--only tokenizer,static,transformer,serving] [--data DIR] [--rounds N] [--json]

Called by tools/bench, which builds first. The parts:

tokenizer    MB/s of one core on the lines of DIR/text, beside libsentencepiece, sentencepiece and
             tokenizers; on how many lines each has other ids than the oracle.
static       encoders trained and distilled here, asked for known items, related items and scored
             pairs, beside BM25 and TF-IDF (quality.py); titles a second of the one for arXiv.
transformer  all-MiniLM-L6-v2 on token ids, beside onnxruntime (transformer_peers.py).
serving      Embed by a server, quiet and while it makes the vectors of a catalog (bench_embed).

Packages are fetched from PyPI into build/bench-venv, the model's weights into ~/.cache. About half
an hour on two cores. BAR is what Larder's figure should reach, and says where it does not.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "ann"))

import environment  # pylint: disable=wrong-import-position
import quality  # pylint: disable=wrong-import-position

PACKAGES = ("numpy", "zstandard", "onnxruntime==1.32.0", "onnx", "safetensors", "tokenizers",
            "sentencepiece")
LARDER = os.path.join("build", "release", "cli", "larder")
PROGRAMS = os.path.join("build", "release", "bench")
PARTS = ("tokenizer", "static", "transformer", "serving")
# What Larder's own figure should reach: MB/s, texts/s, percent, ratios, distances.
AT_LEAST = {
    "t5_spiece, cold": 45, "t5_spiece, warm": 120,
    "bpemb_en.wiki.bpe.vs100000, cold": 45, "bpemb_en.wiki.bpe.vs100000, warm": 120,
    "arXiv titles, cold": 0.5e6, "arXiv titles, warm": 1.2e6,
    "arxiv recall_at_10": 0.46, "STS-B dev, distilled": 0.80, "STS-B dev, words by rarity": 0.76,
    "int8, 16 tokens, 1 text": 72, "int8, 128 tokens, 1 text": 72,
    "int8, 6 to 60 tokens, 32 texts": 72,
    "16 tokens, 1 text": 1.65, "128 tokens, 1 text": 1.65,
    "1024 sentences, batches of 32, as they come": 4.5,
    "1024 sentences, batches of 32, onnxruntime by length": 1.7,
    "larder int8, STS-B dev": 0.866,
}
AT_MOST = {
    "larder int8, cosine distance to f32": 0.0015,
    "new item until found, longest": 1_000,
    "1 text, transformer, during a backfill, p99 over quiet": 2,
}
# Of TF-IDF's figure.
AT_LEAST_TIMES_TFIDF = {"arxiv recall_at_10": 1.12}


def bar_of(what, larder, peers):
    """The bar as text, and whether it is reached; ("", True) without one."""
    bars = [(f">= {number(AT_LEAST[what])}", larder >= AT_LEAST[what])] if what in AT_LEAST else []
    if what in AT_MOST:
        bars.append((f"<= {number(AT_MOST[what])}", larder <= AT_MOST[what]))
    if what in AT_LEAST_TIMES_TFIDF:
        times = AT_LEAST_TIMES_TFIDF[what]
        bars.append((f">= {times} x TF-IDF", larder >= times * peers["TF-IDF"]))
    return " and ".join(text for text, _ in bars), all(met for _, met in bars)


class Table:
    """Rows of one figure each, ours beside those of others, in sections."""

    def __init__(self):
        self.rows, self.notes, self.part = [], [], ""

    def add(self, what, unit, larder, **peers):
        """One row; peers without a figure are left out."""
        bar, met = bar_of(what, larder, peers)
        self.rows.append({"part": self.part, "what": what, "unit": unit, "larder": larder,
                          "bar": bar, "met": met,
                          "peers": {k: v for k, v in peers.items() if v is not None}})

    def show(self):
        """All rows as text."""
        lines = [("", "UNIT", "LARDER", "BAR", "OTHERS")]
        part = None
        for row in self.rows:
            if row["part"] != part:
                part = row["part"]
                lines.append((part.upper(), "", "", "", ""))
            others = ", ".join(f"{name} {number(v)}" for name, v in row["peers"].items())
            bar = row["bar"] + ("" if row["met"] else " MISSED")
            lines.append(("  " + row["what"], row["unit"], number(row["larder"]), bar, others))
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        for line in lines:
            print("  ".join(cell.ljust(width) if i in (0, 1, 4) else cell.rjust(width)
                            for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
        print("\n" + "\n".join(self.notes))


def number(value):
    """Four digits, M for millions."""
    if value is None:
        return ""
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def program(name, *arguments):
    """The report of one of our benchmarks."""
    environment.tell(" ".join((name, *arguments)))
    done = subprocess.run([os.path.join(PROGRAMS, name), *arguments, "--json"], check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def script(name, *arguments):
    """What one of our scripts prints."""
    environment.tell(" ".join((name, *arguments)))
    return subprocess.run([sys.executable, os.path.join(HERE, name), *arguments], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def tokenizer(options, table, folder):
    """Speed and agreement of tokenizers."""
    ids = os.path.join(folder, "ids")
    report = program("bench_tokenizer", "--data", options.data, "--rounds", str(options.rounds),
                     "--ids", ids)
    table.notes.append(report["machine"])
    table.notes += report["notes"]
    ours = {row["name"]: row for row in report["rows"]}
    peers = {}
    for line in script("tokenizer_peers.py", options.data, ids).splitlines():
        row = json.loads(line)
        model, name = row["name"].split(", ")
        peers.setdefault(model, {})[name] = row
    for model, others in peers.items():
        library = ours.get(model + ", libsentencepiece", {})
        speed = {name: row["mb_per_s"] for name, row in others.items()}
        table.add(model + ", cold", "MB/s", ours[model + ", own, cold"]["mb_per_s"],
                  libsentencepiece=library.get("mb_per_s"), **speed)
        table.add(model + ", warm", "MB/s", ours[model + ", own, warm"]["mb_per_s"])
        different = {name: row["different_lines"] for name, row in others.items()}
        oracle = library.get("different_lines", next(iter(different.values())))
        table.add(model + ", other ids than the oracle", "lines", oracle,
                  **(different if library else {}))


def minilm_folder():
    """The model's files."""
    import minilm  # pylint: disable=import-outside-toplevel
    return minilm.fetch()


def static(options, table, folder):
    """Quality of what is trained here; speed of the encoder for arXiv."""
    options.larder = LARDER
    options.teacher = os.path.join(folder, "teacher")
    subprocess.run([LARDER, "encoder", "import", minilm_folder(), "--out", options.teacher],
                   check=True, stdout=subprocess.DEVNULL)
    bench = quality.Bench(options, folder)
    bench.run()
    for row in bench.rows:
        what = row["what"] + (f" ({row['note']})" if "difference" in row["note"] else "")
        table.add(what, "", row["encoder"], **{"BM25": row["bm25"], "TF-IDF": row["tfidf"]})
        if "difference" not in row["note"]:
            table.notes.append(f"{row['what']}: {row['note']}")
    encoder = os.path.join(folder, "arxiv")
    if os.path.isdir(encoder):
        report = program("bench_titles", "--data", options.data, "--encoder", encoder,
                         "--rounds", str(options.rounds))
        for row in report["rows"]:
            table.add("arXiv " + row["name"], "texts/s", row["texts_per_s"])
        table.notes += report["notes"]


def transformer(options, table, _):
    """Speed and agreement of all-MiniLM-L6-v2."""
    minilm_folder()
    report = program("bench_transformer", "--rounds", str(options.rounds))
    for row in report["rows"]:
        if "percent_of_vnni_peak" in row:
            table.add(row["name"], "% of VNNI peak", row["percent_of_vnni_peak"])
    table.notes += report["notes"]
    core = str(min(os.sched_getaffinity(0)))
    rows = json.loads(script("transformer_peers.py", "--data", options.data, "--json",
                             "--core", core, "--rounds", str(options.rounds)))["rows"]
    for row in rows:
        if "int8_times_onnx" in row:
            table.add(row["name"], "times onnxruntime int8", row["int8_times_onnx"])
            table.add(row["name"] + ", a text", "ms", row["ms_larder_int8"],
                      **{"onnxruntime int8": row["ms_onnx_int8"],
                         "onnxruntime f32": row["ms_onnx_f32"], "larder f32": row["ms_larder_f32"]})
    quality_rows = {row["name"]: row for row in rows if "sts_dev_spearman" in row}
    for measure, what in (("sts_dev_spearman", "STS-B dev"),
                          ("distance_to_f32_mean", "cosine distance to f32"),
                          ("other_bits_in_a_batch", "texts with other bits in a batch")):
        table.add("larder int8, " + what, "", quality_rows["larder int8"][measure],
                  **{name: row[measure] for name, row in quality_rows.items()
                     if name != "larder int8"})


def serving(options, table, _):
    """Embed by a server."""
    report = program("bench_embed", "--data", os.path.join(options.data, "arxiv", "items.jsonl.zst"),
                     "--rounds", str(options.rounds))
    units = {"p50_us": ("p50", "ms", 1e-3), "p99_us": ("p99", "ms", 1e-3),
             "p50_ms": ("p50", "ms", 1), "max_ms": ("longest", "ms", 1),
             "p99_ratio": ("p99 over quiet", "ratio", 1), "texts_per_s": ("rate", "texts/s", 1),
             "backfill_items_per_s": ("backfill", "items/s", 1)}
    for row in report["rows"]:
        for field, (measure, unit, factor) in units.items():
            if field in row:
                table.add(f"{row['name']}, {measure}", unit, factor * row[field])
    table.notes += report["notes"]


def parse():
    """The options."""
    summary, usage = __doc__.split("\n", maxsplit=1)
    parser = argparse.ArgumentParser(prog="tools/bench text", description=summary, epilog=usage,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts to measure [all]")
    parser.add_argument("--data", default=os.path.join("..", "shared", "data"),
                        help="the folder with text/, tokenizers/, arxiv/ and others")
    parser.add_argument("--rounds", type=int, default=5, help="of timing [5]")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    options = parser.parse_args()
    options.only = options.only.split(",")
    for part in options.only:
        if part not in PARTS:
            parser.error(f"--only {part}: there is {', '.join(PARTS)}")
    return options


def main():
    """Runs the parts, then prints what they found."""
    os.chdir(environment.ROOT)
    options = parse()
    environment.enter(PACKAGES)
    table = Table()
    with tempfile.TemporaryDirectory(dir="build") as folder:
        for part in options.only:
            table.part = part
            globals()[part](options, table, folder)
    table.notes.append(", ".join(f"{p.partition('=')[0]} {importlib.metadata.version(p.partition('=')[0])}"
                                 for p in PACKAGES))
    if options.json:
        print(json.dumps({"bench": "text", "rows": table.rows, "notes": table.notes}))
    else:
        table.show()


if __name__ == "__main__":
    main()
