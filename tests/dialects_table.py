#!/usr/bin/env python3
"""Writes the table of docs/dialects.md from what passed in the last run of the scenarios.

    make scenario && tests/dialects_table.py [--check] [build/dialects.json]

A cell links to its test. One without a test that ran, or with one that failed, is `-`: nothing
here is written by hand. --check writes nothing and fails when the file says something else.
"""
import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "dialects.md"
BEGIN, END = "<!-- table: tests/dialects_table.py writes it -->", "<!-- end of the table -->"
DIALECTS = {"openai-chat": "OpenAI chat", "openai-responses": "OpenAI Responses",
            "anthropic": "Anthropic", "ollama": "Ollama"}
COLUMNS = ["plain", "stream", "tools", "parallel tools", "image", "schema", "error", "cut stream"]
INTRO = """# Dialects

Which dialects clients may speak, which ones backends may, and what is carried between them. Rows
are a client's dialect and the backend's. A cell links to the test that passed, with the official
client of the row's first dialect and a backend of its second; what left Weir either way was judged
by the official SDKs' types. `-`: nothing passed.
"""


def cell(cells, place, column):
    found = cells.get(place, {}).get(column)
    if not found or not found["tests"] or found["passed"] != len(found["tests"]):
        return "-"
    count = len(found["tests"])
    return f"[{count} test{'s' if count > 1 else ''}](../tests/{found['file']}#L{found['line']})"


def table(cells):
    lines = ["| in | out | " + " | ".join(COLUMNS) + " |", "|---|---" + "|---" * len(COLUMNS) + "|"]
    for source, shown in DIALECTS.items():
        for target, other in DIALECTS.items():
            row = [cell(cells, f"{source} {target}", column) for column in COLUMNS]
            lines.append(f"| {shown} | {other} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("results", nargs="?", default=ROOT / "build" / "dialects.json")
    options = parser.parse_args()
    cells = json.loads(pathlib.Path(options.results).read_text())
    before = DOCUMENT.read_text() if DOCUMENT.exists() else f"{INTRO}\n{BEGIN}\n{END}\n"
    head, rest = before.split(BEGIN, 1)
    after = f"{head}{BEGIN}\n\n{table(cells)}\n\n{END}{rest.split(END, 1)[1]}"
    if options.check:
        if after != before:
            sys.exit(f"{DOCUMENT} is not what passed: run {sys.argv[0]}")
        return
    DOCUMENT.write_text(after)
    full = sum(cell(cells, f"{a} {b}", c) != "-" for a in DIALECTS for b in DIALECTS
               for c in COLUMNS)
    print(f"{full} of {len(DIALECTS) ** 2 * len(COLUMNS)} cells")


if __name__ == "__main__":
    main()
