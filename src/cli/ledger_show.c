#include "cli/ledger_out.h"

#include "economics/prices.h"

#include <inttypes.h>
#include <time.h>

static void line(FILE *out, const char *name, struct view value)
{
    if (value.n == 0)
        return;
    fprintf(out, "  %-13s ", name);
    table_write_clean(value, out);
    fputc('\n', out);
}

static void line_ms(FILE *out, const char *name, int64_t us)
{
    if (us >= 0)
        fprintf(out, "  %-13s %.1f ms\n", name, (double)us / 1000);
}

static void line_cost(FILE *out, const char *name, int64_t nano, struct view model)
{
    char text[32];

    money_format(nano, text, sizeof(text));
    fprintf(out, "  %-13s %s%s", name, nano == LEDGER_UNPRICED ? "" : "$",
            nano == LEDGER_UNPRICED ? "unpriced" : text);
    if (model.n) {
        fputs(" (", out);
        table_write_clean(model, out);
        fputc(')', out);
    }
    fputc('\n', out);
}

/* One element of the plan or of the attempts, gathered member by member. */
struct element {
    FILE *out;
    const char *head;
    int index;
    char side[16], backend[64], node[96], model[96], reason[256], rest[256];
};

static void put(char *to, size_t size, struct view value)
{
    snprintf(to, size, "%.*s", VIEW_ARG(value));
}

static void write_clean(const char *text, FILE *out)
{
    table_write_clean(view_str(text), out);
}

/* "1. inside lab/llama at http://...: reason, more" */
static void write_element(struct element *e)
{
    if (e->index < 0)
        return;
    fprintf(e->out, "    %s%d. ", e->head, e->index + 1);
    write_clean(e->side, e->out);
    fputs(e->side[0] ? " " : "", e->out);
    write_clean(e->backend, e->out);
    fputs(e->backend[0] && e->model[0] ? "/" : "", e->out);
    write_clean(e->model, e->out);
    fputs(e->node[0] ? " at " : "", e->out);
    write_clean(e->node, e->out);
    fputs(e->reason[0] || e->rest[0] ? ": " : "", e->out);
    write_clean(e->reason, e->out);
    write_clean(e->reason[0] ? e->rest : e->rest + (e->rest[0] ? 2 : 0), e->out);
    fputc('\n', e->out);
}

static void on_member(void *context, int index, struct view key, struct view value)
{
    struct element *e = context;

    if (index != e->index) {
        write_element(e);
        *e = (struct element){.out = e->out, .head = e->head, .index = index};
    }
    if (view_eq(key, VIEW("side"))) {
        put(e->side, sizeof(e->side), value);
    } else if (view_eq(key, VIEW("backend"))) {
        put(e->backend, sizeof(e->backend), value);
    } else if (view_eq(key, VIEW("node"))) {
        put(e->node, sizeof(e->node), value);
    } else if (view_eq(key, VIEW("model"))) {
        put(e->model, sizeof(e->model), value);
    } else if (view_eq(key, VIEW("reason")) || view_eq(key, VIEW("outcome"))) {
        put(e->reason, sizeof(e->reason), value);
    } else {
        size_t n = strlen(e->rest);
        snprintf(e->rest + n, sizeof(e->rest) - n, ", %.*s %.*s", VIEW_ARG(key), VIEW_ARG(value));
    }
}

static bool write_elements(struct ledger_reader *reader, struct view json, const char *path,
                           const char *head, FILE *out)
{
    struct element e = {.out = out, .head = head, .index = -1};

    bool ok = ledger_json_each(reader, json, path, on_member, &e);
    write_element(&e);
    return ok;
}

static void write_plan(struct ledger_reader *reader, const struct ledger_record *r, FILE *out)
{
    char because[256];
    struct view plan = ledger_plan_json(reader, r);

    if (plan.n == 0)
        return;
    ledger_json_text(reader, plan, "$.because", because, sizeof(because));
    fputs("  plan", out);
    if (because[0]) {
        fputs("          ", out);
        write_clean(because, out);
    }
    fputc('\n', out);
    if (!write_elements(reader, plan, "$.candidates", "", out))
        line(out, "", plan);
    else if (!write_elements(reader, plan, "$.skipped", "left out ", out))
        line(out, "", plan);
}

static void write_answer(const struct ledger_record *r, FILE *out)
{
    if (r->side < 0) {
        fputs("  answered by   nobody\n", out);
        return;
    }
    fprintf(out, "  answered by   %s ", ledger_side_text(r->side));
    table_write_clean(r->backend, out);
    fputc('/', out);
    table_write_clean(r->model, out);
    if (r->node.n) {
        fputs(" at ", out);
        table_write_clean(r->node, out);
    }
    fputc('\n', out);
}

void ledger_text_record(struct ledger_reader *reader, const struct ledger_record *r, FILE *out)
{
    char when[64];
    struct tm parts;
    time_t seconds = (time_t)(r->wall_ms / 1000);

    localtime_r(&seconds, &parts);
    if (strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &parts) == 0)
        when[0] = '\0';
    fprintf(out, "Exchange %" PRId64 "\n  %-13s %s.%03d\n", r->id, "time", when,
            (int)(r->wall_ms % 1000));
    line(out, "request id", r->request_id);
    line(out, "key", r->key);
    line(out, "dialect", r->dialect);
    line(out, "model asked", r->model_asked);
    line(out, "alias", r->alias);
    if (r->task.n) {
        line(out, "task", r->task);
        fprintf(out, "  %-13s %.2f (confidence of the task %.2f)\n", "complexity", r->complexity,
                r->confidence);
    }
    write_answer(r, out);
    fprintf(out, "  %-13s %d ", "status", r->status);
    table_write_clean(r->outcome, out);
    fprintf(out, "%s\n  %-13s %u in (%u cached), %u out (%u reasoning), %s\n",
            r->stream ? ", streamed" : "", "tokens", r->tokens_in, r->tokens_cached, r->tokens_out,
            r->tokens_reasoning, r->tokens_estimated ? "estimated" : "as reported");
    line_ms(out, "first token", r->first_token_us);
    line_ms(out, "total", r->total_us);
    line_cost(out, "cost", r->cost_nano, VIEW_NONE);
    line_cost(out, "other side", r->other_cost_nano, r->other_model);
    line(out, "scan", r->scan);
    line(out, "found", r->findings);
    line(out, "done with it", r->modes);
    line(out, "peer", r->peer);
    line(out, "portions", r->portions);
    line(out, "sent outside", r->sent);
    line(out, "changed", r->notes);
    write_plan(reader, r, out);
    struct view attempts = ledger_attempts_json(reader, r);
    fputs("  attempts\n", out);
    if (!write_elements(reader, attempts, "$", "", out))
        line(out, "", attempts);
}
