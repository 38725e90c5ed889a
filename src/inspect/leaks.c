#include "inspect/leaks.h"

#include "inspect/forms.h"
#include "inspect/mask_map.h"

enum {
    MAX_FOLDED = 48, /* of a value: a longer one is known by its beginning */
    MIN_FOLDED = 2,
    MIN_BASE64 = 6,       /* shorter ones stand in any text by chance */
    LONG_WITH_DIGITS = 8, /* from here on a value counts within a word too */
    LONG_OF_LETTERS = 16, /* fits the bits of `capitals` and `gaps` */
    SHORT_WORD = 6,       /* up to here a name may be an everyday word */
};

/* A value in its compared form. */
struct folded {
    char bytes[MAX_FOLDED];
    size_t n;
    struct leak_rule rule;
};

static struct folded fold_value(struct view value, bool verbatim)
{
    struct fold f = {.rest = value, .verbatim = verbatim};
    struct folded out = {.n = 0};
    bool digits = false, other = false, parted = false;

    for (int byte; out.n < MAX_FOLDED && (byte = fold_next(&f)) >= 0; out.n++) {
        out.bytes[out.n] = (char)byte;
        parted |= out.n > 0 && f.gap > 0;
        digits |= f.kind == FOLD_DIGIT;
        other |= f.kind == FOLD_OTHER;
        out.rule.capitals = (uint16_t)(out.rule.capitals << 1 | f.capital);
    }
    out.rule.n = (uint8_t)out.n;
    out.rule.borders = out.n < (size_t)(digits ? LONG_WITH_DIGITS : LONG_OF_LETTERS);
    out.rule.exact = out.n <= SHORT_WORD && !digits && !other && !parted;
    return out;
}

static void add_folded(struct leaks *l, const struct folded *f, uint32_t *n_rules)
{
    if (f->n < MIN_FOLDED)
        return;
    uint32_t id = needles_add(&l->folded, view_of(f->bytes, f->n), *n_rules + 1);
    struct leak_rule *rule = &l->rules[id - 1];
    if (id == *n_rules + 1) {
        *rule = f->rule;
        ++*n_rules;
        return;
    }
    /* Two values of the same letters: what one is seen by, both are. */
    rule->exact = rule->exact && f->rule.exact && rule->capitals == f->rule.capitals;
    rule->borders = rule->borders && f->rule.borders;
}

static char sextet(struct view bytes, size_t at)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t byte = at * 6 / 8, shift = at * 6 % 8;
    unsigned high = (unsigned char)bytes.p[byte];
    unsigned low = byte + 1 < bytes.n ? (unsigned char)bytes.p[byte + 1] : 0;

    return digits[(high << 8 | low) >> (10 - shift) & 63];
}

/* As it stands within a longer text: the digits that hold nothing but the value's own bits. */
static void add_base64(struct leaks *l, struct view value)
{
    char padded[2 + MAX_FOLDED], out[(2 + MAX_FOLDED) * 8 / 6];
    struct view kept = view_first(value, MAX_FOLDED);

    for (size_t before = 0; before < 3; before++) {
        size_t n = 0, total = (before + kept.n) * 8 / 6;
        memset(padded, 0, before);
        if (kept.n)
            memcpy(padded + before, kept.p, kept.n);
        for (size_t at = (before * 8 + 5) / 6; at < total; at++)
            out[n++] = sextet(view_of(padded, before + kept.n), at);
        if (n >= MIN_BASE64)
            needles_add(&l->base64, view_of(out, n), 1);
    }
    explicit_bzero(padded, sizeof(padded));
}

static void add_value(struct leaks *l, struct view value, bool spelled, uint32_t *n_rules)
{
    struct folded f = fold_value(value, false);

    /* An everyday word counts as it is spelled, and the normalised form has no capitals. */
    if (spelled || !f.rule.exact)
        add_folded(l, &f, n_rules);
    f = fold_value(value, true);
    if (spelled || !f.rule.exact)
        add_folded(l, &f, n_rules);
    add_base64(l, value);
    explicit_bzero(&f, sizeof(f));
}

