#include "llm/stored.h"

#include "llm/responses.h"

/* ---- requests -------------------------------------------------------------------------------- */

/* Without its brackets and the white space inside them. */
static struct view inside(struct view array)
{
    struct view v = view_of(array.p + 1, array.n - 2);

    while (v.n && strchr(" \t\r\n", v.p[0]))
        v = view_skip(v, 1);
    while (v.n && strchr(" \t\r\n", v.p[v.n - 1]))
        v.n--;
    return v;
}

static bool read_items(struct json_reader *r, struct arena *a, struct view *ret_items,
                       struct error *err)
{
    enum json_type type = json_peek(r);
    struct view raw;

    if (!json_value(r, &raw))
        return false;
    if (type == JSON_ARRAY)
        *ret_items = inside(raw);
    else if (type == JSON_STRING) {
        *ret_items = arena_printf(a, "{\"type\":\"message\",\"role\":\"user\",\"content\":%.*s}",
                                  VIEW_ARG(raw));
        return ret_items->n > 0 || responses_no_memory(err);
    } else if (type != JSON_NULL)
        return responses_bad(err, VIEW("input"), "is neither text nor an array.",
                             "Write a string or an array of items.");
    return true;
}

static bool read_member(struct json_reader *r, const struct json_object *o, struct arena *a,
                        struct stored_request *req, struct error *err)
{
    if (json_key_is(o, "previous_response_id"))
        return responses_string(r, a, VIEW("previous_response_id"), &req->previous, err);
    if (json_key_is(o, "input"))
        return read_items(r, a, &req->items, err);
    if (!json_key_is(o, "store"))
        return json_skip(r);
    req->store = json_peek(r) != JSON_FALSE;
    return json_skip(r);
}

bool stored_request_read(struct view body, struct arena *a, struct stored_request *ret,
                         struct error *err)
{
    struct stored_request req = {.store = true};
    struct json_reader r;
    struct json_object o;
    bool ok = true;

    err->code = ERROR_NONE;
    json_begin(&r, body);
    json_object_begin(&r, &o);
    while (ok && json_object_next(&r, &o))
        ok = read_member(&r, &o, a, &req, err);
    if (json_failed(&r) || (ok && !json_end(&r)))
        return json_error(&r, err);
    if (ok)
        *ret = req;
    return ok;
}

void stored_request_write(struct view body, struct view items, struct buf *out)
{
    struct json_reader r;
    struct json_object o;

    buf_append_char(out, '{');
    json_begin(&r, body);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        bool replaced = json_key_is(&o, "input") || json_key_is(&o, "store") ||
                        json_key_is(&o, "previous_response_id");
        uint32_t at = o.key_at;
        if (!json_skip(&r) || replaced)
            continue;
        buf_append(out, view_of(body.p + at, json_offset(&r) - at));
        buf_append_char(out, ',');
    }
    buf_append_lit(out, "\"store\":false,\"input\":[");
    buf_append(out, items);
    buf_append_lit(out, "]}");
}

void stored_add_items(struct buf *items, struct view more)
{
    if (items->len && more.n)
        buf_append_char(items, ',');
    buf_append(items, more);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Empty when it is not there, or when `object` is none. */
static struct view member(struct view object, struct view name)
{
    struct json_reader r;
    struct json_object o;
    struct view found = VIEW_NONE, raw;

    json_begin(&r, object);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o))
        if (json_value(&r, &raw) && view_eq(o.key, name))
            found = raw;
    return json_end(&r) ? found : VIEW_NONE;
}

static bool says_nothing(struct view value)
{
    return value.n == 0 || view_eq(value, VIEW("null")) || view_eq(value, VIEW("[]")) ||
           view_eq(value, VIEW("\"\""));
}

static bool is_hollow(struct view item)
{
    return view_eq(member(item, VIEW("type")), VIEW("\"reasoning\"")) &&
           says_nothing(member(item, VIEW("encrypted_content"))) &&
           says_nothing(member(item, VIEW("content")));
}

static void add_without_id(struct buf *items, struct view item)
{
    struct json_reader r;
    struct json_object o;
    bool first = true;

    buf_append(items, items->len ? VIEW(",{") : VIEW("{"));
    json_begin(&r, item);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        bool id = json_key_is(&o, "id");
        uint32_t at = o.key_at;
        if (!json_skip(&r) || id)
            continue;
        if (!first)
            buf_append_char(items, ',');
        first = false;
        buf_append(items, view_of(item.p + at, json_offset(&r) - at));
    }
    buf_append_char(items, '}');
}

static bool has_hollow(struct view output)
{
    struct json_reader r;
    struct json_array array;
    struct view item;

    json_begin(&r, output);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array) && json_value(&r, &item))
        if (is_hollow(item))
            return true;
    return false;
}

bool stored_output_items(struct view object, struct buf *made, struct view *ret_items)
{
    struct view output = member(object, VIEW("output")), item;
    struct json_reader r;
    struct json_array array;

    if (output.n == 0 || output.p[0] != '[')
        return false;
    if (!has_hollow(output)) {
        *ret_items = inside(output);
        return true;
    }
    json_begin(&r, output);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array) && json_value(&r, &item))
        if (!is_hollow(item))
            add_without_id(made, item);
    if (buf_ok(made))
        *ret_items = buf_view(made);
    return buf_ok(made);
}

struct view stored_event_object(struct view data)
{
    return member(data, VIEW("response"));
}
