#include "http/head.h"

#include "http/syntax.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    FIRST_HEADERS = 24, /* room before the array grows to HTTP_MAX_HEADERS */
    SHOWN_BYTES = 40,   /* of what the other side sent, in an error */
};

struct parser {
    const char *at, *end;
    unsigned line; /* where it reads; 0: about the head as a whole */
    bool answer;
    struct arena *arena;
    struct error *err;
    struct http_head head;
    unsigned room; /* in head.headers */
    /* what the fields said */
    struct view authority; /* of an absolute-form target */
    unsigned n_hosts, n_lengths, n_codings;
    bool chunked, close, keep_alive;
};

size_t http_head_end(struct view bytes, size_t *scanned)
{
    while (*scanned < bytes.n) {
        const char *lf = memchr(bytes.p + *scanned, '\n', bytes.n - *scanned);
        if (!lf) {
            *scanned = bytes.n;
            return 0;
        }
        size_t next = (size_t)(lf - bytes.p) + 1;
        /* A bare LF ends a head too: the parser then refuses it at once, where waiting for CR LF
         * would end in a timeout. */
        size_t end = next + (next < bytes.n && bytes.p[next] == '\r');
        if (end == bytes.n) {
            *scanned = next - 1;
            return 0;
        }
        if (bytes.p[end] == '\n')
            return *scanned = end + 1;
        *scanned = end;
    }
    return 0;
}

/* Says which line is meant and not what stood in it: it may be a credential. */
__attribute__((format(printf, 4, 5))) static bool refuse(struct parser *p, enum error_code code,
                                                         const char *hint, const char *format, ...)
{
    char what[160], line[24] = "";
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (p->line)
        snprintf(line, sizeof(line), ", line %u", p->line);
    if (p->answer) {
        error_set(p->err, ERROR_UPSTREAM_PROTOCOL, "head of the upstream's answer%s: %s", line,
                  what);
        return error_hint(p->err, "check that an HTTP/1.1 server answers at this address");
    }
    error_set(p->err, code, "request head%s: %s", line, what);
    return error_hint(p->err, "%s", hint);
}

/* Only for values that are no secrets. */
struct shown {
    char text[SHOWN_BYTES + sizeof("...")];
};

static struct shown show(struct view v)
{
    struct shown s;
    size_t n = v.n < SHOWN_BYTES ? v.n : SHOWN_BYTES;

    for (size_t i = 0; i < n; i++)
        s.text[i] = v.p[i] >= ' ' && v.p[i] <= '~' ? v.p[i] : '?';
    memcpy(s.text + n, n < v.n ? "..." : "", n < v.n ? 4 : 1);
    return s;
}

/* The byte at `at` fits nowhere. */
static bool refuse_byte(struct parser *p, const char *where)
{
    const char *hint = "end each line with CR LF and leave out control characters";

    if (p->at == p->end)
        return refuse(p, ERROR_BAD_HTTP, hint, "it stops %s", where);
    if (*p->at == '\n')
        return refuse(p, ERROR_BAD_HTTP, hint, "LF without CR %s", where);
    return refuse(p, ERROR_BAD_HTTP, hint, "unexpected byte 0x%02x %s", (unsigned char)*p->at,
                  where);
}

static bool take_crlf(struct parser *p, const char *where)
{
    if (p->end - p->at < 2 || p->at[0] != '\r' || p->at[1] != '\n')
        return refuse_byte(p, where);
    p->at += 2;
    return true;
}

static struct view take_class(struct parser *p, unsigned class)
{
    const char *start = p->at;

    while (p->at < p->end && char_is(*p->at, class))
        p->at++;
    return view_of(start, (size_t)(p->at - start));
}

static bool any_below_space_or_del(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t del = bytes ^ (ones * 0x7f);

    return (((bytes - ones * 0x20) & ~bytes) | ((del - ones) & ~del)) & (ones << 7);
}

/* Eight bytes at a time as long as they are plain. */
static struct view take_text(struct parser *p)
{
    const char *start = p->at;

    for (uint64_t bytes; p->end - p->at >= 8; p->at += 8) {
        memcpy(&bytes, p->at, 8);
        if (any_below_space_or_del(bytes))
            break;
    }
    take_class(p, CHAR_TEXT);
    return view_of(start, (size_t)(p->at - start));
}

