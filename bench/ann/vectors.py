#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes and caches the vectors of the ann benchmark.

    bench/ann/vectors.py A|B|C [--data DIR]

Prints the folder of the set, made when it is missing, outside the repository. Sets:

A  titles of arXiv through all-MiniLM-L6-v2, 384 dimensions; queries: first sentences of abstracts
   of some 2,000 items; A-categories.json: the category of each base row
B  general English lines through Larder's static encoder, 256 dimensions; queries: 2,000 held out
C  one million sentences of arXiv abstracts through the static encoder; queries: 2,000 further ones

Files: X-base.npy and X-queries.npy, float32 [n, dimensions] of length 1; for B and C also
X-base-codes.npy and X-queries-codes.npy, the int8 codes that those are made of. A text without a
known token has the zero vector and is left out of B and C.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

import environment

SETS = {"A": "arxiv", "B": "text", "C": "arxiv"}
DATA_FILES = {"arxiv": "arxiv/items.jsonl.zst", "text": "text/english.jsonl.zst"}
GOLDEN = "minilm/golden.jsonl.zst"
QUERIES, C_BASE = 2_000, 1_000_000
PACKAGES = ("numpy", "zstandard", "onnx", "onnxruntime", "tokenizers", "safetensors")
LARDER = os.path.join(environment.ROOT, "build", "release", "cli", "larder")
# Another recipe (sentences, sampling, encoder's options) makes another folder.
RECIPE = "1"


def read(path, *fields):
    """Tuples of these fields of each record."""
    import zstandard  # pylint: disable=import-outside-toplevel
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield tuple(record[field] for field in fields)


def sentences(text):
    """Cut after . ! or ? before white space; simple, and the same everywhere."""
    return [s for s in re.split(r"(?<=[.!?])\s+", " ".join(text.split())) if s]


def save(folder, name, array):
    """One .npy file."""
    import numpy as np  # pylint: disable=import-outside-toplevel
    np.save(os.path.join(folder, name), np.ascontiguousarray(array))


def make_a(folder, data, model):
    """Set A: titles through the transformer."""
    import minilm  # pylint: disable=import-outside-toplevel
    minilm.check_golden(model, os.path.join(data, GOLDEN))
    records = list(read(os.path.join(data, DATA_FILES["arxiv"]),
                        "item_id", "title", "content", "category"))
    asked = sorted((item, content) for item, _, content, _ in records
                   if zlib.crc32(item.encode()) % 100 == 0)[:QUERIES]
    texts = [sentences(content)[0] for _, content in asked if sentences(content)]
    save(folder, "A-queries.npy", minilm.encode(model, texts, "queries of A"))
    save(folder, "A-base.npy", minilm.encode(model, [r[1] for r in records], "base of A"))
    with open(os.path.join(folder, "A-categories.json"), "w", encoding="utf-8") as file:
        json.dump([r[3] for r in records], file)


