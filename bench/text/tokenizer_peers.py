#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's tokenizers on the lines that bench_tokenizer left; lines of JSON on stdout.

    build/release/bench/bench_tokenizer --data DIR --ids IDS
    bench/text/tokenizer_peers.py DIR IDS

DIR has tokenizers/; IDS has texts.jsonl and MODEL.ids, the ids of Debian's libsentencepiece or, for
WordPiece, Larder's. Needs the packages `sentencepiece` and `tokenizers`. One core, one line at a
time, best of three rounds of every fourth line; ids are compared on all lines.
"""

import json
import os
import sys
import time

# Before its import: its thread pool.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sentencepiece
import tokenizers

ROUNDS, STEP = 3, 4
MODELS = ("t5_spiece", "bpemb_en.wiki.bpe.vs100000")
# A tokenizer.json, and whose ids it is compared with.
FILES = {"t5-small": "t5_spiece", "bert_base_cased": "bert_base_cased", "gte": "gte"}


def tell(**row):
    """One row of the table."""
    print(json.dumps(row), flush=True)


def measure(name, encode, texts, expected):
    """Speed, and on how many lines the ids differ."""
    sample = texts[::STEP]
    megabytes = sum(len(text.encode()) for text in sample) / 1e6
    best = 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for text in sample:
            encode(text)
        best = max(best, megabytes / (time.perf_counter() - started))
    different = sum(" ".join(map(str, encode(text))) != ids for text, ids in zip(texts, expected))
    tell(name=name, mb_per_s=round(best, 2), lines=len(texts), different_lines=different)


def read_ids(folder, model):
    """What bench_tokenizer left: a line of ids for each text."""
    with open(os.path.join(folder, model + ".ids"), encoding="ascii") as file:
        return file.read().splitlines()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    data, ids = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with open(os.path.join(ids, "texts.jsonl"), encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    for model in MODELS:
        path = os.path.join(data, "tokenizers", "sentencepiece", model + ".model")
        processor = sentencepiece.SentencePieceProcessor(model_file=path)
        measure(f"{model}, sentencepiece {sentencepiece.__version__}", processor.encode, texts,
                read_ids(ids, model))
    for name, model in FILES.items():
        peer = tokenizers.Tokenizer.from_file(
            os.path.join(data, "tokenizers", "tokenizers_json", name + ".json"))
        peer.no_padding()
        peer.no_truncation()
        measure(f"{model}, tokenizers {tokenizers.__version__}",
                lambda text, encode=peer.encode: encode(text, add_special_tokens=False).ids, texts,
                read_ids(ids, model))


if __name__ == "__main__":
    main()
