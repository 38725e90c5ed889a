/* Which fields pass between which dialects, and above all which never do. */
#include "gateway/heads.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CHAT      LLM_OPENAI_CHAT
#define RESPONSES LLM_OPENAI_RESPONSES
#define ANTHROPIC LLM_ANTHROPIC
#define OLLAMA    LLM_OLLAMA

/* Whose names begin with a provider's pass both ways. */
enum { NEITHER, UP, DOWN, BOTH };

static const struct {
    const char *name;
    enum llm_dialect client, backend;
    int way;
} cases[] = {
    {"traceparent", CHAT, CHAT, UP},
    {"Tracestate", ANTHROPIC, OLLAMA, UP},
    {"Idempotency-Key", OLLAMA, CHAT, UP},
    {"OpenAI-Organization", CHAT, CHAT, BOTH},
    {"openai-project", RESPONSES, CHAT, BOTH},
    {"openai-project", CHAT, RESPONSES, BOTH},
    {"openai-project", CHAT, ANTHROPIC, NEITHER},
    {"openai-project", CHAT, OLLAMA, NEITHER},
    {"openai-project", ANTHROPIC, CHAT, NEITHER},
    {"anthropic-version", ANTHROPIC, ANTHROPIC, BOTH},
    {"Anthropic-Beta", ANTHROPIC, ANTHROPIC, BOTH},
    {"anthropic-beta", ANTHROPIC, CHAT, NEITHER},
    {"ANTHROPIC-beta", CHAT, ANTHROPIC, NEITHER},
    {"OPENAI-BETA", CHAT, CHAT, BOTH},
    {"openai-beta", RESPONSES, RESPONSES, BOTH},
    {"openai-beta", RESPONSES, CHAT, DOWN},

    {"Retry-After", CHAT, CHAT, DOWN},
    {"retry-after", ANTHROPIC, CHAT, DOWN},
    {"retry-after-ms", CHAT, RESPONSES, DOWN},
    {"x-should-retry", CHAT, ANTHROPIC, DOWN},
    {"ratelimit", OLLAMA, ANTHROPIC, DOWN},
    {"RateLimit-Policy", OLLAMA, ANTHROPIC, DOWN},
    {"Warning", CHAT, OLLAMA, DOWN},
    {"Deprecation", CHAT, OLLAMA, DOWN},
    {"sunset", CHAT, OLLAMA, DOWN},
    {"X-RateLimit-Remaining-Tokens", CHAT, CHAT, DOWN},
    {"x-ratelimit-a", RESPONSES, CHAT, DOWN},
    {"x-ratelimit-limit-requests", ANTHROPIC, CHAT, NEITHER},
    {"x-ratelimit-limit-requests", OLLAMA, OLLAMA, NEITHER},
    {"openai-processing-ms", CHAT, CHAT, DOWN},
    {"openai-version", RESPONSES, RESPONSES, DOWN},
    {"openai-version", ANTHROPIC, CHAT, NEITHER},
    {"anthropic-ratelimit-requests-remaining", ANTHROPIC, ANTHROPIC, BOTH},
    {"anthropic-ratelimit-requests-remaining", CHAT, ANTHROPIC, NEITHER},
    {"anthropic-ratelimit-requests-remaining", ANTHROPIC, CHAT, NEITHER},
};

static void test_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct view name = view_str(cases[i].name);
        bool up = heads_pass_up(name, cases[i].client, cases[i].backend);
        bool down = heads_pass_down(name, cases[i].client, cases[i].backend);
        if (up + 2 * down != cases[i].way)
            fail_msg("case %zu: %s: up %d, down %d", i, cases[i].name, up, down);
    }
}

static void test_never_passes(void **state)
{
    static const char *const names[] = {
        "",
        "authorization",
        "Proxy-Authorization",
        "proxy-authenticate",
        "www-authenticate",
        "x-api-key",
        "api-key",
        "cookie",
        "set-cookie",
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "accept-language",
        "user-agent",
        "server",
        "date",
        "via",
        "forwarded",
        "x-forwarded-for",
        "x-request-id",
        "request-id",
        "x-weir-task",
        "x-stainless-os",
        "baggage",
        "openai-",
        "openai",
        "anthropic-",
        "x-ratelimit",
        "x-ratelimit-",
        "traceparent2",
        "xtraceparent",
        "retry-afte",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (int client = 0; client < LLM_DIALECTS; client++)
            for (int backend = 0; backend < LLM_BACKEND_DIALECTS; backend++) {
                struct view name = view_str(names[i]);
                if (heads_pass_up(name, (enum llm_dialect)client, (enum llm_dialect)backend))
                    fail_msg("%s goes to the upstream", names[i]);
                if (heads_pass_down(name, (enum llm_dialect)client, (enum llm_dialect)backend))
                    fail_msg("%s goes to the client", names[i]);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_never_passes),
    };
    return cmocka_run_group_tests_name("gateway heads", tests, NULL, NULL);
}
