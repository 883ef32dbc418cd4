#!/usr/bin/python3
"""Writes tests/golden/data/tokens.jsonl: texts and the ids that CLIP's tokenizer gives them.

A second implementation, after OpenAI's simple_tokenizer.py (the algorithm: Radford et al. 2021) with
Python's own html.unescape, unicodedata and str.lower; of ftfy's defaults what depends on a character
alone (models/io/clean_text.h), as ftfy is not in Debian.  No program of ours is involved.

    tests/golden/make_tokens.py
"""
import html
import json
import pathlib
import re
import unicodedata

root = pathlib.Path(__file__).resolve().parents[2]
zoo = root / "models/zoo/faces-clip"
vocab = json.loads((zoo / "vocab.json").read_text(encoding="utf-8"))
lines = (zoo / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
ranks = {tuple(line.split(" ")): i for i, line in enumerate(lines)}

printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [b for b in range(256) if b not in printable]
symbol = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}

invisible = {0xFEFF, *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFD), *range(0x1D173, 0x1D17B),
             *range(0xE0000, 0xE0080)}
compound = {*range(0xFB00, 0xFB07), *range(0xFF01, 0xFFF0), 0x132, 0x133, 0x149,
            *range(0x1C4, 0x1CD), *range(0x1F1, 0x1F4)}


def fix_character(c):
    if ord(c) in invisible:
        return ""
    if ord(c) in compound:
        return unicodedata.normalize("NFKC", c)
    if c in "\u02bc\u2018\u2019\u201a\u201b":
        return "'"
    return '"' if c in "\u201c\u201d\u201e\u201f" else c


def fix_text(text):
    while "<" not in text and html.unescape(text) != text:
        text = html.unescape(text)
    return unicodedata.normalize("NFC", "".join(map(fix_character, text)))


def clean(text):
    text = html.unescape(html.unescape(fix_text(text))).strip()
    return re.sub(r"\s+", " ", text).strip().lower()


def kind(c):
    category = unicodedata.category(c)
    return "L" if category[0] == "L" else "N" if category[0] == "N" else " " if c.isspace() else "x"


def words(text):
    at = 0
    while at < len(text):
        match = re.match(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d", text[at:])
        end = at + 1
        if match:
            end = at + match.end()
        elif kind(text[at]) != "N":
            while end < len(text) and kind(text[end]) == kind(text[at]):
                end += 1
        if match or kind(text[at]) != " ":
            yield text[at:end]
        at = end


def merge(word):
    if word in ("<|startoftext|>", "<|endoftext|>"):
        return [word]
    parts = [symbol[b] for b in word.encode()]
    parts[-1] += "</w>"
    while len(parts) > 1:
        best = min(zip(parts, parts[1:]), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged, i = [], 0
        while i < len(parts):
            if tuple(parts[i:i + 2]) == best:
                merged.append(parts[i] + parts[i + 1])
                i += 2
            else:
                merged.append(parts[i])
                i += 1
        parts = merged
    return parts


def encode(text):
    ids = [vocab[part] for word in words(clean(text)) for part in merge(word)]
    return [vocab["<|startoftext|>"], *ids, vocab["<|endoftext|>"]]


# Those of algorithms that others have published ids of come first: "a photo of a cat" is
# 49406 320 1125 539 320 2368 49407 everywhere.
texts = [
    "a photo of a cat", "a diagram", "a dog", "a photo of a man with a beard",
    "A photo of a woman with blond hair", "an oil painting of a corgi", "Hello, world!  2023",
    "it's", "", "   ", "IT'S THEY'RE I'VE I'M WE'LL HE'D DON'T", "''s !'s 'stop", "rock'n'roll",
    "it\u2019s \u201cquoted\u201d \u2018so\u2019", "caf\u00e9 cafe\u0301", "\u00c5ngstr\u00f6m \u212bngstr\u00f6m",
    "na\u00efve fa\u00e7ade", "Stra\u00dfe STRASSE", "\u0130stanbul I\u0307", "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u4f60\u597d\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f", "\ud55c\uad6d\uc5b4", "\u0645\u0631\u062d\u0628\u0627",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "emoji \U0001F600\U0001F3FD and \u2764\ufe0f", "family \U0001F468\u200d\U0001F469\u200d\U0001F467",
    "tabs\tand\nlines\r\n twice", "no\u00a0break \u2003em \u3000wide \u2028line", "\ufeffbom", "zero\u200bwidth",
    "\ufb01ne \ufb02ow \ufb03 \u01c6 \u0133", "\uff26\uff35\uff2c\uff2c \uff57\uff49\uff44\uff54\uff48 \uff76\uff9e", "1234 3.14159 \u00bd \u2167 \u0663 x2",
    "Q&amp;A", "&lt;b&gt; &quot;x&quot;", "<b>&amp;lt;</b>", "caf&eacute; &eacute &copy2023 &notin; &amp;amp;amp;",
    "&#233;&#xE9;&#x1F600; &#128; &#0; &#xD800; &#1; &#x110000; &#65 &#;", "&unknown; & && &;", "it&rsquo;s",
    "<|startoftext|>a<|endoftext|>", "a <|endoftext|> b!<|endoftext|>", "<|ENDOFTEXT|>", "e=mc^2 #tag @user https://example.com/?q=1&b=2",
    "supercalifragilisticexpialidocious antidisestablishmentarianism", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!!!!!!!!!!??????.....,,,;;;",
    "under_score snake_case-dash", "a face with blond hair, glasses and a hat, smiling", "\U00010400\U00010428 \U0001D49C \U00020000", "\u01c5\u01f2 \u1e9e",
    "x\u0301\u0302\u0327 q\u0323\u0307", "\u00ad soft \u200e marks", "$100 \u20ac5 \u00a33 50% \u221e \u2260", "\u00aa\u00ba\u00b2 \u2460",
]


def main():
    with open(root / "tests/golden/data/tokens.jsonl", "w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps({"text": text, "ids": encode(text)}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
