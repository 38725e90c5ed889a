#include "policy/parts.h"

#include "llm/request.h"

struct view concat(struct arena *a, const struct view *parts, unsigned n)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < n; i++)
        bytes += parts[i].n;
    char *to = arena_bytes(a, bytes ? bytes : 1);
    if (!to)
        return VIEW("");
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        if (parts[i].n)
            memcpy(to + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    return view_of(to, bytes);
}

static bool glob_holds(struct view value, struct view pattern)
{
    return pattern.n == 0 || view_matches_glob(value, pattern);
}

static bool header_holds(const struct config_rule *rule, const struct policy_question *q)
{
    for (unsigned i = 0; i < q->n_headers; i++)
        if (view_eq_nocase(q->headers[i].name, rule->header_name) &&
            glob_holds(q->headers[i].value, rule->header_value))
            return true;
    return false;
}

static bool metadata_holds(const struct config_rule *rule, const struct policy_question *q,
                           struct arena *a)
{
    struct view value;
    return q->metadata.n && llm_metadata_get(q->metadata, rule->metadata_name, a, &value) &&
           glob_holds(value, rule->metadata_value);
}

static bool time_holds(const struct config_rule *rule, int minute)
{
    if (rule->minutes_from < 0 && rule->minutes_to < 0)
        return true;
    int from = rule->minutes_from < 0 ? 0 : rule->minutes_from;
    int to = rule->minutes_to < 0 ? 24 * 60 : rule->minutes_to;
    if (from == to)
        return true;
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

static bool rule_holds(const struct config_rule *rule, const struct policy_question *q,
                       enum task_kind task, struct arena *a)
{
    return glob_holds(q->model, rule->model) && glob_holds(q->key, rule->key) &&
           glob_holds(q->user, rule->user) && (!rule->has_task || rule->task_is == task) &&
           (rule->complexity_above < 0 || q->facts->complexity > rule->complexity_above) &&
           time_holds(rule, q->minute_of_day) &&
           (rule->header_name.n == 0 || header_holds(rule, q)) &&
           (rule->metadata_name.n == 0 || metadata_holds(rule, q, a));
}

static bool bad_task_header(struct view value, struct error *err)
{
    char names[160];
    size_t n = 0;
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        struct view name = view_str(task_name((enum task_kind)i));
        if (n + name.n + 2 > sizeof names)
            break;
        memcpy(names + n, i ? ", " : "  ", 2);
        memcpy(names + n + 2, name.p, name.n);
        n += name.n + 2;
    }
    error_set(err, ERROR_BAD_VALUE, "The header x-weir-task names no task that is known: \"%.*s\".",
              (int)(value.n < 60 ? value.n : 60), value.p ? value.p : "");
    error_hint(err, "Use one of: %.*s.", (int)(n - 2), names + 2);
    return error_param(err, VIEW("x-weir-task"));
}

/* "0.25" from 0.25, for 0..1. */
static struct view two_digits(double value, char to[4])
{
    int hundredths = (int)(value * 100 + 0.5);
    hundredths = hundredths < 0 ? 0 : hundredths > 100 ? 100 : hundredths;
    to[0] = (char)('0' + hundredths / 100);
    to[1] = '.';
    to[2] = (char)('0' + hundredths / 10 % 10);
    to[3] = (char)('0' + hundredths % 10);
    return view_of(to, 4);
}

static struct view way_text(enum placement placement)
{
    switch (placement) {
    case PLACE_INSIDE:
        return VIEW(" goes inside");
    case PLACE_OUTSIDE:
        return VIEW(" goes outside");
    case PLACE_INSIDE_ONLY:
        return VIEW(" goes inside only");
    case PLACE_OUTSIDE_ONLY:
        return VIEW(" goes outside only");
    case PLACE_BY_COMPLEXITY:
        break;
    }
    return VIEW(" goes by complexity");
}

