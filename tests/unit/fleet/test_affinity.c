/* Which node has a prompt's beginning in its cache. */
#include "fleet/affinity.h"
#include "fleet/balance.h"
#include "simulation.h"

#include <pthread.h>

enum { MIB = 1 << 20, KIB = 1 << 10, POOL = 4 * MIB };

/* Text without repeats. */
static char pool[POOL];

static struct view text_at(size_t at, size_t n)
{
    assert_true(at + n <= POOL);
    return view_of(pool + at, n);
}

static int fill_pool(void **state)
{
    struct sim_random r = {3};
    (void)state;

    for (size_t i = 0; i < POOL; i += 8) {
        uint64_t word = sim_draw(&r);
        memcpy(pool + i, &word, 8);
    }
    return 0;
}

/* Lengths in bytes of a system message and of what follows in turn; each begins in the pool where
 * the one before ended, the first at `from`. */
struct talk {
    size_t from;
    unsigned n;
    size_t lengths[16];
    size_t last_at; /* where the last one begins instead; 0: behind the others */
};

static struct affinity_prompt prompt_of(const struct talk *t)
{
    struct llm_message messages[16];
    struct affinity_prompt p;
    size_t at = t->from;

    for (unsigned i = 0; i < t->n; i++) {
        if (i + 1 == t->n && t->last_at)
            at = t->last_at;
        messages[i] = (struct llm_message){.role = i == 0  ? LLM_SYSTEM
                                                   : i % 2 ? LLM_USER
                                                           : LLM_ASSISTANT,
                                           .text = text_at(at, t->lengths[i])};
        at += t->lengths[i];
    }
    struct llm_request request = {.messages = messages, .n_messages = t->n};
    affinity_read(&request, &p);
    return p;
}

