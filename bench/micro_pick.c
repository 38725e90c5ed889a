/*
 * What choosing a node costs, through fleet_pick(): us a choice over 200 nodes, with requests there
 * and readings of all of them, and prompts of which half go on from an earlier one; and what it
 * costs to find that all of them are full.
 */
#include "base/clock.h"
#include "fleet/fleet.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 200, PROMPTS = 4096, CHOICES = 1024, ROUNDS = 200, TEXT = 4096 };

struct setup {
    struct fleet *fleet;
    struct affinity *affinity;
    bool full; /* all nodes are, and nobody is chosen */
    struct affinity_prompt prompts[PROMPTS];
    struct llm_request requests[PROMPTS];
    struct llm_message messages[PROMPTS][3];
};

static uint64_t draw(void)
{
    static uint64_t state = 7;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return state >> 16;
}

static struct view text_of(size_t n)
{
    char *p = malloc(n);
    if (!p)
        exit(1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)('a' + draw() % 26);
    return view_of(p, n);
}

/* The second half of the prompts goes on from the first. */
static void make_prompts(struct setup *s)
{
    struct view system = text_of(1000);
    for (unsigned i = 0; i < PROMPTS; i++) {
        unsigned from = i % (PROMPTS / 2);
        s->messages[i][0] = (struct llm_message){.role = LLM_SYSTEM, .text = system};
        s->messages[i][1] = i == from ? (struct llm_message){LLM_USER, text_of(TEXT - 1000), 0}
                                      : s->messages[from][1];
        s->messages[i][2] = (struct llm_message){LLM_USER, text_of(300), 0};
        s->requests[i] =
            (struct llm_request){.messages = s->messages[i], .n_messages = i == from ? 2 : 3};
    }
}

static struct fleet *make_fleet(const char *engine, unsigned nodes, const char *models)
{
    struct buf yaml = BUF_MAX(1 << 20);
    struct error err;

    buf_printf(&yaml, "backends:\n  - name: lab\n    side: inside\n    engine: %s\n%s    nodes:\n",
               engine, models);
    for (unsigned i = 0; i < nodes; i++)
        buf_printf(&yaml, "      - {url: 'http://127.0.0.1:%u', weight: %u}\n", 1000 + i,
                   100 + i % 3 * 50);
    struct config *c = config_load("bench.yaml", buf_view(&yaml), &err);
    struct fleet *f = c ? fleet_new(c, &err) : NULL;
    if (!f) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    config_unref(c);
    buf_done(&yaml);
    return f;
}

/* Twenty models each; model 19 is the one that is asked for. */
static void list_models(struct node *n, unsigned last)
{
    struct arena *a = arena_new(1 << 20);
    struct node_models *m = a ? arena_new_of(a, struct node_models) : NULL;

    if (!m)
        exit(1);
    m->arena = a;
    m->n = 20;
    m->models = arena_new_array(a, struct policy_model, m->n);
    for (unsigned i = 0; i < m->n; i++)
        m->models[i] =
            (struct policy_model){.name = arena_printf(a, "model-%u", last - i), .loaded = true};
    atomic_store(&m->refs, 1);
    (void)node_set_models(n, m);
}

/* As they are in the middle of a day. */
static void make_busy(struct fleet *f, unsigned one_in, bool full)
{
    struct fleet_set *set = fleet_set_ref(f, 0);
    const struct fleet_node *nodes = set->nodes;

    for (unsigned i = 0; i < set->n; i++) {
        struct node_load load = LOAD_UNKNOWN;
        struct node_use use;
        load.running = (int64_t)(draw() % 16);
        load.queued = (int64_t)(full ? 8 + draw() % 8 : draw() % 3);
        list_models(nodes[i].node, i % one_in ? 1000 + i : 19);
        if (!node_begin(nodes[i].node, &use))
            exit(1);
        (void)node_end(&use, 100);
        for (uint64_t k = draw() % 8; k > 0; k--)
            if (!node_begin(nodes[i].node, &use))
                exit(1);
        for (unsigned k = 0; k < 2; k++) /* two tell how many it works on at a time */
            node_set_load(nodes[i].node, &load, INT64_C(3600000));
    }
}

static unsigned choose(struct setup *s, unsigned i)
{
    struct fleet_tried tried = {0};
    struct fleet_wish wish = {.model = VIEW("model-19"),
                              .roomy = true,
                              .affinity = s->affinity,
                              .prompt = &s->prompts[i % PROMPTS]};

    return fleet_pick(s->fleet, &wish, &tried) != NULL;
}

/* The best of the rounds, each short: what others do on the machine is not ours. */
static double best_us(struct setup *s)
{
    int64_t best = INT64_MAX;
    unsigned prompt = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned chosen = 0;
        int64_t from = clock_mono_ns();
        for (unsigned i = 0; i < CHOICES; i++)
            chosen += choose(s, prompt++);
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
        if (chosen != (s->full ? 0 : CHOICES))
            exit(1);
    }
    return (double)best / CHOICES / 1000;
}

/* As a server meets it: between two requests others have used the caches, here 4 MiB. */
static double cold_us(struct setup *s)
{
    enum { OTHERS = 4 << 20, LINE = 64, TIMES = 1000 };
    char *others = calloc(1, OTHERS);
    int64_t took = 0;

    if (!others)
        exit(1);
    for (unsigned i = 0; i < TIMES; i++) {
        volatile char *p = others;
        for (size_t at = 0; at < OTHERS; at += LINE)
            p[at]++;
        int64_t from = clock_mono_ns();
        (void)choose(s, i);
        took += clock_mono_ns() - from;
    }
    free(others);
    return (double)took / TIMES / 1000;
}

static double read_us(struct setup *s)
{
    int64_t best = INT64_MAX;

    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t from = clock_mono_ns();
        for (unsigned i = 0; i < PROMPTS; i++)
            affinity_read(&s->requests[i], &s->prompts[i]);
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
    }
    return (double)best / PROMPTS / 1000;
}

int main(void)
{
    static const struct {
        const char *name, *engine, *models;
        unsigned nodes, one_in; /* so many nodes has the model */
        bool full;
    } cases[] = {
        {"one node", "vllm", "    models: [model-19]\n", 1, 1, false},
        {"200 nodes, models named", "vllm", "    models: [model-19]\n", NODES, 1, false},
        {"200 nodes, models listed", "vllm", "", NODES, 1, false},
        {"200 nodes of Ollama", "ollama", "", NODES, 1, false},
        {"200 nodes, 4 have the model", "ollama", "", NODES, 50, false},
        {"200 nodes, all full", "vllm", "    models: [model-19]\n", NODES, 1, true},
    };
    struct setup *s = calloc(1, sizeof(*s));

    if (!s || !(s->affinity = affinity_new()))
        return 1;
    make_prompts(s);
    printf("reading a prompt's beginnings %.2f us (4 KB)\n", read_us(s));
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->fleet = make_fleet(cases[i].engine, cases[i].nodes, cases[i].models);
        s->full = cases[i].full;
        make_busy(s->fleet, cases[i].one_in, s->full);
        double us = best_us(s);
        printf("%s: %.2f us with cold caches\n", cases[i].name, cold_us(s));
        printf("{\"name\": \"pick of %s\", \"us\": %.2f}\n", cases[i].name, us);
        fleet_unref(s->fleet);
        node_free_all();
    }
    return 0;
}
