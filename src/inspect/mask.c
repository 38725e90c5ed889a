#include "inspect/mask_map.h"

#include "base/hash.h"
#include "json/reader.h"
#include "json/writer.h"

#include <string.h>

enum { MAX_LEVELS = 4 }; /* of JSON within JSON strings */

/* ---- the map --------------------------------------------------------------------------------- */

static void wipe(void *map)
{
    struct mask_map *m = map;

    for (struct mask_secret *s = m->secrets; s; s = s->next)
        explicit_bzero(s->bytes, s->n);
}

struct mask_map *mask_map_new(struct arena *a)
{
    struct mask_map *m = arena_new_of(a, struct mask_map);

    if (!m)
        return NULL;
    m->a = a;
    m->next = 1;
    arena_defer(a, wipe, m);
    return arena_failed(a) ? NULL : m;
}

void *mask_secret_alloc(struct mask_map *m, size_t n)
{
    struct mask_secret *s = arena_alloc(m->a, sizeof(*s) + n);

    if (!s)
        return NULL;
    s->n = n;
    s->next = m->secrets;
    m->secrets = s;
    return s->bytes;
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERROR_NO_MEMORY, "no memory to mask a request");
}

static bool keep(struct mask_map *m, struct view text, struct view *ret_kept)
{
    char *to = mask_secret_alloc(m, text.n + 1);

    if (!to)
        return false;
    if (text.n)
        memcpy(to, text.p, text.n);
    *ret_kept = view_of(to, text.n);
    return true;
}

/* Room for `more` values; those that are there move. */
static bool make_room(struct mask_map *m, size_t more)
{
    size_t n_slots = 16;

    while (n_slots < 2 * (m->n + more))
        n_slots *= 2;
    struct mask_entry *entries = arena_new_array(m->a, struct mask_entry, m->n + more);
    uint32_t *slots = arena_new_array(m->a, uint32_t, n_slots);
    if (!entries || !slots)
        return false;
    if (m->n)
        memcpy(entries, m->entries, m->n * sizeof(*entries));
    for (unsigned i = 0; i < m->n; i++) {
        size_t at = hash_bytes(entries[i].value) & (n_slots - 1);
        while (slots[at])
            at = (at + 1) & (n_slots - 1);
        slots[at] = i + 1;
    }
    m->entries = entries;
    m->slots = slots;
    m->n_slots = n_slots;
    return true;
}

/* The slot of a value: empty when it is new. */
static uint32_t *slot_of(struct mask_map *m, struct view value)
{
    size_t at = hash_bytes(value) & (m->n_slots - 1);

    while (m->slots[at] && !view_eq(m->entries[m->slots[at] - 1].value, value))
        at = (at + 1) & (m->n_slots - 1);
    return &m->slots[at];
}

const struct mask_entry *mask_entry_of(const struct mask_map *m, const struct placeholder *p)
{
    unsigned low = 0, high = m->n;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (m->entries[middle].number < p->number)
            low = middle + 1;
        else
            high = middle;
    }
    const struct mask_entry *e = &m->entries[low];
    return low < m->n && e->number == p->number && e->class == p->class ? e : NULL;
}

unsigned mask_count(const struct mask_map *m)
{
    return m->n;
}

bool mask_value(const struct mask_map *m, unsigned i, struct view *ret_value,
                struct view *ret_placeholder)
{
    if (i >= m->n)
        return false;
    *ret_value = m->entries[i].spelling;
    *ret_placeholder = view_of(m->entries[i].placeholder, m->entries[i].n_placeholder);
    return true;
}

/* ---- numbers that are not free --------------------------------------------------------------- */

static int hex_digit(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The body without backslashes and with \u escapes of ASCII undone, at any depth: as much text as a
 * model could ever read out of it. Returns the bytes written, no more than there are. */
static size_t flatten(char *to, struct view body)
{
    const char *p = body.p, *end = p + body.n;
    char *out = to;

    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        while (p < end && *p == '\\')
            p++;
        int high = end - p >= 5 && *p == 'u' && p[1] == '0' && p[2] == '0' ? hex_digit(p[3]) : -1;
        int low = high >= 0 && high < 8 ? hex_digit(p[4]) : -1;
        if (low >= 0) {
            *out++ = (char)(high << 4 | low);
            p += 5;
        }
    }
    return (size_t)(out - to);
}

static bool take_number(struct mask_map *m, unsigned number, struct error *err)
{
    struct placeholder p = {.number = number};

    m->taken[number / 8] |= (uint8_t)(1U << number % 8);
    for (p.class = 0; p.class < DATA_CLASSES; p.class ++)
        if (mask_entry_of(m, &p))
            return error_set(err, ERROR_BAD_VALUE,
                             "a text holds what was made a placeholder for another one");
    return true;
}

