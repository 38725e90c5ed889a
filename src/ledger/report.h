/*
 * What the ledger's rows add up to. Pure: rows in, sums out; nothing is read or printed here.
 *
 * The saving is what the managed side would have charged for what was answered inside, less the
 * cost of ALL hours of the nodes, idle ones too. Rows whose other side has no price stay out of
 * that sum and are counted by name: they make the saving look smaller than it is, never larger.
 */
#pragma once

#include "ledger/record.h"

#define REPORT_NAMES 16

/* Models without a price, with the number of rows each; the rest past REPORT_NAMES in `others`. */
struct report_names {
    struct report_name {
        char name[96];
        uint64_t count;
    } names[REPORT_NAMES];
    unsigned n;
    uint64_t others, total;
};

struct report {
    uint64_t requests, inside, outside, unanswered;
    uint64_t tokens_in, tokens_out;
    uint64_t estimated; /* rows whose tokens Weir counted itself */

    int64_t outside_nano;                 /* paid to the managed side, as far as priced */
    int64_t shares_nano;                  /* inside rows' own shares of their nodes */
    int64_t avoided_nano;                 /* what the priced inside rows would have cost outside */
    struct report_names unpriced_inside;  /* other side without price, by its model */
    struct report_names unpriced_outside; /* answered outside by a model without price */

    int64_t busy_ms, idle_ms;                   /* node time that has a price */
    int64_t busy_nano, idle_nano;               /* what it cost */
    int64_t unpriced_busy_ms, unpriced_idle_ms; /* node time whose price the config does not tell */
};

void report_add(struct report *r, const struct ledger_record *record);
void report_add_hours(struct report *r, const struct ledger_node_hours *hours);

/* Inside share of the answered requests, 0..1; 0 when none was answered. */
double report_inside_share(const struct report *r);
/* Spent: the managed side and all node hours. */
int64_t report_cost_nano(const struct report *r);
/* What the same answers would have cost if all had come from the managed side. */
int64_t report_managed_nano(const struct report *r);
int64_t report_saving_nano(const struct report *r);

enum report_by { REPORT_BY_TASK, REPORT_BY_SIDE, REPORT_BY_MODEL, REPORT_BY_KEY };
/* "task", "side", "model", "key" */
bool report_by_from_name(struct view name, enum report_by *ret_by);
const char *report_by_name(enum report_by by);

struct report_group {
    char name[96]; /* "-" where the column is empty */
    uint64_t requests, tokens_in, tokens_out;
    int64_t cost_nano, other_cost_nano; /* sums of what has a price */
    uint64_t unpriced, other_unpriced;  /* answered rows that have none */
    struct report_times *total, *first_token;
};

struct report_groups {
    enum report_by by;
    struct report_group *groups;
    unsigned n, cap;
};

/* False without memory. Past 1,000 groups the rest is one group, "(others)". */
bool report_group_add(struct report_groups *g, const struct ledger_record *record);
/* Most requests first. */
void report_groups_sort(struct report_groups *g);
void report_groups_done(struct report_groups *g);

/* The value below which `percent` of the times lie (nearest rank); -1 when there is none. Exact up
 * to 100,000 times a group, from an even sample of them beyond. */
int64_t report_times_percentile(struct report_times *t, unsigned percent);
