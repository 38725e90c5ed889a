/*
 * Numbers: groups of digits and letters with single separators between them. A number whose check
 * digits prove it stands alone; one with a weak check needs its usual shape or a word beside it.
 */
#include "inspect/check_digits.h"
#include "inspect/detect.h"
#include "inspect/national_ids.h"

#define MAX_GROUPS  10
#define MAX_COMPACT 34
#define REACH       160 /* of a word that speaks of a number */
#define NEAR        28

/* Groups from one place on, and their letters and digits without what parts them. */
struct number {
    uint32_t start;
    unsigned n;
    struct {
        uint32_t end;
        unsigned char size, total; /* of the group; of all so far */
        char joint;                /* what stands before it; 0: nothing */
    } groups[MAX_GROUPS];
    char compact[MAX_COMPACT];
};

static uint32_t token_end(struct view text, uint32_t at)
{
    while (at < text.n && is_alnum(text.p[at]))
        at++;
    return at;
}

static void read_groups(struct view text, uint32_t start, struct number *number)
{
    uint32_t at = start;
    unsigned total = 0;
    char joint = 0;

    number->start = start;
    number->n = 0;
    while (number->n < MAX_GROUPS && at < text.n) {
        uint32_t end = token_end(text, at);
        if (end == at || end - at > MAX_COMPACT - total)
            return;
        for (; at < end; at++) {
            char c = ascii_lower(text.p[at]);
            number->compact[total++] = (char)(c >= 'a' ? c - 32 : c);
        }
        number->groups[number->n].end = end;
        number->groups[number->n].size =
            (unsigned char)(total - (number->n ? number->groups[number->n - 1].total : 0));
        number->groups[number->n].total = (unsigned char)total;
        number->groups[number->n++].joint = joint;
        joint = end < text.n ? text.p[end] : 0;
        if (!is_joint(joint))
            return;
        at = end + 1;
        if (at < text.n && joint == '.' && text.p[at] == ' ')
            return;
    }
}

/* Sizes of the first `n` groups as "3-2-4": the joint of each but the first, then its size. */
static bool has_form(const struct number *number, unsigned n, const char *form)
{
    unsigned i = 0;

    for (; *form && i < n; i++) {
        if (i > 0 && *form++ != number->groups[i].joint)
            return false;
        unsigned size = 0;
        while (is_digit(*form))
            size = size * 10 + (unsigned)(*form++ - '0');
        if (size != number->groups[i].size)
            return false;
    }
    return i == n && !*form;
}

static bool same_joints(const struct number *number, unsigned n)
{
    for (unsigned i = 2; i < n; i++)
        if (number->groups[i].joint != number->groups[1].joint)
            return false;
    return true;
}

static bool card_form(const struct number *number, unsigned n)
{
    if (n == 1)
        return true;
    if (!same_joints(number, n) || !strchr(" -.", number->groups[1].joint))
        return false;
    if (n == 3 && number->groups[0].size == 4 && number->groups[1].size == 6)
        return true;
    for (unsigned i = 0; i + 1 < n; i++)
        if (number->groups[i].size != 4)
            return false;
    return true;
}

