/*
 * What inspection and decision cost: ns each for 4 KB requests whose user text differs each time,
 * under eight system prompts, as applications send them.
 */
#include "base/clock.h"
#include "config/defaults_policy.h"
#include "inspect/inspect.h"
#include "llm/tokens.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUESTS     1024
#define ROUNDS       20
#define APPS         8
#define SYSTEM_BYTES 1000
#define USER_BYTES   3000

static unsigned draw(unsigned below)
{
    static uint64_t state = 7;
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)((state >> 33) % below);
}

/* Words of invented letters, sentences, now and then a line: nothing repeats for the predictor. */
static struct view write_text(size_t n)
{
    char *p = malloc(n);
    if (!p)
        exit(1);
    size_t at = 0;
    while (at < n) {
        for (unsigned k = 1 + draw(4) + draw(6); k > 0 && at < n; k--)
            p[at++] = "etaoinshrdlucmfwypvbgk"[draw(22)];
        if (at < n)
            p[at++] = draw(9) ? ' ' : draw(4) ? '.' : '\n';
    }
    return view_of(p, n);
}

struct setup {
    struct llm_request requests[REQUESTS];
    struct inspect_facts facts[REQUESTS];
    struct llm_message messages[REQUESTS][2];
    struct inspect_memory *memory;
};

static void prepare(struct setup *s)
{
    s->memory = inspect_memory_new();
    struct view systems[APPS];
    for (unsigned i = 0; i < APPS; i++)
        systems[i] = write_text(SYSTEM_BYTES);
    for (unsigned i = 0; i < REQUESTS; i++) {
        s->messages[i][0] = (struct llm_message){.role = LLM_SYSTEM, .text = systems[i % APPS]};
        s->messages[i][1] = (struct llm_message){.role = LLM_USER, .text = write_text(USER_BYTES)};
        s->requests[i] = (struct llm_request){.messages = s->messages[i], .n_messages = 2};
    }
}

/* The best of the rounds, ns a request: what others do on the machine is not ours. */
static double best_round(void (*step)(void *context, unsigned i), void *context)
{
    int64_t best = INT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t from = clock_mono_ns();
        for (unsigned i = 0; i < REQUESTS; i++)
            step(context, i);
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
    }
    return (double)best / REQUESTS;
}

/* As a server meets it: between two requests others have used the caches, here 4 MiB. */
static double with_cold_caches(void (*step)(void *context, unsigned i), void *context)
{
    enum { OTHERS = 4 << 20, LINE = 64 };
    char *others = calloc(1, OTHERS);
    int64_t took = 0;
    if (!others)
        exit(1);
    for (unsigned i = 0; i < REQUESTS; i++) {
        volatile char *p = others;
        for (size_t at = 0; at < OTHERS; at += LINE)
            p[at]++;
        int64_t from = clock_mono_ns();
        step(context, i);
        took += clock_mono_ns() - from;
    }
    free(others);
    return (double)took / REQUESTS;
}

static void step_estimate(void *context, unsigned i)
{
    struct setup *s = context;
    s->facts[i].tokens_in = tokens_estimate_request(&s->requests[i]);
}

static void step_inspect(void *context, unsigned i)
{
    struct setup *s = context;
    inspect_exchange(&s->requests[i], s->memory, &s->facts[i]);
}

struct decision {
    struct setup *setup;
    struct config config;
    struct policy_fleet fleet;
    struct arena *arena;
    struct plan plan;
    struct buf out;
};

static void step_decide(void *context, unsigned i)
{
    struct decision *d = context;
    struct error err;
    struct policy_question q = {.facts = &d->setup->facts[i],
                                .model = VIEW("auto"),
                                .key = VIEW("shop"),
                                .minute_of_day = 720};
    arena_reset(d->arena);
    if (!policy_decide(&d->config, &q, &d->fleet, d->arena, &d->plan, &err))
        exit(1);
}

static void step_write(void *context, unsigned i)
{
    struct decision *d = context;
    buf_reset(&d->out);
    plan_write_json(&d->plan, &d->setup->facts[i], &d->out);
}

static double measure_decide(struct setup *s)
{
    struct decision d = {.setup = s, .arena = arena_new(1 << 20), .out = BUF_MAX(1 << 16)};
    policy_defaults(&d.config.policy);
    struct config_rule rules[] = {
        {.name = VIEW("hr"),
         .key = VIEW("hr-*"),
         .complexity_above = -1,
         .minutes_from = -1,
         .minutes_to = -1,
         .sets_placement = true,
         .place = {PLACE_INSIDE_ONLY, 0}},
        {.name = VIEW("nights"),
         .complexity_above = -1,
         .minutes_from = 22 * 60,
         .minutes_to = 6 * 60,
         .sets_placement = true,
         .place = {PLACE_INSIDE, 0}},
    };
    d.config.policy.rules = rules;
    d.config.policy.n_rules = 2;
    unsigned all = ABILITY_TOOLS | ABILITY_IMAGES | ABILITY_SCHEMA;
    struct policy_model small = {VIEW("qwen2.5-7b-instruct"), 32768, all, true};
    struct policy_model big = {VIEW("gpt-5-mini"), 400000, all, true};
    struct policy_backend backends[] = {
        {0, VIEW("lab"), SIDE_INSIDE, ENGINE_VLLM, true, &small, 1},
        {1, VIEW("desk"), SIDE_INSIDE, ENGINE_OLLAMA, false, &small, 1},
        {2, VIEW("openai"), SIDE_OUTSIDE, ENGINE_OPENAI, true, &big, 1},
    };
    d.fleet = (struct policy_fleet){backends, 3};
    double decide_ns = best_round(step_decide, &d);
    printf("decide   %6.0f ns\n", decide_ns);
    printf("as JSON  %6.0f ns", best_round(step_write, &d));
    printf(" (%zu bytes)\n", d.out.len);
    buf_done(&d.out);
    arena_free(d.arena);
    return decide_ns;
}

int main(void)
{
    struct setup *s = calloc(1, sizeof *s);
    if (!s)
        return 1;
    prepare(s);
    double estimate = best_round(step_estimate, s);
    printf("inspect  %6.0f ns", best_round(step_inspect, s));
    printf(", of that the token estimate %.0f ns (as if the system messages were new)\n", estimate);
    double cold_ns = with_cold_caches(step_inspect, s);
    printf("         %6.0f ns with cold caches\n", cold_ns);
    /* for bench/run: a gateway's caches are cold, because every request is another text */
    printf("{\"name\": \"plan 4 KB, cold caches\", \"us\": %.2f}\n",
           (cold_ns + measure_decide(s)) / 1000);
    return 0;
}
