#!/usr/bin/env python3
"""Runs `weir scan --jsonl` over labelled rows and prints how much it finds and how often it errs.

A document leaks when one of its gold spans is not wholly covered by findings and the document is
not kept inside (route local). A false alarm is a document without gold spans in which anything is
found. A span counts as covered when each of its bytes is, white space aside.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys

GROUPS = {
    "secrets": {"API_KEY", "SECRET", "PRIVATE_KEY", "JWT", "PASSWORD", "URL_WITH_TOKEN"},
    "numbers": {"NATIONAL_ID", "PASSPORT", "DRIVER_LICENSE", "CREDIT_CARD", "IBAN", "BANK_ACCOUNT",
                "MEDICAL_RECORD_NUMBER", "HEALTH_PLAN_ID", "VEHICLE_ID", "DEVICE_ID",
                "CRYPTO_WALLET", "OTHER_ID", "DATE_OF_BIRTH"},
    "contact": {"EMAIL", "PHONE", "IP_ADDRESS", "MAC_ADDRESS"},
    "persons": {"PERSON", "USERNAME"},
    "addresses": {"ADDRESS"},
    "health, money, special": {"MEDICAL_CONDITION", "MEDICAL_DATE", "FINANCIAL",
                               "SPECIAL_CATEGORY"},
}
BARS = {"secrets": 97, "numbers": 96, "contact": 99, "persons": 87, "addresses": 85,
        "health, money, special": 80}


def scan(weir, path, options):
    lines = [json.loads(line) for line in path.open()]
    asked = "".join(json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in lines)
    done = subprocess.run([weir, "scan", "-", "--jsonl", *options], input=asked.encode(),
                          capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [a["id"] for a in answers] == [row["id"] for row in lines]
    return list(zip(lines, answers))


def is_covered(data, span, found):
    left = set(at for at in range(span["start"], span["end"])
               if not data[at:at + 1].isspace())
    for f in found:
        left.difference_update(range(f["start"], f["end"]))
    return not left


def percent(part, whole):
    return f"{100 * part / whole:5.1f} %  ({part} of {whole})" if whole else "    -"


def show(row, data, span, mark, out):
    line = data[max(0, span["start"] - 50):span["end"] + 30].decode(errors="replace")
    text = data[span["start"]:span["end"]].decode(errors="replace")
    print(f"{mark} {span['type']:<22} {text!r:.80}  in {line!r:.160}  {row['id']}", file=out)


def curve(weir, path):
    """What a higher threshold for the tagger costs and saves: the findings of the strict profile,
    those of the tagger (and what follows from them) only from a confidence on."""
    rows = []
    for line in path.open():
        row = json.loads(line)
        done = subprocess.run([weir, "scan", "-", "--json", "--profile", "strict"],
                              input=row["text"].encode(), capture_output=True)
        rows.append((row, row["text"].encode(), json.loads(done.stdout)))
    dirty = sum(bool(row["spans"]) for row, _, _ in rows)
    print("confidence of the tagger | leak rate | false alarms")
    for least in (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100):
        leaks = alarms = 0
        for row, data, found in rows:
            kept = [f for f in found if f["by"] not in ("tagged", "rule")
                    or f["confidence"] >= least]
            local = any(not f["maskable"] for f in kept)
            if row["spans"]:
                leaks += not local and any(not is_covered(data, s, kept) for s in row["spans"])
            else:
                alarms += bool(kept)
        print(f"{least:>3} | {100 * leaks / dirty:.1f} % | "
              f"{100 * alarms / (len(rows) - dirty):.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("--weir", default="build/weir")
    parser.add_argument("--profile", default="balanced")
    parser.add_argument("--misses", metavar="FILE", help="writes what was missed and what was wrong")
    parser.add_argument("--curve", action="store_true", help="the tagger's threshold, in steps")
    args = parser.parse_args()
    if args.curve:
        curve(args.weir, args.rows)
        return
    total, hit = collections.Counter(), collections.Counter()
    wrong = collections.Counter()
    dirty = leaks = clean = alarms = 0
    out = open(args.misses or "/dev/null", "w")
    for row, answer in scan(args.weir, args.rows, ["--profile", args.profile]):
        data = row["text"].encode()
        missed = [s for s in row["spans"] if not is_covered(data, s, answer["spans"])]
        for s in row["spans"]:
            total[s["type"]] += 1
            hit[s["type"]] += s not in missed
        for s in missed:
            show(row, data, s, "-", out)
        if row["spans"]:
            dirty += 1
            leaks += bool(missed) and answer["route"] != "local"
        else:
            clean += 1
            alarms += bool(answer["spans"])
            for s in answer["spans"]:
                wrong[s["type"]] += 1
                show(row, data, s, "+", out)
    for name in sorted(total):
        print(f"{name:<24}{percent(hit[name], total[name])}")
    print()
    for group, names in GROUPS.items():
        found, whole = sum(hit[n] for n in names), sum(total[n] for n in names)
        print(f"{group:<24}{percent(found, whole)}   bar {BARS[group]} %")
    print(f"{'leak rate':<24}{percent(leaks, dirty)}   bar "
          f"{'6 %' if args.profile == 'strict' else '20 %'}")
    print(f"{'false alarms':<24}{percent(alarms, clean)}   bar 6 %   {dict(wrong)}")


if __name__ == "__main__":
    main()
