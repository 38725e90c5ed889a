/* The breaker, on given clocks. */
#include "base/clock.h"
#include "fleet/breaker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIDDLE 0.5 /* the chance that changes nothing */

static const struct config_breaker RULES = {
    .failures = 3, .error_rate = 0.5, .window_ms = 30000, .slow_ms = 0, .open_ms = 10000};

static struct breaker_moment at_s(double seconds)
{
    return (struct breaker_moment){.now_ns = (int64_t)(1000 + seconds) * NS_PER_S,
                                   .chance = MIDDLE};
}

/* A letter a second: f failed, k could not connect, o answered, s answered slowly. */
static bool opens(const struct config_breaker *rules, const char *course)
{
    struct breaker b = {.near = false};

    for (unsigned i = 0; course[i]; i++) {
        int64_t first = course[i] == 's' ? 5 * NS_PER_S : NS_PER_MS;
        const char *why =
            course[i] == 'f' || course[i] == 'k'
                ? breaker_failed(&b, rules, course[i] == 'k' ? BREAKER_CONNECT : BREAKER_GENERATE,
                                 at_s(i))
                : breaker_answered(&b, rules, first, at_s(i));
        assert_int_equal(why != NULL, b.state == BREAKER_OPEN);
        if (why)
            return true;
    }
    return false;
}

static void test_when_it_opens(void **state)
{
    struct config_breaker slow = RULES, no_rate = RULES;
    (void)state;

    slow.slow_ms = 2000;
    no_rate.error_rate = 0;
    const struct {
        const struct config_breaker *rules;
        const char *course;
        bool opens;
    } table[] = {
        {&RULES, "ff", false},
        {&RULES, "fff", true},
        {&RULES, "fkf", true},
        {&RULES, "ffoff", false},
        {&RULES, "fofofofof", false},  /* of nine no rate is made */
        {&RULES, "fofofofofof", true}, /* half of ten */
        {&RULES, "ooofoofoofoofoofoof", false},
        {&no_rate, "fofofofofofofofofofo", false},
        {&RULES, "ssssssssssssssss", false},
        {&slow, "sssssssss", false},
        {&slow, "ssssssssss", true},
        {&slow, "ososososososos", true},
        {&slow, "oooosoooosoooos", false},
        {&slow, "sfosfosfosfo", true}, /* both count */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (opens(table[i].rules, table[i].course) != table[i].opens)
            fail_msg("row %zu: '%s'", i, table[i].course);
}

/* What is older than the window is forgotten, a tenth of it at a time. */
static void test_the_window_rolls(void **state)
{
    struct breaker b = {.near = false};
    (void)state;

    for (unsigned i = 0; i < 20; i++)
        assert_null(breaker_answered(&b, &RULES, 0, at_s(0)));
    for (unsigned i = 0; i < 8; i++) { /* 8 of 28 are bad */
        assert_null(breaker_failed(&b, &RULES, BREAKER_GENERATE, at_s(26)));
        assert_null(breaker_answered(&b, &RULES, 0, at_s(29)));
    }
    /* the twenty are gone: 9 of 17 */
    assert_non_null(breaker_failed(&b, &RULES, BREAKER_GENERATE, at_s(31)));
}

/* After it closed it is not opened by what was before. */
static void test_it_begins_anew(void **state)
{
    struct breaker b = {.near = false};
    (void)state;

    for (unsigned i = 0; i < 3; i++)
        (void)breaker_failed(&b, &RULES, BREAKER_GENERATE, at_s(0));
    assert_int_equal(b.state, BREAKER_OPEN);
    for (unsigned i = 0; i < 30; i++) /* in despair */
        assert_null(breaker_failed(&b, &RULES, BREAKER_GENERATE, at_s(1)));
    assert_null(breaker_answered(&b, &RULES, 0, at_s(2)));
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_null(breaker_failed(&b, &RULES, BREAKER_GENERATE, at_s(3)));
}

static void test_half_open(void **state)
{
    struct breaker b = {.near = false};
    (void)state;

    breaker_trip(&b, &RULES, BREAKER_CONNECT, at_s(0));
    assert_int_equal(b.state, BREAKER_OPEN);
    breaker_half_open(&b, &RULES, at_s(10));
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    assert_true(b.look_ns > at_s(10).now_ns);
    /* One failure opens it again, and what it must show is now another thing. */
    assert_non_null(breaker_failed(&b, &RULES, BREAKER_GENERATE, at_s(11)));
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.cause, BREAKER_GENERATE);
    breaker_half_open(&b, &RULES, at_s(30));
    assert_null(breaker_answered(&b, &RULES, 0, at_s(31)));
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static int64_t pause_ms(const struct breaker *b, struct breaker_moment at)
{
    return (b->look_ns - at.now_ns) / NS_PER_MS;
}

static void test_looks_in_vain_come_later_and_later(void **state)
{
    static const int64_t pauses_ms[] = {15000, 22500, 33750, 50625, 60000, 60000, 60000};
    struct breaker b = {.near = false};
    (void)state;

    breaker_trip(&b, &RULES, BREAKER_GENERATE, at_s(0));
    assert_int_equal(pause_ms(&b, at_s(0)), 10000);
    for (unsigned i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        breaker_looked_in_vain(&b, &RULES, BREAKER_GENERATE, at_s(100 * i));
        assert_int_equal(pause_ms(&b, at_s(100 * i)), pauses_ms[i]);
    }
    struct breaker_moment early = at_s(0), late = at_s(0);
    early.chance = 0;
    late.chance = 0.999;
    breaker_looked_in_vain(&b, &RULES, BREAKER_GENERATE, early);
    assert_int_equal(pause_ms(&b, early), 45000);
    breaker_looked_in_vain(&b, &RULES, BREAKER_GENERATE, late);
    assert_int_equal(pause_ms(&b, late), 60000); /* never beyond */
    breaker_trip(&b, &RULES, BREAKER_GENERATE, late);
    assert_in_range(pause_ms(&b, late), 12490, 12500);
}

/* An engine that is restarted near by is back within seconds. */
static void test_a_near_node_is_looked_at_each_second(void **state)
{
    struct breaker near = {.near = true}, far = {.near = false};
    (void)state;

    breaker_trip(&near, &RULES, BREAKER_CONNECT, at_s(0));
    assert_int_equal(pause_ms(&near, at_s(0)), 1000);
    for (unsigned i = 1; i < 60; i++) {
        breaker_looked_in_vain(&near, &RULES, BREAKER_CONNECT, at_s(i));
        assert_int_equal(pause_ms(&near, at_s(i)), 1000);
    }
    breaker_looked_in_vain(&near, &RULES, BREAKER_CONNECT, at_s(60)); /* then as all others */
    assert_int_equal(pause_ms(&near, at_s(60)), 15000);
    breaker_trip(&near, &RULES, BREAKER_GENERATE, at_s(0));
    assert_int_equal(pause_ms(&near, at_s(0)), 10000);
    breaker_trip(&far, &RULES, BREAKER_CONNECT, at_s(0));
    assert_int_equal(pause_ms(&far, at_s(0)), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_it_opens),
        cmocka_unit_test(test_the_window_rolls),
        cmocka_unit_test(test_it_begins_anew),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_looks_in_vain_come_later_and_later),
        cmocka_unit_test(test_a_near_node_is_looked_at_each_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
