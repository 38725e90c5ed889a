/* Who may call, under which names, and where: loops, keys, aliases. */
#include "config/options.h"
#include "config/values.h"

#include <openssl/evp.h>

enum { MAX_LOOPS = 64, MAX_KEYS = 4096, MAX_ALIASES = 1024, TOKEN_SHORT = 16 };

bool read_loops(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    uint64_t loops = 0;

    if (node->kind == TREE_TEXT && view_eq(node->text, VIEW("auto"))) {
        c->loops = 0;
        return true;
    }
    if (node->kind != TREE_TEXT || !view_to_u64(node->text, &loops) || loops == 0 ||
        loops > MAX_LOOPS)
        return load_fail(l, node, "write auto or a number from 1 to 64", "loops is %s",
                         load_found(l, node));
    c->loops = (unsigned)loops;
    return true;
}

void show_loops(const void *record, struct show *s)
{
    const struct config *c = record;

    show_key(s, VIEW("loops"));
    if (c->loops)
        buf_printf(s->out, " %u\n", c->loops);
    else
        buf_append_lit(s->out, " auto\n");
}

static bool read_hex(struct view text, unsigned char *ret_bytes, size_t n)
{
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = ascii_hex(text.p[2 * i]), low = ascii_hex(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_token(struct load *l, const struct tree_node *node, struct config_key *key)
{
    struct view prefix = VIEW("sha256:"), token;

    if (!load_secret(l, node, "the token", &token))
        return false;
    if (view_eq_nocase(view_first(token, prefix.n), prefix)) {
        if (!read_hex(view_skip(token, prefix.n), key->sha256, sizeof(key->sha256)))
            return load_fail(l, node, "make it with: printf %s TOKEN | sha256sum",
                             "behind sha256: there must be 64 hexadecimal digits");
        return true;
    }
    if (token.n < TOKEN_SHORT)
        load_warn(l, node,
                  "the token of key '%.*s' is shorter than 16 characters: it can be "
                  "guessed",
                  VIEW_ARG(key->name));
    if (EVP_Digest(token.p, token.n, key->sha256, NULL, EVP_sha256(), NULL) != 1)
        return load_fail(l, node, "check the installation of OpenSSL",
                         "SHA-256 is not available from OpenSSL");
    return true;
}

static bool key_name_is_good(struct view v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = ascii_lower(v.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("_.-@", c, 4)))
            return false;
    }
    return v.n > 0 && v.n <= 64;
}

bool read_keys(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    void *keys;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_MAP, MAX_KEYS, sizeof(struct config_key), "keys",
                    "write name: token, one a line", &keys, &n))
        return false;
    c->keys = keys;
    for (const struct tree_node *m = node->first; m; m = m->next, i++) {
        if (!key_name_is_good(m->key->text))
            return load_fail(l, m->key, "use letters, digits and _ . - @, 64 at the most",
                             "a key cannot have this name");
        c->keys[i].name = arena_dup(c->arena, m->key->text);
        if (!read_token(l, m, &c->keys[i]))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (memcmp(c->keys[k].sha256, c->keys[i].sha256, sizeof(c->keys[k].sha256)) == 0)
                return load_fail(l, m, "give each key a token of its own",
                                 "the keys '%.*s' and '%.*s' have the same token",
                                 VIEW_ARG(c->keys[k].name), VIEW_ARG(c->keys[i].name));
    }
    c->n_keys = n;
    return true;
}

/* Tokens are not kept, so their digests are shown; they load as well. */
void show_keys(const void *record, struct show *s)
{
    const struct config *c = record;

    if (c->n_keys == 0)
        return;
    show_key(s, VIEW("keys"));
    buf_append_char(s->out, '\n');
    s->indent += 2;
    for (unsigned i = 0; i < c->n_keys; i++) {
        show_key(s, c->keys[i].name);
        buf_append_lit(s->out, " sha256:");
        for (size_t k = 0; k < sizeof(c->keys[i].sha256); k++)
            buf_printf(s->out, "%02x", c->keys[i].sha256[k]);
        buf_append_char(s->out, '\n');
    }
    s->indent -= 2;
}

