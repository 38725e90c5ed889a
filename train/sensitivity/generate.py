#!/usr/bin/env python3
"""Writes labelled texts, made from templates/ with made-up values: JSON lines as the data has them.

    generate.py ROWS SEED [--held]

A slot such as {P.first} is replaced by a value (SLOTS below); those with a class become spans. With
--held, names and addresses come from the locales that are held back, and the templates are those
that are held back too: the others never use either.
"""
import json
import pathlib
import re
import sys
import zlib

from values import Values, cities

HERE = pathlib.Path(__file__).resolve().parent / "templates"
SLOT = re.compile(r"\{([A-Za-z]+)(?:\.([A-Za-z]+)(?:\.([a-z]+))?)?\}")
LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "pl", "sv")
CLASSES = {
    "P": "PERSON", "p": "PERSON", "A": "ADDRESS", "a": "ADDRESS", "C": "MEDICAL_CONDITION",
    "M": "FINANCIAL", "S": "SPECIAL_CATEGORY", "U": "USERNAME", "DOB": "DATE_OF_BIRTH",
    "MD": "MEDICAL_DATE", "PW": "PASSWORD", "pin": "PASSWORD", "SEC": "SECRET", "ID": "OTHER_ID",
    "MRN": "MEDICAL_RECORD_NUMBER", "HP": "HEALTH_PLAN_ID", "PP": "PASSPORT",
    "DL": "DRIVER_LICENSE", "BA": "BANK_ACCOUNT", "VIN": "VEHICLE_ID", "DEV": "DEVICE_ID",
    "NI": "NATIONAL_ID", "PH": "PHONE", "E": "EMAIL", "IP": "IP_ADDRESS", "CC": "CREDIT_CARD",
    "IBAN": "IBAN",
}
# Of ten templates, how many are held back; of a hundred texts, how many are of several pieces.
HELD_OF_TEN, LONG_OF_HUNDRED = 1, 22
TITLE_WORDS = """Will Mark Rose Grace Hope May June Bill Rob Frank Jack Art Drew Grant Chase Hunter Joy Amber Olive
    Ginger Basil Ivy Lily Daisy Rusty Sandy Dawn Summer River Lake Forest Stone Green Brown Black White Young Long
    Little Rich Best Sharp Swift Noble Price Bank Penny Mill Baker Cook Fisher Gardener Taylor Porter King Queen Bishop
    Knight Page Judge Cross Bridge Hall House Church North West Day Week Bond Ball Bell Ring Cloud Crane Fox Hawk Wolf
    Bean Berry Cherry Apple Ray Dean Max Austin Dallas Madison Jackson Lincoln Jordan Georgia Carolina Victoria Florence
    Charlotte Sydney Crystal Diamond Silver Pearl Ruby Jade Angel Christian Open Data Smart Global Digital Quick First
    National Royal Central Modern Secure Final Annual Weekly Public Private General Special Advanced Basic Standard
    Service Project Release Security Overview Introduction Summary Results Settings Account Profile Network System Update
    Feature Request Customer Support Product Order Payment Delivery Return Warranty Training Workshop""".split()


def load():
    templates, sentences, banks = [], {}, {}
    for path in sorted(HERE.glob("*.txt")):
        lines = [line for line in path.read_text().splitlines() if line]
        if path.stem == "banks":
            banks = {k: v.split("|") for k, v in (line.split("=", 1) for line in lines)}
        elif path.stem.startswith("sentences"):
            sentences[path.stem[10:]] = lines
        else:
            templates += [(path.stem, line) for line in lines]
    return templates, sentences, banks


