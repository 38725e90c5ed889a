#include "llm/proof.h"

#include "llm/dialect.h"
#include "llm/openai_chat.h"

#include <stdio.h>

#define MARK     "weir."
#define REDACTED "redacted"

static struct view name_of(enum llm_dialect dialect)
{
    return view_str(llm_dialect(dialect)->name);
}

struct view llm_proof_mark(enum llm_dialect made_by, const struct llm_ev *ev, uint64_t text_bytes,
                           struct arena *a)
{
    struct view name = name_of(made_by), detail = ev->id;
    char count[24];

    if (made_by == LLM_ANTHROPIC && ev->name.n)
        detail = VIEW(REDACTED);
    else if (made_by != LLM_OPENAI_RESPONSES) {
        snprintf(count, sizeof(count), "%llu", (unsigned long long)text_bytes);
        detail = view_str(count);
    }
    size_t n = sizeof(MARK) - 1 + name.n + 1 + detail.n + 1 + ev->text.n;
    const struct view parts[] = {VIEW(MARK), name, VIEW("."), detail, VIEW("."), ev->text};
    char *to = arena_bytes(a, n);
    if (!to)
        return VIEW_NONE;
    for (size_t i = 0, at = 0; i < sizeof(parts) / sizeof(parts[0]); at += parts[i++].n)
        if (parts[i].n)
            memcpy(to + at, parts[i].p, parts[i].n);
    return view_of(to, n);
}

bool llm_proof_read(enum llm_dialect client, struct view text, struct llm_part *part)
{
    uint64_t bytes;

    if (!view_starts(text, VIEW(MARK))) {
        part->signature = text;
        part->made_by = name_of(client);
        return false;
    }
    text = view_skip(text, sizeof(MARK) - 1);
    part->made_by = view_cut(&text, '.');
    struct view detail = view_cut(&text, '.');
    part->signature = text;
    part->redacted = false;
    if (view_eq(part->made_by, name_of(LLM_OPENAI_RESPONSES))) {
        part->id = detail;
    } else if (view_eq(detail, VIEW(REDACTED))) {
        part->redacted = true;
    } else if (!view_to_u64(detail, &bytes) || bytes != part->text.n) {
        part->signature = VIEW_NONE;
    }
    return true;
}

struct view llm_proof_for(enum llm_dialect dialect, const struct llm_part *part)
{
    bool own = !part->made_by.n || view_eq(part->made_by, name_of(dialect));
    return own ? part->signature : VIEW_NONE;
}

bool llm_proof_foreign(struct llm_neutral *n, struct llm_span item, struct arena *a)
{
    if ((n->n_foreign & (n->n_foreign - 1)) == 0) { /* full at each power of two */
        struct llm_span *grown =
            arena_new_array(a, struct llm_span, n->n_foreign ? (size_t)n->n_foreign * 2 : 1);
        if (!grown)
            return false;
        if (n->n_foreign)
            memcpy(grown, n->foreign, n->n_foreign * sizeof(*grown));
        n->foreign = grown;
    }
    n->foreign[n->n_foreign++] = item;
    return true;
}

/* Whether nothing stands before it in its array. */
static bool is_first(struct view body, uint32_t at)
{
    while (at > 0 && memchr(" \t\r\n", body.p[at - 1], 4))
        at--;
    return at > 0 && body.p[at - 1] == '[';
}

struct view llm_proof_pass(const struct llm_request *request, struct arena *a)
{
    const struct llm_neutral *n = request->neutral;
    struct view body = request->body;
    uint32_t from = 0, lead = 1;
    size_t at = 0;

    if (!n || n->n_foreign == 0)
        return body;
    char *to = arena_bytes(a, body.n);
    if (!to)
        return VIEW_NONE;
    for (unsigned i = 0; i < n->n_foreign; i++) {
        if (is_first(body, n->foreign[i].at))
            lead = n->foreign[i].at;
        struct llm_span cut = openai_chat_cut(body, n->foreign[i], &lead);
        memcpy(to + at, body.p + from, cut.at - from);
        at += cut.at - from;
        from = cut.at + cut.n;
    }
    memcpy(to + at, body.p + from, body.n - from);
    return view_of(to, at + body.n - from);
}
