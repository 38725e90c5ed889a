#include "ledger/anchors.h"

#include "ledger/row_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 64 << 10, MAX_WRITERS = 1000000 };

struct anchor_seen *anchors_find(struct anchors *a, int64_t writer)
{
    unsigned low = 0, high = a->n;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (a->all[middle].writer < writer)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->n && a->all[low].writer == writer ? &a->all[low] : NULL;
}

static bool grow(struct anchors *a)
{
    unsigned room = a->room ? 2 * a->room : 16;
    struct anchor_seen *grown = a->n < MAX_WRITERS ? realloc(a->all, room * sizeof(*grown)) : NULL;

    if (!grown)
        return false;
    a->all = grown;
    a->room = room;
    return true;
}

static bool keep(struct anchors *a, const struct anchor_seen *seen)
{
    struct anchor_seen *known = anchors_find(a, seen->writer);

    if (known) {
        if (seen->n > known->n)
            *known = *seen;
        return true;
    }
    if (a->n == a->room && !grow(a))
        return false;
    unsigned at = a->n++;
    for (; at > 0 && a->all[at - 1].writer > seen->writer; at--)
        a->all[at] = a->all[at - 1];
    a->all[at] = *seen;
    return true;
}

static bool is_signed(const struct row *row, const struct ledger_key_ring *ring, struct buf *bytes)
{
    buf_reset(bytes);
    row_canonical(row, bytes);
    for (unsigned i = 0; i < ring->n; i++)
        if (ledger_key_verify(view_of((const char *)ring->keys[i], KEY_PUBLIC_BYTES),
                              buf_view(bytes), row_get_bytes(row, CHECKPOINT_signature)))
            return true;
    return false;
}

static bool take_line(struct anchors *a, struct view line, const struct ledger_key_ring *ring,
                      struct arena *memory, struct buf *bytes, struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct row row;

    json_begin(&r, line);
    json_object_begin(&r, &o);
    if (!json_object_next(&r, &o) || !row_take_json(&r, ROW_CHECKPOINT, memory, &row, err))
        return error_set(err, ERROR_BAD_VALUE, "is damaged");
    struct view chain = row_get_bytes(&row, CHECKPOINT_chain);
    if (chain.n != CHAIN_BYTES || !is_signed(&row, ring, bytes))
        return error_set(err, ERROR_BAD_VALUE, "is not signed by a key that was given");
    struct anchor_seen seen = {
        .writer = row_get_int(&row, CHECKPOINT_writer),
        .n = row_get_int(&row, CHECKPOINT_n),
        .seq = row_get_int(&row, CHECKPOINT_seq),
        .time_ms = row_get_int(&row, CHECKPOINT_time_ms),
    };
    memcpy(seen.chain, chain.p, CHAIN_BYTES);
    return keep(a, &seen) || error_set(err, ERROR_NO_MEMORY, "is one too many");
}

static bool take_all(struct anchors *a, FILE *f, const char *path,
                     const struct ledger_key_ring *ring, struct arena *memory, struct error *err)
{
    static char text[LINE_BYTES];
    struct buf bytes = BUF_MAX(LINE_BYTES);
    struct error why;
    bool ok = true;

    for (long long n = 1; ok && fgets(text, sizeof(text), f); n++) {
        struct view line = view_str(text);
        size_t at = view_find(line, VIEW("{\"anchor\":"));
        /* A last line without its end was being written when the copy was made. */
        if (at == VIEW_NPOS || !view_ends(line, VIEW("\n")))
            continue;
        arena_reset(memory);
        ok = take_line(a, view_skip(line, at), ring, memory, &bytes, &why) ||
             error_set(err, ERROR_BAD_VALUE, "anchor %s, line %lld %s", path, n, why.text);
    }
    buf_done(&bytes);
    return ok;
}

bool anchors_load(const char *path, const struct ledger_key_ring *ring, struct anchors *ret_anchors,
                  struct error *err)
{
    struct anchors a = {NULL};
    FILE *f = fopen(path, "re");

    if (!f)
        return error_set(err, ERROR_NOT_FOUND, "anchor %s cannot be read: %s", path,
                         strerror(errno));
    struct arena *memory = arena_new(4 * LINE_BYTES);
    bool ok = memory ? take_all(&a, f, path, ring, memory, err)
                     : error_set(err, ERROR_NO_MEMORY, "no memory to read the anchor");
    arena_free(memory);
    fclose(f);
    if (ok && a.n == 0)
        ok = error_set(err, ERROR_BAD_VALUE, "%s holds no anchor", path);
    if (ok)
        *ret_anchors = a;
    else
        anchors_done(&a);
    return ok;
}

void anchors_done(struct anchors *a)
{
    free(a->all);
    *a = (struct anchors){NULL};
}
