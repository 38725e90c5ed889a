/* Postal addresses: a street with its number, and the unit, postcode and town around it. */
#include "inspect/names.h"
#include "inspect/values.h"

#define MAX_STREET 80 /* bytes of a street's name */

static uint32_t pass_blanks(const char *p, uint32_t at)
{
    while (p[at] == ' ')
        at++;
    return at;
}

static bool has_kind(const struct scan *s, uint32_t start, uint32_t end, uint32_t kinds)
{
    for (unsigned i = scan_cue_from(s, start); i < s->n_cues && s->cues[i].start < end; i++)
        if ((s->cues[i].kinds & kinds) && s->cues[i].end <= end)
            return true;
    return false;
}

/* A letter, a range, a door behind a house's number: "3a", "12-14", "15/4", "88/2/14", "12 B",
 * "17 bis". */
static uint32_t number_tail(const char *p, uint32_t at)
{
    static const char *const again[] = {" bis", " ter"};

    if (is_alpha(p[at]) && !is_word(p[at + 1]))
        return at + 1;
    for (unsigned n = 0; n < 3 && (p[at] == '-' || p[at] == '/') && is_alnum(p[at + 1]); n++) {
        uint32_t end = at + 1;
        while (is_alnum(p[end]) && end - at <= 5)
            end++;
        at = end;
    }
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
        if (strncmp(p + at, again[i], 4) == 0 && !is_word(p[at + 4]))
            return at + 4;
    bool entrance = p[at] == ' ' && is_upper(p[at + 1]) && strchr(",\n ", p[at + 2]);
    return entrance && (p[at + 2] != ' ' || is_digit(p[at + 3])) ? at + 2 : at;
}

/* A house's number: up to six digits and what belongs to it. */
static uint32_t house_number(const char *p, uint32_t at)
{
    uint32_t end = at;

    while (is_digit(p[end]) && end - at < 7)
        end++;
    if (end == at || end - at > 6)
        return at;
    end = number_tail(p, end);
    return is_word(p[end]) ? at : end;
}

/* The second half of a postcode in two: "E9 0GD", "1234 AB", "123 45", "H3H 1M7", "D04 K5X2". Its
 * first half, with `digits` of them, ends at the blank before `at`. Returns `at` when it is none.
 */
static uint32_t second_half(const char *p, uint32_t first, unsigned digits, uint32_t at)
{
    uint32_t end = at, letters = 0, figures = 0, size = at - 1 - first;
    bool number = digits == size;

    for (; (is_digit(p[end]) || is_upper(p[end])) && end - at < 5; end++)
        letters += is_upper(p[end]), figures += is_digit(p[end]);
    bool british = !number && figures == 1 && letters == 2 && is_digit(p[at]);
    bool canadian = digits == 1 && size == 3 && figures == 2 && letters == 1 && is_digit(p[at]);
    bool irish = digits == 2 && size == 3 && is_upper(p[first]) && figures + letters == 4 &&
                 figures > 0 && letters > 0;
    bool dutch = number && digits == 4 && letters == 2 && figures == 0;
    bool swedish = number && digits == 3 && figures == 2 && letters == 0;
    bool known = british || canadian || irish || dutch || swedish;
    return known && !is_word(p[end]) ? end : at;
}

/* 75-661, 12345, 12345-6789, E9 0GD, 1234 AB, 123 45, CH-8001: with a digit, at most nine
 * characters. */
static uint32_t postcode(const char *p, uint32_t at)
{
    uint32_t end = at, digits = 0;
    uint32_t country = is_upper(p[at]) ? 1 + (uint32_t)is_upper(p[at + 1]) : 0;

    if (country && p[at + country] == '-' && is_digit(p[at + country + 1]))
        return postcode(p, at + country + 1);

    for (; (is_digit(p[end]) || is_upper(p[end])) && end - at < 8; end++)
        digits += is_digit(p[end]);
    if (digits == 0 || is_word(p[end]))
        return at;
    bool number = digits == end - at;
    if (number && p[end] == '-' && is_digit(p[end + 1])) {
        uint32_t more = end + 1;
        while (is_digit(p[more]))
            more++;
        return more - end <= 5 && !is_word(p[more]) ? more : end;
    }
    uint32_t both = p[end] == ' ' ? second_half(p, at, digits, end + 1) : 0;
    if (both > end + 1)
        return both;
    return number && digits >= 4 && digits <= 6 ? end : at;
}

