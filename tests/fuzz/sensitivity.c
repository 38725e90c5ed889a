/*
 * The scanner on any bytes, as a text and as a body: findings are in order, lie within the bytes
 * and within their string, and are the same each time. What begins with a line feed behind a first
 * line is scanned with that line as the organisation's pattern.
 */
#include "inspect/sensitivity.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check(struct view text, const struct findings *found)
{
    uint32_t last = 0, classes = 0;

    for (unsigned i = 0; i < found->n; i++) {
        const struct finding *f = &found->all[i];
        must(f->start >= last && f->start < f->end && f->end <= text.n);
        must(f->class < DATA_CLASSES && f->confidence >= 1 && f->confidence <= 100);
        must(found->counts[f->class] > 0);
        last = f->end;
        classes |= UINT32_C(1) << f->class;
        if (f->maskable) {
            must(f->string < found->n_strings && !found->strings[f->string].key);
            must(f->start >= found->strings[f->string].start &&
                 f->end <= found->strings[f->string].end);
        }
    }
    must((classes & ~found->classes) == 0);
}

static void scan(const struct sensitivity *s, struct view text, enum data_profile profile,
                 bool body)
{
    struct sensitivity_options options = {.profile = profile, .classes = UINT32_MAX};
    struct arena *a = arena_new(1 << 28), *b = arena_new(1 << 28);
    struct findings found, again;
    struct error err;

    must(a && b);
    bool ok = body ? sensitivity_scan_body(s, text, &options, a, &found, &err)
                   : sensitivity_scan_text(s, text, &options, a, &found, &err);
    must(ok || body);
    if (ok) {
        check(text, &found);
        must(body ? sensitivity_scan_body(s, text, &options, b, &again, &err)
                  : sensitivity_scan_text(s, text, &options, b, &again, &err));
        must(found.n == again.n && found.classes == again.classes &&
             found.n_strings == again.n_strings);
    }
    arena_free(a);
    arena_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sensitivity *plain;
    struct view text = view_of((const char *)data, size), pattern;
    struct error err;

    if (!plain)
        must((plain = sensitivity_new(NULL, &err)) != NULL);
    scan(plain, text, DATA_BALANCED, false);
    scan(plain, text, DATA_STRICT, true);
    pattern = view_cut(&text, '\n');
    struct sensitivity_own own = {.patterns = &pattern, .n_patterns = 1};
    struct sensitivity *s = text.n ? sensitivity_new(&own, &err) : NULL;
    if (s)
        scan(s, text, DATA_BALANCED, false);
    sensitivity_free(s);
    return 0;
}
