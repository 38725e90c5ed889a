/* Days and amounts. */
#include "inspect/values.h"
#include "inspect/wordlist.h"

/* Up to `max` digits; returns how many. */
static unsigned read_number(const char *p, unsigned max, unsigned *ret_value)
{
    unsigned n = 0, value = 0;

    for (; n < max && is_digit(p[n]); n++)
        value = value * 10 + (unsigned)(p[n] - '0');
    *ret_value = value;
    return is_digit(p[n]) ? 0 : n;
}

static bool is_year(unsigned value, unsigned n)
{
    return n == 2 || (n == 4 && value >= 1880 && value <= 2100);
}

/* A month's name at `at`; its end, or `at`. */
static uint32_t month_name(const struct scan *s, uint32_t at)
{
    unsigned i = scan_cue_from(s, at);
    if (i < s->n_cues && s->cues[i].start == at && (s->cues[i].kinds & CUE_BIT(MONTH)))
        return s->cues[i].end + (s->doc.p[s->cues[i].end] == '.');
    return at;
}

static uint32_t pass(const char *p, uint32_t at, const char *set)
{
    for (unsigned n = 0; n < 3 && p[at] && strchr(set, p[at]); n++)
        at++;
    return at;
}

/* "st", "nd", "de", "of" around the parts of a day in words. */
static uint32_t pass_small(const char *p, uint32_t at)
{
    static const char *const words[] = {"st", "nd",  "rd",  "th",   "er",
                                        "º",  "de ", "of ", "del ", "den "};

    at = pass(p, at, " .,");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i]);
        if (strncmp(p + at, words[i], n) == 0 && !is_alpha(p[at + n])) {
            at = pass(p, at + (uint32_t)n, " .,");
            break;
        }
    }
    return at;
}

/* "May 31st, 1980": the month's name stands at `at`. */
static uint32_t month_first(const struct scan *s, uint32_t at, bool short_form)
{
    const char *p = s->doc.p;
    unsigned day, year, n;
    uint32_t next = month_name(s, at);

    if (next == at)
        return at;
    uint32_t d = pass(p, next, " .");
    n = read_number(p + d, 4, &day);
    if (n == 0)
        return at;
    if (n == 4)
        return is_year(day, n) && short_form ? d + n : at;
    if (day < 1 || day > 31)
        return at;
    uint32_t y = pass_small(p, d + n);
    unsigned yn = read_number(p + y, 4, &year);
    return yn && is_year(year, yn) ? y + yn : short_form ? d + n : at;
}

/* "31 May 1980", "31. Mai 1980", "31-May-80": the day, `n` digits, stands at `at`. */
static uint32_t day_first(const struct scan *s, uint32_t at, unsigned n, bool short_form)
{
    const char *p = s->doc.p;
    unsigned year;
    uint32_t m = pass(p, at + n, ".-/ ");

    m = month_name(s, m) > m ? m : pass_small(p, at + n);
    uint32_t next = month_name(s, m);
    if (next == m)
        return at;
    uint32_t y = p[next] == '-' || p[next] == '/' ? next + 1 : pass_small(p, next);
    unsigned yn = read_number(p + y, 4, &year);
    return yn && is_year(year, yn) ? y + yn : short_form ? next : at;
}

static uint32_t pass_time(const char *p, uint32_t at)
{
    if ((p[at] == 'T' || p[at] == ' ') && is_digit(p[at + 1]) && is_digit(p[at + 2]) &&
        p[at + 3] == ':' && p[at] == 'T') {
        at++;
        while (is_digit(p[at]) || (p[at] && strchr(":.+Z", p[at])))
            at++;
    }
    return at;
}

