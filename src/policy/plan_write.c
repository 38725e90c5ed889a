#include "policy/policy.h"

#include "json/writer.h"

static double rounded(double value)
{
    return (double)(int64_t)(value * 1000 + 0.5) / 1000;
}

static void member_if(struct json_writer *w, struct view key, struct view text)
{
    if (text.n)
        json_put_member_string(w, key, text);
}

static void write_candidates(const struct plan *plan, struct json_writer *w)
{
    json_put_key(w, VIEW("candidates"));
    json_put_array(w);
    for (unsigned i = 0; i < plan->n_candidates; i++) {
        const struct plan_candidate *c = &plan->candidates[i];
        if (c->barred)
            continue;
        json_put_object(w);
        json_put_member_string(w, VIEW("backend"), c->backend_name);
        json_put_member_string(w, VIEW("side"), view_str(side_name(c->side)));
        member_if(w, VIEW("model"), c->model);
        member_if(w, VIEW("reason"), c->reason);
        json_put_close(w);
    }
    json_put_close(w);
}

static void write_skipped(const struct plan *plan, struct json_writer *w)
{
    if (plan->n_skipped == 0)
        return;
    json_put_key(w, VIEW("skipped"));
    json_put_array(w);
    for (unsigned i = 0; i < plan->n_skipped; i++) {
        const struct plan_skipped *s = &plan->skipped[i];
        json_put_object(w);
        json_put_member_string(w, VIEW("backend"), s->backend_name);
        member_if(w, VIEW("model"), s->model);
        member_if(w, VIEW("reason"), s->reason);
        json_put_close(w);
    }
    json_put_close(w);
}

static void write_scan(const struct plan *plan, struct json_writer *w)
{
    if (plan->scan == PLAN_NOT_SCANNED)
        return;
    json_put_key(w, VIEW("sensitive"));
    json_put_object(w);
    json_put_member_string(w, VIEW("scan"), view_str(plan_scan_name(plan->scan)));
    if (plan->scan == PLAN_FOUND) {
        json_put_member_string(w, VIEW("found"), plan->found);
        json_put_member_string(w, VIEW("mode"), view_str(data_mode_name(plan->mode)));
        json_put_member_string(w, VIEW("because"), plan->modes_because);
    }
    json_put_close(w);
}

void plan_write_json(const struct plan *plan, const struct inspect_facts *facts, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_put_object(&w);
    json_put_member_string(&w, VIEW("task"), view_str(task_name(plan->task)));
    if (plan->task != facts->task)
        json_put_member_string(&w, VIEW("looked_like"), view_str(task_name(facts->task)));
    json_put_member_double(&w, VIEW("confidence"), rounded(facts->confidence));
    json_put_member_double(&w, VIEW("complexity"), rounded(facts->complexity));
    json_put_member_u64(&w, VIEW("tokens_in"), facts->tokens_in);
    member_if(&w, VIEW("cue"), view_str(facts->why));
    if (plan->because.n)
        json_put_member_string(&w, VIEW("placement"), view_str(placement_name(plan->placement)));
    member_if(&w, VIEW("because"), plan->because);
    member_if(&w, VIEW("alias"), plan->alias);
    if (plan->pinned)
        json_put_member_bool(&w, VIEW("pinned"), true);
    write_scan(plan, &w);
    write_candidates(plan, &w);
    write_skipped(plan, &w);
    json_put_close(&w);
}

/* Without control characters, which could drive a terminal. Returns its columns: characters count,
 * not bytes. */
static unsigned put_clean(struct buf *out, struct view text)
{
    unsigned columns = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        columns += (c & 0xC0) != 0x80;
        buf_append_char(out, c < ' ' || c == 0x7F ? '?' : (char)c);
    }
    return columns;
}

/* Pads to `width` columns and keeps two blanks between. */
static void cell(struct buf *out, struct view text, unsigned width)
{
    for (unsigned i = put_clean(out, text); i < width; i++)
        buf_append_char(out, ' ');
    buf_append_lit(out, "  ");
}

static void last_cell(struct buf *out, struct view text)
{
    put_clean(out, text);
    buf_append_char(out, '\n');
}

static unsigned wider(unsigned width, struct view text)
{
    return text.n > width ? (unsigned)(text.n < 48 ? text.n : 48) : width;
}

void plan_write_table(const struct plan *plan, const struct inspect_facts *facts, struct buf *out)
{
    buf_printf(out, "task        %s (confidence %.2f: %s)\n", task_name(plan->task),
               facts->confidence, facts->why ? facts->why : "");
    if (plan->task != facts->task)
        buf_printf(out, "looked like %s\n", task_name(facts->task));
    buf_printf(out, "complexity  %.2f\ntokens in   %u\n", facts->complexity, facts->tokens_in);
    if (plan->because.n) {
        buf_append_lit(out, "because     ");
        last_cell(out, plan->because);
    }
    if (plan->scan == PLAN_FOUND)
        buf_printf(out, "sensitive   %.*s: %s (%.*s)\n", VIEW_ARG(plan->found),
                   data_mode_name(plan->mode), VIEW_ARG(plan->modes_because));
    else if (plan->scan != PLAN_NOT_SCANNED)
        buf_printf(out, "sensitive   %s\n", plan_scan_name(plan->scan));
    unsigned backend = 7, model = 5;
    for (unsigned i = 0; i < plan->n_candidates; i++) {
        backend = wider(backend, plan->candidates[i].backend_name);
        model = wider(model, plan->candidates[i].model);
    }
    for (unsigned i = 0; i < plan->n_skipped; i++) {
        backend = wider(backend, plan->skipped[i].backend_name);
        model = wider(model, plan->skipped[i].model);
    }
    buf_append_lit(out, "\n  #  ");
    cell(out, VIEW("backend"), backend);
    cell(out, VIEW("side"), 7);
    cell(out, VIEW("model"), model);
    buf_append_lit(out, "reason\n");
    unsigned number = 0;
    for (unsigned i = 0; i < plan->n_candidates; i++) {
        const struct plan_candidate *c = &plan->candidates[i];
        if (c->barred)
            continue;
        buf_printf(out, "%3u  ", ++number);
        cell(out, c->backend_name, backend);
        cell(out, view_str(side_name(c->side)), 7);
        cell(out, c->model, model);
        last_cell(out, c->reason);
    }
    for (unsigned i = 0; i < plan->n_skipped; i++) {
        const struct plan_skipped *s = &plan->skipped[i];
        buf_append_lit(out, "  -  ");
        cell(out, s->backend_name, backend);
        cell(out, VIEW("-"), 7);
        cell(out, s->model, model);
        last_cell(out, s->reason);
    }
}
