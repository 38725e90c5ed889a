/* The matrix and the rules of `policy:`. */
#include "config/options.h"
#include "config/values.h"

enum { MAX_RULES = 1024 };

#define PLACEMENT_HINT \
    "write inside, outside, inside_only, outside_only, by_complexity or {inside_up_to: 0.6}"

static bool placement_from_name(struct view name, enum placement *ret_placement)
{
    for (enum placement p = PLACE_INSIDE; p <= PLACE_BY_COMPLEXITY; p++)
        if (view_eq(name, view_str(placement_name(p)))) {
            *ret_placement = p;
            return true;
        }
    return false;
}

static bool read_fraction(struct load *l, const struct tree_node *node, const char *what,
                          double *ret_value)
{
    int64_t millionths;

    if (node->kind != TREE_TEXT || !value_decimal(node->text, 6, &millionths) ||
        millionths > 1000000)
        return load_fail(l, node, "write a number from 0 to 1, like 0.6", "%s is %s", what,
                         load_found(l, node));
    *ret_value = (double)millionths / 1e6;
    return true;
}

/* A row without a threshold of its own gets -1 until policy_finish(). */
static bool read_placement(struct load *l, const struct tree_node *node, struct config_row *ret_row)
{
    struct config_row row = {.placement = PLACE_BY_COMPLEXITY, .threshold = -1};

    if (node->kind == TREE_MAP) {
        const struct tree_node *up_to = tree_find(node, "inside_up_to");
        if (!up_to || node->count != 1)
            return load_fail(l, node, PLACEMENT_HINT,
                             "a placement is a map without inside_up_to alone");
        if (!read_fraction(l, up_to, "inside_up_to", &row.threshold))
            return false;
    } else if (node->kind != TREE_TEXT || !placement_from_name(node->text, &row.placement)) {
        return load_fail(l, node, PLACEMENT_HINT, "a placement is %s", load_found(l, node));
    }
    *ret_row = row;
    return true;
}

static void show_placement(struct show *s, const struct config_row *row)
{
    if (row->placement == PLACE_BY_COMPLEXITY) {
        buf_append_lit(s->out, " {inside_up_to: ");
        show_fraction(s->out, row->threshold);
        buf_append_lit(s->out, "}\n");
    } else {
        show_value(s, view_str(placement_name(row->placement)));
    }
}

static bool read_task(struct load *l, const struct tree_node *node, const struct tree_node *at,
                      enum task_kind *ret_task)
{
    if (node->kind == TREE_TEXT && task_from_name(node->text, ret_task))
        return true;
    load_fail(l, at, NULL, "a task is %s", load_found(l, node));
    error_hint(l->err, "the tasks are:");
    size_t used = strlen(l->err->hint);
    for (unsigned t = 0; t < TASK_COUNT; t++) {
        struct view name = view_str(task_name((enum task_kind)t));
        if (used + name.n + 3 > sizeof(l->err->hint))
            break;
        memcpy(l->err->hint + used, t ? ", " : " ", 2);
        used += t ? 2 : 1;
        memcpy(l->err->hint + used, name.p, name.n + 1);
        used += name.n;
    }
    return false;
}

bool read_threshold(struct load *l, const struct tree_node *node, void *record)
{
    (void)record; /* kept in the rows */
    return read_fraction(l, node, "policy.threshold", &l->threshold);
}

void show_threshold(const void *record, struct show *s)
{
    (void)record; /* every row shows its own */
    (void)s;
}

bool read_matrix(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;

    if (!load_expect(l, node, TREE_MAP, "policy.matrix", "write task: placement, one a line"))
        return false;
    for (const struct tree_node *m = node->first; m; m = m->next) {
        enum task_kind task;
        if (!read_task(l, m->key, m->key, &task))
            return false;
        if (l->matrix_said & 1u << task)
            return load_fail(l, m->key, "remove one of the two", "the task stands twice");
        l->matrix_said |= 1u << task;
        if (!read_placement(l, m, &c->policy.matrix[task]))
            return false;
    }
    return true;
}

