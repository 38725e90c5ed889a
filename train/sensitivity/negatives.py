#!/usr/bin/env python3
"""Cuts pieces without persons out of public source code and documentation: JSON lines.

    negatives.py ROWS SEED FOLDER...

A piece is left out when a capitalised word of it is a given name, or when it speaks of authors.
"""
import json
import pathlib
import random
import re
import sys

import lists

SUFFIXES = {".py", ".h", ".txt", ".md", ".rst", ".js", ".json", ".pm", ".c", ".html", ".yaml", ".toml", ""}
PERSONAL = re.compile(r"@|author|copyright|written by|contributed|maintain|thanks|\bby [A-Z]|[^\x00-\x7f]|"
                      r"\b(Mr|Mrs|Ms|Dr)\b|St\.|Street|Avenue|born|password *[=:]|diagnos", re.I)
CAPITALISED = re.compile(r"\b[A-Z][a-z]+\b")
PIECE_LINES = (1, 7)


def main():
    rows, seed = int(sys.argv[1]), int(sys.argv[2])
    given = set(lists.census("female.first") + lists.census("male.first")) - set(lists.own("everyday"))
    r = random.Random(seed)
    files = [p for folder in sys.argv[3:] for p in sorted(pathlib.Path(folder).rglob("*"))
             if p.suffix in SUFFIXES and p.is_file() and p.stat().st_size < 300_000]
    n = 0
    while n < rows and files:
        text = r.choice(files).read_text(errors="replace")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if len(lines) < 10:
            continue
        at, length = r.randrange(len(lines)), r.randint(*PIECE_LINES)
        piece = "\n".join(lines[at:at + length])[:700]
        if len(piece) < 20 or PERSONAL.search(piece) or \
                any(w.lower() in given for w in CAPITALISED.findall(piece)):
            continue
        print(json.dumps({"id": f"code-{n}", "text": piece, "spans": [], "source": "code"}))
        n += 1


if __name__ == "__main__":
    main()
