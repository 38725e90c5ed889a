#include "inspect/forms.h"

#include "base/utf8.h"
#include "inspect/placeholder.h"

static int hex_digit(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` hex digits at text[0]; -1: there are not that many. */
static int hex_number(struct view text, size_t n)
{
    int number = 0;

    for (size_t i = 0; i < n; i++) {
        int digit = i < text.n ? hex_digit(text.p[i]) : -1;
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

/* "u00e9" behind its backslashes; a pair of surrogates whole. 0: no such thing. */
static uint32_t take_code(struct fold *f)
{
    int code = f->rest.n && *f->rest.p == 'u' ? hex_number(view_skip(f->rest, 1), 4) : -1;

    if (code < 0)
        return 0;
    f->rest = view_skip(f->rest, 5);
    if (code < 0xd800 || code >= 0xe000)
        return (uint32_t)code;
    struct view next = f->rest;
    while (next.n && *next.p == '\\')
        next = view_skip(next, 1);
    int low = next.n && *next.p == 'u' ? hex_number(view_skip(next, 1), 4) : -1;
    if (low < 0xdc00 || low >= 0xe000)
        return 0xfffd;
    f->rest = view_skip(next, 5);
    return 0x10000 + (((uint32_t)code & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
}

/* Behind a backslash: the byte that the escape stands for, 0 for a separator. */
static unsigned char take_escape(struct fold *f)
{
    while (f->rest.n && *f->rest.p == '\\')
        f->rest = view_skip(f->rest, 1);
    if (f->rest.n && memchr("ntrbf", *f->rest.p, 5)) {
        f->rest = view_skip(f->rest, 1);
        return 0;
    }
    uint32_t code = take_code(f);
    if (code < 0x80)
        return (unsigned char)code;
    f->n_pending = (unsigned)utf8_put(f->pending, code);
    f->at_pending = 1;
    return (unsigned char)f->pending[0];
}

/* Takes one byte of text, escapes undone; 0 for what only separates. */
static unsigned char take_byte(struct fold *f)
{
    struct placeholder p;
    char c;

    if (f->at_pending < f->n_pending)
        return (unsigned char)f->pending[f->at_pending++];
    c = *f->rest.p;
    if (c == '<' && f->passes_placeholders && placeholder_is_own(f->rest, &p)) {
        f->rest = view_skip(f->rest, p.n);
        f->gap = FOLD_MAX_GAP;
        return 0;
    }
    f->rest = view_skip(f->rest, 1);
    if (f->verbatim || (c != '\\' && c != '%'))
        return (unsigned char)c;
    if (c == '\\')
        return take_escape(f);
    int byte = hex_number(f->rest, 2);
    if (byte < 0)
        return 0;
    f->rest = view_skip(f->rest, 2);
    return (unsigned char)byte;
}

/* Blanks, hyphens and joiners that are not ASCII. `first` was taken. */
static bool is_wide_space(struct fold *f, unsigned char first)
{
    struct view rest = f->at_pending < f->n_pending
                           ? view_of(f->pending + f->at_pending, f->n_pending - f->at_pending)
                           : f->rest;
    size_t n = 0;

    if (first == 0xc2 && rest.n >= 1 && (rest.p[0] == '\xa0' || rest.p[0] == '\xad'))
        n = 1; /* U+00A0, U+00AD */
    else if (first == 0xe2 && rest.n >= 2 && (rest.p[0] == '\x80' || rest.p[0] == '\x81'))
        n = 2; /* U+2000 to U+207F: general punctuation */
    else if (first == 0xe3 && rest.n >= 2 && rest.p[0] == '\x80' && rest.p[1] == '\x80')
        n = 2; /* U+3000 */
    if (f->at_pending < f->n_pending)
        f->at_pending += (unsigned)n;
    else
        f->rest = view_skip(f->rest, n);
    return n > 0;
}

int fold_next_slow(struct fold *f)
{
    f->gap = 0;
    while (f->rest.n || f->at_pending < f->n_pending) {
        bool begins = f->at_pending >= f->n_pending;
        unsigned char c = take_byte(f), lower = (unsigned char)ascii_lower((char)c);
        f->capital = lower != c;
        f->kind = c >= 0x80 ? FOLD_OTHER : c >= '0' && c <= '9' ? FOLD_DIGIT : FOLD_LETTER;
        bool letter = lower >= 'a' && lower <= 'z';
        if (f->kind == FOLD_OTHER ? !begins || !is_wide_space(f, c)
                                  : letter || f->kind == FOLD_DIGIT)
            return lower;
        f->gap++;
    }
    return -1;
}
