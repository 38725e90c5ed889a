/* The decision, case by case: what was asked for, the policy, the fleet, and the plan. */
#include "config/defaults_policy.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ALL (ABILITY_TOOLS | ABILITY_IMAGES | ABILITY_SCHEMA)

struct world {
    struct arena *arena;
    struct policy_model lab_models[2], desk_models[1], openai_models[2];
    struct policy_backend backends[3];
    struct policy_fleet fleet;
    struct config config;
    struct config_alias aliases[8];
    struct config_rule rules[4];
    struct inspect_facts facts;
    struct policy_question question;
    struct plan plan;
    struct error err;
};

static struct config_rule *add_rule(struct world *w, const char *name)
{
    struct config_rule *rule = &w->rules[w->config.policy.n_rules++];
    *rule = (struct config_rule){
        .name = view_str(name), .complexity_above = -1, .minutes_from = -1, .minutes_to = -1};
    return rule;
}

/* The same for every family. */
static void prompt_of(struct world *w, uint32_t tokens)
{
    w->facts.tokens_in = tokens;
    for (unsigned f = 0; f < TOKENS_FAMILIES; f++)
        w->facts.tokens_by_family[f] = tokens;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    if (!w)
        return 1;
    w->arena = arena_new(1 << 20);
    w->lab_models[0] = (struct policy_model){VIEW("qwen-7b"), 8192, ABILITY_TOOLS, true};
    w->lab_models[1] = (struct policy_model){VIEW("qwen-vl"), 4096, ABILITY_IMAGES, false};
    w->desk_models[0] = (struct policy_model){VIEW("llama3:latest"), 4096, 0, true};
    w->openai_models[0] = (struct policy_model){VIEW("gpt-5-mini"), 400000, ALL, false};
    w->openai_models[1] = (struct policy_model){VIEW("qwen-7b"), 0, ALL, false};
    w->backends[0] = (struct policy_backend){
        0, VIEW("openai"), SIDE_OUTSIDE, ENGINE_OPENAI, true, w->openai_models, 2};
    w->backends[1] =
        (struct policy_backend){1, VIEW("lab"), SIDE_INSIDE, ENGINE_VLLM, true, w->lab_models, 2};
    w->backends[2] = (struct policy_backend){
        2, VIEW("desk"), SIDE_INSIDE, ENGINE_OLLAMA, true, w->desk_models, 1};
    w->fleet = (struct policy_fleet){w->backends, 3};
    policy_defaults(&w->config.policy);
    w->config.policy.rules = w->rules;
    static const struct config_alias aliases[] = {
        {VIEW_LIT("claude-*"), VIEW_LIT("auto")},
        {VIEW_LIT("private"), VIEW_LIT("inside")},
        {VIEW_LIT("fast"), VIEW_LIT("inside/llama3")},
        {VIEW_LIT("best"), VIEW_LIT("gpt-5-mini")},
        {VIEW_LIT("loop"), VIEW_LIT("best")},
        {VIEW_LIT("in*"), VIEW_LIT("outside/gpt-5-mini")},
    };
    memcpy(w->aliases, aliases, sizeof aliases);
    w->config.aliases = w->aliases;
    w->config.n_aliases = sizeof aliases / sizeof *aliases;
    w->facts = (struct inspect_facts){.task = TASK_CODING, .confidence = 0.9, .complexity = 0.5};
    prompt_of(w, 100);
    w->question = (struct policy_question){
        .facts = &w->facts, .model = VIEW("auto"), .minute_of_day = 12 * 60};
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    arena_free(w->arena);
    free(w);
    return 0;
}

static bool decide(struct world *w)
{
    return policy_decide(&w->config, &w->question, &w->fleet, w->arena, &w->plan, &w->err);
}

/* The candidates as "backend/model backend/model", those that are not available in brackets. */
static const char *order(struct world *w)
{
    static char text[600];
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < w->plan.n_candidates; i++) {
        const struct plan_candidate *c = &w->plan.candidates[i];
        n += (size_t)snprintf(text + n, sizeof text - n,
                              c->available ? "%s%.*s/%.*s" : "%s[%.*s/%.*s]", i ? " " : "",
                              VIEW_ARG(c->backend_name), VIEW_ARG(c->model));
    }
    return text;
}

