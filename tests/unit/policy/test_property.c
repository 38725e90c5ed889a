/* Thousands of random fleets, policies and questions: what must hold for every plan. */
#include "config/defaults_policy.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS   20000
#define BACKENDS 8
#define MODELS   4

static uint64_t dice = 1;

static unsigned draw(unsigned below)
{
    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)((dice >> 33) % below);
}

struct world {
    struct config config;
    struct config_rule rules[3];
    struct config_alias aliases[2];
    struct policy_model models[BACKENDS][MODELS];
    struct policy_backend backends[BACKENDS];
    struct policy_fleet fleet;
    struct inspect_facts facts;
    struct policy_question question;
};

static const struct view model_names[] = {VIEW_LIT("m0"), VIEW_LIT("m1"), VIEW_LIT("m2"),
                                          VIEW_LIT("m3"), VIEW_LIT("m4")};
static const struct view backend_names[BACKENDS] = {VIEW_LIT("b0"), VIEW_LIT("b1"), VIEW_LIT("b2"),
                                                    VIEW_LIT("b3"), VIEW_LIT("b4"), VIEW_LIT("b5"),
                                                    VIEW_LIT("b6"), VIEW_LIT("b7")};
static const struct view asked[] = {
    VIEW_LIT("auto"),       VIEW_LIT("auto"),       VIEW_LIT("inside"),  VIEW_LIT("outside"),
    VIEW_LIT("inside/m0"),  VIEW_LIT("outside/m0"), VIEW_LIT("m1"),      VIEW_LIT("m2"),
    VIEW_LIT("inside/m3"),  VIEW_LIT("outside/m4"), VIEW_LIT("alias-1"), VIEW_LIT("alias-2"),
    VIEW_LIT("outside/m1"), VIEW_LIT("unknown"),
};

static struct config_row draw_row(void)
{
    return (struct config_row){(enum placement)draw(5), draw(101) / 100.0};
}

static void draw_fleet(struct world *w)
{
    w->fleet = (struct policy_fleet){w->backends, draw(BACKENDS + 1)};
    for (unsigned i = 0; i < w->fleet.n_backends; i++) {
        w->backends[i] = (struct policy_backend){.index = i,
                                                 .name = backend_names[i],
                                                 .side = (enum side)draw(2),
                                                 .engine = (enum engine)draw(ENGINE_COUNT),
                                                 .available = draw(3) > 0,
                                                 .saturated = draw(3) == 0,
                                                 .fullness = VIEW("full"),
                                                 .models = w->models[i],
                                                 .n_models = draw(MODELS + 1)};
        for (unsigned k = 0; k < w->backends[i].n_models; k++)
            w->models[i][k] =
                (struct policy_model){.name = model_names[draw(5)],
                                      .window = draw(3) ? 1000 * draw(9) : 0,
                                      .family = (enum tokens_family)draw(TOKENS_FAMILIES),
                                      .abilities = draw(8),
                                      .loaded = draw(2)};
    }
}

static void draw_world(struct world *w)
{
    static const struct config_alias aliases[] = {{VIEW_LIT("*-1"), VIEW_LIT("auto")},
                                                  {VIEW_LIT("alias-*"), VIEW_LIT("inside/m0")}};
    memset(w, 0, sizeof *w);
    draw_fleet(w);
    memcpy(w->aliases, aliases, sizeof aliases);
    w->config.aliases = w->aliases;
    w->config.n_aliases = draw(3);
    for (unsigned i = 0; i < TASK_COUNT; i++)
        w->config.policy.matrix[i] = draw_row();
    w->config.policy.min_confidence = draw(101) / 100.0;
    w->config.policy.rules = w->rules;
    w->config.policy.n_rules = draw(4);
    for (unsigned i = 0; i < w->config.policy.n_rules; i++)
        w->rules[i] = (struct config_rule){.key = draw(2) ? VIEW("k*") : VIEW("other"),
                                           .complexity_above = draw(3) / 2.0 - 0.5,
                                           .minutes_from = (int)draw(1440),
                                           .minutes_to = (int)draw(1440),
                                           .sets_placement = draw(2),
                                           .sets_task = draw(2),
                                           .place = draw_row(),
                                           .task_set = (enum task_kind)draw(TASK_COUNT)};
    w->facts = (struct inspect_facts){.task = (enum task_kind)draw(TASK_COUNT),
                                      .confidence = draw(101) / 100.0,
                                      .complexity = draw(101) / 100.0,
                                      .tokens_in = 100,
                                      .needs = draw(2) ? 0 : draw(8),
                                      .completion = draw(200)};
    for (unsigned f = 0; f < TOKENS_FAMILIES; f++)
        w->facts.tokens_by_family[f] = draw(9000);
    w->question = (struct policy_question){.facts = &w->facts,
                                           .model = asked[draw(sizeof asked / sizeof *asked)],
                                           .key = VIEW("key"),
                                           .task_header = draw(4) ? VIEW_NONE : VIEW("coding"),
                                           .minute_of_day = (int)draw(1440)};
}

