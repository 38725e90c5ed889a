/* Credentials on a command line: "-u NAME -p PASSWORD", "-u NAME:PASSWORD". */
#include "inspect/detect.h"
#include "inspect/random.h"

static uint32_t argument_end(const char *p, uint32_t at)
{
    while ((unsigned char)p[at] > ' ' && p[at] != '"' && p[at] != '\'')
        at++;
    return at;
}

/* Where the argument of the option at `at` begins, when `letter` is its name; or 0. */
static uint32_t argument(const char *p, uint32_t at, char letter)
{
    uint32_t next = at + 2;

    if (p[at] != '-' || p[at + 1] != letter || p[(int64_t)at - 1] != ' ')
        return 0;
    while (p[next] == ' ' || p[next] == '"' || p[next] == '\'')
        next++;
    return next > at + 2 || letter == 'p' ? next : 0;
}

/* The password that belongs to a user, further on in the line; false: there is none. */
static bool password_after(struct scan *s, uint32_t from)
{
    const char *p = s->doc.p;

    for (uint32_t at = from; p[at] && p[at] != '\n' && at - from < 80; at++) {
        uint32_t value = argument(p, at, 'p');
        if (!value)
            continue;
        uint32_t end = argument_end(p, value);
        if (end - value < 4 || random_is_placeholder(view_of(p + value, end - value)))
            return false;
        scan_hit(s, value, end, DATA_PASSWORD, FINDING_CUE, 80, NULL);
        return true;
    }
    return false;
}

static void user(struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t end = argument_end(p, at);
    struct view v = view_of(p + at, end - at);
    size_t colon = view_find_char(v, ':');

    if (v.n < 3 || random_is_placeholder(v) || !is_alpha(v.p[0]))
        return;
    if (colon == VIEW_NPOS) {
        if (password_after(s, end))
            scan_hit(s, at, end, DATA_USERNAME, FINDING_CUE, 75, NULL);
    } else if (v.n - colon > 4) {
        scan_hit(s, at, at + (uint32_t)colon, DATA_USERNAME, FINDING_CUE, 80, NULL);
        scan_hit(s, at + (uint32_t)colon + 1, end, DATA_PASSWORD, FINDING_CUE, 85, NULL);
    }
}

/* Whether the line up to `at` names the tool. */
static bool is_of_tool(const struct scan *s, uint32_t at, struct view tool)
{
    uint32_t from = at;

    while (from > 0 && at - from < 80 && s->doc.p[from - 1] != '\n')
        from--;
    return view_find(view_of(s->doc.p + from, at - from), tool) != VIEW_NPOS;
}

/* Tools whose password is an argument of its own: "redis-cli -a WORD", "sshpass -p WORD". */
static void tool(struct scan *s, uint32_t at, char letter, struct view name)
{
    const char *p = s->doc.p;
    uint32_t value = argument(p, at, letter), end = value ? argument_end(p, value) : 0;

    if (end > value + 3 && !random_is_placeholder(view_of(p + value, end - value)) &&
        is_of_tool(s, at, name))
        scan_hit(s, value, end, DATA_PASSWORD, FINDING_CUE, 80, NULL);
}

void detect_shell(struct scan *s)
{
    const char *p = s->doc.p;

    for (uint32_t at = 0; at < s->doc.n && !s->failed; at++) {
        const char *hit = memchr(p + at, '-', s->doc.n - at);
        if (!hit)
            return;
        at = (uint32_t)(hit - p);
        uint32_t value = argument(p, at, 'u');
        if (value)
            user(s, value);
        tool(s, at, 'a', VIEW("redis-cli"));
        tool(s, at, 'p', VIEW("sshpass"));
    }
}