static const char *skipped(struct world *w)
{
    static char text[600];
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < w->plan.n_skipped; i++) {
        const struct plan_skipped *s = &w->plan.skipped[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s: %.*s", i ? "; " : "",
                              VIEW_ARG(s->backend_name), VIEW_ARG(s->reason));
    }
    return text;
}

static void assert_text(struct view got, const char *expected)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", VIEW_ARG(got));
    assert_string_equal(text, expected);
}

static void matrix_places_each_task(void **state)
{
    static const struct {
        enum task_kind task;
        double complexity;
        const char *first, *because;
    } cases[] = {
        {TASK_CLASSIFICATION, 0.9, "lab", "matrix: classification goes inside"},
        {TASK_EXTRACTION, 0.9, "lab", "matrix: extraction goes inside"},
        {TASK_SUPPORT_FAQ, 0.9, "lab", "matrix: support_faq goes inside"},
        {TASK_REASONING, 0.1, "openai", "matrix: reasoning goes outside"},
        {TASK_CODING, 0.1, "openai", "matrix: coding goes outside"},
        {TASK_CREATIVE, 0.1, "openai", "matrix: creative goes outside"},
        {TASK_SUMMARIZATION, 0.6, "lab",
         "matrix: summarization of complexity 0.60 stays inside (up to 0.60)"},
        {TASK_TRANSLATION, 0.61, "openai",
         "matrix: translation of complexity 0.61 goes outside (above 0.60)"},
        {TASK_GENERAL, 1, "openai", "matrix: general of complexity 1.00 goes outside (above 0.60)"},
        {TASK_GENERAL, 0, "lab", "matrix: general of complexity 0.00 stays inside (up to 0.60)"},
    };
    struct world *w = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->facts.task = cases[i].task;
        w->facts.complexity = cases[i].complexity;
        assert_true(decide(w));
        assert_int_equal(w->plan.n_candidates, 3);
        assert_text(w->plan.candidates[0].backend_name, cases[i].first);
        assert_text(w->plan.candidates[0].reason, cases[i].because);
        assert_text(w->plan.because, cases[i].because);
        assert_int_equal(w->plan.task, cases[i].task);
        assert_false(w->plan.pinned);
    }
}

static void the_other_side_stands_behind(void **state)
{
    struct world *w = *state;
    assert_true(decide(w));
    assert_string_equal(order(w), "openai/gpt-5-mini lab/qwen-7b desk/llama3:latest");
    assert_text(w->plan.candidates[1].reason, "fallback: other side");
    assert_int_equal(w->plan.candidates[0].backend, 0);
    assert_int_equal(w->plan.candidates[1].side, SIDE_INSIDE);
    w->facts.task = TASK_EXTRACTION;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b desk/llama3:latest openai/gpt-5-mini");
    assert_text(w->plan.candidates[1].reason, "matrix: extraction goes inside");
}

static void what_is_down_comes_last(void **state)
{
    struct world *w = *state;
    w->facts.task = TASK_EXTRACTION;
    w->backends[1].available = false;
    assert_true(decide(w));
    assert_string_equal(order(w), "desk/llama3:latest openai/gpt-5-mini [lab/qwen-7b]");
    assert_text(w->plan.candidates[2].reason, "node down: only if nothing else is left");
    w->backends[0].available = w->backends[2].available = false;
    assert_true(decide(w));
    assert_string_equal(order(w), "[lab/qwen-7b] [desk/llama3:latest] [openai/gpt-5-mini]");
}

static void fill(struct world *w, unsigned backend, bool saturated)
{
    struct policy_backend *b = &w->backends[backend];

    b->saturated = saturated;
    b->fullness = arena_printf(w->arena, "%.*s is full", VIEW_ARG(b->name));
}

/* Behind those that have room and before those that are down, where the policy allows the others.
 */