def texts_of_b(data):
    """Base and query lines of B: the held-out ones lie evenly over the file."""
    lines = [" ".join(text.split()) for text, in read(os.path.join(data, DATA_FILES["text"]),
                                                      "text")]
    held_out = {(2 * i + 1) * len(lines) // (2 * QUERIES) for i in range(QUERIES)}
    base = [line for i, line in enumerate(lines) if line and i not in held_out]
    return base, [lines[i] for i in sorted(held_out) if lines[i]]


def texts_of_c(data):
    """Base and query sentences of C, all distinct, in the order of the file."""
    contents = (c for c, in read(os.path.join(data, DATA_FILES["arxiv"]), "content"))
    distinct = dict.fromkeys(())
    for content in contents:
        distinct.update(dict.fromkeys(sentences(content)))
        if len(distinct) >= C_BASE + QUERIES:
            break
    texts = list(distinct)
    return texts[:C_BASE], texts[C_BASE:C_BASE + QUERIES]


def embed(encoder, texts, what):
    """Codes int8 [n, dimensions] of the static encoder; none of a text may hold a line's end."""
    import numpy as np  # pylint: disable=import-outside-toplevel
    with tempfile.TemporaryFile() as lines:
        lines.write("".join(text + "\n" for text in texts).encode())
        lines.seek(0)
        with subprocess.Popen([LARDER, "embed", "--encoder-dir", encoder, "-"], stdin=lines,
                              stdout=subprocess.PIPE) as process:
            blocks = []
            while block := list(itertools.islice(process.stdout, 50_000)):
                numbers = np.fromstring(b" ".join(block).decode("ascii"), np.int16, sep=" ")
                blocks.append(numbers.astype(np.int8).reshape(len(block), -1))
                environment.tell(f"{what}: {100 * sum(map(len, blocks)) // len(texts)} % of "
                                 f"{len(texts)} texts")
    if process.returncode != 0:
        raise RuntimeError("larder embed failed")
    codes = np.concatenate(blocks)
    if len(codes) != len(texts):
        raise RuntimeError(f"larder embed made {len(codes)} vectors of {len(texts)} texts")
    return codes


def make_static(name, folder, data):
    """Sets B and C: texts through the static encoder, trained on the set's own data."""
    import numpy as np  # pylint: disable=import-outside-toplevel
    if not os.path.exists(LARDER):
        sys.exit(f"{os.path.relpath(LARDER, environment.ROOT)} is not built: "
                 f"set {name} cannot be made")
    encoder = os.path.join(folder, "encoder")
    fields = {"B": ("text", ""), "C": ("title", "content")}[name]
    environment.tell(f"training the encoder of {name}")
    subprocess.run([LARDER, "encoder", "train", "--items",
                    os.path.join(data, DATA_FILES[SETS[name]]), "--title", fields[0], "--content",
                    fields[1], "--out", encoder], check=True, stdout=sys.stderr)
    base, queries = texts_of_b(data) if name == "B" else texts_of_c(data)
    for part, texts in (("queries", queries), ("base", base)):
        codes = embed(encoder, texts, f"{part} of {name}")
        codes = codes[codes.any(axis=1)]
        save(folder, f"{name}-{part}-codes.npy", codes)
        vectors = codes.astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        save(folder, f"{name}-{part}.npy", vectors)


def digest(name, data, model):
    """A short SHA-256 over what the set is made of."""
    total = hashlib.sha256(f"{name} {RECIPE} ".encode())
    paths = [os.path.join(data, DATA_FILES[SETS[name]])]
    if model:
        paths.append(os.path.join(model, "model.safetensors"))
    for path in paths:
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:12]


def folder_of(name, data):
    """The folder of a set, made when it is missing."""
    needed = [DATA_FILES[SETS[name]]] + ([GOLDEN] if name == "A" else [])
    for file in needed:
        if not os.path.exists(os.path.join(data, file)):
            sys.exit(f"{os.path.join(data, file)} is not there: set {name} cannot be made")
    model = None
    if name == "A":
        import minilm  # pylint: disable=import-outside-toplevel
        model = minilm.fetch()
    folder = os.path.join(environment.cache_folder(), digest(name, data, model))
    if os.path.isdir(folder):
        return folder
    os.makedirs(environment.cache_folder(), exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=f"tmp-{name}-", dir=environment.cache_folder())
    try:
        if name == "A":
            make_a(temporary, data, model)
        else:
            make_static(name, temporary, data)
        os.chmod(temporary, 0o755)
        os.rename(temporary, folder)
    except OSError:
        if not os.path.isdir(folder):  # else another run was faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def main():
    """Prints the folder of the set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--data", default=os.path.join(environment.ROOT, "..", "shared", "data"))
    arguments = parser.parse_args()
    environment.enter(PACKAGES)
    print(folder_of(arguments.set, os.path.abspath(arguments.data)))


if __name__ == "__main__":
    main()