bool leaks_init(struct leaks *l, struct mask_map *m)
{
    size_t bytes = 0;
    uint32_t n_rules = 0;

    for (unsigned i = 0; i < m->n; i++)
        bytes += (view_first(m->entries[i].spelling, MAX_FOLDED).n +
                  view_first(m->entries[i].value, MAX_FOLDED).n);
    /* Folded in two ways, at most as long each time; encoded in three, a third longer. */
    size_t folded = bytes * 2 + 1, encoded = bytes * 4 + (size_t)m->n * 2 * 9 + 1;
    struct needle_node *nodes =
        mask_secret_alloc(m, (folded + encoded) * sizeof(struct needle_node));
    struct leak_rule *rules = arena_new_array(m->a, struct leak_rule, (size_t)m->n * 4 + 1);
    if (!nodes || !rules || folded + encoded > UINT32_MAX)
        return false;
    l->rules = rules;
    needles_init(&l->folded, nodes, (uint32_t)folded);
    needles_init(&l->base64, nodes + folded, (uint32_t)encoded);
    for (unsigned i = 0; i < m->n; i++) {
        add_value(l, m->entries[i].spelling, true, &n_rules);
        if (!view_eq(m->entries[i].value, m->entries[i].spelling))
            add_value(l, m->entries[i].value, false, &n_rules);
    }
    needles_ready(&l->folded);
    needles_ready(&l->base64);
    return true;
}

/* ---- the look -------------------------------------------------------------------------------- */

/* What was read so far, a bit for each of the last bytes, the last one lowest. */
struct trail {
    uint32_t node, capitals, borders;
    enum fold_kind kind;
    bool awaits_border; /* a value ended here, if a word does */
};

/* Whether the strings that end here count already. */
static bool ends_here(const struct leaks *l, struct trail *t)
{
    const struct needle_node *nodes = l->folded.nodes;
    uint32_t node = nodes[t->node].id ? t->node : nodes[t->node].shorter;

    for (; node; node = nodes[node].shorter) {
        const struct leak_rule *rule = &l->rules[nodes[node].id - 1];
        if (!rule->borders)
            return true;
        uint32_t all = (UINT32_C(1) << rule->n) - 1, capitals = t->capitals & all;
        if (rule->exact && capitals != rule->capitals && capitals != all)
            continue;
        if (t->borders >> (rule->n - 1) & 1)
            t->awaits_border = true;
    }
    return false;
}

static bool find_folded(const struct leaks *l, struct view bytes)
{
    struct fold f = {.rest = bytes, .passes_placeholders = true};
    struct trail t = {.borders = 0, .kind = FOLD_OTHER};
    int byte;

    while ((byte = fold_next(&f)) >= 0) {
        /* Between bytes that are not ASCII there may be a border anywhere. */
        bool border = f.gap || f.kind != t.kind || f.kind == FOLD_OTHER;
        if (t.awaits_border && border)
            return true;
        t.awaits_border = false;
        t.borders = t.borders << 1 | border;
        t.capitals = t.capitals << 1 | f.capital;
        t.kind = f.kind;
        t.node = needles_step(&l->folded, f.gap >= FOLD_MAX_GAP ? 0 : t.node, (unsigned char)byte);
        if (t.node && ends_here(l, &t))
            return true;
    }
    return t.awaits_border;
}

enum { SKIPPED = 1, ENCODED, OTHER = 0 }; /* beside the digits themselves */

static const unsigned char base64_kinds[256] = {
    ['A' ... 'Z'] = 'A', ['a' ... 'z'] = 'a', ['0' ... '9'] = '0', ['+'] = '+',
    ['/'] = '/',         ['-'] = '+',         ['_'] = '/',         ['\r'] = SKIPPED,
    ['\n'] = SKIPPED,    ['\\'] = ENCODED,    ['%'] = ENCODED,
};

/* Behind a backslash or a percent sign: the digit, SKIPPED (a line's end counts for nothing, and \/
 * is a digit behind a backslash) or OTHER. */
static unsigned char take_encoded(struct view *rest, char sign)
{
    if (sign == '\\') {
        bool line = rest->n && (*rest->p == 'n' || *rest->p == 'r');
        *rest = view_skip(*rest, line);
        return SKIPPED;
    }
    if (rest->n < 2 || rest->p[0] != '2')
        return OTHER;
    char second = ascii_lower(rest->p[1]);
    *rest = view_skip(*rest, 2);
    return second == 'b' ? '+' : second == 'f' ? '/' : OTHER;
}

static bool find_base64(const struct leaks *l, struct view bytes)
{
    uint32_t node = 0;

    while (bytes.n) {
        char c = *bytes.p;
        unsigned char kind = base64_kinds[(unsigned char)c];
        bytes = view_skip(bytes, 1);
        if (kind == ENCODED)
            kind = take_encoded(&bytes, c);
        if (kind == OTHER)
            node = 0;
        if (kind <= SKIPPED)
            continue;
        bool itself = kind != '+' && kind != '/';
        node = needles_step(&l->base64, node, itself ? (unsigned char)c : kind);
        if (node && (l->base64.nodes[node].id || l->base64.nodes[node].shorter))
            return true;
    }
    return false;
}

bool leaks_find(const struct leaks *l, struct view bytes)
{
    return find_folded(l, bytes) || find_base64(l, bytes);
}
