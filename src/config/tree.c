#include "config/tree.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct view text;
    const char *name;
    struct arena *arena;
    struct error *err;
    struct tree_node *root;
    bool foreign;
    unsigned nodes, documents, depth;
    struct level {
        struct tree_node *node, *last;
        struct tree_node *key; /* a map's key that waits for its value */
    } levels[TREE_MAX_DEPTH];
};

bool tree_place(const struct tree_node *at, const char *name, struct error *err)
{
    char text[sizeof(err->text)];
    size_t n = strlen(name);
    const char *cut = n > 80 ? "..." : "";

    memcpy(text, err->text, sizeof(text));
    if (n > 80)
        name += n - 77;
    /* A text that does not fit loses its end: the place matters more. */
    int used =
        snprintf(err->text, sizeof(err->text), "%s%s:%u:%u: ", cut, name, at->line, at->column);
    snprintf(err->text + used, sizeof(err->text) - (size_t)used, "%s", text);
    return false;
}

static bool fail(struct reader *r, yaml_mark_t mark, const char *text, const char *hint)
{
    struct tree_node at = {.line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1};

    error_set(r->err, ERROR_BAD_CONFIG, "%s", text);
    error_hint(r->err, "%s", hint);
    return tree_place(&at, r->name, r->err);
}

/* The line of the text at `mark`, without its end. */
static struct view line_at(struct view text, size_t line)
{
    while (line-- && text.n)
        view_cut(&text, '\n');
    return view_cut(&text, '\n');
}