/* Three numbers with one sort of separator; two in the short form. */
static uint32_t numeric(const char *p, uint32_t at, unsigned n, unsigned first, bool short_form)
{
    unsigned second, third;
    char joint = p[at + n];

    if (!joint || !strchr("-./", joint))
        return at;
    uint32_t next = at + n + 1 + (joint == '.' && p[at + n + 1] == ' ');
    unsigned n2 = read_number(p + next, 2, &second);
    if (n2 == 0 || second > 31)
        return at;
    uint32_t end = next + n2;
    bool month_day =
        n <= 2 && first >= 1 && second >= 1 && (first <= 12 || second <= 12) && first <= 31;
    if (p[end] != joint)
        return short_form && month_day && joint != '-' && !is_word(p[end]) ? end : at;
    end += 1 + (joint == '.' && p[end + 1] == ' ');
    unsigned n3 = read_number(p + end, 4, &third);
    if (n == 4
            ? is_year(first, n) && second >= 1 && second <= 12 && n3 >= 1 && n3 <= 2 && third <= 31
            : month_day && n3 >= 2 && n3 != 3 && is_year(third, n3))
        return pass_time(p, end + n3);
    return at;
}

uint32_t value_date(const struct scan *s, uint32_t at, bool short_form)
{
    const char *p = s->doc.p;
    unsigned first, n, end;

    if (is_alpha(p[at]))
        return month_first(s, at, short_form);
    if (!is_digit(p[at]) || is_word(p[(int64_t)at - 1]))
        return at;
    n = read_number(p + at, 8, &first);
    if (n == 8) {
        unsigned year = first / 10000, month = first / 100 % 100, day = first % 100;
        bool reversed = first % 10000 >= 1900 && first % 10000 <= 2100 && first / 1000000 <= 31;
        bool is_day = is_year(year, 4) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
        return (is_day || reversed) && !is_word(p[at + 8]) ? at + 8 : at;
    }
    if (n == 0 || n == 3 || n > 4)
        return at;
    end = numeric(p, at, n, first, short_form);
    if (end == at && n <= 2 && first >= 1 && first <= 31)
        end = day_first(s, at, n, short_form);
    return is_digit(p[end]) ? at : end;
}

/* Signs of money, and codes and words behind the number. */
static unsigned money_sign(const char *p)
{
    static const char *const signs[] = {"$",   "£",   "€",   "¥",   "₹",   "₺",   "zł",
                                        "US$", "C$",  "A$",  "R$",  "EUR", "USD", "GBP",
                                        "CHF", "JPY", "INR", "SEK", "NOK", "DKK", "PLN",
                                        "CAD", "AUD", "BRL", "TRY", "CNY", "Rs"};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        unsigned n = (unsigned)strlen(signs[i]);
        if (strncmp(p, signs[i], n) == 0 && !is_alpha(p[n]))
            return n;
    }
    return 0;
}

static uint32_t word_of(const char *p, uint32_t at, const char *list)
{
    uint32_t end = at;

    while (is_word(p[end]) && !is_digit(p[end]))
        end++;
    return end > at && in_wordlist(list, view_of(p + at, end - at)) ? end : at;
}

uint32_t value_money(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    unsigned sign = money_sign(p + at), digits = 0;
    uint32_t i = at + sign;

    i = sign ? pass(p, i, " ") : i;
    for (; is_digit(p[i]) || (digits && p[i] && strchr(".,'", p[i]) && is_digit(p[i + 1])) ||
           (digits && p[i] == ' ' && is_digit(p[i + 1]) && is_digit(p[i + 2]) &&
            is_digit(p[i + 3]) && !is_digit(p[i + 4]));
         i++)
        digits += is_digit(p[i]);
    if (digits == 0 || is_digit(p[(int64_t)at - 1]))
        return at;
    uint32_t scale = pass(p, i, " "),
             end = word_of(p, scale,
                           "k m mn mio bn b million millions billion "
                           "thousand mrd millionen tausend tsd milliard "
                           "millones mila milioni milhoes miljoen mln tys lakh "
                           "crore");
    bool scaled = end > scale;
    i = scaled ? end + (p[end] == '.' && p[end + 1] == ' ') : i; /* "Mio. Euro" */
    uint32_t code = pass(p, i, " ");
    end = code + money_sign(p + code);
    if (end == code)
        end = word_of(p, code,
                      "euro euros dollar dollars pounds sterling francs franken rupees yen "
                      "kronor kroner zloty zlotych reais lira pesos");
    if (end > code)
        return end;
    return sign || (scaled && digits > 0 && i - at > 3) ? i : at;
}
