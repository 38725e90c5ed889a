#include "inspect/pattern_parts.h"

#include <stdlib.h>

#define MAX_DEPTH  32
#define MAX_REPEAT 256
#define MAX_SETS   512
#define MAX_WORK   (16 * PATTERN_MAX_STATES)

struct compiler {
    struct pattern *pattern;
    const char *start, *at, *end;
    unsigned depth;
    unsigned work; /* states made, those that a repetition made anew counted each time */
    bool any_case;
    struct error *err;
};

static bool refuse(struct compiler *c, const char *why)
{
    error_set(c->err, ERROR_BAD_VALUE, "the pattern '%.*s' %s, at its byte %d",
              (int)(c->end - c->start), c->start, why, (int)(c->at - c->start) + 1);
    return error_hint(c->err, "patterns are matched in linear time: no look-around, no references");
}

static bool emit(struct compiler *c, enum pattern_op op, unsigned x, unsigned y)
{
    struct pattern *p = c->pattern;

    if (p->n == PATTERN_MAX_STATES || ++c->work > MAX_WORK)
        return refuse(c, "is too large");
    p->states[p->n++] = (struct pattern_state){(uint8_t)op, (uint16_t)x, (uint16_t)y};
    return true;
}

static void set_add(uint32_t set[8], unsigned char from, unsigned char to)
{
    for (unsigned b = from; b <= to; b++)
        set[b >> 5] |= UINT32_C(1) << (b & 31);
}

static void set_flip(uint32_t set[8])
{
    for (unsigned i = 0; i < 8; i++)
        set[i] = ~set[i];
}

static bool emit_set(struct compiler *c, uint32_t set[8])
{
    struct pattern *p = c->pattern;

    for (unsigned char b = 'a'; c->any_case && b <= 'z'; b++) {
        unsigned char upper = (unsigned char)(b - 32);
        if (pattern_set_has(set, b) || pattern_set_has(set, upper)) {
            set_add(set, b, b);
            set_add(set, upper, upper);
        }
    }
    for (unsigned i = 0; i < p->n_sets; i++)
        if (memcmp(p->sets[i], set, sizeof(p->sets[i])) == 0)
            return emit(c, PATTERN_SET, i, 0);
    if (p->n_sets == MAX_SETS)
        return refuse(c, "is too large");
    memcpy(p->sets[p->n_sets++], set, sizeof(p->sets[0]));
    return emit(c, PATTERN_SET, p->n_sets - 1, 0);
}

/* \d and its like. */
static bool add_class(uint32_t set[8], char name)
{
    uint32_t bytes[8] = {0};

    switch (name | 0x20) {
    case 'd':
        set_add(bytes, '0', '9');
        break;
    case 'w':
        set_add(bytes, '0', '9');
        set_add(bytes, 'a', 'z');
        set_add(bytes, 'A', 'Z');
        set_add(bytes, '_', '_');
        break;
    case 's':
        set_add(bytes, '\t', '\r');
        set_add(bytes, ' ', ' ');
        break;
    default:
        return false;
    }
    if (name < 'a')
        set_flip(bytes);
    for (unsigned i = 0; i < 8; i++)
        set[i] |= bytes[i];
    return true;
}

/* The byte that an escape stands for; the backslash is passed. */
static bool escaped(struct compiler *c, unsigned char *ret_byte)
{
    static const char names[] = "ntrfv", bytes[] = "\n\t\r\f\v";
    const char *name;

    if (c->at == c->end)
        return refuse(c, "ends in a backslash");
    char e = *c->at++;
    if ((name = strchr(names, e)) && e)
        *ret_byte = (unsigned char)bytes[name - names];
    else if ((e >= '0' && e <= '9') || (ascii_lower(e) >= 'a' && ascii_lower(e) <= 'z'))
        return refuse(c, "has an escape that is not known");
    else
        *ret_byte = (unsigned char)e;
    return true;
}

