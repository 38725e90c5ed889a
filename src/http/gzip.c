#include "http/gzip.h"

#include "run/task.h"

#include <zlib.h>

enum { STEP_BYTES = 64 * 1024, GZIP_WINDOW = 15 + 16 };

bool gzip_decode(struct view packed, struct buf *out, struct error *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    int state = Z_OK;
    bool too_long = false;

    if (packed.n > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return error_set(err, ERROR_NO_MEMORY, "no memory to decode a gzip body");
    while (state == Z_OK && !too_long) {
        task_fair(); /* a body of many megabytes must not keep the others waiting */
        /* A full buffer may be the whole: the end mark that follows it needs no room. */
        Bytef beyond;
        size_t room = out->max - out->len;
        uInt step = room == 0 ? 1 : (uInt)(room < STEP_BYTES ? room : STEP_BYTES);
        char *to = room == 0 ? (char *)&beyond : buf_reserve(out, step);
        if (!to)
            break;
        z.next_out = (Bytef *)to;
        z.avail_out = step;
        state = inflate(&z, Z_NO_FLUSH);
        if (room == 0)
            too_long = z.avail_out == 0;
        else
            out->len += step - z.avail_out;
        if (state == Z_STREAM_END && z.avail_in > 0)
            state = inflateReset(&z) == Z_OK ? Z_OK : Z_DATA_ERROR; /* a further member */
        else if (state == Z_OK && z.avail_in == 0 && z.avail_out > 0)
            state = Z_DATA_ERROR; /* cut */
    }
    inflateEnd(&z);
    if (too_long)
        return error_set(err, ERROR_BODY_TOO_LARGE, "the decoded body is longer than %zu bytes",
                         out->max);
    if (!buf_ok(out))
        return error_set(err, ERROR_NO_MEMORY, "no memory to decode a gzip body");
    return state == Z_STREAM_END ||
           error_set(err, ERROR_UNSUPPORTED_CODING, "the body is not whole gzip data");
}
