/* What the tagger costs a text: prose with names and addresses, plain prose, and a log. */
#include "base/clock.h"
#include "inspect/tagger.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const notes[] = {
    "Mrs Ellen Novak (born 4 May 1961) was admitted on 2 June with pneumonia and moved to ward 3. ",
    "Please send the parcel to Tomas Lindqvist, 18 Harbour Street, Flat 4, Leeds LS1 4AP today. ",
    "Her manager, Dr. Priya Raman, earns $142,000 and asked for a copy of the contract. ",
    "The invoice of last week is still open; can you check it and write a short answer? ",
};
static const char *const prose[] = {
    "the harbour was quiet and the boats lay still while the wind moved over the water. ",
    "please keep the answer short and friendly, and say which of the options costs less. ",
    "a cache that is never cleared grows until the machine has no memory left for others. ",
};
static const char *const lines[] = {
    "2026-03-04T10:11:12Z INFO worker[412]: job 58213 finished in 97 ms, rows=1505\n",
    "2026-03-04T10:11:13Z WARN pool: 14 of 16 connections busy, queue=3, p99=41.7\n",
};

static struct arena *arena;

static char *fill(const char *const *parts, unsigned n, size_t bytes)
{
    char *text = malloc(bytes + 1);
    if (!text)
        exit(1);
    size_t at = 0;
    for (unsigned i = 0; at < bytes; i++) {
        size_t part = strlen(parts[i % n]);
        part = part < bytes - at ? part : bytes - at;
        memcpy(text + at, parts[i % n], part);
        at += part;
    }
    text[bytes] = '\0';
    return text;
}

static double measure(const char *name, const char *const *parts, unsigned n, size_t bytes)
{
    char *text = fill(parts, n, bytes);
    int64_t best = INT64_MAX;
    unsigned found = 0, loops = (unsigned)(4000000 / bytes + 1);
    for (unsigned round = 0; round < 9; round++) {
        int64_t from = clock_mono_ns();
        for (unsigned i = 0; i < loops; i++) {
            struct tagged *tagged;
            arena_reset(arena);
            if (!tagger_run(view_of(text, bytes), NULL, 0, DATA_BALANCED, arena, &tagged, &found))
                exit(1);
        }
        int64_t took = clock_mono_ns() - from;
        best = took < best ? took : best;
    }
    double us = (double)best / loops / 1000;
    printf("%-28s %7zu bytes %9.1f us, %u findings\n", name, bytes, us, found);
    free(text);
    return us;
}

#define MEASURE(name, parts, bytes) measure(name, parts, sizeof(parts) / sizeof *(parts), bytes)

int main(void)
{
    arena = arena_new(1 << 26);
    if (!arena)
        return 1;
    double us = MEASURE("tagger, names and addresses", notes, 4096);
    MEASURE("tagger, plain prose", prose, 4096);
    MEASURE("tagger, log", lines, 4096);
    MEASURE("tagger, names and addresses", notes, 1 << 20);
    /* for bench/run */
    printf("{\"name\": \"tagger 4 KB\", \"us\": %.2f}\n", us);
    arena_free(arena);
    return 0;
}