class Writer:
    def __init__(self, seed, held):
        self.values = Values(seed, not held)
        self.r = self.values.r
        templates, self.sentences, self.banks = load()
        self.templates = {}
        for file, line in templates:
            if (zlib.crc32(line.encode()) % 10 < HELD_OF_TEN) == held:
                self.templates.setdefault(file, []).append(line)

    def pick(self, bank):
        return self.r.choice(self.banks[bank])

    def words(self, part, sub):
        v = self.r
        if part == "sentence":
            return v.choice(self.sentences[sub or ""])
        if part in ("cap", "Cap"):
            return v.choice(TITLE_WORDS)
        if part == "Camel":
            return v.choice(TITLE_WORDS) + self.pick("word").capitalize()
        if part == "camel":
            return self.pick("word") + v.choice(TITLE_WORDS)
        if part == "Role":
            return self.pick("role").capitalize()
        if part == "Topic":
            return self.pick("topic").title()
        if part == "TOPIC":
            return self.pick("topic").upper()
        return self.nested(self.pick(f"{part}.{sub}" if sub else part))

    def nested(self, text):
        """Slots within a bank's phrases; none of them is sensitive."""
        return SLOT.sub(lambda m: self.value(*m.groups(), None, None, self.values.locale()), text)

    def person(self, who, part, language, locale):
        first, last = who
        if part == "first":
            return first
        if part == "last":
            return last
        if part == "LAST":
            return last.upper()
        if part == "FIRST":
            return first.upper()
        if part == "UPPER":
            return f"{first} {last}".upper()
        if part == "lastfirst":
            middle = f" {self.values.letters(1)}." if self.r.random() < .2 else ""
            return f"{last}, {first}{middle}"
        if part == "init":
            return f"{first[0]}. {last}" if self.r.random() < .7 else f"{first[0]}{last[0]}".upper() + f". {last}"
        return self.values.full(first, last, locale)

    def value(self, slot, part, sub, who, language, locale):
        v = self.values
        if slot == "P":
            return self.person(who, part, language, locale)
        if slot == "p":
            return (who[0] if part == "first" else " ".join(who)).lower()
        if slot in ("A", "a"):
            text = v.address(language, locale, part != "street", part == "lines")
            return text.lower() if slot == "a" else text.upper() if part == "upper" else text
        if slot in ("C", "S"):
            return self.pick(f"{slot}.{part}" if part else slot)
        if slot == "c":
            return self.pick("C").removeprefix("a ").removeprefix("an ")
        if slot in ("M", "m"):
            return v.money() if part != "n" else str(self.r.randint(20, 300) * 1000)
        if slot in ("DOB", "MD", "d"):
            return v.date(1930, 2012) if slot == "DOB" else v.date(2015, 2027)
        if slot == "U":
            return v.username(*v.person(locale))
        if slot == "PW":
            return v.password()
        if slot == "SEC":
            return v.secret()
        if slot == "E":
            return v.username(*who) + "@" + self.r.choice(["gmail.com", "outlook.com", "acme.io", "web.de"])
        if slot == "w":
            return self.words(part, sub)
        if slot == "co":
            a, b = v.person(locale)[1], v.person(locale)[1]
            return self.r.choice([f"{a} {self.r.choice(['Inc.', 'Ltd', 'GmbH', 'LLC', 'AG', 'Group', 'Industries', 'Bank', 'Consulting'])}",
                                  f"{a} & {b}", f"{a} and Sons", f"{a}, {b} and Partners", f"{self.r.choice(TITLE_WORDS)} {self.r.choice(['Systems', 'Labs', 'Corp.', 'Holdings', 'Software'])}",
                                  "Acme", "Northwind", "Globex", "Initech"])
        if slot == "city":
            country = cities(self.r.choice("US US GB DE FR ES IT CA AU IN PL SE BR NL JP".split()))
            return country[min(int(self.r.expovariate(1 / 40)), len(country) - 1)][1]
        if slot == "country":
            return self.r.choice("France Germany Japan Brazil Canada Chad Jordan Georgia India Italy Spain Poland Kenya".split())
        if slot == "host":
            return self.r.choice(["web-01", "db.internal", "10.0.0.7", "build.example.com"])
        if slot in ("sha", "short"):
            n = 7 if slot == "short" else self.r.choice([40, 40, 64])
            return "".join(self.r.choices("0123456789abcdef", k=n))
        if slot in ("hex", "uuid"):
            h = "".join(self.r.choices("0123456789abcdef", k=32))
            return h if slot == "hex" else f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        if slot == "n":
            return str(self.r.choice([self.r.randint(2, 99), self.r.randint(100, 9999)]))
        if slot == "y":
            return str(self.r.randint(1900, 2027))
        if slot in v.FORMS:
            return v.number(f"{slot}.{part}" if part else slot)
        return self.pick(slot)

    def piece(self, file, template):
        """The text and spans of one template."""
        language = next((l for l in LANGUAGES if f".{l}" in template), None)
        if file == "europe" and not language:
            language = guess(template)
        locale = script_locale(template) or self.values.locale(language)
        he = self.r.random() < .5
        pronouns = {"pro": ("she", "he")[he], "obj": ("her", "him")[he], "poss": ("her", "his")[he]}
        text, spans, at = "", [], 0
        who = self.values.person(locale)
        template = template.replace("\\n", "\n").replace("\\t", "\t")
        braces = "{{" in template
        for match in SLOT.finditer(template):
            slot, part, sub = match.groups()
            text += template[at:match.start()]
            at = match.end()
            if slot in pronouns:
                text += pronouns[slot]
                continue
            if slot in "Pp" and self.r.random() < .85:
                # The other people of a text are often of elsewhere.
                if self.r.random() < .3 and not script_locale(template):
                    locale = self.values.locale(language)
                who = self.values.person(locale)
            if slot == "P" and part == "titled":
                text += self.values.titled(who[1], language) + " "
                part = "last" if self.r.random() < .7 else None
            if slot == "P" and part is None and self.r.random() < .06 and language is None:
                text += self.values.titled(who[1], language) + " "
            if slot == "p":
                # Written small, only a name that the lists know can be told from any other word.
                who = self.values.listed(locale, "first"), self.values.listed(locale, "last")
            value = self.value(slot, part, sub, who, language, locale)
            if slot in CLASSES:
                bare = value.removeprefix("a ").removeprefix("an ") if slot in "CS" else value
                start = len((text + value[:len(value) - len(bare)]).encode())
                spans.append((start, start + len(bare.encode()), CLASSES[slot]))
            text += value
        text += template[at:]
        return text, spans

    def row(self):
        def one():
            file = self.r.choices(list(self.templates), [WEIGHTS[f] for f in self.templates])[0]
            text, spans = self.piece(file, self.r.choice(self.templates[file]))
            x = self.r.random()
            if x < .04 and text.isascii():
                text = text.lower()
            elif x < .06 and text.isascii():
                text = text.upper()
            return text, spans
        text, spans = one()
        if self.r.random() * 100 < LONG_OF_HUNDRED:
            joint = self.r.choice(["\n", "\n\n", " ", "\n---\n"])
            for _ in range(self.r.randint(1, 6)):
                more, found = one()
                text += joint
                shift = len(text.encode())
                spans += [(a + shift, b + shift, c) for a, b, c in found]
                text += more
        return text, spans


