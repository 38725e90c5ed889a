#include "ledger/report.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_GROUPS = 1000, MAX_TIMES = 100000 };

/* Past MAX_TIMES each new value takes the place of a random one with the chance that keeps the
 * sample even. */
struct report_times {
    uint64_t seen;
    uint64_t random;
    size_t n, cap;
    bool sorted;
    int64_t *values;
};

static const char *const by_names[] = {
    [REPORT_BY_TASK] = "task",
    [REPORT_BY_SIDE] = "side",
    [REPORT_BY_MODEL] = "model",
    [REPORT_BY_KEY] = "key",
};

const char *report_by_name(enum report_by by)
{
    return by_names[by];
}

bool report_by_from_name(struct view name, enum report_by *ret_by)
{
    for (int i = 0; i <= REPORT_BY_KEY; i++)
        if (view_eq(name, view_str(by_names[i]))) {
            *ret_by = (enum report_by)i;
            return true;
        }
    return false;
}

static struct report_times *times_new(void)
{
    struct report_times *t = calloc(1, sizeof(*t));

    if (t)
        t->random = UINT64_C(0x9e3779b97f4a7c15);
    return t;
}

static void times_free(struct report_times *t)
{
    if (!t)
        return;
    free(t->values);
    free(t);
}

static uint64_t next_random(struct report_times *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random;
}

static bool times_add(struct report_times *t, int64_t value)
{
    if (value < 0)
        return true; /* did not happen */
    t->sorted = false;
    t->seen++;
    if (t->n == MAX_TIMES) {
        uint64_t at = next_random(t) % t->seen;
        if (at < MAX_TIMES)
            t->values[at] = value;
        return true;
    }
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        int64_t *grown = realloc(t->values, cap * sizeof(*grown));
        if (!grown)
            return false;
        t->values = grown;
        t->cap = cap;
    }
    t->values[t->n++] = value;
    return true;
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

int64_t report_times_percentile(struct report_times *t, unsigned percent)
{
    if (t->n == 0)
        return -1;
    if (!t->sorted)
        qsort(t->values, t->n, sizeof(t->values[0]), compare_times);
    t->sorted = true;
    size_t rank = (t->n * percent + 99) / 100;
    return t->values[rank ? rank - 1 : 0];
}

static struct view group_name(enum report_by by, const struct ledger_record *r)
{
    struct view name = VIEW_NONE;

    switch (by) {
    case REPORT_BY_TASK:
        name = r->task;
        break;
    case REPORT_BY_SIDE:
        name = r->side == SIDE_INSIDE    ? VIEW("inside")
               : r->side == SIDE_OUTSIDE ? VIEW("outside")
                                         : VIEW("nobody");
        break;
    case REPORT_BY_MODEL:
        name = r->model;
        break;
    case REPORT_BY_KEY:
        name = r->key;
        break;
    }
    return name.n ? name : VIEW("-");
}

static struct report_group *find(struct report_groups *g, struct view name)
{
    for (unsigned i = 0; i < g->n; i++) {
        struct report_group *group = &g->groups[i];
        if (view_eq(view_str(group->name), view_first(name, sizeof(group->name) - 1)))
            return group;
    }
    return NULL;
}

static struct report_group *add_group(struct report_groups *g, struct view name)
{
    if (g->n == g->cap) {
        unsigned cap = g->cap ? 2 * g->cap : 16;
        struct report_group *grown = realloc(g->groups, cap * sizeof(*grown));
        if (!grown)
            return NULL;
        g->groups = grown;
        g->cap = cap;
    }
    struct report_group group = {.total = times_new(), .first_token = times_new()};
    if (!group.total || !group.first_token) {
        times_free(group.total);
        times_free(group.first_token);
        return NULL;
    }
    snprintf(group.name, sizeof(group.name), "%.*s", VIEW_ARG(name));
    g->groups[g->n] = group;
    return &g->groups[g->n++];
}

bool report_group_add(struct report_groups *g, const struct ledger_record *record)
{
    struct view name = group_name(g->by, record);
    struct report_group *group = find(g, name);

    if (!group && g->n >= MAX_GROUPS) {
        name = VIEW("(others)");
        group = find(g, name);
    }
    if (!group && !(group = add_group(g, name)))
        return false;
    group->requests++;
    group->tokens_in += record->tokens_in;
    group->tokens_out += record->tokens_out;
    if (record->cost_nano != LEDGER_UNPRICED)
        group->cost_nano += record->cost_nano;
    else if (record->side >= 0)
        group->unpriced++;
    if (record->other_cost_nano != LEDGER_UNPRICED)
        group->other_cost_nano += record->other_cost_nano;
    else if (record->side >= 0)
        group->other_unpriced++;
    return times_add(group->total, record->total_us) &&
           times_add(group->first_token, record->first_token_us);
}

static int compare_groups(const void *a, const void *b)
{
    const struct report_group *x = a, *y = b;

    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    return strcmp(x->name, y->name);
}

void report_groups_sort(struct report_groups *g)
{
    if (g->n)
        qsort(g->groups, g->n, sizeof(g->groups[0]), compare_groups);
}

void report_groups_done(struct report_groups *g)
{
    for (unsigned i = 0; i < g->n; i++) {
        times_free(g->groups[i].total);
        times_free(g->groups[i].first_token);
    }
    free(g->groups);
    *g = (struct report_groups){.by = g->by};
}
