/* Nodes that come and go while others work with them. */
#include "support.h"

#include "fleet/forget.h"
#include "run/task.h"

#include <pthread.h>

#define LOOKED_UP                                                                           \
    "backends:\n"                                                                           \
    "  - {name: lab, side: inside, engine: vllm, discover: {dns: 'http://engines:8000'}}\n" \
    "  - {name: out, side: inside, engine: vllm, models: [m], url: 'http://127.0.0.1:9'}\n"

enum { MAX_CHANGE = 4 };

static int teardown(void **state)
{
    (void)state;
    node_free_all();
    return 0;
}

/* The fleet's first backend has nodes at these ports from now on; whether that is news. */
static bool change(struct fleet *f, const uint16_t *ports, unsigned n)
{
    struct config_node nodes[MAX_CHANGE] = {0};
    char texts[MAX_CHANGE][32];
    struct fleet_set *before;
    struct error err;

    assert_true(n <= MAX_CHANGE);
    for (unsigned i = 0; i < n; i++) {
        snprintf(texts[i], sizeof(texts[i]), "http://127.0.0.1:%u", ports[i]);
        nodes[i] = (struct config_node){.url = {.host = VIEW("engines"),
                                                .address = VIEW("127.0.0.1"),
                                                .port = ports[i],
                                                .text = view_str(texts[i])},
                                        .weight = 100};
    }
    assert_true(fleet_found(f, 0, nodes, n, &before, &err));
    fleet_set_unref(before);
    return before != NULL;
}

#define CHANGE(f, ...) \
    change((f), (uint16_t[]){__VA_ARGS__}, sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static struct node *pick(struct fleet *f, struct fleet_tried *tried, struct arena *a)
{
    return fleet_pick(f, &(struct fleet_wish){.backend = 0, .arena = a}, tried);
}

static void test_sets(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP);
    struct fleet_set *none = fleet_set_ref(f, 0);
    (void)state;

    assert_int_equal(none->n, 0);
    fleet_set_unref(none);
    assert_true(CHANGE(f, 1, 2));
    assert_false(CHANGE(f, 1, 2));
    struct node *one = node_of(f, 0, 0), *two = node_of(f, 0, 1);
    expect_view(one->text, "http://127.0.0.1:1");
    expect_view(one->origin.host, "engines"); /* what it is called, and where it is */
    expect_view(one->origin.address, "127.0.0.1");
    node_fails(one, 3, 3);

    struct fleet_set *held = fleet_set_ref(f, 0);
    assert_true(CHANGE(f, 2, 3));
    assert_int_equal(held->n, 2); /* whoever has a set keeps it */
    assert_ptr_equal(held->nodes[0].node, one);
    assert_false(node_is_member(one));
    assert_true(node_is_member(two));
    assert_ptr_equal(node_of(f, 0, 0), two);
    fleet_set_unref(held);

    assert_true(CHANGE(f, 1));
    assert_ptr_equal(node_of(f, 0, 0), one); /* as the one that it was */
    assert_int_equal(node_state(one, clock_mono_ns()), NODE_OPEN);
    fleet_unref(f);
    assert_false(node_is_member(one));
}

static void expect_models(struct fleet *f, unsigned n)
{
    struct arena *a = arena_new(1 << 20);
    struct policy_fleet view;

    assert_true(fleet_view(f, a, &view));
    assert_int_equal(view.backends[0].n_models, n);
    for (unsigned i = 0; i < n; i++)
        expect_view(view.backends[0].models[i].name, i ? "b" : "a");
    arena_free(a);
}

static void test_models_of_nodes_that_are_all_new(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP);
    (void)state;

    CHANGE(f, 1);
    expect_models(f, 0);
    node_lists(node_of(f, 0, 0), "{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}");
    fleet_refresh(f);
    expect_models(f, 2);
    CHANGE(f, 2); /* has not told anything, so it has what the other one had */
    expect_models(f, 2);
    fleet_refresh(f);
    expect_models(f, 2);
    node_lists(node_of(f, 0, 0), "{\"data\":[{\"id\":\"a\"}]}");
    fleet_refresh(f);
    expect_models(f, 1);
    node_lists(node_of(f, 0, 0), "{\"data\":[]}");
    fleet_refresh(f);
    expect_models(f, 0); /* it has none: that is known */
    fleet_unref(f);
}

/* One exchange: its places stay those of the set that it began with. */
static void test_an_exchange_over_a_change(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP);
    struct fleet_tried tried = {0}, later = {0};
    struct arena *a = arena_new(1 << 20);
    (void)state;

    CHANGE(f, 1, 2, 3);
    struct node *one = node_of(f, 0, 0), *three = node_of(f, 0, 2);
    struct node_use busy[2]; /* so that no draw decides */
    assert_true(node_begin(node_of(f, 0, 1), &busy[0]) && node_begin(three, &busy[1]));
    assert_ptr_equal(pick(f, &tried, a), one);
    CHANGE(f, 4, 3); /* 2 has left, and 3 stands where 2 stood */
    struct node *four = node_of(f, 0, 0);
    assert_ptr_equal(pick(f, &tried, a), three);
    assert_null(pick(f, &tried, a)); /* 4 is for those that begin now */
    assert_ptr_equal(pick(f, &later, a), four);
    assert_ptr_equal(pick(f, &later, a), three);
    (void)node_end(&busy[0], 0);
    (void)node_end(&busy[1], 0);
    assert_int_equal(node_count_released(), 0); /* the exchange holds 1 and 2 */
    arena_free(a);
    assert_int_equal(node_count_released(), 2);
    fleet_unref(f);
}

