/* Walking the option table: reading a map into a record, and the errors on the way. */
#include "config/load.h"
#include "config/values.h"

#include <stdio.h>

const char *option_key(const struct option *o)
{
    const char *dot = strrchr(o->path, '.');
    return dot ? dot + 1 : o->path;
}

static bool is_below(const struct option *o, const char *prefix)
{
    const char *key = option_key(o);
    size_t n = strlen(prefix);
    size_t parent = key == o->path ? 0 : (size_t)(key - o->path) - 1;

    return parent == n && memcmp(o->path, prefix, n) == 0;
}

const struct option *option_next(const char *prefix, const struct option *after)
{
    for (const struct option *o = after ? after + 1 : option_table; o < option_table + option_count;
         o++)
        if (is_below(o, prefix))
            return o;
    return NULL;
}

static const struct option *find(const char *prefix, struct view key)
{
    const struct option *o = NULL;

    while ((o = option_next(prefix, o)))
        if (view_eq(view_str(option_key(o)), key))
            return o;
    return NULL;
}

enum { SPELL_MAX = 32 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, taken out, changed or swapped with their neighbour. */
static unsigned distance(struct view a, struct view b)
{
    unsigned rows[3][SPELL_MAX + 1];
    unsigned *above2 = rows[0], *above = rows[1], *row = rows[2];

    for (unsigned j = 0; j <= b.n; j++)
        above[j] = above2[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            char ca = ascii_lower(a.p[i - 1]), cb = b.p[j - 1];
            row[j] = least(above[j - 1] + (ca != cb), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && ca == b.p[j - 2] && ascii_lower(a.p[i - 2]) == cb)
                row[j] = least(row[j], above2[j - 2] + 1);
        }
        unsigned *spare = above2;
        above2 = above;
        above = row;
        row = spare;
    }
    return above[b.n];
}

static const struct option *nearest(const char *prefix, struct view key)
{
    const struct option *o = NULL, *best = NULL;
    unsigned limit = 1 + (unsigned)key.n / 4;

    if (key.n > SPELL_MAX)
        return NULL;
    while ((o = option_next(prefix, o))) {
        struct view name = view_str(option_key(o));
        unsigned d = name.n <= SPELL_MAX ? distance(key, name) : limit + 1;
        if (d <= limit) {
            best = o;
            limit = d ? d - 1 : 0;
        }
    }
    return best;
}

/* A row of this name in another place, rather one that is no list's. */
static const struct option *elsewhere(struct view key)
{
    const struct option *found = NULL;

    for (unsigned i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (view_eq(view_str(option_key(o)), key) && (!found || strchr(found->path, '[')))
            found = o;
    }
    return found;
}

static bool hint_known(struct load *l, const char *prefix)
{
    struct buf names = BUF_MAX(sizeof(l->err->hint));
    const struct option *o = NULL;

    while ((o = option_next(prefix, o)) && names.len + strlen(option_key(o)) + 16 < names.max)
        buf_printf(&names, "%s%s", names.len ? ", " : "", option_key(o));
    error_hint(l->err, "known here: %.*s", VIEW_ARG(buf_view(&names)));
    buf_done(&names);
    return false;
}

static bool fail_unknown(struct load *l, const struct tree_node *node, const char *prefix)
{
    struct view key = view_first(node->key->text, 60);
    const struct option *o = nearest(prefix, node->key->text);

    load_fail(l, node->key, NULL, "unknown option '%.*s'", VIEW_ARG(key));
    if (o)
        return error_hint(l->err, "did you mean '%s'?", option_key(o));
    if (node->kind == TREE_NULL && view_find_char(key, ':') != VIEW_NPOS)
        return error_hint(l->err, "between { and } a ':' needs a blank behind it");
    o = elsewhere(key);
    if (o)
        return error_hint(l->err, "there is an option %s", o->path);
    return hint_known(l, prefix);
}

static bool fail_kind(struct load *l, const struct tree_node *node, const struct option *o)
{
    struct buf text = BUF_MAX(512);

    option_describe(o, &text);
    load_fail(l, node, NULL, "%s is %s", o->path, load_found(l, node));
    error_hint(l->err, "write %.*s", VIEW_ARG(buf_view(&text)));
    buf_done(&text);
    uint64_t number;
    if (o->kind == OPTION_DURATION && !node->from_env && view_to_u64(node->text, &number))
        error_hint(l->err, "a duration needs a unit: write %.*ss, or %.*sms",
                   VIEW_ARG(view_first(node->text, 20)), VIEW_ARG(view_first(node->text, 20)));
    return false;
}

static bool fail_range(struct load *l, const struct tree_node *node, const struct option *o)
{
    fail_kind(l, node, o);
    char hint[sizeof(l->err->hint)];
    memcpy(hint, l->err->hint, sizeof(hint));
    load_fail(l, node, hint, "%s is out of its range with %s", o->path, load_found(l, node));
    return false;
}

static bool name_is_good(struct view v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", v.p[i], 39))
            return false;
    return v.n > 0 && v.n <= 64;
}