static void what_is_full_overflows(void **state)
{
    static const struct {
        const char *asked;
        enum task_kind task;
        bool full[3]; /* openai, lab, desk */
        const char *order, *reasons[3];
    } cases[] = {
        {"auto",
         TASK_EXTRACTION,
         {false, true, false},
         "desk/llama3:latest openai/gpt-5-mini lab/qwen-7b",
         {"matrix: extraction goes inside", "fallback: other side", "lab is full"}},
        {"auto",
         TASK_EXTRACTION,
         {false, true, true},
         "openai/gpt-5-mini lab/qwen-7b desk/llama3:latest",
         {"overflow: lab is full", "lab is full", "desk is full"}},
        {"auto",
         TASK_EXTRACTION,
         {true, true, true},
         "lab/qwen-7b desk/llama3:latest openai/gpt-5-mini",
         {"matrix: extraction goes inside", "desk is full", "openai is full"}},
        {"auto",
         TASK_CODING,
         {false, true, false},
         "openai/gpt-5-mini desk/llama3:latest lab/qwen-7b",
         {"matrix: coding goes outside", "fallback: other side", "lab is full"}},
        {"inside",
         TASK_EXTRACTION,
         {false, true, true},
         "lab/qwen-7b desk/llama3:latest",
         {"pinned inside", "desk is full"}},
        {"inside/qwen-7b", TASK_EXTRACTION, {false, true, false}, "lab/qwen-7b", {"pinned inside"}},
        {"qwen-7b",
         TASK_EXTRACTION,
         {false, true, false},
         "openai/qwen-7b lab/qwen-7b",
         {"overflow: lab is full", "lab is full"}},
        /* what is full but would not do is no reason */
        {"gpt-5-mini",
         TASK_EXTRACTION,
         {false, true, true},
         "openai/gpt-5-mini",
         {"fallback: other side"}},
    };
    struct world *w = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->question.model = view_str(cases[i].asked);
        w->facts.task = cases[i].task;
        for (unsigned k = 0; k < 3; k++)
            fill(w, k, cases[i].full[k]);
        assert_true(decide(w));
        assert_string_equal(order(w), cases[i].order);
        for (unsigned k = 0; k < w->plan.n_candidates; k++)
            assert_text(w->plan.candidates[k].reason, cases[i].reasons[k]);
    }
    w->question.model = VIEW("auto");
    w->backends[0].available = false;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b desk/llama3:latest [openai/gpt-5-mini]");
}

/* Unlike one that is down, it is not even tried when nothing else is left. */
static void what_is_out_of_service_is_left_out(void **state)
{
    struct world *w = *state;
    w->facts.task = TASK_EXTRACTION;
    w->backends[1].available = false;
    w->backends[1].out_of_service = true;
    assert_true(decide(w));
    assert_string_equal(order(w), "desk/llama3:latest openai/gpt-5-mini");
    assert_string_equal(skipped(w), "lab: taken out of service");
    /* the others are too small for it, or the other way round */
    w->question.model = VIEW("inside");
    prompt_of(w, 6000);
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_NO_BACKEND);
    assert_non_null(strstr(w->err.text, "taken out of service"));
    prompt_of(w, 20000);
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_PROMPT_TOO_LONG);
}

