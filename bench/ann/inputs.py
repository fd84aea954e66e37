# SPDX-License-Identifier: Apache-2.0
"""The vectors that the ann benchmark measures: sets that are made, or files that are given."""

import dataclasses
import hashlib
import os
import subprocess

import numpy as np

import environment
import workers
from environment import fail

FLOAT_TOLERANCE = 1e-5


def load(path):
    """The array of a given file, mapped."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        fail(f"{path}: cannot be read as .npy: {str(error).splitlines()[0]}")
    if not isinstance(array, np.ndarray):
        fail(f"{path}: holds several arrays, not one .npy")
    if array.dtype != np.float32:
        fail(f"{path}: is {array.dtype}, not float32")
    if array.ndim != 2 or 0 in array.shape:
        fail(f"{path}: has the shape {array.shape}, not rows by dimensions")
    return array


def unit_lengths(path, array, folder, name):
    """The path of the same vectors of length 1: itself, or a copy in the folder."""
    lengths = np.concatenate([np.linalg.norm(array[i:i + 65_536], axis=1)
                              for i in range(0, len(array), 65_536)])
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if bad.size:
        fail(f"{path}: row {bad[0]} has the length {lengths[bad[0]]} and so no direction")
    if array.flags.c_contiguous and np.abs(lengths - 1).max() < FLOAT_TOLERANCE:
        return path
    copy = os.path.join(folder, name + ".npy")
    if not os.path.exists(copy):
        temporary = f"{copy}.{os.getpid()}.npy"
        np.save(temporary, np.ascontiguousarray(array / lengths[:, None]))
        os.rename(temporary, copy)
    return copy


def given(options):
    """The vectors of --base and --queries."""
    base, queries = load(options.base), load(options.queries)
    if base.shape[1] != queries.shape[1]:
        fail(f"{options.base} has {base.shape[1]} dimensions, {options.queries} "
             f"{queries.shape[1]}")
    total = hashlib.sha256()
    for path in (options.base, options.queries):
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    folder = os.path.join(environment.cache_folder(), "given-" + total.hexdigest()[:12])
    os.makedirs(folder, exist_ok=True)
    return workers.Vectors("given", folder, unit_lengths(options.base, base, folder, "base"),
                           unit_lengths(options.queries, queries, folder, "queries"))


def made(name, options):
    """The vectors of a set, made when they are missing; None if that cannot be."""
    command = [environment.PYTHON, os.path.join(os.path.dirname(__file__), "vectors.py"), name]
    if options.data:
        command += ["--data", options.data]
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE)
    if done.returncode != 0:
        return None
    folder = done.stdout.strip()
    parts = [os.path.join(folder, f"{name}-{part}.npy") for part in ("base", "queries")]
    codes = [path.replace(".npy", "-codes.npy") for path in parts]
    if not os.path.exists(codes[0]):
        codes = [None, None]
    return workers.Vectors(name, folder, *parts, *codes)


def first_queries(vectors, count):
    """The set with only so many of its queries, in files beside it."""
    paths = {}
    for field in ("queries", "queries_codes"):
        path = getattr(vectors, field)
        if path:
            paths[field] = os.path.join(vectors.folder,
                                        f"{vectors.name}-first-{count}-{field}.npy")
            np.save(paths[field], np.load(path, mmap_mode="r")[:count])
    return dataclasses.replace(vectors, **paths)
