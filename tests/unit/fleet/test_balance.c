/* Which node is asked, and how near that comes to a choice that knows all. */
#include "fleet/balance.h"
#include "simulation.h"

enum { ENGINES = 3, REQUESTS = 40000 };

/* What requests met: how long they waited before the engine began, and in all. */
struct met {
    double wait_p99, whole_p99;
};

typedef unsigned choose_fn(struct sim *s, double now, double work);

static struct balance_node known_of(const struct sim_engine *e, double now)
{
    return (struct balance_node){.service_ns = pace_service_ns(&e->pace, sim_ns(now)),
                                 .jobs = pace_jobs(&e->pace, e->own, sim_ns(now)),
                                 .width = pace_width(&e->pace),
                                 .weight = 100};
}

static unsigned by_balance(struct sim *s, double now, double work)
{
    struct balance_node known[SIM_ENGINES];

    (void)work;
    for (unsigned i = 0; i < s->n_engines; i++)
        known[i] = known_of(&s->engines[i], now);
    return balance_choose(known, s->n_engines, BALANCE_NONE, 1, sim_draw(&s->random));
}

/* Only two of them are compared, drawn anew each time. */
static unsigned by_two(struct sim *s, double now, double work)
{
    unsigned n = s->n_engines, of[2] = {(unsigned)(sim_draw(&s->random) % n), 0};
    struct balance_node known[2];

    (void)work;
    of[1] = (of[0] + 1 + (unsigned)(sim_draw(&s->random) % (n - 1))) % n;
    for (unsigned i = 0; i < 2; i++)
        known[i] = known_of(&s->engines[of[i]], now);
    return of[balance_choose(known, 2, BALANCE_NONE, 1, sim_draw(&s->random))];
}

/* When each seat will be free, how fast each engine is, how long this request is. */
static unsigned by_oracle(struct sim *s, double now, double work)
{
    unsigned best = 0;
    double least = HUGE_VAL;

    for (unsigned i = 0; i < s->n_engines; i++) {
        double whole = sim_wait(&s->engines[i], now) + work / s->engines[i].speed;
        if (whole < least) {
            least = whole;
            best = i;
        }
    }
    return best;
}

/* Three engines, and how much of what they can do is asked of them. */
struct shape {
    const char *name;
    double use;
    double speed[ENGINES];
    unsigned width[ENGINES];
    bool told;
};

/* One in five requests is sent by somebody else, who is only seen in the readings, a second apart.
 */
static struct met meet(const struct shape *shape, uint64_t seed, choose_fn *choose)
{
    static struct sim s;
    static double wait[REQUESTS], whole[REQUESTS];
    double capacity = 0, now = 0;
    unsigned n = 0;

    s = (struct sim){.n_engines = ENGINES, .random = {seed}, .read_every = 1};
    for (unsigned i = 0; i < ENGINES; i++) {
        s.engines[i].speed = shape->speed[i];
        s.engines[i].width = shape->width[i];
        if (shape->told)
            pace_tell_width(&s.engines[i].pace, shape->width[i]);
        capacity += shape->speed[i] * shape->width[i];
    }
    struct sim_random load = {seed + 1};
    for (unsigned i = 0; i < REQUESTS; i++) {
        now += sim_exponential(&load, 1 / (capacity * shape->use));
        double work = 0.3 + sim_exponential(&load, 0.7), part = sim_uniform(&load) * capacity;
        bool ours = sim_uniform(&load) > 0.2;
        sim_until(&s, now);
        unsigned to = 0;
        if (ours) {
            to = choose(&s, now, work);
        } else {
            for (; to + 1 < ENGINES && part > shape->speed[to] * shape->width[to]; to++)
                part -= shape->speed[to] * shape->width[to];
        }
        sim_send(&s, to, now, work, ours);
        if (ours && i > REQUESTS / 10) {
            const struct sim_request *r = &s.flight[s.n_flight - 1];
            wait[n] = r->begins - now;
            whole[n++] = r->ends - now;
        }
    }
    return (struct met){sim_percentile(wait, n, 0.99), sim_percentile(whole, n, 0.99)};
}

/* The mean of a few runs. */
static struct met meet_often(const struct shape *shape, choose_fn *choose)
{
    enum { SEEDS = 5 };
    struct met mean = {0};

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct met m = meet(shape, seed * 100, choose);
        mean.wait_p99 += m.wait_p99 / SEEDS;
        mean.whole_p99 += m.whole_p99 / SEEDS;
    }
    return mean;
}

