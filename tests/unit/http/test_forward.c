/* Which fields pass, and above all which never do. */
#include "http/forward.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_passes(void **state)
{
    static const char *const up[] = {"traceparent",         "Tracestate",     "Idempotency-Key",
                                     "OpenAI-Organization", "openai-project", "OPENAI-BETA"};
    static const char *const down[] = {
        "Retry-After",    "retry-after-ms", "x-should-retry",   "X-RateLimit-Remaining-Tokens",
        "x-ratelimit-a",  "ratelimit",      "RateLimit-Policy", "openai-processing-ms",
        "openai-version", "Warning",        "Deprecation",      "sunset"};

    (void)state;
    for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++)
        assert_true(http_forward_to_upstream(view_str(up[i])));
    for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++)
        assert_true(http_forward_to_client(view_str(down[i])));
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
        "x-weir-task",
        "x-stainless-os",
        "baggage",
        "openai-",
        "openai",
        "x-ratelimit",
        "x-ratelimit-",
        "traceparent2",
        "xtraceparent",
        "retry-afte",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (http_forward_to_upstream(view_str(names[i])))
            fail_msg("%s goes to the upstream", names[i]);
        if (http_forward_to_client(view_str(names[i])))
            fail_msg("%s goes to the client", names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_never_passes),
    };
    return cmocka_run_group_tests_name("http forward", tests, NULL, NULL);
}
