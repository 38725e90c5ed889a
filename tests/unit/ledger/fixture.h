/* A ledger in a folder of its own, and records to put there. */
#pragma once

#include "ledger/ledger.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* One submission that can be waited for. */
struct commit {
    struct ledger_commit base; /* first */
    struct ledger_record record;
    sem_t done;
    bool committed;
};

extern char fixture_folder[64], fixture_path[80];

/* cmocka's setup and teardown: a fresh folder, and its removal. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

struct ledger *fixture_open(enum ledger_sync sync);
/* A plausible record with the next id. */
struct ledger_record fixture_record(void);
void fixture_submit(struct ledger *l, struct commit *c, struct ledger_record record);
/* Waits for `done` and returns what it was told. */
bool fixture_wait(struct commit *c);
/* Both, with a flush between. */
bool fixture_write(struct ledger *l, struct ledger_record record);
/* The first column of the first row, by a connection of its own. */
int64_t fixture_ask(const char *sql);
void fixture_exec(const char *sql);
