#include "json/reader.h"

#include "base/utf8.h"
#include "json/scan.h"

/* Set in a kept key's length: it was written with escapes. */
#define KEY_ESCAPED UINT32_C(0x80000000)
#define KEY_LENGTH  UINT32_C(0x7fffffff)

static bool fail_at(struct json_reader *r, const char *at, const char *problem)
{
    if (r->code == ERROR_NONE) {
        r->code = ERROR_BAD_JSON;
        r->problem = problem;
        r->at = at;
    }
    return false;
}

static bool fail(struct json_reader *r, const char *problem)
{
    return fail_at(r, r->at, r->at == r->end ? "it ends too early" : problem);
}

static inline void space(struct json_reader *r)
{
    while (r->at < r->end && (unsigned char)*r->at <= ' ' &&
           (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* NUL at the end: it begins nothing in JSON. */
static inline char front(const struct json_reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

void json_begin(struct json_reader *r, struct view source)
{
    *r = (struct json_reader){.start = source.p, .at = source.p, .end = source.p + source.n};
    if (source.n > JSON_MAX_SOURCE / 2)
        fail_at(r, r->start, "it is longer than 2 GiB");
}

enum json_type json_peek(struct json_reader *r)
{
    if (json_failed(r))
        return JSON_NONE;
    space(r);
    switch (front(r)) {
    case '"':
        return JSON_STRING;
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case 'n':
        return JSON_NULL;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case '-':
    case '0' ... '9':
        return JSON_NUMBER;
    default:
        return JSON_NONE;
    }
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NONE] = "nothing",   [JSON_NULL] = "null",        [JSON_FALSE] = "false",
        [JSON_TRUE] = "true",      [JSON_NUMBER] = "a number",  [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };
    return names[type];
}

/* The length of the escape at `p` (a backslash), 0 when it is none. */
static size_t escape_length(const char *p, const char *end)
{
    if (end - p < 2)
        return 0;
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        break;
    default:
        return 0;
    }
    if (end - p < 6)
        return 0;
    for (int i = 2; i < 6; i++) {
        char c = ascii_lower(p[i]);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return 0;
    }
    return 6;
}

/* From the opening quote on. */
static inline bool scan_string(struct json_reader *r, struct json_text *ret_text)
{
    const char *from = r->at + 1, *p = from;
    bool escaped = false;

    for (;;) {
        p = scan_plain(p, r->start, r->end);
        if (p == r->end)
            return fail_at(r, r->at, "a string does not end");
        if (*p == '"')
            break;
        if (*p == '\\') {
            size_t n = escape_length(p, r->end);
            if (n == 0)
                return fail_at(r, p, "a backslash in a string begins no known escape");
            escaped = true;
            p += n;
        } else if ((unsigned char)*p >= 0x80) {
            const char *next = scan_utf8(p, r->end);
            if (!next)
                return fail_at(r, p, "a string is not UTF-8");
            p = next;
        } else {
            return fail_at(r, p, "a control character in a string is not escaped");
        }
    }
    *ret_text = (struct json_text){view_of(from, (size_t)(p - from)), escaped};
    r->at = p + 1;
    return true;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static bool scan_number(struct json_reader *r)
{
    const char *p = r->at, *end = r->end, *from;

    if (p < end && *p == '-')
        p++;
    from = p;
    p = digits(p, end);
    if (p == from)
        return fail_at(r, p, "a number has no digits");
    if (*from == '0' && p - from > 1)
        return fail_at(r, from, "a number begins with a needless 0");
    if (p < end && *p == '.') {
        from = ++p;
        p = digits(p, end);
        if (p == from)
            return fail_at(r, p, "a number has no digits behind its point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        from = p;
        p = digits(p, end);
        if (p == from)
            return fail_at(r, p, "a number has no digits in its exponent");
    }
    r->at = p;
    return true;
}

static bool scan_word(struct json_reader *r, const char *word, size_t n)
{
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return fail(r, "an unknown word stands where a value should");
    r->at += n;
    return true;
}

static inline bool skip_scalar(struct json_reader *r)
{
    struct json_text text;

    switch (front(r)) {
    case '"':
        return scan_string(r, &text);
    case 'n':
        return scan_word(r, "null", 4);
    case 't':
        return scan_word(r, "true", 4);
    case 'f':
        return scan_word(r, "false", 5);
    case '-':
    case '0' ... '9':
        return scan_number(r);
    default:
        return fail(r, "a value is missing");
    }
}

/* A key and its colon. */
static inline bool scan_key(struct json_reader *r, struct json_text *ret_key)
{
    space(r);
    if (front(r) != '"')
        return fail(r, "a key in quotes is missing");
    if (!scan_string(r, ret_key))
        return false;
    space(r);
    if (front(r) != ':')
        return fail(r, "a colon is missing behind a key");
    r->at++;
    return true;
}

static inline bool deeper(struct json_reader *r)
{
    if (r->depth == JSON_MAX_DEPTH)
        return fail(r, "it is nested too deeply");
    r->depth++;
    r->at++;
    return true;
}

bool json_skip(struct json_reader *r)
{
    unsigned outer = r->depth;
    uint64_t objects = 0; /* a bit for each open level, the innermost lowest: 1 for an object */
    struct json_text key;

    if (json_failed(r))
        return false;
    for (;;) {
        space(r);
        char c = front(r);
        if (c == '{' || c == '[') {
            if (!deeper(r))
                return false;
            objects = objects << 1 | (c == '{');
            space(r);
            if (front(r) != (c == '{' ? '}' : ']')) {
                if (c == '{' && !scan_key(r, &key))
                    return false;
                continue;
            }
        } else if (!skip_scalar(r)) {
            return false;
        }
        for (;;) { /* a value ended: close what ends with it, up to a comma */
            if (r->depth == outer)
                return true;
            space(r);
            c = front(r);
            if (c == ',') {
                r->at++;
                if ((objects & 1) && !scan_key(r, &key))
                    return false;
                break;
            }
            if (c != (objects & 1 ? '}' : ']'))
                return fail(r, "a comma or a closing bracket is missing");
            r->at++;
            r->depth--;
            objects >>= 1;
        }
    }
}

bool json_value(struct json_reader *r, struct view *ret_raw)
{
    json_peek(r);
    const char *from = r->at;
    if (!json_skip(r))
        return false;
    *ret_raw = view_of(from, (size_t)(r->at - from));
    return true;
}

bool json_string(struct json_reader *r, struct json_text *ret_text)
{
    if (json_peek(r) != JSON_STRING)
        return fail(r, "a string is missing");
    return scan_string(r, ret_text);
}

bool json_number(struct json_reader *r, struct view *ret_raw)
{
    if (json_peek(r) != JSON_NUMBER)
        return fail(r, "a number is missing");
    const char *from = r->at;
    if (!scan_number(r))
        return false;
    *ret_raw = view_of(from, (size_t)(r->at - from));
    return true;
}

bool json_bool(struct json_reader *r, bool *ret_value)
{
    enum json_type type = json_peek(r);

    if (type != JSON_TRUE && type != JSON_FALSE)
        return fail(r, "true or false is missing");
    if (!skip_scalar(r))
        return false;
    *ret_value = type == JSON_TRUE;
    return true;
}

bool json_take_null(struct json_reader *r)
{
    return json_peek(r) == JSON_NULL && skip_scalar(r);
}

bool json_object_begin(struct json_reader *r, struct json_object *o)
{
    o->n = 0;
    o->seen = 0;
    o->any_escaped = false;
    if (json_peek(r) != JSON_OBJECT)
        return fail(r, "an object is missing");
    return deeper(r);
}

static struct json_text kept_key(const struct json_reader *r, const struct json_object *o,
                                 unsigned i)
{
    return (struct json_text){view_of(r->start + o->keys[i].at, o->keys[i].n & KEY_LENGTH),
                              (o->keys[i].n & KEY_ESCAPED) != 0};
}

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

static bool same_text(struct json_text a, struct json_text b)
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

/* Refuses a key that the object has already, and remembers it. */
static inline bool keep_key(struct json_reader *r, struct json_object *o, struct json_text key)
{
    size_t n = key.raw.n;
    /* Plain keys of different classes differ; an escaped one may equal any. */
    uint64_t class = n == 0 ? 1
                            : UINT64_C(1) << ((n * 7 + (unsigned char)key.raw.p[0] * 5u +
                                               (unsigned char)key.raw.p[n - 1]) &
                                              63);

    if ((o->seen & class) || key.escaped || o->any_escaped) {
        for (unsigned i = 0; i < o->n; i++) {
            if (!same_text(key, kept_key(r, o, i)))
                continue;
            r->code = ERROR_DUPLICATE_KEY;
            r->problem = "a key stands twice";
            r->at = key.raw.p - 1;
            return false;
        }
    }
    if (o->n == JSON_MAX_KEYS)
        return fail_at(r, key.raw.p, "an object has more than 64 keys");
    o->seen |= class;
    o->any_escaped |= key.escaped;
    o->keys[o->n].at = (uint32_t)(key.raw.p - r->start);
    o->keys[o->n++].n = (uint32_t)n | (key.escaped ? KEY_ESCAPED : 0);
    return true;
}

bool json_object_next(struct json_reader *r, struct json_object *o)
{
    struct json_text key;

    if (json_failed(r))
        return false;
    space(r);
    if (front(r) == '}') {
        r->at++;
        r->depth--;
        return false;
    }
    if (o->n > 0) {
        if (front(r) != ',')
            return fail(r, "a comma or a closing brace is missing");
        r->at++;
    }
    if (!scan_key(r, &key) || !keep_key(r, o, key))
        return false;
    o->key_at = (uint32_t)(key.raw.p - 1 - r->start);
    o->key = key.raw;
    if (key.escaped && key.raw.n <= sizeof(o->decoded))
        o->key = view_of(o->decoded, json_decode_to(o->decoded, key));
    return true;
}

bool json_array_begin(struct json_reader *r, struct json_array *array)
{
    array->begun = false;
    if (json_peek(r) != JSON_ARRAY)
        return fail(r, "an array is missing");
    return deeper(r);
}

bool json_array_next(struct json_reader *r, struct json_array *array)
{
    if (json_failed(r))
        return false;
    space(r);
    if (front(r) == ']') {
        r->at++;
        r->depth--;
        return false;
    }
    if (array->begun) {
        if (front(r) != ',')
            return fail(r, "a comma or a closing bracket is missing");
        r->at++;
        space(r);
        if (front(r) == ']')
            return fail(r, "a comma stands behind the last value of an array");
    }
    array->begun = true;
    return true;
}

bool json_end(struct json_reader *r)
{
    if (json_failed(r))
        return false;
    space(r);
    return r->at == r->end || fail(r, "something stands behind its end");
}

bool json_error(const struct json_reader *r, struct error *err)
{
    size_t at = (size_t)(r->at - r->start);

    if (r->code != ERROR_DUPLICATE_KEY) {
        error_set(err, ERROR_BAD_JSON, "The body is not valid JSON: %s (byte %zu).", r->problem,
                  at);
        return error_hint(err, "Send one JSON object, in UTF-8.");
    }
    struct json_reader again = *r;
    struct json_text key = {.raw = VIEW("")};
    char name[64] = "";
    again.code = ERROR_NONE;
    if (scan_string(&again, &key) && key.raw.n < sizeof(name))
        json_decode_to(name, key);
    for (size_t i = 0; name[i]; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            name[i] = '?';
    error_set(err, ERROR_DUPLICATE_KEY, "The key \"%s\" stands twice in one object (byte %zu).",
              name, at);
    error_hint(err, "Send each key once: readers differ in which of two they take.");
    return error_param(err, view_str(name));
}