static void test_a_new_fleet_begins_with_what_was_found(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP), *same = fleet_of(LOOKED_UP);
    struct fleet *other = fleet_of("backends:\n"
                                   "  - {name: lab, side: inside, engine: vllm, discover: {dns: "
                                   "'http://elsewhere:8000'}}\n");
    (void)state;

    CHANGE(f, 1, 2);
    atomic_store(&fleet_lookups(f, 0)->looked, true);
    atomic_store(&fleet_lookups(f, 0)->failures, 7);
    assert_false(fleet_looked_up(same));
    fleet_inherit(same, f);
    fleet_inherit(other, f);
    assert_ptr_equal(node_of(same, 0, 0), node_of(f, 0, 0));
    assert_ptr_equal(node_of(same, 0, 1), node_of(f, 0, 1));
    assert_true(fleet_looked_up(same));
    assert_int_equal(atomic_load(&fleet_lookups(same, 0)->failures), 7);
    struct fleet_set *none = fleet_set_ref(other, 0);
    assert_int_equal(none->n, 0);
    fleet_set_unref(none);
    assert_false(fleet_looked_up(other));
    fleet_unref(f);
    fleet_unref(same);
    fleet_unref(other);
}

/* ---- readers on other threads ---------------------------------------------------------------- */

enum { READERS = 3, CHANGES = 300, PICKS = 300 };

struct reader {
    struct fleet *fleet;
    atomic_bool *stop;
    atomic_uint picks;
};

static void *read_on(void *arg)
{
    struct reader *r = arg;

    while (!atomic_load(r->stop)) {
        struct arena *a = arena_new(1 << 20);
        struct fleet_tried tried = {0};
        struct policy_fleet view;
        struct node_use use;
        assert_true(fleet_view(r->fleet, a, &view));
        for (struct node *n; (n = pick(r->fleet, &tried, a)); atomic_fetch_add(&r->picks, 1))
            if (node_begin(n, &use))
                node_end(&use, 1);
        arena_free(a);
    }
    return NULL;
}

static bool all_have_read(struct reader *readers)
{
    for (unsigned i = 0; i < READERS; i++)
        if (atomic_load(&readers[i].picks) < PICKS)
            return false;
    return true;
}

static void test_readers_on_other_threads(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP);
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_bool stop = false;
    (void)state;

    CHANGE(f, 1, 2);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.fleet = f, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    /* The machine may be busy: until all of them have read for a while. */
    for (unsigned i = 0; i < CHANGES || !all_have_read(readers); i++) {
        uint16_t first = (uint16_t)(1 + i % 60000);
        CHANGE(f, first, (uint16_t)(first + 1), (uint16_t)(first + 2));
        for (struct node *n; (n = node_retire(8));)
            node_free(n); /* no loop runs that could have connections */
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    fleet_unref(f);
    assert_in_range(node_count_released(), 1, 8 + 3 + 2 * READERS * 3 + 1);
}

/* ---- forgetting ------------------------------------------------------------------------------ */

static void test_who_is_forgotten(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP);
    struct fleet_set *held;
    (void)state;

    CHANGE(f, 1);
    CHANGE(f, 2);
    CHANGE(f, 3);
    held = fleet_set_ref(f, 0);
    CHANGE(f, 4);
    assert_int_equal(node_count_released(), 2); /* 1 and 2 */
    assert_null(node_retire(2));
    struct node *n = node_retire(1);
    expect_view(n->text, "http://127.0.0.1:1"); /* the one that left first */
    node_free(n);
    n = node_retire(0);
    expect_view(n->text, "http://127.0.0.1:2");
    assert_null(node_retire(0)); /* 3 is held, 4 and the config's are members */
    fleet_set_unref(held);
    expect_view(node_retire(0)->text, "http://127.0.0.1:3");
    CHANGE(f, 3); /* a new one: nobody finds what is retired */
    assert_int_equal(node_history(node_of(f, 0, 0)).failures, 0);
    fleet_unref(f);
}

static atomic_uint freed;

static void count_freed(void *arg)
{
    (void)arg;
    atomic_fetch_add(&freed, 1);
}

static struct loop *loops[2];

static void forget_two(void *arg)
{
    (void)arg;
    forget_nodes(1, loops, 2);
    assert_int_equal(node_count_released(), 1); /* nobody finds the other two */
    while (atomic_load(&freed) < 2)
        assert_int_equal(task_sleep_ms(1), WAIT_TIMEOUT);
    loop_stop(loops[1]);
    loop_stop(loops[0]);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void test_a_farewell(void **state)
{
    struct fleet *f = fleet_of(LOOKED_UP);
    struct error err;
    pthread_t thread;
    (void)state;

    CHANGE(f, 1, 2, 3);
    for (unsigned i = 0; i < 3; i++)
        arena_defer(node_of(f, 0, i)->arena, count_freed, NULL);
    CHANGE(f, 4);
    assert_int_equal(node_count_released(), 3);
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(loops[i] = loop_new(i, &err));
    assert_int_equal(pthread_create(&thread, NULL, run_loop, loops[1]), 0);
    assert_non_null(task_spawn(loops[0], "test", forget_two, NULL));
    loop_run(loops[0]);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < 2; i++)
        loop_free(loops[i]);
    fleet_unref(f);
    node_free_all();
    assert_int_equal(atomic_load(&freed), 3);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sets),
        TEST(test_models_of_nodes_that_are_all_new),
        TEST(test_an_exchange_over_a_change),
        TEST(test_a_new_fleet_begins_with_what_was_found),
        TEST(test_readers_on_other_threads),
        TEST(test_who_is_forgotten),
        TEST(test_a_farewell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