static bool target_is_good(struct view target)
{
    if (view_starts(target, VIEW("inside/")))
        target = view_skip(target, 7);
    else if (view_starts(target, VIEW("outside/")))
        target = view_skip(target, 8);
    return target.n > 0 && view_find_char(target, '*') == VIEW_NPOS &&
           view_find_char(target, ' ') == VIEW_NPOS;
}

bool read_aliases(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    const char *hint = "a target is auto, inside/MODEL, outside/MODEL or a model";
    void *aliases;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_MAP, MAX_ALIASES, sizeof(struct config_alias), "aliases",
                    "write pattern: target, one a line", &aliases, &n))
        return false;
    c->aliases = aliases;
    for (const struct tree_node *m = node->first; m; m = m->next, i++) {
        struct view pattern = m->key->text;
        if (pattern.n == 0 || view_eq(pattern, VIEW("auto")) ||
            view_starts(pattern, VIEW("inside/")) || view_starts(pattern, VIEW("outside/")))
            return load_fail(l, m->key, "choose another name for the alias",
                             "auto, inside/... and outside/... mean something already");
        c->aliases[i].pattern = arena_dup(c->arena, pattern);
        if (!load_text(l, m, "the target of an alias", hint, &c->aliases[i].target))
            return false;
        if (!target_is_good(m->text))
            return load_fail(l, m, hint, "an alias cannot point to %s", load_found(l, m));
    }
    c->n_aliases = n;
    return true;
}

void show_aliases(const void *record, struct show *s)
{
    const struct config *c = record;

    if (c->n_aliases == 0)
        return;
    show_key(s, VIEW("aliases"));
    buf_append_char(s->out, '\n');
    s->indent += 2;
    for (unsigned i = 0; i < c->n_aliases; i++) {
        show_key(s, c->aliases[i].pattern);
        show_value(s, c->aliases[i].target);
    }
    s->indent -= 2;
}

/* An alias is looked up once; one that names another would not arrive where it seems to. */
static bool check_chains(struct load *l)
{
    const struct tree_node *aliases = tree_find(l->root, "aliases");

    for (const struct tree_node *m = aliases ? aliases->first : NULL; m; m = m->next)
        for (const struct tree_node *other = aliases->first; other; other = other->next)
            if (view_eq(m->text, other->key->text)) {
                load_fail(l, m, NULL, "the alias points to %s in line %u",
                          m == other ? "itself" : "the alias", other->key->line);
                return error_hint(l->err, "aliases are followed once: write the model itself");
            }
    return true;
}

bool access_finish(struct load *l)
{
    const struct config *c = l->config;
    const struct tree_node *listen = tree_find(l->root, "listen");
    const struct tree_node *admin = tree_find(l->root, "admin");

    if (listen && !c->listen.loopback && c->n_keys == 0) {
        if (!c->insecure)
            return load_fail(
                l, listen, "add keys:, or listen on 127.0.0.1; insecure: true allows it anyway",
                "listen is reachable from outside this machine, and there are no keys");
        load_warn(l, listen, "listen is reachable from outside this machine without a key");
    }
    if (admin && !c->admin.loopback) {
        if (!c->insecure)
            return load_fail(l, admin,
                             "write a loopback address like 127.0.0.1:8485; insecure: true allows "
                             "it anyway",
                             "admin is reachable from outside this machine");
        load_warn(l, admin, "admin is reachable from outside this machine");
    }
    if (c->listen.port == c->admin.port && view_eq_nocase(c->listen.host, c->admin.host))
        return load_fail(l, admin ? admin : listen, "give admin a port of its own",
                         "listen and admin are the same address");
    return check_chains(l);
}
