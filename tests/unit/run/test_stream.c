#include "run/listener.h"
#include "run/stream.h"
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct listener listener;
static void (*serve_fn)(struct stream *s);
static unsigned served;

static void serve_one(int fd, void *arg)
{
    struct stream s;
    struct error err;
    (void)arg;
    assert_true(stream_accept(&s, fd, &err));
    serve_fn(&s);
    stream_close(&s);
    served++;
}

static uint16_t listen_here(void (*fn)(struct stream *s))
{
    struct error err;
    static struct loop *loops[1];
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);

    loops[0] = loop_current();
    serve_fn = fn;
    listener = (struct listener){.fd = listener_open(VIEW("127.0.0.1"), 0, &err),
                                 .loops = loops,
                                 .n_loops = 1,
                                 .max_connections = 100,
                                 .serve = serve_one};
    assert_true(listener.fd >= 0);
    assert_true(listener_start(&listener, &err));
    assert_int_equal(getsockname(listener.fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static void stop_listening(void)
{
    listener_stop(&listener);
    while (listener.task)
        task_yield();
    close(listener.fd);
}

static void connect_to(struct stream *s, uint16_t port)
{
    static struct resolver_answer answer;
    struct error err;
    assert_true(resolver_lookup(VIEW("127.0.0.1"), port, TIMER_NEVER, &answer, &err));
    assert_true(stream_connect(s, &answer, clock_mono_ns() + NS_PER_S, &err));
}

static enum stream_result write_all(struct stream *s, const char *text, size_t n)
{
    struct iovec iov[2] = {{(void *)(uintptr_t)text, n / 2},
                           {(void *)(uintptr_t)(text + n / 2), n - n / 2}};
    return stream_writev(s, iov, 2, clock_mono_ns() + 5 * NS_PER_S, 0);
}

static void echo(struct stream *s)
{
    char bytes[64 * 1024 / 8];
    ssize_t n;
    while ((n = stream_read(s, bytes, sizeof(bytes), clock_mono_ns() + NS_PER_S)) > 0)
        assert_int_equal(write_all(s, bytes, (size_t)n), STREAM_OK);
    assert_int_equal(n, STREAM_END);
}

static char big[1 << 20], back[1 << 20];

static void send_big(void *arg)
{
    assert_int_equal(write_all(arg, big, sizeof(big)), STREAM_OK);
}

static void echo_client(void *arg)
{
    (void)arg;
    struct stream s;
    uint16_t port = listen_here(echo);
    connect_to(&s, port);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 251);
    task_spawn(loop_current(), "sender", send_big, &s);
    size_t got = 0;
    while (got < sizeof(back)) {
        ssize_t n = stream_read(&s, back + got, sizeof(back) - got, clock_mono_ns() + NS_PER_S);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_memory_equal(big, back, sizeof(big));
    stream_close(&s);
    while (served < 1)
        task_yield();
    stop_listening();
}

static void test_a_megabyte_there_and_back(void **state)
{
    (void)state;
    served = 0;
    run_on_loop(echo_client, NULL);
}

static void say_nothing(struct stream *s)
{
    char c;
    assert_int_equal(stream_read(s, &c, 1, TIMER_NEVER), STREAM_END);
}

static void timeout_client(void *arg)
{
    (void)arg;
    struct stream s;
    char c;
    connect_to(&s, listen_here(say_nothing));
    int64_t began = clock_mono_ns();
    assert_int_equal(stream_read(&s, &c, 1, began + 30 * NS_PER_MS), STREAM_TIMEOUT);
    assert_true(clock_mono_ns() - began >= 30 * NS_PER_MS);
    assert_false(stream_has_input(&s));
    stream_close(&s);
    while (served < 1)
        task_yield();
    stop_listening();
}

static void test_a_read_obeys_its_deadline(void **state)
{
    (void)state;
    served = 0;
    run_on_loop(timeout_client, NULL);
}

/* The server task waits for something else; the client's FIN, behind bytes that nobody read,
 * cancels it. */
static void watches_client(struct stream *s)
{
    io_watch_peer(&s->io, task_current());
    assert_int_equal(task_sleep_ms(20000), WAIT_CANCELLED);
    io_watch_peer(&s->io, NULL);
}

static void leaving_client(void *arg)
{
    (void)arg;
    struct stream s;
    connect_to(&s, listen_here(watches_client));
    assert_int_equal(write_all(&s, "unread bytes", 12), STREAM_OK);
    task_sleep_ms(20);
    shutdown(s.io.fd, SHUT_WR);
    while (served < 1)
        task_sleep_ms(1);
    stream_close(&s);
    stop_listening();
}

static void test_a_client_that_leaves_cancels(void **state)
{
    (void)state;
    served = 0;
    run_on_loop(leaving_client, NULL);
}

static void resets(struct stream *s)
{
    char c;
    assert_int_equal(stream_read(s, &c, 1, TIMER_NEVER), 1);
    stream_abort(s);
}

static void reset_client(void *arg)
{
    (void)arg;
    struct stream s;
    char c;
    connect_to(&s, listen_here(resets));
    assert_int_equal(write_all(&s, "xy", 2), STREAM_OK);
    assert_int_equal(stream_read(&s, &c, 1, clock_mono_ns() + NS_PER_S), STREAM_BROKEN);
    stream_close(&s);
    stop_listening();
}

static void test_a_reset_is_no_end(void **state)
{
    (void)state;
    run_on_loop(reset_client, NULL);
}

static void never_reads(struct stream *s)
{
    (void)s;
    task_sleep_ms(400);
}

static void stalled_writer(void *arg)
{
    (void)arg;
    struct stream s;
    connect_to(&s, listen_here(never_reads));
    enum stream_result result = STREAM_OK;
    int64_t stall = 50 * NS_PER_MS;
    for (int i = 0; i < 64 && result == STREAM_OK; i++) {
        struct iovec iov = {big, sizeof(big)};
        result = stream_writev(&s, &iov, 1, clock_mono_ns() + stall, stall);
    }
    assert_int_equal(result, STREAM_TIMEOUT);
    stream_close(&s);
    stop_listening();
}

static void test_a_peer_that_does_not_read_ends_in_a_timeout(void **state)
{
    (void)state;
    run_on_loop(stalled_writer, NULL);
}

static void refused_client(void *arg)
{
    (void)arg;
    struct stream s;
    struct error err;
    static struct resolver_answer answer;
    uint16_t port = listen_here(echo);
    stop_listening();
    assert_true(resolver_lookup(VIEW("127.0.0.1"), port, TIMER_NEVER, &answer, &err));
    assert_false(stream_connect(&s, &answer, clock_mono_ns() + NS_PER_S, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_REFUSED);
}

static void test_a_refused_connection_says_so(void **state)
{
    (void)state;
    run_on_loop(refused_client, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_megabyte_there_and_back),
        cmocka_unit_test(test_a_read_obeys_its_deadline),
        cmocka_unit_test(test_a_client_that_leaves_cancels),
        cmocka_unit_test(test_a_reset_is_no_end),
        cmocka_unit_test(test_a_peer_that_does_not_read_ends_in_a_timeout),
        cmocka_unit_test(test_a_refused_connection_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
