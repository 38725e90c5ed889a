#include "egress/credential.h"

static const struct view bearer = VIEW_LIT("Authorization: Bearer ");
static const struct view api_key = VIEW_LIT("x-api-key: ");

void credential_write(enum llm_dialect dialect, struct view key, struct buf *head)
{
    if (key.n == 0)
        return;
    buf_append(head, dialect == LLM_ANTHROPIC ? api_key : bearer);
    buf_append(head, key);
    buf_append_lit(head, "\r\n");
}

static bool is_after(struct view line, struct view name, struct view key)
{
    return view_starts(line, name) && view_eq(view_skip(line, name.n), key);
}

void credential_cut(struct view head, struct view key, struct view ret_parts[2])
{
    struct view rest = head;

    ret_parts[0] = head;
    ret_parts[1] = VIEW("");
    while (key.n && rest.n) {
        struct view line = view_cut(&rest, '\n');
        line = view_first(line, line.n - view_ends(line, VIEW("\r")));
        if (!is_after(line, bearer, key) && !is_after(line, api_key, key))
            continue;
        size_t end = (size_t)(line.p - head.p) + line.n;
        ret_parts[0] = view_first(head, end - key.n);
        ret_parts[1] = view_skip(head, end);
        return;
    }
}
