#include "llm/anthropic.h"
#include "json/writer.h"

static struct view type_of(int status)
{
    static const struct {
        int status;
        struct view type;
    } rows[] = {
        {401, VIEW_LIT("authentication_error")}, {402, VIEW_LIT("billing_error")},
        {403, VIEW_LIT("permission_error")},     {404, VIEW_LIT("not_found_error")},
        {413, VIEW_LIT("request_too_large")},    {429, VIEW_LIT("rate_limit_error")},
        {504, VIEW_LIT("timeout_error")},        {529, VIEW_LIT("overloaded_error")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].type;
    return status >= 500 ? VIEW("api_error") : VIEW("invalid_request_error");
}

/* {"type":"error","error":{...} and no closing brace. */
static void put_error(const struct error *err, int status, struct buf *out)
{
    struct view text = view_str(err->text), hint = view_str(err->hint);
    char message[sizeof(err->text) + sizeof(err->hint) + 2];
    size_t n = text.n;

    memcpy(message, text.p, n);
    if (hint.n) {
        if (n && !memchr(".!?", message[n - 1], 3))
            message[n++] = hint.p[0] >= 'A' && hint.p[0] <= 'Z' ? '.' : ';';
        if (n)
            message[n++] = ' ';
        memcpy(message + n, hint.p, hint.n);
        n += hint.n;
    }
    buf_append_lit(out, "{\"type\":\"error\",\"error\":{\"type\":\"");
    buf_append(out, type_of(status));
    buf_append_lit(out, "\",\"message\":");
    json_quote(out, view_of(message, n));
    buf_append_char(out, '}');
}

void anthropic_error_write(const struct error *err, int status, struct view request_id,
                           struct buf *out)
{
    put_error(err, status, out);
    buf_append_lit(out, ",\"request_id\":");
    if (request_id.n)
        json_quote(out, request_id);
    else
        buf_append_lit(out, "null");
    buf_append_lit(out, "}\n");
}

void anthropic_error_event(struct llm_writer *w, const struct error *err, struct buf *out)
{
    w->finished = true;
    buf_append_lit(out, "event: error\ndata: ");
    put_error(err, error_info(err->code)->http_status, out);
    buf_append_lit(out, "}\n\n");
}
