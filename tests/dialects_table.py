#!/usr/bin/env python3
"""Writes the tables of docs/dialects.md from what passed in the last runs of the scenarios.

    make scenario test-engines && tests/dialects_table.py [--check] [build]

A cell links to its test. One without a test that ran, or with one that failed, is `-`: nothing
here is written by hand. --check writes nothing and fails when the file says something else.
"""
import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "dialects.md"
BEGIN = "<!-- {}: tests/dialects_table.py writes it -->"
END = "<!-- end of {} -->"
DIALECTS = {"openai-chat": "OpenAI chat", "openai-responses": "OpenAI Responses",
            "anthropic": "Anthropic", "ollama": "Ollama"}
ENGINES = {"llamacpp": "llama.cpp", "ollama": "Ollama", "vllm": "vLLM"}
ENGINE_COLUMNS = ["plain", "stream", "tools", "schema"]
COLUMNS = ["plain", "stream", "tools", "parallel tools", "image", "schema", "error", "cut stream"]


def cell(cells, row, column, text="{count}"):
    found = cells.get(row, {}).get(column)
    if not found or not found["tests"] or found["passed"] != len(found["tests"]):
        return "-"
    count = len(found["tests"])
    shown = text.format(count=f"{count} test{'s' if count > 1 else ''}")
    return f"[{shown}](../tests/{found['file']}#L{found['line']})"


def dialects(cells):
    lines = ["| in | out | " + " | ".join(COLUMNS) + " |", "|---|---" + "|---" * len(COLUMNS) + "|"]
    for source, shown in DIALECTS.items():
        for target, other in DIALECTS.items():
            row = [cell(cells, f"{source} {target}", column) for column in COLUMNS]
            lines.append(f"| {shown} | {other} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def engines(cells):
    lines = ["| engine, asked by its | " + " | ".join(f"in: {shown}" for shown in DIALECTS.values())
             + " |", "|---" + "|---" * len(DIALECTS) + "|"]
    for engine, name in ENGINES.items():
        for target, shown in DIALECTS.items():
            row = []
            for source in DIALECTS:
                done = [cell(cells, f"{engine} {target} {source}", column, column)
                        for column in ENGINE_COLUMNS]
                row.append(", ".join(c for c in done if c != "-") or "-")
            lines.append(f"| {name}, {shown} | " + " | ".join(row) + " |")
    return "\n".join(lines)


TABLES = {"dialects": ("dialect_cells.json", dialects), "engines": ("engine_cells.json", engines)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("results", nargs="?", type=pathlib.Path, default=ROOT / "build")
    options = parser.parse_args()
    before = after = DOCUMENT.read_text()
    for name, (results, write) in TABLES.items():
        path = options.results / results
        if path.exists():  # else that table stays as it is
            head, rest = after.split(BEGIN.format(name), 1)
            end = END.format(name)
            text = write(json.loads(path.read_text()))
            after = f"{head}{BEGIN.format(name)}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}"
            print(f"{name}: {text.count('](')} links, {text.count('| - ')} empty cells")
    if options.check and after != before:
        sys.exit(f"{DOCUMENT} is not what passed: run {sys.argv[0]}")
    if not options.check:
        DOCUMENT.write_text(after)


if __name__ == "__main__":
    main()