/* Each beginning of the digits too: what stands behind it may be replaced. */
static bool take_numbers(struct mask_map *m, struct view digits, struct error *err)
{
    unsigned number = 0;

    for (size_t i = 0; i < digits.n; i++) {
        number = number * 10 + (unsigned)(digits.p[i] - '0');
        if (number > PLACEHOLDER_MAX_NUMBER)
            break;
        if (number > 0 && !take_number(m, number, err))
            return false;
    }
    return true;
}

static bool find_taken(struct mask_map *m, struct view text, struct error *err)
{
    bool initials[256] = {false};

    for (unsigned i = 0; i < DATA_CLASSES; i++) {
        unsigned char initial = (unsigned char)data_class_name((enum data_class)i)[0];
        initials[initial] = initials[initial | 0x20] = true;
    }
    for (size_t at = 0; at < text.n; at++)
        if (initials[(unsigned char)text.p[at]] &&
            !take_numbers(m, placeholder_like(view_skip(text, at)), err))
            return false;
    return true;
}

static bool reserve_numbers(struct mask_map *m, struct view body, struct error *err)
{
    struct buf flat = BUF_MAX(body.n);

    if (view_find_char(body, '\\') == VIEW_NPOS)
        return find_taken(m, body, err);
    char *to = buf_reserve(&flat, body.n);
    bool ok = to ? find_taken(m, view_of(to, flatten(to, body)), err) : no_memory(err);
    if (to)
        explicit_bzero(to, body.n);
    buf_done(&flat);
    return ok;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* How deep in JSON strings the text of a finding stands, from 1: a nested string opens with a quote
 * that is escaped, each time with twice as many backslashes and one. */
static unsigned level_of(struct view body, const struct findings *all, const struct finding *f)
{
    unsigned level = 1;

    if (f->string >= all->n_strings || all->strings[f->string].start > f->start)
        return level;
    size_t at = all->strings[f->string].start, backslashes = 0;
    struct view text = view_skip(body, at);
    while (at >= 2 + backslashes && body.p[at - 2 - backslashes] == '\\')
        backslashes++;
    for (; backslashes && level < MAX_LEVELS; backslashes /= 2)
        level++;
    /* The scanner may have told of the outer string only. */
    return level == 1 && text.n && (*text.p == '{' || *text.p == '[') ? 2 : level;
}

/* Undoes one level of escapes. False: there is none, or the bytes cut one in two. */
static bool decode_once(struct view raw, struct buf *scratch, struct buf *out)
{
    struct json_reader r;
    struct json_text text;

    buf_reset(scratch);
    buf_append_char(scratch, '"');
    buf_append(scratch, raw);
    buf_append_char(scratch, '"');
    if (!buf_ok(scratch))
        return false;
    json_begin(&r, buf_view(scratch));
    if (!json_string(&r, &text) || !json_end(&r))
        return false;
    buf_reset(out);
    char *to = buf_reserve(out, raw.n);
    if (!to)
        return false;
    out->len = json_decode_to(to, text);
    return true;
}

static void wipe_buf(struct buf *b)
{
    if (b->cap)
        explicit_bzero(b->p, b->cap);
    buf_done(b);
}

/* What the finding's bytes stand for, into `spelling`. */
static bool spell(struct view raw, unsigned level, struct buf *spelling, struct error *err)
{
    struct buf quoted = BUF_MAX(raw.n + 2), next = BUF_MAX(raw.n + 1);

    bool ok = decode_once(raw, &quoted, spelling);
    /* A deeper level that does not decode is text that only looks like JSON. */
    while (ok && --level > 0 && view_find_char(buf_view(spelling), '\\') != VIEW_NPOS &&
           decode_once(buf_view(spelling), &quoted, &next)) {
        struct buf swap = *spelling;
        *spelling = next;
        next = swap;
    }
    wipe_buf(&quoted);
    wipe_buf(&next);
    return ok || error_set(err, ERROR_INTERNAL, "a finding is no whole text of a JSON string");
}

static bool quote(struct mask_map *m, struct mask_entry *e)
{
    struct buf quoted = BUF_MAX(e->spelling.n * 6 + 2);

    json_quote(&quoted, e->spelling);
    bool ok = buf_ok(&quoted) && keep(m, view_of(quoted.p + 1, quoted.len - 2), &e->quoted);
    wipe_buf(&quoted);
    return ok;
}

static bool add(struct mask_map *m, const struct finding *f, struct view spelling, uint32_t *slot,
                struct error *err)
{
    struct mask_entry e = {.class = (enum data_class)f->class};
    unsigned char initial = (unsigned char)data_class_name(e.class)[0];
    unsigned char second = (unsigned char)data_class_name(e.class)[1];

    while (m->next <= PLACEHOLDER_MAX_NUMBER && m->taken[m->next / 8] >> m->next % 8 & 1)
        m->next++;
    if (m->next > PLACEHOLDER_MAX_NUMBER)
        return error_set(err, ERROR_BAD_VALUE, "more than %d values to mask",
                         PLACEHOLDER_MAX_NUMBER);
    e.number = m->next++;
    e.n_placeholder = placeholder_write(e.placeholder, e.class, e.number);
    if (!keep(m, f->value.n ? f->value : spelling, &e.value) || !keep(m, spelling, &e.spelling) ||
        !quote(m, &e))
        return no_memory(err);
    m->entries[m->n++] = e;
    *slot = m->n;
    m->classes |= UINT32_C(1) << e.class;
    m->starts['<'] = m->starts['&'] = m->starts['\\'] = MASK_START_BRACKET;
    m->starts[initial] = m->starts[initial | 0x20] = MASK_START_NAME;
    m->seconds[second] = m->seconds[second | 0x20] = true;
    return true;
}

/* The entry of a finding, a new one where its value was not seen. */
static bool enter(struct mask_map *m, struct view body, const struct findings *all,
                  const struct finding *f, uint32_t *ret_entry, struct error *err)
{
    struct view raw = view_of(body.p + f->start, f->end - f->start);
    struct buf spelling = BUF_MAX(raw.n + 1);

    bool ok = spell(raw, level_of(body, all, f), &spelling, err);
    if (ok) {
        uint32_t *slot = slot_of(m, f->value.n ? f->value : buf_view(&spelling));
        ok = *slot || add(m, f, buf_view(&spelling), slot, err);
        *ret_entry = *slot - 1;
    }
    wipe_buf(&spelling);
    return ok;
}

/* ---- the body -------------------------------------------------------------------------------- */

static bool is_meant(const struct finding *f, uint32_t classes)
{
    return classes >> f->class & 1;
}

static bool check(struct view body, const struct findings *findings, uint32_t classes,
                  struct error *err)
{
    uint32_t at = 0;

    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->all[i];
        if (f->class >= DATA_CLASSES || f->start < at || f->end <= f->start || f->end > body.n)
            return error_set(err, ERROR_INTERNAL, "findings overlap or lie outside of the body");
        at = f->end;
        if (is_meant(f, classes) && !f->maskable)
            return error_set(err, ERROR_BAD_VALUE,
                             "a finding of class %s stands where it cannot be masked",
                             data_class_name((enum data_class)f->class));
    }
    return true;
}

