/* An address goes out whole or not at all: what the detectors and the tagger found of one is
 * widened to the unit before it and the town behind it, and its pieces are joined. */
#include "inspect/document.h"
#include "inspect/names.h"
#include "inspect/wordlist.h"

#define MAX_GAP   40 /* bytes between two pieces of an address */
#define MAX_FRONT 16 /* bytes of a unit before the house's number */

static uint32_t skip_back(const char *p, uint32_t at, const char *set)
{
    while (at > 0 && p[at - 1] && strchr(set, p[at - 1]))
        at--;
    return at;
}

static uint32_t pass(const char *p, uint32_t at, const char *set)
{
    while (p[at] && strchr(set, p[at]))
        at++;
    return at;
}

/* "Flat 4, ", "Blk ", "No. ", "H.No. " before `at`: where it begins, or `at`. */
static uint32_t unit_before(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    const struct cue *cue = scan_cue_before(s, at, CUE_BIT(UNIT), MAX_FRONT);

    if (!cue)
        return at;
    uint32_t i = cue->end;
    while (i < at && strchr(" .,:#/-", p[i]))
        i++;
    for (unsigned n = 0; i < at && is_alnum(p[i]) && n < 6; n++)
        i++;
    while (i < at && strchr(" .,:#/-", p[i]))
        i++;
    if (i != at)
        return at;
    bool initial = cue->start >= 2 && p[cue->start - 1] == '.' && is_alpha(p[cue->start - 2]);
    return initial ? cue->start - 2 : cue->start;
}

/* "Am Alten Markt " before "3a, 14467 Potsdam": the words with capitals on the line. */
static uint32_t street_before(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t start = at, i = skip_back(p, at, " ");

    for (unsigned n = 0; is_digit(p[at]) && n < 4 && i > 0 && is_letter(p[i - 1]); n++) {
        uint32_t word = i;
        while (word > 0 && (is_letter(p[word - 1]) || p[word - 1] == '-'))
            word--;
        if ((!is_upper(p[word]) && !byte_is(p[word], BYTE_HIGH)) || (n > 0 && i - word < 2))
            break;
        start = word;
        i = skip_back(p, word, " ");
    }
    return start;
}

/* Words, numbers and commas, and no end of a sentence. */
static bool is_gap(const char *p, uint32_t from, uint32_t to)
{
    unsigned words = 0, small = 0, lines = 0;

    if (to - from > MAX_GAP)
        return false;
    for (uint32_t i = from; i < to; i++) {
        bool first = is_word(p[i]) && (i == from || !is_word(p[i - 1]));
        lines += p[i] == '\n';
        words += first;
        small += first && byte_is(p[i], BYTE_LOWER);
        bool end = p[i] == '.' && p[i + 1] == ' ' && i >= 4;
        bool stop = end && ((is_letter(p[i - 1]) && is_letter(p[i - 2]) && is_letter(p[i - 3]) &&
                             is_letter(p[i - 4])) ||
                            (is_digit(p[i - 1]) && is_upper(p[i + 2])));
        if (stop || (!is_word(p[i]) && !strchr(" ,.-/#()'\n", p[i])))
            return false;
    }
    return words <= 4 && small <= 1 && lines <= 1;
}

/* "Bluff" + " Dr": the word that says what the street is. */
static uint32_t street_word(const struct scan *s, uint32_t at)
{
    unsigned i = scan_cue_from(s, at + 1);
    bool street = s->doc.p[at] == ' ' && i < s->n_cues && s->cues[i].start == at + 1 &&
                  (s->cues[i].kinds & CUE_BIT(STREET)) && is_upper(s->doc.p[at + 1]);
    return street ? s->cues[i].end : at;
}

/* "zip: 20121", "city: Milano" on the lines below a street: a string's key stands before its
 * value, so fields of JSON are such lines too. */
static void fields_below(struct scan *s, uint32_t at)
{
    static const char heads[] =
        "city town zip zipcode zip_code postcode post_code postalcode postal_code plz ort stadt "
        "wohnort ville codepostal code_postal ciudad localidad cp citta cap cidade cep plaats "
        "woonplaats miasto kod_pocztowy stad postnummer postort poststed line2 address2 street2";
    const char *p = s->doc.p;

    for (unsigned n = 0; n < 4; n++) {
        uint32_t key = pass(p, at, "\",;\n\r -{"), colon = key, value, end;
        while (is_word(p[colon]) || p[colon] == '_')
            colon++;
        value = pass(p, colon, "\": =");
        if (key == at || colon == key || value < colon + 1 ||
            !memchr(p + colon, ':', value - colon))
            return;
        for (end = value; end < s->doc.n && !strchr("\",;\n\r}", p[end]);)
            end++;
        if (end - value > 60)
            return;
        if (in_wordlist(heads, view_of(p + key, colon - key)))
            scan_hit(s, value, end, DATA_ADDRESS, FINDING_RULE, 65, NULL);
        at = end;
    }
}

void document_whole_addresses(struct scan *s)
{
    unsigned known = s->n_hits;
    unsigned last = known;

    for (unsigned i = 0; i < known && !s->failed; i++) {
        struct hit *h = &s->hits[i];
        if (h->class != DATA_ADDRESS)
            continue;
        h->start = street_before(s, h->start);
        h->start = unit_before(s, unit_before(s, h->start));
        h->end = place_extend(s, street_word(s, h->end));
        if (last < known && h->start > s->hits[last].end &&
            is_gap(s->doc.p, s->hits[last].end, h->start))
            s->hits[last].end = h->start + 1; /* they overlap now: merged with all between them */
        last = i;
        fields_below(s, h->end); /* may move the list: the last use of h */
    }
}
