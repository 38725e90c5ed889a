/*
 * The brief form of a plan, for the ledger: what no column of a record says, and nothing twice.
 *
 *     {"tokens":812,"cue":"...","place":"inside","because":"...",
 *      "try":[["lab","inside","small"],["cloud","outside","large","fallback: other side"]],
 *      "left_out":[["lab","tiny","no tools"]],
 *      "sensitive":["found","local","PERSON 2","perimeter.modes"]}
 *
 * A candidate is its backend, side, model and reason; the reason is left out where it is the
 * plan's own `because`.
 */
#include "policy/policy.h"

#include "json/reader.h"
#include "json/writer.h"

static void member_if(struct json_writer *w, struct view key, struct view text)
{
    if (text.n)
        json_put_member_string(w, key, text);
}

static void write_candidates(const struct plan *plan, struct json_writer *w)
{
    json_put_key(w, VIEW("try"));
    json_put_array(w);
    for (unsigned i = 0; i < plan->n_candidates; i++) {
        const struct plan_candidate *c = &plan->candidates[i];
        if (c->barred)
            continue;
        json_put_array(w);
        json_put_string(w, c->backend_name);
        json_put_string(w, view_str(side_name(c->side)));
        json_put_string(w, c->model);
        if (!view_eq(c->reason, plan->because))
            json_put_string(w, c->reason);
        json_put_close(w);
    }
    json_put_close(w);
}

static void write_skipped(const struct plan *plan, struct json_writer *w)
{
    if (plan->n_skipped == 0)
        return;
    json_put_key(w, VIEW("left_out"));
    json_put_array(w);
    for (unsigned i = 0; i < plan->n_skipped; i++) {
        const struct plan_skipped *s = &plan->skipped[i];
        json_put_array(w);
        json_put_string(w, s->backend_name);
        json_put_string(w, s->model);
        json_put_string(w, s->reason);
        json_put_close(w);
    }
    json_put_close(w);
}

/* What was found, and what that came to; a scan that found nothing says only so. */
static void write_sensitive(const struct plan *plan, struct json_writer *w)
{
    if (plan->scan == PLAN_NOT_SCANNED)
        return;
    json_put_key(w, VIEW("sensitive"));
    json_put_array(w);
    json_put_string(w, view_str(plan_scan_name(plan->scan)));
    if (plan->scan == PLAN_FOUND) {
        json_put_string(w, view_str(data_mode_name(plan->mode)));
        json_put_string(w, plan->found);
        json_put_string(w, plan->modes_because);
    }
    json_put_close(w);
}

void plan_write_brief(const struct plan *plan, const struct inspect_facts *facts, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_member_u64(&w, VIEW("tokens"), facts->tokens_in);
    if (plan->task != facts->task)
        json_put_member_string(&w, VIEW("like"), view_str(task_name(facts->task)));
    member_if(&w, VIEW("cue"), view_str(facts->why));
    if (plan->because.n)
        json_put_member_string(&w, VIEW("place"), view_str(placement_name(plan->placement)));
    member_if(&w, VIEW("because"), plan->because);
    if (plan->pinned)
        json_put_member_bool(&w, VIEW("pinned"), true);
    write_candidates(plan, &w);
    write_skipped(plan, &w);
    write_sensitive(plan, &w);
    json_put_close(&w);
}

/* ---- and back -------------------------------------------------------------------------------- */

static bool read_text(struct json_reader *r, struct arena *a, struct view *ret_text)
{
    struct json_text text;

    if (!json_string(r, &text))
        return false;
    *ret_text = json_decode(text, a);
    return true;
}

/* An array of at most `max` strings; how many there were, or 0 when it is none. */
static unsigned read_texts(struct json_reader *r, struct arena *a, struct view *texts, unsigned max)
{
    struct json_array array;
    unsigned n = 0;

    if (!json_array_begin(r, &array))
        return 0;
    while (json_array_next(r, &array))
        if (n == max || !read_text(r, a, &texts[n++]))
            return 0;
    return json_failed(r) ? 0 : n;
}

static bool read_side(struct view name, enum side *ret_side)
{
    for (enum side side = SIDE_INSIDE; side <= SIDE_OUTSIDE; side++)
        if (view_eq(name, view_str(side_name(side)))) {
            *ret_side = side;
            return true;
        }
    return false;
}

static bool read_placement(struct view name, enum placement *ret_placement)
{
    for (enum placement p = PLACE_INSIDE; p <= PLACE_BY_COMPLEXITY; p++)
        if (view_eq(name, view_str(placement_name(p)))) {
            *ret_placement = p;
            return true;
        }
    return false;
}