static void asked_models(void **state)
{
    static const struct {
        const char *asked, *order, *because, *alias;
        bool pinned;
    } cases[] = {
        {"auto", "openai/gpt-5-mini lab/qwen-7b desk/llama3:latest", "matrix: coding goes outside",
         "", false},
        {"claude-sonnet-9", "openai/gpt-5-mini lab/qwen-7b desk/llama3:latest",
         "matrix: coding goes outside", "claude-*", false},
        {"inside", "lab/qwen-7b desk/llama3:latest", "pinned inside", "", true},
        {"outside", "openai/gpt-5-mini", "pinned outside", "", true},
        {"inside/auto", "lab/qwen-7b desk/llama3:latest", "pinned inside", "", true},
        {"inside/qwen-7b", "lab/qwen-7b", "pinned inside", "", true},
        {"outside/qwen-7b", "openai/qwen-7b", "pinned outside", "", true},
        {"qwen-7b", "openai/qwen-7b lab/qwen-7b", "model qwen-7b was asked for", "", true},
        {"qwen-vl", "lab/qwen-vl", "model qwen-vl was asked for", "", true},
        {"llama3", "desk/llama3:latest", "model llama3 was asked for", "", true},
        {"private", "lab/qwen-7b desk/llama3:latest", "pinned inside", "private", true},
        {"fast", "desk/llama3:latest", "pinned inside", "fast", true},
        {"best", "openai/gpt-5-mini", "model gpt-5-mini was asked for", "best", true},
        {"index", "openai/gpt-5-mini", "pinned outside", "in*", true},
    };
    struct world *w = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->question.model = view_str(cases[i].asked);
        assert_true(decide(w));
        assert_string_equal(order(w), cases[i].order);
        assert_text(w->plan.because, cases[i].because);
        assert_text(w->plan.alias, cases[i].alias);
        assert_int_equal(w->plan.pinned, cases[i].pinned);
    }
}

static void unknown_models(void **state)
{
    static const char *const asked[] = {
        "gpt-9", "inside/gpt-5-mini", "outside/qwen-vl", "inside/", "loop",
        "AUTO",  "lab/qwen-7b",       "insider",         "qwen-7"};
    struct world *w = *state;
    w->config.n_aliases = 5;
    for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
        w->question.model = view_str(asked[i]);
        bool whole_side = view_eq(w->question.model, VIEW("inside/"));
        assert_int_equal(decide(w), whole_side);
        if (whole_side)
            continue;
        assert_int_equal(w->err.code, ERROR_UNKNOWN_MODEL);
        assert_string_equal(w->err.param, "model");
        assert_non_null(strstr(w->err.hint, "\"auto\", gpt-5-mini, qwen-7b"));
        assert_non_null(strstr(w->err.hint, "/v1/models"));
    }
    assert_int_equal(w->plan.n_candidates, 0);
    w->question.model = VIEW("loop");
    assert_false(decide(w));
    assert_non_null(strstr(w->err.text, "\"loop\" stands for \"best\""));
}

/* A backend that has not answered yet might have the model: that is no 404. */
static void models_not_told_yet(void **state)
{
    struct world *w = *state;
    w->backends[2].n_models = 0;
    w->question.model = VIEW("inside/llama3");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_NO_BACKEND);
    w->question.model = VIEW("outside/llama3");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_UNKNOWN_MODEL);
    w->question.model = VIEW("auto");
    assert_true(decide(w));
    assert_string_equal(skipped(w), "desk: no model is known yet");
}

static void task_header_overrides(void **state)
{
    struct world *w = *state;
    w->question.task_header = VIEW("Summarisation");
    w->facts.confidence = 0.1;
    assert_true(decide(w));
    assert_int_equal(w->plan.task, TASK_SUMMARIZATION);
    assert_text(w->plan.because,
                "header and matrix: summarization of complexity 0.50 stays inside (up to 0.60)");
    w->question.task_header = VIEW("poetry");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_BAD_VALUE);
    assert_string_equal(w->err.param, "x-weir-task");
    assert_non_null(strstr(w->err.hint, "classification, extraction"));
    assert_non_null(strstr(w->err.hint, "general."));
}

static void unsure_tasks_count_as_general(void **state)
{
    struct world *w = *state;
    w->facts.confidence = 0.39;
    assert_true(decide(w));
    assert_int_equal(w->plan.task, TASK_GENERAL);
    assert_text(w->plan.because, "coding is unsure (0.39): general of complexity 0.50 stays "
                                 "inside (up to 0.60)");
    w->facts.confidence = 0.4;
    assert_true(decide(w));
    assert_int_equal(w->plan.task, TASK_CODING);
    /* The row is general's: nothing to gain from the other name. */
    w->facts.confidence = 0.1;
    w->facts.task = TASK_TRANSLATION;
    assert_true(decide(w));
    assert_int_equal(w->plan.task, TASK_TRANSLATION);
}