static bool take_version(struct parser *p)
{
    const char *v = p->at;

    if (p->end - v < 8 || memcmp(v, "HTTP/", 5) != 0 || !is_digit(v[5]) || v[6] != '.' ||
        !is_digit(v[7]))
        return refuse(p, ERROR_BAD_HTTP, "write METHOD, target and HTTP/1.1 with one blank between",
                      "there is no HTTP version where it should stand");
    if (v[5] != '1' || v[7] > '1')
        return refuse(p, ERROR_BAD_VERSION, "speak HTTP/1.1; a proxy in front can translate HTTP/2",
                      "HTTP/%c.%c is not spoken here", v[5], v[7]);
    p->head.minor = v[7] - '0';
    p->at += 8;
    return true;
}

static enum http_method method_of(struct view text)
{
    if (view_eq(text, VIEW("POST")))
        return HTTP_POST;
    if (view_eq(text, VIEW("GET")))
        return HTTP_GET;
    if (view_eq(text, VIEW("HEAD")))
        return HTTP_HEAD;
    if (view_eq(text, VIEW("OPTIONS")))
        return HTTP_OPTIONS;
    return HTTP_OTHER;
}

static bool percents_are_whole(struct view v)
{
    for (size_t at; (at = view_find_char(v, '%')) != VIEW_NPOS; v = view_skip(v, at + 3))
        if (v.n - at < 3 || ascii_hex(v.p[at + 1]) < 0 || ascii_hex(v.p[at + 2]) < 0)
            return false;
    return true;
}

static bool starts_nocase(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_eq_nocase(view_first(v, prefix.n), prefix);
}

/* http://authority/path?query: keeps the authority, to be compared with Host, and cuts the target
 * to its origin-form. */
static bool split_absolute(struct parser *p)
{
    struct view rest = p->head.target;
    size_t n = 0;

    if (starts_nocase(rest, VIEW("http://")))
        rest = view_skip(rest, 7);
    else if (starts_nocase(rest, VIEW("https://")))
        rest = view_skip(rest, 8);
    else
        return refuse(p, ERROR_BAD_HTTP, "send a path such as /v1/chat/completions",
                      "the target is neither a path nor an http URL");
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    p->authority = view_first(rest, n);
    if (!http_host_valid(p->authority))
        return refuse(p, ERROR_BAD_HTTP, "send a path such as /v1/chat/completions",
                      "the URL names no valid host");
    rest = view_skip(rest, n);
    if (rest.n == 0)
        rest = VIEW("/");
    else if (rest.p[0] == '?')
        rest = arena_printf(p->arena, "/%.*s", VIEW_ARG(rest));
    if (rest.n == 0)
        return error_set(p->err, ERROR_NO_MEMORY, "no memory for a request head");
    p->head.target = rest;
    return true;
}

static bool split_target(struct parser *p)
{
    struct http_head *h = &p->head;

    if (view_eq(h->target, VIEW("*"))) {
        h->path = h->target;
        return h->method == HTTP_OPTIONS ||
               refuse(p, ERROR_BAD_HTTP, "send a path such as /v1/chat/completions",
                      "the target * stands only with OPTIONS");
    }
    if (h->target.p[0] != '/' && !split_absolute(p))
        return false;
    if (!percents_are_whole(h->target))
        return refuse(p, ERROR_BAD_HTTP, "write a percent sign as %25",
                      "a percent sign of the target is not followed by two hex digits");
    h->query = h->target;
    h->path = view_cut(&h->query, '?');
    return true;
}

static bool take_request_line(struct parser *p)
{
    struct http_head *h = &p->head;

    h->method_text = take_class(p, CHAR_TOKEN);
    if (h->method_text.n == 0 || p->at == p->end || *p->at != ' ')
        return refuse_byte(p, "in the method or the blank behind it");
    h->method = method_of(h->method_text);
    p->at++;
    h->target = take_class(p, CHAR_TARGET);
    if (h->target.n == 0 || p->at == p->end || *p->at != ' ')
        return refuse_byte(p, "in the target or the blank behind it");
    p->at++;
    return take_version(p) && split_target(p) && take_crlf(p, "behind the version");
}