static void test_beginnings(void **state)
{
    static const struct {
        struct talk talk;
        unsigned n;
        uint32_t bytes[AFFINITY_POINTS];
    } cases[] = {
        {{0, 1, {255}, 0}, 0, {0}},
        {{0, 1, {256}, 0}, 1, {256}},
        {{0, 2, {100, 900}, 0}, 3, {256, 512, 1000}},
        {{0, 4, {300, 10, 202, 600}, 0}, 6, {256, 300, 310, 512, 1024, 1112}},
        {{0, 1, {3 * MIB}, 0},
         14,
         {256, 512, KIB, 2 * KIB, 4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB,
          256 * KIB, 512 * KIB, MIB, 3 * MIB}},
        /* of many messages the first three and the last eight, here the last one of 10 bytes */
        {{0, 16, {1300, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, 0},
         14,
         {256, 512, 1024, 1300, 1310, 1320, 1380, 1390, 1400, 1410, 1420, 1430, 1440, 1450}},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct affinity_prompt p = prompt_of(&cases[i].talk);
        assert_int_equal(p.n, cases[i].n);
        for (unsigned k = 0; k < p.n; k++)
            assert_int_equal(p.bytes[k], cases[i].bytes[k]);
    }
    struct llm_message message = {.role = LLM_USER, .text = text_at(0, KIB)};
    struct llm_request embeds = {
        .messages = &message, .n_messages = 1, .needs = LLM_NEED_EMBEDDINGS};
    struct affinity_prompt p;
    affinity_read(&embeds, &p);
    assert_int_equal(p.n, 0);
}

/* Who said a text makes another prompt of it. */
static void test_roles_count(void **state)
{
    struct llm_message a[] = {{.role = LLM_SYSTEM, .text = text_at(0, KIB)}};
    struct llm_message b[] = {{.role = LLM_USER, .text = text_at(0, KIB)}};
    struct llm_request one = {.messages = a, .n_messages = 1},
                       other = {.messages = b, .n_messages = 1};
    struct affinity_prompt p, q;
    (void)state;

    affinity_read(&one, &p);
    affinity_read(&other, &q);
    assert_int_equal(p.n, q.n);
    for (unsigned i = 0; i < p.n; i++)
        assert_true(p.hashes[i] != q.hashes[i]);
}

static void test_who_is_found(void **state)
{
    /* Node 5 is asked with the first; who is found for the second? */
    static const struct {
        const char *what;
        struct talk asked, next;
        unsigned found;
    } cases[] = {
        {"the same again", {0, 2, {900, 300}, 0}, {0, 2, {900, 300}, 0}, 5},
        {"the next turn", {0, 2, {900, 300}, 0}, {0, 4, {900, 300, 5000, 300}, 0}, 5},
        {"a turn much later", {0, 2, {900, 300}, 0}, {0, 8, {900, 300, 5, 5, 5, 5, 5, 5}, 0}, 5},
        {"another text", {0, 2, {900, 300}, 0}, {MIB, 2, {900, 300}, 0}, AFFINITY_NONE},
        {"another conversation of the same application",
         {0, 2, {900, 300}, 0},
         {0, 2, {900, 300}, MIB},
         AFFINITY_NONE},
        {"another question on a long document",
         {0, 2, {9000, 300}, 0},
         {0, 2, {9000, 300}, MIB},
         5},
        {"the same long beginning, and much more",
         {0, 2, {9000, 300}, 0},
         {0, 2, {9000, 30000}, MIB},
         AFFINITY_NONE},
        {"a long document and the question in one message",
         {0, 1, {9000}, 0},
         {0, 2, {8200, 700}, MIB},
         5},
        {"too short", {0, 2, {100, 100}, 0}, {0, 2, {100, 100}, 0}, AFFINITY_NONE},
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct affinity *a = affinity_new();
        struct affinity_prompt asked = prompt_of(&cases[i].asked), next = prompt_of(&cases[i].next);
        assert_int_equal(affinity_find(a, &asked, 1, MIB), AFFINITY_NONE);
        affinity_book(a, &asked, 1, 5);
        unsigned found = affinity_find(a, &next, 1, MIB);
        if (found != cases[i].found)
            fail_msg("%s: node %u", cases[i].what, found);
        assert_int_equal(affinity_find(a, &next, 2, MIB), AFFINITY_NONE); /* another model */
        affinity_free(a);
    }
}

static void test_the_last_that_was_asked(void **state)
{
    struct talk first = {0, 2, {900, 300}, 0}, second = {0, 4, {900, 300, 400, 300}, 0};
    struct affinity *a = affinity_new();
    struct affinity_prompt p = prompt_of(&first), q = prompt_of(&second);
    (void)state;

    affinity_book(a, &p, 1, 5);
    affinity_book(a, &q, 1, 4095);
    assert_int_equal(affinity_find(a, &q, 1, MIB), 4095);
    affinity_book(a, &q, 1, AFFINITY_NODES + 7); /* numbers are told apart up to 4095 */
    assert_int_equal(affinity_find(a, &q, 1, MIB), 7);
    affinity_free(a);
}

static void test_a_cache_is_finite(void **state)
{
    enum { BYTES = 10000, CACHE = 100 * BYTES };
    struct affinity *a = affinity_new();
    struct talk talk = {0, 1, {BYTES}, 0};
    struct affinity_prompt first = prompt_of(&talk), p;
    (void)state;

    affinity_book(a, &first, 1, 5);
    for (unsigned i = 1; i < 99; i++) {
        talk.from = i * BYTES;
        p = prompt_of(&talk);
        affinity_book(a, &p, 1, 5);
        affinity_book(a, &p, 1, 5); /* what it has already takes no room */
        talk.from += MIB;
        p = prompt_of(&talk);
        affinity_book(a, &p, 1, 6); /* nor does what another one has */
    }
    assert_int_equal(affinity_find(a, &first, 1, CACHE), 5);
    assert_int_equal(affinity_find(a, &first, 1, CACHE * 9 / 10), AFFINITY_NONE);
    affinity_free(a);
}

/* The table is full many times over: what was asked last is there, what was asked first is not. */
static void test_the_table_is_bounded(void **state)
{
    enum { PROMPTS = 300000, RECENT = 1000 };
    struct affinity *a = affinity_new();
    unsigned old = 0, recent = 0;
    (void)state;

    for (unsigned i = 0; i < PROMPTS; i++) {
        struct talk talk = {i * 8, 1, {300}, 0};
        struct affinity_prompt p = prompt_of(&talk);
        affinity_book(a, &p, 1, 1 + i / 10000);
    }
    for (unsigned i = 0; i < RECENT; i++) {
        struct talk first = {i * 8, 1, {300}, 0};
        struct talk last = {(PROMPTS - 1 - i) * 8, 1, {300}, 0};
        struct affinity_prompt p = prompt_of(&first), q = prompt_of(&last);
        old += affinity_find(a, &p, 1, 1024 * MIB) != AFFINITY_NONE;
        recent += affinity_find(a, &q, 1, 1024 * MIB) == 1 + (PROMPTS - 1) / 10000;
    }
    print_message("of the newest %u prompts %u are found, of the oldest %u\n", RECENT, recent, old);
    assert_true(recent > RECENT * 95 / 100);
    assert_true(old < RECENT * 5 / 100);
    affinity_free(a);
}

/* ---- many threads ---------------------------------------------------------------------------- */

enum { THREADS = 4, PROMPTS_EACH = 20000 };

struct worker {
    pthread_t thread;
    struct affinity *affinity;
    unsigned wrong, found;
};

/* All of them book the same prompts, each at the node that the prompt stands for. */
static void *work(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < PROMPTS_EACH; i++) {
        struct talk talk = {(size_t)i % 3000 * 1024, 1, {1000}, 0};
        struct affinity_prompt p = prompt_of(&talk);
        unsigned node = i % 3000 % 100, found = affinity_find(w->affinity, &p, 1, 1024 * MIB);
        w->found += found != AFFINITY_NONE;
        w->wrong += found != AFFINITY_NONE && found != node;
        affinity_book(w->affinity, &p, 1, node);
    }
    return NULL;
}

