/* What stands behind a cue: "passport no. X1234567", "password: ...", "born on 31 May 1980". */
#include "inspect/values.h"
#include "inspect/wordlist.h"

#include "inspect/random.h"

#define DATE_REACH 60 /* bytes behind a cue in which a day or an amount belongs to it */

static bool is_same_digit(const char *p, uint32_t at, uint32_t end)
{
    for (uint32_t i = at + 1; i < end; i++)
        if (is_digit(p[i]) && p[i] != p[at])
            return false;
    return is_digit(p[at]);
}

static const struct id_kind {
    uint32_t cues;
    enum data_class class;
    const char *sub;
    unsigned digits, least, groups; /* digits and bytes that it holds at least */
} id_kinds[] = {
    {CUE_BIT(NATIONAL), DATA_NATIONAL_ID, "national", 4, 4, 8},
    {CUE_BIT(PASSPORT), DATA_PASSPORT, NULL, 1, 6, 3},
    {CUE_BIT(LICENSE), DATA_DRIVER_LICENSE, NULL, 3, 5, 4},
    {CUE_BIT(CARD), DATA_CREDIT_CARD, "card", 12, 12, 5},
    {CUE_BIT(IBAN), DATA_IBAN, "iban", 10, 14, 9},
    {CUE_BIT(ACCOUNT), DATA_BANK_ACCOUNT, NULL, 5, 5, 5},
    {CUE_BIT(MRN), DATA_MEDICAL_RECORD_NUMBER, NULL, 4, 4, 4},
    {CUE_BIT(PLAN), DATA_HEALTH_PLAN_ID, NULL, 5, 6, 4},
    {CUE_BIT(VIN), DATA_VEHICLE_ID, "vin", 2, 11, 1},
    {CUE_BIT(PLATE), DATA_VEHICLE_ID, "plate", 1, 4, 3},
    {CUE_BIT(DEVICE), DATA_DEVICE_ID, NULL, 2, 7, 5},
    {CUE_BIT(OTHER_ID), DATA_OTHER_ID, NULL, 4, 5, 3},
};

/* "Student Maria Barozzi (STU1077086)" */
static void bracketed_id(struct scan *s, const struct cue *cue)
{
    const char *p = s->doc.p;
    uint32_t at = cue->end;

    while (at < s->doc.n && at - cue->end < DATE_REACH && p[at] != '(' && p[at] != '\n' &&
           p[at] != '.')
        at++;
    if (p[at] != '(')
        return;
    uint32_t end = value_id(s, at + 1, 4, 3);
    if (p[end] == ')' && end - at > 5)
        scan_hit(s, at + 1, end,
                 cue->kinds & CUE_BIT(MRN) ? DATA_MEDICAL_RECORD_NUMBER : DATA_OTHER_ID,
                 FINDING_CUE, 75, NULL);
}

static bool is_long_number(const struct scan *s, uint32_t at)
{
    uint32_t end = at;

    while (is_digit(s->doc.p[end]))
        end++;
    return end - at >= 8 && !is_word(s->doc.p[end]);
}

/* A short cue is a word of some language too: it must be written as an abbreviation is, or with a
 * sign behind it. */
static bool is_plain_word(const struct scan *s, const struct cue *cue, char sign)
{
    static const char known[] = "ssn mrn cpf bsn imei vin iban cnpj fax tel imsi";
    struct view word = view_of(s->doc.p + cue->start, cue->end - cue->start);

    if (word.n > 4 || sign == ':' || sign == '=' || sign == '"')
        return false;
    if (in_wordlist(known, word))
        return false;
    for (size_t i = 0; i < word.n; i++)
        if (!is_upper(word.p[i]))
            return !is_long_number(s, cue->end + 1);
    return false;
}

static void id_value(struct scan *s, const struct cue *cue)
{
    char sign;
    uint32_t at = value_start(s, cue->end, &sign);

    if (is_plain_word(s, cue, sign))
        return;
    for (size_t i = 0; i < sizeof(id_kinds) / sizeof(id_kinds[0]); i++) {
        const struct id_kind *kind = &id_kinds[i];
        if (!(cue->kinds & kind->cues))
            continue;
        uint32_t end = value_id(s, at, kind->digits, kind->groups);
        bool date = end > at && value_date(s, at, false) >= end && end - at != 8;
        if (end - at < kind->least || date || is_same_digit(s->doc.p, at, end))
            continue;
        scan_hit(s, at, end, kind->class, FINDING_CUE, 85, kind->sub);
        return;
    }
    if (cue->kinds & (CUE_BIT(OTHER_ID) | CUE_BIT(MRN)))
        bracketed_id(s, cue);
}