void show_matrix(const void *record, struct show *s)
{
    const struct config *c = record;

    show_key(s, VIEW("matrix"));
    buf_append_char(s->out, '\n');
    s->indent += 2;
    for (unsigned t = 0; t < TASK_COUNT; t++) {
        show_key(s, view_str(task_name((enum task_kind)t)));
        show_placement(s, &c->policy.matrix[t]);
    }
    s->indent -= 2;
}

static bool read_pair(struct load *l, const struct tree_node *node, const char *what,
                      struct view *ret_name, struct view *ret_value)
{
    const char *hint = "write it like {x-team: \"legal*\"}";

    if (!load_expect(l, node, TREE_MAP, what, hint))
        return false;
    if (node->count != 1)
        return load_fail(l, node, hint, "%s names %u entries, a rule may look at one", what,
                         node->count);
    if (node->first->key->text.n == 0)
        return load_fail(l, node->first->key, hint, "%s has an empty name", what);
    *ret_name = arena_dup(l->config->arena, node->first->key->text);
    return load_text(l, node->first, what, hint, ret_value);
}

static void show_pair(struct show *s, const char *key, struct view name, struct view value)
{
    if (name.n == 0)
        return;
    show_key(s, view_str(key));
    buf_append_lit(s->out, " {");
    show_key_text(s->out, name);
    buf_append_lit(s->out, ": ");
    show_text(s->out, value);
    buf_append_lit(s->out, "}\n");
}

bool read_when_header(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    return read_pair(l, node, "when.header", &rule->header_name, &rule->header_value);
}

void show_when_header(const void *record, struct show *s)
{
    const struct config_rule *rule = record;
    show_pair(s, "header", rule->header_name, rule->header_value);
}

bool read_when_metadata(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    return read_pair(l, node, "when.metadata", &rule->metadata_name, &rule->metadata_value);
}

void show_when_metadata(const void *record, struct show *s)
{
    const struct config_rule *rule = record;
    show_pair(s, "metadata", rule->metadata_name, rule->metadata_value);
}

bool read_when_task(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    rule->has_task = true;
    return read_task(l, node, node, &rule->task_is);
}

void show_when_task(const void *record, struct show *s)
{
    const struct config_rule *rule = record;

    if (!rule->has_task)
        return;
    show_key(s, VIEW("task"));
    show_value(s, view_str(task_name(rule->task_is)));
}

/* "HH:MM" as minutes; 24:00 is an end of day. */
static bool read_clock(struct view text, int *ret_minutes)
{
    uint64_t hour, minute;
    struct view rest = text;
    struct view head = view_cut(&rest, ':');

    if (head.n == 0 || head.n > 2 || rest.n != 2 || !view_to_u64(head, &hour) ||
        !view_to_u64(rest, &minute) || minute > 59 || hour * 60 + minute > 24 * 60)
        return false;
    *ret_minutes = (int)(hour * 60 + minute);
    return true;
}

bool read_when_hours(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    struct view rest = node->text;
    struct view from = view_cut(&rest, '-');
    int a, b;

    if (node->kind != TREE_TEXT || !read_clock(view_trim(from), &a) ||
        !read_clock(view_trim(rest), &b) || a == b || a == 24 * 60)
        return load_fail(l, node, "write it like \"22:00-06:00\"", "hours is %s",
                         load_found(l, node));
    rule->minutes_from = a;
    rule->minutes_to = b;
    return true;
}

void show_when_hours(const void *record, struct show *s)
{
    const struct config_rule *rule = record;

    if (rule->minutes_from < 0)
        return;
    show_key(s, VIEW("hours"));
    buf_printf(s->out, " \"%02d:%02d-%02d:%02d\"\n", rule->minutes_from / 60,
               rule->minutes_from % 60, rule->minutes_to / 60, rule->minutes_to % 60);
}

