/* What somebody earns, where no word for pay stands beside it: "we pay Ada Roe $84,000 a year". */
#include "inspect/document.h"
#include "inspect/values.h"

#define REACH 80 /* bytes between a person and an amount of the same line */

/* "a year", "per month", "im Jahr" behind an amount. */
static bool is_period(struct view text)
{
    static const struct view periods[] = {
        VIEW_LIT(" a year"),      VIEW_LIT(" a month"),    VIEW_LIT(" a week"),
        VIEW_LIT(" per "),        VIEW_LIT("/year"),       VIEW_LIT("/month"),
        VIEW_LIT(" p.a."),        VIEW_LIT(" annually"),   VIEW_LIT(" yearly"),
        VIEW_LIT(" monthly"),     VIEW_LIT(" base"),       VIEW_LIT(" bonus"),
        VIEW_LIT(" im Jahr"),     VIEW_LIT(" im Monat"),   VIEW_LIT(" brutto"),
        VIEW_LIT(" netto"),       VIEW_LIT(" par an"),     VIEW_LIT(" par mois"),
        VIEW_LIT(" brut"),        VIEW_LIT(" al año"),     VIEW_LIT(" al mes"),
        VIEW_LIT(" all'anno"),    VIEW_LIT(" al mese"),    VIEW_LIT(" por ano"),
        VIEW_LIT(" por mês"),     VIEW_LIT(" per jaar"),   VIEW_LIT(" rocznie"),
        VIEW_LIT(" miesięcznie"), VIEW_LIT(" i månaden"),  VIEW_LIT(" om året"),
        VIEW_LIT(" gross"),       VIEW_LIT(" before tax"), VIEW_LIT(" after tax"),
        VIEW_LIT(" an hour"),     VIEW_LIT(" pro Monat"),  VIEW_LIT(" pro Jahr")};
    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
        if (view_starts(text, periods[i]))
            return true;
    return false;
}

/* Whether an amount may begin at `at`: most bytes are told by themselves. */
static bool may_begin(const char *p, uint32_t at)
{
    bool sign = byte_is(p[at], BYTE_HIGH) || p[at] == '$' ||
                (is_upper(p[at]) && (is_upper(p[at + 1]) || p[at + 1] == '$' || p[at + 1] == 's'));
    return (is_digit(p[at]) || sign) && (at == 0 || !is_word(p[at - 1]));
}

/* The amounts with a period from `at` on, to the end of the line and at most to `end`. */
static void amounts(struct scan *s, uint32_t at, uint32_t end)
{
    const char *p = s->doc.p;

    for (; at < end && p[at] != '\n'; at++) {
        if (!may_begin(p, at))
            continue;
        uint32_t stop = value_money(s, at);
        if (stop > at && is_period(view_skip(scan_text(s), stop)))
            scan_hit(s, at, stop, DATA_FINANCIAL, FINDING_RULE, 65, NULL);
        at = stop > at ? stop - 1 : at;
    }
}

void document_pay(struct scan *s)
{
    unsigned known = s->n_hits;
    uint32_t done = 0;

    for (unsigned i = 0; i < known && !s->failed; i++) {
        const struct hit *h = &s->hits[i];
        if (h->class != DATA_PERSON)
            continue;
        uint32_t from = h->start > REACH ? h->start - REACH : 0, to = h->end + REACH;
        for (uint32_t k = h->start; k > from; k--) /* no further back than the line */
            if (s->doc.p[k - 1] == '\n')
                from = k;
        from = from > done ? from : done;
        to = to < s->doc.n ? to : s->doc.n;
        uint32_t end = h->end;
        amounts(s, from, h->start);
        done = end > done ? end : done; /* the list may have moved */
        amounts(s, done, to);
        done = to > done ? to : done;
    }
}