/* "travel documents: Ada Roe - P1234567 (PL), Bo Li - AB123456": one or two letters and seven to
 * nine digits, each within reach of the last. */
static void passports(struct scan *s, const struct cue *cue)
{
    const char *p = s->doc.p;
    uint32_t from = cue->end;
    const struct cue *next = cue + 1, *last = s->cues + s->n_cues;

    while (next < last && !(next->kinds & CUE_BIT(PASSPORT)))
        next++;
    uint32_t stop = next < last ? next->start : s->doc.n; /* what is behind it is the next one's */
    for (uint32_t at = from; at < stop && at - from < DATE_REACH; at++) {
        uint32_t letters = at, end;
        if (!is_upper(p[at]) || is_word(p[(int64_t)at - 1]))
            continue;
        while (is_upper(p[letters]) && letters - at < 3)
            letters++;
        for (end = letters; is_digit(p[end]);)
            end++;
        if (letters - at > 2 || end - letters < 6 || end - letters > 9 || is_word(p[end]))
            continue;
        scan_hit(s, at, end, DATA_PASSPORT, FINDING_CUE, 80, NULL);
        from = at = end;
    }
}

/* Digits behind a word for phones. */
static void phone_value(struct scan *s, const struct cue *cue)
{
    char sign;
    uint32_t at = value_start(s, cue->end, &sign), i = at, end = at;
    unsigned digits = 0;
    const char *p = s->doc.p;

    if (p[i] == '+')
        i++;
    for (; is_digit(p[i]) || (digits && p[i] && strchr(" -./()", p[i]) && i - end < 2); i++)
        if (is_digit(p[i]))
            digits++, end = i + 1;
    if (digits >= 6 && digits <= 15 && !is_word(p[end]) && value_date(s, at, false) < end &&
        !is_same_digit(p, at, end))
        scan_hit(s, at, end, DATA_PHONE, FINDING_CUE, 80, NULL);
}

/* "the average salary": of many, and no one's. `end` is the cue's. */
static bool is_typical(const struct scan *s, uint32_t end)
{
    static const char list[] = "average median mean typical usual minimum maximum";
    const char *p = s->doc.p;
    uint32_t at = end;

    for (unsigned n = 0; n < 4; n++) { /* the cue's own words, and one more */
        uint32_t word = at;
        while (word > 0 && is_letter(p[word - 1]))
            word--;
        if (in_wordlist(list, view_of(p + word, at - word)))
            return true;
        if (word == 0 || p[word - 1] != ' ')
            return false;
        at = word - 1;
    }
    return false;
}

/* All days, or all amounts, of the line behind a cue, each within reach of the last one. */
static void chain(struct scan *s, uint32_t from, enum data_class class, bool money)
{
    const char *p = s->doc.p;

    if (money && is_typical(s, from))
        return;
    for (uint32_t at = from; at < s->doc.n && at - from < DATE_REACH; at++) {
        char prev = p[(int64_t)at - 1];
        if (p[at] == '\n' && prev != '?' && prev != ':')
            return;
        if (is_word(prev) || (is_word(p[at]) && !is_digit(p[at]) && !is_upper(p[at]) && !money))
            continue;
        uint32_t end = money ? value_money(s, at) : value_date(s, at, class == DATA_MEDICAL_DATE);
        if (end <= at)
            continue;
        scan_hit(s, at, end, class, FINDING_CUE, 80, NULL);
        from = at = end;
        if (!money && class == DATA_MEDICAL_DATE)
            return;
    }
}

/* The end of a value that no blank and no quote is part of. */
static uint32_t bare_end(const struct scan *s, uint32_t at, char quote)
{
    const char *p = s->doc.p;
    uint32_t end = at;

    while (end < s->doc.n && end - at < 512 && p[end] > ' ' && p[end] != quote &&
           !(quote == 0 && strchr("\"'`<>|;", p[end])))
        end++;
    while (end > at && strchr(",.;:)]}", p[end - 1]))
        end--;
    return end;
}

static bool is_prose(struct view v)
{
    static const char list[] =
        "required reset field policy manager must should wrong incorrect invalid "
        "protected hash hashing string str text varchar bytes optional int bool "
        "expired strength length prompt input form correct empty weak strong "
        "self type none not too case never always safe safely stored only and or "
        "the a an to for in on of is was be with by from that this";
    return in_wordlist(list, v);
}

