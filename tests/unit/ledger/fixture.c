#include "fixture.h"

#include "base/clock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char fixture_folder[64], fixture_path[80];

int fixture_setup(void **state)
{
    (void)state;
    snprintf(fixture_folder, sizeof(fixture_folder), "/tmp/weir-ledger-XXXXXX");
    if (!mkdtemp(fixture_folder))
        return -1;
    snprintf(fixture_path, sizeof(fixture_path), "%s/weir.db", fixture_folder);
    return 0;
}

int fixture_teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".key"};
    char path[96];
    (void)state;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", fixture_path, ends[i]);
        unlink(path);
    }
    return rmdir(fixture_folder);
}

struct ledger *fixture_open(enum ledger_sync sync)
{
    struct error err;
    struct ledger *l =
        ledger_open(&(struct ledger_options){.path = view_str(fixture_path), .sync = sync}, &err);

    if (!l)
        fail_msg("%s: %s", err.text, err.hint);
    return l;
}

struct ledger_record fixture_record(void)
{
    return (struct ledger_record){
        .id = ledger_next_id(),
        .request_id = VIEW("req-1"),
        .wall_ms = clock_wall_ms(),
        .key = VIEW("app"),
        .model_asked = VIEW("auto"),
        .dialect = VIEW("openai_chat"),
        .task = VIEW("coding"),
        .confidence = 0.75,
        .complexity = 0.5,
        .plan = VIEW("{\"because\":\"matrix: coding goes outside\",\"candidates\":["
                     "{\"backend\":\"openai\",\"side\":\"outside\",\"model\":\"gpt-5-mini\","
                     "\"reason\":\"first choice\",\"available\":true},"
                     "{\"backend\":\"lab\",\"side\":\"inside\",\"model\":\"llama\","
                     "\"reason\":\"behind it\",\"available\":true}],\"skipped\":["
                     "{\"backend\":\"lab\",\"model\":\"tiny\",\"reason\":\"no tools\"}]}"),
        .attempts = VIEW("[{\"backend\":\"openai\",\"node\":\"https://api.example\",\"model\":"
                         "\"gpt-5-mini\",\"outcome\":\"upstream_timeout\",\"ms\":2000,"
                         "\"status\":0},{\"backend\":\"lab\",\"node\":\"http://n1:8000\","
                         "\"model\":\"llama\",\"outcome\":\"ok\",\"ms\":300,\"status\":200}]"),
        .notes = VIEW("max_tokens renamed"),
        .side = SIDE_INSIDE,
        .backend = VIEW("lab"),
        .node = VIEW("http://n1:8000"),
        .model = VIEW("llama"),
        .tokens_in = 100,
        .tokens_out = 50,
        .tokens_cached = 20,
        .tokens_reasoning = 5,
        .stream = true,
        .status = 200,
        .outcome = VIEW("ok"),
        .first_token_us = 40500,
        .total_us = 300250,
        .cost_nano = 12345,
        .other_cost_nano = 125000,
        .other_model = VIEW("gpt-5-mini"),
        .scan = VIEW("found"),
        .profile = VIEW("balanced"),
        .findings = VIEW("{\"EMAIL\":2}"),
        .modes = VIEW("{\"EMAIL\":\"mask\"}"),
        .peer = VIEW("10.0.0.1:8000"),
        .portions = VIEW("[{\"from\":0,\"to\":90,\"went\":\"masked\"}]"),
        .sent = VIEW("[{\"backend\":\"openai\",\"host\":\"api.example\",\"peer\":\"192.0.2.1:443\","
                     "\"bytes\":90,\"digest\":\"00ff\",\"scan\":\"clean\",\"left\":{}}]"),
    };
}

static void on_done(struct ledger_commit *base, bool committed)
{
    struct commit *c = (struct commit *)base;

    c->committed = committed;
    sem_post(&c->done);
}

void fixture_submit(struct ledger *l, struct commit *c, struct ledger_record record)
{
    *c = (struct commit){.record = record};
    c->base = (struct ledger_commit){.record = &c->record, .done = on_done};
    sem_init(&c->done, 0, 0);
    ledger_submit(l, &c->base);
}

bool fixture_wait(struct commit *c)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    if (sem_timedwait(&c->done, &limit) != 0)
        fail_msg("a commit was never answered");
    sem_destroy(&c->done);
    return c->committed;
}

bool fixture_write(struct ledger *l, struct ledger_record record)
{
    struct commit c;

    fixture_submit(l, &c, record);
    ledger_flush(l);
    return fixture_wait(&c);
}

int64_t fixture_ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_open(fixture_path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

void fixture_exec(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(fixture_path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}
