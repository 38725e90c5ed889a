/* For tests of fleet/: a fleet from YAML, and lists of models made by hand. */
#pragma once

#include "base/clock.h"
#include "fleet/fleet.h"
#include "fleet/models_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static inline void expect_view(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("'%.*s' is not '%s'", VIEW_ARG(got), want);
}

static inline struct fleet *fleet_of(const char *yaml)
{
    struct error err = {0};
    struct config *c = config_load("test.yaml", view_str(yaml), &err);

    if (!c)
        fail_msg("%s %s", err.text, err.hint);
    struct fleet *f = fleet_new(c, &err);
    if (!f)
        fail_msg("%s", err.text);
    config_unref(c);
    return f;
}

static inline struct node *node_of(const struct fleet *f, unsigned backend, unsigned i)
{
    struct fleet_set *set = fleet_set_ref(f, backend);
    assert_true(i < set->n);
    struct node *n = set->nodes[i].node;
    fleet_set_unref(set);
    return n;
}

/* An empty list in an arena of its own, as probe_models() makes it. */
static inline struct node_models *models_new(void)
{
    struct arena *a = arena_new(1 << 20);
    struct node_models *m = a ? arena_new_of(a, struct node_models) : NULL;

    assert_non_null(m);
    atomic_store(&m->refs, 1);
    m->arena = a;
    return m;
}

/* Gives the node what an OpenAI-like server would have listed. */
static inline bool node_lists(struct node *n, const char *json)
{
    struct node_models *m = models_new();
    struct error err;

    if (!models_from_openai(view_str(json), VIEW_NONE, m, &err))
        fail_msg("%s", err.text);
    return node_set_models(n, m);
}

/* The defaults, but for the failures in a row. */
static inline const struct config_breaker *breaker_rules(unsigned failures)
{
    static struct config_breaker rules;

    rules = (struct config_breaker){
        .failures = failures, .error_rate = 0.5, .window_ms = 30000, .open_ms = 10000};
    return &rules;
}

static inline void node_fails(struct node *n, unsigned times, unsigned breaker)
{
    struct error why = {.code = ERROR_UPSTREAM_REFUSED, .text = "cannot connect"};
    for (unsigned i = 0; i < times; i++)
        (void)node_failed(n, &why, breaker_rules(breaker), 0);
}
