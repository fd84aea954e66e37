# SPDX-License-Identifier: Apache-2.0
"""The peers of the ann benchmark, each behind the same few methods (see engine.py)."""

import ctypes
import math
import os
import tempfile
import time

import numpy as np

import environment

SEED = 1
HERE = os.path.dirname(os.path.abspath(__file__))
# Of a filtered search that has run out of time, so that its percentiles mean something.
LEAST_QUERIES = 20


class Peer:
    """What all share. `config` tells the parameters of the index, as people read it; a cached
    index is found by it. `floor` is the least effort that makes sense: "k" where it is the length
    of a list of candidates, 1 where it counts partitions."""

    package, config, floor = "", "", "k"

    def __init__(self, rows, dimensions):
        self.rows, self.dimensions = rows, dimensions
        self.index = None

    def details(self):
        """What only a made index knows of its configuration."""
        return ""


class Hnswlib(Peer):
    """The reference implementation of HNSW, space `ip` on vectors of length 1."""

    package, config = "hnswlib", "M=16 efC=200 f32"
    degree, construction = 16, 200
    filtered_index = None

    def empty(self):
        """No index yet."""
        import hnswlib  # pylint: disable=import-outside-toplevel
        return hnswlib.Index(space="ip", dim=self.dimensions)

    def build(self, base, threads):
        """From float32 [rows, dimensions]."""
        self.index = self.empty()
        self.index.init_index(self.rows, M=self.degree, ef_construction=self.construction,
                              random_seed=SEED)
        self.index.add_items(base, num_threads=threads)

    def save(self, folder):
        """Writes the index into an empty folder."""
        self.index.save_index(os.path.join(folder, "index"))

    def load(self, folder, _base):
        """Reads what save() wrote."""
        self.index = self.empty()
        self.index.load_index(os.path.join(folder, "index"))

    def search(self, queries, k, effort):
        """Ids [queries, k]; effort is ef."""
        self.index.set_ef(max(effort, k))
        return self.index.knn_query(queries, k=k, num_threads=1)[0]

    def open_filtered(self):
        """The same index in C++, whose filters are no Python functions."""
        functions = ctypes.CDLL(environment.hnswlib_filter())
        functions.Open.restype = ctypes.c_void_p
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            index = functions.Open(os.path.join(folder, "index").encode(),
                                   ctypes.c_size_t(self.dimensions))
        if not index:
            raise RuntimeError("hnswlib_filter.cc cannot read the index")
        return functions, ctypes.c_void_p(index)

    def filtered(self, queries, k, effort, filters, seconds):
        """Query i among the ids whose bits are set in row i of filters, uint8 [queries, bytes],
        lowest bit first; one after the other, until the time is up. Ids [done, k], -1 where there
        are fewer, and the latency of each in µs."""
        if self.filtered_index is None:
            self.filtered_index = self.open_filtered()
        functions, index = self.filtered_index
        ids = np.full((len(filters), k), -1, np.int32)
        latencies = np.empty(len(filters))
        queries, filters = np.ascontiguousarray(queries), np.ascontiguousarray(filters)
        functions.Search.restype = ctypes.c_size_t
        done = functions.Search(
            index, queries.ctypes.data_as(ctypes.c_void_p),
            filters.ctypes.data_as(ctypes.c_void_p),
            *map(ctypes.c_size_t, (len(filters), self.dimensions, filters.shape[1], k,
                                   max(effort, k), LEAST_QUERIES)),
            ctypes.c_double(seconds), ids.ctypes.data_as(ctypes.c_void_p),
            latencies.ctypes.data_as(ctypes.c_void_p))
        return ids[:done], latencies[:done]


class Faiss(Peer):
    """What FAISS's indexes share."""

    package = "faiss-cpu"

    def __init__(self, rows, dimensions):
        super().__init__(rows, dimensions)
        import faiss  # pylint: disable=import-outside-toplevel
        self.faiss = faiss

    def build(self, base, threads):
        """Trains where the storage needs it, then adds."""
        self.faiss.omp_set_num_threads(threads)
        self.index = self.empty()
        self.index.train(base)
        self.index.add(base)

    def empty(self):
        """The index to be trained."""
        raise NotImplementedError

    def save(self, folder):
        """Writes the index into an empty folder."""
        self.faiss.write_index(self.index, os.path.join(folder, "index"))

    def load(self, folder, _base):
        """Reads what save() wrote."""
        self.index = self.faiss.read_index(os.path.join(folder, "index"))


class FaissHnsw(Faiss):
    """IndexHNSWFlat."""

    config = "HNSW32 efC=200 f32"
    degree, construction = 32, 200

    def storage(self):
        """The index without its parameters."""
        return self.faiss.IndexHNSWFlat(self.dimensions, self.degree,
                                        self.faiss.METRIC_INNER_PRODUCT)

    def empty(self):
        index = self.storage()
        index.hnsw.efConstruction = self.construction
        return index

    def search(self, queries, k, effort):
        """Effort is efSearch."""
        self.faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = max(effort, k)
        return self.index.search(queries, k)[1]

    def filtered(self, queries, k, effort, filters, seconds):
        """As Hnswlib.filtered. The selector is C++; a call from Python costs a few µs."""
        self.faiss.omp_set_num_threads(1)
        ids, latencies = [], []
        end = time.perf_counter() + seconds
        for query, bits in zip(queries, filters):
            selector = self.faiss.IDSelectorBitmap(bits)
            parameters = self.faiss.SearchParametersHNSW(sel=selector, efSearch=max(effort, k))
            started = time.perf_counter()
            ids.append(self.index.search(query[None], k, params=parameters)[1][0])
            now = time.perf_counter()
            latencies.append(1e6 * (now - started))
            if now >= end and len(ids) >= LEAST_QUERIES:
                break
        return np.array(ids, np.int32), np.array(latencies)


