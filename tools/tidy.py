#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house style as a test: what a compiler cannot see.

    tools/tidy.py [--root DIR]

Prints one line per finding, "file:line: rule: what is wrong and what to do", and exits 1 if there
is one; warnings (files that grow long) do not count. Rules: who may include whom, third-party headers in
their file families, lengths of files and functions, SPDX line, include guards, banned calls, protos,
options that the documents must list, links between documents, paths of one machine.
"""

import argparse
import dataclasses
import os
import re
import subprocess
import sys

WARN_LINES, MAX_LINES, MAX_TEST_LINES, MAX_COLUMNS = 400, 600, 800, 100
MAX_FUNCTION_LINES = 70

# Which folder may include which (architecture, section 4). cli talks to the server; commands that
# need none use public headers, and `serve` starts one.
LAYERS = {
    "base": set(),
    "registry": {"base"},
    "featurestore": {"base", "registry"},
    "text": {"base"},
    "ann": {"base"},
    "serving": {"base", "registry", "featurestore", "text", "ann"},
    "cli": {"base", "registry", "text", "serving"},
    "bench": {"base", "registry", "featurestore", "text", "ann", "serving", "cli"},
    "tests": {"base", "registry", "featurestore", "text", "ann", "serving", "cli", "tests"},
}
CODE_FOLDERS = tuple(LAYERS)

# Third-party header prefix -> the only files that may include it (regular expressions).
FAMILIES = {
    "rocksdb/": [r"featurestore/(.*/)?rocksdb_", r"tests/", r"bench/"],
    "faiss/": [r"ann/(.*/)?faiss_", r"tests/ann/", r"bench/"],
    "sentencepiece": [r"text/(.*/)?sentencepiece_", r"tests/text/",
                      r"bench/"],
    "yaml-cpp/": [r"registry/(.*/)?yaml_"],
    "simdjson": [r"featurestore/", r"text/", r"tests/", r"bench/"],
    "nlohmann/": [r"cli/", r"serving/", r"text/", r"tests/", r"bench/"],
    "grpcpp/": [r"serving/", r"cli/", r"tests/(serving|cli|integration|support)/", r"bench/"],
    "CLI/": [r"cli/", r"tests/cli/"],
    "httplib": [r"serving/", r"tests/(serving|integration|support)/"],
    "prometheus/": [r"serving/"],
    "spdlog/": [r"serving/", r"cli/"],
    "Eigen/": [r"text/", r"tests/text/"],
    "openssl/": [r"base/"],
    "xxh": [r"base/"],
    "zstd.h": [r"cli/(input|output)/", r"featurestore/", r"tests/"],
    "zlib.h": [r"cli/input/", r"tests/"],
    "absl/strings": [r"base/"],
    "gtest/": [r"tests/"],
    "gmock/": [r"tests/"],
    "benchmark/": [r"bench/"],
}
# Generated headers: larder/v1/x.pb.h.
PROTO_USERS = [r"serving/", r"cli/", r"tests/(serving|cli|integration|support)/", r"bench/",
               r"[a-z]+/[a-z_]+_codec\.cc"]

LIBRARY = r"(base|registry|featurestore|text|ann|serving)/"
# (pattern, where it counts, what to do instead)
BANNED = [
    (r"std::atomic<\s*std::shared_ptr", r"", "publish snapshots under a larder::Mutex"),
    (r"\babsl::Mutex\b", r"", "use larder::Mutex (base/sync.h)"),
    (r"\bstd::regex\b", r"", "write a small parser: std::regex is slow and recurses"),
    (r"(?<![\w:])rand\s*\(|\bsrand\s*\(|\bstd::rand\b", r"", "take a seeded generator"),
    (r"\bstd::random_device\b", LIBRARY, "take a seed from the caller"),
    (r"\bstd::(cout|cerr|clog)\b", LIBRARY, "libraries never print: return a Status"),
    (r"(?<![\w:])(f?printf|puts)\s*\(", LIBRARY, "libraries never print: return a Status"),
    (r"(?<![\w:.>])(abort|exit)\s*\(", LIBRARY, "return a Status; LARDER_CHECK for our own bugs"),
    (r"\bsystem_clock::now\b", r"(registry|featurestore|text|ann)/", "take a larder::Clock"),
    (r"\bsleep_for\b|\busleep\s*\(", r"tests/(?!support/|integration/)",
     "wait on a condition or move a ManualClock"),
    (r"\bstd::(strtok|sprintf|strcpy|strcat|gets)\b|(?<![\w:])(sprintf|strcpy|strcat|strtok)\s*\(",
     r"", "use std::string and std::to_chars"),
    (r"\busing namespace (?!std::(chrono_)?literals|std::string_literals|testing)", r"",
     "name what you use"),
    (r"#include <(format|ranges|expected)>", r"", "not in Debian 12's compilers"),
    (r"\bassert\s*\(", LIBRARY, "use LARDER_CHECK: it also counts in release"),
    (r"TODO(?!\(#\d+\))", r"", "write TODO(#ISSUE)"),
]
# Functions over MAX_FUNCTION_LINES that may stay: (file, name).
LONG_FUNCTIONS = set()
# Files over MAX_LINES that may stay: tables, generated.
LONG_FILES = {"text/wordpiece/unicode_tables.cc"}
# Words of one machine, which mean nothing to anybody else.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|home|root|Users)/\w+")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    file: str
    line: int
    rule: str
    message: str
    warning: bool = False

    def __str__(self):
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}: {kind}{self.rule}: {self.message}"


# ---- reading -----------------------------------------------------------------------------------


def tracked_files(root):
    """Files of the repository, also new ones that git does not ignore."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                            check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:  # an exported tree
        names = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, files in os.walk(root) for name in files]
    return sorted(n for n in names if n and not n.startswith(("build/", ".git/"))
                  and os.path.isfile(os.path.join(root, n)))


