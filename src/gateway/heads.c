#include "gateway/heads.h"

enum {
    UP = 1,
    DOWN = 2,

    CHAT = 1 << LLM_OPENAI_CHAT,
    RESPONSES = 1 << LLM_OPENAI_RESPONSES,
    COMPLETIONS = 1 << LLM_OPENAI_COMPLETIONS,
    EMBEDDINGS = 1 << LLM_OPENAI_EMBEDDINGS,
    OPENAI = CHAT | RESPONSES | COMPLETIONS |
             EMBEDDINGS, /* one provider: an account and its limits are the same for both */
    ANTHROPIC = 1 << LLM_ANTHROPIC,
    ALL = (1 << LLM_DIALECTS) - 1,
};

/*
 * A name that ends in `-` stands for all that begin so and go on. `among`: client and backend must
 * both speak one of these.
 *
 * Left out on purpose: `baggage`, free text about users that nobody would have scanned before it
 * goes outside; `x-stainless-*` and `user-agent`, which tell about the client's machine and nothing
 * that an upstream needs; `accept-encoding`, as upstreams are asked for `identity`.
 */
static const struct row {
    struct view name;
    unsigned way;
    unsigned among;
} table[] = {
    {VIEW_LIT("traceparent"), UP, ALL},
    {VIEW_LIT("tracestate"), UP, ALL},
    {VIEW_LIT("idempotency-key"), UP, ALL},
    {VIEW_LIT("openai-organization"), UP, OPENAI},
    {VIEW_LIT("openai-project"), UP, OPENAI},
    {VIEW_LIT("openai-beta"), UP, CHAT}, /* names parts of one API, not of the other */
    {VIEW_LIT("openai-beta"), UP, RESPONSES},
    {VIEW_LIT("anthropic-"), UP, ANTHROPIC},

    {VIEW_LIT("retry-after"), DOWN, ALL},
    {VIEW_LIT("retry-after-ms"), DOWN, ALL},
    {VIEW_LIT("x-should-retry"), DOWN, ALL},
    {VIEW_LIT("warning"), DOWN, ALL},
    {VIEW_LIT("deprecation"), DOWN, ALL},
    {VIEW_LIT("sunset"), DOWN, ALL},
    {VIEW_LIT("ratelimit"), DOWN, ALL},
    {VIEW_LIT("ratelimit-"), DOWN, ALL},
    {VIEW_LIT("x-ratelimit-"), DOWN, OPENAI},
    {VIEW_LIT("openai-"), DOWN, OPENAI},
    {VIEW_LIT("anthropic-"), DOWN, ANTHROPIC},
};

static bool is_named(const struct row *row, struct view name)
{
    bool prefix = view_ends(row->name, VIEW("-"));

    /* Lengths differ for nearly all, so that hardly any bytes are compared. */
    if (prefix ? name.n <= row->name.n : name.n != row->name.n)
        return false;
    return view_eq_nocase(view_first(name, row->name.n), row->name);
}

static bool passes(struct view name, unsigned way, enum llm_dialect client,
                   enum llm_dialect backend)
{
    unsigned both = 1U << client | 1U << backend;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].way == way && (both & ~table[i].among) == 0 && is_named(&table[i], name))
            return true;
    return false;
}

bool heads_pass_up(struct view name, enum llm_dialect client, enum llm_dialect backend)
{
    return passes(name, UP, client, backend);
}

bool heads_pass_down(struct view name, enum llm_dialect client, enum llm_dialect backend)
{
    return passes(name, DOWN, client, backend);
}