static void assert_sides(const struct world *w, const struct plan *plan)
{
    for (unsigned i = 0; i < plan->n_candidates; i++) {
        const struct plan_candidate *c = &plan->candidates[i];
        assert_int_equal(w->backends[c->backend].side, c->side);
        if (plan->placement == PLACE_INSIDE_ONLY)
            assert_int_equal(c->side, SIDE_INSIDE);
        if (plan->placement == PLACE_OUTSIDE_ONLY && !plan->pinned)
            assert_int_equal(c->side, SIDE_OUTSIDE);
        if (view_starts(w->question.model, VIEW("inside")))
            assert_int_equal(c->side, SIDE_INSIDE);
        if (view_starts(w->question.model, VIEW("outside")))
            assert_int_equal(c->side, SIDE_OUTSIDE);
    }
}

static unsigned readiness(const struct world *w, const struct plan_candidate *c)
{
    return !c->available ? 2 : w->backends[c->backend].saturated ? 1 : 0;
}

static void assert_fits(const struct world *w, const struct plan *plan)
{
    for (unsigned i = 0; i < plan->n_candidates; i++) {
        const struct plan_candidate *c = &plan->candidates[i];
        const struct policy_backend *b = &w->backends[c->backend];
        bool fits = false;
        for (unsigned k = 0; k < b->n_models; k++)
            fits |= view_eq(b->models[k].name, c->model) &&
                    (w->facts.needs & ~b->models[k].abilities) == 0 &&
                    (b->models[k].window == 0 ||
                     b->models[k].window >= inspect_window(&w->facts, b->models[k].family));
        assert_true(fits);
        assert_true(c->reason.n > 0);
        assert_int_equal(c->available, b->available);
        if (i > 0) /* what is down never stands before what is up, nor what is full before others */
            assert_true(readiness(w, &plan->candidates[i - 1]) <= readiness(w, c));
    }
}

static void assert_each_backend_once(const struct world *w, const struct plan *plan)
{
    for (unsigned i = 0; i < w->fleet.n_backends; i++) {
        unsigned seen = 0;
        for (unsigned k = 0; k < plan->n_candidates; k++)
            seen += plan->candidates[k].backend == i;
        for (unsigned k = 0; k < plan->n_skipped; k++)
            seen += view_eq(plan->skipped[k].backend_name, backend_names[i]);
        assert_int_equal(seen, 1);
    }
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    bool same = a->task == b->task && a->placement == b->placement && a->pinned == b->pinned &&
                view_eq(a->because, b->because) && a->n_candidates == b->n_candidates &&
                a->n_skipped == b->n_skipped;
    for (unsigned i = 0; same && i < a->n_candidates; i++)
        same = a->candidates[i].backend == b->candidates[i].backend &&
               view_eq(a->candidates[i].model, b->candidates[i].model) &&
               view_eq(a->candidates[i].reason, b->candidates[i].reason);
    for (unsigned i = 0; same && i < a->n_skipped; i++)
        same = view_eq(a->skipped[i].reason, b->skipped[i].reason);
    return same;
}

static void every_plan_keeps_the_rules(void **state)
{
    (void)state;
    static struct world w;
    static struct plan plan, again;
    struct arena *a = arena_new(1 << 20), *b = arena_new(1 << 20);
    unsigned decided = 0, refused[ERROR_COUNT] = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct error err, err_again;
        draw_world(&w);
        arena_reset(a);
        arena_reset(b);
        bool ok = policy_decide(&w.config, &w.question, &w.fleet, a, &plan, &err);
        bool ok_again = policy_decide(&w.config, &w.question, &w.fleet, b, &again, &err_again);
        assert_int_equal(ok, ok_again);
        assert_true(same_plan(&plan, &again));
        assert_sides(&w, &plan);
        assert_fits(&w, &plan);
        if (ok || err.code != ERROR_UNKNOWN_MODEL) {
            bool unresolved = !ok && strstr(err.text, "told") != NULL;
            if (!unresolved)
                assert_each_backend_once(&w, &plan);
        }
        assert_int_equal(ok, plan.n_candidates > 0);
        decided += ok;
        if (!ok)
            refused[err.code]++;
    }
    /* The draw reaches all of it. */
    assert_true(decided > ROUNDS / 4);
    assert_true(refused[ERROR_UNKNOWN_MODEL] > 100 && refused[ERROR_NO_BACKEND] > 100);
    assert_true(refused[ERROR_PROMPT_TOO_LONG] > 100 && refused[ERROR_BAD_VALUE] > 100);
    arena_free(a);
    arena_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_keeps_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
