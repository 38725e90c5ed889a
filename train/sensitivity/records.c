#include "records.h"

#include <stdio.h>
#include <stdlib.h>

void die(const char *what)
{
    perror(what);
    exit(1);
}

static void get(FILE *f, void *to, size_t n, const char *path)
{
    if (fread(to, 1, n, f) != n)
        die(path);
}

void records_read(struct records *records, const char *path)
{
    FILE *f = fopen(path, "rb");
    uint32_t sizes[2]; /* bytes of text, spans */
    if (!f)
        die(path);
    while (fread(sizes, 1, sizeof sizes, f) == sizeof sizes) {
        struct record r = {.n_spans = sizes[1]};
        char *text = malloc(sizes[0] + 1);
        r.spans = calloc(sizes[1] + 1, sizeof *r.spans);
        if (records->n % 1024 == 0)
            records->all = realloc(records->all, (records->n + 1024) * sizeof r);
        if (!text || !r.spans || !records->all)
            die(path);
        get(f, r.source, sizeof r.source, path);
        for (unsigned i = 0; i < r.n_spans; i++) {
            uint32_t span[3];
            get(f, span, sizeof span, path);
            r.spans[i] =
                (struct tagger_hint){.start = span[0], .end = span[1], .class = (uint8_t)span[2]};
        }
        get(f, text, sizes[0], path);
        r.text = view_of(text, sizes[0]);
        records->all[records->n++] = r;
    }
    fclose(f);
}
