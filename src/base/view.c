#include "base/view.h"

#include <stdlib.h>

size_t view_find(struct view v, struct view needle)
{
    if (needle.n == 0)
        return 0;
    if (needle.n > v.n)
        return VIEW_NPOS;
    const char *hit = memmem(v.p, v.n, needle.p, needle.n);
    return hit ? (size_t)(hit - v.p) : VIEW_NPOS;
}

size_t view_find_nocase(struct view v, struct view needle)
{
    for (size_t i = 0; i + needle.n <= v.n; i++)
        if (view_eq_nocase(view_of(v.p + i, needle.n), needle))
            return i;
    return VIEW_NPOS;
}

bool view_to_u64(struct view v, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (v.n == 0)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(v.p[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool view_to_double(struct view v, double *ret_value)
{
    char text[64];
    char *end;

    if (v.n == 0 || v.n >= sizeof(text))
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (!memchr("0123456789.-+eE", v.p[i], 15))
            return false;
    memcpy(text, v.p, v.n);
    text[v.n] = '\0';
    double value = strtod(text, &end);
    if (end != text + v.n)
        return false;
    *ret_value = value;
    return true;
}

bool view_matches_whole_glob(struct view v, struct view pattern)
{
    size_t vi = 0, pi = 0, star = VIEW_NPOS, resume = 0;

    while (vi < v.n) {
        if (pi < pattern.n && pattern.p[pi] == '*') {
            star = pi++;
            resume = vi;
        } else if (pi < pattern.n && pattern.p[pi] == v.p[vi]) {
            pi++;
            vi++;
        } else if (star != VIEW_NPOS) {
            pi = star + 1;
            vi = ++resume;
        } else {
            return false;
        }
    }
    while (pi < pattern.n && pattern.p[pi] == '*')
        pi++;
    return pi == pattern.n;
}
