/* What a proof answers about the requests of a time: how many, what was found in them, and what
 * reached which host outside. */
#pragma once

#include "base/arena.h"
#include "config/data_class.h"
#include "ledger/row.h"

enum { PROOF_HOSTS = 1000 };

struct proof_host {
    char name[256];
    int64_t requests;  /* of which something was sent there */
    int64_t sensitive; /* ... with data of a class, or what could not be scanned */
    int64_t unscanned; /* ... without a scan */
};

struct proof_answer {
    int64_t since_ms, until_ms; /* of the question; until_ms is not part of it */
    int64_t requests, clean, found, failed;
    int64_t inside, outside;                  /* not scanned: stayed inside, went outside */
    int64_t classes[DATA_CLASSES];            /* findings */
    struct proof_host hosts[PROOF_HOSTS + 1]; /* the last one: all others */
    unsigned n_hosts;
};

/* NULL without memory; freed with free(). */
struct proof_answer *proof_answer_new(int64_t since_ms, int64_t until_ms);
/* Counts a record when it is of that time. `scratch` is emptied. */
void proof_answer_add(struct proof_answer *a, const struct row *record, struct arena *scratch);

/* Adds the counts of {"CLASS":N,...}; unknown classes are left out. */
void proof_answer_add_classes(struct view json, int64_t classes[DATA_CLASSES]);
