/* Names where their place says so: behind a title, in a field, after "my name is". What stands in
 * running text is the tagger's. */
#include "inspect/names.h"
#include "inspect/values.h"
#include "inspect/wordlist.h"

#define MAX_ITEM 96 /* bytes of a name in a list */

static bool starts_upper(const char *p)
{
    unsigned char a = (unsigned char)p[0], b = (unsigned char)p[1];

    if (a < 0x80)
        return is_upper(p[0]);
    if (a == 0xc3)
        return b >= 0x80 && b <= 0x9e;
    if (a == 0xc4 || a == 0xc5)
        return (b & 1) == (a == 0xc5 && b >= 0xb9 && b <= 0xbe);
    return a == 0xd0 ? b >= 0x80 && b <= 0xaf : a == 0xce ? b >= 0x86 && b <= 0xab : false;
}

static uint32_t word_end(const char *p, uint32_t at)
{
    while ((is_word(p[at]) && !is_digit(p[at])) ||
           ((p[at] == '-' || p[at] == '\'') && is_word(p[at + 1]) && !is_digit(p[at + 1])))
        at++;
    return at;
}

static bool is_particle(struct view v)
{
    static const char list[] =
        "de da do dos das del della di du des la le van von der den ten ter el al "
        "bin ibn y e af av zu zur vom und van't";
    return in_wordlist(list, v);
}

/* Words with a capital that begin sentences and fields, and are no names. */
static bool is_no_name(struct view v)
{
    static const char *const by_length[] = {
        [2] = "at el et id if il in is it le lo my na no on or un we",
        [3] = "all and api are but can das der die est for gli her his how ist its las les "
              "los n/a not our per sir sql tbd the una und une was who why xml yes you",
        [4] = "date from http info json list name none null plan team test that they this "
              "true type user what when will your",
        [5] = "admin bitte could debug email error false folks group https madam nicht phone "
              "thank there these those title users where which would",
        [6] = "e-mail hiring number please should status string thanks",
        [7] = "address friends integer manager summary support unknown warning",
        [8] = "customer everyone",
        [9] = "customers everybody",
        [10] = "colleagues",
        [11] = "description",
    };
    return v.n < sizeof(by_length) / sizeof(by_length[0]) && by_length[v.n] &&
           in_wordlist(by_length[v.n], v);
}

uint32_t name_end(struct view text, uint32_t at, unsigned *ret_words)
{
    const char *p = text.p;
    uint32_t end = at, i = at;
    unsigned words = 0;

    for (unsigned n = 0; n < 7; n++) {
        uint32_t stop = word_end(p, i);
        struct view word = view_of(p + i, stop - i);
        if (word.n == 0 || is_digit(p[stop]))
            break;
        if (starts_upper(p + i)) {
            if (words == 0 && is_no_name(word))
                break;
            words++;
            end = stop;
            if (p[stop] == '.' && word.n <= 2 && p[stop + 1] == ' ')
                stop++;
        } else if (words == 0 ? !is_particle(word) || p[stop] != ' ' : !is_particle(word)) {
            break;
        }
        if (p[stop] != ' ')
            break;
        i = stop + 1;
    }
    *ret_words = words;
    return words ? end : at;
}

/* Titles that belong to a brand, a film, a book. */
static bool is_famous(struct view name)
{
    static const char list[] =
        "Dr. Who|Dr. Strange|Dr. Pepper|Dr. Martens|Dr. Seuss|Dr. Oetker|Dr. House|"
        "Mr. Robot|Mr. Bean|Mr. Clean|Mr. Potato|Mr. Spock|Mrs. Doubtfire|"
        "Ms. Marvel|Miss Universe|Dr. Watson|Dr. No|Mr. Darcy|Dr. Evil";
    for (struct view names = view_str(list); names.n > 0;)
        if (view_eq(view_cut(&names, '|'), name))
            return true;
    return false;
}

static void titled(struct scan *s, const struct cue *cue)
{
    const char *p = s->doc.p;
    uint32_t at = cue->end + (p[cue->end] == '.');
    uint32_t size = cue->end - cue->start;
    bool title = starts_upper(p + cue->start) && size <= 10;   /* else it names a role */
    bool field = size > 4 && p[at] == ':' && p[at + 1] == ' '; /* "Employee: Jane Doe" */
    unsigned words;

    at += field;
    if (p[at] != ' ' || (size == 1 && p[cue->end] != '.') || (!title && size < 3))
        return;
    uint32_t end = name_end(scan_text(s), at + 1, &words);
    bool role = size > 4 || !title;
    if (words > role && end - at > 3 && !is_famous(view_of(p + cue->start, end - cue->start)))
        scan_hit(s, at + 1, end, DATA_PERSON, FINDING_CUE, 80, NULL);
}

