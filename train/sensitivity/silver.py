#!/usr/bin/env python3
"""Labels persons in public prose where a public tagger and the lists agree: JSON lines.

    silver.py ROWS SEED TEXT...

Each TEXT has a paragraph a line. spaCy's small English model says where persons are; a sentence is
kept when each of them is written as a name is and the lists know a part of it, and when no other
word looks like one. Most names are then exchanged for made-up ones, so that the prose teaches where
names stand.
"""
import json
import os
import re
import sys

import spacy

import lists
from values import Values

# The package that holds the model, under whatever name it is installed.
MODEL = os.environ.get("SPACY_MODEL", "en_core_web_sm")
SWAPPED = .8
NAME = re.compile(r"(?:[A-Z][\w'.-]*)(?: (?:[A-Z][\w'.-]*|de|van|von|of))*$")
TITLES = {t.lower() for t in lists.own("title")}


def known_names():
    given = set(lists.census("female.first") + lists.census("male.first"))
    family = set(lists.census("all.last")[:8000])
    everyday = set(lists.own("everyday"))
    return given | family, given - everyday


class Silver:
    def __init__(self, seed):
        self.nlp = spacy.load(MODEL, disable=["parser", "lemmatizer", "attribute_ruler"])
        self.nlp.add_pipe("sentencizer")
        self.values = Values(seed, True)
        self.r = self.values.r
        self.names, self.given = known_names()
        self.swaps = {}

    def is_sure(self, sentence, persons):
        inside = {t.i for p in persons for t in p}
        for p in persons:
            words = [t.text.lower() for t in p if t.text.lower().strip(".") not in TITLES]
            before = sentence.doc[p.start - 1].text.lower().strip(".") if p.start else ""
            if not NAME.match(p.text) or len(p) > 4 or not words:
                return False
            if not any(w in self.names for w in words) and before not in TITLES:
                return False
        # A given name that the tagger did not see, not at the beginning: nobody knows.
        return not any(t.text.lower() in self.given and t.text[0].isupper() and t.i not in inside
                       and t.i > sentence.start for t in sentence)

    def swap(self, name):
        """Another name of as many words; the same each time."""
        if name not in self.swaps:
            first, last = self.values.person("en_US" if self.r.random() < .5 else self.values.locale())
            if not first.isascii() or not last.isascii():
                first, last = self.values.invented(), self.values.invented()
            parts = name.split()
            middle = [self.values.letters(1) + "."] if len(parts) > 2 else []
            one = first if name.lower() in self.given else last
            self.swaps[name] = " ".join([first] + middle + [last]) if len(parts) > 1 else one
        return self.swaps[name]

    def rows(self, paragraph):
        for sentence in self.nlp(paragraph).sents:
            persons = [e for e in sentence.ents if e.label_ == "PERSON"]
            if len(sentence) < 5 or not self.is_sure(sentence, persons):
                continue
            text, at, spans = "", sentence.start_char, []
            for p in persons:
                words = p.text.split()
                skip = 0
                while words and words[0].lower().strip(".") in TITLES:
                    skip += len(words.pop(0)) + 1
                name = p.text[skip:].strip()
                name = name[:-2] if name.endswith("'s") else name
                if not name:
                    continue
                text += paragraph[at:p.start_char + skip]
                at = p.start_char + skip + len(name)
                start = len(text.encode())
                text += self.swap(name) if self.r.random() < SWAPPED else name
                spans.append({"start": start, "end": len(text.encode()), "type": "PERSON"})
            yield text + paragraph[at:sentence.end_char], spans


def main():
    rows, seed = int(sys.argv[1]), int(sys.argv[2])
    paragraphs = [line.strip() for name in sys.argv[3:] for line in open(name, encoding="utf-8")]
    silver = Silver(seed)
    silver.r.shuffle(paragraphs)
    n = 0
    for paragraph in paragraphs:
        for text, spans in silver.rows(paragraph.replace("_", "")):
            # Sentences without persons teach what none is; half of them will do.
            if not spans and silver.r.random() < .5:
                continue
            print(json.dumps({"id": f"silver-{n}", "text": text, "spans": spans, "source": "silver"},
                             ensure_ascii=False))
            n += 1
        if n >= rows:
            break


if __name__ == "__main__":
    main()
