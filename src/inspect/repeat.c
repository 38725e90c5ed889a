/* A name that was found once is found again wherever it stands, in parts too. */
#include "base/hash.h"
#include "inspect/document.h"
#include "inspect/values.h"
#include "inspect/wordlist.h"

#define MAX_NAMES 4096 /* words of names that are looked for again */

struct names {
    uint64_t *slots; /* hashes; 0: free */
    unsigned mask;
};

/* Names that are words of every day: alone they prove nothing. */
static bool is_everyday(struct view word)
{
    static const char list[] =
        "will mark grace rose may june april august hope faith joy dawn bill rob pat sue art drew "
        "chase "
        "grant frank jack gene gray grey brown black white green young long short rich price king "
        "bishop "
        "page cook baker carter miller smith hunter fisher mason cooper porter potter taylor "
        "turner "
        "walker ward west north east hill wood woods stone rivers lake forest field fields day "
        "knight "
        "church house park parks street bush flowers summer winter autumn snow frost storm moon "
        "star "
        "victoria florence paris london madison austin charlotte sydney jordan georgia lincoln "
        "washington houston jackson santiago chelsea virginia carolina berlin chad israel india "
        "the and von van der den del los las dos das bin mrs miss doctor professor";
    return in_wordlist(list, word);
}

static uint64_t hash_of(struct view word)
{
    char low[64];
    size_t n = word.n < sizeof(low) ? word.n : sizeof(low);

    for (size_t i = 0; i < n; i++)
        low[i] = ascii_lower(word.p[i]);
    uint64_t hash = hash_bytes(view_of(low, n));
    return hash ? hash : 1;
}

static bool find(const struct names *names, uint64_t hash, uint64_t **ret_slot)
{
    unsigned i = (unsigned)hash & names->mask;

    while (names->slots[i] && names->slots[i] != hash)
        i = (i + 1) & names->mask;
    *ret_slot = &names->slots[i];
    return names->slots[i] != 0;
}

/* The next word from `*at` on: letters, with a capital or one of another script in front. */
static struct view next_name(const struct scan *s, uint32_t *at, uint32_t end)
{
    const char *p = s->doc.p;

    while (*at < end) {
        uint32_t from = *at;
        if (!is_word(p[from])) {
            ++*at;
            continue;
        }
        while (*at < end && is_word(p[*at]))
            ++*at;
        if ((is_upper(p[from]) || (signed char)p[from] < 0) && *at - from >= 3 && *at - from < 64)
            return view_of(p + from, *at - from);
    }
    return VIEW_NONE;
}

static unsigned collect(const struct scan *s, struct names *names)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->n_hits; i++) {
        uint32_t at = s->hits[i].start;
        if (s->hits[i].class != DATA_PERSON)
            continue;
        for (struct view word; n < MAX_NAMES && (word = next_name(s, &at, s->hits[i].end)).n > 0;) {
            uint64_t *slot, hash = hash_of(word);
            if (is_everyday(word) || find(names, hash, &slot))
                continue;
            *slot = hash;
            n++;
        }
    }
    return n;
}

/* The year of a day, where it is one of a birth that lies a while back. */
static bool is_long_ago(const char *p, uint32_t at, uint32_t end)
{
    for (uint32_t i = at; i + 4 <= end; i++)
        if (is_digit(p[i]) && is_digit(p[i + 1]) && is_digit(p[i + 2]) && is_digit(p[i + 3]) &&
            (i == at || !is_digit(p[i - 1])))
            return strncmp(p + i, "1900", 4) >= 0 && strncmp(p + i, "2012", 4) <= 0;
    return false;
}

/* What stands right behind a name: the day of a birth, in brackets ("Megan Evans (February 22,
 * 1944)"), with a mark ("(* 22.2.1944)", "b. 22 Feb 1944") or in a row of facts ("Megan Evans,
 * 22.02.1944,"); a number in brackets. */
static void behind_name(struct scan *s, uint32_t at)
{
    static const char *const marks[] = {" (*",  " (b.", " (born", " (geb.", " *",
                                        ", b.", " b.",  ", *",    " (",     ", "};
    const char *p = s->doc.p;
    size_t i = 0, n = sizeof(marks) / sizeof(marks[0]);

    while (i < n && strncmp(p + at, marks[i], strlen(marks[i])) != 0)
        i++;
    if (i == n)
        return;
    uint32_t value = at + (uint32_t)strlen(marks[i]);
    bool row = i == n - 1, bracket = marks[i][1] == '(';
    value += p[value] == ' ';
    uint32_t end = value_date(s, value, false);
    if (end > value &&
        (bracket ? p[end] == ')' : !row || (strchr(",;\n", p[end]) && is_long_ago(p, value, end))))
        scan_hit(s, value, end, DATA_DATE_OF_BIRTH, FINDING_RULE, 70, NULL);
    else if (i == n - 2 && (end = value_id(s, value, 6, 3)) > value && p[end] == ')')
        scan_hit(s, value, end, DATA_OTHER_ID, FINDING_RULE, 60, NULL);
}

static void births(struct scan *s, unsigned known)
{
    for (unsigned i = 0; i < known && !s->failed; i++)
        if (s->hits[i].class == DATA_PERSON)
            behind_name(s, s->hits[i].end);
}

void document_repeat_names(struct scan *s)
{
    struct names names = {.mask = 2 * MAX_NAMES - 1};
    unsigned known = s->n_hits, next = 0;
    uint32_t at = 0;

    for (unsigned i = 0; i < known && names.slots == NULL; i++)
        if (s->hits[i].class == DATA_PERSON &&
            !(names.slots = arena_new_array(s->a, uint64_t, names.mask + 1)))
            s->failed = true;
    births(s, known);
    if (!names.slots || collect(s, &names) == 0)
        return;
    for (struct view word; (word = next_name(s, &at, s->doc.n)).n > 0 && !s->failed;) {
        uint32_t start = (uint32_t)(word.p - s->doc.p);
        uint64_t *slot;
        while (next < known && s->hits[next].end <= start)
            next++;
        bool inside = next < known && s->hits[next].start <= start;
        if (!inside && find(&names, hash_of(word), &slot))
            scan_hit(s, start, start + (uint32_t)word.n, DATA_PERSON, FINDING_RULE, 60, NULL);
    }
}
