#include "cli/ledger_out.h"

#include "economics/prices.h"

#include <inttypes.h>
#include <time.h>

struct text {
    char s[48];
};

const char *ledger_side_text(int side)
{
    return side == SIDE_INSIDE ? "inside" : side == SIDE_OUTSIDE ? "outside" : "";
}

static struct text dollars(int64_t nano)
{
    struct text t;

    money_format(nano, t.s, sizeof(t.s));
    return t;
}

static struct text cost(int64_t nano, bool answered)
{
    if (nano != LEDGER_UNPRICED)
        return dollars(nano);
    return answered ? (struct text){"unpriced"} : (struct text){"-"};
}

static struct text ms(int64_t us)
{
    struct text t = {"-"};

    if (us >= 0)
        snprintf(t.s, sizeof(t.s), us < 100000 ? "%.1f" : "%.0f", (double)us / 1000);
    return t;
}

static struct text local_time(int64_t wall_ms)
{
    struct text t;
    struct tm parts;
    time_t seconds = (time_t)(wall_ms / 1000);

    localtime_r(&seconds, &parts);
    if (strftime(t.s, sizeof(t.s), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        t.s[0] = '\0';
    return t;
}

static struct text hours(int64_t milliseconds)
{
    struct text t;

    snprintf(t.s, sizeof(t.s), "%.2f", (double)milliseconds / 3600000);
    return t;
}

bool ledger_text_head(struct table *t)
{
    return table_init(t, "time|id|task|>complex.|went|>status|>in|>out|>first ms|>total ms|>cost $|"
                         ">other side $");
}

void ledger_text_row(struct table *t, const struct ledger_record *r)
{
    bool answered = r->side >= 0;

    table_row(t);
    table_cell(t, 0, "%s", local_time(r->wall_ms).s);
    table_cell(t, 1, "%" PRId64, r->id);
    if (r->task.n) {
        table_cell(t, 2, "%.*s", VIEW_ARG(r->task));
        table_cell(t, 3, "%.2f", r->complexity);
    } else {
        table_cell(t, 2, "-");
        table_cell(t, 3, "-");
    }
    if (answered)
        table_cell(t, 4, "%s %.*s/%.*s", ledger_side_text(r->side), VIEW_ARG(r->backend),
                   VIEW_ARG(r->model));
    else
        table_cell(t, 4, "nobody: %.*s", VIEW_ARG(r->outcome));
    table_cell(t, 5, "%d", r->status);
    table_cell(t, 6, "%s%u", r->tokens_estimated ? "~" : "", r->tokens_in);
    table_cell(t, 7, "%s%u", r->tokens_estimated ? "~" : "", r->tokens_out);
    table_cell(t, 8, "%s", ms(r->first_token_us).s);
    table_cell(t, 9, "%s", ms(r->total_us).s);
    table_cell(t, 10, "%s", cost(r->cost_nano, answered).s);
    table_cell(t, 11, "%s", cost(r->other_cost_nano, answered).s);
}

static void sum_cell(struct table *t, unsigned column, int64_t nano, uint64_t unpriced)
{
    if (unpriced)
        table_cell(t, column, "%s + %" PRIu64 " unpriced", dollars(nano).s, unpriced);
    else
        table_cell(t, column, "%s", dollars(nano).s);
}

bool ledger_text_groups(const struct report_groups *g, FILE *out)
{
    struct table t;
    char headings[192];

    snprintf(headings, sizeof(headings),
             "%s|>requests|>in|>out|>cost $|>other side $|>median ms|>p95 ms|>median first ms|"
             ">p95 first ms",
             report_by_name(g->by));
    if (!table_init(&t, headings))
        return false;
    for (unsigned i = 0; i < g->n; i++) {
        const struct report_group *group = &g->groups[i];
        table_row(&t);
        table_cell(&t, 0, "%s", group->name);
        table_cell(&t, 1, "%" PRIu64, group->requests);
        table_cell(&t, 2, "%" PRIu64, group->tokens_in);
        table_cell(&t, 3, "%" PRIu64, group->tokens_out);
        sum_cell(&t, 4, group->cost_nano, group->unpriced);
        sum_cell(&t, 5, group->other_cost_nano, group->other_unpriced);
        table_cell(&t, 6, "%s", ms(report_times_percentile(group->total, 50)).s);
        table_cell(&t, 7, "%s", ms(report_times_percentile(group->total, 95)).s);
        table_cell(&t, 8, "%s", ms(report_times_percentile(group->first_token, 50)).s);
        table_cell(&t, 9, "%s", ms(report_times_percentile(group->first_token, 95)).s);
    }
    bool ok = table_write(&t, out);
    table_done(&t);
    return ok;
}

static void write_names(const struct report_names *names, FILE *out)
{
    for (unsigned i = 0; i < names->n; i++) {
        fputs(i ? ", " : "(", out);
        table_write_clean(view_str(names->names[i].name), out);
        fprintf(out, ": %" PRIu64, names->names[i].count);
    }
    if (names->others)
        fprintf(out, ", others: %" PRIu64, names->others);
    fputc(')', out);
}

/* What has no price is said, and what that does to the sums above. */
static void write_unpriced(const struct report *r, FILE *out)
{
    int64_t unknown_ms = r->unpriced_busy_ms + r->unpriced_idle_ms;

    if (r->unpriced_inside.total) {
        fprintf(out,
                "  unpriced       answers from inside whose other side has no price: %" PRIu64 " ",
                r->unpriced_inside.total);
        write_names(&r->unpriced_inside, out);
        fputs("\n                 They are not in \"all managed\", so the saving is larger than "
              "shown.\n",
              out);
    }
    if (r->unpriced_outside.total) {
        fprintf(out,
                "  unpriced       answers from outside by models without a price: %" PRIu64 " ",
                r->unpriced_outside.total);
        write_names(&r->unpriced_outside, out);
        fputs("\n                 They are in neither cost nor \"all managed\": both are larger "
              "than shown, the saving is not touched.\n",
              out);
    }
    if (r->unpriced_inside.total || r->unpriced_outside.total)
        fputs("                 Name these models under `prices:` in the config to count them "
              "from now on.\n",
              out);
    if (unknown_ms)
        fprintf(out,
                "  unpriced       %s node hours without `cost_per_hour`: the cost is larger "
                "and the saving smaller than shown.\n",
                hours(unknown_ms).s);
}

void ledger_text_sums(const struct report *r, const char *since, FILE *out)
{
    if (since)
        fprintf(out, "Since %s\n", since);
    else
        fputs("All that the ledger holds\n", out);
    fprintf(out,
            "  requests       %" PRIu64 ": %" PRIu64 " inside (%.1f %% of the answered), %" PRIu64
            " outside, %" PRIu64 " answered by nobody\n",
            r->requests, r->inside, 100 * report_inside_share(r), r->outside, r->unanswered);
    fprintf(out, "  tokens         %" PRIu64 " in, %" PRIu64 " out", r->tokens_in, r->tokens_out);
    if (r->estimated)
        fprintf(out, " (of %" PRIu64 " requests estimated)", r->estimated);
    fprintf(out, "\n  managed side   $%s paid for answers from outside\n",
            dollars(r->outside_nano).s);
    fprintf(out, "  node hours     %s busy $%s, %s idle $%s; the answers' own shares $%s\n",
            hours(r->busy_ms).s, dollars(r->busy_nano).s, hours(r->idle_ms).s,
            dollars(r->idle_nano).s, dollars(r->shares_nano).s);
    fprintf(out, "  cost           $%s: the managed side and all node hours\n",
            dollars(report_cost_nano(r)).s);
    fprintf(out, "  all managed    $%s, had the managed side answered all\n",
            dollars(report_managed_nano(r)).s);
    fprintf(out, "  saving         $%s after all node hours, idle ones too\n",
            dollars(report_saving_nano(r)).s);
    write_unpriced(r, out);
}