static void rules_need_all_their_conditions(void **state)
{
    static const struct policy_header headers[] = {{VIEW_LIT("X-Team"), VIEW_LIT("payroll-eu")}};
    struct world *w = *state;
    struct config_rule *rule = add_rule(w, "all");
    rule->model = VIEW("au*");
    rule->key = VIEW("hr-*");
    rule->user = VIEW("*@example.org");
    rule->header_name = VIEW("x-team");
    rule->header_value = VIEW("payroll*");
    rule->metadata_name = VIEW("app");
    rule->metadata_value = VIEW("time*");
    rule->has_task = true;
    rule->task_is = TASK_CODING;
    rule->complexity_above = 0.4;
    rule->minutes_from = 11 * 60;
    rule->minutes_to = 13 * 60;
    rule->sets_placement = true;
    rule->place = (struct config_row){PLACE_INSIDE_ONLY, 0};
    const struct policy_question holds = {
        .facts = &w->facts,
        .model = VIEW("auto"),
        .key = VIEW("hr-1"),
        .user = VIEW("a@example.org"),
        .metadata = VIEW("{\"app\":\"timesheet\"}"),
        .headers = headers,
        .n_headers = 1,
        .minute_of_day = 12 * 60,
    };
    for (unsigned miss = 0; miss < 9; miss++) {
        w->question = holds;
        w->facts.task = TASK_CODING;
        w->facts.complexity = 0.5;
        switch (miss) {
        case 1:
            w->question.model = VIEW("claude-1");
            break;
        case 2:
            w->question.key = VIEW("it-1");
            break;
        case 3:
            w->question.user = VIEW("a@example.com");
            break;
        case 4:
            w->question.n_headers = 0;
            break;
        case 5:
            w->question.metadata = VIEW("{\"app\":\"mail\"}");
            break;
        case 6:
            w->facts.task = TASK_REASONING;
            break;
        case 7:
            w->facts.complexity = 0.4;
            break;
        case 8:
            w->question.minute_of_day = 13 * 60;
            break;
        default:
            break;
        }
        assert_true(decide(w));
        bool matched = w->plan.placement == PLACE_INSIDE_ONLY;
        if (matched != (miss == 0))
            print_error("condition %u\n", miss);
        assert_int_equal(matched, miss == 0);
        if (matched) {
            assert_text(w->plan.because, "rule 'all': coding goes inside only");
            assert_string_equal(order(w), "lab/qwen-7b desk/llama3:latest");
            assert_string_equal(skipped(w), "openai: policy: inside only");
        }
    }
}

static void hours_may_wrap_midnight(void **state)
{
    static const struct {
        int from, to, at;
        bool holds;
    } cases[] = {
        {22 * 60, 6 * 60, 23 * 60, true},
        {22 * 60, 6 * 60, 0, true},
        {22 * 60, 6 * 60, 359, true},
        {22 * 60, 6 * 60, 360, false},
        {22 * 60, 6 * 60, 720, false},
        {22 * 60, 6 * 60, 22 * 60, true},
        {60, 120, 60, true},
        {60, 120, 120, false},
        {60, 120, 59, false},
        {-1, 120, 0, true},
        {60, -1, 1439, true},
        {0, 0, 700, true},
    };
    struct world *w = *state;
    struct config_rule *rule = add_rule(w, "nights");
    rule->sets_placement = true;
    rule->place = (struct config_row){PLACE_INSIDE, 0};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        rule->minutes_from = cases[i].from;
        rule->minutes_to = cases[i].to;
        w->question.minute_of_day = cases[i].at;
        assert_true(decide(w));
        assert_int_equal(w->plan.placement == PLACE_INSIDE, cases[i].holds);
    }
}

static void first_rule_counts_and_may_set_the_task(void **state)
{
    struct world *w = *state;
    w->facts.confidence = 0.1;
    struct config_rule *rule = add_rule(w, "");
    rule->key = VIEW("shop");
    rule->sets_task = true;
    rule->task_set = TASK_SUPPORT_FAQ;
    rule = add_rule(w, "second");
    rule->sets_placement = true;
    rule->place = (struct config_row){PLACE_BY_COMPLEXITY, 0.25};
    w->question.key = VIEW("shop");
    assert_true(decide(w));
    assert_int_equal(w->plan.task, TASK_SUPPORT_FAQ);
    assert_text(w->plan.because, "rule 1: support_faq goes inside");
    w->question.key = VIEW("other");
    assert_true(decide(w));
    assert_text(w->plan.because,
                "rule 'second': coding of complexity 0.50 goes outside (above 0.25)");
}