WEIGHTS = {"mail": 20, "who": 12, "forms": 17, "health": 10, "money": 6, "special": 5, "accounts": 9,
           "europe": 14, "clean": 26, "registers": 22, "everyday": 13}
MARKS = {
    "de": "Sehr|Lieb|Herr|Mieter|Bitte|Anschrift|Vorname|Frau|Unsere|Mein|Zeuge|Familie|Ansprech|gez|kundin|Schreib|Was ist|Erkl|Ich|Liefer|Hallo",
    "fr": "Monsieur|Chère|Bonjour|Mme|Notre|Livrer|Prénom|Maître|salarié|M\\. |Écris|Fait",
    "es": "Estimado|Hola|Me llamo|clienta|Sra\\.|Nombre|Don |Enviar|inquilino",
    "it": "Gentile|Ciao|Mi chiamo|signora|Cognome|Spedire|dott", "pt": "Prezado|Meu|cliente|Endereço|ligou",
    "nl": "Geachte|Beste|Mijn|Mevrouw|De heer|Naam|Bezorgen", "pl": "Szanowny|Nazywam|Pani|Imię|zam\\.",
    "sv": "Hej|Jag|Fru|Namn|Kære|Hei",
}


SCRIPTS = (("\u3040", "\u30ff", "ja_JP"), ("\uac00", "\ud7a3", "ko_KR"), ("\u4e00", "\u9fff", "zh_CN"),
           ("\u0400", "\u04ff", "ru_RU"), ("\u0600", "\u06ff", "ar_AA"), ("\u0900", "\u097f", "hi_IN"))


def script_locale(template):
    """The locale of a template that is written in another script than the Latin one."""
    return next((locale for low, high, locale in SCRIPTS
                 if any(low <= c <= high for c in template)), None)


def guess(template):
    return next((l for l, marks in MARKS.items() if re.search(marks, template)), None)


def main():
    rows, seed = int(sys.argv[1]), int(sys.argv[2])
    held = "--held" in sys.argv
    writer = Writer(seed, held)
    for i in range(rows):
        text, spans = writer.row()
        print(json.dumps({"id": f"own-{seed}-{i}", "text": text, "source": "held" if held else "own", "spans": [
            {"start": a, "end": b, "type": c} for a, b, c in spans]}, ensure_ascii=False))


if __name__ == "__main__":
    main()
