/*
 * The JSON reader: skipping and pulling agree on what is JSON; what was decoded is UTF-8 and
 * comes back from the writer unchanged.
 */
#include "base/utf8.h"
#include "json/reader.h"
#include "json/writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_text(struct json_text text)
{
    struct arena *a = arena_new(1 << 24);
    struct buf quoted = BUF_MAX(1 << 24);
    struct json_reader r;
    struct json_text back;
    char some[7];

    must(a != NULL);
    struct view plain = json_decode(text, a);
    must(utf8_valid(plain) && json_text_eq(text, plain));
    size_t n = json_decode_prefix(some, sizeof(some), text);
    must(n <= plain.n && memcmp(some, plain.p, n) == 0 && utf8_valid(view_of(some, n)));
    json_quote(&quoted, plain);
    json_begin(&r, buf_view(&quoted));
    must(json_string(&r, &back) && json_end(&r) && json_text_eq(back, plain));
    buf_done(&quoted);
    arena_free(a);
}

static void walk(struct json_reader *r)
{
    struct json_object o;
    struct json_array array;
    struct json_text text;
    struct view raw;
    bool flag;

    switch ((int)json_peek(r)) {
    case JSON_OBJECT:
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            must(r->start[o.key_at] == '"');
            walk(r);
        }
        break;
    case JSON_ARRAY:
        json_array_begin(r, &array);
        while (json_array_next(r, &array))
            walk(r);
        break;
    case JSON_STRING:
        if (json_string(r, &text))
            check_text(text);
        break;
    case JSON_NUMBER:
        json_number(r, &raw);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_bool(r, &flag);
        break;
    default:
        if (!json_take_null(r))
            json_skip(r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view source = view_of((const char *)data, size);
    struct json_reader skipped, walked;
    struct error err;

    json_begin(&skipped, source);
    json_skip(&skipped);
    bool valid = json_end(&skipped);

    json_begin(&walked, source);
    walk(&walked);
    if (json_end(&walked)) {
        must(valid && walked.depth == 0 && skipped.depth == 0);
        return 0;
    }
    /* Only a reader minds keys that stand twice, and too many of them. */
    must(!valid || walked.code == ERROR_DUPLICATE_KEY ||
         view_eq(view_str(walked.problem), VIEW("an object has more than 64 keys")));
    must(!json_error(&walked, &err) && err.code == walked.code);
    return 0;
}