static bool bracket(struct compiler *c)
{
    uint32_t set[8] = {0};
    bool flip = c->at < c->end && *c->at == '^';

    c->at += flip;
    for (bool first = true; c->at < c->end && (first || *c->at != ']'); first = false) {
        unsigned char from = (unsigned char)*c->at++, to;
        if (from == '\\') {
            if (c->at < c->end && add_class(set, *c->at)) {
                c->at++;
                continue;
            }
            if (!escaped(c, &from))
                return false;
        }
        to = from;
        if (c->end - c->at >= 2 && c->at[0] == '-' && c->at[1] != ']') {
            to = (unsigned char)c->at[1];
            c->at += 2;
            if (to == '\\' && !escaped(c, &to))
                return false;
        }
        if (to < from)
            return refuse(c, "has a range that runs backwards");
        set_add(set, from, to);
    }
    if (c->at == c->end)
        return refuse(c, "lacks a ]");
    c->at++;
    if (flip)
        set_flip(set);
    return emit_set(c, set);
}

static bool alternatives(struct compiler *c);

static bool group(struct compiler *c)
{
    if (c->at < c->end && *c->at == '?') {
        if (c->end - c->at < 2 || c->at[1] != ':')
            return refuse(c, "has a kind of group that is not known");
        c->at += 2;
    }
    if (++c->depth > MAX_DEPTH)
        return refuse(c, "is nested too deep");
    if (!alternatives(c))
        return false;
    c->depth--;
    if (c->at == c->end)
        return refuse(c, "lacks a )");
    c->at++;
    return true;
}

static bool one_byte(struct compiler *c, unsigned char byte)
{
    uint32_t set[8] = {0};

    set_add(set, byte, byte);
    return emit_set(c, set);
}

static bool atom(struct compiler *c)
{
    uint32_t set[8] = {0};
    unsigned char byte = (unsigned char)*c->at++;

    switch (byte) {
    case '(':
        return group(c);
    case '[':
        return bracket(c);
    case '.':
        set_add(set, '\n', '\n');
        set_flip(set);
        return emit_set(c, set);
    case '^':
        return emit(c, PATTERN_BEGIN, 0, 0);
    case '$':
        return emit(c, PATTERN_END, 0, 0);
    case '*':
    case '+':
    case '?':
        return refuse(c, "repeats nothing");
    case '\\':
        if (c->at < c->end && (*c->at | 0x20) == 'b')
            return emit(c, *c->at++ == 'b' ? PATTERN_BORDER : PATTERN_NO_BORDER, 0, 0);
        if (c->at < c->end && add_class(set, *c->at)) {
            c->at++;
            return emit_set(c, set);
        }
        return escaped(c, &byte) && one_byte(c, byte);
    default:
        return one_byte(c, byte);
    }
}

/* "{2,4}", "{3}", "{2,}"; `ret_most` 0: any number. False: these are plain bytes. */
static bool counts(struct compiler *c, unsigned *ret_least, unsigned *ret_most)
{
    const char *at = c->at + 1;
    unsigned numbers[2] = {0}, i = 0, digits = 0;

    for (; at < c->end && *at != '}'; at++) {
        if (*at == ',' && i == 0 && digits > 0) {
            i = 1;
            digits = 0;
        } else if (*at >= '0' && *at <= '9' && digits++ < 4) {
            numbers[i] = numbers[i] * 10 + (unsigned)(*at - '0');
        } else {
            return false;
        }
    }
    if (at == c->end || (i == 0 && digits == 0))
        return false;
    c->at = at + 1;
    *ret_least = numbers[0];
    *ret_most = i == 0 ? numbers[0] : digits ? numbers[1] : 0;
    return true;
}

/* The atom between `from` and `to` once more. */
static bool again(struct compiler *c, const char *from)
{
    const char *at = c->at;
    bool ok;

    c->at = from;
    ok = atom(c);
    c->at = at;
    return ok;
}

/* What was emitted from `first` on, as often as wanted. */
static bool repeat(struct compiler *c, const char *from, unsigned first, unsigned least,
                   unsigned most)
{
    struct pattern *p = c->pattern;

    if (least > MAX_REPEAT || most > MAX_REPEAT || (most && most < least))
        return refuse(c, "repeats too often");
    p->n = first;
    for (unsigned i = 0; i < least; i++)
        if (!again(c, from))
            return false;
    if (most == 0) {
        unsigned split = p->n;
        if (!emit(c, PATTERN_SPLIT, split + 1, 0) || !again(c, from) ||
            !emit(c, PATTERN_JUMP, split, 0))
            return false;
        p->states[split].y = (uint16_t)p->n;
        return true;
    }
    for (unsigned i = least; i < most; i++) {
        unsigned split = p->n;
        if (!emit(c, PATTERN_SPLIT, split + 1, 0) || !again(c, from))
            return false;
        p->states[split].y = (uint16_t)p->n;
    }
    return true;
}

