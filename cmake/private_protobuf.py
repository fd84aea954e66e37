#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies an ELF library and gives the protobuf inside it a name space of its own.

    private_protobuf.py IN.so OUT.so

Debian's libsentencepiece bundles protobuf 3.14 and exports its symbols. In one process with gRPC's
libprotobuf 3.21 the dynamic linker would bind one to the other, and SentencePiece aborts (or worse).
This rewrites `google::` to `goog1e::` in the dynamic symbol names (mangled `6google` to `6goog1e`,
same length, so nothing moves) and rebuilds the GNU hash table for the new names, with one bucket so
that the symbols may stay where they are. Code and data are untouched. See docs/adr/0008.
"""

import os
import struct
import sys

OLD, NEW = b"6google", b"6goog1e"
DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_HASH, DT_GNU_HASH = 5, 6, 10, 4, 0x6FFFFEF5
PT_LOAD, PT_DYNAMIC = 1, 2


def gnu_hash(name):
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


class Elf:
    """A little-endian ELF64 shared library in memory."""

    def __init__(self, data):
        self.data = bytearray(data)
        if self.data[:6] != b"\x7fELF\x02\x01":
            sys.exit("private_protobuf: expected a little-endian ELF64 file")
        offset, = struct.unpack_from("<Q", self.data, 0x20)
        size, count = struct.unpack_from("<HH", self.data, 0x36)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.data, offset + i * size)
                         for i in range(count)]
        self.dynamic = dict(self._dynamic_entries())

    def _dynamic_entries(self):
        for kind, _, offset, _, _, size, _, _ in self.segments:
            if kind == PT_DYNAMIC:
                for at in range(offset, offset + size, 16):
                    yield struct.unpack_from("<qQ", self.data, at)

    def file_offset(self, tag):
        address = self.dynamic[tag]
        for kind, _, offset, virtual, _, size, _, _ in self.segments:
            if kind == PT_LOAD and virtual <= address < virtual + size:
                return address - virtual + offset
        sys.exit(f"private_protobuf: dynamic entry {tag:#x} lies outside all segments")

    def symbol_name(self, index):
        at, = struct.unpack_from("<I", self.data, self.file_offset(DT_SYMTAB) + index * 24)
        start = self.file_offset(DT_STRTAB) + at
        return bytes(self.data[start:self.data.index(0, start)])

    def rename(self):
        start = self.file_offset(DT_STRTAB)
        end = start + self.dynamic[DT_STRSZ]
        names = bytes(self.data[start:end])
        self.data[start:end] = names.replace(OLD, NEW)
        return names.count(OLD)

    def rebuild_gnu_hash(self):
        if DT_HASH in self.dynamic:
            sys.exit("private_protobuf: the library also has a SysV hash table")
        table = self.file_offset(DT_GNU_HASH)
        buckets, first, words, shift = struct.unpack_from("<IIII", self.data, table)
        chains = table + 16 + words * 8 + buckets * 4
        heads = struct.unpack_from(f"<{buckets}I", self.data, table + 16 + words * 8)
        last = max(heads)
        while not struct.unpack_from("<I", self.data, chains + (last - first) * 4)[0] & 1:
            last += 1
        hashes = [gnu_hash(self.symbol_name(i)) for i in range(first, last + 1)]
        bloom = [0] * words
        for value in hashes:
            bloom[value // 64 % words] |= 1 << value % 64 | 1 << (value >> shift) % 64
        chain = [value & ~1 for value in hashes]
        chain[-1] |= 1
        struct.pack_into(f"<IIII{words}QI{len(chain)}I", self.data, table,
                         1, first, words, shift, *bloom, first, *chain)


def replace(path, data):
    """Puts a new file in the place of the old one, if it is another: a server may run from it."""
    if os.path.exists(path):
        with open(path, "rb") as file:
            if file.read() == data:
                return
    with open(path + ".partial", "wb") as file:
        file.write(data)
    os.replace(path + ".partial", path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        elf = Elf(file.read())
    if elf.rename() == 0:
        sys.exit(f"private_protobuf: no name in {sys.argv[1]} has {OLD.decode()}")
    elf.rebuild_gnu_hash()
    replace(sys.argv[2], elf.data)


if __name__ == "__main__":
    main()
