/* The options of `perimeter:` and the modes of a rule. */
#include "config/options.h"
#include "config/values.h"

enum { MAX_OWN = 1024 };

static const char *const preset_names[] = {"hipaa", "gdpr", "pci", "secrets"};

#define PRESETS_HINT "write presets: [hipaa, gdpr, pci, secrets], or [] to look for nothing"
#define MODES_HINT   "write CLASS: allow, mask, split, local or block, one a line"

bool read_presets(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    uint32_t classes = 0;

    if (!load_expect(l, node, TREE_LIST, "perimeter.presets", PRESETS_HINT))
        return false;
    for (const struct tree_node *m = node->first; m; m = m->next) {
        uint32_t bits = m->kind == TREE_TEXT ? data_preset(m->text) : 0;
        if (!bits)
            return load_fail(l, m, PRESETS_HINT, "a preset is %s", load_found(l, m));
        classes |= bits;
    }
    if (!classes)
        load_warn(l, node, "no preset: nothing is looked for, so sensitive data may go outside");
    c->perimeter.classes = classes;
    return true;
}

void show_presets(const void *record, struct show *s)
{
    const struct config *c = record;
    const char *before = " [";

    show_key(s, VIEW("presets"));
    for (unsigned i = 0; i < sizeof(preset_names) / sizeof(preset_names[0]); i++) {
        uint32_t bits = data_preset(view_str(preset_names[i]));
        if ((c->perimeter.classes & bits) != bits)
            continue;
        buf_append(s->out, view_str(before));
        buf_append(s->out, view_str(preset_names[i]));
        before = ", ";
    }
    buf_append(s->out, view_eq(view_str(before), VIEW(" [")) ? VIEW(" []\n") : VIEW("]\n"));
}

static bool read_class(struct load *l, const struct tree_node *key, enum data_class *ret_class)
{
    if (data_class_from_name(key->text, ret_class))
        return true;
    return load_fail(l, key, "`weir scan --classes` lists them; DEFAULT stands for all others",
                     "there is no class of data %s", load_found(l, key));
}

/* DEFAULT counts for the classes that are not named, wherever it stands. */
static bool read_mode_map(struct load *l, const struct tree_node *node, const char *what,
                          uint8_t modes[DATA_CLASSES])
{
    uint8_t read[DATA_CLASSES];
    enum data_mode mode, others = DATA_LOCAL;
    enum data_class class;
    bool has_others = false;

    memset(read, CONFIG_MODE_UNSAID, sizeof(read));
    if (!load_expect(l, node, TREE_MAP, what, MODES_HINT))
        return false;
    for (const struct tree_node *m = node->first; m; m = m->next) {
        if (m->kind != TREE_TEXT || !data_mode_from_name(m->text, &mode))
            return load_fail(l, m, MODES_HINT, "a mode is %s", load_found(l, m));
        if (view_eq_nocase(m->key->text, VIEW("default"))) {
            others = mode;
            has_others = true;
        } else if (!read_class(l, m->key, &class)) {
            return false;
        } else {
            read[class] = (uint8_t)mode;
        }
    }
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (read[i] != CONFIG_MODE_UNSAID || has_others)
            modes[i] = read[i] != CONFIG_MODE_UNSAID ? read[i] : (uint8_t)others;
    return true;
}

static void show_mode_map(struct show *s, const char *key, const uint8_t modes[DATA_CLASSES])
{
    show_key(s, view_str(key));
    buf_append_char(s->out, '\n');
    s->indent += 2;
    for (unsigned i = 0; i < DATA_CLASSES; i++) {
        if (modes[i] == CONFIG_MODE_UNSAID)
            continue;
        show_key(s, view_str(data_class_name((enum data_class)i)));
        show_value(s, view_str(data_mode_name((enum data_mode)modes[i])));
    }
    s->indent -= 2;
}

bool read_modes(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    return read_mode_map(l, node, "perimeter.modes", c->perimeter.modes);
}

void show_modes(const void *record, struct show *s)
{
    const struct config *c = record;
    show_mode_map(s, "modes", c->perimeter.modes);
}

bool read_rule_sensitive(struct load *l, const struct tree_node *node, void *record)
{
    struct config_rule *rule = record;

    memset(rule->modes, CONFIG_MODE_UNSAID, sizeof(rule->modes));
    rule->sets_modes = true;
    return read_mode_map(l, node, "sensitive", rule->modes);
}

void show_rule_sensitive(const void *record, struct show *s)
{
    const struct config_rule *rule = record;

    if (rule->sets_modes)
        show_mode_map(s, "sensitive", rule->modes);
}

static bool read_own(struct load *l, const struct tree_node *node, const char *what,
                     const char *hint, struct view **ret_texts, unsigned *ret_n)
{
    void *texts;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_LIST, MAX_OWN, sizeof(struct view), what, hint, &texts, &n))
        return false;
    for (const struct tree_node *m = node->first; m; m = m->next, i++)
        if (!load_text(l, m, what, hint, &((struct view *)texts)[i]))
            return false;
    *ret_texts = texts;
    *ret_n = n;
    return true;
}

static void show_own(struct show *s, const char *key, const struct view *texts, unsigned n)
{
    if (n == 0)
        return;
    show_key(s, view_str(key));
    buf_append_char(s->out, '\n');
    s->indent += 4;
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 2; k < s->indent; k++)
            buf_append_char(s->out, ' ');
        buf_append_lit(s->out, "- ");
        show_text(s->out, texts[i]);
        buf_append_char(s->out, '\n');
    }
    s->indent -= 4;
}

bool read_own_words(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    return read_own(l, node, "perimeter.words", "write words: [Project Falcon, CONFIDENTIAL]",
                    &c->perimeter.words, &c->perimeter.n_words);
}

void show_own_words(const void *record, struct show *s)
{
    const struct config *c = record;
    show_own(s, "words", c->perimeter.words, c->perimeter.n_words);
}

bool read_own_patterns(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    return read_own(l, node, "perimeter.patterns", "write patterns: ['KD-[0-9]{6}']",
                    &c->perimeter.patterns, &c->perimeter.n_patterns);
}

void show_own_patterns(const void *record, struct show *s)
{
    const struct config *c = record;
    show_own(s, "patterns", c->perimeter.patterns, c->perimeter.n_patterns);
}

void perimeter_defaults(struct config_perimeter *p)
{
    for (unsigned i = 0; i < sizeof(preset_names) / sizeof(preset_names[0]); i++)
        p->classes |= data_preset(view_str(preset_names[i]));
    memset(p->modes, DATA_LOCAL, sizeof(p->modes));
}

bool perimeter_finish(struct load *l)
{
    struct config *c = l->config;

    if (c->perimeter.n_words || c->perimeter.n_patterns)
        c->perimeter.classes |= UINT32_C(1) << DATA_CONFIDENTIAL;
    if (c->perimeter.classes)
        c->perimeter.classes |= UINT32_C(1) << DATA_UNREADABLE;
    for (unsigned i = 0; i < c->policy.n_rules; i++) {
        struct config_rule *rule = &c->policy.rules[i];
        for (unsigned k = 0; rule->sets_modes && k < DATA_CLASSES; k++)
            if (rule->modes[k] == CONFIG_MODE_UNSAID)
                rule->modes[k] = c->perimeter.modes[k];
    }
    return true;
}
