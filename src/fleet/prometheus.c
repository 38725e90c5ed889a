#include "fleet/prometheus.h"

#include <math.h>

/* A sample's name ends here: labels or blanks follow. */
static size_t name_end(struct view line)
{
    size_t i = 0;

    while (i < line.n && line.p[i] != '{' && line.p[i] != ' ' && line.p[i] != '\t')
        i++;
    return i;
}

/* The closing brace; one inside a quoted value is none. */
static size_t labels_end(struct view line)
{
    bool quoted = false;

    for (size_t i = 0; i < line.n; i++) {
        if (quoted && line.p[i] == '\\')
            i++;
        else if (line.p[i] == '"')
            quoted = !quoted;
        else if (line.p[i] == '}' && !quoted)
            return i;
    }
    return VIEW_NPOS;
}

static bool read_sample(struct view line, struct prometheus_sample *out)
{
    size_t n = name_end(line);
    struct prometheus_sample s = {.name = view_first(line, n)};

    line = view_skip(line, n);
    if (line.n && line.p[0] == '{') {
        line = view_skip(line, 1);
        size_t end = labels_end(line);
        if (end == VIEW_NPOS)
            return false;
        s.labels = view_first(line, end);
        line = view_skip(line, end + 1);
    }
    line = view_trim(line);
    struct view value = view_cut(&line, ' '); /* a timestamp may follow */
    if (n == 0 || !view_to_double(value, &s.value) || !isfinite(s.value))
        return false;
    *out = s;
    return true;
}

bool prometheus_next(struct view *text, struct prometheus_sample *ret_sample)
{
    while (text->n > 0) {
        struct view line = view_cut(text, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n && line.p[0] != '#' && read_sample(line, ret_sample))
            return true;
    }
    return false;
}