/* `who` ("matrix: ", "rule 'nights': ") gave `row`: settles what complexity decides and says it. */
static void apply_row(struct config_row row, struct view who, double complexity, struct arena *a,
                      struct plan *plan)
{
    struct view task = view_str(task_name(plan->task));
    plan->placement = row.placement;
    if (row.placement != PLACE_BY_COMPLEXITY) {
        plan->because = CONCAT(a, who, task, way_text(row.placement));
        return;
    }
    bool inside = complexity <= row.threshold;
    char is[4], bound[4];
    plan->placement = inside ? PLACE_INSIDE : PLACE_OUTSIDE;
    plan->because = CONCAT(a, who, task, VIEW(" of complexity "), two_digits(complexity, is),
                           inside ? VIEW(" stays inside (up to ") : VIEW(" goes outside (above "),
                           two_digits(row.threshold, bound), VIEW(")"));
}

static struct view rule_label(const struct config_rule *rule, unsigned index, struct arena *a)
{
    return rule->name.n ? CONCAT(a, VIEW("rule '"), rule->name, VIEW("': "))
                        : arena_printf(a, "rule %u: ", index + 1);
}

static bool rows_equal(struct config_row x, struct config_row y)
{
    return x.placement == y.placement &&
           (x.placement != PLACE_BY_COMPLEXITY ||
            (x.threshold >= y.threshold && x.threshold <= y.threshold));
}

static const struct config_rule *first_rule(const struct config *config,
                                            const struct policy_question *q, enum task_kind task,
                                            struct arena *a, struct view *ret_label)
{
    for (unsigned i = 0; i < config->policy.n_rules; i++) {
        const struct config_rule *rule = &config->policy.rules[i];
        bool places = rule->sets_placement || rule->sets_task;
        if (!places || !rule_holds(rule, q, task, a))
            continue;
        *ret_label = rule_label(rule, i, a);
        return rule;
    }
    return NULL;
}

bool place_task(const struct config *config, const struct policy_question *question,
                struct arena *a, struct plan *plan, struct error *err)
{
    const struct config_policy *policy = &config->policy;
    double complexity = question->facts->complexity;
    enum task_kind task = question->facts->task;
    bool told = question->task_header.n > 0;
    if (told && !task_from_name(question->task_header, &task))
        return bad_task_header(question->task_header, err);
    struct view who = told ? VIEW("header and matrix: ") : VIEW("matrix: "), label = VIEW_NONE;
    const struct config_rule *rule = first_rule(config, question, task, a, &label);
    if (rule && rule->sets_task) {
        task = rule->task_set;
        told = true;
        who = label;
    }
    plan->task = task;
    if (rule && rule->sets_placement) {
        apply_row(rule->place, label, complexity, a, plan);
        return true;
    }
    if (!told && question->facts->confidence < policy->min_confidence &&
        !rows_equal(policy->matrix[task], policy->matrix[TASK_GENERAL])) {
        char is[4];
        who = CONCAT(a, view_str(task_name(task)), VIEW(" is unsure ("),
                     two_digits(question->facts->confidence, is), VIEW("): "));
        plan->task = task = TASK_GENERAL;
    }
    apply_row(policy->matrix[task], who, complexity, a, plan);
    return true;
}

void place_modes(const struct config *config, const struct policy_question *question,
                 struct arena *a, struct plan *plan)
{
    plan->modes = config->perimeter.modes;
    plan->profile = config->perimeter.profile;
    plan->modes_because = VIEW("perimeter.modes");
    for (unsigned i = 0; i < config->policy.n_rules; i++) {
        const struct config_rule *rule = &config->policy.rules[i];
        if (!rule->sets_modes || !rule_holds(rule, question, plan->task, a))
            continue;
        plan->modes = rule->modes;
        plan->profile = rule->strict ? DATA_STRICT : plan->profile;
        plan->modes_because = rule->name;
        return;
    }
}

void place_continuing(const struct config *config, const struct policy_question *question,
                      struct arena *a, struct plan *plan)
{
    plan->may_continue = config->continue_streams;
    for (unsigned i = 0; i < config->policy.n_rules; i++) {
        const struct config_rule *rule = &config->policy.rules[i];
        if (!rule->continues || !rule_holds(rule, question, plan->task, a))
            continue;
        plan->may_continue = rule->continues == CONFIG_YES;
        return;
    }
}