static bool take_status_line(struct parser *p)
{
    if (!take_version(p))
        return false;
    const char *s = p->at;
    if (p->end - s < 4 || s[0] != ' ' || !is_digit(s[1]) || !is_digit(s[2]) || !is_digit(s[3]))
        return refuse(p, ERROR_BAD_HTTP, "", "there is no status of three digits");
    p->head.status = (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
    p->at += 4;
    if (p->head.status < 100 || p->head.status > 599)
        return refuse(p, ERROR_BAD_HTTP, "", "the status %d does not exist", p->head.status);
    /* Many servers leave out the phrase, some also the blank before it. */
    if (p->at < p->end && *p->at == ' ')
        take_text(p);
    return take_crlf(p, "in the reason phrase");
}

static bool note_connection(struct parser *p, struct view value)
{
    while (value.n) {
        struct view option = view_trim(view_cut(&value, ','));
        if (view_eq_nocase(option, VIEW("close")))
            p->close = true;
        else if (view_eq_nocase(option, VIEW("keep-alive")))
            p->keep_alive = true;
    }
    return true;
}

static bool note_host(struct parser *p, struct view value)
{
    const char *hint = "send exactly one Host field, such as Host: gateway.example:8484";

    if (p->n_hosts++)
        return refuse(p, ERROR_BAD_HTTP, hint, "Host stands twice");
    if (!http_host_valid(value))
        return refuse(p, ERROR_BAD_HTTP, hint, "Host is no valid name or address");
    if (p->authority.n && !view_eq_nocase(p->authority, value))
        return refuse(p, ERROR_BAD_HTTP, hint, "Host differs from the URL in the request line");
    p->head.host = value;
    return true;
}

static bool note_length(struct parser *p, struct view value)
{
    const char *hint = "send one Content-Length with the number of bytes, digits only";

    if (p->n_lengths++)
        return refuse(p, ERROR_BAD_HTTP, hint, "Content-Length stands twice");
    if (!view_to_u64(value, &p->head.length) || p->head.length > INT64_MAX)
        return refuse(p, ERROR_BAD_HTTP, hint, "Content-Length \"%s\" is no length",
                      show(value).text);
    return true;
}

static bool note_coding(struct parser *p, struct view value)
{
    if (p->n_codings++)
        return refuse(p, ERROR_BAD_HTTP, "send one Transfer-Encoding: chunked",
                      "Transfer-Encoding stands twice");
    p->chunked = view_eq_nocase(value, VIEW("chunked"));
    return p->chunked || refuse(p, ERROR_BAD_CODING, "send Transfer-Encoding: chunked, or a length",
                                "the transfer coding \"%s\" is not known", show(value).text);
}

static bool note_expect(struct parser *p, struct view value)
{
    p->head.expect_continue = view_eq_nocase(value, VIEW("100-continue"));
    return p->head.expect_continue ||
           refuse(p, ERROR_BAD_EXPECTATION, "leave out Expect, or send Expect: 100-continue",
                  "the expectation \"%s\" is not known", show(value).text);
}

/* The few fields that mean something to the connection. */
static bool note_field(struct parser *p, const struct http_header *f)
{
    switch (f->name.n) {
    case 4:
        if (!p->answer && view_eq_nocase(f->name, VIEW("host")))
            return note_host(p, f->value);
        return true;
    case 6:
        if (!p->answer && view_eq_nocase(f->name, VIEW("expect")))
            return note_expect(p, f->value);
        return true;
    case 10:
        if (view_eq_nocase(f->name, VIEW("connection")))
            return note_connection(p, f->value);
        return true;
    case 14:
        if (view_eq_nocase(f->name, VIEW("content-length")))
            return note_length(p, f->value);
        return true;
    case 17:
        if (view_eq_nocase(f->name, VIEW("transfer-encoding")))
            return note_coding(p, f->value);
        return true;
    default:
        return true;
    }
}

static bool take_field(struct parser *p, struct http_header *ret_field)
{
    ret_field->name = take_class(p, CHAR_TOKEN);
    if (ret_field->name.n == 0 || p->at == p->end || *p->at != ':') {
        bool blank = p->at < p->end && (*p->at == ' ' || *p->at == '\t');
        if (blank && ret_field->name.n == 0)
            return refuse(p, ERROR_BAD_HTTP, "write each field in one line",
                          "it begins with a blank, as if it went on with the line before");
        return refuse_byte(p, "in a field name or before its colon");
    }
    p->at++;
    ret_field->value = view_trim(take_text(p));
    return take_crlf(p, "in a field value");
}

static bool make_room(struct parser *p)
{
    struct http_head *h = &p->head;

    if (h->n_headers < p->room)
        return true;
    if (p->room == HTTP_MAX_HEADERS)
        return refuse(p, ERROR_HEAD_TOO_LARGE, "send fewer fields", "there are more than %d fields",
                      HTTP_MAX_HEADERS);
    unsigned room = p->room ? HTTP_MAX_HEADERS : FIRST_HEADERS;
    struct http_header *grown = arena_new_array(p->arena, struct http_header, room);
    if (!grown)
        return error_set(p->err, ERROR_NO_MEMORY, "no memory for the fields of a head");
    if (h->n_headers)
        memcpy(grown, h->headers, h->n_headers * sizeof(*grown));
    h->headers = grown;
    p->room = room;
    return true;
}

/* All fields and the empty line behind them. */
static bool take_fields(struct parser *p)
{
    for (p->line = 2; p->at < p->end && *p->at != '\r'; p->line++) {
        if (!make_room(p))
            return false;
        struct http_header *f = &p->head.headers[p->head.n_headers];
        if (!take_field(p, f) || !note_field(p, f))
            return false;
        p->head.n_headers++;
    }
    if (!take_crlf(p, "where an empty line should end the head") ||
        (p->at < p->end && !refuse_byte(p, "behind the empty line")))
        return false;
    p->line = 0;
    return true;
}

/* What holds for the body in both directions. */
static bool check_framing(struct parser *p)
{
    struct http_head *h = &p->head;
    const char *hint = "send the body with Content-Length or with Transfer-Encoding: chunked";

    if (p->n_codings && p->n_lengths)
        return refuse(p, ERROR_BAD_HTTP, hint, "Content-Length stands beside Transfer-Encoding");
    if (p->n_codings && h->minor == 0)
        return refuse(p, ERROR_BAD_HTTP, hint, "HTTP/1.0 has no Transfer-Encoding");
    h->framing = p->chunked ? HTTP_BODY_CHUNKED : p->n_lengths ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    h->keep_alive = !p->close && (h->minor == 1 || p->keep_alive);
    return true;
}

bool http_request_parse(struct view head, struct arena *a, struct http_head *ret_head,
                        struct error *err)
{
    struct parser p = {.at = head.p, .end = head.p + head.n, .line = 1, .arena = a, .err = err};

    if (!take_request_line(&p) || !take_fields(&p) || !check_framing(&p))
        return false;
    if (p.head.minor == 1 && p.n_hosts == 0)
        return refuse(&p, ERROR_BAD_HTTP, "send exactly one Host field", "there is no Host");
    /* Nobody waits for 100 in HTTP/1.0 or without a body. */
    p.head.expect_continue &= p.head.minor == 1 && p.head.framing != HTTP_BODY_NONE;
    *ret_head = p.head;
    return true;
}

bool http_answer_parse(struct view head, bool to_head, struct arena *a, struct http_head *ret_head,
                       struct error *err)
{
    struct parser p = {
        .at = head.p, .end = head.p + head.n, .line = 1, .answer = true, .arena = a, .err = err};
    struct http_head *h = &p.head;

    if (!take_status_line(&p) || !take_fields(&p) || !check_framing(&p))
        return false;
    bool bodiless = h->status < 200 || h->status == 204;
    if (bodiless && (p.n_codings || h->length))
        return refuse(&p, ERROR_BAD_HTTP, "", "the status %d announces a body", h->status);
    if (h->status == 101)
        return refuse(&p, ERROR_BAD_HTTP, "", "it switches to a protocol that was not asked for");
    if (bodiless || to_head || h->status == 304) {
        h->framing = HTTP_BODY_NONE;
    } else if (h->framing == HTTP_BODY_NONE) {
        h->framing = HTTP_BODY_UNTIL_CLOSE;
        h->keep_alive = false;
    }
    *ret_head = *h;
    return true;
}

struct view http_header_get(const struct http_head *head, struct view name)
{
    for (unsigned i = 0; i < head->n_headers; i++)
        if (view_eq_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return VIEW_NONE;
}
