#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the files of this folder with the `tokenizers` package, which is the oracle.

    pip install tokenizers==0.23.3
    python3 tests/testdata/wordpiece/make.py tests/testdata/wordpiece
"""
import hashlib
import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer, normalizers, pre_tokenizers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """the of and to in a un affable walk talk play super cali fragile new york straße
 İstanbul naïve café résumé Москва Αθήνα ΣΊΣΥΦΟΣ 東京 新冠 한국어 हिन्दी ไทย العربية e\u0301 1.5 3rd
 don't e-mail C++ foo FOO Foo [SEP] [MASK] [sep] <t> <T> \U0001f600 ﬁ Ǆ ẛ\u0323 \u1e9b ½ ¿Qué?
 \u2126 \u212b „quoted“ a_b \u00ad soft\u00adhyphen zero\u200bwidth \ufeff \ufffd \x7f \x00 a\x01b
 \u3000 \u00a0 \u2028 \x0b \x85 \U0002b820 \U0002b920 \uf900 \u0e33 \u0f73\u0f71 \u0344\u0323""".split(" ")


def vocabulary():
    pieces = SPECIALS + list("abcdefghijklmnopqrstuvwxyzABCFST0123456789.,-'<>[]?_")
    pieces += ["##" + c for c in "abcdefghijklmnopqrstuvwxyzOT0123456789"]
    pieces += """the of and to in un ##aff ##able walk ##ing ##ed play super ##cal ##i fragile new york
     stra ##ss ##ße istanbul ##stanbul i\u0307 naive na caf ##é cafe resum moskva мос ##ква москва
     αθηνα Αθ ##ήνα σισυφοσ ##ος 東 京 新 冠 ##冠 \u1112\u1161\u11ab ##\u1100\u116e\u11a8 한 ##국 हिन ##दी ไ ##ท ا ##ل
     ##\u0301 e\u0301 \u0301 don mail foo FOO ##oo fo ##o t ##th \U0001f600 ﬁ ǆ ǅ s\u0323 \u017f Å
     å ω Ω „ “ ½ soft ##hyphen softhyphen ab ##b zero ##width \U0002b820 \U0002b920 豈 更""".split()
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


def bert(**options):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True, **options}


def token(content, token_id, **options):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False, "special": False, **options}


def template(vocab):
    def special(name):
        return {"SpecialToken": {"id": name, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {"type": "TemplateProcessing", "single": [special("[CLS]"), text, special("[SEP]")],
            "pair": [text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [vocab[name]], "tokens": [name]}
                               for name in ("[CLS]", "[SEP]")}}


def tokenizer(vocab, normalizer, added=(), prefix="##", max_chars=100, processor=None):
    specials = [token(name, vocab[name], special=True) for name in SPECIALS]
    return {"version": "1.0", "truncation": {"direction": "Right", "max_length": 3,
                                             "strategy": "LongestFirst", "stride": 0},
            "padding": None, "added_tokens": specials + list(added), "normalizer": normalizer,
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": processor,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]",
                      "continuing_subword_prefix": prefix, "max_input_chars_per_word": max_chars,
                      "vocab": vocab}}


def tokenizers():
    vocab = vocabulary()
    n = len(vocab)
    raw = [token("<t>", n, lstrip=True, rstrip=True), token("foo", vocab["foo"], single_word=True),
           token("<T>", n + 1, special=True)]
    normalized = [token("New York", n, normalized=True), token("新冠", n + 1, normalized=True)]
    left = [token("東京", n, normalized=True, lstrip=True), token("Caf\u00e9", n + 1, normalized=True,
                                                             single_word=True)]
    parts = [{"type": name} for name in ("NFD", "Lowercase", "StripAccents")]
    cls_sep = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    old = tokenizer(vocab, bert(lowercase=False), processor=cls_sep)
    del old["model"]["type"]
    return {
        "uncased": tokenizer(vocab, bert(), processor=template(vocab)),
        "cased": old,
        "added": tokenizer(vocab, bert(clean_text=False), raw),
        "normalized": tokenizer(vocab, bert(strip_accents=False), normalized),
        "left": tokenizer(vocab, bert(lowercase=False, strip_accents=True), left),
        "sequence": tokenizer(vocab, {"type": "Sequence", "normalizers": parts}, prefix="",
                              max_chars=5),
        "plain": tokenizer(vocab, None),
    }


def sample_texts():
    rng = random.Random(1)
    marks = [chr(c) for c in range(0x10FFFF) if unicodedata.combining(chr(c))]
    texts = ["", " ", "  \t\r\n ", "[SEP]", "a" * 101, "a" * 100, "\u0301", "x[SEP]y [ SEP ]",
             "foo.foofoo foo2 foo", "a <t>  b<t>", "new  york new york NEW YORK", "新冠新 冠",
             "東京 東京café CAFÉS café"]
    for _ in range(70):
        parts = []
        for _ in range(rng.choice((1, 3, 8))):
            kind = rng.random()
            if kind < 0.7:
                parts.append(rng.choice(WORDS).strip("\n"))
            elif kind < 0.85:
                parts.append(rng.choice(marks) + rng.choice(marks))
            else:
                parts.append(chr(rng.choice((rng.randrange(0x20, 0x2000),
                                             rng.randrange(0xE000, 0x20000)))))
            parts.append(rng.choice((" ", " ", "", ".")))
        texts.append("".join(parts))
    return texts


def byte_places(text):
    places = [0]
    for c in text:
        places.append(places[-1] + len(c.encode()))
    return places


def characters_digest(function):
    """SHA-256 over what becomes of every character, with marks behind it that change places."""
    sha = hashlib.sha256()
    for c in (*range(0x33000), *range(0xE0000, 0xE0200)):  # nothing between, nor above
        if not 0xD800 <= c < 0xE000:
            sha.update(function("a" + chr(c) + "\u0301\u0323b").encode())
    return sha.hexdigest()


def split(text):
    return "|".join(piece for piece, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text))


def main():
    out = Path(sys.argv[1])
    texts = sample_texts()
    lines = []
    for name, content in tokenizers().items():
        (out / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False) + "\n")
        oracle = Tokenizer.from_file(str(out / f"{name}.json"))
        oracle.no_truncation()
        for text in texts:
            places = byte_places(text)
            encoding = oracle.encode(text, add_special_tokens=False)
            tokens = [[i, places[a], places[b]]
                      for i, (a, b) in zip(encoding.ids, encoding.offsets)]
            lines.append(json.dumps([name, text, tokens], ensure_ascii=True,
                                    separators=(",", ":")))
    (out / "cases.jsonl").write_text("\n".join(lines) + "\n")
    clean = normalizers.BertNormalizer(True, False, False, False)
    digests = {"clean": characters_digest(clean.normalize_str),
               "nfd": characters_digest(normalizers.NFD().normalize_str),
               "lowercase": characters_digest(normalizers.Lowercase().normalize_str),
               "strip_marks": characters_digest(normalizers.StripAccents().normalize_str),
               "bert": characters_digest(normalizers.BertNormalizer().normalize_str),
               "split": characters_digest(split)}
    (out / "characters.json").write_text(json.dumps(digests, indent=2) + "\n")


if __name__ == "__main__":
    main()
