/* Those who wait for room: whose turn it is, who is refused, and that nobody is forgotten. */
#include "support.h"

#include "fleet/waiting.h"
#include "run/task.h"

#include <pthread.h>

#define LAB(most)                                                               \
    "backends:\n  - {name: lab, side: inside, engine: vllm, models: [m], url: " \
    "'http://127.0.0.1:1', max_requests: " most "}\n"

static int teardown(void **state)
{
    (void)state;
    node_free_all();
    return 0;
}

/* ---- on one loop ------------------------------------------------------------------------------
 */

enum { MAX_CLIENTS = 64 };

/* A request that waits and then holds its seat for a turn of the loop. */
struct client {
    struct scene *scene;
    const char *key;
    uint64_t cost;
    int64_t patience_ms;
    enum waiting_end end;
    struct task *task;
};

struct scene {
    struct fleet *fleet;
    struct client clients[MAX_CLIENTS];
    unsigned n, running;
    struct buf order; /* the keys, as they were served */
};

static void serve(struct scene *s, struct client *c)
{
    struct arena *a = arena_new(4096);
    struct fleet_tried tried = {0};
    struct waiting_place place = {{.model = VIEW("m"), .roomy = true, .arena = a}, &tried};
    struct waiting_ask ask = {
        .fleet = s->fleet,
        .places = &place,
        .n_places = 1,
        .key = view_str(c->key),
        .cost = c->cost,
        .deadline_ns = clock_mono_ns() + c->patience_ms * NS_PER_MS,
    };
    struct node_use use = {0};
    struct node *node = NULL;
    unsigned i = 9;

    c->end = waiting_for_room(&ask, &i, &node);
    if (c->end == WAITING_ROOM) {
        assert_int_equal(i, 0);
        assert_int_equal(tried.bits[0], 1);
        buf_append(&s->order, view_str(c->key));
        assert_true(node_begin(node, &use));
        assert_int_equal(atomic_load(&node->in_flight), 1);
        task_yield();
        node_end(&use, 1);
    } else {
        assert_null(node);
    }
    arena_free(a);
}

static void client_main(void *arg)
{
    struct client *c = arg;

    serve(c->scene, c);
    c->scene->running--;
}

static struct client *comes(struct scene *s, const char *key, uint64_t cost)
{
    struct client *c = &s->clients[s->n++];

    *c = (struct client){.scene = s, .key = key, .cost = cost, .patience_ms = 60000};
    s->running++;
    c->task = task_spawn(loop_current(), "client", client_main, c);
    assert_non_null(c->task);
    return c;
}

/* Lets messages arrive and those who get them have their turn. */
static void settle(void)
{
    for (unsigned i = 0; i < 4; i++)
        task_yield();
}

static void all_come(struct scene *s, const char *keys)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (; *keys; keys++)
        comes(s, names[*keys - 'a'], 100);
    task_yield();
}

static void all_end(struct scene *s)
{
    while (s->running > 0)
        task_yield();
    assert_int_equal(waiting_counts().waiting, 0);
}

/* `n` is the first node of the config, if there is one. */
struct stage {
    void (*play)(struct scene *s, struct node *n);
    const char *yaml;
    struct loop *loop;
};

static void stage_main(void *arg)
{
    struct stage *stage = arg;
    struct scene s = {.fleet = fleet_of(stage->yaml), .order = BUF_MAX(4096)};

    bool looked_up = fleet_config(s.fleet)->backends[0].n_nodes == 0;
    stage->play(&s, looked_up ? NULL : node_of(s.fleet, 0, 0));
    buf_done(&s.order);
    fleet_unref(s.fleet);
    loop_stop(stage->loop);
}

static void play(void (*fn)(struct scene *s, struct node *n), const char *yaml)
{
    struct error err;
    struct stage stage = {fn, yaml, loop_new(0, &err)};

    assert_non_null(stage.loop);
    assert_non_null(task_spawn(stage.loop, "stage", stage_main, &stage));
    loop_run(stage.loop);
    loop_free(stage.loop);
}

/* Who came, while one request ran; who is served in which order. */
static const struct {
    const char *come, *served;
} turns[] = {
    {"aaa", "aaa"},
    {"aaaab", "abaaa"},
    {"abc", "abc"},
    {"aaabbbccc", "abcabcabc"},
    {"aaaaaaaab", "abaaaaaaa"},
};
static unsigned turn;

static void take_turns(struct scene *s, struct node *n)
{
    struct node_use use;

    assert_true(node_begin(n, &use));
    all_come(s, turns[turn].come);
    assert_int_equal(waiting_counts().waiting, strlen(turns[turn].come));
    assert_int_equal(s->order.len, 0);
    node_end(&use, 1);
    all_end(s);
    expect_view(buf_view(&s->order), turns[turn].served);
}

