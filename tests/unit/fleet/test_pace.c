/* What one more request would meet at a node, from what is measured and told. */
#include "simulation.h"

static const int64_t T0 = 1000 * NS_PER_S;

static struct node_load told(int64_t running, int64_t queued)
{
    struct node_load load = LOAD_UNKNOWN;

    load.running = running;
    load.queued = queued;
    return load;
}

/* One request that came at `from`, behind `own` others of ours, and was answered at `to`. */
static void serve(struct pace *p, unsigned own, int64_t from, int64_t to)
{
    struct pace_stay stay = pace_arrive(p, own, from);
    pace_served(p, &stay, to);
}

static void test_each_request_counts_once(void **state)
{
    static const struct {
        int64_t running, queued;
        unsigned own_then, own_now, jobs;
    } cases[] = {
        {3, 0, 3, 3, 3},  /* only ours */
        {5, 2, 3, 3, 7},  /* four of others, running or waiting */
        {5, 2, 3, 0, 4},  /* ours have ended, theirs not yet */
        {5, 2, 3, 9, 13}, /* more of ours went there since */
        {1, 0, 3, 3, 3},  /* two of ours were on their way */
        {-1, -1, 3, 3, 3}, {4, -1, 3, 3, 4},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pace p = {0};
        struct node_load load = told(cases[i].running, cases[i].queued);
        pace_read(&p, &load, cases[i].own_then, T0 - 2, T0);
        assert_int_equal(pace_jobs(&p, cases[i].own_now, T0 - 1), cases[i].jobs);
        assert_int_equal(pace_jobs(&p, cases[i].own_now, T0), cases[i].own_now); /* too old */
    }
}

static void read_at(struct pace *p, int64_t running, int64_t queued, int64_t at)
{
    struct node_load load = told(running, queued);
    pace_read(p, &load, 0, at, at + 5 * NS_PER_S);
}

/* As many as ran while others waited twice; a quarter more a reading, until somebody waits again.
 */
static void test_the_width_is_learnt(void **state)
{
    struct pace p = {0};
    static const struct {
        int64_t running, queued;
        unsigned width;
    } readings[] = {{3, 0, 0}, /* nobody waits: it may be any */
                    {4, 2, 0}, /* somebody may have been on the way in */
                    {4, 2, 4},   {4, 0, 6},   {5, 0, 6}, {6, 0, 8}, {8, 0, 11},
                    {11, 3, 11}, {10, 3, 10}, /* its cache holds fewer long ones */
                    {3, 0, 10},  {0, 3, 10},  {0, 3, 1}, {1, 0, 2}, {-1, -1, 2}};
    int64_t now = T0;
    (void)state;

    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++, now += NS_PER_S) {
        read_at(&p, readings[i].running, readings[i].queued, now);
        assert_int_equal(pace_width(&p), readings[i].width);
    }
    /* Two that have nothing to do with each other teach nothing. */
    read_at(&p, 9, 2, now);
    read_at(&p, 9, 2, now + 5 * NS_PER_S);
    assert_int_equal(pace_width(&p), 2);
}

static void test_the_width_is_told(void **state)
{
    struct pace p = {0};
    (void)state;

    pace_tell_width(&p, 4);
    read_at(&p, 9, 2, T0);
    read_at(&p, 9, 2, T0 + 1);
    assert_int_equal(pace_width(&p), 4);
    pace_tell_width(&p, 0); /* another engine, which does not say */
    assert_int_equal(pace_width(&p), 0);
    read_at(&p, 9, 2, T0 + 2);
    pace_tell_width(&p, 0);
    assert_int_equal(pace_width(&p), 9);
}

/* To compare nodes anything is better than nothing; what must not be wrong is told, or of readings
 * that still come. */
static void test_how_sure_a_width_is(void **state)
{
    struct pace p = {0};
    int64_t later = T0 + 60 * NS_PER_S;
    (void)state;

    pace_guess_width(&p, 2);
    assert_int_equal(pace_width(&p), 2);
    assert_int_equal(pace_crowd(&p, 0, T0).width, 0);
    read_at(&p, 8, 1, T0);
    read_at(&p, 8, 1, T0 + 1);
    assert_int_equal(pace_crowd(&p, 0, T0 + 1).width, 8);
    assert_int_equal(pace_crowd(&p, 0, later).width, 0);
    assert_int_equal(pace_width(&p), 8);
    pace_tell_width(&p, 4);
    assert_int_equal(pace_crowd(&p, 0, later).width, 4);
}