static bool says_is(struct view cue)
{
    static const struct view ends[] = {
        VIEW_LIT(" is"),    VIEW_LIT(" am"),   VIEW_LIT(" ist"),    VIEW_LIT("heise"),
        VIEW_LIT("heisse"), VIEW_LIT("heiße"), VIEW_LIT("appelle"), VIEW_LIT(" est"),
        VIEW_LIT("llamo"),  VIEW_LIT(" es"),   VIEW_LIT("soy"),     VIEW_LIT("chiamo"),
        VIEW_LIT("heet"),   VIEW_LIT("heter"), VIEW_LIT("hedder"),  VIEW_LIT("chamo"),
        VIEW_LIT(" sie"),   VIEW_LIT("się"),   VIEW_LIT(" to"),     VIEW_LIT("i'm"),
        VIEW_LIT("sou"),    VIEW_LIT("sono"),  VIEW_LIT(" bin"),    VIEW_LIT(" suis"),
        VIEW_LIT(" ben"),   VIEW_LIT("tem"),   VIEW_LIT(" är"),     VIEW_LIT(" er"),
        VIEW_LIT("signé"),  VIEW_LIT("signée")};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (cue.n >= ends[i].n && view_eq_nocase(view_last(cue, ends[i].n), ends[i]))
            return true;
    return false;
}