static void test_near_to_an_oracle(void **state)
{
    static const struct shape shapes[] = {
        {"slots told, 75 %", 0.75, {2, 1, 0.5}, {8, 4, 2}, true},
        {"slots told, 90 %", 0.9, {2, 1, 0.5}, {8, 4, 2}, true},
        {"slots learnt, 75 %", 0.75, {2, 1, 0.5}, {8, 4, 2}, false},
        {"slots learnt, 90 %", 0.9, {2, 1, 0.5}, {8, 4, 2}, false},
        {"one at a time, 90 %", 0.9, {1, 2, 4}, {1, 1, 1}, true},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct met ours = meet_often(&shapes[i], by_balance);
        struct met oracle = meet_often(&shapes[i], by_oracle);
        struct met two = meet_often(&shapes[i], by_two);
        double ratio = ours.wait_p99 / oracle.wait_p99;
        print_message("%-20s p99 wait %.2f s, oracle %.2f s: %.2f x (in all %.2f s, %.2f s); "
                      "comparing two %.2f s\n",
                      shapes[i].name, ours.wait_p99, oracle.wait_p99, ratio, ours.whole_p99,
                      oracle.whole_p99, two.wait_p99);
        assert_true(ratio <= 1.3);
        assert_true(ours.wait_p99 <= two.wait_p99);
    }
}

/* ---- one choice ----------------------------------------------------------------------------- */

enum { S = 1000 * 1000 * 1000, DRAWS = 10000 };

/* How often each is chosen, in percent. */
static void shares(const struct balance_node *nodes, unsigned n, unsigned keeper, double margin,
                   unsigned *ret_percent)
{
    struct sim_random random = {7};
    unsigned times[4] = {0};

    for (unsigned i = 0; i < DRAWS; i++)
        times[balance_choose(nodes, n, keeper, margin, sim_draw(&random))]++;
    for (unsigned i = 0; i < n; i++)
        ret_percent[i] = (times[i] * 100 + DRAWS / 2) / DRAWS;
}

static void test_shares(void **state)
{
    static const struct {
        const char *what;
        struct balance_node nodes[3];
        unsigned n, percent[3];
    } cases[] = {
        {"one", {{0, 0, 9, 0, 1}}, 1, {100}},
        {"alike", {{0, 0, 0, 0, 100}, {0, 0, 0, 0, 100}}, 2, {50, 50}},
        {"weights, idle", {{0, 0, 0, 0, 300}, {0, 0, 0, 0, 100}}, 2, {75, 25}},
        {"weights, busy", {{S, 0, 6, 1, 300}, {S, 0, 2, 1, 100}}, 2, {75, 25}},
        {"weights, too much at the light one", {{S, 0, 6, 1, 300}, {S, 0, 4, 1, 100}}, 2, {100, 0}},
        {"fewer requests", {{S, 0, 2, 1, 100}, {S, 0, 1, 1, 100}}, 2, {0, 100}},
        {"wider", {{S, 0, 4, 8, 100}, {S, 0, 2, 2, 100}}, 2, {100, 0}},
        {"as wide as the others", {{S, 0, 4, 8, 100}, {S, 0, 4, 0, 100}}, 2, {50, 50}},
        {"faster", {{4 * (int64_t)S, 0, 0, 1, 100}, {S, 0, 2, 1, 100}}, 2, {0, 100}},
        {"slower, but idle", {{2 * (int64_t)S, 0, 0, 1, 100}, {S, 0, 3, 1, 100}}, 2, {100, 0}},
        {"as fast, nearly", {{S, 0, 0, 1, 100}, {S + S / 10, 0, 0, 1, 100}}, 2, {50, 50}},
        {"as fast as the others", {{S, 0, 1, 1, 100}, {0, 0, 0, 1, 100}}, 2, {0, 100}},
        {"not loaded", {{S, 5 * (int64_t)S, 0, 1, 100}, {S, 0, 3, 1, 100}}, 2, {0, 100}},
        {"loading pays", {{S, 5 * (int64_t)S, 0, 1, 100}, {S, 0, 9, 1, 100}}, 2, {100, 0}},
        {"two of three", {{S, 0, 1, 1, 100}, {S, 0, 3, 1, 100}, {S, 0, 1, 1, 100}}, 3, {50, 0, 50}},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned percent[3];
        shares(cases[i].nodes, cases[i].n, BALANCE_NONE, 1, percent);
        for (unsigned k = 0; k < cases[i].n; k++)
            if (abs((int)percent[k] - (int)cases[i].percent[k]) > 2)
                fail_msg("%s: node %u is chosen in %u %%", cases[i].what, k, percent[k]);
    }
}

static void test_the_keeper_is_asked_up_to_the_margin(void **state)
{
    static const struct {
        double margin;
        unsigned jobs, percent; /* of the keeper, whose width is 2; the other has none */
    } cases[] = {{1, 0, 100}, {1, 2, 100}, {1, 3, 0}, {0, 0, 100},
                 {0, 1, 0},   {2, 4, 100}, {2, 5, 0}};
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct balance_node nodes[] = {{S, 0, cases[i].jobs, 2, 100}, {S, 0, 0, 2, 100}};
        unsigned percent[2];
        shares(nodes, 2, 0, cases[i].margin, percent);
        assert_int_equal(percent[0], cases[i].percent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_the_keeper_is_asked_up_to_the_margin),
        cmocka_unit_test(test_near_to_an_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