/* Puts the body together: `entries` are those of the findings that are meant, in order. */
static struct view replace(const struct mask_map *m, struct view body,
                           const struct findings *findings, uint32_t classes,
                           const uint32_t *entries, struct arena *a)
{
    size_t total = body.n, at = 0;
    const uint32_t *next = entries;

    for (unsigned i = 0; i < findings->n; i++)
        total += is_meant(&findings->all[i], classes) ? PLACEHOLDER_LONGEST : 0;
    char *out = arena_bytes(a, total + 1);
    if (!out)
        return VIEW_NONE;
    char *to = out;
    for (unsigned i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->all[i];
        if (!is_meant(f, classes))
            continue;
        const struct mask_entry *e = &m->entries[*next++];
        to = mempcpy(to, body.p + at, f->start - at);
        to = mempcpy(to, e->placeholder, e->n_placeholder);
        at = f->end;
    }
    to = mempcpy(to, body.p + at, body.n - at);
    return view_of(out, (size_t)(to - out));
}

static bool is_json(struct view body)
{
    struct json_reader r;

    json_begin(&r, body);
    return json_skip(&r) && json_end(&r);
}

bool mask_body(struct mask_map *m, struct view body, const struct findings *findings,
               uint32_t classes, struct arena *a, struct view *ret_body, struct error *err)
{
    uint32_t *entries = arena_new_array(a, uint32_t, findings->n + 1);
    unsigned n = 0;

    if (!check(body, findings, classes, err) || !reserve_numbers(m, body, err))
        return false;
    if (!entries || !make_room(m, findings->n))
        return no_memory(err);
    for (unsigned i = 0; i < findings->n; i++)
        if (is_meant(&findings->all[i], classes) &&
            !enter(m, body, findings, &findings->all[i], &entries[n++], err))
            return false;
    struct view masked = replace(m, body, findings, classes, entries, a);
    if (!masked.p || !leaks_init(&m->leaks, m))
        return no_memory(err);
    if (!is_json(masked))
        return error_set(err, ERROR_INTERNAL, "a masked body would be no JSON");
    *ret_body = masked;
    return true;
}

bool mask_leaks(const struct mask_map *m, struct view bytes)
{
    return m->n > 0 && leaks_find(&m->leaks, bytes);
}
