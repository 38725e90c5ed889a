/* Questions that nobody answers, and names that are none; answers are for tests/scenario. */
#include "run/dns.h"
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* So long the questions of one lookup are asked by themselves: twice, a second each. */
enum { PATIENCE_MS = 2000 };

/* A server that says nothing. */
struct silent {
    int fd;
    char address[32];
};

static struct silent silent_open(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct silent s = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

    assert_int_equal(bind(s.fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&at, &len), 0);
    snprintf(s.address, sizeof(s.address), "127.0.0.1:%u", ntohs(at.sin_port));
    return s;
}

static bool ask(bool services, struct view name, struct view server, int64_t ms, struct error *err)
{
    struct dns_addresses *a = calloc(1, sizeof(*a));
    struct dns_services *s = calloc(1, sizeof(*s));
    int64_t deadline = clock_mono_ns() + ms * NS_PER_MS;

    a->n = s->n = 77;
    bool ok = services ? dns_ask_services(name, server, deadline, s, err)
                       : dns_ask_addresses(name, server, deadline, a, err);
    assert_true(ok || (a->n == 77 && s->n == 77)); /* untouched on failure */
    free(a);
    free(s);
    return ok;
}

static void deadlines(void *arg)
{
    struct silent *s = arg;
    struct error err;

    for (int services = 0; services < 2; services++) {
        int64_t best = INT64_MAX; /* of three: the machine may be busy */
        for (int i = 0; i < 3; i++) {
            int64_t begun = clock_mono_ns();
            assert_false(ask(services, VIEW("engines.test"), view_str(s->address), 80, &err));
            assert_int_equal(err.code, ERROR_UPSTREAM_TIMEOUT);
            int64_t took = clock_mono_ns() - begun;
            assert_true(took >= 75 * NS_PER_MS);
            best = took < best ? took : best;
        }
        assert_true(best < PATIENCE_MS * NS_PER_MS);
    }
}

static void test_a_deadline(void **state)
{
    struct silent s = silent_open();
    (void)state;

    run_on_loop(deadlines, &s);
    close(s.fd);
}

static enum error_code left_with;

static void ask_for_long(void *arg)
{
    struct error err;

    assert_false(ask(false, VIEW("engines.test"), view_str(arg), 60000, &err));
    left_with = err.code;
}

static void cancel_soon(void *arg)
{
    struct silent *s = arg;
    struct task *t = task_spawn(loop_current(), "ask", ask_for_long, s->address);

    assert_int_equal(task_sleep_ms(20), WAIT_TIMEOUT);
    task_cancel(t);
    while (left_with == ERROR_NONE)
        assert_int_equal(task_sleep_ms(1), WAIT_TIMEOUT);
}

static void test_a_cancel(void **state)
{
    struct silent s = silent_open();
    (void)state;

    left_with = ERROR_NONE;
    run_on_loop(cancel_soon, &s);
    assert_int_equal(left_with, ERROR_CANCELLED);
    close(s.fd);
}

static void wrong_names(void *arg)
{
    static char too_long[300];
    const struct {
        struct view name, server;
    } rows[] = {
        {VIEW(""), VIEW("127.0.0.1:53")},
        {view_of("a\0b", 3), VIEW("127.0.0.1:53")},
        {view_of(too_long, sizeof(too_long)), VIEW("127.0.0.1:53")},
        {VIEW("engines.test"), VIEW("no address")},
        {VIEW("engines.test"), view_of(too_long, sizeof(too_long))},
    };
    struct error err;
    (void)arg;

    memset(too_long, 'a', sizeof(too_long));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(ask(i % 2, rows[i].name, rows[i].server, 1000, &err));
        assert_int_equal(err.code, ERROR_UPSTREAM_REFUSED);
    }
}

static void test_wrong_names(void **state)
{
    (void)state;
    run_on_loop(wrong_names, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_deadline),
        cmocka_unit_test(test_a_cancel),
        cmocka_unit_test(test_wrong_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
