/* The records of prepare.py: texts with the ranges that are sensitive. */
#pragma once

#include "inspect/tagger.h"

struct record {
    struct view text;
    struct tagger_hint *spans; /* sorted; the class that each range is */
    unsigned n_spans;
    char source[32];
};

struct records {
    struct record *all;
    size_t n;
};

/* Appends those of a file; ends the program when it cannot be read. */
void records_read(struct records *records, const char *path);
_Noreturn void die(const char *what);
