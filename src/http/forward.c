#include "http/forward.h"

struct entry {
    struct view name;
    bool prefix;
};

#define NAME(s)            \
    {                      \
        VIEW_LIT(s), false \
    }
#define PREFIX(s)         \
    {                     \
        VIEW_LIT(s), true \
    }

/*
 * Left out on purpose: `baggage`, free text about users that nobody would have scanned before it
 * goes outside; `x-stainless-*` and `user-agent`, which tell about the client's machine and nothing
 * that an upstream needs; `accept-encoding`, as upstreams are asked for `identity`.
 */
static const struct entry to_upstream[] = {
    NAME("traceparent"), NAME("tracestate"),   NAME("idempotency-key"),
    PREFIX("openai-"),   PREFIX("anthropic-"),
};

static const struct entry to_client[] = {
    NAME("retry-after"),    NAME("retry-after-ms"), NAME("x-should-retry"), NAME("warning"),
    NAME("deprecation"),    NAME("sunset"),         NAME("ratelimit"),      PREFIX("ratelimit-"),
    PREFIX("x-ratelimit-"), PREFIX("openai-"),      PREFIX("anthropic-"),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool is_listed(const struct entry *table, size_t n, struct view name)
{
    for (size_t i = 0; i < n; i++) {
        const struct entry *e = &table[i];
        /* Lengths differ for nearly all, so that hardly any bytes are compared. */
        if (e->prefix ? name.n > e->name.n : name.n == e->name.n)
            if (view_eq_nocase(view_first(name, e->name.n), e->name))
                return true;
    }
    return false;
}

bool http_forward_to_upstream(struct view name)
{
    return is_listed(to_upstream, COUNT(to_upstream), name);
}

bool http_forward_to_client(struct view name)
{
    return is_listed(to_client, COUNT(to_client), name);
}
