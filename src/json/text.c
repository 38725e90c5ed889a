/* Strings as JSON writes them, and the text that they stand for. Their escapes were checked when
 * they were read. */
#include "base/utf8.h"
#include "json/reader.h"
#include "json/scan.h"

static uint32_t hex4(const char *p)
{
    uint32_t code = 0;

    for (int i = 0; i < 4; i++) {
        char c = ascii_lower(p[i]);
        code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return code;
}

/* Decodes the escape at `*at`, which was checked, and moves past it; returns bytes written, at
 * most 4. Both halves of a surrogate pair are taken together, a lone one is U+FFFD. */
static size_t decode_escape(char *to, const char **at, const char *end)
{
    const char *p = *at;
    char c = p[1];

    *at = p + 2;
    if (c != 'u') {
        *to = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b' : c);
        if (c == 'f')
            *to = '\f';
        return 1;
    }
    uint32_t code = hex4(p + 2);
    *at = p + 6;
    if (code >= 0xd800 && code < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = hex4(p + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            *at = p + 12;
            return utf8_put(to, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
        }
    }
    return utf8_put(to, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
}

size_t json_decode_to(char *to, struct json_text text)
{
    const char *p = text.raw.p, *end = p + text.raw.n;
    char *out = to;

    if (!text.escaped) {
        if (text.raw.n)
            memcpy(to, p, text.raw.n);
        return text.raw.n;
    }
    while (p < end) {
        out = scan_copy(out, &p, end);
        if (p < end)
            out += decode_escape(out, &p, end);
    }
    return (size_t)(out - to);
}

struct view json_decode(struct json_text text, struct arena *a)
{
    if (!text.escaped)
        return text.raw;
    char *to = arena_bytes(a, text.raw.n);
    return to ? view_of(to, json_decode_to(to, text)) : VIEW("");
}

/* A string's decoded bytes one by one. */
struct cursor {
    const char *at, *end;
    char pending[4];
    size_t n, i;
};

static int cursor_next(struct cursor *c)
{
    if (c->i < c->n)
        return (unsigned char)c->pending[c->i++];
    if (c->at == c->end)
        return -1;
    if (*c->at != '\\')
        return (unsigned char)*c->at++;
    c->n = decode_escape(c->pending, &c->at, c->end);
    c->i = 1;
    return (unsigned char)c->pending[0];
}

size_t json_decode_prefix(char *to, size_t room, struct json_text text)
{
    struct cursor c = {.at = text.raw.p, .end = text.raw.p + text.raw.n};
    size_t n = 0, whole = 0; /* `whole` ends before the last character that has begun */
    int byte;

    if (!text.escaped && text.raw.n <= room)
        return json_decode_to(to, text);
    while ((byte = cursor_next(&c)) >= 0) {
        if ((byte & 0xc0) != 0x80)
            whole = n;
        if (n == room)
            return whole;
        to[n++] = (char)byte;
    }
    return n;
}

bool json_text_same(struct json_text a, struct json_text b)
{
    if (!a.escaped && !b.escaped)
        return view_eq(a.raw, b.raw);
    struct cursor p = {.at = a.raw.p, .end = a.raw.p + a.raw.n};
    struct cursor q = {.at = b.raw.p, .end = b.raw.p + b.raw.n};
    int c, d;
    do {
        c = cursor_next(&p);
        d = cursor_next(&q);
    } while (c == d && c >= 0);
    return c == d;
}

bool json_text_eq(struct json_text text, struct view plain)
{
    /* A backslash in `plain` stands for itself, so it must not be decoded. */
    if (!text.escaped)
        return view_eq(text.raw, plain);
    struct cursor c = {.at = text.raw.p, .end = text.raw.p + text.raw.n};
    for (size_t i = 0; i < plain.n; i++)
        if (cursor_next(&c) != (unsigned char)plain.p[i])
            return false;
    return cursor_next(&c) < 0;
}