static void streams_that_may_be_gone_on_with(void **state)
{
    static const struct {
        bool option;
        enum config_said rules[2]; /* the first one's condition does not hold, unless it is said */
        bool holds, may;
    } rows[] = {
        {true, {CONFIG_UNSAID, CONFIG_UNSAID}, true, true},
        {false, {CONFIG_UNSAID, CONFIG_UNSAID}, true, false},
        {true, {CONFIG_NO, CONFIG_UNSAID}, true, false},
        {false, {CONFIG_YES, CONFIG_NO}, true, true},
        {true, {CONFIG_NO, CONFIG_UNSAID}, false, true},
        {true, {CONFIG_YES, CONFIG_NO}, false, false},
    };
    struct world *w = *state;

    struct config_rule *first = add_rule(w, ""), *second = add_rule(w, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w->config.continue_streams = rows[i].option;
        first->continues = rows[i].rules[0];
        second->continues = rows[i].rules[1];
        first->key = rows[i].holds ? VIEW_NONE : VIEW("somebody-else");
        assert_true(decide(w));
        if (w->plan.may_continue != rows[i].may)
            fail_msg("row %zu", i);
    }
}

static void needs_choose_the_model(void **state)
{
    struct world *w = *state;
    w->facts.task = TASK_EXTRACTION;
    w->facts.needs = LLM_NEED_IMAGES;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-vl openai/gpt-5-mini");
    assert_string_equal(skipped(w), "desk: no images");
    w->facts.needs = LLM_NEED_SCHEMA | LLM_NEED_TOOLS;
    assert_true(decide(w));
    assert_string_equal(order(w), "openai/gpt-5-mini");
    w->question.model = VIEW("inside");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_BAD_VALUE);
    assert_string_equal(w->err.param, "tools");
    assert_non_null(strstr(w->err.text, "tools"));
    w->facts.needs = LLM_NEED_SCHEMA;
    assert_false(decide(w));
    assert_string_equal(w->err.param, "response_format");
}

/* Vectors of two models cannot be compared: one model answers, whoever has it. */
static void embeddings_have_one_model(void **state)
{
    static const struct {
        const char *model, *order; /* NULL: refused, with */
        enum error_code code;
        const char *text;
    } cases[] = {
        {"auto", "lab/bge-m3 desk/bge-m3:latest", 0, NULL}, /* the first inside */
        {"inside", "lab/bge-m3 desk/bge-m3:latest", 0, NULL},
        {"outside", "openai/text-embedding-3-small", 0, NULL},
        {"bge-m3", "lab/bge-m3 desk/bge-m3:latest", 0, NULL},
        {"text-embedding-3-small", "openai/text-embedding-3-small", 0, NULL},
        {"inside/bge-m3", "lab/bge-m3 desk/bge-m3:latest", 0, NULL},
        {"vectors", "lab/bge-m3 desk/bge-m3:latest", 0, NULL},    /* an alias for one */
        {"private", NULL, ERROR_UNKNOWN_MODEL, "does not exist"}, /* aliases for any */
        {"claude-5", NULL, ERROR_UNKNOWN_MODEL, "does not exist"},
        {"qwen-vl", NULL, ERROR_BAD_VALUE, "embeddings"},
        {"outside/bge-m3", NULL, ERROR_UNKNOWN_MODEL, "outside"},
    };
    struct world *w = *state;
    w->lab_models[0] = (struct policy_model){VIEW("bge-m3"), 512, ABILITY_EMBEDDINGS, true};
    w->desk_models[0] = (struct policy_model){VIEW("bge-m3:latest"), 512, ABILITY_EMBEDDINGS, true};
    w->openai_models[1] =
        (struct policy_model){VIEW("text-embedding-3-small"), 0, ABILITY_EMBEDDINGS, false};
    w->aliases[w->config.n_aliases++] = (struct config_alias){VIEW("vectors"), VIEW("bge-m3")};
    w->facts.needs = LLM_NEED_EMBEDDINGS;
    prompt_of(w, 100000); /* of all texts together: no window must hold that */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->question.model = view_str(cases[i].model);
        bool ok = decide(w);
        if (ok != (cases[i].order != NULL) || (ok && strcmp(order(w), cases[i].order) != 0))
            fail_msg("%s: %s%s", cases[i].model, ok ? order(w) : "", ok ? "" : w->err.text);
        if (!ok && (w->err.code != cases[i].code || !strstr(w->err.text, cases[i].text)))
            fail_msg("%s: %s", cases[i].model, w->err.text);
    }
    w->openai_models[1].abilities = w->lab_models[0].abilities = w->desk_models[0].abilities = 0;
    w->question.model = VIEW("auto");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_BAD_VALUE);
    assert_string_equal(w->err.param, "model");
}

