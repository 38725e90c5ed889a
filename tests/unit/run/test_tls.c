/* TLS towards an upstream: who is trusted, what an end is, large transfers. */
#include "run/stream.h"
#include "run/tls.h"
#include "support.h"
#include "tls_server.h"

#include <signal.h>

static struct authority ours, theirs;

static int64_t soon(void)
{
    return clock_mono_ns() + 5 * NS_PER_S;
}

/* Connects to the server and starts TLS for `host`. */
static bool start_tls(struct stream *s, const struct tls_server *server, const char *host,
                      const char *ca_file, int64_t deadline_ns, struct error *err)
{
    static struct resolver_answer answer;

    assert_true(resolver_lookup(VIEW("127.0.0.1"), server->port, TIMER_NEVER, &answer, err));
    assert_true(stream_connect(s, &answer, soon(), err));
    return stream_start_tls(s, view_str(host), view_str(ca_file), deadline_ns, err);
}

/* In two pieces, but what is small is one record. */
static bool write_all(struct stream *s, const char *p, size_t n)
{
    size_t first = n > 100 ? n / 3 : n;
    struct iovec iov[2] = {{(void *)(uintptr_t)p, first},
                           {(void *)(uintptr_t)(p + first), n - first}};
    return stream_writev(s, iov, 2, soon(), 0) == STREAM_OK;
}

/* ---- who is trusted ------------------------------------------------------------------------ */

enum ca { OURS, THEIRS, MISSING };

static const struct trust_case {
    const char *name, *host, *alt;
    enum ca ca;
    enum tls_mode mode;
    int days;
    bool ok;
    const char *text, *hint;
} trust[] = {
    {"right", "api.test", "DNS:api.test", OURS, TLS_ECHO, 5, true, NULL, NULL},
    {"wildcard", "api.test.example", "DNS:*.test.example", OURS, TLS_ECHO, 5, true, NULL, NULL},
    {"address", "127.0.0.1", "IP:127.0.0.1", OURS, TLS_ECHO, 5, true, NULL, NULL},
    {"v6 address", "::1", "IP:::1", OURS, TLS_ECHO, 5, true, NULL, NULL},
    {"another authority", "api.test", "DNS:api.test", THEIRS, TLS_ECHO, 5, false,
     "api.test is not trusted", "ca_file"},
    {"another name", "api.test", "DNS:other.test", OURS, TLS_ECHO, 5, false,
     "api.test is not trusted", "a name that the certificate was made for"},
    {"name of no address", "127.0.0.1", "DNS:api.test", OURS, TLS_ECHO, 5, false,
     "127.0.0.1 is not trusted", "a name that the certificate was made for"},
    {"an address as a name", "127.0.0.1", "DNS:127.0.0.1", OURS, TLS_ECHO, 5, false,
     "127.0.0.1 is not trusted", "a name that"},
    {"expired", "api.test", "DNS:api.test", OURS, TLS_ECHO, -1, false, "expired", "Renew"},
    {"no TLS", "api.test", "DNS:api.test", OURS, TLS_PLAIN, 5, false, "TLS handshake failed", ""},
    {"no such file", "api.test", "DNS:api.test", MISSING, TLS_ECHO, 5, false, "trust store",
     "ca_file"},
};

static void check_trust(void *arg)
{
    const struct trust_case *c = arg;
    const char *ca_file = c->ca == OURS     ? ours.file
                          : c->ca == THEIRS ? theirs.file
                                            : "/no/such.pem";
    struct tls_server server;
    struct stream s;
    struct error err = {.code = ERROR_NONE};
    char byte;

    tls_server_start(&server, c->mode, &ours, c->alt, c->days);
    bool ok = start_tls(&s, &server, c->host, ca_file, soon(), &err);
    if (ok != c->ok)
        fail_msg("%s: ok %d, %s", c->name, ok, err.text);
    if (ok) {
        assert_true(write_all(&s, "x", 1));
        assert_int_equal(stream_read(&s, &byte, 1, soon()), 1);
        assert_int_equal(byte, 'x');
    } else {
        assert_int_equal(err.code, ERROR_UPSTREAM_TLS);
        if (!strstr(err.text, c->text) || !strstr(err.hint, c->hint))
            fail_msg("%s: '%s' '%s'", c->name, err.text, err.hint);
    }
    stream_close(&s);
    tls_server_stop(&server);
    assert_int_equal(server.clean, ok); /* our close_notify came */
}

static void test_who_is_trusted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(trust) / sizeof(trust[0]); i++) {
        struct trust_case c = trust[i];
        run_on_loop(check_trust, &c);
    }
}

