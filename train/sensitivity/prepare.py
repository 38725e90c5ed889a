#!/usr/bin/env python3
"""Turns labelled texts (JSON lines with "text", "spans", "source") into flat records.

    prepare.py OUT.rec [--part N/OF | --without N/OF] FILE.jsonl...

A span whose type is no class of the perimeter is refused. Rows whose source ends in "-json" are
request bodies: the strings of their messages become records, decoded, as the program reads them.
--part takes the rows whose id's hash modulo OF is N, --without the others.
"""
import json
import pathlib
import re
import struct
import sys
import zlib

CLASSES_DEF = pathlib.Path(__file__).resolve().parents[2] / "src/config/data_classes.def"
CLASSES = {name: i for i, name in
           enumerate(re.findall(r"^DATA_CLASS\((\w+)", CLASSES_DEF.read_text(), re.M))}
CONTENT = re.compile(rb'"content":"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb'\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)|\\u(....)|\\(.)')
PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b" ", b"f": b" "}


def unescape(raw):
    """The decoded bytes, and for each raw offset the decoded one."""
    out, where, at = bytearray(), [], 0
    for match in ESCAPE.finditer(raw):
        where += range(len(out), len(out) + match.start() - at)
        out += raw[at:match.start()]
        where += [len(out)] * (match.end() - match.start())
        if match[1]:
            out += json.loads(b'"' + match[0] + b'"').encode()
        elif match[3]:
            out += chr(int(match[3], 16)).encode(errors="replace")
        else:
            out += PLAIN.get(match[4], match[4])
        at = match.end()
    where += range(len(out), len(out) + len(raw) - at + 1)
    return bytes(out + raw[at:]), where


def pieces(row):
    raw = row["text"].encode()
    spans = [(s["start"], s["end"], s["type"]) for s in row["spans"]]
    if not row["source"].endswith("-json"):
        yield raw, spans
        return
    for match in CONTENT.finditer(raw):
        text, where = unescape(match[1])
        start = match.start(1)
        yield text, [(where[a - start], where[b - start], kind) for a, b, kind in spans
                     if a >= start and b <= match.end(1)]


def main():
    out, *names = sys.argv[1:]
    wanted = lambda row: True
    if names[0] in ("--part", "--without"):
        take, of = (int(n) for n in names[1].split("/"))
        part = names[0] == "--part"
        wanted = lambda row: (zlib.crc32(row["id"].encode()) % of == take) == part
        names = names[2:]
    with open(out, "wb") as f:
        for name in names:
            for line in open(name, encoding="utf-8"):
                row = json.loads(line)
                if not wanted(row):
                    continue
                for text, spans in pieces(row):
                    f.write(struct.pack("<II32s", len(text), len(spans), row["source"].encode()[:31]))
                    for start, end, kind in sorted(spans):
                        f.write(struct.pack("<III", start, end, CLASSES[kind]))
                    f.write(text)


if __name__ == "__main__":
    main()