/* Fields that hold names of persons, where others ("name", "owner") may hold any. */
static bool is_personal(struct view cue)
{
    static const char *const parts[] = {
        "first",         "last",     "given",       "surname",    "family",    "patient",
        "holder",        "vorname",  "nachname",    "cognome",    "apellido",  "prenom",
        "pr\xc3\xa9nom", "voornaam", "achternaam",  "nazwisko",   "fornavn",   "efternamn",
        "full",          "maiden",   "kin",         "guardian",   "attending", "author",
        "assignee",      "reporter", "beneficiary", "cardholder", "passenger", "tenant",
        "applicant",     "speaker",  "owner"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (view_find_nocase(cue, view_str(parts[i])) != VIEW_NPOS)
            return true;
    return false;
}

/* Who is named right behind such a word, also without a sign. */
static bool is_holder(struct view cue)
{
    static const char *const parts[] = {"holder",     "kin",       "guardian",  "beneficiary",
                                        "prescriber", "recipient", "applicant", "tenant",
                                        "first name", "last name", "vorname",   "nachname",
                                        "insured",    "claimant",  "full name"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (view_find_nocase(cue, view_str(parts[i])) != VIEW_NPOS)
            return true;
    return false;
}

/* "owner: karen.snow": an account's name in the place of a person's. */
static void account(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t end = at;
    bool mark = false;

    for (; byte_is(p[end], BYTE_LOWER | BYTE_DIGIT) ||
           (end > at && strchr("._-", p[end]) && p[end] && is_alnum(p[end + 1]));
         end++)
        mark |= !byte_is(p[end], BYTE_LOWER);
    if (mark && end - at >= 5 && end - at <= 40 && byte_is(p[at], BYTE_LOWER) && !is_word(p[end]) &&
        p[end] != '@' && p[end] != '(')
        scan_hit(s, at, end, DATA_USERNAME, FINDING_CUE, 65, NULL);
}

/* Whether just these bytes say what stands behind them: "Ada Miller, MRN 482". */
static bool is_cue(const struct scan *s, uint32_t start, uint32_t end)
{
    unsigned i = scan_cue_from(s, start);
    return i < s->n_cues && s->cues[i].start == start && s->cues[i].end == end;
}

/* Whether a semicolon stands in the line, not far off. */
static bool is_list(const char *p)
{
    unsigned n = 0;

    while (n < MAX_ITEM && p[n] && p[n] != ';' && p[n] != '\n')
        n++;
    return p[n] == ';';
}

/* "Ruiz, Ana" where it is one of several parted by semicolons: where it ends, else `end`. */
static uint32_t family_first(const struct scan *s, uint32_t end, bool several)
{
    const char *p = s->doc.p;
    unsigned words;

    if (!several || p[end] != ',' || p[end + 1] != ' ')
        return end;
    uint32_t given = name_end(scan_text(s), end + 2, &words);
    bool last = p[given] == ';' || p[given] == '\n' || p[given] == '\0';
    return words > 0 && words <= 3 && last ? given : end;
}

/* The rest of a list: "Ana Ruiz, J. Ortiz and Lee, Min; Knight, Anthony". */
static void more_names(struct scan *s, uint32_t at, bool several)
{
    static const char *const joints[] = {", and ", ", ",   "; ",  " and ",
                                         " und ",  " et ", " y ", " & "};
    const char *p = s->doc.p;

    for (unsigned n = 0; n < 32; n++) {
        unsigned words = 0;
        uint32_t next = at, end;
        for (size_t i = 0; i < sizeof(joints) / sizeof(joints[0]) && next == at; i++)
            if (strncmp(p + at, joints[i], strlen(joints[i])) == 0)
                next = at + (uint32_t)strlen(joints[i]);
        end = name_end(scan_text(s), next, &words);
        end = words ? family_first(s, end, several) : end;
        if (next == at || words == 0 || end - next < 3 || is_cue(s, next, end))
            return;
        scan_hit(s, next, end, DATA_PERSON, FINDING_CUE, 65, NULL);
        at = end;
    }
}

/* "Best,\nYui Yamashita": where the name below a letter begins, or `at`. */
static uint32_t below_letter(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t next = at + (p[at] == ',' || p[at] == '!');

    if (p[next] == '\r')
        next++;
    if (p[next] != '\n')
        return at;
    while (p[next] == '\n' && next - at < 4)
        next++;
    return next;
}

/* "this is Anna." and not "this is Unix-specific code": one word must end the clause, and have
 * small letters. */
static bool introduces(struct view text, uint32_t at, struct view cue)
{
    static const char any[] = "sou sono bin suis ben jestem är er soussigné soussignée";
    unsigned words;
    uint32_t end = name_end(text, at, &words);
    const char *p = text.p;
    struct view verb = cue;

    for (struct view left = cue; left.n > 0;)
        verb = view_cut(&left, ' ');
    if (words != 1 || in_wordlist(any, verb)) /* "ich bin Berliner" */
        return words > 1;
    return byte_is(p[at + 1], BYTE_LOWER | BYTE_HIGH) &&
           (strchr(",.!;\n)\"", p[end]) != NULL || strncmp(p + end, " and ", 5) == 0 ||
            strncmp(p + end, " from ", 6) == 0 || strncmp(p + end, " und ", 5) == 0);
}

static void named(struct scan *s, const struct cue *cue)
{
    struct view word = view_of(s->doc.p + cue->start, cue->end - cue->start);
    bool says = says_is(word), personal = is_personal(word);
    unsigned words;
    char sign = 0;
    uint32_t at = says ? cue->end + (s->doc.p[cue->end] == ' ') : value_start(s, cue->end, &sign);

    uint32_t letter = below_letter(s, cue->end);
    if (letter > cue->end && !says && !personal) {
        uint32_t stop = name_end(scan_text(s), letter, &words);
        if (words > 0 && words < 5 && (s->doc.p[stop] == '\n' || s->doc.p[stop] == '\0'))
            scan_hit(s, letter, stop, DATA_PERSON, FINDING_CUE, 70, NULL);
        return;
    }
    bool signed_field = sign && strchr(":=\"", sign);
    if (!says && !signed_field && !is_holder(word))
        return;
    personal &= signed_field;
    if (says && !introduces(scan_text(s), at, word))
        return;
    uint32_t end = name_end(scan_text(s), at, &words);
    if (words == 0 && !says && personal)
        account(s, at);
    bool several = sign == ':' && is_list(s->doc.p + at);
    uint32_t whole = words ? family_first(s, end, several) : end;
    words += whole > end;
    if (words >= (says || personal ? 1 : 2) && whole - at > 2) {
        scan_hit(s, at, whole, DATA_PERSON, FINDING_CUE, says || personal ? 80 : 65, NULL);
        if (sign == ':')
            more_names(s, whole, several);
    }
}

void detect_persons(struct scan *s)
{
    for (unsigned i = 0; i < s->n_cues && !s->failed; i++) {
        if (s->cues[i].kinds & CUE_BIT(HONORIFIC))
            titled(s, &s->cues[i]);
        if (s->cues[i].kinds & CUE_BIT(NAME))
            named(s, &s->cues[i]);
    }
}