/* A number of this kind, checked against the row's range. */
static bool read_number(struct load *l, const struct tree_node *node, const struct option *o,
                        int64_t *ret_value)
{
    int64_t value = 0;
    uint64_t number = 0;
    bool ok;

    if (o->kind == OPTION_DURATION)
        ok = value_duration(node->text, &value);
    else if (o->kind == OPTION_SIZE)
        ok = value_size(node->text, &number);
    else
        ok = view_to_u64(node->text, &number);
    if (!ok)
        return fail_kind(l, node, o);
    if (o->kind != OPTION_DURATION)
        value = number > INT64_MAX ? INT64_MAX : (int64_t)number;
    if (value < o->low || value > o->high)
        return fail_range(l, node, o);
    *ret_value = value;
    return true;
}

static bool read_fraction(struct load *l, const struct tree_node *node, const struct option *o,
                          double *ret_value)
{
    int64_t millionths;

    if (!value_decimal(node->text, 6, &millionths))
        return fail_kind(l, node, o);
    if (millionths > 1000000)
        return fail_range(l, node, o);
    *ret_value = (double)millionths / 1e6;
    return true;
}

static bool read_scalar(struct load *l, const struct tree_node *node, const struct option *o,
                        void *field)
{
    int64_t number;

    if (node->kind != TREE_TEXT || node->text.n == 0)
        return fail_kind(l, node, o);
    switch (o->kind) {
    case OPTION_ADDRESS:
        return value_address(node->text, l->config->arena, field, l->err) || load_place(l, node);
    case OPTION_BOOL:
        if (!view_eq(node->text, VIEW("true")) && !view_eq(node->text, VIEW("false")))
            return fail_kind(l, node, o);
        *(bool *)field = node->text.p[0] == 't';
        return true;
    case OPTION_COUNT:
        if (!read_number(l, node, o, &number))
            return false;
        *(unsigned *)field = (unsigned)number;
        return true;
    case OPTION_SIZE:
        if (!read_number(l, node, o, &number))
            return false;
        *(size_t *)field = (size_t)number;
        return true;
    case OPTION_DURATION:
        return read_number(l, node, o, field);
    case OPTION_FRACTION:
        return read_fraction(l, node, o, field);
    case OPTION_NAME:
        if (!name_is_good(node->text))
            return fail_kind(l, node, o);
        *(struct view *)field = arena_dup(l->config->arena, node->text);
        return true;
    case OPTION_TEXT:
        *(struct view *)field = arena_dup(l->config->arena, node->text);
        return true;
    case OPTION_CHOICE:
        return value_choice(node->text, o->type, field) || fail_kind(l, node, o);
    case OPTION_MONEY:
        return value_decimal(node->text, 9, field) || fail_kind(l, node, o);
    case OPTION_PRICE:
        return value_decimal(node->text, 6, field) || fail_kind(l, node, o);
    case OPTION_GROUP:
    case OPTION_CUSTOM:
        break;
    }
    return false;
}

static bool read_one(struct load *l, const struct tree_node *node, const struct option *o,
                     void *record)
{
    if (o->kind == OPTION_CUSTOM)
        return o->read(l, node, record);
    return read_scalar(l, node, o, (char *)record + o->offset);
}

/* Groups are as deep as the table has them. */
bool options_default(struct load *l, const char *prefix, void *record)
{
    const struct option *o = NULL;

    while ((o = option_next(prefix, o))) {
        struct tree_node node = {
            .kind = TREE_TEXT, .line = 1, .column = 1, .text = view_str(o->fallback)};
        if (o->kind == OPTION_GROUP) {
            if (!options_default(l, o->path, record))
                return false;
        } else if (o->fallback[0] != '(' && !read_one(l, &node, o, record)) {
            return false;
        }
    }
    return true;
}

static bool read_map(struct load *l, const struct tree_node *map, const char *prefix, void *record)
{
    const struct option *o = NULL;

    if (!load_expect(l, map, TREE_MAP, *prefix ? prefix : "the config",
                     "write it as key: value, one a line"))
        return false;
    for (const struct tree_node *m = map->first; m; m = m->next) {
        o = find(prefix, m->key->text);
        if (!o)
            return fail_unknown(l, m, prefix);
        if (o->kind == OPTION_GROUP ? !read_map(l, m, o->path, record) : !read_one(l, m, o, record))
            return false;
    }
    for (o = option_next(prefix, NULL); o; o = option_next(prefix, o))
        if (*prefix && strcmp(o->fallback, "(required)") == 0 && !tree_find(map, option_key(o))) {
            load_fail(l, map, NULL, "'%s' is missing here", option_key(o));
            struct buf text = BUF_MAX(512);
            option_describe(o, &text);
            error_hint(l->err, "add %s: %.*s", option_key(o), VIEW_ARG(buf_view(&text)));
            buf_done(&text);
            return false;
        }
    return true;
}

bool options_read(struct load *l, const struct tree_node *node, const char *prefix, void *record)
{
    return options_default(l, prefix, record) && read_map(l, node, prefix, record);
}
