#include "cli/ledger_out.h"

#include "base/utf8.h"
#include "economics/prices.h"

#include <inttypes.h>

static void put_string(struct view v, FILE *out)
{
    char bytes[4];

    fputc('"', out);
    while (v.n) {
        uint32_t c = utf8_take(&v);
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", (int)c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", (unsigned)c);
        else
            fwrite(bytes, 1, utf8_put(bytes, c), out);
    }
    fputc('"', out);
}

/* Each of these begins with a comma: an object's first member is written by hand. */
static void member_text(const char *name, struct view v, FILE *out)
{
    fprintf(out, ",\"%s\":", name);
    if (v.n)
        put_string(v, out);
    else
        fputs("null", out);
}

static void member_u64(const char *name, uint64_t value, FILE *out)
{
    fprintf(out, ",\"%s\":%" PRIu64, name, value);
}

static void member_dollars(const char *name, int64_t nano, FILE *out)
{
    char text[32];

    money_format(nano, text, sizeof(text));
    fprintf(out, ",\"%s\":%s", name, text);
}

static void member_cost(const char *name, int64_t nano, FILE *out)
{
    if (nano == LEDGER_UNPRICED)
        fprintf(out, ",\"%s\":null", name);
    else
        member_dollars(name, nano, out);
}

static void member_ms(const char *name, int64_t us, FILE *out)
{
    if (us < 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%" PRId64 ".%03" PRId64, name, us / 1000, us % 1000);
}

static void member_bool(const char *name, bool value, FILE *out)
{
    fprintf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void member_json(struct ledger_reader *reader, const char *name, struct view json, FILE *out)
{
    if (!ledger_json_valid(reader, json)) {
        member_text(name, json, out);
        return;
    }
    fprintf(out, ",\"%s\":", name);
    fwrite(json.p, 1, json.n, out);
}

static void member_optional_json(struct ledger_reader *reader, const char *name, struct view json,
                                 FILE *out)
{
    if (json.n)
        member_json(reader, name, json, out);
    else
        member_text(name, json, out);
}

void ledger_json_record(struct ledger_reader *reader, const struct ledger_record *r, FILE *out)
{
    fprintf(out, "{\"id\":\"%" PRId64 "\",\"time_ms\":%" PRId64, r->id, r->wall_ms);
    member_text("request_id", r->request_id, out);
    member_text("key", r->key, out);
    member_text("dialect", r->dialect, out);
    member_text("model_asked", r->model_asked, out);
    member_text("alias", r->alias, out);
    member_text("task", r->task, out);
    if (r->task.n)
        fprintf(out, ",\"confidence\":%.3f,\"complexity\":%.3f", r->confidence, r->complexity);
    member_text("side", view_str(ledger_side_text(r->side)), out);
    member_text("backend", r->backend, out);
    member_text("node", r->node, out);
    member_text("model", r->model, out);
    member_bool("stream", r->stream, out);
    fprintf(out, ",\"status\":%d", r->status);
    member_text("outcome", r->outcome, out);
    member_u64("tokens_in", r->tokens_in, out);
    member_u64("tokens_out", r->tokens_out, out);
    member_u64("tokens_cached", r->tokens_cached, out);
    member_u64("tokens_reasoning", r->tokens_reasoning, out);
    member_bool("tokens_estimated", r->tokens_estimated, out);
    member_ms("first_token_ms", r->first_token_us, out);
    member_ms("total_ms", r->total_us, out);
    member_cost("cost_usd", r->cost_nano, out);
    member_cost("other_cost_usd", r->other_cost_nano, out);
    member_text("other_model", r->other_model, out);
    member_text("scan", r->scan, out);
    member_text("profile", r->profile, out);
    member_optional_json(reader, "findings", r->findings, out);
    member_optional_json(reader, "modes", r->modes, out);
    member_text("peer", r->peer, out);
    member_optional_json(reader, "portions", r->portions, out);
    member_optional_json(reader, "sent", r->sent, out);
    member_text("notes", r->notes, out);
    member_json(reader, "attempts", ledger_attempts_json(reader, r), out);
    member_json(reader, "plan", ledger_plan_json(reader, r), out);
    fputc('}', out);
}

void ledger_json_groups(const struct report_groups *g, FILE *out)
{
    fprintf(out, "\"by\":\"%s\",\"groups\":[", report_by_name(g->by));
    for (unsigned i = 0; i < g->n; i++) {
        const struct report_group *group = &g->groups[i];
        fprintf(out, "%s{\"name\":", i ? "," : "");
        put_string(view_str(group->name), out);
        member_u64("requests", group->requests, out);
        member_u64("tokens_in", group->tokens_in, out);
        member_u64("tokens_out", group->tokens_out, out);
        member_dollars("cost_usd", group->cost_nano, out);
        member_u64("unpriced", group->unpriced, out);
        member_dollars("other_cost_usd", group->other_cost_nano, out);
        member_u64("other_unpriced", group->other_unpriced, out);
        member_ms("total_ms_median", report_times_percentile(group->total, 50), out);
        member_ms("total_ms_p95", report_times_percentile(group->total, 95), out);
        member_ms("first_token_ms_median", report_times_percentile(group->first_token, 50), out);
        member_ms("first_token_ms_p95", report_times_percentile(group->first_token, 95), out);
        fputc('}', out);
    }
    fputc(']', out);
}

static void member_names(const char *name, const struct report_names *names, FILE *out)
{
    fprintf(out, ",\"%s\":{\"answers\":%" PRIu64 ",\"models\":{", name, names->total);
    for (unsigned i = 0; i < names->n; i++) {
        fputs(i ? "," : "", out);
        put_string(view_str(names->names[i].name), out);
        fprintf(out, ":%" PRIu64, names->names[i].count);
    }
    fputs("}", out);
    member_u64("other_models", names->others, out);
    fputc('}', out);
}

void ledger_json_sums(const struct report *r, FILE *out)
{
    fprintf(out, "\"sums\":{\"requests\":%" PRIu64, r->requests);
    member_u64("inside", r->inside, out);
    member_u64("outside", r->outside, out);
    member_u64("unanswered", r->unanswered, out);
    fprintf(out, ",\"inside_share\":%.4f", report_inside_share(r));
    member_u64("tokens_in", r->tokens_in, out);
    member_u64("tokens_out", r->tokens_out, out);
    member_u64("tokens_estimated", r->estimated, out);
    member_dollars("outside_usd", r->outside_nano, out);
    member_dollars("inside_shares_usd", r->shares_nano, out);
    member_ms("node_busy_s", r->busy_ms, out);
    member_dollars("node_busy_usd", r->busy_nano, out);
    member_ms("node_idle_s", r->idle_ms, out);
    member_dollars("node_idle_usd", r->idle_nano, out);
    member_ms("unpriced_node_s", r->unpriced_busy_ms + r->unpriced_idle_ms, out);
    member_dollars("cost_usd", report_cost_nano(r), out);
    member_dollars("all_managed_usd", report_managed_nano(r), out);
    member_dollars("saving_usd", report_saving_nano(r), out);
    member_names("unpriced_inside", &r->unpriced_inside, out);
    member_names("unpriced_outside", &r->unpriced_outside, out);
    fputc('}', out);
}
