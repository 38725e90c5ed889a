#include "inspect/walk.h"

#include "inspect/wordlist.h"
#include "json/reader.h"

#define MAX_NESTED 4 /* JSON in a string of JSON in a string... */

/* What the place means: where the protocol's own names stand, a schema, or anybody's data. */
enum zone { PROTOCOL, SCHEMA, DATA };

struct frame {
    bool object;
    enum zone zone;
    struct view key; /* the one whose value this is or holds */
};

struct walk {
    struct scan *s;
    const struct plain *in;
    unsigned nested;
    unsigned depth;
    struct frame frames[JSON_MAX_DEPTH + 1];
};

/* Names and values that the other side must read unchanged. */
static bool is_protocol(enum zone zone, struct view key)
{
    if (zone == SCHEMA)
        return !in_wordlist("description title examples default", key);
    return zone == PROTOCOL &&
           in_wordlist("model role type id tool_call_id tool_use_id call_id name object status "
                       "finish_reason stop_reason format media_type detail service_tier effort "
                       "previous_response_id encrypted_content signature url image_url file_id "
                       "file_url file_data data images tool_choice response_format keep_alive",
                       key);
}

/* A value of one word that is no text: "encoding_format": "base64", "enum": ["celsius"]. */
static bool is_bare_word(enum zone zone, struct view key, struct view text)
{
    if (zone == DATA || in_wordlist("content text input prompt instructions system user", key))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '@')
            return false;
    return true;
}

static bool holds_media(enum zone zone, struct view key, struct view text)
{
    if (view_eq_nocase(view_first(text, 5), VIEW("data:")))
        return true;
    if (zone != PROTOCOL)
        return false;
    if (view_eq(key, VIEW("type")))
        return in_wordlist("image input_image image_url input_audio audio file input_file video "
                           "video_url",
                           text);
    return text.n > 0 && in_wordlist("image_url file_id file_url file_data data images", key);
}

/* The zone of what is entered in this frame. At the top the `input` is the conversation itself;
 * deeper it is the arguments of a tool. */
static enum zone zone_within(const struct frame *f, unsigned depth)
{
    if (f->zone != PROTOCOL || !f->object)
        return f->zone;
    if (in_wordlist("arguments metadata", f->key) || (depth > 1 && view_eq(f->key, VIEW("input"))))
        return DATA;
    if (in_wordlist("parameters input_schema schema json_schema", f->key))
        return SCHEMA;
    return PROTOCOL;
}

static struct part *add_part(struct scan *s)
{
    void *parts = s->parts;

    if (!scan_grow(s, &parts, s->n_parts, &s->cap_parts, sizeof(*s->parts)))
        return NULL;
    s->parts = parts;
    return &s->parts[s->n_parts++];
}

/* Puts bytes of `text` into the document as a part. `from` and `to` are places in the body. */
static bool put_part(struct scan *s, const struct plain *text, uint32_t raw, uint32_t raw_end,
                     struct view tail, struct part form)
{
    struct part *part = add_part(s);

    if (!part)
        return false;
    *part = form;
    part->raw = raw;
    part->raw_end = raw_end;
    part->start = s->doc.n;
    if (!plain_normalize(&s->doc, text, 0, text->n))
        return false;
    part->end = s->doc.n;
    part->digest = sensitivity_digest(view_of(text->p, text->n));
    return plain_glue(&s->doc, tail, raw_end);
}

static bool is_json(struct view text)
{
    struct json_reader r;

    while (text.n > 0 && strchr(" \t\r\n", text.p[0]))
        text = view_skip(text, 1);
    if (text.n < 2 || !strchr("{[\"", text.p[0]))
        return false;
    json_begin(&r, text);
    json_skip(&r);
    return json_end(&r);
}

static bool walk_values(struct scan *s, const struct plain *in, unsigned nested, enum zone zone);

