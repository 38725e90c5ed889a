/* How values are written, and how they are printed back. */
#include "config/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;

/* Expects the buffer to hold `text`, and empties it. */
static void expect(struct buf *b, const char *text)
{
    assert_int_equal(b->len, strlen(text));
    assert_memory_equal(b->p, text, b->len);
    buf_reset(b);
}

static void expect_view(struct view v, const char *text)
{
    assert_int_equal(v.n, strlen(text));
    assert_memory_equal(v.p, text, v.n);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* < 0: refused */
        const char *shown;
    } rows[] = {
        {"500ms", 500, "500ms"},
        {"2s", 2000, "2s"},
        {"120s", 120000, "2m"},
        {"5m", 300000, "5m"},
        {"1h", 3600000, "1h"},
        {"90m", 5400000, "90m"},
        {"0s", 0, "0s"},
        {"2 s", 2000, "2s"},
        {"2S", 2000, "2s"},
        {"1001ms", 1001, "1001ms"},
        {"", -1, ""},
        {"5", -1, ""},
        {"s", -1, ""},
        {"1.5s", -1, ""},
        {"-1s", -1, ""},
        {"1m30s", -1, ""},
        {"1d", -1, ""},
        {"9223372036854775807h", -1, ""},
        {"18446744073709551615s", -1, ""},
    };
    struct buf out = BUF_MAX(64);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = -7;
        assert_int_equal(value_duration(view_str(rows[i].text), &ms), rows[i].ms >= 0);
        assert_int_equal(ms, rows[i].ms >= 0 ? rows[i].ms : -7);
        if (rows[i].ms < 0)
            continue;
        value_write_duration(&out, ms);
        expect(&out, rows[i].shown);
    }
    buf_done(&out);
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t bytes;
        const char *shown;
    } rows[] = {
        {"64KiB", true, 65536, "64KiB"},
        {"32MiB", true, 33554432, "32MiB"},
        {"1MB", true, 1000000, "1000000"},
        {"1KB", true, 1000, "1000"},
        {"1gib", true, 1073741824, "1GiB"},
        {"1GB", true, 1000000000, "1000000000"},
        {"12", true, 12, "12"},
        {"12B", true, 12, "12"},
        {"1024", true, 1024, "1KiB"},
        {"0", true, 0, "0"},
        {"", false, 0, ""},
        {"KiB", false, 0, ""},
        {"1TB", false, 0, ""},
        {"1.5MiB", false, 0, ""},
        {"9999999999GiB", false, 0, ""},
        {"-1", false, 0, ""},
    };
    struct buf out = BUF_MAX(64);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes = 7;
        assert_int_equal(value_size(view_str(rows[i].text), &bytes), rows[i].ok);
        assert_int_equal(bytes, rows[i].ok ? rows[i].bytes : 7);
        if (!rows[i].ok)
            continue;
        value_write_size(&out, bytes);
        expect(&out, rows[i].shown);
    }
    buf_done(&out);
}