static void chats_go_to_no_model_that_embeds(void **state)
{
    struct world *w = *state;
    w->facts.task = TASK_EXTRACTION;
    w->lab_models[0].abilities |= ABILITY_EMBEDDINGS;
    w->desk_models[0].abilities = ABILITY_EMBEDDINGS;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-vl openai/gpt-5-mini");
    assert_string_equal(skipped(w), "desk: no chat");
    w->question.model = VIEW("llama3");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_BAD_VALUE);
    assert_string_equal(w->err.param, "model");
    assert_non_null(strstr(w->err.text, "chat"));
}

/* A prompt in Hindi: one tokenizer's hundred is another's thousands. */
static void windows_hold_the_count_of_their_family(void **state)
{
    struct world *w = *state;
    w->facts.task = TASK_EXTRACTION;
    w->backends[1].n_models = 1;
    w->lab_models[0].family = TOKENS_QWEN;
    w->desk_models[0].family = TOKENS_LLAMA3;
    w->facts.tokens_by_family[TOKENS_QWEN] = 9000;
    w->facts.tokens_by_family[TOKENS_LLAMA3] = 4000;
    assert_true(decide(w));
    assert_string_equal(order(w), "desk/llama3:latest openai/gpt-5-mini");
    assert_string_equal(skipped(w), "lab: window 8192 < 9000 tokens");
    w->facts.completion = 97;
    assert_true(decide(w));
    assert_string_equal(order(w), "openai/gpt-5-mini");
    w->question.model = VIEW("qwen-7b");
    w->openai_models[1].window = 8000;
    w->openai_models[1].family = TOKENS_QWEN;
    assert_false(decide(w));
    assert_non_null(strstr(w->err.text, "9097 tokens (9000 of prompt)"));
}

static void windows_choose_the_model(void **state)
{
    struct world *w = *state;
    w->facts.task = TASK_EXTRACTION;
    prompt_of(w, 5000);
    w->facts.completion = 210;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b openai/gpt-5-mini");
    assert_string_equal(skipped(w), "desk: window 4096 < 5210 tokens");
    prompt_of(w, 3886);
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b desk/llama3:latest openai/gpt-5-mini");
    /* Unknown windows never refuse. */
    prompt_of(w, 499790);
    assert_true(decide(w));
    assert_string_equal(order(w), "openai/qwen-7b");
    w->backends[0].n_models = 1;
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_PROMPT_TOO_LONG);
    assert_non_null(strstr(w->err.text, "500000"));
    assert_non_null(strstr(w->err.text, "400000"));
    assert_non_null(strstr(w->err.hint, "max_tokens"));
    assert_string_equal(w->err.param, "messages");
    w->question.model = VIEW("inside");
    assert_false(decide(w));
    assert_non_null(strstr(w->err.text, "8192"));
}

