#include "inspect/random.h"

#include <math.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    char low = ascii_lower(c);
    return low >= 'a' && low <= 'z';
}

bool random_is_placeholder(struct view v)
{
    static const struct view parts[] = {
        VIEW_LIT("your"),        VIEW_LIT("xxx"),       VIEW_LIT("changeme"),
        VIEW_LIT("change_me"),   VIEW_LIT("replace"),   VIEW_LIT("example"),
        VIEW_LIT("placeholder"), VIEW_LIT("dummy"),     VIEW_LIT("insert"),
        VIEW_LIT("redacted"),    VIEW_LIT("****"),      VIEW_LIT("todo"),
        VIEW_LIT("...."),        VIEW_LIT("abcdefgh"),  VIEW_LIT("12345678"),
        VIEW_LIT("secret_here"), VIEW_LIT("my-secret"), VIEW_LIT("my_secret"),
        VIEW_LIT("sample"),      VIEW_LIT("fake"),
    };
    static const struct view wholes[] = {
        VIEW_LIT("none"),   VIEW_LIT("null"),   VIEW_LIT("true"),     VIEW_LIT("false"),
        VIEW_LIT("test"),   VIEW_LIT("secret"), VIEW_LIT("password"), VIEW_LIT("token"),
        VIEW_LIT("string"), VIEW_LIT("foo"),    VIEW_LIT("bar"),      VIEW_LIT("undefined"),
        VIEW_LIT("hidden"), VIEW_LIT("masked"), VIEW_LIT("key"),      VIEW_LIT("nil"),
    };
    if (v.n == 0 || strchr("<{$%[(*", v.p[0]))
        return true;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (view_find_nocase(v, parts[i]) != VIEW_NPOS)
            return true;
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++)
        if (view_eq_nocase(v, wholes[i]))
            return true;
    for (size_t i = 1; i < v.n; i++)
        if (v.p[i] != v.p[0])
            return false;
    return true;
}

double random_entropy(struct view v)
{
    unsigned counts[256] = {0};
    double bits = 0;

    for (size_t i = 0; i < v.n; i++)
        counts[(unsigned char)v.p[i]]++;
    for (unsigned i = 0; i < 256; i++)
        if (counts[i])
            bits -= counts[i] * log2((double)counts[i] / (double)v.n);
    return v.n ? bits / (double)v.n : 0;
}

/* How often the class of characters changes: words change seldom, drawn strings all the time. */
static unsigned changes(struct view v)
{
    unsigned n = 0;
    int last = -1;

    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        int class = is_digit(c) ? 0 : c >= 'a' && c <= 'z' ? 1 : c >= 'A' && c <= 'Z' ? 2 : 3;
        n += class != last;
        last = class;
    }
    return n;
}

bool random_is_secret(struct view v)
{
    unsigned digits = 0, letters = 0;

    if (v.n < 16)
        return false;
    v = view_first(v, 256);
    for (size_t i = 0; i < v.n; i++) {
        digits += is_digit(v.p[i]);
        letters += is_letter(v.p[i]);
    }
    return letters >= 4 && (digits >= 2 || changes(v) * 5 > v.n * 2) && changes(v) * 5 >= v.n &&
           random_entropy(v) >= 3.0;
}

bool random_is_uuid(struct view v)
{
    if (v.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char low = ascii_lower(v.p[i]);
        if (dash ? v.p[i] != '-' : !is_digit(low) && !(low >= 'a' && low <= 'f'))
            return false;
    }
    return true;
}

bool random_is_hash(struct view v)
{
    if (v.n != 32 && v.n != 40 && v.n != 64 && v.n != 96 && v.n != 128)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char low = ascii_lower(v.p[i]);
        if (!is_digit(low) && !(low >= 'a' && low <= 'f'))
            return false;
    }
    return true;
}
