#include "ledger/report.h"

#include <stdio.h>

static bool fits(const char *name, size_t size, struct view v)
{
    return view_eq(view_str(name), view_first(v, size - 1));
}

static void count_name(struct report_names *names, struct view name)
{
    if (name.n == 0)
        name = VIEW("-");
    names->total++;
    for (unsigned i = 0; i < names->n; i++)
        if (fits(names->names[i].name, sizeof(names->names[i].name), name)) {
            names->names[i].count++;
            return;
        }
    if (names->n == REPORT_NAMES) {
        names->others++;
        return;
    }
    struct report_name *added = &names->names[names->n++];
    snprintf(added->name, sizeof(added->name), "%.*s", VIEW_ARG(name));
    added->count = 1;
}

void report_add(struct report *r, const struct ledger_record *record)
{
    r->requests++;
    r->tokens_in += record->tokens_in;
    r->tokens_out += record->tokens_out;
    r->estimated += record->tokens_estimated;
    if (record->side == SIDE_INSIDE) {
        r->inside++;
        if (record->cost_nano != LEDGER_UNPRICED)
            r->shares_nano += record->cost_nano;
        if (record->other_cost_nano == LEDGER_UNPRICED)
            count_name(&r->unpriced_inside, record->other_model);
        else
            r->avoided_nano += record->other_cost_nano;
    } else if (record->side == SIDE_OUTSIDE) {
        r->outside++;
        if (record->cost_nano == LEDGER_UNPRICED)
            count_name(&r->unpriced_outside, record->model);
        else
            r->outside_nano += record->cost_nano;
    } else {
        r->unanswered++;
    }
}

static int64_t hours_cost(int64_t ms, int64_t per_hour_nano)
{
    const int64_t hour_ms = 3600000;

    return (int64_t)(((__int128)ms * per_hour_nano + hour_ms / 2) / hour_ms);
}

void report_add_hours(struct report *r, const struct ledger_node_hours *hours)
{
    int64_t all = hours->to_ms > hours->from_ms ? hours->to_ms - hours->from_ms : 0;
    int64_t busy = hours->busy_ms < 0     ? 0
                   : hours->busy_ms < all ? hours->busy_ms
                                          : all; /* wall and monotonic clocks differ a little */

    if (hours->cost_per_hour_nano <= 0) {
        r->unpriced_busy_ms += busy;
        r->unpriced_idle_ms += all - busy;
        return;
    }
    r->busy_ms += busy;
    r->idle_ms += all - busy;
    r->busy_nano += hours_cost(busy, hours->cost_per_hour_nano);
    r->idle_nano += hours_cost(all - busy, hours->cost_per_hour_nano);
}

double report_inside_share(const struct report *r)
{
    uint64_t answered = r->inside + r->outside;

    return answered ? (double)r->inside / (double)answered : 0;
}

int64_t report_cost_nano(const struct report *r)
{
    return r->outside_nano + r->busy_nano + r->idle_nano;
}

int64_t report_managed_nano(const struct report *r)
{
    return r->outside_nano + r->avoided_nano;
}

int64_t report_saving_nano(const struct report *r)
{
    return r->avoided_nano - r->busy_nano - r->idle_nano;
}