/* What keeps a request inside holds for those that ask for an outside model by name, too. */
static void pins_do_not_lead_out_of_the_perimeter(void **state)
{
    struct world *w = *state;
    struct config_rule *rule = add_rule(w, "hr");
    rule->sets_placement = true;
    rule->place = (struct config_row){PLACE_INSIDE_ONLY, 0};
    w->question.model = VIEW("outside/gpt-5-mini");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_NO_BACKEND);
    assert_non_null(strstr(w->err.text, "rule 'hr'"));
    assert_int_equal(w->plan.n_candidates, 0);
    w->question.model = VIEW("qwen-7b");
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b");
    w->question.model = VIEW("inside/qwen-7b");
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b");
    /* Outside only is a matter of taste: an explicit pin may stay inside. */
    rule->place.placement = PLACE_OUTSIDE_ONLY;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b");
    w->question.model = VIEW("auto");
    assert_true(decide(w));
    assert_string_equal(order(w), "openai/gpt-5-mini");
}

static void no_backend_on_the_allowed_side(void **state)
{
    struct world *w = *state;
    w->fleet.n_backends = 1;
    w->config.policy.matrix[TASK_CODING] = (struct config_row){PLACE_INSIDE_ONLY, 0};
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_NO_BACKEND);
    assert_non_null(strstr(w->err.text, "matrix: coding goes inside only"));
    w->fleet.n_backends = 0;
    w->question.model = VIEW("auto");
    assert_false(decide(w));
    assert_int_equal(w->err.code, ERROR_NO_BACKEND);
}

static void no_memory_is_an_error(void **state)
{
    struct world *w = *state;
    struct arena *none = arena_new(64);
    assert_non_null(arena_bytes(none, 60));
    assert_false(policy_decide(&w->config, &w->question, &w->fleet, none, &w->plan, &w->err));
    assert_int_equal(w->err.code, ERROR_NO_MEMORY);
    arena_free(none);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    enum task_kind task = TASK_GENERAL;
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        assert_true(task_from_name(view_str(task_name((enum task_kind)i)), &task));
        assert_int_equal(task, i);
    }
    assert_true(task_from_name(VIEW("summarisation"), &task));
    assert_int_equal(task, TASK_SUMMARIZATION);
    assert_false(task_from_name(VIEW(""), &task));
    assert_false(task_from_name(VIEW("code"), &task));
    assert_int_equal(task, TASK_SUMMARIZATION);
    assert_string_equal(placement_name(PLACE_INSIDE_ONLY), "inside_only");
    assert_string_equal(engine_name(ENGINE_LLAMACPP), "llamacpp");
    assert_string_equal(side_name(SIDE_OUTSIDE), "outside");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Outside candidates, and inside ones whose model somebody else serves. */
static void what_leaves_is_told(void **state)
{
    struct world *w = *state;

    w->desk_models[0].remote = true;
    w->config.policy.matrix[TASK_CODING].placement = PLACE_INSIDE;
    assert_true(decide(w));
    assert_string_equal(order(w), "lab/qwen-7b desk/llama3:latest openai/gpt-5-mini");
    for (unsigned i = 0; i < w->plan.n_candidates; i++)
        assert_int_equal(w->plan.candidates[i].leaves, i > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(matrix_places_each_task),
        CASE(the_other_side_stands_behind),
        CASE(what_is_down_comes_last),
        CASE(what_is_full_overflows),
        CASE(what_is_out_of_service_is_left_out),
        CASE(asked_models),
        CASE(unknown_models),
        CASE(models_not_told_yet),
        CASE(task_header_overrides),
        CASE(unsure_tasks_count_as_general),
        CASE(rules_need_all_their_conditions),
        CASE(hours_may_wrap_midnight),
        CASE(first_rule_counts_and_may_set_the_task),
        CASE(streams_that_may_be_gone_on_with),
        CASE(needs_choose_the_model),
        CASE(embeddings_have_one_model),
        CASE(chats_go_to_no_model_that_embeds),
        CASE(windows_choose_the_model),
        CASE(windows_hold_the_count_of_their_family),
        CASE(pins_do_not_lead_out_of_the_perimeter),
        CASE(no_backend_on_the_allowed_side),
        CASE(no_memory_is_an_error),
        CASE(what_leaves_is_told),
        cmocka_unit_test(names_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
