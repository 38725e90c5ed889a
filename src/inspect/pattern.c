/* Running a pattern: all its states side by side, one byte after the other. */
#include "inspect/pattern_parts.h"

struct thread {
    uint16_t state;
    size_t start; /* where its match would begin */
};

struct threads {
    struct thread *all;
    unsigned n;
};

struct pattern_search {
    const struct pattern *pattern;
    struct threads now, next;
    uint16_t *stack;
    uint32_t *marks; /* of states: the round in which each was added */
    uint32_t round;
};

struct pattern_search *pattern_search_new(const struct pattern *pattern, struct arena *a)
{
    struct pattern_search *s = arena_new_of(a, struct pattern_search);

    if (!s)
        return NULL;
    s->pattern = pattern;
    s->now.all = arena_new_array(a, struct thread, pattern->n);
    s->next.all = arena_new_array(a, struct thread, pattern->n);
    s->stack = arena_new_array(a, uint16_t, pattern->n * 2 + 2);
    s->marks = arena_new_array(a, uint32_t, pattern->n);
    return s->now.all && s->next.all && s->stack && s->marks ? s : NULL;
}

static bool is_word_byte(struct view text, size_t at)
{
    char low = at < text.n ? ascii_lower(text.p[at]) : 0;
    return (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') || low == '_' ||
           (signed char)low < 0;
}

static bool holds(enum pattern_op op, struct view text, size_t at)
{
    bool border = (at > 0 && is_word_byte(text, at - 1)) != is_word_byte(text, at);

    switch ((int)op) {
    case PATTERN_BEGIN:
        return at == 0 || text.p[at - 1] == '\n';
    case PATTERN_END:
        return at == text.n || text.p[at] == '\n';
    case PATTERN_BORDER:
        return border;
    default:
        return !border;
    }
}

/* A state and all that it leads to without a byte. Returns true when that is a match. */
static bool add(struct pattern_search *s, struct threads *list, unsigned state, size_t start,
                struct view text, size_t at)
{
    unsigned depth = 0;
    bool match = false;

    s->stack[depth++] = (uint16_t)state;
    while (depth > 0) {
        unsigned i = s->stack[--depth];
        const struct pattern_state *p = &s->pattern->states[i];
        if (s->marks[i] == s->round)
            continue;
        s->marks[i] = s->round;
        if (p->op == PATTERN_SET) {
            list->all[list->n++] = (struct thread){(uint16_t)i, start};
        } else if (p->op == PATTERN_MATCH) {
            match = true;
        } else if (p->op == PATTERN_SPLIT || p->op == PATTERN_JUMP) {
            s->stack[depth++] = p->x;
            if (p->op == PATTERN_SPLIT)
                s->stack[depth++] = p->y;
        } else if (holds(p->op, text, at)) {
            s->stack[depth++] = (uint16_t)(i + 1);
        }
    }
    return match;
}

static void next_round(struct pattern_search *s)
{
    if (++s->round == 0) {
        memset(s->marks, 0, s->pattern->n * sizeof(*s->marks));
        s->round = 1;
    }
}

bool pattern_find(struct pattern_search *s, struct view text, size_t from, size_t *ret_start,
                  size_t *ret_end)
{
    const struct pattern *p = s->pattern;
    bool found = false;
    size_t start = 0, end = 0;

    s->now.n = 0;
    next_round(s);
    for (size_t at = from; at < text.n; at++) {
        unsigned char c = (unsigned char)text.p[at];
        if (!found && pattern_set_has(p->first, c))
            add(s, &s->now, 0, at, text, at); /* behind the earlier ones, which come first */
        if (s->now.n == 0) {
            if (found)
                break;
            next_round(s);
            continue;
        }
        next_round(s);
        s->next.n = 0;
        for (unsigned i = 0; i < s->now.n; i++) {
            struct thread *t = &s->now.all[i];
            if ((found && t->start > start) || !pattern_set_has(p->sets[p->states[t->state].x], c))
                continue;
            if (add(s, &s->next, t->state + 1U, t->start, text, at + 1) &&
                (!found || t->start <= start)) {
                found = true;
                start = t->start;
                end = at + 1;
            }
        }
        struct threads swap = s->now;
        s->now = s->next;
        s->next = swap;
    }
    if (found) {
        *ret_start = start;
        *ret_end = end;
    }
    return found;
}