static void test_what_a_reading_does_not_have(void **state)
{
    struct pace p = {0};
    struct node_load load = told(7, 2);
    (void)state;

    assert_int_equal(pace_crowd(&p, 3, T0).unread, 3);
    pace_read(&p, &load, 5, T0, T0 + NS_PER_S);
    assert_int_equal(pace_crowd(&p, 0, T0).queued, 2);
    assert_int_equal(pace_crowd(&p, 9, T0).unread, 4);
    assert_int_equal(pace_crowd(&p, 1, T0).unread, 0);
    assert_int_equal(pace_crowd(&p, 0, T0 + NS_PER_S).queued, 0); /* too old */
    assert_int_equal(pace_crowd(&p, 9, T0 + NS_PER_S).unread, 9);
}

static void test_the_time_of_a_request_that_does_not_wait(void **state)
{
    static const struct {
        unsigned width, before;
        int64_t took_s, service_s;
    } cases[] = {
        {0, 0, 6, 6}, {0, 5, 6, 6}, /* a width is not known: nothing is taken off */
        {4, 0, 6, 6}, {4, 3, 6, 6}, {4, 4, 10, 8}, {4, 11, 12, 4}, {1, 1, 6, 3},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pace p = {0};
        pace_tell_width(&p, cases[i].width);
        for (unsigned k = 0; k < 8; k++) {
            assert_int_equal(pace_service_ns(&p, T0), 0); /* too few */
            serve(&p, cases[i].before, T0, T0 + cases[i].took_s * NS_PER_S);
        }
        assert_int_equal(pace_service_ns(&p, T0 + 20 * NS_PER_S), cases[i].service_s * NS_PER_S);
    }
}

static void test_measures_are_smoothed_and_forgotten(void **state)
{
    struct pace p = {0};
    int64_t now = T0;
    (void)state;

    for (unsigned i = 0; i < 50; i++, now += NS_PER_S)
        serve(&p, 0, now - NS_PER_S, now);
    serve(&p, 0, now - 33 * NS_PER_S, now);
    assert_in_range(pace_service_ns(&p, now), 19 * NS_PER_S / 10, 21 * NS_PER_S / 10);
    assert_int_equal(pace_service_ns(&p, now + 61 * NS_PER_S), 0);
    /* What was before a long silence says nothing any more. */
    now += 3600 * NS_PER_S;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pace_service_ns(&p, now), 0);
        serve(&p, 0, now - 5 * NS_PER_S, now);
    }
    assert_int_equal(pace_service_ns(&p, now), 5 * NS_PER_S);
}

static void test_loading_is_measured_apart(void **state)
{
    struct pace p = {0};
    (void)state;

    assert_int_equal(pace_loading_ns(&p), 10 * NS_PER_S);
    for (unsigned i = 0; i < 8; i++)
        serve(&p, 0, T0 - 2 * NS_PER_S, T0);
    pace_expect_load(&p);
    serve(&p, 0, T0, T0 + 8 * NS_PER_S);
    assert_int_equal(pace_loading_ns(&p), 6 * NS_PER_S);
    assert_int_equal(pace_service_ns(&p, T0 + 8 * NS_PER_S), 2 * NS_PER_S);
    serve(&p, 0, T0 + 8 * NS_PER_S, T0 + 10 * NS_PER_S); /* the next one finds it loaded */
    assert_int_equal(pace_loading_ns(&p), 6 * NS_PER_S);
    pace_expect_load(&p);
    serve(&p, 0, T0 + 10 * NS_PER_S, T0 + 16 * NS_PER_S);
    assert_int_equal(pace_loading_ns(&p), 5 * NS_PER_S);
}

static void test_slow_start(void **state)
{
    static const struct {
        int64_t age_s, slow_start_s;
        unsigned percent;
    } cases[] = {{0, 30, 10}, {2, 30, 10}, {15, 30, 50}, {30, 30, 100}, {60, 30, 100}, {0, 0, 100}};
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pace p = {0};
        pace_start(&p, T0);
        double warmth =
            pace_warmth(&p, cases[i].slow_start_s * NS_PER_S, T0 + cases[i].age_s * NS_PER_S);
        assert_int_equal(lround(warmth * 100), cases[i].percent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_request_counts_once),
        cmocka_unit_test(test_the_width_is_learnt),
        cmocka_unit_test(test_the_width_is_told),
        cmocka_unit_test(test_how_sure_a_width_is),
        cmocka_unit_test(test_what_a_reading_does_not_have),
        cmocka_unit_test(test_the_time_of_a_request_that_does_not_wait),
        cmocka_unit_test(test_measures_are_smoothed_and_forgotten),
        cmocka_unit_test(test_loading_is_measured_apart),
        cmocka_unit_test(test_slow_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
