#include "base/utf8.h"
#include "llm/openai_chat.h"
#include "json/writer.h"

#include <stdio.h>

enum { TEXT_BYTES = 400 };

/* The string under `name` in the object that comes next; anything else is passed over. */
static bool take_message(struct json_reader *r, struct json_text *ret_text)
{
    struct json_object o;
    bool found = false;

    if (json_peek(r) == JSON_STRING)
        return json_string(r, ret_text);
    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return false;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "message") && json_peek(r) == JSON_STRING)
            found = json_string(r, ret_text);
        else
            json_skip(r);
    }
    return found;
}

/* {"error":{"message":...}}, {"error":"..."}, {"message":...}, {"detail":"..."} */
static bool find_message(struct view body, struct json_text *ret_text)
{
    struct json_reader r;
    struct json_object o;
    struct json_text text;
    bool found = false;

    json_begin(&r, body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        bool names =
            json_key_is(&o, "error") || json_key_is(&o, "message") || json_key_is(&o, "detail");
        if (!names) {
            json_skip(&r);
        } else if (take_message(&r, &text) && text.raw.n) {
            *ret_text = text;
            found = true;
        }
    }
    return json_end(&r) && found;
}

/* Printable UTF-8, white space as blanks, none at the ends. */
static size_t clean(char *to, size_t room, struct view text)
{
    size_t n = 0;

    while (text.n && room - n >= 4) {
        uint32_t code = utf8_take(&text);
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            code = ' ';
        if (code == ' ' && (n == 0 || to[n - 1] == ' '))
            continue;
        n += utf8_put(to + n, code);
    }
    while (n > 0 && to[n - 1] == ' ')
        n--;
    return n;
}

/* The message of an error body; its length, 0 when there is none. `to` has room for TEXT_BYTES. */
static size_t error_text(struct view body, char *to)
{
    char decoded[TEXT_BYTES];
    struct json_text text;

    if (find_message(body, &text)) {
        size_t n = json_decode_prefix(decoded, sizeof(decoded), text);
        return clean(to, TEXT_BYTES, view_of(decoded, n));
    }
    size_t n = clean(to, TEXT_BYTES, view_first(body, TEXT_BYTES));
    /* JSON without a message, or a page made for browsers, tells a client nothing. */
    return n && strchr("{[<\"", to[0]) ? 0 : n;
}

bool llm_upstream_error(struct view body, struct error *err)
{
    char text[TEXT_BYTES];
    size_t n = error_text(body, text);

    if (n)
        return error_quote(err, ERROR_UPSTREAM_STATUS, "The backend answered with an error",
                           view_of(text, n));
    return error_set(err, ERROR_UPSTREAM_STATUS,
                     "The backend answered with an error that says nothing.");
}

struct view llm_error_message(struct view body, struct arena *a, struct view fallback)
{
    char text[TEXT_BYTES];
    size_t n = error_text(body, text);
    struct view kept = n ? arena_dup(a, view_of(text, n)) : VIEW("");

    return kept.n ? kept : fallback;
}

/* Engines name it in different places: llama.cpp by its type, OpenAI by its code, vLLM by the
 * parameter, Ollama, SGLang and older ones only in their sentence. */
static bool names_the_window(struct view key, struct json_text text)
{
    char decoded[TEXT_BYTES];

    if (view_eq(key, VIEW("type")))
        return json_text_eq(text, VIEW("exceed_context_size_error"));
    if (view_eq(key, VIEW("code")))
        return json_text_eq(text, VIEW("context_length_exceeded"));
    if (view_eq(key, VIEW("param")))
        return json_text_eq(text, VIEW("input_tokens"));
    if (!view_eq(key, VIEW("message")) && !view_eq(key, VIEW("error")))
        return false;
    size_t n = json_decode_prefix(decoded, sizeof(decoded), text);
    return view_find_nocase(view_of(decoded, n), VIEW("context length")) != VIEW_NPOS;
}

/* The object that comes next; the one under `error` too, when it stands in the outermost. */
static bool window_is_named(struct json_reader *r, bool outermost)
{
    struct json_object o;
    struct json_text text;
    bool found = false;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool deeper = outermost && json_key_is(&o, "error") && json_peek(r) == JSON_OBJECT;
        if (deeper)
            found |= window_is_named(r, false);
        else if (json_peek(r) != JSON_STRING)
            json_skip(r);
        else if (json_string(r, &text))
            found |= names_the_window(o.key, text);
    }
    return found;
}

bool llm_error_is_too_long(struct view body)
{
    struct json_reader r;

    json_begin(&r, body);
    bool found = window_is_named(&r, true);
    return json_end(&r) && found;
}

/* What happened and what to do about it, as sentences: "a; do b" or "A. Do b." */
static struct view sentences(const struct error *err, char *to, size_t room)
{
    size_t n = strlen(err->text);
    char end = n ? err->text[n - 1] : '.', begin = err->hint[0];
    const char *between = !begin                         ? ""
                          : strchr(".!?", end)           ? " "
                          : begin >= 'A' && begin <= 'Z' ? ". "
                                                         : "; ";

    int written = snprintf(to, room, "%s%s%s", err->text, between, err->hint);
    return view_of(to, (size_t)written < room ? (size_t)written : room - 1);
}

static void write_object(const struct error *err, struct buf *out)
{
    const struct error_info *info = error_info(err->code);
    struct json_writer w = JSON_WRITER(out);
    char message[sizeof(err->text) + sizeof(err->hint) + 2];

    json_put_object(&w);
    json_put_key(&w, VIEW("error"));
    json_put_object(&w);
    json_put_member_string(&w, VIEW("message"), sentences(err, message, sizeof(message)));
    json_put_member_string(&w, VIEW("type"), view_str(info->type));
    json_put_key(&w, VIEW("param"));
    if (err->param[0])
        json_put_string(&w, view_str(err->param));
    else
        json_put_null(&w);
    json_put_member_string(&w, VIEW("code"), view_str(info->wire));
    json_put_close(&w);
    json_put_close(&w);
}

void openai_error_write(const struct error *err, int status, struct view request_id,
                        struct buf *out)
{
    (void)status; /* both stand in the head of the answer only */
    (void)request_id;
    write_object(err, out);
    buf_append_char(out, '\n');
}

void openai_error_event(struct llm_writer *w, const struct error *err, struct buf *out)
{
    (void)w;
    buf_append_lit(out, "data: ");
    write_object(err, out);
    buf_append_lit(out, "\n\n");
}
