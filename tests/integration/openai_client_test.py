#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OpenAI's own client (the package `openai`) against a real server.

    tests/integration/openai_client_test.py LARDER

LARDER is the binary. Skips, with exit code 77, where the package is not there and cannot be fetched
into build/bench-venv.
"""

import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, "build", "bench-venv")
PYTHON = os.path.join(VENV, "bin", "python")
ITEMS = os.path.join(ROOT, "tests", "testdata", "debian_small", "catalog.jsonl")
SKIP = 77
FETCH_TIMEOUT_S = 180
START_TIMEOUT_S = 60

try:
    import openai
except ImportError:
    openai = None


def fetch_and_run_again():
    """Runs this program with the interpreter that has the package, or skips."""
    if os.environ.get("LARDER_OPENAI_FETCHED"):
        print("skipped: the package `openai` could not be fetched")
        sys.exit(SKIP)
    try:
        if not os.path.exists(PYTHON):
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True,
                           timeout=FETCH_TIMEOUT_S)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        "--retries", "1", "openai"], check=True, timeout=FETCH_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError) as error:
        print("skipped: the package `openai` is not there and cannot be fetched:", error)
        sys.exit(SKIP)
    os.environ["LARDER_OPENAI_FETCHED"] = "1"
    os.execv(PYTHON, [PYTHON, os.path.abspath(__file__), *sys.argv[1:]])


def run(*command):
    """The output of a command that must succeed."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          timeout=START_TIMEOUT_S).stdout


class Server:
    """A server with one small encoder, "titles", in a folder."""

    def __init__(self, larder, folder):
        self.larder = larder
        definitions = os.path.join(folder, "definitions")
        os.makedirs(definitions)
        with open(os.path.join(definitions, "titles.yaml"), "w", encoding="utf-8") as file:
            file.write("encoder: titles\npath: encoders/titles\n")
        run(larder, "encoder", "train", "--items", ITEMS, "--out",
            os.path.join(definitions, "encoders", "titles"), "--pieces", "2000",
            "--dimensions", "64")
        ports = os.path.join(folder, "ports.json")
        self.process = subprocess.Popen(
            [larder, "serve", "--data", os.path.join(folder, "data"), "--listen", "127.0.0.1:0",
             "--http", "127.0.0.1:0", "--ports-file", ports])
        end = time.monotonic() + START_TIMEOUT_S
        while not os.path.exists(ports):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit("the server does not start")
            time.sleep(0.05)
        with open(ports, encoding="utf-8") as file:
            ports = json.load(file)
        self.grpc = f"127.0.0.1:{ports['grpc']}"
        self.url = f"http://127.0.0.1:{ports['http']}/v1"
        run(larder, "apply", "--yes", definitions, "--server", self.grpc)

    def lines(self, *command):
        """What a command prints as JSON, a line each."""
        out = run(self.larder, *command, "--json", "--server", self.grpc)
        return [json.loads(line) for line in out.splitlines()]

    def stop(self):
        """Ends it; the exit code."""
        self.process.terminate()
        return self.process.wait(START_TIMEOUT_S)


def expect(what, condition):
    """Ends the program if it does not hold."""
    if not condition:
        sys.exit("failed: " + what)
    print("ok:", what)


def check_vectors(client, server):
    """The client's vectors are those of `larder embed`."""
    texts = ["text editor", "web server", "grüße שלום e\u0301"]
    expected = server.lines("embed", "titles", "--format", "float", *texts)
    # Without a format the client asks for base64 and decodes it.
    default = client.embeddings.create(model="titles", input=texts)
    floats = client.embeddings.create(model="titles", input=texts, encoding_format="float")
    raw = client.embeddings.create(model="titles", input=texts, encoding_format="base64")
    for i, line in enumerate(expected):
        want = struct.pack("<64f", *line["vector"])
        expect(f"default format, text {i}", struct.pack("<64f", *default.data[i].embedding) == want)
        expect(f"float, text {i}", struct.pack("<64f", *floats.data[i].embedding) == want)
        expect(f"base64, text {i}", base64.b64decode(raw.data[i].embedding) == want)
    expect("usage", default.usage.prompt_tokens == sum(line["tokens"] for line in expected))
    expect("model", default.model == "titles")
    one = client.embeddings.create(model="titles", input=texts[0], user="ada")
    expect("one text", one.data[0].embedding == default.data[0].embedding)
    many = client.embeddings.create(model="titles", input=["text editor"] * 2048)
    expect("2048 texts", len(many.data) == 2048 and many.data[2047].index == 2047)
    query = client.embeddings.create(model="titles", input=texts[0],
                                     extra_body={"input_type": "query"})
    expect("query", query.data[0].embedding == one.data[0].embedding)


def check_tokens(client, server):
    """The tokens that `larder tokenize` shows give the text's vector."""
    try:
        lines = server.lines("tokenize", "titles", "text editor")
    except subprocess.CalledProcessError:
        print("not checked: this tokenizer does not say where its tokens stand")
        return
    tokens = [token["id"] for token in lines[0]["tokens"]]
    text = client.embeddings.create(model="titles", input="text editor")
    by_tokens = client.embeddings.create(model="titles", input=tokens)
    both = client.embeddings.create(model="titles", input=[tokens, tokens[:1]])
    expect("tokens", by_tokens.data[0].embedding == text.data[0].embedding)
    expect("lists of tokens", both.data[0].embedding == text.data[0].embedding)


def check_errors(client):
    """The client knows the errors as OpenAI's own."""
    def fails(kind, **request):
        try:
            client.embeddings.create(**{"model": "titles", "input": "a", **request})
        except kind as error:
            return error
        return sys.exit(f"failed: {request} is no {kind.__name__}")

    expect("unknown model", fails(openai.NotFoundError, model="gpt").code == "model_not_found")
    expect("empty text", fails(openai.BadRequestError, input="").param == "input")
    expect("too many", fails(openai.BadRequestError, input=["a"] * 2049).param == "input")
    expect("unknown format",
           fails(openai.BadRequestError, encoding_format="md5").param == "encoding_format")
    expect("dimensions", fails(openai.BadRequestError, dimensions=63).param == "dimensions")
    expect("unknown field", "truncate" in str(
        fails(openai.BadRequestError, extra_body={"truncate": True})))
    expect("too large", fails(openai.APIStatusError, input="a" * (9 << 20)).status_code == 413)


def main():
    """Runs the checks; the exit code."""
    if openai is None:
        fetch_and_run_again()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(os.path.abspath(sys.argv[1]), folder)
        try:
            client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=60)
            expect("models", [model.id for model in client.models.list()] == ["titles"])
            expect("model", client.models.retrieve("titles").owned_by == "larder")
            check_vectors(client, server)
            check_tokens(client, server)
            check_errors(client)
        finally:
            code = server.stop()
        expect("a clean end", code == 0)
    print("openai", openai.__version__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
