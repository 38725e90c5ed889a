/* A file of schema 1, from before the chains, is brought up in place. */
#include "fixture.h"

#include "ledger/proof.h"
#include "ledger/read.h"
#include "ledger/store_schema.h"
#include "ledger/verify.h"

#include <stdio.h>
#include <stdlib.h>

/* As a Weir of that time made it. */
static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE node_hours(from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, backend TEXT,"
    " node TEXT, busy_ms INTEGER NOT NULL, cost_per_hour_nano INTEGER NOT NULL);"
    "CREATE TABLE exchange(id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, request_id TEXT,"
    " key TEXT, dialect TEXT, model_asked TEXT, alias TEXT, task TEXT, confidence REAL,"
    " complexity REAL, side TEXT, backend TEXT, node TEXT, model TEXT, stream INTEGER NOT NULL,"
    " status INTEGER NOT NULL, outcome TEXT, tokens_in INTEGER NOT NULL,"
    " tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,"
    " tokens_reasoning INTEGER NOT NULL, tokens_estimated INTEGER NOT NULL,"
    " first_token_us INTEGER, total_us INTEGER, cost_nano INTEGER, other_cost_nano INTEGER,"
    " other_model TEXT, notes TEXT, attempts TEXT, plan TEXT);"
    "INSERT INTO meta VALUES('schema', 1);"
    "INSERT INTO exchange(id, time_ms, request_id, stream, status, tokens_in, tokens_out,"
    " tokens_cached, tokens_reasoning, tokens_estimated, plan) VALUES"
    " (1048576, 1, 'old-1', 0, 200, 5, 6, 0, 0, 0, 'plan of old'),"
    " (2097152, 2, 'old-2', 1, 200, 7, 8, 0, 0, 0, NULL)";

struct seen {
    unsigned n;
    uint32_t tokens_in;
    bool old_plan, new_plan;
};

static bool on_record(void *context, const struct ledger_record *r)
{
    struct seen *s = context;

    s->n++;
    s->tokens_in += r->tokens_in;
    s->old_plan |= view_eq(r->plan, VIEW("plan of old"));
    s->new_plan |= view_eq(r->plan, fixture_record().plan) && view_eq(r->scan, VIEW("clean"));
    return true;
}

static void verify(struct verify_result *ret_result)
{
    char key[96];
    struct ledger_key_ring ring;
    struct error err;

    snprintf(key, sizeof(key), "%s.key", fixture_path);
    assert_true(ledger_key_ring_load(key, &ring, &err));
    struct proof_source *source = proof_open_file(fixture_path, &err);
    assert_non_null(source);
    assert_true(verify_proof(source, &ring, NULL, NULL, ret_result, &err));
    proof_close(source);
}

static void an_older_file_is_brought_up(void **state)
{
    static struct verify_result result;
    struct ledger_record record = fixture_record();
    struct seen seen = {0};
    struct error err;
    (void)state;

    fixture_exec(schema_1);
    assert_null(ledger_reader_open(view_str(fixture_path), &err)); /* readers change nothing */
    assert_non_null(strstr(err.hint, "weir serve"));

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    record.scan = VIEW("clean");
    assert_true(fixture_write(l, record));
    ledger_close(l);
    assert_int_equal(fixture_ask("SELECT value FROM meta WHERE key = 'schema'"), STORE_SCHEMA);
    struct ledger_reader *r = ledger_reader_open(view_str(fixture_path), &err);
    assert_non_null(r);
    assert_true(ledger_read(r, 0, 0, on_record, &seen, &err));
    ledger_reader_close(r);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.tokens_in, 5 + 7 + record.tokens_in);
    assert_true(seen.old_plan && seen.new_plan);

    verify(&result);
    assert_int_equal(result.n_findings, 0);
    assert_int_equal(result.old_records, 2);
    assert_int_equal(result.records, 1);
    fixture_exec("INSERT INTO exchange(id, time_ms, stream, status, tokens_in, tokens_out,"
                 " tokens_cached, tokens_reasoning, tokens_estimated) VALUES"
                 " (1048577, 1, 0, 200, 5, 6, 0, 0, 0)");
    verify(&result);
    assert_int_equal(result.n_findings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_older_file_is_brought_up, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