/* "Apt 2C", "lgh 1103", "D: 5", "#08-921", "bus 3": `at` when no unit stands there. */
static uint32_t unit(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    unsigned i = scan_cue_from(s, at);
    uint32_t next = at;

    if (p[at] == '#' && is_word(p[at + 1])) {
        next = at + 1;
    } else if (i < s->n_cues && s->cues[i].start == at && (s->cues[i].kinds & CUE_BIT(UNIT))) {
        next = s->cues[i].end;
        next = pass_blanks(p, next + (p[next] == '.' || p[next] == ':'));
    } else {
        return at;
    }
    uint32_t end = next;
    while (is_digit(p[end]) || is_alpha(p[end]) ||
           ((p[end] == '-' || p[end] == '/') && is_word(p[end + 1])))
        end++;
    return end > next && end - next <= 6 ? end : at;
}

/* "3\xc2\xba B", "2. tv", "II/5", between commas: a storey, a door. */
static uint32_t storey(const char *p, uint32_t at)
{
    uint32_t end = at;

    if (!is_digit(p[at]) && !(p[at] && strchr("IVX", p[at])))
        return at;
    while (p[end] && p[end] != ',' && p[end] != '\n' && end - at <= 12)
        end++;
    return p[end] == ',' && end - at <= 12 ? end : at;
}

/* What may stand behind a town: " (MI)", " - SP", " / PA", "/\xc4\xb0stanbul". */
static uint32_t region(const struct scan *s, uint32_t at)
{
    static const char *const joints[] = {" (", " - ", " / ", "/"};
    const char *p = s->doc.p;
    unsigned words;

    for (size_t i = 0; i < sizeof(joints) / sizeof(joints[0]); i++) {
        uint32_t from = at + (uint32_t)strlen(joints[i]);
        if (strncmp(p + at, joints[i], from - at) != 0)
            continue;
        uint32_t end = name_end(scan_text(s), from, &words);
        if (words == 0 || words > 2 || (joints[i][0] == ' ' && end - from > 3))
            return at;
        return i > 0 ? end : p[end] == ')' ? end + 1 : at;
    }
    return at;
}

/* "TX 78745", "QLD 4350", or just the postcode. */
static uint32_t state(const char *p, uint32_t at)
{
    unsigned n = 0;

    while (is_upper(p[at + n]) && n < 4)
        n++;
    if (n >= 2 && n <= 3 && p[at + n] == ' ') {
        uint32_t code = at + n + 1, end = postcode(p, code);
        if (end > code)
            return end;
    }
    return postcode(p, at);
}

/* A town, and what stands around it: "NC 23185", a postcode before it or behind it. */
static uint32_t town(const struct scan *s, uint32_t at, bool comma)
{
    const char *p = s->doc.p;
    unsigned words;
    uint32_t end = postcode(p, at);

    if (end > at) {
        uint32_t name = name_end(scan_text(s), pass_blanks(p, end), &words);
        return words && words <= 4 ? region(s, name) : end;
    }
    uint32_t name = name_end(scan_text(s), at, &words);
    if (words == 0 || words > 5 || byte_is(p[at], BYTE_LOWER))
        return at;
    uint32_t whole = region(s, name), next = pass_blanks(p, whole + (p[whole] == ','));
    end = state(p, next);
    if (end > next)
        return end;
    return comma || whole > name ? whole : at;
}

uint32_t place_extend(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;

    for (unsigned n = 0; n < 8; n++) {
        uint32_t from = at + (p[at] == '.' && p[at + 1] == ',');
        bool comma = p[from] == ',' || (p[from] == '\n' && n < 2);
        uint32_t next = pass_blanks(p, from + comma), end;
        if (next == at)
            return at;
        if ((end = unit(s, next)) == next && (p[from] != ',' || (end = storey(p, next)) == next) &&
            (end = town(s, next, comma && p[from] == ',')) == next)
            return at;
        at = end;
    }
    return at;
}

static void take(struct scan *s, uint32_t start, uint32_t end, unsigned confidence)
{
    uint32_t whole = place_extend(s, end);
    scan_hit(s, start, whole, DATA_ADDRESS, FINDING_CUE, whole > end ? 85 : confidence, NULL);
}

