/* Room: what a node is known to do, and whether one more request may go there. */
#include "support.h"

#include "fleet/room.h"

/* overflow: {queue: 4, wait: 2s, kv: 0.95}, as when nothing is said. */
#define LAB "  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1'"

enum { KEEP_MS = 5000 };

static int teardown(void **state)
{
    (void)state;
    node_free_all();
    return 0;
}

/* What happens at the node, in order; -1: not said. */
struct step {
    enum { END, SLOTS, OURS, READS, ANSWERS } what;
    int64_t a, b; /* a number of slots, of ours; running and queued; ms that an answer took */
    double kv;
};

struct room_case {
    const char *name, *yaml;
    struct step steps[8];
    bool full;
    unsigned ahead;
};

static const struct room_case cases[] = {
    {"nothing known", LAB "}\n", {{OURS, 1000}}, false, 0},
    {"its own word: all seats taken, a few wait", LAB "}\n", {{SLOTS, 4}, {OURS, 7}}, false, 3},
    {"its own word: as many wait as may", LAB "}\n", {{SLOTS, 4}, {OURS, 8}}, true, 4},
    {"a seat is free", LAB "}\n", {{SLOTS, 4}, {OURS, 3}}, false, 0},
    {"somebody else's requests", LAB "}\n", {{SLOTS, 4}, {READS, 4, 3}, {OURS, 1}}, true, 4},
    {"ours are in the reading: not twice",
     LAB "}\n",
     {{SLOTS, 4}, {OURS, 3}, {READS, 3, 0}},
     false,
     0},
    {"ended since the reading",
     LAB "}\n",
     {{SLOTS, 4}, {OURS, 9}, {READS, 4, 5}, {OURS, 5}},
     false,
     1},
    {"a reading that came before ours arrived",
     LAB "}\n",
     {{SLOTS, 4}, {OURS, 8}, {READS, 0, 0}},
     true,
     4},
    {"others wait", LAB "}\n", {{READS, 9, 4}}, true, 4},
    {"few wait", LAB "}\n", {{READS, 9, 3}}, false, 3},
    {"few wait for a full cache", LAB "}\n", {{READS, 9, 1, 0.96}}, true, 1},
    {"a full cache and nobody waits", LAB "}\n", {{READS, 9, 0, 1.0}}, false, 0},
    {"once somebody waited: it was on its way",
     LAB "}\n",
     {{READS, 2, 1}, {READS, 3, 0}, {OURS, 50}},
     false,
     0},
    {"twice: as many seats as ran",
     LAB "}\n",
     {{OURS, 6}, {READS, 5, 1}, {READS, 5, 1}, {OURS, 9}},
     true,
     4},
    {"nobody waits any more: a quarter more",
     LAB "}\n",
     {{READS, 8, 1}, {READS, 8, 1}, {READS, 8, 0}, {OURS, 3}},
     false,
     0},
    {"fewer run than it has seats: nothing new",
     LAB "}\n",
     {{READS, 8, 1}, {READS, 8, 1}, {READS, 3, 0}, {OURS, 4}},
     false,
     0},
    {"too long a wait", LAB "}\n", {{SLOTS, 2}, {ANSWERS, 6000}, {OURS, 2}}, true, 0},
    {"a short wait", LAB "}\n", {{SLOTS, 2}, {ANSWERS, 1800}, {OURS, 3}}, false, 1},
    {"many seats come up often", LAB "}\n", {{SLOTS, 8}, {ANSWERS, 8000}, {OURS, 8}}, false, 0},
    {"of those that ran one ends soon", LAB "}\n", {{ANSWERS, 6000}, {READS, 9, 1}}, false, 1},
    {"of those that ran none ends soon", LAB "}\n", {{ANSWERS, 6000}, {READS, 3, 1}}, true, 1},
    {"a limit of ours, reached", LAB ", max_requests: 2}\n", {{OURS, 2}}, true, 0},
    {"a limit of ours, not reached", LAB ", max_requests: 2}\n", {{OURS, 1}}, false, 0},
    {"nobody may wait", LAB "}\noverflow: {queue: 0}\n", {{SLOTS, 2}, {OURS, 2}}, true, 0},
    {"more may wait", LAB "}\noverflow: {queue: 9}\n", {{SLOTS, 2}, {OURS, 10}}, false, 8},
    {"Ollama says nothing of requests", LAB "}\n", {{READS, -1, -1}, {OURS, 99}}, false, 0},
};

static void take_step(struct node *n, const struct step *s)
{
    struct node_load load = LOAD_UNKNOWN;
    struct pace_stay stay;
    int64_t now;

    switch (s->what) {
    case SLOTS:
        pace_tell_width(&n->pace, (unsigned)s->a);
        break;
    case OURS:
        atomic_store(&n->in_flight, (unsigned)s->a);
        break;
    case READS:
        load.running = s->a;
        load.queued = s->b;
        load.kv_use = s->kv;
        node_set_load(n, &load, KEEP_MS);
        break;
    case ANSWERS:
        now = clock_mono_ns();
        for (unsigned i = 0; i < 8; i++) { /* fewer say nothing */
            stay = pace_arrive(&n->pace, 0, now - s->a * NS_PER_MS);
            pace_served(&n->pace, &stay, now);
        }
        break;
    case END:
        break;
    }
}

