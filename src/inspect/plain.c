#include "base/utf8.h"
#include "inspect/plain_parts.h"

bool plain_init(struct plain *t, uint32_t cap, struct arena *a)
{
    char *p = arena_bytes(a, (size_t)cap + 66);

    if (!p)
        return false;
    p[0] = '\n';
    p[1] = '\0';
    *t = (struct plain){.a = a, .p = p + 1, .cap = cap};
    return true;
}

struct plain plain_of(struct view text, uint32_t raw)
{
    return (struct plain){.p = (char *)(uintptr_t)text.p, .n = (uint32_t)text.n, .raw = raw};
}

/* The last run that begins at `at` or before it. */
static unsigned run_at(const struct plain *t, uint32_t at)
{
    unsigned low = 0, high = t->n_runs;

    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (t->runs[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t plain_raw(const struct plain *t, uint32_t at)
{
    if (t->n_runs == 0)
        return t->raw + at;
    const struct plain_run *run = &t->runs[run_at(t, at)];
    return run->raw + (at - run->at);
}

uint32_t plain_raw_end(const struct plain *t, uint32_t at)
{
    if (at == 0)
        return plain_raw(t, 0);
    if (t->n_runs > 0) {
        const struct plain_run *run = &t->runs[run_at(t, at)];
        if (run->at == at)
            return run->raw;
    }
    return plain_raw(t, at - 1) + 1;
}

static bool add_run(struct plain *out, uint32_t raw)
{
    struct plain_run *last = out->n_runs ? &out->runs[out->n_runs - 1] : NULL;

    if (last && last->raw + (out->n - last->at) == raw)
        return true;
    if (last && last->at == out->n) {
        last->raw = raw;
        return true;
    }
    if (out->n_runs == out->cap_runs) {
        unsigned cap = out->cap_runs ? out->cap_runs * 2 : 64;
        struct plain_run *more = arena_new_array(out->a, struct plain_run, cap);
        if (!more)
            return false;
        if (out->n_runs)
            memcpy(more, out->runs, out->n_runs * sizeof(*more));
        out->runs = more;
        out->cap_runs = cap;
    }
    out->runs[out->n_runs++] = (struct plain_run){out->n, raw};
    return true;
}

static bool append(struct plain *out, const char *p, size_t n)
{
    if (n > out->cap - out->n)
        return false;
    memcpy(out->p + out->n, p, n);
    out->n += (uint32_t)n;
    out->p[out->n] = '\0';
    return true;
}

bool plain_copy(struct plain *out, const struct plain *in, uint32_t from, uint32_t to)
{
    unsigned run = run_at(in, from);

    while (from < to) {
        uint32_t stop =
            run + 1 < in->n_runs && in->runs[run + 1].at < to ? in->runs[run + 1].at : to;
        if (!add_run(out, plain_raw(in, from)) || !append(out, in->p + from, stop - from))
            return false;
        from = stop;
        run++;
    }
    return true;
}

bool plain_replace(struct plain *out, const struct plain *in, uint32_t from, uint32_t to,
                   const char *p, size_t n)
{
    if (n > 0 && (!add_run(out, plain_raw(in, from)) || !append(out, p, n)))
        return false;
    return add_run(out, plain_raw_end(in, to));
}

bool plain_glue(struct plain *out, struct view glue, uint32_t raw)
{
    return add_run(out, raw) && append(out, glue.p, glue.n);
}

static int hex(char c)
{
    char low = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

unsigned plain_hex(const char *p, const char *end, unsigned max, uint32_t *ret_value)
{
    unsigned n = 0;
    uint32_t value = 0;

    for (; n < max && p + n < end && hex(p[n]) >= 0; n++)
        value = value << 4 | (uint32_t)hex(p[n]);
    *ret_value = value;
    return n;
}

unsigned plain_unicode_escape(const char *p, const char *end, uint32_t *ret_code)
{
    uint32_t code, low;

    if (plain_hex(p + 2, end, 4, &code) != 4)
        return 0;
    *ret_code = code;
    if (code < 0xd800 || code > 0xdfff)
        return 6;
    if (code < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
        plain_hex(p + 8, end, 4, &low) == 4 && low >= 0xdc00 && low <= 0xdfff) {
        *ret_code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        return 12;
    }
    *ret_code = 0xfffd;
    return 6;
}

bool plain_unescape(struct plain *out, const struct plain *in, uint32_t from, uint32_t to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char bytes[4];

    while (from < to) {
        const char *p = in->p + from, *end = in->p + to, *name;
        const char *hit = memchr(p, '\\', (size_t)(end - p));
        uint32_t stop = hit ? (uint32_t)(hit - in->p) : to, code;
        if (!plain_copy(out, in, from, stop))
            return false;
        if (stop + 1 >= to)
            return stop == to || plain_copy(out, in, stop, to);
        unsigned n = 2;
        size_t put = 1;
        if (hit[1] == 'u' && (n = plain_unicode_escape(hit, end, &code)) > 0)
            put = utf8_put(bytes, code);
        else if ((name = memchr(names, hit[1], sizeof(names) - 1)))
            bytes[0] = values[name - names], n = 2;
        else
            bytes[0] = '\\', n = 1;
        if (!plain_replace(out, in, stop, stop + n, bytes, put))
            return false;
        from = stop + n;
    }
    return true;
}