static void test_threads_do_not_mix_entries_up(void **state)
{
    struct affinity *a = affinity_new();
    struct worker workers[THREADS];
    (void)state;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.affinity = a};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
        assert_true(workers[i].found > PROMPTS_EACH / 2);
    }
    affinity_free(a);
}

/* ---- conversations over four nodes ----------------------------------------------------------- */

enum { NODES = 4, TALKS = 200, TURNS_MAX = 12, TURNS = 20000 };

/* A conversation: when its next turn comes, what was said so far, who was asked last. */
struct conversation {
    double next;
    unsigned turns_left, n, last;
    struct llm_message messages[2 * TURNS_MAX + 2];
};

struct load {
    struct sim sim;
    struct affinity *affinity;
    struct conversation talks[TALKS];
    unsigned shared_bytes; /* of the system messages, which three applications send */
    unsigned turns, returned, hits, asked[NODES];
    double busy[NODES];
};

static struct view say(struct load *l, double mean)
{
    size_t n = 20 + (size_t)sim_exponential(&l->sim.random, mean);
    size_t at = sim_draw(&l->sim.random) % (POOL - MIB);

    return text_at(at, n < MIB ? n : MIB);
}

static void begin(struct load *l, struct conversation *c, double now)
{
    size_t app = sim_draw(&l->sim.random) % 3;

    *c = (struct conversation){
        .next = now, .turns_left = 2 + (unsigned)(sim_draw(&l->sim.random) % 10), .last = NODES};
    c->messages[c->n++] =
        (struct llm_message){.role = LLM_SYSTEM, .text = text_at(app * 64 * KIB, l->shared_bytes)};
}