/* "9271 Sanders Pike", "7, rue Blanc": the number stands at `at`. Returns where to go on. */
static uint32_t number_first(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t number = house_number(p, at);
    unsigned words;

    if (number == at)
        return at;
    uint32_t name = pass_blanks(p, number + (p[number] == ','));
    if (!is_letter(p[name]))
        return at;
    unsigned cue = scan_cue_from(s, name);
    if (cue < s->n_cues && s->cues[cue].start == name &&
        (s->cues[cue].kinds & CUE_BIT(STREET_BEFORE))) {
        uint32_t end = name_end(scan_text(s), pass_blanks(p, s->cues[cue].end), &words);
        if (words > 0) {
            take(s, at, end, 75);
            return end;
        }
    }
    if (p[number] != ' ')
        return at;
    uint32_t end = name_end(scan_text(s), name, &words), last = 0;
    if (words < 2)
        return at;
    for (; cue < s->n_cues && s->cues[cue].end <= end; cue++) /* "Bluff Dr": both */
        if ((s->cues[cue].kinds & CUE_BIT(STREET)) && s->cues[cue].start > name &&
            (!last || s->cues[cue].start == last + 1))
            last = s->cues[cue].end;
    if (!last)
        return at;
    take(s, at, last, 75);
    return last;
}

/* A word that ends as names of streets do: "Lindenstraße", "Kyrkostigen". */
static bool is_street_name(struct view word)
{
    static const struct view ends[] = {VIEW_LIT("stra\xc3\x9f"
                                                "e"),
                                       VIEW_LIT("strasse"),
                                       VIEW_LIT("str"),
                                       VIEW_LIT("gasse"),
                                       VIEW_LIT("weg"),
                                       VIEW_LIT("platz"),
                                       VIEW_LIT("allee"),
                                       VIEW_LIT("ring"),
                                       VIEW_LIT("damm"),
                                       VIEW_LIT("ufer"),
                                       VIEW_LIT("straat"),
                                       VIEW_LIT("laan"),
                                       VIEW_LIT("plein"),
                                       VIEW_LIT("gracht"),
                                       VIEW_LIT("kade"),
                                       VIEW_LIT("gatan"),
                                       VIEW_LIT("gata"),
                                       VIEW_LIT("v\xc3\xa4gen"),
                                       VIEW_LIT("stigen"),
                                       VIEW_LIT("gr\xc3\xa4nd"),
                                       VIEW_LIT("torget"),
                                       VIEW_LIT("vej"),
                                       VIEW_LIT("gade"),
                                       VIEW_LIT("veien"),
                                       VIEW_LIT("vegen"),
                                       VIEW_LIT("katu"),
                                       VIEW_LIT("tie"),
                                       VIEW_LIT("kuja"),
                                       VIEW_LIT("polku"),
                                       VIEW_LIT("singel"),
                                       VIEW_LIT("dreef"),
                                       VIEW_LIT("steeg"),
                                       VIEW_LIT("chaussee"),
                                       VIEW_LIT("markt"),
                                       VIEW_LIT("steig"),
                                       VIEW_LIT("hof"),
                                       VIEW_LIT("berg"),
                                       VIEW_LIT("all\xc3\xa9n")};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const struct view *end = &ends[i];
        if (word.n >= end->n + 3 && word.p[word.n - 1] == end->p[end->n - 1] &&
            view_eq_nocase(view_last(word, end->n), *end))
            return true;
    }
    return false;
}

/* Whether a street's name stands before the house's number at `number`. */
static bool street_before(const struct scan *s, uint32_t number)
{
    const char *p = s->doc.p;
    uint32_t end = number, start;

    while (end > 0 && number - end < 3 && strchr(" ,.", p[end - 1]))
        end--;
    for (start = end; start > 0 && end - start < MAX_STREET && is_letter(p[start - 1]);)
        start--;
    return end < number && end > start &&
           (is_street_name(view_of(p + start, end - start)) ||
            (p[end] == ' ' && start > 0 && p[start - 1] == ' ' &&
             has_kind(s, start, end, CUE_BIT(STREET))));
}

