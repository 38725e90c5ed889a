#!/usr/bin/env python3
"""Turns labelled requests (JSON lines) into the flat records that train.c reads.

    prepare.py OUT tasks FILE.jsonl...      rows with "messages", "task" and perhaps "also"
    prepare.py OUT outcomes FILE.jsonl...   rows with "text", "small_ok" and "strong_ok"

Rows whose licence forbids commercial use are left out: DialogSum, IEPile, AlpacaEval, and
outcomes whose source names no licence. With --all (for development sets) every row is kept.
"""
import json
import struct
import sys

TASKS = ["classification", "extraction", "summarization", "translation", "support_faq",
         "reasoning", "coding", "creative", "general"]
ROLES = {"system": 0, "developer": 0, "user": 1, "assistant": 2, "tool": 3}
NOT_OURS = ("dialogsum", "iepile", "alpaca_eval", "mot-cascade")


def is_dialogue(messages):
    lines = [line for m in messages for line in m["content"].split("\n")]
    return any(x.startswith("A: ") for x in lines) and any(x.startswith("B: ") for x in lines)


def allowed(row):
    source = row["source"]
    if source.startswith("multi30k|") and "dialogsum" in source:
        return not is_dialogue(row["messages"])
    return not source.startswith(NOT_OURS)


def hardness(row):
    """How hard a request of the outcome set was: what a small model did decides most."""
    if row["small_ok"]:
        return 0.15
    return 0.9 if row["strong_ok"] else 0.75


def record(task, also, hard, messages):
    out = struct.pack("<BHfB", task, also, hard, len(messages))
    for m in messages:
        text = m["content"].encode("utf-8", "replace")
        out += struct.pack("<BI", ROLES[m["role"]], len(text)) + text
    return out


def main():
    arguments = [a for a in sys.argv[1:] if a != "--all"]
    keep_all = "--all" in sys.argv
    kept = left = 0
    with open(arguments[0], "wb") as out:
        for path in arguments[2:]:
            for line in open(path, encoding="utf-8"):
                row = json.loads(line)
                if not keep_all and not allowed(row):
                    left += 1
                    continue
                kept += 1
                if arguments[1] == "tasks":
                    also = sum(1 << TASKS.index(a) for a in row.get("also", []))
                    out.write(record(TASKS.index(row["task"]), also, -1.0, row["messages"][:8] +
                                     row["messages"][8:][-8:]))
                else:
                    message = {"role": "user", "content": row["text"]}
                    out.write(record(255, 0, hardness(row), [message]))
    print(f"{arguments[0]}: {kept} rows, {left} left out for their licence")


if __name__ == "__main__":
    main()
