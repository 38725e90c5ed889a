/* The store of kept answers: bounds, expiry, eviction, owners, threads. */
#include "gateway/answers.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEEP = 1000, ROOM = 64 * 1024 };

static struct answers store;

/* Stands in for OpenSSL's, to see what is wiped. */
static _Atomic(size_t) wiped;

void OPENSSL_cleanse(void *p, size_t n)
{
    memset(p, 0, n);
    atomic_fetch_add(&wiped, n);
}

static int fresh(void **state)
{
    (void)state;
    answers_init(&store);
    answers_limit(&store, ROOM, KEEP, 0);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    answers_done(&store);
    return atomic_load(&store.bytes) == 0 ? 0 : -1; /* nothing leaked, nothing counted twice */
}

static void put_sized(const char *key, const char *id, struct answer *before, size_t size,
                      int64_t now)
{
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    struct answer *a = answer_new(&store, before, view_str(key), view_str(id), VIEW("in"));
    assert_non_null(a);
    answers_keep(&store, a, view_of(text, size), view_of(text, size / 2), now);
    answer_unref(a);
    free(text);
}

static void put(const char *key, const char *id, int64_t now)
{
    put_sized(key, id, NULL, 10, now);
}

static bool has(const char *key, const char *id, int64_t now)
{
    struct answer *a = answers_find(&store, view_str(key), view_str(id), now);
    bool found = a && a->object.n > 0;
    answer_unref(a);
    return found;
}

static void test_texts_are_copied(void **state)
{
    char input[] = "input", object[] = "{\"output\":[1]}", other[] = "2";
    struct answer *made = answer_new(&store, NULL, VIEW("k"), VIEW("a"), view_str(input));
    struct answer *apart = answer_new(&store, NULL, VIEW("k"), VIEW("b"), VIEW(""));
    (void)state;

    answers_keep(&store, made, view_str(object), view_of(object + 11, 1), 1);
    answers_keep(&store, apart, view_str(object), view_str(other), 1);
    answer_unref(made);
    answer_unref(apart);
    memset(input, 0, sizeof(input));
    memset(object, 0, sizeof(object));
    memset(other, 0, sizeof(other));

    struct answer *a = answers_find(&store, VIEW("k"), VIEW("a"), 2);
    assert_non_null(a);
    assert_true(view_eq(a->input, VIEW("input")));
    assert_true(view_eq(a->object, VIEW("{\"output\":[1]}")));
    assert_true(view_eq(a->output, VIEW("1")));
    answer_unref(a);
    a = answers_find(&store, VIEW("k"), VIEW("b"), 2);
    assert_non_null(a);
    assert_true(view_eq(a->output, VIEW("2")));
    answer_unref(a);
}

static void test_only_the_owner_finds_it(void **state)
{
    (void)state;

    put("alice", "resp_1", 1);
    assert_true(has("alice", "resp_1", 2));
    assert_false(has("bob", "resp_1", 2));
    assert_false(has("", "resp_1", 2));
    assert_false(has("alice", "resp_2", 2));
    assert_false(answers_drop(&store, VIEW("bob"), VIEW("resp_1"), 2));
    assert_true(answers_drop(&store, VIEW("alice"), VIEW("resp_1"), 2));
    assert_false(has("alice", "resp_1", 2));
    assert_false(answers_drop(&store, VIEW("alice"), VIEW("resp_1"), 2));
}

static void test_it_expires_after_its_last_use(void **state)
{
    (void)state;

    put("k", "used", 0);
    put("k", "left", 0);
    assert_true(has("k", "used", KEEP));
    assert_false(has("k", "left", KEEP + 1));
    assert_true(has("k", "used", KEEP + KEEP));
    assert_false(has("k", "used", 3 * KEEP + 1));
    assert_int_not_equal(atomic_load(&store.bytes), 0);
    answers_expire(&store, 3 * KEEP + 1);
    assert_int_equal(atomic_load(&store.bytes), 0);
}

static void test_the_least_recently_used_goes_first(void **state)
{
    (void)state;

    put_sized("k", "a", NULL, ROOM / 4, 1);
    put_sized("k", "b", NULL, ROOM / 4, 2);
    put_sized("k", "c", NULL, ROOM / 4, 3);
    assert_true(has("k", "a", 4));
    put_sized("k", "d", NULL, ROOM / 4, 5);
    assert_true(has("k", "a", 6));
    assert_false(has("k", "b", 6));
    assert_true(has("k", "c", 6) && has("k", "d", 6));
    assert_true(atomic_load(&store.bytes) <= ROOM);
}

/* A conversation holds what it goes on from, whatever becomes of the former ids. */
static void test_a_turn_holds_those_before_it(void **state)
{
    (void)state;

    put_sized("k", "one", NULL, ROOM / 4, 1);
    struct answer *one = answers_find(&store, VIEW("k"), VIEW("one"), 2);
    put_sized("k", "two", one, ROOM / 4, 3);
    answer_unref(one);
    assert_true(answers_drop(&store, VIEW("k"), VIEW("one"), 4));
    assert_true(atomic_load(&store.bytes) > ROOM / 2);

    struct answer *two = answers_find(&store, VIEW("k"), VIEW("two"), 5);
    assert_non_null(two);
    assert_int_equal(two->before->object.n, ROOM / 4);
    assert_true(two->whole > ROOM / 2);
    answer_unref(two);
    assert_true(answers_drop(&store, VIEW("k"), VIEW("two"), 6));
    assert_int_equal(atomic_load(&store.bytes), 0);
}

