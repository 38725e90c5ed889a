#include "inspect/placeholder.h"

enum {
    MAX_DIGITS = 5,
    MAX_BACKSLASHES = 2, /* \_ in Markdown, \\_ once more in JSON */
};

/* What stands between the words of a name. */
enum spacing {
    SPACING_OWN,    /* _ */
    SPACING_STRICT, /* also with backslashes before it */
    SPACING_LOOSE,  /* also a blank or a hyphen, and nothing before the number */
};

struct cursor {
    const char *at, *end;
    bool ran_out; /* a byte behind the end was asked for */
};

static int peek(struct cursor *c)
{
    if (c->at < c->end)
        return (unsigned char)*c->at;
    c->ran_out = true;
    return -1;
}

static bool take(struct cursor *c, char wanted)
{
    bool found = peek(c) == (unsigned char)wanted;

    c->at += found;
    return found;
}

/* `word` is lower case; nothing is taken when it is not there. */
static bool take_word(struct cursor *c, const char *word)
{
    const char *from = c->at;

    for (; *word; word++, c->at++) {
        int byte = peek(c);
        if (byte < 0 || ascii_lower((char)byte) != *word) {
            c->at = from;
            return false;
        }
    }
    return true;
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool take_space(struct cursor *c, enum spacing spacing)
{
    const char *from = c->at;

    if (spacing == SPACING_LOOSE && (take(c, ' ') || take(c, '-')))
        return true;
    for (int i = 0; spacing != SPACING_OWN && i < MAX_BACKSLASHES && take(c, '\\'); i++)
        ;
    if (take(c, '_'))
        return true;
    c->at = from;
    return false;
}

static bool take_name(struct cursor *c, enum data_class class, enum spacing spacing)
{
    const char *from = c->at;

    for (const char *name = data_class_name(class); *name; name++) {
        int byte = *name == '_' ? 0 : peek(c);
        bool same =
            byte == *name || (byte > 0 && spacing != SPACING_OWN && (byte & ~0x20) == *name);
        if (*name == '_' ? !take_space(c, spacing) : !same) {
            c->at = from;
            return false;
        }
        c->at += *name != '_';
    }
    return true;
}

/* A class's name and what joins it to its number. */
static bool take_class(struct cursor *c, uint32_t classes, enum spacing spacing,
                       enum data_class *ret_class)
{
    for (uint32_t left = classes; left; left &= left - 1) {
        enum data_class class = (enum data_class)__builtin_ctz(left);
        if (take_name(c, class, spacing)) {
            *ret_class = class;
            return take_space(c, spacing) || spacing == SPACING_LOOSE;
        }
    }
    return false;
}

static bool take_number(struct cursor *c, unsigned *ret_number)
{
    unsigned number = 0;
    int digits = 0;

    for (int byte; is_digit(byte = peek(c)); c->at++)
        if ((number == 0 && byte == '0') || ++digits > MAX_DIGITS)
            return false;
        else
            number = number * 10 + (unsigned)(byte - '0');
    *ret_number = number;
    return number > 0 && number <= PLACEHOLDER_MAX_NUMBER;
}

/* Brackets come in pairs of one kind: what stands before Weir's own <PERSON_1> is the user's. */
static bool take_bracketed(struct cursor *c, uint32_t classes, struct placeholder *ret)
{
    static const struct {
        const char *open, *close;
    } pairs[] = {{"<", ">"}, {"&lt;", "&gt;"}, {"\\<", "\\>"}, {"\\u003c", "\\u003e"}};
    size_t i = 0, n = sizeof(pairs) / sizeof(pairs[0]);

    while (i < n && !take_word(c, pairs[i].open))
        i++;
    if (i == n)
        return false;
    take(c, ' ');
    if (!take_class(c, classes, SPACING_LOOSE, &ret->class) || !take_number(c, &ret->number))
        return false;
    take(c, ' ');
    return take_word(c, pairs[i].close) || (i == 0 && take_word(c, "/>"));
}

static bool take_bare(struct cursor *c, uint32_t classes, struct placeholder *ret)
{
    if (!take_class(c, classes, SPACING_STRICT, &ret->class) || !take_number(c, &ret->number))
        return false;
    int next = peek(c);
    return next < 0 || !placeholder_is_word((char)next);
}

enum placeholder_result placeholder_at(struct view text, char before, uint32_t classes, bool whole,
                                       struct placeholder *ret)
{
    struct cursor c = {.at = text.p, .end = text.p + text.n};
    struct placeholder found = {0};
    bool bracket = text.n && (*text.p == '<' || *text.p == '&' || *text.p == '\\');
    bool yes = bracket ? take_bracketed(&c, classes, &found)
                       : !placeholder_is_word(before) && take_bare(&c, classes, &found);

    if (c.ran_out && !whole)
        return PLACEHOLDER_MAYBE;
    if (!yes)
        return PLACEHOLDER_NO;
    found.n = (size_t)(c.at - text.p);
    *ret = found;
    return PLACEHOLDER_YES;
}

bool placeholder_is_own(struct view text, struct placeholder *ret)
{
    struct cursor c = {.at = text.p, .end = text.p + text.n};
    struct placeholder found;

    if (!take(&c, '<') || !take_class(&c, ~UINT32_C(0), SPACING_OWN, &found.class) ||
        !take_number(&c, &found.number) || !take(&c, '>'))
        return false;
    found.n = (size_t)(c.at - text.p);
    *ret = found;
    return true;
}

struct view placeholder_like(struct view text)
{
    struct cursor c = {.at = text.p, .end = text.p + text.n};
    enum data_class class;

    if (!take_class(&c, ~UINT32_C(0), SPACING_LOOSE, &class))
        return VIEW_NONE;
    const char *digits = c.at;
    while (is_digit(peek(&c)))
        c.at++;
    return view_of(digits, (size_t)(c.at - digits));
}

size_t placeholder_write(char to[PLACEHOLDER_LONGEST], enum data_class class, unsigned number)
{
    struct view name = view_str(data_class_name(class));
    char digits[MAX_DIGITS];
    size_t n = 0, at = 0;

    to[at++] = '<';
    memcpy(to + at, name.p, name.n);
    at += name.n;
    to[at++] = '_';
    do
        digits[n++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (n > 0)
        to[at++] = digits[--n];
    to[at++] = '>';
    return at;
}