/* A string of `w->in`, between its quotes; `key` when a colon follows. */
static bool put_string(struct walk *w, uint32_t from, uint32_t to, bool key)
{
    struct scan *s = w->s;
    struct frame *f = &w->frames[w->depth];
    uint32_t raw = plain_raw(w->in, from), raw_end = plain_raw_end(w->in, to);
    struct plain text;

    if (from == to && !key)
        return true; /* nothing stands in it */
    if (raw_end < raw)
        raw_end = raw;
    if (!plain_init(&text, to - from, s->a) || !plain_unescape(&text, w->in, from, to))
        return false;
    struct view v = view_of(text.p, text.n);
    if (key) {
        /* The member of a chat request that names its end user, mostly by a number of the caller's
         * making: it says nothing of what stands in it. */
        bool cue = w->depth > 1 || w->nested > 0 || !view_eq(v, VIEW("user"));
        f->key = v;
        return put_part(s, &text, raw, raw_end, cue ? VIEW(": ") : VIEW("\n"),
                        (struct part){.key = true, .wire = f->zone != DATA});
    }
    if (holds_media(f->zone, f->key, v))
        scan_found(s, raw, raw_end, DATA_UNREADABLE, FINDING_HARD, "media");
    if (is_json(v)) {
        if (w->nested + 1 < MAX_NESTED)
            return walk_values(s, &text, w->nested + 1, DATA);
        scan_found(s, raw, raw_end, DATA_UNREADABLE, FINDING_HARD, "nesting");
    }
    bool prose = in_wordlist("content text input", f->key);
    return put_part(
        s, &text, raw, raw_end, VIEW("\n"),
        (struct part){.maskable = !is_protocol(f->zone, f->key),
                      .text = prose,
                      .wire = is_protocol(f->zone, f->key) || is_bare_word(f->zone, f->key, v)});
}

/* A text as a list of numbers: those of its tokens, which only the model can read. */
static bool is_token(const struct walk *w)
{
    const struct frame *f = &w->frames[w->depth];

    return f->zone == PROTOCOL && !f->object && in_wordlist("input prompt context", f->key);
}

static bool put_number(struct walk *w, uint32_t from, uint32_t to)
{
    struct plain text;

    if (is_token(w))
        scan_found(w->s, plain_raw(w->in, from), plain_raw_end(w->in, to), DATA_UNREADABLE,
                   FINDING_HARD, "tokens");
    if (!plain_init(&text, to - from, w->s->a) || !plain_copy(&text, w->in, from, to))
        return false;
    return put_part(w->s, &text, plain_raw(w->in, from), plain_raw_end(w->in, to), VIEW("\n"),
                    (struct part){0});
}

static void enter(struct walk *w, bool object)
{
    const struct frame *up = &w->frames[w->depth];
    struct frame inner = {object, zone_within(up, w->depth), up->key};

    if (w->depth < JSON_MAX_DEPTH)
        w->depth++;
    w->frames[w->depth] = inner;
}

/* Where the string that begins at `at` ends. */
static uint32_t string_end(const struct plain *in, uint32_t at)
{
    for (uint32_t from = at; at < in->n; at++) {
        const char *hit = memchr(in->p + at, '"', in->n - at);
        uint32_t slashes = 0;
        if (!hit)
            break;
        at = (uint32_t)(hit - in->p);
        while (at - slashes > from && in->p[at - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return at;
    }
    return in->n;
}

static bool is_number_byte(char c)
{
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The grammar was checked, so a look at single bytes tells all. */
static bool walk_values(struct scan *s, const struct plain *in, unsigned nested, enum zone zone)
{
    struct walk *w = arena_new_of(s->a, struct walk);
    bool ok = true;

    if (!w)
        return false;
    *w = (struct walk){.s = s, .in = in, .nested = nested};
    w->frames[0].zone = zone;
    for (uint32_t at = 0, end; ok && at < in->n; at++) {
        char c = in->p[at];
        if (c == '{' || c == '[') {
            enter(w, c == '{');
        } else if (c == '}' || c == ']') {
            w->depth -= w->depth > 0;
        } else if (c == '"') {
            end = string_end(in, at + 1);
            uint32_t next = end + 1;
            while (next < in->n && strchr(" \t\r\n", in->p[next]))
                next++;
            bool key = w->frames[w->depth].object && next < in->n && in->p[next] == ':';
            ok = put_string(w, at + 1, end, key);
            at = end;
        } else if (is_digit(c) || c == '-') {
            for (end = at; end < in->n && is_number_byte(in->p[end]);)
                end++;
            ok = put_number(w, at, end);
            at = end - 1;
        }
    }
    return ok;
}

bool walk_body(struct scan *s, struct view body, struct error *err)
{
    struct plain in = plain_of(body, 0);
    struct json_reader r;

    json_begin(&r, body);
    json_skip(&r);
    if (!json_end(&r))
        return json_error(&r, err);
    return (plain_init(&s->doc, (uint32_t)body.n + 8, s->a) && walk_values(s, &in, 0, PROTOCOL)) ||
           error_set(err, ERROR_NO_MEMORY, "no memory to scan the body");
}

bool walk_text(struct scan *s, struct view text)
{
    struct plain in = plain_of(text, 0);

    return plain_init(&s->doc, (uint32_t)text.n + 8, s->a) &&
           put_part(s, &in, 0, (uint32_t)text.n, VIEW("\n"),
                    (struct part){.maskable = true, .text = true});
}