static void test_turns(void **state)
{
    (void)state;
    for (turn = 0; turn < sizeof(turns) / sizeof(turns[0]); turn++)
        play(take_turns, LAB("1"));
}

/* A key that asks for long answers has fewer turns; one that comes later does not get what it did
 * not ask for before. */
static void weigh(struct scene *s, struct node *n)
{
    struct node_use use;

    assert_true(node_begin(n, &use));
    for (unsigned i = 0; i < 3; i++)
        comes(s, "a", 300);
    for (unsigned i = 0; i < 6; i++)
        comes(s, "b", 100);
    task_yield();
    node_end(&use, 1);
    while (s->order.len < 6)
        task_yield();
    comes(s, "c", 100);
    comes(s, "c", 100);
    all_end(s);
    expect_view(buf_view(&s->order), "abbbabbcbca");
}

static void test_long_answers_weigh_more(void **state)
{
    (void)state;
    play(weigh, LAB("1"));
}

static void leave_early(struct scene *s, struct node *n)
{
    struct node_use use;

    assert_true(node_begin(n, &use));
    struct client *first = comes(s, "a", 1), *second = comes(s, "a", 1), *third = comes(s, "a", 1);
    third->patience_ms = 20;
    task_yield();
    assert_int_equal(waiting_counts().waiting, 3);
    task_cancel(first->task);
    task_yield();
    assert_int_equal(first->end, WAITING_CANCELLED);
    task_sleep_ms(40);
    assert_int_equal(third->end, WAITING_TOO_LONG);
    assert_int_equal(waiting_counts().waiting, 1);
    node_end(&use, 1);
    all_end(s);
    assert_int_equal(second->end, WAITING_ROOM);
    /* One that leaves after it was called up gives its seat on. */
    assert_true(node_begin(n, &use));
    first = comes(s, "a", 1);
    second = comes(s, "a", 1);
    task_yield();
    node_end(&use, 1);
    task_cancel(first->task);
    all_end(s);
    assert_int_equal(first->end, WAITING_CANCELLED);
    assert_int_equal(second->end, WAITING_ROOM);
    assert_int_equal(atomic_load(&n->room.claimed), 0);
    assert_int_equal(atomic_load(&n->in_flight), 0);
}

static void test_who_leaves(void **state)
{
    (void)state;
    play(leave_early, LAB("1"));
}

static void crowd(struct scene *s, struct node *n)
{
    struct node_use use;
    uint64_t refused = waiting_counts().refused;

    assert_true(node_begin(n, &use));
    all_come(s, "aaaa");
    all_come(s, "a"); /* the queue is full, and all of it is a's */
    assert_int_equal(s->clients[4].end, WAITING_REFUSED);
    all_come(s, "b"); /* the last of a makes room */
    settle();
    assert_int_equal(s->clients[3].end, WAITING_REFUSED);
    all_come(s, "b");
    settle();
    assert_int_equal(s->clients[2].end, WAITING_REFUSED);
    all_come(s, "b"); /* each has its half */
    assert_int_equal(s->clients[7].end, WAITING_REFUSED);
    assert_int_equal(waiting_counts().waiting, 4);
    node_end(&use, 1);
    all_end(s);
    expect_view(buf_view(&s->order), "abab");
    assert_int_equal(waiting_counts().refused, refused + 4);
}

static void test_a_full_queue(void **state)
{
    (void)state;
    play(crowd, LAB("1") "queue: {max: 4}\n");
}

static void come_to_room(struct scene *s, struct node *n)
{
    (void)n;
    all_come(s, "ab"); /* there was room all the time */
    all_end(s);
    expect_view(buf_view(&s->order), "ab");
}

static void test_room_that_was_there_before(void **state)
{
    (void)state;
    play(come_to_room, LAB("1"));
}

/* Nobody tells that a reading has become too old, or that a time to be left alone is over. */
static void wait_for_time(struct scene *s, struct node *n)
{
    struct error why = {.code = ERROR_UPSTREAM_STATUS, .text = "429"};

    (void)node_failed(n, &why, breaker_rules(9), 30);
    all_come(s, "a");
    assert_int_equal(waiting_counts().waiting, 1);
    task_sleep_ms(50);
    assert_int_equal(waiting_counts().waiting, 1);
    waiting_look_around();
    all_end(s);
    expect_view(buf_view(&s->order), "a");
}

static void test_what_time_brings(void **state)
{
    (void)state;
    play(wait_for_time, LAB("1"));
}

static struct node *is_found(struct scene *s, const char *address)
{
    struct config_node found = {
        .url = {.host = VIEW("lab"), .address = VIEW("::1"), .text = view_str(address)},
        .weight = 100};
    struct fleet_set *before;
    struct error err;