class FaissHnswSq(FaissHnsw):
    """IndexHNSWSQ, 8 bits a dimension."""

    config = "HNSW32 efC=200 SQ8"

    def storage(self):
        return self.faiss.IndexHNSWSQ(self.dimensions, self.faiss.ScalarQuantizer.QT_8bit,
                                      self.degree, self.faiss.METRIC_INNER_PRODUCT)


class FaissIvf(Faiss):
    """Partitions with 4-bit product codes, scanned by SIMD, refined by half floats."""

    floor = 1

    def __init__(self, rows, dimensions):
        """About 4 sqrt(n) partitions, two dimensions a code."""
        super().__init__(rows, dimensions)
        lists = 2 ** round(math.log2(max(4, 4 * math.sqrt(rows))))
        self.config = f"IVF{lists},PQ{dimensions // 2}x4fs,Refine(SQfp16)"

    def empty(self):
        return self.faiss.index_factory(self.dimensions, self.config,
                                        self.faiss.METRIC_INNER_PRODUCT)

    def search(self, queries, k, effort):
        """Effort is nprobe; candidates for the refinement: at least 100, at least 3 k."""
        self.faiss.omp_set_num_threads(1)
        parameters = self.faiss.IndexRefineSearchParameters(
            k_factor=max(3.0, 100 / k),
            base_index_params=self.faiss.SearchParametersIVF(nprobe=effort))
        return self.index.search(queries, k, params=parameters)[1]


class Usearch(Peer):
    """USearch with float32; metric `cos`, for which int8 is scaled."""

    package, config, dtype = "usearch", "M=16 efC=200 f32", "f32"

    def empty(self):
        """No rows yet."""
        from usearch.index import Index  # pylint: disable=import-outside-toplevel
        return Index(ndim=self.dimensions, metric="cos", dtype=self.dtype, connectivity=16,
                     expansion_add=200)

    def build(self, base, threads):
        """From float32 [rows, dimensions]."""
        self.index = self.empty()
        self.index.add(np.arange(self.rows), base, threads=threads)

    def details(self):
        return str(self.index.hardware_acceleration)

    def save(self, folder):
        """Writes the index into an empty folder."""
        self.index.save(os.path.join(folder, "index"))

    def load(self, folder, _base):
        """Reads what save() wrote."""
        self.index = self.empty()
        self.index.load(os.path.join(folder, "index"))

    def search(self, queries, k, effort):
        """Effort is expansion_search."""
        self.index.expansion_search = max(effort, k)
        return self.index.search(queries, k, threads=1).keys


class UsearchInt8(Usearch):
    """USearch with int8, made here: its own cast maps [-1, 1] to [-127, 127], which leaves the
    small numbers of long vectors some four bits."""

    config, dtype = "M=16 efC=200 i8", "i8"
    scale = 0.0

    def learn_scale(self, base):
        """One scale for all, so that the base's largest number is 127."""
        self.scale = 127 / max(float(base.max()), -float(base.min()))

    def codes(self, vectors):
        """Int8 of the same shape."""
        return np.clip(np.rint(vectors * self.scale), -127, 127).astype(np.int8)

    def build(self, base, threads):
        """The casting counts as building."""
        self.learn_scale(base)
        super().build(self.codes(base), threads)

    def load(self, folder, base):
        self.learn_scale(base)
        super().load(folder, base)

    def search(self, queries, k, effort):
        """The casting of the queries counts as searching."""
        return super().search(self.codes(queries), k, effort)


class Svs(Peer):
    """Intel's Vamana graph over half floats."""

    package, config = "scalable-vs", "Vamana R=64 W=128 a=0.95 f16"
    parts = ("config", "graph", "data")

    def build(self, base, threads):
        """By inner product with the alpha recommended for it; L2 with 1.2 is slower."""
        import svs  # pylint: disable=import-outside-toplevel
        parameters = svs.VamanaBuildParameters(graph_max_degree=64, window_size=128, alpha=0.95)
        self.index = svs.Vamana.build(parameters, base.astype(np.float16), svs.DistanceType.MIP,
                                      num_threads=threads)
        self.index.num_threads = 1

    def save(self, folder):
        """Writes the index into an empty folder."""
        self.index.save(*(os.path.join(folder, part) for part in self.parts))

    def load(self, folder, _base):
        """Reads what save() wrote."""
        import svs  # pylint: disable=import-outside-toplevel
        config, graph, data = (os.path.join(folder, part) for part in self.parts)
        self.index = svs.Vamana(config, svs.GraphLoader(graph),
                                svs.VectorDataLoader(data, svs.DataType.float16),
                                svs.DistanceType.MIP, num_threads=1)

    def search(self, queries, k, effort):
        """Effort is the search window."""
        self.index.search_window_size = max(effort, k)
        return self.index.search(queries, k)[0]


PEERS = {"hnswlib": Hnswlib, "faiss-hnsw": FaissHnsw, "faiss-hnsw-sq8": FaissHnswSq,
         "faiss-ivf": FaissIvf, "usearch": Usearch, "usearch-i8": UsearchInt8, "svs": Svs}