/* `ret_plain`: a bit for each candidate whose reason is the plan's. */
static bool read_candidates(struct json_reader *r, struct arena *a, struct plan *plan,
                            unsigned *ret_plain)
{
    struct json_array array;

    if (!json_array_begin(r, &array))
        return false;
    while (json_array_next(r, &array)) {
        struct view t[4] = {VIEW_NONE, VIEW_NONE, VIEW_NONE, VIEW_NONE};
        if (plan->n_candidates == PLAN_MAX_CANDIDATES)
            return false;
        struct plan_candidate *c = &plan->candidates[plan->n_candidates];
        unsigned n = read_texts(r, a, t, 4);
        if (n < 3 || !read_side(t[1], &c->side))
            return false;
        c->backend_name = t[0];
        c->model = t[2];
        c->reason = t[3];
        *ret_plain |= (n == 3 ? 1u : 0) << plan->n_candidates++;
    }
    return !json_failed(r);
}

static bool read_skipped(struct json_reader *r, struct arena *a, struct plan *plan)
{
    struct json_array array;

    if (!json_array_begin(r, &array))
        return false;
    while (json_array_next(r, &array)) {
        struct view t[3];
        if (plan->n_skipped == PLAN_MAX_CANDIDATES || read_texts(r, a, t, 3) != 3)
            return false;
        plan->skipped[plan->n_skipped++] = (struct plan_skipped){t[0], t[1], t[2]};
    }
    return !json_failed(r);
}

static bool read_scan(struct view name, enum plan_scan *ret_scan)
{
    for (enum plan_scan scan = PLAN_NOT_SCANNED; scan <= PLAN_SCAN_FAILED; scan++)
        if (view_eq(name, view_str(plan_scan_name(scan)))) {
            *ret_scan = scan;
            return true;
        }
    return false;
}

static bool read_sensitive(struct json_reader *r, struct arena *a, struct plan *plan)
{
    struct view t[4] = {VIEW_NONE, VIEW_NONE, VIEW_NONE, VIEW_NONE};
    unsigned n = read_texts(r, a, t, 4);

    if (n == 0 || !read_scan(t[0], &plan->scan))
        return false;
    if (plan->scan != PLAN_FOUND)
        return n == 1;
    plan->found = t[2];
    plan->modes_because = t[3];
    return n == 4 && data_mode_from_name(t[1], &plan->mode);
}

static bool read_tokens(struct json_reader *r, uint32_t *ret_tokens)
{
    struct view raw;
    uint64_t value;

    if (!json_number(r, &raw) || !view_to_u64(raw, &value) || value > UINT32_MAX)
        return false;
    *ret_tokens = (uint32_t)value;
    return true;
}

/* False: the member is not one of a brief plan. */
static bool read_member(struct json_reader *r, const struct json_object *o, struct arena *a,
                        struct plan *plan, struct inspect_facts *facts, unsigned *ret_plain)
{
    struct view text;

    if (json_key_is(o, "tokens"))
        return read_tokens(r, &facts->tokens_in);
    if (json_key_is(o, "like"))
        return read_text(r, a, &text) && task_from_name(text, &facts->task);
    if (json_key_is(o, "cue")) {
        if (!read_text(r, a, &text))
            return false;
        facts->why = arena_dup(a, text).p;
        return true;
    }
    if (json_key_is(o, "place"))
        return read_text(r, a, &text) && read_placement(text, &plan->placement);
    if (json_key_is(o, "because"))
        return read_text(r, a, &plan->because);
    if (json_key_is(o, "pinned"))
        return json_bool(r, &plan->pinned);
    if (json_key_is(o, "try"))
        return read_candidates(r, a, plan, ret_plain);
    if (json_key_is(o, "left_out"))
        return read_skipped(r, a, plan);
    if (json_key_is(o, "sensitive"))
        return read_sensitive(r, a, plan);
    return false;
}

bool plan_read_brief(struct view brief, struct arena *a, struct plan *plan,
                     struct inspect_facts *facts)
{
    struct json_reader r;
    struct json_object o;
    unsigned plain = 0;

    plan->n_candidates = plan->n_skipped = 0;
    plan->scan = PLAN_NOT_SCANNED;
    facts->task = plan->task;
    json_begin(&r, brief);
    if (!json_object_begin(&r, &o))
        return false;
    while (json_object_next(&r, &o))
        if (!read_member(&r, &o, a, plan, facts, &plain))
            return false;
    for (unsigned i = 0; i < plan->n_candidates; i++)
        if (plain >> i & 1)
            plan->candidates[i].reason = plan->because;
    return json_end(&r) && !arena_failed(a);
}
