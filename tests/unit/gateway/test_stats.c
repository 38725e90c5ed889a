/* Counters and histograms of finished exchanges. */
#include "gateway/stats.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct stats stats;

static int fresh(void **state)
{
    (void)state;
    memset(&stats, 0, sizeof(stats));
    return 0;
}

static struct ledger_record answered(void)
{
    return (struct ledger_record){.task = VIEW("coding"),
                                  .side = SIDE_OUTSIDE,
                                  .backend = VIEW("openai"),
                                  .tokens_in = 10,
                                  .tokens_out = 5,
                                  .tokens_cached = 3,
                                  .status = 200,
                                  .outcome = VIEW("ok"),
                                  .first_token_us = 15000,
                                  .total_us = 1300000,
                                  .cost_nano = 250};
}

static unsigned long get(const _Atomic(uint64_t) *p)
{
    return (unsigned long)atomic_load(p);
}

static void test_an_answer(void **state)
{
    struct ledger_record r = answered();
    (void)state;

    stats_record(&stats, &r);
    stats_record(&stats, &r);
    assert_int_equal(get(&stats.exchanges), 2);
    assert_int_equal(get(&stats.refused), 0);
    assert_int_equal(get(&stats.by_task[TASK_CODING]), 2);
    assert_int_equal(atomic_load(&stats.n_backends), 1);
    const struct stats_backend *b = &stats.backends[0];
    assert_string_equal(b->name, "openai");
    assert_int_equal(b->side, SIDE_OUTSIDE);
    assert_int_equal(get(&b->ok), 2);
    assert_int_equal(get(&b->errors), 0);
    assert_int_equal(get(&b->tokens_in), 20);
    assert_int_equal(get(&b->tokens_out), 10);
    assert_int_equal(get(&b->tokens_cached), 6);
    assert_int_equal(get(&b->cost_nano), 500);
    assert_int_equal(get(&b->unpriced), 0);
    assert_int_equal(get(&b->duration.count), 2);
    assert_int_equal(get(&b->duration.sum_us), 2600000);
    assert_int_equal(get(&b->first_token.buckets[1]), 2); /* 10 to 20 ms */
}

static void test_what_is_no_answer(void **state)
{
    struct ledger_record r = answered();
    (void)state;

    r.side = -1; /* nobody answered */
    r.status = 401;
    r.task = VIEW("");
    stats_record(&stats, &r);
    assert_int_equal(get(&stats.refused), 1);
    assert_int_equal(atomic_load(&stats.n_backends), 0);
    r = answered();
    r.status = 499;
    r.outcome = VIEW("client_closed_request");
    r.first_token_us = -1; /* it did not come so far */
    r.cost_nano = LEDGER_UNPRICED;
    stats_record(&stats, &r);
    assert_int_equal(get(&stats.cancelled), 1);
    assert_int_equal(get(&stats.backends[0].ok), 0);
    assert_int_equal(get(&stats.backends[0].unpriced), 1);
    assert_int_equal(get(&stats.backends[0].cost_nano), 0);
    assert_int_equal(get(&stats.backends[0].first_token.count), 0);
    assert_int_equal(get(&stats.backends[0].duration.count), 1);
    stats_attempt_failed(&stats, VIEW("openai"), SIDE_OUTSIDE);
    stats_attempt_failed(&stats, VIEW("lab"), SIDE_INSIDE);
    stats_attempt_failed(&stats, VIEW(""), SIDE_INSIDE);
    assert_int_equal(get(&stats.backends[0].errors), 1);
    assert_int_equal(get(&stats.backends[1].errors), 1);
    assert_int_equal(atomic_load(&stats.n_backends), 2);
    assert_int_equal(get(&stats.exchanges), 2);
}

/* A bound belongs to its bucket (Prometheus: le). */
static void test_buckets(void **state)
{
    (void)state;

    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        struct ledger_record r = answered();
        r.total_us = i < STATS_BUCKETS - 1 ? (int64_t)(stats_bounds[i] * 1e6 + .5) : 81920001;
        stats_record(&stats, &r);
        if (i < STATS_BUCKETS - 1)
            assert_true(i == 0 || stats_bounds[i] > stats_bounds[i - 1]);
        assert_int_equal(get(&stats.backends[0].duration.buckets[i]), 1);
        if (i + 2 < STATS_BUCKETS) {
            r.total_us++;
            stats_record(&stats, &r);
            assert_int_equal(get(&stats.backends[0].duration.buckets[i + 1]), 1);
            atomic_fetch_sub(&stats.backends[0].duration.buckets[i + 1], 1);
        }
    }
    struct ledger_record r = answered();
    r.total_us = 0;
    stats_record(&stats, &r);
    assert_int_equal(get(&stats.backends[0].duration.buckets[0]), 2);
    assert_int_equal(get(&stats.backends[0].duration.count), 2 * STATS_BUCKETS - 1);
}

static void test_more_names_than_places(void **state)
{
    (void)state;
    for (int i = 0; i < STATS_MAX_BACKENDS + 10; i++) {
        char name[20];
        struct ledger_record r = answered();
        snprintf(name, sizeof(name), "b%d", i);
        r.backend = view_str(name);
        stats_record(&stats, &r);
        stats_attempt_failed(&stats, r.backend, SIDE_OUTSIDE);
    }
    assert_int_equal(atomic_load(&stats.n_backends), STATS_MAX_BACKENDS);
    assert_int_equal(get(&stats.exchanges), STATS_MAX_BACKENDS + 10);
}

static void *add_many(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        char name[20];
        struct ledger_record r = answered();
        snprintf(name, sizeof(name), "b%d", i % 20);
        r.backend = view_str(name);
        stats_record(&stats, &r);
    }
    return arg;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    (void)state;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&stats.n_backends), 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(get(&stats.backends[i].ok), 400);
}

#define TEST(fn) cmocka_unit_test_setup(fn, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer), TEST(test_what_is_no_answer),      TEST(test_buckets),
        TEST(test_threads),   TEST(test_more_names_than_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
