"""Which of Faker's locales names and addresses come from, and which are held back to measure."""
import importlib

TRAINED = """
    en_US en_GB en_IE en_NZ en_IN en_NG en_PK de_DE de_AT de_CH fr_FR fr_BE fr_CA fr_CH es_ES
    es_MX es_AR es_CO es_CL it_IT pt_BR pt_PT nl_NL nl_BE sv_SE da_DK no_NO fi_FI pl_PL cs_CZ
    sk_SK sl_SI hr_HR hu_HU ro_RO bg_BG ru_RU uk_UA el_GR tr_TR az_AZ ar_AA fa_IR he_IL hi_IN
    id_ID vi_VN th_TH ja_JP zh_CN zh_TW ko_KR ne_NP ta_IN lt_LT lv_LV et_EE is_IS yo_NG ig_NG zu_ZA
    sw hy_AM
""".split()
HELD_BACK = "en_KE es_CA fr_DZ ga_IE ha_NG uz_UZ mk_MK ka_GE tw_GH gu_IN".split()
LOREM = "en_US de_DE fr_FR es_ES it_IT nl_NL pl_PL".split()


def provider(kind, locale):
    try:
        return importlib.import_module(f"faker.providers.{kind}.{locale}").Provider
    except ModuleNotFoundError:
        return None


def names(locale, kind):
    """All first or last names of a locale, also those that it writes in Latin letters."""
    person = provider("person", locale)
    found = set()
    for field in dir(person) if person else ():
        if f"{kind}_" in field and "name" in field:
            value = getattr(person, field)
            if isinstance(value, (tuple, list, dict, set)):
                found.update(v for v in value if isinstance(v, str))
    return sorted(found)


def lorem(locale):
    found = provider("lorem", locale)
    return list(found.word_list) if found else []