static void test_one_that_is_too_long_is_named_but_not_kept(void **state)
{
    (void)state;

    put("k", "small", 1);
    put_sized("k", "large", NULL, ROOM, 2);
    struct answer *large = answers_find(&store, VIEW("k"), VIEW("large"), 3);
    assert_non_null(large);
    assert_int_equal(large->object.n, 0);
    assert_int_equal(large->input.n, 0);
    answer_unref(large);
    assert_true(has("k", "small", 3)); /* nobody was driven out for it */

    put_sized("k", "half", NULL, ROOM / 2, 4);
    struct answer *half = answers_find(&store, VIEW("k"), VIEW("half"), 5);
    put_sized("k", "whole", half, ROOM / 2, 6); /* it counts with what it goes on from */
    answer_unref(half);
    assert_false(has("k", "whole", 7));
    assert_true(has("k", "half", 7));
}

static void test_all_of_it_is_wiped(void **state)
{
    (void)state;

    put("k", "a", 1);
    size_t kept = atomic_load(&store.bytes);
    assert_true(kept > sizeof(struct answer));
    atomic_store(&wiped, 0);
    assert_true(answers_drop(&store, VIEW("k"), VIEW("a"), 2));
    assert_int_equal(atomic_load(&wiped), kept);
}

/* What requests under way hold counts, and cannot be driven out. */
static void test_no_room_beside_what_is_in_use(void **state)
{
    (void)state;

    put_sized("k", "held", NULL, ROOM / 4 * 3, 1);
    struct answer *held = answers_find(&store, VIEW("k"), VIEW("held"), 2);
    put_sized("k", "more", NULL, ROOM / 2, 3);
    assert_false(has("k", "more", 4));
    assert_true(atomic_load(&store.bytes) <= ROOM);
    assert_int_equal(held->object.n, ROOM / 4 * 3);
    answer_unref(held);
}

static void test_new_limits(void **state)
{
    (void)state;

    put_sized("k", "a", NULL, ROOM / 4, 1);
    put_sized("k", "b", NULL, ROOM / 4, 2);
    answers_limit(&store, ROOM / 2, KEEP, 3);
    assert_false(has("k", "a", 3));
    assert_true(has("k", "b", 3));
    answers_limit(&store, ROOM / 2, 10, 14);
    assert_false(has("k", "b", 14));
    put("k", "c", 15);
    answers_limit(&store, 0, KEEP, 16); /* off */
    assert_int_equal(atomic_load(&store.bytes), 0);
    put("k", "d", 17);
    assert_false(has("k", "d", 17));
    assert_null(answers_find(&store, VIEW("k"), VIEW("d"), 17));
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, TURNS = 2000 };

/* Conversations of its own, in a store that is too small for all: what is found is always right. */
static void *converse(void *arg)
{
    char key[8], id[24], text[64];
    size_t wrong = 0;

    snprintf(key, sizeof(key), "k%u", *(const unsigned *)arg);
    for (unsigned i = 0; i < TURNS; i++) {
        snprintf(id, sizeof(id), "%u", i ? i - 1 : 0);
        struct answer *before = answers_find(&store, view_str(key), view_str(id), i);
        snprintf(text, sizeof(text), "%s/%s", key, id);
        wrong += before && before->object.n && !view_eq(before->object, view_str(text));
        snprintf(id, sizeof(id), "%u", i);
        snprintf(text, sizeof(text), "%s/%s", key, id);
        struct answer *a =
            answer_new(&store, i % 9 ? before : NULL, view_str(key), view_str(id), view_str(text));
        wrong += !a;
        if (a)
            answers_keep(&store, a, view_str(text), view_str(text), i);
        answer_unref(a);
        answer_unref(before);
        if (i % 7 == 0)
            answers_drop(&store, view_str(key), view_str(id), i);
        if (i % 50 == 0)
            answers_expire(&store, i);
    }
    return (void *)wrong;
}

static void test_many_threads(void **state)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    (void)state;

    answers_limit(&store, ROOM / 4, KEEP, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, converse, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(atomic_load(&store.bytes) <= ROOM / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts_are_copied, fresh, empty),
        cmocka_unit_test_setup_teardown(test_only_the_owner_finds_it, fresh, empty),
        cmocka_unit_test_setup_teardown(test_it_expires_after_its_last_use, fresh, empty),
        cmocka_unit_test_setup_teardown(test_the_least_recently_used_goes_first, fresh, empty),
        cmocka_unit_test_setup_teardown(test_a_turn_holds_those_before_it, fresh, empty),
        cmocka_unit_test_setup_teardown(test_one_that_is_too_long_is_named_but_not_kept, fresh,
                                        empty),
        cmocka_unit_test_setup_teardown(test_no_room_beside_what_is_in_use, fresh, empty),
        cmocka_unit_test_setup_teardown(test_new_limits, fresh, empty),
        cmocka_unit_test_setup_teardown(test_all_of_it_is_wiped, fresh, empty),
        cmocka_unit_test_setup_teardown(test_many_threads, fresh, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
