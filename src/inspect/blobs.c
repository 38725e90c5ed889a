/* Base64 and hexadecimal bytes in a text: opened once, and scanned when there is text inside. */
#include "base/utf8.h"
#include "inspect/document.h"

#define MIN_BLOB   24
#define MIN_OPAQUE 512 /* a longer one that holds no text is a file of some kind */

static int value_of(char c)
{
    if (is_upper(c))
        return c - 'A';
    if (byte_is(c, BYTE_LOWER))
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static bool is_blob_byte(char c)
{
    return byte_is(c, BYTE_KEY) || c == '+' || c == '/';
}

/* The next run from `at` on that is long enough, looked for from its far end: most windows hold a
 * blank there. Returns the text's end without one. */
static uint32_t next_blob(struct view text, uint32_t at)
{
    while (text.n - at >= MIN_BLOB) {
        uint32_t last = at + MIN_BLOB;
        while (last > at && is_blob_byte(text.p[last - 1]))
            last--;
        if (last == at)
            return at;
        at = last;
    }
    return (uint32_t)text.n;
}

static uint32_t blob_end(struct view text, uint32_t at)
{
    while (at < text.n && is_blob_byte(text.p[at]))
        at++;
    return at;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' && c != '\n' && c != '\t' && c != '\r';
}

/* Into `to`, which has room for the whole blob. Returns the bytes; 0: something that no text holds.
 */
static size_t decode_base64(struct view blob, char *to)
{
    uint32_t bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < blob.n; i++) {
        bits = bits << 6 | (uint32_t)value_of(blob.p[i]);
        if (i % 4 == 0)
            continue;
        to[n] = (char)(bits >> (6 - 2 * (i % 4)));
        if (is_control(to[n++]))
            return 0;
    }
    return n;
}

static int hex_value(char c)
{
    return is_digit(c) ? c - '0' : is_hex(c) ? (c | 0x20) - 'a' + 10 : -1;
}

static size_t decode_hex(struct view blob, char *to)
{
    for (size_t i = 0; i + 1 < blob.n; i += 2) {
        int high = hex_value(blob.p[i]), low = hex_value(blob.p[i + 1]);
        if (high < 0 || low < 0)
            return 0;
        to[i / 2] = (char)(high << 4 | low);
        if (is_control(to[i / 2]))
            return 0;
    }
    return blob.n / 2;
}

/* Into the arena. False: no text is in it. */
static bool decode(struct scan *s, struct view blob, struct view *ret_text)
{
    static size_t (*const ways[])(struct view, char *) = {decode_hex, decode_base64};
    char *to = arena_bytes(s->a, blob.n);

    if (!to) {
        s->failed = true;
        return false;
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        *ret_text = view_of(to, ways[i](blob, to));
        if (ret_text->n >= 12 && utf8_valid(*ret_text))
            return true;
    }
    return false;
}

/* What is found inside makes the whole untouchable. */
static void look_inside(struct scan *s, struct view text, uint32_t start, uint32_t end)
{
    struct scan inner = {.s = s->s, .options = s->options, .a = s->a};
    struct plain in = plain_of(text, 0);

    if (!plain_init(&inner.doc, (uint32_t)text.n + 1, s->a) ||
        !plain_normalize(&inner.doc, &in, 0, in.n)) {
        s->failed = true;
        return;
    }
    detect_text(&inner);
    s->failed |= inner.failed;
    if (inner.n_hits > 0) {
        const struct hit *h = &inner.hits[0]; /* the first one names it */
        for (unsigned i = 1; i < inner.n_hits; i++)
            h = inner.hits[i].start < h->start ? &inner.hits[i] : h;
        scan_found(s, plain_raw(&s->doc, start), plain_raw_end(&s->doc, end), h->class, h->evidence,
                   "encoded");
    }
}

void document_open_blobs(struct scan *s)
{
    struct view text = scan_text(s), inside;
    unsigned hit = 0;

    for (uint32_t at = 0; !s->failed && (at = next_blob(text, at)) < text.n;) {
        uint32_t end = blob_end(text, at);
        while (hit < s->n_hits && s->hits[hit].end <= at)
            hit++;
        bool known = hit < s->n_hits && s->hits[hit].start < end;
        if (!known && decode(s, view_of(text.p + at, end - at), &inside))
            look_inside(s, inside, at, end + (end < text.n && text.p[end] == '='));
        else if (!known && end - at >= MIN_OPAQUE)
            scan_found(s, plain_raw(&s->doc, at), plain_raw_end(&s->doc, end), DATA_UNREADABLE,
                       FINDING_HARD, "encoded");
        at = end;
    }
}