    assert_true(fleet_found(s->fleet, 0, &found, 1, &before, &err));
    fleet_set_unref(before);
    return node_of(s->fleet, 0, 0);
}

/* Nobody is sent to a node that has left, and those who wait for it keep it. */
static void wait_for_one_that_leaves(struct scene *s, struct node *none)
{
    struct node *n = is_found(s, "http://[::1]:1");
    struct node_use use;

    assert_null(none);
    assert_true(node_begin(n, &use));
    all_come(s, "aa");
    assert_int_equal(waiting_counts().waiting, 2); /* what is found has the limit too */
    is_found(s, "http://[::1]:2");
    node_end(&use, 1);
    settle();
    waiting_look_around();
    assert_int_equal(waiting_counts().waiting, 2);
    assert_null(node_retire(0));
    assert_ptr_equal(is_found(s, "http://[::1]:1"), n);
    waiting_look_around();
    all_end(s);
    expect_view(buf_view(&s->order), "aa");
    assert_non_null(node_retire(0)); /* the other one */
}

static void test_a_node_that_leaves(void **state)
{
    (void)state;
    play(wait_for_one_that_leaves,
         "backends:\n  - {name: lab, side: inside, engine: vllm, models: [m], max_requests: 1, "
         "discover: {dns: 'http://lab:1'}}\n");
}

/* ---- many loops -------------------------------------------------------------------------------
 */

enum { LOOPS = 4, TASKS = 16, ROUNDS = 200, SEATS = 3 };

static struct {
    struct fleet *fleet;
    struct loop *loops[LOOPS];
    atomic_uint left[LOOPS], at_work, most, served, cancelled;
} stress;

/* Requests come, wait, are served, and some of their clients leave. */
static void hurry(void *arg)
{
    unsigned loop = (unsigned)(uintptr_t)arg;
    static const char *const keys[] = {"a", "b", "c"};

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct fleet_tried tried = {0};
        struct waiting_place place = {{.model = VIEW("m"), .roomy = true}, &tried};
        struct waiting_ask ask = {stress.fleet,
                                  &place,
                                  1,
                                  view_str(keys[(loop + i) % 3]),
                                  1 + i % 7,
                                  i % 5 ? TIMER_NEVER : clock_mono_ns() + NS_PER_US * (i % 500)};
        struct node_use use;
        struct node *n;
        unsigned p;
        enum waiting_end end = waiting_for_room(&ask, &p, &n);
        if (end == WAITING_ROOM && node_begin(n, &use)) {
            unsigned now = atomic_fetch_add(&stress.at_work, 1) + 1, most = stress.most;
            while (now > most && !atomic_compare_exchange_weak(&stress.most, &most, now))
                ;
            task_yield();
            atomic_fetch_sub(&stress.at_work, 1);
            node_end(&use, 1);
            atomic_fetch_add(&stress.served, 1);
        } else {
            assert_int_equal(end, WAITING_TOO_LONG);
            atomic_fetch_add(&stress.cancelled, 1);
        }
    }
    if (atomic_fetch_sub(&stress.left[loop], 1) == 1)
        loop_stop(stress.loops[loop]);
}

static void *run(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void test_nobody_is_forgotten(void **state)
{
    pthread_t threads[LOOPS];
    struct error err;
    (void)state;

    stress.fleet = fleet_of(LAB("3"));
    for (unsigned i = 0; i < LOOPS; i++) {
        stress.loops[i] = loop_new(i, &err);
        assert_non_null(stress.loops[i]);
        stress.left[i] = TASKS;
        for (unsigned k = 0; k < TASKS; k++)
            assert_non_null(task_spawn(stress.loops[i], "hurry", hurry, (void *)(uintptr_t)i));
    }
    alarm(60); /* one that is forgotten would wait for ever */
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, stress.loops[i]), 0);
    for (unsigned i = 0; i < LOOPS; i++) {
        pthread_join(threads[i], NULL);
        loop_free(stress.loops[i]);
    }
    alarm(0);
    assert_int_equal(stress.served + stress.cancelled, LOOPS * TASKS * ROUNDS);
    assert_true(stress.served >= LOOPS * TASKS * ROUNDS * 4 / 5);
    assert_in_range(stress.most, 1, SEATS + LOOPS); /* a seat is handed over without a lock */
    assert_int_equal(waiting_counts().waiting, 0);
    struct node *n = node_of(stress.fleet, 0, 0);
    assert_int_equal(atomic_load(&n->in_flight), 0);
    assert_int_equal(atomic_load(&n->room.claimed), 0);
    fleet_unref(stress.fleet);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_turns),
        TEST(test_long_answers_weigh_more),
        TEST(test_who_leaves),
        TEST(test_a_full_queue),
        TEST(test_room_that_was_there_before),
        TEST(test_what_time_brings),
        TEST(test_a_node_that_leaves),
        TEST(test_nobody_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