def read_text(root, name):
    """A file's text, or None if it is not UTF-8."""
    try:
        with open(os.path.join(root, name), encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        return None


STRIP = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def code_only(text):
    """C++ without comments and literals, with the same line numbers."""
    return STRIP.sub(lambda m: '""' + "\n" * m.group().count("\n") if m.group()[0] in "\"'R"
                     else "\n" * m.group().count("\n"), text)


def is_code(name):
    """Own C++ in one of the folders."""
    return name.endswith((".h", ".cc")) and name.split("/")[0] in CODE_FOLDERS


def numbered(text):
    """Lines with their numbers from 1."""
    return enumerate(text.split("\n"), 1)


# ---- C++ ---------------------------------------------------------------------------------------


def check_includes(name, text):
    """Layers, internal folders, third-party families."""
    folder = name.split("/")[0]
    for line, content in numbered(text):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', content)
        if not match:
            continue
        target = match.group(1)
        other = target.split("/")[0]
        if re.match(r"larder/v\d+/", target):
            if not any(re.match(p, name) for p in PROTO_USERS):
                yield Finding(name, line, "includes", f"{target}: generated headers belong in "
                              "serving, cli and *_codec.cc; use plain structs")
            continue
        if other in LAYERS and "/" in target:
            if other != folder and other not in LAYERS[folder]:
                yield Finding(name, line, "includes", f"{folder} may not include {target}")
            inner = re.match(r"(\w+)/(.*/)?internal/", target)
            owner = inner and inner.group(1)
            if owner and owner != folder and not name.startswith(f"tests/{owner}/"):
                yield Finding(name, line, "includes", f"{target} is private to {owner}")
        for prefix, users in FAMILIES.items():
            if target.startswith(prefix) and not any(re.match(p, name) for p in users):
                yield Finding(name, line, "third-party",
                              f"<{target}> belongs in files that match {' or '.join(users)}")


def guard_of(name):
    """The include guard of a header by its path."""
    return "LARDER_" + re.sub(r"[^A-Za-z0-9]", "_", name.removesuffix(".h")).upper() + "_H_"


def check_guard(name, text):
    """#ifndef, #define, #endif by path."""
    if not name.endswith(".h"):
        return
    guard = guard_of(name)
    if not re.search(rf"^#ifndef {guard}\n#define {guard}$", text, re.MULTILINE):
        yield Finding(name, 2, "guard", f"expected #ifndef {guard} and #define {guard}")


def check_banned(name, text):
    """Calls with a better replacement."""
    code = code_only(text)
    for line, content in numbered(code):
        for pattern, where, instead in BANNED[:-1]:
            if re.match(where, name) and re.search(pattern, content):
                found = re.search(pattern, content).group()
                yield Finding(name, line, "banned", f"'{found.strip()}': {instead}")
    pattern, _, instead = BANNED[-1]
    for line, content in numbered(text):
        if re.search(r"//.*\b" + pattern, content):
            yield Finding(name, line, "banned", f"TODO without issue: {instead}")


FUNCTION_START = re.compile(r"^(?!\s*(?:if|for|while|switch|else|do|return|namespace|class|struct|"
                            r"enum|union|case|#)\b).*[)\w>]\s*(?:const|noexcept|override|final|"
                            r"ABSL_\w+\([^)]*\)|-> [\w:<>*&, ]+|\s)*\{\s*$")


def functions(code):
    """(name, first line, last line) of function bodies, by indentation: good for formatted code."""
    lines = code.split("\n")
    for index, content in enumerate(lines):
        if not FUNCTION_START.match(content):
            continue
        start = index
        while start > 0 and not re.match(r"^\s*[\w~].*\(", lines[start]):
            start -= 1
        indent = len(lines[start]) - len(lines[start].lstrip())
        if indent > 2:
            continue
        called = re.search(r"([\w~:]+)\s*\(", lines[start])
        end = next((i for i in range(index + 1, len(lines))
                    if lines[i].startswith(" " * indent + "}")), None)
        if called and end is not None:
            yield called.group(1), start + 1, end + 1


def check_lengths(name, text):
    """Files, functions, lines."""
    lines = text.count("\n") + 1
    limit = MAX_TEST_LINES if name.startswith("tests/") else MAX_LINES
    if lines > limit and name not in LONG_FILES:
        yield Finding(name, lines, "length", f"{lines} lines, at most {limit}: split the file")
    elif lines > WARN_LINES and not name.startswith("tests/"):
        yield Finding(name, lines, "length", f"{lines} lines, aim for 250", warning=True)
    if not is_code(name):
        return
    for function, first, last in functions(code_only(text)):
        size = last - first + 1
        if size > MAX_FUNCTION_LINES and (name, function) not in LONG_FUNCTIONS:
            yield Finding(name, first, "length", f"{function} has {size} lines, at most "
                          f"{MAX_FUNCTION_LINES}: split it")
    for line, content in numbered(text):
        if len(content) > MAX_COLUMNS and "http" not in content:
            yield Finding(name, line, "columns", f"{len(content)} columns, at most {MAX_COLUMNS}")


def check_test_names(name, text):
    """Sentences in CamelCase, no underscores."""
    for line, content in numbered(text):
        match = re.match(r"\s*TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)", content)
        if match and "_" in match.group(1) + match.group(2):
            yield Finding(name, line, "test-name",
                          f"{match.group(1)}.{match.group(2)}: no underscores, a sentence")


# ---- every file --------------------------------------------------------------------------------

SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_SUFFIXES = (".h", ".cc", ".proto", ".py", ".cmake", ".sh")


def needs_spdx(name, text):
    """Sources and scripts say their licence."""
    return (name.endswith(SPDX_SUFFIXES) or os.path.basename(name) == "CMakeLists.txt"
            or text.startswith("#!"))


def check_spdx(name, text):
    """First line, or second after #!."""
    if needs_spdx(name, text) and not any(SPDX in line for line in text.split("\n")[:2]):
        yield Finding(name, 1, "spdx", f"the first line must say {SPDX}")


def check_machine_paths(name, text):
    """Nothing in the repository names a place of one machine."""
    if name.startswith("tests/tools/") or name == "tools/tidy.py":
        return
    for line, content in numbered(text):
        match = MACHINE_PATHS.search(content)
        if match:
            yield Finding(name, line, "machine-path", f"'{match.group()}': use a relative path")


# ---- protos ------------------------------------------------------------------------------------


def check_proto(name, text):
    """The rules of buf's STANDARD set that matter, and a comment on everything."""
    if not re.search(r"^package larder(\.\w+)*\.v\d+;$", text, re.MULTILINE):
        yield Finding(name, 1, "proto", "expected `package larder.….vN;`")
    enum, previous = "", ""
    for line, content in numbered(text):
        stripped = content.strip()
        service = re.match(r"service (\w+)", stripped)
        if service and not service.group(1).endswith("Service"):
            yield Finding(name, line, "proto", f"service {service.group(1)} must end in Service")
        rpc = re.match(r"rpc (\w+)\((?:stream )?(\w+)\) returns \((?:stream )?(\w+)\)", stripped)
        if rpc and not (rpc.group(2).endswith(rpc.group(1) + "Request")
                        and rpc.group(3).endswith(rpc.group(1) + "Response")):
            yield Finding(name, line, "proto", f"rpc {rpc.group(1)} needs its own "
                          f"{rpc.group(1)}Request and {rpc.group(1)}Response")
        if stripped.startswith("enum "):
            enum = re.sub(r"(?<!^)(?=[A-Z])", "_", stripped.split()[1]).upper()
        elif stripped == "}":
            enum = ""
        value = re.match(r"([A-Z]\w*) = (\d+);", stripped)
        if enum and value:
            if not value.group(1).startswith(enum + "_"):
                yield Finding(name, line, "proto", f"{value.group(1)} must begin with {enum}_")
            if value.group(2) == "0" and value.group(1) != enum + "_UNSPECIFIED":
                yield Finding(name, line, "proto", f"zero must be {enum}_UNSPECIFIED")
        described = re.match(r"(message|service|enum|rpc|oneof|(?:optional |repeated )?"
                             r"(?:map<.*>|[\w.]+) \w+ = \d+|[A-Z]\w* = \d+)", stripped)
        if described and not previous.startswith("//"):
            yield Finding(name, line, "proto", f"'{stripped}' has no comment")
        previous = stripped


# ---- documents ---------------------------------------------------------------------------------


def check_links(root, name, text):
    """Relative links lead to files."""
    for line, content in numbered(text):
        for target in re.findall(r"\]\(([^)\s]+)\)", content):
            path = target.split("#")[0]
            if not path or re.match(r"[a-z]+:", path):
                continue
            if not os.path.exists(os.path.join(root, os.path.dirname(name), path)):
                yield Finding(name, line, "link", f"{target} leads nowhere")


def section_of(document, title):
    """The text below a heading, to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", document,
                      re.MULTILINE | re.DOTALL)
    return match.group(2) if match else None


def check_cli_docs(root, files):
    """docs/reference/cli.md names every option that a command adds."""
    document = "docs/reference/cli.md"
    text = read_text(root, document) if document in files else ""
    for name in files:
        if not re.match(r"cli/(commands/\w+|cli)\.cc$", name):
            continue
        source = read_text(root, name)
        for match in re.finditer(r'add_(?:option|flag)\(\s*"(--[a-z-]+)', source):
            if not re.search(re.escape(match.group(1)) + r"(?![a-z-])", text):
                line = source[:match.start()].count("\n") + 1
                yield Finding(name, line, "docs", f"{match.group(1)} is not in {document}")


def check_server_options(root, files):
    """docs/reference/configuration.md names every field of ServerOptions."""
    header, document = "serving/server_options.h", "docs/reference/configuration.md"
    if header not in files:
        return
    text = read_text(root, document) if document in files else ""
    source = read_text(root, header)
    body = re.search(r"struct ServerOptions \{(.*?)^\};", source, re.MULTILINE | re.DOTALL)
    for match in re.finditer(r"^  (?!return|static|using)[\w:<>, ]+ (\w+)(?:\{[^}]*\}| = [^;]+)?;",
                             body.group(1) if body else "", re.MULTILINE):
        if f"`{match.group(1)}`" not in text:
            yield Finding(header, 1, "docs", f"ServerOptions::{match.group(1)} is not in {document}")


def check_formats(root, files):
    """A comment that names a page under docs/ names one that is there."""
    for name in files:
        if not is_code(name):
            continue
        for line, content in numbered(read_text(root, name) or ""):
            for page in re.findall(r"docs/[\w/-]+\.md", content):
                if page not in files:
                    yield Finding(name, line, "link", f"{page} is not there")


# ---- all ---------------------------------------------------------------------------------------


def check_file(root, name):
    """All rules that look at one file alone."""
    text = read_text(root, name)
    if text is None:
        return
    yield from check_spdx(name, text)
    if not name.startswith("tests/testdata/"):
        yield from check_machine_paths(name, text)
    if is_code(name):
        for check in (check_includes, check_guard, check_banned, check_lengths, check_test_names):
            yield from check(name, text)
    elif name.endswith((".py", ".proto")):
        yield from check_lengths(name, text)
    if name.endswith(".proto"):
        yield from check_proto(name, text)
    if name.endswith(".md"):
        yield from check_links(root, name, text)


def check_tree(root):
    """Everything."""
    files = tracked_files(root)
    for name in files:
        yield from check_file(root, name)
    known = set(files)
    for check in (check_cli_docs, check_server_options, check_formats):
        yield from check(root, known)


def main():
    """Prints the findings."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    options = parser.parse_args()
    findings = sorted(check_tree(options.root), key=lambda f: (f.file, f.line))
    for finding in findings:
        print(finding)
    errors = sum(not f.warning for f in findings)
    print(f"tidy: {errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