static bool sequence(struct compiler *c)
{
    while (c->at < c->end && *c->at != '|' && *c->at != ')') {
        const char *from = c->at;
        unsigned first = c->pattern->n, least, most;
        if (!atom(c))
            return false;
        char sign = c->at < c->end ? *c->at : 0;
        if (sign == '*' || sign == '+' || sign == '?') {
            c->at++;
            if (!repeat(c, from, first, sign == '+', sign == '?'))
                return false;
        } else if (sign == '{' && counts(c, &least, &most)) {
            if (!repeat(c, from, first, least, most))
                return false;
        } else {
            continue;
        }
        c->at += c->at < c->end && *c->at == '?'; /* lazy: the same text is found */
    }
    return true;
}

static bool alternatives(struct compiler *c)
{
    struct pattern *p = c->pattern;
    unsigned last_jump = UINT16_MAX; /* the jumps to the end, linked through x */

    for (;;) {
        const char *from = c->at;
        unsigned first = p->n;
        if (!sequence(c))
            return false;
        if (c->at == c->end || *c->at != '|')
            break;
        p->n = first;
        const char *bar = c->at;
        c->at = from;
        if (!emit(c, PATTERN_SPLIT, first + 1, 0) || !sequence(c) ||
            !emit(c, PATTERN_JUMP, last_jump, 0))
            return false;
        last_jump = p->n - 1;
        p->states[first].y = (uint16_t)p->n;
        c->at = bar + 1;
    }
    while (last_jump != UINT16_MAX) {
        unsigned next = p->states[last_jump].x;
        p->states[last_jump].x = (uint16_t)p->n;
        last_jump = next;
    }
    return true;
}

/* Bytes that lead on from the first state; false: the expression matches nothing at all. */
static bool find_first(struct pattern *p)
{
    bool *seen = calloc(p->n, sizeof(*seen));
    uint16_t *stack = calloc(p->n * 2 + 2, sizeof(*stack));
    unsigned depth = 0;
    bool bytes = seen && stack;

    if (bytes)
        stack[depth++] = 0;
    while (bytes && depth > 0) {
        unsigned i = stack[--depth];
        const struct pattern_state *state = &p->states[i];
        if (seen[i])
            continue;
        seen[i] = true;
        if (state->op == PATTERN_MATCH)
            bytes = false;
        else if (state->op == PATTERN_SET)
            for (unsigned k = 0; k < 8; k++)
                p->first[k] |= p->sets[state->x][k];
        else if (state->op == PATTERN_JUMP || state->op == PATTERN_SPLIT)
            stack[depth++] = state->x;
        else
            stack[depth++] = (uint16_t)(i + 1);
        if (state->op == PATTERN_SPLIT)
            stack[depth++] = state->y;
    }
    free(seen);
    free(stack);
    return bytes;
}

struct pattern *pattern_new(struct view expression, struct error *err)
{
    struct pattern *p = calloc(1, sizeof(*p));
    struct compiler c = {.pattern = p,
                         .start = expression.p,
                         .at = expression.p,
                         .end = expression.p + expression.n,
                         .err = err};
    bool ok = p && (p->states = calloc(PATTERN_MAX_STATES, sizeof(*p->states))) &&
              (p->sets = calloc(MAX_SETS, sizeof(*p->sets)));

    if (!ok)
        error_set(err, ERROR_NO_MEMORY, "no memory for a pattern");
    else if (expression.n == 0 || expression.n > PATTERN_MAX)
        ok = error_set(err, ERROR_BAD_VALUE, "a pattern has 1 to %d bytes", PATTERN_MAX);
    if (ok && view_starts(expression, VIEW("(?i)"))) {
        c.any_case = true;
        c.at += 4;
    }
    ok = ok && alternatives(&c) && (c.at == c.end || refuse(&c, "has a ) too many")) &&
         emit(&c, PATTERN_MATCH, 0, 0) && (find_first(p) || refuse(&c, "matches the empty text"));
    if (ok)
        return p;
    pattern_free(p);
    return NULL;
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    free(p->states);
    free(p->sets);
    free(p);
}
