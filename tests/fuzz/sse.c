/* Any bytes as an event stream: the whole and any pieces give the same events. The first byte is
 * the seed of where it is cut. */
#include "http/sse.h"

#include "base/hash.h"

#include <stdint.h>
#include <stdlib.h>

enum { MAX_EVENT = 600, MAX_TEXT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Each piece lies in a block of its own that is gone before the next one comes. False: too long. */
static bool read_piece(struct sse_reader *r, struct view piece, struct buf *events)
{
    char *copy = malloc(piece.n);
    struct view input = view_of(copy, piece.n);
    struct sse_event e;
    enum sse_result result;

    check(copy != NULL);
    memcpy(copy, piece.p, piece.n);
    while ((result = sse_next(r, &input, &e)) == SSE_EVENT) {
        check(!e.comment || e.data.n == 0);
        check(e.data.n <= MAX_EVENT && e.name.n <= MAX_EVENT);
        buf_printf(events, "%d %zu %zu ", e.comment, e.name.n, e.data.n);
        buf_append(events, e.name);
        buf_append(events, e.data);
    }
    check(result == SSE_TOO_LONG || input.n == 0);
    check(r->carry.cap <= (size_t)2 * MAX_EVENT);
    free(copy);
    return result == SSE_MORE;
}

static bool read_stream(struct view stream, uint64_t seed, size_t max_piece, struct buf *events,
                        bool *ret_inside)
{
    struct sse_reader r = sse_reader_new(MAX_EVENT);
    bool ok = true;

    while (stream.n && ok) {
        seed = hash_mix(seed + 1);
        struct view piece =
            view_first(stream, max_piece == SIZE_MAX ? SIZE_MAX : 1 + seed % max_piece);
        stream = view_skip(stream, piece.n);
        ok = read_piece(&r, piece, events);
    }
    *ret_inside = sse_reader_inside_event(&r);
    sse_reader_done(&r);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t max_piece[] = {1, 3, 64, 700};

    if (size < 2)
        return 0;
    struct view stream = view_of((const char *)data + 1, size - 1);
    struct buf whole = BUF_MAX(MAX_TEXT);
    bool inside;
    bool expected = read_stream(stream, 0, SIZE_MAX, &whole, &inside);
    for (size_t i = 0; i < sizeof(max_piece) / sizeof(max_piece[0]); i++) {
        struct buf events = BUF_MAX(MAX_TEXT);
        bool in;
        check(read_stream(stream, data[0], max_piece[i], &events, &in) == expected);
        check(!expected || in == inside);
        check(view_eq(buf_view(&events), buf_view(&whole)));
        buf_done(&events);
    }
    buf_done(&whole);
    return 0;
}
