#include "inspect/mask_map.h"

_Static_assert(sizeof(((struct unmask *)0)->held) >= PLACEHOLDER_LONGEST_VARIANT,
               "what may be a placeholder is held back whole");

static void put_value(const struct unmask *u, const struct mask_entry *e, struct buf *out)
{
    buf_append(out, u->in_json ? e->quoted : e->spelling);
}

/* A glance, so that ordinary words are not looked at. */
static bool may_begin(const struct mask_map *m, struct view text, char before)
{
    uint8_t start = m->starts[(unsigned char)text.p[0]];

    return start == MASK_START_BRACKET ||
           (start == MASK_START_NAME && !placeholder_is_word(before) &&
            (text.n == 1 || m->seconds[(unsigned char)text.p[1]]));
}

/* Restores what is decided; returns how many bytes that were. */
static size_t restore(struct unmask *u, struct view text, bool whole, struct buf *out)
{
    const struct mask_map *m = u->map;
    size_t from = 0, at = 0;

    while (at < text.n) {
        struct placeholder p;
        char before = at ? text.p[at - 1] : u->last;
        if (!may_begin(m, view_skip(text, at), before)) {
            at++;
            continue;
        }
        enum placeholder_result result =
            placeholder_at(view_skip(text, at), before, m->classes, whole, &p);
        if (result == PLACEHOLDER_MAYBE)
            break;
        const struct mask_entry *e = result == PLACEHOLDER_YES ? mask_entry_of(m, &p) : NULL;
        if (!e) {
            at++;
            continue;
        }
        buf_append(out, view_of(text.p + from, at - from));
        put_value(u, e, out);
        from = at += p.n;
    }
    buf_append(out, view_of(text.p + from, at - from));
    if (at > 0)
        u->last = text.p[at - 1];
    return at;
}

void unmask_piece(struct unmask *u, struct view piece, struct buf *out)
{
    char window[2 * sizeof(u->held)];

    if (!u->map || u->map->n == 0) {
        buf_append(out, piece);
        return;
    }
    if (u->n_held > 0) {
        /* What is held is decided within its own size, so that the rest needs no copy. */
        struct view more = view_first(piece, sizeof(u->held));
        memcpy(window, u->held, u->n_held);
        if (more.n)
            memcpy(window + u->n_held, more.p, more.n);
        struct view joined = view_of(window, u->n_held + more.n);
        size_t done = restore(u, joined, false, out);
        if (more.n == piece.n) {
            struct view rest = view_skip(joined, done);
            memcpy(u->held, rest.p, rest.n);
            u->n_held = (unsigned)rest.n;
            return;
        }
        piece = view_skip(piece, done - u->n_held);
        u->n_held = 0;
    }
    struct view rest = view_skip(piece, restore(u, piece, false, out));
    if (rest.n)
        memcpy(u->held, rest.p, rest.n);
    u->n_held = (unsigned)rest.n;
}

void unmask_end(struct unmask *u, struct buf *out)
{
    if (u->n_held > 0)
        restore(u, view_of(u->held, u->n_held), true, out);
    u->n_held = 0;
    u->last = 0;
}
