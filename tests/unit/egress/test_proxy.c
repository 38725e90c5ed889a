/* Which proxy stands before an outside host. */
#include "egress/egress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;

static struct config_url url_of(const char *text)
{
    struct config_url url;
    struct error err;

    if (!config_url_parse(view_str(text), arena, &url, &err))
        fail_msg("%s: %s", text, err.text);
    return url;
}

static void test_addresses(void **state)
{
    static const struct {
        const char *proxy, *host;
        uint16_t port;
        const char *authorization;
    } cases[] = {
        {"http://proxy.test:3128", "proxy.test", 3128, ""},
        {"http://proxy.test:3128/", "proxy.test", 3128, ""},
        {"proxy.test:3128", "proxy.test", 3128, ""},
        {"http://10.0.0.1:8080", "10.0.0.1", 8080, ""},
        {"http://[::1]:8080", "::1", 8080, ""},
        {"http://proxy.test", "proxy.test", 80, ""},
        {"http://u:p@proxy.test:1", "proxy.test", 1, "Basic dTpw"},
        {"u:p@proxy.test:1", "proxy.test", 1, "Basic dTpw"},
        {"http://user@proxy.test:1", "proxy.test", 1, "Basic dXNlcg=="},
        {"http://u:p%40ss%3a@proxy.test:1", "proxy.test", 1, "Basic dTpwQHNzOg=="},
        {"http://u:100%@proxy.test:1", "proxy.test", 1, "Basic dToxMDAl"},
        {"http://u:%zz%4@proxy.test:1", "proxy.test", 1, "Basic dTolenolNA=="},
        {"http://Aladdin:open%20sesame@proxy.test:1", "proxy.test", 1,
         "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
    };
    struct config_url url = url_of("https://api.test");
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_proxy p;
        struct error err;
        if (!egress_proxy_from(view_str(cases[i].proxy), VIEW(""), &url, arena, &p, &err))
            fail_msg("%s: %s", cases[i].proxy, err.text);
        if (!view_eq(p.host, view_str(cases[i].host)) || p.port != cases[i].port ||
            !view_eq(p.authorization, view_str(cases[i].authorization)))
            fail_msg("%s: %.*s %u '%.*s'", cases[i].proxy, VIEW_ARG(p.host), p.port,
                     VIEW_ARG(p.authorization));
    }
}

static void test_malformed_addresses(void **state)
{
    static const char *const cases[] = {
        "https://proxy.test:3128",
        "https://u:s3cret@proxy.test:3128",
        "socks5://proxy.test:1080",
        "http://",
        "http://:3128",
        "http://proxy.test:99999",
        "http://proxy.test:x",
        "http://u:s3cret@",
        "http://a b:1",
    };
    struct config_url url = url_of("https://api.test");
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_proxy p;
        struct error err = {0};
        if (egress_proxy_from(view_str(cases[i]), VIEW(""), &url, arena, &p, &err))
            fail_msg("'%s' is %.*s %u", cases[i], VIEW_ARG(p.host), p.port);
        assert_int_equal(err.code, ERROR_BAD_CONFIG);
        assert_non_null(strstr(err.text, "HTTPS_PROXY"));
        assert_non_null(strstr(err.hint, "http://host:port"));
        assert_null(strstr(err.text, "s3cret"));
        assert_null(strstr(err.hint, "s3cret"));
    }
}

static void test_no_proxy(void **state)
{
    static const struct {
        const char *list, *url;
        bool excluded;
    } cases[] = {
        {"", "https://api.test", false},
        {"*", "https://api.test", true},
        {" * ", "https://api.test", true},
        {"api.test", "https://api.test", true},
        {"API.Test", "https://api.test", true},
        {"test", "https://api.test", true},
        {".test", "https://api.test", true},
        {".api.test", "https://api.test", true},
        {"pi.test", "https://api.test", false},
        {"api.tes", "https://api.test", false},
        {"x.api.test", "https://api.test", false},
        {"api.test.", "https://api.test", false},
        {"a, b ,api.test", "https://api.test", true},
        {"a,,b", "https://api.test", false},
        {",", "https://api.test", false},
        {".", "https://api.test", false},
        {"api.test:443", "https://api.test", true},
        {"api.test:8443", "https://api.test", false},
        {"api.test:8443", "https://api.test:8443", true},
        {"*:443", "https://api.test", true},
        {"api.test:", "https://api.test", false},
        {"10.0.0.1", "https://10.0.0.1", true},
        {"10.0.0.1", "https://110.0.0.1", false},
        {"::1", "https://[::1]", true},
        {"[::1]", "https://[::1]", true},
        {"[::1]:443", "https://[::1]", true},
        {"[::1]:444", "https://[::1]", false},
        {"2001:db8::443", "https://[2001:db8::443]", true},
        {"[", "https://api.test", false},
        {"[]", "https://api.test", false},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config_url url = url_of(cases[i].url);
        struct http_proxy p;
        struct error err;
        assert_true(egress_proxy_from(VIEW("http://proxy.test:1"), view_str(cases[i].list), &url,
                                      arena, &p, &err));
        if ((p.host.n == 0) != cases[i].excluded)
            fail_msg("NO_PROXY='%s' and %s", cases[i].list, cases[i].url);
    }
}

static void test_plain_origins_have_none(void **state)
{
    struct config_url url = url_of("http://api.test");
    struct http_proxy p;
    struct error err;
    (void)state;

    assert_true(egress_proxy_from(VIEW("http://proxy.test:1"), VIEW(""), &url, arena, &p, &err));
    assert_int_equal(p.host.n, 0);
}

static void test_the_environment(void **state)
{
    struct config_url url = url_of("https://api.test");
    struct http_proxy p;
    struct error err;
    (void)state;

    unsetenv("HTTPS_PROXY");
    unsetenv("NO_PROXY");
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    assert_true(egress_proxy_for(&url, arena, &p, &err));
    assert_int_equal(p.host.n, 0);
    setenv("https_proxy", "http://small.test:1", 1);
    assert_true(egress_proxy_for(&url, arena, &p, &err));
    assert_true(view_eq(p.host, VIEW("small.test")));
    setenv("HTTPS_PROXY", "http://large.test:1", 1);
    assert_true(egress_proxy_for(&url, arena, &p, &err));
    assert_true(view_eq(p.host, VIEW("large.test")));
    setenv("no_proxy", "api.test", 1);
    assert_true(egress_proxy_for(&url, arena, &p, &err));
    assert_int_equal(p.host.n, 0);
    setenv("HTTPS_PROXY", "", 1); /* set and empty: none */
    unsetenv("no_proxy");
    assert_true(egress_proxy_for(&url, arena, &p, &err));
    assert_int_equal(p.host.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_malformed_addresses),
        cmocka_unit_test(test_no_proxy),        cmocka_unit_test(test_plain_origins_have_none),
        cmocka_unit_test(test_the_environment),
    };
    arena = arena_new(1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
