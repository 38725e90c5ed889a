#!/usr/bin/env python3
"""Writes training rows of the project's own: ways of asking in seven languages, from templates.

    own_rows.py > own.jsonl

Deterministic. The phrases are in own_phrases/LANGUAGE.txt: a line "[task]" opens a section, each
line of it is one template. {text}, {topic}, {thing}, {lang}, {labels}, {fields}, {n}, {code} and
{lang_of} are filled from the sections of the same name; "\\n" is a newline; "SYSTEM || USER" gives
a row with a system message. The sections "support_system" and "plain" make rows without an
instruction in the user message.
"""
import json
import pathlib
import random
import re

TASKS = ["classification", "extraction", "summarization", "translation", "support_faq",
         "reasoning", "coding", "creative", "general"]
ROWS_PER_TEMPLATE = {"en": 24}
OTHER_ROWS = 8  # of a template
HERE = pathlib.Path(__file__).parent / "own_phrases"


def read_sections(path):
    sections, current = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[[a-z_]+\]", line):
            current = sections.setdefault(line[1:-1], [])
        elif line.strip() and current is not None:
            current.append(line.replace("\\n", "\n"))
    return sections


def typo(text, rng):
    """One or two slips of the fingers in the letters."""
    letters = list(text)
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(max(1, len(letters) - 1))
        if not letters[at].isalpha():
            continue
        kind = rng.randrange(3)
        if kind == 0 and at + 1 < len(letters):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif kind == 1:
            del letters[at]
        else:
            letters.insert(at, letters[at])
    return "".join(letters)


def fill(template, sections, rng):
    def value(match):
        name = match.group(1)
        if name == "n":
            return str(rng.choice([2, 3, 5, 7, 10, 12, 40, 250]))
        text = rng.choice(sections[name])
        return fill(text, sections, rng) if "{" in text and name != "code" else text
    return re.sub(r"\{([a-z_]+)\}", lambda m: value(m) if m.group(1) in sections or
                  m.group(1) == "n" else m.group(0), template)


def noisy(text, rng):
    roll = rng.random()
    if roll < 0.10:
        return text.lower()
    if roll < 0.20:
        return typo(text, rng)
    if roll < 0.26:
        return text.rstrip(".?!")
    return text


def row(task, template, sections, rng):
    filled = fill(template, sections, rng)
    messages = []
    if " || " in filled:
        system, filled = filled.split(" || ", 1)
        messages.append({"role": "system", "content": system})
    elif task == "support_faq" and rng.random() < 0.45:
        messages.append({"role": "system", "content": fill(rng.choice(
            sections["support_system"]), sections, rng)})
    elif rng.random() < 0.12:
        messages.append({"role": "system", "content": "You are a helpful assistant."})
    messages.append({"role": "user", "content": noisy(filled, rng)})
    return messages


def main():
    rng = random.Random(20240501)
    seen = set()
    for path in sorted(HERE.glob("*.txt")):
        sections = read_sections(path)
        for task in TASKS:
            for i in range(ROWS_PER_TEMPLATE.get(path.stem, OTHER_ROWS) * len(sections[task])):
                template = sections[task][i % len(sections[task])]
                messages = row(task, template, sections, rng)
                key = json.dumps(messages)
                if key in seen:
                    continue
                seen.add(key)
                print(json.dumps({"id": f"own-{len(seen):05d}", "messages": messages,
                                  "task": task, "source": f"own/{path.stem}"},
                                 ensure_ascii=False))


if __name__ == "__main__":
    main()