static bool fail_encoding(struct reader *r)
{
    yaml_mark_t mark = {0};
    size_t at = r->parser.problem_offset;

    for (size_t i = 0; i < at && i < r->text.n; i++) {
        mark.column++;
        if (r->text.p[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return fail(r, mark, "not a text in UTF-8, or a control character in it",
                "save the file as UTF-8 without control characters");
}

/* What libyaml could not read. */
static bool fail_syntax(struct reader *r)
{
    char text[200];
    const yaml_parser_t *p = &r->parser;

    if (p->error == YAML_MEMORY_ERROR) {
        error_set(r->err, ERROR_NO_MEMORY, "no memory to read %s", r->name);
        return false;
    }
    if (p->error == YAML_READER_ERROR)
        return fail_encoding(r);
    snprintf(text, sizeof(text), "not YAML: %s%s%s", p->context ? p->context : "",
             p->context ? ", " : "", p->problem ? p->problem : "unreadable");
    struct view line = line_at(r->text, p->problem_mark.line);
    const char *hint = "quote a value that holds : # { } [ ] * & or %: \"...\"";
    if (view_find(line, VIEW("${")) != VIEW_NPOS)
        hint = "between { } or [ ] a variable needs quotes: \"${NAME}\"";
    else if (view_find(line, VIEW("[:")) != VIEW_NPOS)
        hint = "quote an IPv6 address: \"[::1]:8484\"";
    else if (view_find_char(line, '\t') != VIEW_NPOS)
        hint = "indent with blanks, never with tabs";
    return fail(r, p->problem_mark, text, hint);
}

static bool name_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* `*rest` stands behind "${": appends the variable's value and moves behind the "}". */
static bool expand_one(struct reader *r, yaml_mark_t mark, struct view *rest, struct buf *out)
{
    char name[128], text[200];
    size_t end = view_find_char(*rest, '}');
    bool good = end != VIEW_NPOS && end > 0 && end < sizeof(name);

    for (size_t i = 0; good && i < end; i++)
        good = name_char(rest->p[i], i == 0);
    if (!good)
        return fail(r, mark, "'${' begins a variable, but no name and '}' follow",
                    "write ${NAME}, or $${ for the two characters ${");
    memcpy(name, rest->p, end);
    name[end] = '\0';
    const char *value = getenv(name);
    if (!value) {
        snprintf(text, sizeof(text), "the environment variable %s is not set", name);
        fail(r, mark, text, "");
        return error_hint(r->err, "set it before the start: export %s=...", name);
    }
    buf_append(out, view_str(value));
    *rest = view_skip(*rest, end + 1);
    return true;
}

static bool expand_all(struct reader *r, struct tree_node *node, yaml_mark_t mark, struct buf *out)
{
    struct view rest = node->written;

    for (;;) {
        size_t at = view_find(rest, VIEW("${"));
        if (at == VIEW_NPOS) {
            buf_append(out, rest);
            break;
        }
        if (at > 0 && rest.p[at - 1] == '$') {
            buf_append(out, view_first(rest, at - 1));
            buf_append_lit(out, "${");
            rest = view_skip(rest, at + 2);
            continue;
        }
        buf_append(out, view_first(rest, at));
        rest = view_skip(rest, at + 2);
        if (!expand_one(r, mark, &rest, out))
            return false;
        node->from_env = true;
    }
    if (!buf_ok(out))
        return fail(r, mark, "the value is too long with its variables filled in",
                    "64 KiB is the most");
    node->text = arena_dup(r->arena, buf_view(out));
    return true;
}

/* What config_show() could not print as one line is refused: control characters, the line breaks
 * of Unicode, what is no UTF-8 (the environment may hold anything). */
static bool check_characters(struct reader *r, struct view v, yaml_mark_t mark)
{
    bool good = utf8_valid(v);

    while (good && v.n) {
        uint32_t c = utf8_take(&v);
        if (r->foreign && (c == '\n' || c == '\r' || c == '\t'))
            continue;
        good = c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c != 0x2028 && c != 0x2029 && c != 0xfeff &&
               (c & 0xfffe) != 0xfffe;
    }
    return good || fail(r, mark, "a text holds a line break or a control character",
                        "write it on one line, in UTF-8");
}

/* Fills in a text; keys of maps are taken as they are. */
static bool read_text(struct reader *r, struct tree_node *node, const yaml_event_t *e, bool is_key)
{
    yaml_mark_t mark = e->start_mark;
    struct view v = view_of((const char *)e->data.scalar.value, e->data.scalar.length);
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (v.n > TREE_MAX_TEXT)
        return fail(r, mark, "the value is longer than 64 KiB", "no option needs so much");
    node->kind = TREE_TEXT;
    node->written = node->text = arena_dup(r->arena, v);
    if (plain && !is_key && (v.n == 0 || view_eq(v, VIEW("~")) || view_eq_nocase(v, VIEW("null"))))
        node->kind = TREE_NULL;
    if (!is_key && !r->foreign && view_find(v, VIEW("${")) != VIEW_NPOS) {
        struct buf out = BUF_MAX(TREE_MAX_TEXT);
        bool ok = expand_all(r, node, mark, &out);
        buf_done(&out);
        if (!ok)
            return false;
    }
    return check_characters(r, node->text, mark);
}

static bool check_twice(struct reader *r, const struct tree_node *map, const struct tree_node *key,
                        yaml_mark_t mark)
{
    char text[200];

    for (const struct tree_node *m = map->first; m; m = m->next)
        if (view_eq(m->key->text, key->text)) {
            snprintf(text, sizeof(text), "'%.*s' stands twice, first in line %u",
                     (int)(key->text.n < 60 ? key->text.n : 60), key->text.p, m->key->line);
            return fail(r, mark, text, "remove one of the two");
        }
    return true;
}

/* Hangs `node` where the reader stands: root, list item, key or value. */
static bool hang(struct reader *r, struct tree_node *node, yaml_mark_t mark)
{
    if (r->depth == 0) {
        r->root = node;
        return true;
    }
    struct level *level = &r->levels[r->depth - 1];
    if (level->node->kind == TREE_MAP) {
        if (!level->key) {
            if (node->kind != TREE_TEXT)
                return fail(r, mark, "a key must be a text", "quote it if it begins with { or [");
            level->key = node;
            return check_twice(r, level->node, node, mark);
        }
        node->key = level->key;
        level->key = NULL;
    }
    if (level->node->count == TREE_MAX_MEMBERS)
        return fail(r, mark, "more than 4096 entries in one list or map", "write fewer");
    level->node->count++;
    if (level->last)
        level->last->next = node;
    else
        level->node->first = node;
    level->last = node;
    return true;
}

static bool take_node(struct reader *r, const yaml_event_t *e)
{
    yaml_mark_t mark = e->start_mark;
    const unsigned char *anchor, *tag;
    struct tree_node *node = arena_new_of(r->arena, struct tree_node);

    if (!node) {
        error_set(r->err, ERROR_NO_MEMORY, "no memory to read %s", r->name);
        return error_hint(r->err, "write a smaller config");
    }
    if (++r->nodes > TREE_MAX_NODES)
        return fail(r, mark, "the file holds more than 65536 values", "write fewer");
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    if (e->type == YAML_SCALAR_EVENT) {
        const struct level *level = r->depth ? &r->levels[r->depth - 1] : NULL;
        bool is_key = level && level->node->kind == TREE_MAP && !level->key;
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        if (!read_text(r, node, e, is_key))
            return false;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        node->kind = TREE_MAP;
    } else {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        node->kind = TREE_LIST;
    }
    if (anchor || tag)
        return fail(r, mark, "YAML anchors (&) and tags (!) are not used here",
                    "write the value itself; quote a text that begins with & or !");
    if (!hang(r, node, mark))
        return false;
    if (e->type == YAML_SCALAR_EVENT)
        return true;
    if (r->depth == TREE_MAX_DEPTH)
        return fail(r, mark, "nested more than 16 deep", "no option stands that deep");
    r->levels[r->depth++] = (struct level){.node = node};
    return true;
}

static bool take_event(struct reader *r, const yaml_event_t *e)
{
    switch ((int)e->type) {
    case YAML_ALIAS_EVENT:
        return fail(r, e->start_mark, "YAML aliases (*name) are not used here",
                    "write the value itself; quote a text that begins with *: \"*\"");
    case YAML_SCALAR_EVENT:
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return take_node(r, e);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->depth--;
        return true;
    case YAML_DOCUMENT_START_EVENT:
        if (++r->documents > 1)
            return fail(r, e->start_mark, "a second document begins here",
                        "a config is one document: remove the line ---");
        return true;
    default:
        return true;
    }
}

static bool read_events(struct reader *r)
{
    bool more = true;

    while (more) {
        yaml_event_t e;
        if (!yaml_parser_parse(&r->parser, &e))
            return fail_syntax(r);
        more = e.type != YAML_STREAM_END_EVENT;
        bool ok = take_event(r, &e);
        yaml_event_delete(&e);
        if (!ok)
            return false;
    }
    return true;
}

static struct tree_node *read_tree(struct view text, const char *name, bool foreign,
                                   struct arena *a, struct error *err)
{
    struct reader r = {.text = text, .name = name, .foreign = foreign, .arena = a, .err = err};

    if (text.n > TREE_MAX_BYTES) {
        error_set(err, ERROR_BAD_CONFIG, "%s is larger than 1 MiB", name);
        error_hint(err, "check that it is a config");
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        error_set(err, ERROR_NO_MEMORY, "no memory to read %s", name);
        return NULL;
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
    bool ok = read_events(&r);
    yaml_parser_delete(&r.parser);
    if (!ok)
        return NULL;
    if (!r.root && (r.root = arena_new_of(a, struct tree_node)))
        r.root->line = r.root->column = 1;
    if (arena_failed(a)) {
        error_set(err, ERROR_NO_MEMORY, "%s needs too much memory", name);
        error_hint(err, "write a smaller config");
        return NULL;
    }
    return r.root;
}

struct tree_node *tree_read(struct view text, const char *name, struct arena *a, struct error *err)
{
    return read_tree(text, name, false, a, err);
}

struct tree_node *tree_read_foreign(struct view text, const char *name, struct arena *a,
                                    struct error *err)
{
    return read_tree(text, name, true, a, err);
}

const struct tree_node *tree_find(const struct tree_node *map, const char *key)
{
    if (!map || map->kind != TREE_MAP)
        return NULL;
    for (const struct tree_node *m = map->first; m; m = m->next)
        if (view_eq(m->key->text, view_str(key)))
            return m;
    return NULL;
}