struct mix {
    bool digit, lower, upper, mark, line; /* line: _ */
};

static struct mix mix_of(struct view v)
{
    struct mix m = {0};

    for (size_t i = 0; i < v.n; i++) {
        m.digit |= is_digit(v.p[i]);
        m.upper |= is_upper(v.p[i]);
        m.lower |= is_alpha(v.p[i]) && !is_upper(v.p[i]);
        m.mark |= !is_word(v.p[i]) && v.p[i] != '_';
        m.line |= v.p[i] == '_';
    }
    return m;
}

static bool is_password(struct view v, char sign)
{
    struct mix m = mix_of(v);

    bool variable = m.line && !m.digit && !m.mark && !(m.lower && m.upper);
    if (v.n < 4 || variable || random_is_placeholder(v) || is_prose(v) ||
        view_find(v, VIEW("://")) != VIEW_NPOS || view_find_char(v, '(') != VIEW_NPOS)
        return false;
    bool drawn =
        m.digit || (m.mark && v.n >= 6) || (m.lower && m.upper && v.n >= 8 && !is_upper(v.p[0]));
    if (sign == '=' || sign == ':' || sign == '"')
        return drawn || (sign == '=' && v.n >= 6 && !m.mark);
    return drawn && m.digit && (sign ? m.mark || m.upper || m.lower : m.mark && v.n >= 6);
}

static void password_at(struct scan *s, uint32_t at, char sign)
{
    char before = s->doc.p[(int64_t)at - 1];
    uint32_t end = bare_end(s, at, before == '"' || before == '\'' || before == '`' ? before : 0);
    struct view v = view_of(s->doc.p + at, end - at);
    size_t pair = view_find_char(v, '&');

    if (sign == '=' && pair != VIEW_NPOS && view_find_char(view_skip(v, pair), '=') != VIEW_NPOS)
        v.n = pair;
    if (is_password(v, sign))
        scan_hit(s, at, at + (uint32_t)v.n, DATA_PASSWORD, FINDING_CUE, 85, NULL);
}

static void secret_at(struct scan *s, uint32_t at, char sign)
{
    char before = s->doc.p[(int64_t)at - 1];
    uint32_t end = bare_end(s, at, before == '"' || before == '\'' || before == '`' ? before : 0);
    struct view v = view_of(s->doc.p + at, end - at);
    size_t pair = view_find_char(v, '&');
    bool strict = s->options->profile == DATA_STRICT;

    if (pair != VIEW_NPOS)
        v.n = pair;
    struct mix m = mix_of(v);
    if (v.n < (strict ? 8 : 12) || random_is_placeholder(v) || (random_is_uuid(v) && !strict))
        return;
    if (!sign) { /* "the old signing secret 5f1c... leaked" */
        if (before == ' ' && (random_is_secret(v) || random_is_hash(v)))
            scan_hit(s, at, at + (uint32_t)v.n, DATA_SECRET, FINDING_CUE, 70, NULL);
        return;
    }
    bool drawn = random_is_secret(v) || random_is_hash(v) ||
                 (v.n >= 20 && m.digit && (m.lower || m.upper) && random_entropy(v) > 3.2) ||
                 (strict && m.digit && m.lower);
    if (drawn && view_find_char(v, '(') == VIEW_NPOS)
        scan_hit(s, at, at + (uint32_t)v.n, DATA_SECRET, FINDING_CUE, 85, NULL);
}

static bool is_user_byte(char c)
{
    return is_word(c) || (c && strchr("._-", c));
}

/* Users that every system has, and words that stand where a name might. */
static bool is_common_user(struct view v)
{
    static const char list[] =
        "root admin administrator postgres mysql user users test guest ubuntu "
        "debian nobody www-data daemon null none true false string name id the "
        "and is has was with for from in system assistant default service "
        "anonymous me you it must should may can cannot will does not already fails failed page "
        "form button error github login";
    return in_wordlist(list, v);
}