/* "Spießgasse 5", "Camino de Lisandro Pineda 74": the words stand at `at`. */
static uint32_t number_last(struct scan *s, uint32_t at, uint32_t before)
{
    const char *p = s->doc.p;
    unsigned words;
    uint32_t name = pass_blanks(p, before), end = name_end(scan_text(s), name, &words);

    if (words == 0 || (words == 1 && before == at && !is_street_name(view_of(p + at, end - at))))
        return at;
    uint32_t next = pass_blanks(p, end + (p[end] == '.')), number;
    next = pass_blanks(p, next + (p[next] == ','));
    number = house_number(p, next);
    if (number == next || number - next > 9)
        return at;
    take(s, at, number, 70);
    return number;
}

/* "Flat 89, Danny Court, South Cameron": a unit stands at `at`. */
static uint32_t unit_first(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t number = unit(s, at), name = pass_blanks(p, number + 1), end;
    unsigned words;

    if (number == at || (p[number] != ',' && p[number] != ' '))
        return at;
    end = name_end(scan_text(s), name, &words);
    if (words < 2 || !has_kind(s, name + 1, end, CUE_BIT(STREET)))
        return at;
    take(s, at, end, 75);
    return end;
}

/* Chinese and Japanese: from the province or the town to the house, without blanks. */
static uint32_t ideographs(struct scan *s, uint32_t at)
{
    static const char *const regions[] = {"\xe7\x9c\x81", "\xe5\xb8\x82", "\xe5\x8e\xbf",
                                          "\xe5\x8c\xba", "\xe7\x9c\x8c", "\xe9\x83\xbd",
                                          "\xe5\xba\x9c", "\xe7\x94\xba"};
    static const char *const streets[] = {
        "\xe8\xa1\x97", "\xe8\xb7\xaf", "\xe5\x8f\xb7", "\xe5\xba\xa7", "\xe4\xb8\x81\xe7\x9b\xae",
        "\xe7\x95\xaa", "\xe8\x99\x9f"};
    const char *p = s->doc.p;
    uint32_t end = at;
    bool region = false, street = false;

    while (end - at < 160 && is_word(p[end]))
        end++;
    struct view run = view_of(p + at, end - at);
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        region |= view_find(run, view_str(regions[i])) != VIEW_NPOS;
    for (size_t i = 0; i < sizeof(streets) / sizeof(streets[0]); i++)
        street |= view_find(run, view_str(streets[i])) != VIEW_NPOS;
    if (!region || !street || run.n < 15)
        return at;
    uint32_t code = postcode(p, pass_blanks(p, end));
    end = code > pass_blanks(p, end) ? code : end;
    scan_hit(s, at, end, DATA_ADDRESS, FINDING_CUE, 75, NULL);
    return end;
}

/* Streets whose number stands at `number`: tried from each capital before it. */
static void before_number(struct scan *s, uint32_t number)
{
    const char *p = s->doc.p;

    uint32_t from = number;

    if (!street_before(s, number))
        return;
    while (from > 0 && number - from < MAX_STREET && !is_digit(p[from - 1]) && p[from - 1] != '\n')
        from--;
    for (uint32_t at = from; at < number; at++)
        if ((is_upper(p[at]) || byte_is(p[at], BYTE_HIGH)) && !is_word(p[(int64_t)at - 1]) &&
            number_last(s, at, at) > at)
            return;
}

void detect_places(struct scan *s)
{
    const char *p = s->doc.p;

    for (uint32_t at = 0; at < s->doc.n && !s->failed;) {
        uint32_t next = at;
        if (!byte_is(p[at], BYTE_DIGIT | BYTE_HIGH)) {
            at++;
            continue;
        }
        if (!is_word(p[(int64_t)at - 1])) {
            if (is_digit(p[at])) {
                next = number_first(s, at);
                before_number(s, at);
            } else if ((unsigned char)p[at] >= 0xe3 && (unsigned char)p[at] <= 0xe9) {
                next = ideographs(s, at);
            }
        }
        at = next > at ? next : at + 1;
    }
    for (unsigned i = 0; i < s->n_cues && !s->failed; i++) {
        const struct cue *cue = &s->cues[i];
        if (cue->kinds & CUE_BIT(STREET_BEFORE))
            number_last(s, cue->start, cue->end + (p[cue->end] == '.'));
        if (cue->kinds & CUE_BIT(UNIT))
            unit_first(s, cue->start);
    }
}
