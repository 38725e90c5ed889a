/* Any bytes as a chunked body: the whole and any pieces give the same. The first byte is the seed
 * of where it is cut. */
#include "http/chunked.h"

#include "base/buf.h"
#include "base/hash.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Pieces of 1 to `max_piece` bytes. `*ret_left` is what stands behind the body. */
static enum http_chunks_result decode(struct view coded, uint64_t seed, size_t max_piece,
                                      struct buf *body, size_t *ret_left)
{
    struct http_chunks c = HTTP_CHUNKS_START;
    enum http_chunks_result result = HTTP_CHUNKS_MORE;
    struct error err = {0};

    while (coded.n && result == HTTP_CHUNKS_MORE) {
        seed = hash_mix(seed + 1);
        struct view data,
            input = view_first(coded, max_piece == SIZE_MAX ? SIZE_MAX : 1 + seed % max_piece);
        coded = view_skip(coded, input.n);
        while ((result = http_chunks_next(&c, &input, &data, &err)) == HTTP_CHUNKS_DATA) {
            check(data.n > 0);
            buf_append(body, data);
        }
        check(result != HTTP_CHUNKS_MORE || input.n == 0);
        check(result != HTTP_CHUNKS_BAD || (err.code == ERROR_BAD_HTTP && err.text[0]));
        *ret_left = input.n + coded.n;
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t max_piece[] = {1, 3, 64};

    if (size < 2)
        return 0;
    struct view coded = view_of((const char *)data + 1, size - 1);
    struct buf whole = BUF_MAX(size);
    size_t left = 0;
    enum http_chunks_result expected = decode(coded, 0, SIZE_MAX, &whole, &left);
    for (size_t i = 0; i < sizeof(max_piece) / sizeof(max_piece[0]); i++) {
        struct buf body = BUF_MAX(size);
        size_t behind = 0;
        enum http_chunks_result result = decode(coded, data[0], max_piece[i], &body, &behind);
        check(result == expected);
        check(result != HTTP_CHUNKS_END || behind == left);
        check(view_eq(buf_view(&body), buf_view(&whole)));
        buf_done(&body);
    }
    buf_done(&whole);
    return 0;
}
