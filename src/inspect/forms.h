/*
 * Text as its letters and digits alone, in lower case, with what JSON and URLs escape undone: the
 * form in which masked values are compared. Private to inspect/.
 */
#pragma once

#include "base/view.h"

enum fold_kind { FOLD_LETTER, FOLD_DIGIT, FOLD_OTHER /* a byte that is not ASCII */ };

struct fold {
    struct view rest;
    bool verbatim; /* backslashes and percent signs stand for themselves */
    bool passes_placeholders;
    /* of the byte that was taken */
    unsigned gap; /* separators before it */
    bool capital;
    enum fold_kind kind;
    /* the rest of an escaped character */
    char pending[4];
    unsigned n_pending, at_pending;
};

#define FOLD_MAX_GAP 16 /* what is farther apart is not one value */

/* The next byte, or -1 at the end (`gap` then counts what stands behind the last one). */
int fold_next_slow(struct fold *f);

static inline int fold_next(struct fold *f)
{
    static const struct {
        unsigned char lower; /* 0: not as simple as that */
        bool capital;
        unsigned char kind;
    } plain[256] = {
#define FOLD_ROW(l) [l] = {l, false, FOLD_LETTER}, [l & ~0x20] = {l, true, FOLD_LETTER}
#define FOLD_ONE(d) [d] = {d, false, FOLD_DIGIT}
        FOLD_ROW('a'), FOLD_ROW('b'), FOLD_ROW('c'), FOLD_ROW('d'), FOLD_ROW('e'), FOLD_ROW('f'),
        FOLD_ROW('g'), FOLD_ROW('h'), FOLD_ROW('i'), FOLD_ROW('j'), FOLD_ROW('k'), FOLD_ROW('l'),
        FOLD_ROW('m'), FOLD_ROW('n'), FOLD_ROW('o'), FOLD_ROW('p'), FOLD_ROW('q'), FOLD_ROW('r'),
        FOLD_ROW('s'), FOLD_ROW('t'), FOLD_ROW('u'), FOLD_ROW('v'), FOLD_ROW('w'), FOLD_ROW('x'),
        FOLD_ROW('y'), FOLD_ROW('z'), FOLD_ONE('0'), FOLD_ONE('1'), FOLD_ONE('2'), FOLD_ONE('3'),
        FOLD_ONE('4'), FOLD_ONE('5'), FOLD_ONE('6'), FOLD_ONE('7'), FOLD_ONE('8'), FOLD_ONE('9'),
#undef FOLD_ROW
#undef FOLD_ONE
    };
    unsigned char c = f->rest.n ? (unsigned char)*f->rest.p : 0;

    if (!plain[c].lower || f->at_pending < f->n_pending)
        return fold_next_slow(f);
    f->rest = view_skip(f->rest, 1);
    f->gap = 0;
    f->capital = plain[c].capital;
    f->kind = (enum fold_kind)plain[c].kind;
    return plain[c].lower;
}
