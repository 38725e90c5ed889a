/* Values of a LiteLLM config: numbers, references to the environment, secrets, hosts. */
#include "config/import_parts.h"
#include "config/values.h"

#include <arpa/inet.h>

bool import_usable(struct view text)
{
    if (text.n == 0 || text.n > IMPORT_MAX_NAME)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ')
            return false;
    return true;
}

bool import_model_name_is_good(struct view name)
{
    return import_usable(name) && view_find_char(name, '*') == VIEW_NPOS &&
           view_find_char(name, ' ') == VIEW_NPOS && !view_eq(name, VIEW("auto"));
}

/* "e-07" behind the digits; the whole rest. */
static bool read_exponent(struct view text, int *ret_exponent)
{
    bool minus = text.n > 1 && text.p[1] == '-';
    uint64_t value;

    text = view_skip(text, text.n > 1 && (text.p[1] == '-' || text.p[1] == '+') ? 2 : 1);
    if (!view_to_u64(text, &value) || value > 400)
        return false;
    *ret_exponent = minus ? -(int)value : (int)value;
    return true;
}

bool import_decimal(struct view text, int scale, int64_t *ret_value)
{
    int64_t value = 0;
    int exponent = 0;
    bool point = false, digit = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if ((c == 'e' || c == 'E') && digit) {
            if (!read_exponent(view_skip(text, i), &exponent))
                return false;
            break;
        }
        if (c < '0' || c > '9' || i > 60 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (int64_t)(c - '0'), &value))
            return false;
        digit = true;
        scale -= point;
    }
    if (!digit)
        return false;
    for (exponent += scale; value != 0 && exponent > 0; exponent--)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    for (; value != 0 && exponent < 0; exponent++) {
        if (value % 10 != 0)
            return false;
        value /= 10;
    }
    *ret_value = value;
    return true;
}

int64_t import_seconds(struct import *im, const struct tree_node *node)
{
    int64_t ms;

    if (!node || node->kind == TREE_NULL)
        return 0;
    if (node->kind == TREE_TEXT && import_decimal(node->text, 3, &ms) && ms >= 1 &&
        ms <= INT64_C(24) * 3600 * 1000)
        return ms;
    import_note(im, node, import_clean(im, node->key->text),
                "is no number of seconds from 0.001 to 86400");
    return 0;
}

static bool variable_name_is_good(struct view name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return name.n > 0 && name.n < 100;
}

bool import_is_variable(struct view text, struct view *ret_name)
{
    struct view prefix = VIEW("os.environ/");
    struct view name = view_skip(text, prefix.n);

    if (!view_starts(text, prefix) || !variable_name_is_good(name))
        return false;
    *ret_name = name;
    return true;
}

struct view import_variable(struct import *im, struct view name)
{
    unsigned i = 0;

    while (i < im->n_variables && !view_eq(im->variables[i].name, name))
        i++;
    if (i == im->n_variables) {
        if (i == IMPORT_MAX_VARIABLES)
            return VIEW("");
        im->variables[im->n_variables++].name = arena_dup(im->arena, name);
    }
    return arena_printf(im->arena, "${%.*s}", VIEW_ARG(name));
}

/* The same secret in several places becomes one variable. */
static struct view variable_of_secret(struct import *im, struct view secret)
{
    for (unsigned i = 0; i < im->n_variables; i++)
        if (view_eq(im->variables[i].secret, secret))
            return arena_printf(im->arena, "${%.*s}", VIEW_ARG(im->variables[i].name));
    unsigned before = im->n_variables;
    struct view written;
    do /* until the name is a new one */
        written =
            import_variable(im, arena_printf(im->arena, "WEIR_IMPORTED_KEY_%u", ++im->n_secrets));
    while (written.n && im->n_variables == before);
    if (written.n)
        im->variables[before].secret = secret;
    return written;
}

/* What people write where an engine asks for no key but the client library does. */
static bool is_no_key(struct view text)
{
    static const char *const words[] = {"none",       "empty",
                                        "null",       "dummy",
                                        "fake",       "na",
                                        "not-needed", "not_needed",
                                        "no-key",     "anything",
                                        "ollama",     "fake-key",
                                        "dummy-key",  "sk-no-key-required"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (view_eq_nocase(text, view_str(words[i])))
            return true;
    return text.n == 0;
}

struct view import_secret(struct import *im, const struct tree_node *node, bool own_engine)
{
    struct view what, name, written;

    if (!node || node->kind == TREE_NULL)
        return VIEW("");
    what = import_clean(im, node->key->text);
    if (node->kind != TREE_TEXT) {
        import_note(im, node, what, "is a list or a map, not a text");
        return VIEW("");
    }
    if (node->text.n == 0 || (own_engine && is_no_key(node->text)))
        return VIEW("");
    if (import_is_variable(node->text, &name)) {
        written = import_variable(im, name);
    } else {
        written = variable_of_secret(im, node->text);
        if (written.n)
            import_notef(im, node,
                         "a secret that stands in the file is not copied: export it under this "
                         "name",
                         "%.*s, now %.*s", VIEW_ARG(what), VIEW_ARG(written));
    }
    if (!written.n)
        import_note(im, node, what, "there are more than 1000 variables");
    return written;
}

static bool v4_is_private(uint32_t ip)
{
    return ip >> 24 == 10 || ip >> 24 == 127 || ip >> 20 == (172 << 4 | 1) ||
           ip >> 16 == (192 << 8 | 168) || ip >> 16 == (169 << 8 | 254) ||
           ip >> 22 == (100 << 2 | 1) || ip == 0;
}

bool import_host_is_private(struct view host)
{
    static const char *const ends[] = {".local", ".internal", ".lan",  ".svc",
                                       ".home",  ".intranet", ".corp", ".localhost"};
    char text[INET6_ADDRSTRLEN + 1];
    struct in_addr v4;
    struct in6_addr v6;

    if (value_is_loopback(host))
        return true;
    if (host.n < sizeof(text)) {
        memcpy(text, host.p, host.n);
        text[host.n] = '\0';
        if (inet_pton(AF_INET, text, &v4) == 1)
            return v4_is_private(ntohl(v4.s_addr));
        if (inet_pton(AF_INET6, text, &v6) == 1)
            return (v6.s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(&v6);
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (view_eq_nocase(view_last(host, strlen(ends[i])), view_str(ends[i])))
            return true;
    return view_find_char(host, '.') == VIEW_NPOS; /* a name of this network or of a cluster */
}