/* The system's store does not know our authority. */
static void system_store(void *arg)
{
    struct tls_server server;
    struct stream s;
    struct error err;
    (void)arg;

    tls_server_start(&server, TLS_ECHO, &ours, "DNS:api.test", 5);
    tls_preload(VIEW(""));
    assert_false(start_tls(&s, &server, "api.test", "", soon(), &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_TLS);
    stream_close(&s);
    tls_server_stop(&server);
}

static void test_the_system_store(void **state)
{
    (void)state;
    run_on_loop(system_store, NULL);
}

static void silent(void *arg)
{
    struct tls_server server;
    struct stream s;
    struct error err;
    (void)arg;

    tls_server_start(&server, TLS_SILENT, &ours, "DNS:api.test", 5);
    int64_t began = clock_mono_ns();
    assert_false(start_tls(&s, &server, "api.test", ours.file, began + 60 * NS_PER_MS, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_TIMEOUT);
    assert_true(clock_mono_ns() - began >= 60 * NS_PER_MS);
    stream_close(&s);
    tls_server_stop(&server);
}

static void test_a_silent_server_is_a_timeout(void **state)
{
    (void)state;
    run_on_loop(silent, NULL);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void read_to_end(enum tls_mode mode, enum stream_result end)
{
    struct tls_server server;
    struct stream s;
    struct error err;
    char bytes[16];
    size_t got = 0;
    ssize_t n;

    tls_server_start(&server, mode, &ours, "DNS:api.test", 5);
    assert_true(start_tls(&s, &server, "api.test", ours.file, soon(), &err));
    while ((n = stream_read(&s, bytes + got, sizeof(bytes) - got, soon())) > 0)
        got += (size_t)n;
    assert_int_equal(n, end);
    assert_true(view_eq(view_of(bytes, got), VIEW("hello")));
    stream_close(&s);
    stream_close(&s); /* harmless */
    tls_server_stop(&server);
}

static void both_ends(void *arg)
{
    (void)arg;
    read_to_end(TLS_GOODBYE, STREAM_END);
    read_to_end(TLS_CUT, STREAM_BROKEN);
}

static void test_only_close_notify_is_an_end(void **state)
{
    (void)state;
    run_on_loop(both_ends, NULL);
}

/* Behind an answer that was read whole there is no input, although the socket was readable (TLS 1.3
 * also sends tickets); the server's goodbye is input. */
static void idle(void *arg)
{
    struct tls_server server;
    struct stream s;
    struct error err;
    char byte[8];
    (void)arg;

    tls_server_start(&server, TLS_ECHO, &ours, "DNS:api.test", 5);
    assert_true(start_tls(&s, &server, "api.test", ours.file, soon(), &err));
    task_sleep_ms(20);
    assert_false(stream_has_input(&s));
    assert_true(write_all(&s, "abc", 3));
    assert_int_equal(stream_read(&s, byte, 1, soon()), 1);
    assert_true(stream_has_input(&s)); /* "bc" was decrypted already */
    assert_int_equal(stream_read(&s, byte, 8, soon()), 2);
    assert_false(stream_has_input(&s));
    assert_true(write_all(&s, "x", 1));
    for (int i = 0; i < 1000 && !stream_has_input(&s); i++)
        task_sleep_ms(1);
    assert_true(stream_has_input(&s));
    assert_int_equal(stream_read(&s, byte, 8, soon()), 1); /* looking took nothing away */
    assert_int_equal(byte[0], 'x');
    stream_close(&s);
    tls_server_stop(&server);

    tls_server_start(&server, TLS_GOODBYE, &ours, "DNS:api.test", 5);
    assert_true(start_tls(&s, &server, "api.test", ours.file, soon(), &err));
    assert_int_equal(stream_read(&s, byte, 5, soon()), 5);
    for (int i = 0; i < 1000 && !stream_has_input(&s); i++)
        task_sleep_ms(1);
    assert_true(stream_has_input(&s));
    stream_close(&s);
    tls_server_stop(&server);
}

static void test_idle_connections(void **state)
{
    (void)state;
    run_on_loop(idle, NULL);
}

/* ---- large transfers ----------------------------------------------------------------------- */

enum { LARGE = 8 << 20 };

static char *there;
static bool all_sent;

static void send_large(void *arg)
{
    all_sent = write_all(arg, there, LARGE);
}

/* One task writes while another reads: both directions are full at the same time. */
static void large(void *arg)
{
    struct tls_server server;
    struct stream s;
    struct error err;
    char *back = malloc(LARGE);
    size_t got = 0;
    (void)arg;

    there = malloc(LARGE);
    assert_true(there && back);
    for (size_t i = 0; i < LARGE; i++)
        there[i] = (char)(i * 31 + i / 251);
    tls_server_start(&server, TLS_ECHO, &ours, "DNS:api.test", 5);
    assert_true(start_tls(&s, &server, "api.test", ours.file, soon(), &err));
    assert_non_null(task_spawn(loop_current(), "sender", send_large, &s));
    while (got < LARGE) {
        ssize_t n = stream_read(&s, back + got, LARGE - got, soon());
        if (n <= 0)
            fail_msg("after %zu bytes: %zd", got, n);
        got += (size_t)n;
    }
    assert_true(all_sent);
    assert_memory_equal(there, back, LARGE);
    stream_close(&s);
    tls_server_stop(&server);
    free(there);
    free(back);
}

static void test_large_transfers(void **state)
{
    (void)state;
    run_on_loop(large, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_trusted),
        cmocka_unit_test(test_the_system_store),
        cmocka_unit_test(test_a_silent_server_is_a_timeout),
        cmocka_unit_test(test_only_close_notify_is_an_end),
        cmocka_unit_test(test_idle_connections),
        cmocka_unit_test(test_large_transfers),
    };
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    authority_make(&ours, "ours");
    authority_make(&theirs, "theirs");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    authority_done(&ours);
    authority_done(&theirs);
    return failed;
}