/* "uname=uname", "user = self.user": a variable's name. */
static bool is_code(struct view key, struct view value)
{
    static const char *const heads[] = {"self.",   "this.",    "os.",   "args.",
                                        "config.", "request.", "user.", "_"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (view_starts(value, view_str(heads[i])))
            return true;
    return view_eq(key, value);
}

/* A word for work to be done, in a comment of code: who should do it stands behind it in brackets.
 */
static bool is_note(struct view cue)
{
    return in_wordlist("todo fixme", cue);
}

/* Returns the name's end, or `at`. */
static uint32_t user_at(struct scan *s, const struct cue *cue, uint32_t at, char sign)
{
    const char *p = s->doc.p;
    uint32_t end;
    bool path = p[cue->end] == '/' && at == cue->end;

    if (at == cue->end && !path && p[at] != '@')
        return at;
    at += path || p[at] == '@';
    bool handle = p[at - 1] == '@';
    bool note = is_note(view_of(p + cue->start, cue->end - cue->start));
    for (end = at; is_user_byte(p[end]) && end - at < 48;)
        end++;
    while (end > at && strchr("._-", p[end - 1]))
        end--;
    struct view v = view_of(p + at, end - at);
    struct mix m = mix_of(v);
    bool formed = m.digit || m.mark || m.line;
    bool alone = at == cue->end + 1 && cue->end - cue->start >= 8; /* "Username yzhou" */
    bool secret = view_find_nocase(view_of(p + cue->start, cue->end - cue->start),
                                   VIEW("password")) != VIEW_NPOS;
    if (secret) /* "the password for brian is" */
        alone = strncmp(p + end, " is ", 4) == 0 || p[end] == ':';
    if (note && (p[cue->end] != '(' || at != cue->end + 1 || p[end] != ')'))
        return cue->end;
    if (v.n < 3 || is_common_user(v) || random_is_placeholder(v) || random_is_uuid(v) ||
        p[end] == '(' || p[end] == '@' ||
        is_code(view_of(p + cue->start, cue->end - cue->start), v) ||
        !(path || handle || note || sign == ':' || sign == '=' || formed ||
          (m.lower && !m.upper && alone)))
        return at;
    scan_hit(s, at, end, DATA_USERNAME, FINDING_CUE, 75, NULL);
    return end;
}

static void text_value(struct scan *s, const struct cue *cue)
{
    char sign;
    uint32_t at = value_start(s, cue->end, &sign);

    if (cue->kinds & CUE_BIT(USERNAME)) {
        uint32_t end = user_at(s, cue, at, sign);
        struct view word = view_of(s->doc.p + cue->start, cue->end - cue->start);
        if (end > at && view_find_nocase(word, VIEW("password")) != VIEW_NPOS)
            password_at(s, value_start(s, end, &sign), 'w');
    }
    if (at == cue->end && !sign)
        return;
    if (view_eq_nocase(view_of(s->doc.p + cue->start, cue->end - cue->start), VIEW("bearer")))
        sign = ':';
    if (cue->kinds & CUE_BIT(PASSWORD))
        password_at(s, at, sign);
    if (cue->kinds & CUE_BIT(SECRET))
        secret_at(s, at, sign);
}

void detect_values(struct scan *s)
{
    static const uint32_t ids = CUE_BIT(NATIONAL) | CUE_BIT(PASSPORT) | CUE_BIT(LICENSE) |
                                CUE_BIT(CARD) | CUE_BIT(IBAN) | CUE_BIT(ACCOUNT) | CUE_BIT(MRN) |
                                CUE_BIT(PLAN) | CUE_BIT(VIN) | CUE_BIT(PLATE) | CUE_BIT(DEVICE) |
                                CUE_BIT(OTHER_ID);
    for (unsigned i = 0; i < s->n_cues && !s->failed; i++) {
        const struct cue *cue = &s->cues[i];
        if (cue->kinds & ids)
            id_value(s, cue);
        if (cue->kinds & CUE_BIT(PASSPORT))
            passports(s, cue);
        if (cue->kinds & CUE_BIT(PHONE))
            phone_value(s, cue);
        if (cue->kinds & CUE_BIT(BIRTH))
            chain(s, cue->end, DATA_DATE_OF_BIRTH, false);
        if (cue->kinds & CUE_BIT(MEDICAL_DATE))
            chain(s, cue->end, DATA_MEDICAL_DATE, false);
        if (cue->kinds & (CUE_BIT(PAY) | CUE_BIT(UNPUBLISHED)))
            chain(s, cue->end, DATA_FINANCIAL, true);
        if (cue->kinds & (CUE_BIT(USERNAME) | CUE_BIT(PASSWORD) | CUE_BIT(SECRET)))
            text_value(s, cue);
        if (cue->kinds & CUE_BIT(CONDITION))
            scan_hit(s, cue->start, cue->end, DATA_MEDICAL_CONDITION, FINDING_TAGGED, 60, NULL);
        if (cue->kinds & CUE_BIT(SPECIAL))
            scan_hit(s, cue->start, cue->end, DATA_SPECIAL_CATEGORY, FINDING_TAGGED, 60, NULL);
    }
}