static void test_decimals(void **state)
{
    static const struct {
        const char *text;
        unsigned decimals;
        bool ok;
        int64_t value;
        const char *shown;
    } rows[] = {
        {"0.25", 6, true, 250000, "0.25"},
        {"2", 6, true, 2000000, "2"},
        {"0.000001", 6, true, 1, "0.000001"},
        {"0.0000001", 6, false, 0, ""},
        {"1.850", 9, true, 1850000000, "1.85"},
        {"0.123456789", 9, true, 123456789, "0.123456789"},
        {"00.1", 6, true, 100000, "0.1"},
        {"9223372036.854775807", 9, true, INT64_MAX, "9223372036.854775807"},
        {"9223372036.854775808", 9, false, 0, ""},
        {"9223372037", 9, false, 0, ""},
        {"", 6, false, 0, ""},
        {".5", 6, false, 0, ""},
        {"5.", 6, false, 0, ""},
        {"1.2.3", 6, false, 0, ""},
        {"-1", 6, false, 0, ""},
        {"1e3", 6, false, 0, ""},
        {"nan", 6, false, 0, ""},
        {" 1", 6, false, 0, ""},
    };
    struct buf out = BUF_MAX(64);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t value = 7;
        assert_int_equal(value_decimal(view_str(rows[i].text), rows[i].decimals, &value),
                         rows[i].ok);
        assert_true(value == (rows[i].ok ? rows[i].value : 7));
        if (!rows[i].ok)
            continue;
        value_write_decimal(&out, value, rows[i].decimals);
        expect(&out, rows[i].shown);
    }
    buf_done(&out);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        unsigned port;
        bool loopback;
    } rows[] = {
        {"127.0.0.1:8484", "127.0.0.1", 8484, true},
        {"127.9.9.9:1", "127.9.9.9", 1, true},
        {"localhost:65535", "localhost", 65535, true},
        {"[::1]:8484", "::1", 8484, true},
        {"[::]:8484", "::", 8484, false},
        {"[2001:db8::7]:80", "2001:db8::7", 80, false},
        {"0.0.0.0:8484", "0.0.0.0", 8484, false},
        {"127.0.0.1.example.com:80", "127.0.0.1.example.com", 80, false},
        {"my-host_1:80", "my-host_1", 80, false},
        {"", NULL, 0, false},
        {"[::1%lo]:80", NULL, 0, false},
        {"[]:80", NULL, 0, false},
        {"[::1", NULL, 0, false},
        {"h:", NULL, 0, false},
        {"h:+1", NULL, 0, false},
        {"h/x:1", NULL, 0, false},
        {"u@h:1", NULL, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config_listen listen = {.port = 7};
        struct error err = {0};
        bool ok = value_address(view_str(rows[i].text), arena, &listen, &err);
        assert_int_equal(ok, rows[i].host != NULL);
        if (ok) {
            expect_view(listen.host, rows[i].host);
            expect_view(listen.text, rows[i].text);
            assert_int_equal(listen.port, rows[i].port);
            assert_int_equal(listen.loopback, rows[i].loopback);
        } else {
            assert_int_equal(listen.port, 7);
            assert_int_not_equal(err.text[0], '\0');
            assert_int_not_equal(err.hint[0], '\0');
        }
    }
}

static void test_urls(void **state)
{
    static const struct {
        const char *text;
        bool tls;
        const char *host;
        unsigned port;
        const char *prefix;
    } rows[] = {
        {"http://10.0.0.7:8000", false, "10.0.0.7", 8000, ""},
        {"https://api.openai.com", true, "api.openai.com", 443, ""},
        {"https://api.openai.com/", true, "api.openai.com", 443, ""},
        {"https://api.openai.com/v1", true, "api.openai.com", 443, ""},
        {"https://api.openai.com/v1/", true, "api.openai.com", 443, ""},
        {"HTTP://h", false, "h", 80, ""},
        {"http://[::1]:11434", false, "::1", 11434, ""},
        {"http://[2001:db8::9]/x", false, "2001:db8::9", 80, "/x"},
        {"https://h/openai/v1", true, "h", 443, "/openai"},
        {"https://h/a/b//", true, "h", 443, "/a/b"},
        {"https://h/xv1", true, "h", 443, "/xv1"},
        {"https://h:8443/v1beta/openai/", true, "h", 8443, "/v1beta/openai"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config_url url = {0};
        struct error err = {0};
        assert_true(config_url_parse(view_str(rows[i].text), arena, &url, &err));
        assert_int_equal(url.tls, rows[i].tls);
        expect_view(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        expect_view(url.prefix, rows[i].prefix);
        expect_view(url.text, rows[i].text);
    }
}

static void test_hosts_of_urls(void **state)
{
    static const struct {
        const char *url, *host;
    } rows[] = {
        {"http://10.0.0.7:8000/x", "10.0.0.7:8000"},
        {"http://h", "h"},
        {"http://h:443", "h:443"},
        {"https://h:443", "h"},
        {"https://h:80", "h:80"},
        {"http://[::1]:11434", "[::1]:11434"},
        {"http://[2001:db8::9]/x", "[2001:db8::9]"},
    };
    struct buf out = BUF_MAX(64);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config_url url = {0};
        struct error err = {0};
        assert_true(config_url_parse(view_str(rows[i].url), arena, &url, &err));
        config_url_write_host(&url, &out);
        expect(&out, rows[i].host);
    }
    buf_done(&out);
}

static void test_choices(void **state)
{
    unsigned index = 7;

    (void)state;
    assert_true(value_choice(VIEW("b"), "a | b | c", &index));
    assert_int_equal(index, 1);
    assert_false(value_choice(VIEW(""), "a | b | c", &index));
    assert_false(value_choice(VIEW("a | b"), "a | b | c", &index));
    assert_int_equal(index, 1);
    expect_view(value_choice_at("a | b | c", 2), "c");
    expect_view(value_choice_at("a | b | c", 3), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_decimals),  cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_urls),      cmocka_unit_test(test_hosts_of_urls),
        cmocka_unit_test(test_choices),
    };

    arena = arena_new(1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