bool read_rule_go(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    rule->sets_placement = true;
    return read_placement(l, node, &rule->place);
}

void show_rule_go(const void *record, struct show *s)
{
    const struct config_rule *rule = record;

    if (!rule->sets_placement)
        return;
    show_key(s, VIEW("go"));
    show_placement(s, &rule->place);
}

bool read_rule_task(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    rule->sets_task = true;
    return read_task(l, node, node, &rule->task_set);
}

void show_rule_task(const void *record, struct show *s)
{
    const struct config_rule *rule = record;

    if (!rule->sets_task)
        return;
    show_key(s, VIEW("task"));
    show_value(s, view_str(task_name(rule->task_set)));
}

static bool read_rule(struct load *l, const struct tree_node *node, struct config_rule *rule,
                      unsigned number)
{
    if (node->kind != TREE_MAP)
        return load_fail(l, node, "write - when: {...} and go: ... below it",
                         "a rule is %s, not a map", load_found(l, node));
    *rule = (struct config_rule){
        .complexity_above = -1, .minutes_from = -1, .minutes_to = -1, .place.threshold = 0};
    if (!options_read(l, node, "policy.rules[]", rule))
        return false;
    if (rule->strict && !rule->sets_modes)
        return load_fail(l, node, "add sensitive: {DEFAULT: local}, or what is to happen",
                         "strict without sensitive does nothing");
    bool places = rule->sets_placement || rule->sets_task;
    if (!places && !rule->sets_modes && !rule->continues)
        return load_fail(l, node, "add go: inside (or another placement), task: or sensitive: ...",
                         "the rule does nothing");
    if (rule->name.n == 0)
        rule->name = arena_printf(l->config->arena, "rule %u", number);
    const struct tree_node *when = tree_find(node, "when");
    if ((!when || when->count == 0) && node->next && places && !rule->sets_modes)
        load_warn(l, node, "this rule has no condition, so no rule below it is ever looked at");
    return true;
}

bool read_rules(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    void *rules;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_LIST, MAX_RULES, sizeof(struct config_rule), "policy.rules",
                    "begin each rule with - when: ...", &rules, &n))
        return false;
    c->policy.rules = rules;
    for (const struct tree_node *m = node->first; m; m = m->next, i++)
        if (!read_rule(l, m, &c->policy.rules[i], i + 1))
            return false;
    c->policy.n_rules = n;
    return true;
}

void show_rules(const void *record, struct show *s)
{
    const struct config *c = record;

    if (c->policy.n_rules == 0)
        return;
    show_key(s, VIEW("rules"));
    buf_append_char(s->out, '\n');
    s->indent += 4;
    for (unsigned i = 0; i < c->policy.n_rules; i++) {
        show_item(s);
        options_show("policy.rules[]", &c->policy.rules[i], s);
    }
    s->indent -= 4;
}

bool policy_finish(struct load *l)
{
    const double middle = 0.5; /* where neither the file nor the built-in row says one */
    struct config_policy *policy = &l->config->policy;
    struct config_policy built_in = {0};

    policy_defaults(&built_in);
    for (unsigned t = 0; t < TASK_COUNT; t++) {
        struct config_row *row = &policy->matrix[t];
        bool said = l->matrix_said & 1u << t && row->threshold >= 0;
        if (row->placement != PLACE_BY_COMPLEXITY)
            row->threshold = 0;
        else if (!said && l->threshold >= 0)
            row->threshold = l->threshold;
        else if (row->threshold < 0)
            row->threshold = built_in.matrix[t].placement == PLACE_BY_COMPLEXITY
                                 ? built_in.matrix[t].threshold
                                 : middle;
    }
    for (unsigned i = 0; i < policy->n_rules; i++) {
        struct config_row *row = &policy->rules[i].place;
        if (row->placement != PLACE_BY_COMPLEXITY)
            row->threshold = 0;
        else if (row->threshold < 0)
            row->threshold = l->threshold >= 0 ? l->threshold : middle;
    }
    return true;
}
