#include "gateway/screen.h"

#include "gateway/evidence.h"
#include "gateway/log.h"
#include "llm/neutral.h"
#include "run/offload.h"

#include <stdlib.h>

enum { INLINE_BYTES = 2048 }; /* above it a scan would keep the loop from its other tasks */

/* ---- one scan -------------------------------------------------------------------------------- */

/* The job owns what it works on, because the task may leave: the request's arena is handed over and
 * comes back (as in inspect.c). */
struct scan_job {
    struct offload_job job;
    struct egress *gate;
    struct arena *request_arena;
    struct view body;
    struct sensitivity_options options;
    struct findings findings;
    struct error error;
    bool ok;
};

static void run_scan(struct offload_job *job)
{
    struct scan_job *j = (struct scan_job *)job;
    j->ok = sensitivity_scan_body(egress_scanner(j->gate), j->body, &j->options, j->request_arena,
                                  &j->findings, &j->error);
}

static void drop_scan(struct offload_job *job)
{
    struct scan_job *j = (struct scan_job *)job;
    egress_unref(j->gate);
    arena_free(j->request_arena);
    free(j);
}

static bool scan_offloaded(struct exchange *x, struct view body,
                           const struct sensitivity_options *options, struct findings *ret_findings)
{
    struct scan_job *j = calloc(1, sizeof(*j));

    if (!j)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to look the request through");
    j->job = (struct offload_job){.run = run_scan, .drop = drop_scan};
    j->gate = egress_ref(fleet_gate(x->fleet));
    j->request_arena = x->request_arena;
    j->body = body;
    j->options = *options;
    enum wait_result result = task_offload(OFFLOAD_CPU, &j->job, x->deadline_ns);
    if (result != WAIT_READY) {
        exchange_lose_request(x);
        return result == WAIT_TIMEOUT ? error_set(&x->error, ERROR_DEADLINE,
                                                  "looking the request through took too long")
                                      : error_set(&x->error, ERROR_CLIENT_GONE, "the client left");
    }
    bool ok = j->ok;
    *ret_findings = j->findings;
    if (!ok)
        x->error = j->error;
    j->request_arena = NULL;
    offload_release(&j->job);
    return ok;
}

bool screen_scan(struct exchange *x, struct view body, bool tagger, struct findings *ret_findings)
{
    struct sensitivity_options options = {
        .profile = x->plan->profile, .classes = x->config->perimeter.classes, .no_tagger = !tagger};

    if (body.n > INLINE_BYTES)
        return scan_offloaded(x, body, &options, ret_findings);
    return sensitivity_scan_body(egress_scanner(fleet_gate(x->fleet)), body, &options,
                                 x->request_arena, ret_findings, &x->error);
}

/* ---- masks ----------------------------------------------------------------------------------- */

static uint32_t classes_of_mode(const struct plan *plan, uint32_t classes, enum data_mode mode)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (classes & UINT32_C(1) << i && plan->modes[i] == mode)
            bits |= UINT32_C(1) << i;
    return bits;
}

