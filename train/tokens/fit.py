#!/usr/bin/env python3
"""Fits the weights: fit.py FEATURES counted.jsonl > tokens.def; the errors go to standard error.

FEATURES is the program made of features.c. For each family a linear model of the counts, by least
absolute relative error (reweighted least squares) with a light ridge.
"""

import json
import subprocess
import sys

import numpy as np

# Columns of tokens.def after the first (TOKENS_ANY), in the order of enum tokens_family.
FAMILIES = ['o200k', 'cl100k', 'llama3', 'qwen3', 'deepseek3', 'gemma3', 'tekken', 'claude2']
CURRENT = ['o200k', 'llama3', 'qwen3', 'deepseek3', 'gemma3', 'tekken']
LATIN = [
    'en',
    'de',
    'fr',
    'es',
    'pt',
    'it',
    'nl',
    'pl',
    'c',
    'python',
    'js',
    'json',
    'markdown',
    'numbers',
]
ONE = 65536


def counts_of(program, texts):
    raw = b''.join(b'%d\n%s' % (len(t), t) for t in texts)
    lines = (
        subprocess.run([program], input=raw, stdout=subprocess.PIPE, check=True)
        .stdout.decode()
        .splitlines()
    )
    return lines[0].split(), np.array([[int(n) for n in line.split()] for line in lines[1:]], float)


def solve(counts, tokens, weight):
    a = counts / tokens[:, None]
    scale = np.sqrt((a**2).mean(0)) + 1e-9
    a /= scale
    w = weight.copy()
    for _ in range(40):
        left = a.T @ (a * w[:, None]) + 3e-4 * w.sum() * np.eye(a.shape[1])
        c = np.linalg.solve(left, a.T @ w)
        w = weight / np.maximum(abs(a @ c - 1), 0.03)
    return np.where(counts.any(0), c / scale, 0)


def report(label, error):
    error = abs(error)
    print(
        f'{label:12} median {np.median(error):6.1%}  p95 {np.percentile(error, 95):6.1%}',
        file=sys.stderr,
    )


def main():
    samples = [json.loads(line) for line in open(sys.argv[2], encoding='utf-8')]
    names, counts = counts_of(sys.argv[1], [s['text'].encode() for s in samples])
    fit = np.array([s['set'] == 'fit' for s in samples])
    kinds = np.array([s['kind'] for s in samples])
    tokens = {f: np.array([s['tokens'][f] for s in samples], float) for f in FAMILIES}
    tokens['any'] = np.exp(np.mean([np.log(tokens[f]) for f in CURRENT], axis=0))
    weight = np.array(
        [
            {'en': 3, 'c': 2, 'python': 2, 'js': 2, 'json': 2, 'oddities': 0.3}.get(k, 1)
            for k in kinds[fit]
        ],
        float,
    )
    columns = []
    for family in ['any'] + FAMILIES:
        columns.append(np.rint(ONE * solve(counts[fit], tokens[family][fit], weight)).astype(int))
    print(
        '/* Made by train/tokens/fit.py: tokens / 65536 for one of each count, a column a family in the\n'
        ' * order of enum tokens_family. The last rows are scripts, four counts each. */'
    )
    for i, name in enumerate(names):
        print(f'ROW({name}, {", ".join(str(c[i]) for c in columns)})')

    errors = {
        f: np.maximum(counts @ c / ONE, 1) / tokens[f] - 1
        for f, c in zip(['any'] + FAMILIES, columns)
    }
    every = np.array([errors[f] for f in FAMILIES])
    default = np.array([(errors['any'] + 1) * tokens['any'] / tokens[f] - 1 for f in CURRENT])
    for family in FAMILIES:
        report(family, errors[family][~fit])
    for kind in dict.fromkeys(kinds[~fit]):
        report(kind, every[:, (kinds == kind) & ~fit])
    report('fit, pooled', every[:, fit])
    report('test, pooled', every[:, ~fit])
    report('any', default[:, ~fit])
    latin = np.array([k in LATIN for k in kinds])
    report('any, Latin', default[:, ~fit & latin])
    old = (errors['any'] + 1) * tokens['any'] / np.array(
        [s['tokens']['mistral1'] for s in samples]
    ) - 1
    report('mistral1', old[~fit])
    report('its Latin', old[~fit & latin])
    size = np.array([len(s['text'].encode()) for s in samples])
    mean = np.array([tokens[f] for f in CURRENT]).mean(0)
    print(
        f'bytes a token: {np.average(size[fit] / mean[fit], weights=weight):.2f}', file=sys.stderr
    )


if __name__ == '__main__':
    main()
