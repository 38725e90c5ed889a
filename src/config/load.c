#include "config/load.h"

#include <stdarg.h>
#include <stdio.h>

bool load_place(struct load *l, const struct tree_node *at)
{
    return tree_place(at, l->name, l->err);
}

bool load_fail(struct load *l, const struct tree_node *at, const char *hint, const char *format,
               ...)
{
    char text[sizeof(l->err->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    error_set(l->err, ERROR_BAD_CONFIG, "%s", text);
    if (hint)
        error_hint(l->err, "%s", hint);
    return load_place(l, at);
}

void load_warn(struct load *l, const struct tree_node *at, const char *format, ...)
{
    va_list args;

    buf_printf(&l->warnings, "%s:%u:%u: ", l->name, at->line, at->column);
    va_start(args, format);
    buf_vprintf(&l->warnings, format, args);
    va_end(args);
    buf_append_char(&l->warnings, '\n');
}

const char *load_found(struct load *l, const struct tree_node *node)
{
    struct view text = node->from_env ? node->written : node->text;
    size_t n = text.n < 60 ? text.n : 60;

    switch (node->kind) {
    case TREE_NULL:
        return "empty";
    case TREE_LIST:
        return "a list";
    case TREE_MAP:
        return "a map";
    case TREE_TEXT:
        break;
    }
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--; /* not in the middle of a character */
    return arena_printf(l->scratch, "'%.*s%s'", (int)n, text.p, n < text.n ? "..." : "").p;
}

bool load_expect(struct load *l, const struct tree_node *node, enum tree_kind kind,
                 const char *what, const char *hint)
{
    if (node->kind == kind || node->kind == TREE_NULL)
        return true;
    const char *names[] = {"empty", "a text", "a list", "a map"};
    /* A text is not repeated: it may be a secret in the wrong place. */
    return load_fail(l, node, hint, "%s is %s, not %s", what, names[node->kind], names[kind]);
}

bool load_array(struct load *l, const struct tree_node *node, enum tree_kind kind, unsigned max,
                size_t size, const char *what, const char *hint, void **ret_array,
                unsigned *ret_count)
{
    if (!load_expect(l, node, kind, what, hint))
        return false;
    if (node->count > max)
        return load_fail(l, node, "write fewer", "%s has %u entries, the most is %u", what,
                         node->count, max);
    void *array = arena_alloc(l->config->arena, size * (node->count ? node->count : 1));
    if (!array)
        return load_fail(l, node, "write a smaller config", "the config needs too much memory");
    *ret_array = array;
    *ret_count = node->count;
    return true;
}

bool load_text(struct load *l, const struct tree_node *node, const char *what, const char *hint,
               struct view *ret_text)
{
    if (node->kind != TREE_TEXT || node->text.n == 0)
        return load_fail(l, node, hint, "%s is %s", what,
                         node->kind == TREE_TEXT ? "empty" : load_found(l, node));
    *ret_text = arena_dup(l->config->arena, node->text);
    return true;
}

bool load_secret(struct load *l, const struct tree_node *node, const char *what,
                 struct view *ret_secret)
{
    if (node->kind != TREE_TEXT || node->text.n == 0)
        return load_fail(l, node, "write it as text, best as ${NAME} from the environment",
                         "%s is %s", what, node->kind == TREE_TEXT ? "empty" : load_found(l, node));
    for (size_t i = 0; i < node->text.n; i++)
        if (node->text.p[i] <= ' ' || node->text.p[i] > '~')
            return load_fail(l, node, "only printable ASCII without blanks can be sent",
                             "%s holds a blank or a character beyond ASCII", what);
    if (node->text.n > 8192)
        return load_fail(l, node, "check that it is the key and not a file",
                         "%s is longer than 8192 characters", what);
    if (view_eq(node->text, VIEW("***")))
        return load_fail(l, node, "put the secret in again, best as ${NAME} from the environment",
                         "%s is ***, which weir config show prints instead of a secret", what);
    *ret_secret = arena_dup(l->config->arena, node->text);
    return true;
}

/* Whether a text is one ${NAME} and nothing else: then it may be shown as it was written. */
static bool is_one_variable(const struct tree_node *node)
{
    return node->from_env && view_starts(node->written, VIEW("${")) &&
           view_find_char(node->written, '}') == node->written.n - 1;
}

bool load_secret_shown(struct load *l, const struct tree_node *node, const char *what,
                       struct view *ret_secret, struct view *ret_shown)
{
    if (!load_secret(l, node, what, ret_secret))
        return false;
    *ret_shown = is_one_variable(node) ? arena_dup(l->config->arena, node->written) : VIEW("***");
    return true;
}