/* Forms in which a number is written so seldom by chance that no word need stand beside it. */
static bool usual_form(const struct number *number, unsigned n, struct view sub)
{
    static const struct {
        struct view sub;
        const char *form;
    } forms[] = {
        {VIEW_LIT("ssn"), "3-2-4"},      {VIEW_LIT("itin"), "3-2-4"},
        {VIEW_LIT("cpf"), "3.3.3-2"},    {VIEW_LIT("pnr"), "6-4"},
        {VIEW_LIT("cnpj"), "2.3.3/4-2"}, {VIEW_LIT("imei"), "2-6-6-1"},
        {VIEW_LIT("nrn"), "2.2.2-3.2"},  {VIEW_LIT("rc"), "6/4"},
        {VIEW_LIT("rrn"), "6-7"},        {VIEW_LIT("steuerid"), "2 3 3 3"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (view_eq(forms[i].sub, sub) && has_form(number, n, forms[i].form))
            return true;
    return false;
}

struct kin {
    const char *sub;
    enum data_class class;
    uint32_t cues;
};

/* Numbers of the table of national numbers that are no person's national number. */
static struct kin kin_of(const char *sub)
{
    static const struct kin others[] = {
        {"imei", DATA_DEVICE_ID, CUE_BIT(DEVICE)},
        {"aba", DATA_BANK_ACCOUNT, CUE_BIT(ACCOUNT)},
        {"nhs", DATA_HEALTH_PLAN_ID, CUE_BIT(PLAN)},
        {"mbi", DATA_HEALTH_PLAN_ID, CUE_BIT(PLAN)},
        {"kvnr", DATA_HEALTH_PLAN_ID, CUE_BIT(PLAN)},
        {"medicare_au", DATA_HEALTH_PLAN_ID, CUE_BIT(PLAN)},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(others[i].sub, sub) == 0)
            return others[i];
    return (struct kin){sub, DATA_NATIONAL_ID, CUE_BIT(NATIONAL)};
}

static bool is_counted(const struct scan *s, uint32_t at)
{
    const struct cue *counter = scan_cue_before(s, at, CUE_BIT(COUNTER), NEAR);
    if (!counter)
        return false;
    for (uint32_t i = counter->end; i < at; i++)
        if (s->doc.p[i] == '\n')
            return false;
    return true;
}

/* Four groups of up to three digits with dots: an address of the net, or a version. */
static bool is_dotted(const struct number *number, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        if (number->groups[i].joint != '.' || number->groups[i].size > 3)
            return false;
    return n == 4;
}

/* "passport or ID 525 118 892" */
static bool follows_id(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    return at >= 4 && p[at - 1] == ' ' && p[at - 2] == 'D' && p[at - 3] == 'I' && p[at - 4] == ' ';
}

static bool accept_id(struct scan *s, const struct number *number, unsigned n,
                      const struct national_id *id)
{
    uint32_t end = number->groups[n - 1].end;
    struct kin kin = kin_of(id->sub);
    size_t same = 1;
    while (same < id->n && number->compact[same] == number->compact[0])
        same++;
    if (same == id->n)
        return false; /* 999999999 */
    bool strict = s->options->profile == DATA_STRICT;

    if (id->strong && (n == 1 || same_joints(number, n))) {
        scan_hit(s, number->start, end, kin.class, FINDING_HARD, 95, id->sub);
        return true;
    }
    if (scan_cue_before(s, number->start, kin.cues, REACH) ||
        (follows_id(s, number->start) && !is_counted(s, number->start))) {
        scan_hit(s, number->start, end, kin.class, FINDING_CUE, 90, id->sub);
        return true;
    }
    if (!is_counted(s, number->start) &&
        (usual_form(number, n, view_str(id->sub)) ||
         (strict && number->groups[n - 1].total >= 10 && (n == 1 || same_joints(number, n))))) {
        scan_hit(s, number->start, end, kin.class, FINDING_CUE, 60, id->sub);
        return true;
    }
    return false;
}

static bool all_digits(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!is_digit(v.p[i]))
            return false;
    return v.n > 0;
}

/* The first `n` groups. */
static bool accept(struct scan *s, const struct number *number, unsigned n)
{
    struct view v = view_of(number->compact, number->groups[n - 1].total);
    uint32_t start = number->start, end = number->groups[n - 1].end;

    if (v.n < 9 || (v.n > 19 && is_digit(v.p[0])) || is_dotted(number, n))
        return false;
    if (number->groups[0].size == 1 && n > 1 && v.n != 15)
        return false; /* only the French one begins with a single digit */
    if (v.n >= 12 && v.n <= 19 && all_digits(v) && card_form(number, n) && check_card(v) &&
        !(v.n > 16 && is_counted(s, start))) {
        scan_hit(s, start, end, DATA_CREDIT_CARD, FINDING_HARD, 95, "card");
        return true;
    }
    if (is_alpha(v.p[0]) && is_alpha(v.p[1]) && is_digit(v.p[2]) && check_iban(v)) {
        scan_hit(s, start, end, DATA_IBAN, FINDING_HARD, 99, "iban");
        return true;
    }
    if (v.n == 17 && n == 1 && !all_digits(v) && check_vin(v)) {
        scan_hit(s, start, end, DATA_VEHICLE_ID, FINDING_HARD, 90, "vin");
        return true;
    }
    for (const struct national_id *id = national_id_match(v, NULL); id;
         id = national_id_match(v, id + 1))
        if (accept_id(s, number, n, id))
            return true;
    return false;
}

/* Finland: the century's sign is one of the eleven characters. */
static bool accept_hetu(struct scan *s, uint32_t at)
{
    char text[11];

    if (s->doc.n - at < 11 || !strchr("+-YXWVUABCDEF", s->doc.p[at + 6]) || !s->doc.p[at + 6] ||
        is_word(s->doc.p[at + 11]))
        return false;
    for (unsigned i = 0; i < 11; i++) {
        char c = s->doc.p[at + i];
        if (i < 6 && !is_digit(c))
            return false;
        text[i] = (char)(c >= 'a' ? c - 32 : c);
    }
    const struct national_id *hetu = national_id_named(VIEW("hetu"));
    if (!hetu->check(view_of(text, 11)))
        return false;
    scan_hit(s, at, at + 11, DATA_NATIONAL_ID, FINDING_HARD, 95, hetu->sub);
    return true;
}

static bool may_begin(const struct number *number)
{
    unsigned size = number->groups[0].size;
    struct view first = view_of(number->compact, size);
    unsigned letters = 0;

    while (letters < first.n && is_alpha(first.p[letters]))
        letters++;
    return letters < first.n || (size == 2 && number->n > 1 && is_digit(number->compact[2]));
}

void detect_numbers(struct scan *s)
{
    struct view text = scan_text(s);

    for (uint32_t at = 0; at < text.n && !s->failed;) {
        struct number number;
        if (!is_alnum(text.p[at])) {
            at++;
            continue;
        }
        uint32_t end = token_end(text, at);
        bool word = at > 0 && (signed char)text.p[at - 1] < 0;
        if (word || end - at > MAX_COMPACT ||
            (!is_digit(text.p[at]) && !is_digit(text.p[end - 1]) && end - at != 2 &&
             end - at < 9)) {
            at = end;
            continue;
        }
        uint32_t next = end;
        read_groups(text, at, &number);
        if (number.n > 0 && may_begin(&number)) {
            bool taken = is_digit(text.p[at]) && accept_hetu(s, at);
            for (unsigned n = number.n; n > 0 && !taken; n--)
                if ((taken = accept(s, &number, n)))
                    next = number.groups[n - 1].end;
        }
        at = next;
    }
}