static void test_outlooks(void **state)
{
    char yaml[256];
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct room_case *c = &cases[i];
        snprintf(yaml, sizeof(yaml), "backends:\n%s", c->yaml);
        struct fleet *f = fleet_of(yaml);
        struct node *n = node_of(f, 0, 0);
        for (const struct step *s = c->steps; s->what != END; s++)
            take_step(n, s);
        struct room_outlook o = room_outlook(n, fleet_config(f), clock_mono_ns());
        if (o.full != c->full || o.ahead != c->ahead)
            fail_msg("%s: full %d, %u ahead", c->name, o.full, o.ahead);
        assert_int_equal(room_full(n, fleet_config(f), clock_mono_ns()), c->full);
        fleet_unref(f);
        node_free_all();
    }
}

/* What was read long ago counts no more; what Weir counts itself does. */
static void test_an_old_reading(void **state)
{
    struct fleet *f = fleet_of("backends:\n" LAB "}\n");
    struct node *n = node_of(f, 0, 0);
    const struct config *c = fleet_config(f);
    int64_t later = clock_mono_ns() + 2 * KEEP_MS * NS_PER_MS;
    (void)state;

    take_step(n, &(struct step){READS, 9, 9});
    assert_true(room_full(n, c, clock_mono_ns()));
    take_step(n, &(struct step){READS, 4, 9});
    take_step(n, &(struct step){OURS, 8});
    assert_false(room_full(n, c, later)); /* nor what was learnt from it */
    take_step(n, &(struct step){SLOTS, 4});
    take_step(n, &(struct step){OURS, 8});
    assert_true(room_full(n, c, later));
    fleet_unref(f);
}

/* What an engine is taken to do by default compares nodes, and makes none of them full. */
static void test_a_guess_fills_no_node(void **state)
{
    struct fleet *f = fleet_of("backends:\n  - {name: lab, side: inside, engine: ollama, url: "
                               "'http://127.0.0.1:1'}\n");
    struct node *n = node_of(f, 0, 0);
    (void)state;

    assert_int_equal(pace_width(&n->pace), 1);
    take_step(n, &(struct step){ANSWERS, 6000});
    take_step(n, &(struct step){OURS, 50});
    assert_false(room_full(n, fleet_config(f), clock_mono_ns()));
    fleet_unref(f);
}

static void test_when_to_read_again_soon(void **state)
{
    struct fleet *f = fleet_of("backends:\n" LAB "}\n");
    struct node *n = node_of(f, 0, 0);
    const struct config *c = fleet_config(f);
    (void)state;

    assert_false(room_unsure(n, c, clock_mono_ns()));
    take_step(n, &(struct step){OURS, 5});
    assert_true(room_unsure(n, c, clock_mono_ns()));
    take_step(n, &(struct step){READS, 5, 0});
    assert_false(room_unsure(n, c, clock_mono_ns()));
    take_step(n, &(struct step){READS, 5, 1});
    assert_true(room_unsure(n, c, clock_mono_ns()));
    take_step(n, &(struct step){SLOTS, 8});
    take_step(n, &(struct step){READS, 5, 0});
    take_step(n, &(struct step){OURS, 50});
    assert_false(room_unsure(n, c, clock_mono_ns())); /* its seats are known */
    fleet_unref(f);
}

/* A full node is passed over by who asks for room, and by nobody else. */
static void test_who_asks_for_room(void **state)
{
    struct fleet *f =
        fleet_of("backends:\n  - name: lab\n    side: inside\n    engine: vllm\n"
                 "    nodes: ['http://127.0.0.1:1', 'http://127.0.0.1:2']\n    max_requests: 1\n");
    struct fleet_tried tried = {0}, tried_too = {0};
    struct fleet_wish wish = {.model = VIEW("m"), .roomy = true}, any = {.model = VIEW("m")};
    struct node_use use;
    (void)state;

    assert_true(node_begin(node_of(f, 0, 0), &use));
    assert_ptr_equal(fleet_pick(f, &wish, &tried), node_of(f, 0, 1));
    assert_null(fleet_pick(f, &wish, &tried));
    assert_ptr_equal(fleet_pick(f, &any, &tried), node_of(f, 0, 0));
    node_end(&use, 0);
    assert_true(node_begin(node_of(f, 0, 1), &use));
    assert_ptr_equal(fleet_pick(f, &wish, &tried_too), node_of(f, 0, 0));
    assert_null(fleet_pick(f, &wish, &tried_too));
    node_end(&use, 0);
    fleet_unref(f);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_outlooks),
        TEST(test_an_old_reading),
        TEST(test_a_guess_fills_no_node),
        TEST(test_when_to_read_again_soon),
        TEST(test_who_asks_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
