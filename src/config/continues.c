/* Options that say yes, no, or nothing: whether a text is gone on with. */
#include "config/options.h"

static bool read_said(struct load *l, const struct tree_node *node, const char *what,
                      enum config_said *ret_said)
{
    struct view text;

    if (!load_text(l, node, what, "write true or false", &text))
        return false;
    if (!view_eq(text, VIEW("true")) && !view_eq(text, VIEW("false")))
        return load_fail(l, node, "write true or false", "%s is '%.*s'", what,
                         VIEW_ARG(view_first(text, 40)));
    *ret_said = view_eq(text, VIEW("true")) ? CONFIG_YES : CONFIG_NO;
    return true;
}

static void show_said(struct show *s, const char *key, enum config_said said)
{
    if (said == CONFIG_UNSAID)
        return;
    show_key(s, view_str(key));
    show_value(s, said == CONFIG_YES ? VIEW("true") : VIEW("false"));
}

bool read_backend_continues(struct load *l, const struct tree_node *node, void *record)
{
    struct config_backend *b = record;
    return read_said(l, node, "continues", &b->continues);
}

void show_backend_continues(const void *record, struct show *s)
{
    const struct config_backend *b = record;
    show_said(s, "continues", b->continues);
}

bool read_rule_continue(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;
    return read_said(l, node, "continue", &rule->continues);
}

void show_rule_continue(const void *record, struct show *s)
{
    const struct config_rule *rule = record;
    show_said(s, "continue", rule->continues);
}