static unsigned choose(struct load *l, const struct affinity_prompt *p, double now)
{
    struct balance_node known[NODES];

    for (unsigned i = 0; i < NODES; i++) {
        const struct sim_engine *e = &l->sim.engines[i];
        known[i] = (struct balance_node){.service_ns = pace_service_ns(&e->pace, sim_ns(now)),
                                         .jobs = pace_jobs(&e->pace, e->own, sim_ns(now)),
                                         .width = pace_width(&e->pace),
                                         .weight = 100};
    }
    return balance_choose(known, NODES, affinity_find(l->affinity, p, 1, 4 * MIB), 1,
                          sim_draw(&l->sim.random));
}

static void turn(struct load *l, struct conversation *c)
{
    struct affinity_prompt p;
    double now = c->next, work = 0.3 + sim_exponential(&l->sim.random, 0.7);

    c->messages[c->n++] = (struct llm_message){.role = LLM_USER, .text = say(l, 300)};
    struct llm_request request = {.messages = c->messages, .n_messages = c->n};
    affinity_read(&request, &p);
    sim_until(&l->sim, now);
    unsigned to = choose(l, &p, now);
    affinity_book(l->affinity, &p, 1, to);
    sim_send(&l->sim, to, now, work, true);
    l->turns++;
    l->asked[to]++;
    l->busy[to] += work;
    l->returned += c->last < NODES;
    l->hits += c->last == to;
    c->last = to;
    c->messages[c->n++] = (struct llm_message){.role = LLM_ASSISTANT, .text = say(l, 1200)};
    double answered = l->sim.flight[l->sim.n_flight - 1].ends;
    if (--c->turns_left > 0)
        c->next = answered + sim_exponential(&l->sim.random, 10);
    else
        begin(l, c, answered + sim_exponential(&l->sim.random, 10));
}

static void run(struct load *l)
{
    l->affinity = affinity_new();
    l->sim = (struct sim){.n_engines = NODES, .random = {11}, .read_every = 1};
    for (unsigned i = 0; i < NODES; i++) {
        l->sim.engines[i].speed = 1;
        l->sim.engines[i].width = 8;
    }
    for (unsigned i = 0; i < TALKS; i++)
        begin(l, &l->talks[i], sim_exponential(&l->sim.random, 10));
    while (l->turns < TURNS) {
        struct conversation *next = &l->talks[0];
        for (unsigned i = 1; i < TALKS; i++)
            if (l->talks[i].next < next->next)
                next = &l->talks[i];
        turn(l, next);
    }
    affinity_free(l->affinity);
}

static void test_conversations_stay_and_the_load_is_even(void **state)
{
    static const unsigned shared[] = {100, 1500, 8000};
    static struct load l;
    (void)state;

    for (unsigned i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        double most_asked = 0, most_busy = 0, busy = 0;
        l = (struct load){.shared_bytes = shared[i]};
        run(&l);
        for (unsigned k = 0; k < NODES; k++) {
            busy += l.busy[k];
            most_asked = fmax(most_asked, l.asked[k]);
            most_busy = fmax(most_busy, l.busy[k]);
        }
        double hits = (double)l.hits / l.returned;
        most_asked *= (double)NODES / l.turns;
        most_busy *= NODES / busy;
        print_message("system messages of %4u bytes: %.1f %% of the turns hit, most asked node "
                      "%.2f x, busiest %.2f x the mean\n",
                      shared[i], hits * 100, most_asked, most_busy);
        assert_true(hits >= 0.9);
        assert_true(most_asked <= 1.25 && most_busy <= 1.25);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_roles_count),
        cmocka_unit_test(test_who_is_found),
        cmocka_unit_test(test_the_last_that_was_asked),
        cmocka_unit_test(test_a_cache_is_finite),
        cmocka_unit_test(test_the_table_is_bounded),
        cmocka_unit_test(test_threads_do_not_mix_entries_up),
        cmocka_unit_test(test_conversations_stay_and_the_load_is_even),
    };
    return cmocka_run_group_tests(tests, fill_pool, NULL);
}
