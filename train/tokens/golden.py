#!/usr/bin/env python3
"""Picks the test samples of the repo: golden.py < counted.jsonl > tests/golden/tokens/samples

Only of the test set, which the fit never saw. A first line names the tokenizers; then for each
sample a line `kind source bytes count...` and after it the text and a line feed.
"""

import json
import sys

from fit import FAMILIES

KINDS = (
    'en de fr es pt it nl pl tr vi ru zh ja ko ar hi th ' 'c python js json markdown numbers'
).split()
# Up to this size, so many samples of a kind.
SIZES = ((300, 5), (1000, 4), (3500, 2), (8192, 1))


def main():
    room = {(kind, size): n for kind in KINDS for size, n in SIZES}
    write = sys.stdout.buffer.write
    write(b'tokenizers ' + ' '.join(FAMILIES).encode() + b'\n')
    for line in sys.stdin:
        sample = json.loads(line)
        text = sample['text'].encode()
        slot = (sample['kind'], next(size for size, _ in SIZES if len(text) <= size))
        if sample['set'] != 'test' or not room.get(slot):
            continue
        room[slot] -= 1
        counts = ' '.join(str(sample['tokens'][f]) for f in FAMILIES)
        source = sample['source'].replace(' ', '_')
        write(f'{sample["kind"]} {source} {len(text)} {counts}\n'.encode() + text + b'\n')


main()