uint32_t screen_forbidden(const struct exchange *x)
{
    uint32_t classes = x->config->perimeter.classes;
    return classes & ~classes_of_mode(x->plan, classes, DATA_ALLOW);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

bool screen_remember(struct exchange *x, const struct findings *findings)
{
    struct screening *s = x->screening;
    uint64_t *known = arena_new_array(x->request_arena, uint64_t, findings->n_strings + 1);

    if (!known)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to look the request through");
    for (unsigned i = 0; i < findings->n_strings; i++)
        known[i] = findings->strings[i].digest;
    qsort(known, findings->n_strings, sizeof(*known), by_value);
    s->known = known;
    s->n_known = findings->n_strings;
    s->allowed = (s->classes | findings->classes) & ~screen_forbidden(x);
    return true;
}

/* A masked answer is read and written anew, and a plain one is written with its first choice. */
static bool has_one_answer(struct exchange *x, struct llm_request *masked)
{
    const struct llm_neutral *neutral = llm_request_neutral(masked, x->request_arena, &x->error);

    if (!neutral)
        return false;
    return masked->stream || neutral->n.n == 0 || view_eq(neutral->n, VIEW("1")) ||
           error_set(&x->error, ERROR_SENSITIVE, "several plain answers are not masked");
}

/* Words the request anew with placeholders and looks it through again: what is still found then
 * cannot be masked, and the request stays inside. */
static bool mask(struct exchange *x, struct screening *s, uint32_t classes)
{
    struct view body;
    struct findings left;

    s->mask = mask_map_new(x->arena);
    if (!s->mask)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to mask the request");
    if (!mask_body(s->mask, x->body, &s->findings, classes, x->request_arena, &body, &x->error) ||
        !screen_scan(x, body, false, &left))
        return false;
    if (left.classes & screen_forbidden(x))
        return error_set(&x->error, ERROR_SENSITIVE, "%s is left behind the masks",
                         data_class_name((enum data_class)__builtin_ctz(left.classes)));
    if (!llm_request_read(x->dialect, body, x->request_arena, &s->masked, &x->error) ||
        !has_one_answer(x, &s->masked))
        return false;
    s->to_tell = classes;
    return screen_remember(x, &left);
}

void screen_left(struct exchange *x)
{
    struct screening *s = x->screening;
    uint32_t classes = s ? s->to_tell : 0;

    for (unsigned i = 0; classes && i < s->findings.n; i++)
        if (classes & UINT32_C(1) << s->findings.all[i].class)
            evidence_portion(x, s->findings.all[i].start, s->findings.all[i].end, "masked");
    if (s)
        s->to_tell = 0;
}

/* ---- the step -------------------------------------------------------------------------------- */

static bool look_through(struct exchange *x, struct screening *s)
{
    if (!screen_scan(x, x->body, true, &s->findings))
        return false;
    s->classes = s->findings.classes;
    memcpy(s->counts, s->findings.counts, sizeof(s->counts));
    return true;
}

/* Masks what is to be masked, where nothing else keeps the request inside. */
static bool word_anew(struct exchange *x, struct screening *s)
{
    uint32_t masked = classes_of_mode(x->plan, s->classes, DATA_MASK);
    uint32_t stays = screen_forbidden(x) & s->classes & ~masked;

    return masked && !stays ? mask(x, s, masked) : screen_remember(x, &s->findings);
}

static bool gave_up(const struct exchange *x)
{
    return x->error.code == ERROR_CLIENT_GONE || x->error.code == ERROR_DEADLINE;
}

static bool screen(struct exchange *x)
{
    struct policy_findings found = {.scan = PLAN_SCAN_FAILED};
    struct screening *s = x->screening = arena_new_of(x->arena, struct screening);
    struct error before = x->error;
    bool scanned = s && look_through(x, s);

    if (!scanned && gave_up(x))
        return false;
    if (scanned) {
        found = policy_findings_of(&s->findings);
        if (!word_anew(x, s)) {
            if (gave_up(x))
                return false;
            log_unmaskable(&x->error);
            found.unmaskable = found.classes;
        }
    } else {
        log_scan_failed(&x->error);
    }
    x->error = before;
    stats_screened(&x->gateway->stats, found.scan, found.classes);
    return policy_screen(&found, x->arena, x->plan, &x->error);
}

static bool leaving_is_barred(const struct plan *plan)
{
    for (unsigned i = 0; i < plan->n_candidates; i++)
        if (plan->candidates[i].leaves && !plan->candidates[i].barred)
            return false;
    return true;
}

enum screen_verdict screen_verdict(struct exchange *x)
{
    if (x->config->perimeter.classes == 0)
        return SCREEN_PASS;
    if (x->plan->scan == PLAN_NOT_SCANNED && !screen(x))
        return SCREEN_END;
    if (leaving_is_barred(x->plan))
        return SCREEN_INSIDE;
    return x->plan->scan == PLAN_FOUND && x->plan->mode == DATA_SPLIT ? SCREEN_SPLIT : SCREEN_PASS;
}

bool screen_stopped(struct exchange *x)
{
    return policy_keep_inside(x->plan, VIEW("stopped at the gate: stays inside"));
}

static bool blocks(const struct exchange *x)
{
    return classes_of_mode(x->plan, x->config->perimeter.classes, DATA_BLOCK) != 0;
}

bool exchange_screen(struct exchange *x)
{
    bool first_leaves = x->plan->candidates[0].leaves;

    if (x->config->perimeter.classes == 0 ||
        (!first_leaves && !x->config->perimeter.scan_always && !blocks(x)))
        return true;
    return screen(x);
}

struct llm_request *screen_request(struct exchange *x, bool leaves)
{
    struct screening *s = x->screening;

    if (s && leaves && s->mask)
        return &s->masked;
    if (s && !leaves && s->completion)
        return s->completion;
    return &x->request;
}

const struct mask_map *screen_mask(const struct exchange *x, bool leaves)
{
    return x->screening && leaves ? x->screening->mask : NULL;
}

struct egress_pass screen_pass(const struct exchange *x, struct view credential)
{
    const struct screening *s = x->screening;
    struct egress_pass pass = {.gate = fleet_gate(x->fleet),
                               .profile = x->plan->profile,
                               .classes = x->config->perimeter.classes,
                               .forbidden = screen_forbidden(x),
                               .credential = credential};

    if (s) {
        pass.known = s->known;
        pass.n_known = s->n_known;
        pass.mask = s->mask ? s->mask : s->values;
    }
    return pass;
}
