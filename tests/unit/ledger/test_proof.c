/* The chain and its verifier: whole ledgers prove, and whatever is done to one is found, with its
 * place. */
#include "proof_fixture.h"

#include "base/clock.h"
#include "ledger/proof.h"
#include "ledger/prune.h"
#include "ledger/sealer.h"
#include "ledger/verify.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void export_ledger(void)
{
    struct error err;
    struct proof_source *source = proof_open_file(fixture_path, &err);
    FILE *out = fopen(proof_export_path, "w");

    assert_non_null(source);
    if (!proof_export(source, 1, out, &err))
        fail_msg("%s", err.text);
    proof_close(source);
    fclose(out);
}

static void a_whole_ledger_proves(void **state)
{
    (void)state;

    proof_ledger();
    proof_ledger();
    export_ledger();
    const char *const paths[] = {fixture_path, proof_export_path};
    for (int i = 0; i < 2; i++) {
        const struct verify_result *r = proof_verify(paths[i], proof_anchor_path);
        proof_assert_proven(r);
        assert_int_equal(r->writers, 2);
        assert_int_equal(r->records, 2 * PROOF_RECORDS);
        assert_int_equal(r->unsigned_records, 0);
        assert_int_equal(r->answer->requests, 2 * PROOF_RECORDS);
        assert_int_equal(r->answer->found, 8);
        assert_int_equal(r->answer->clean, 8);
        assert_int_equal(r->answer->outside, 8); /* the fixture says what was sent, not the scan */
        assert_int_equal(r->answer->n_hosts, 1);
        assert_int_equal(r->answer->hosts[0].requests, 2 * PROOF_RECORDS);
        assert_int_equal(r->answer->classes[DATA_EMAIL], 16);
    }
}

/* Any byte of any column of any row of any table that is sealed. */
static void any_changed_byte_is_found(void **state)
{
    enum { TRIES = 400 };
    sqlite3 *db = NULL;
    int changed = 0;
    (void)state;

    proof_ledger();
    proof_copy(fixture_path, proof_copy_path);
    srandom(7);
    for (int i = 0; i < TRIES; i++) {
        static const enum row_kind kinds[] = {ROW_RECORD, ROW_RECORD, ROW_RECORD,
                                              ROW_RECORD, ROW_WRITER, ROW_CHECKPOINT};
        const struct row_table *t = row_table(kinds[random() % 6]);
        const char *column = t->columns[random() % t->n].name;
        const char *place = t == row_table(ROW_CHECKPOINT) ? "n" : "rowid";
        char sql[1024];
        proof_copy(proof_copy_path, fixture_path);
        assert_int_equal(sqlite3_open(fixture_path, &db), SQLITE_OK);
        /* A number becomes another; of a text or blob one byte is replaced. */
        snprintf(sql, sizeof(sql),
                 "UPDATE OR IGNORE %s SET %s = CASE typeof(%s)"
                 " WHEN 'integer' THEN %s + %ld WHEN 'real' THEN %s + 0.001"
                 " WHEN 'null' THEN 'x' WHEN 'text' THEN substr(%s, 1, %ld %% length(%s)) || '~' ||"
                 " substr(%s, %ld %% length(%s) + 2)"
                 " ELSE CAST(substr(%s, 1, 3) || CASE substr(%s, 4, 1) WHEN x'7e' THEN x'7f'"
                 " ELSE x'7e' END || substr(%s, 5) AS BLOB) END"
                 " WHERE %s = (SELECT %s FROM %s ORDER BY random() LIMIT 1)",
                 t->name, column, column, column, 1 + random() % 1000, column, column,
                 random() % 40, column, column, random() % 40, column, column, column, column,
                 place, place, t->name);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* a constraint is a defence too */
        bool any = sqlite3_changes(db) > 0;
        sqlite3_close(db);
        if (!any)
            continue;
        changed++;
        const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
        if (r->n_findings == 0)
            fail_msg("not found: %s", sql);
    }
    assert_true(changed > TRIES / 2);
}

/* What is done, and what the first finding says. */
static void what_an_intruder_does(void **state)
{
    static const struct {
        const char *sql, *text;
        int64_t seq;
    } cases[] = {
        {"DELETE FROM exchange WHERE seq = 4", "records 4 to 4 are missing", 4},
        {"DELETE FROM exchange WHERE seq BETWEEN 2 AND 7", "records 2 to 7 are missing", 2},
        {"UPDATE exchange SET seq = CASE seq WHEN 5 THEN 6 ELSE 5 END WHERE seq IN (5, 6)",
         "this record was changed", 5},
        {"UPDATE exchange SET time_ms = time_ms - 86400000 WHERE seq = 3", "was changed", 3},
        {"UPDATE exchange SET plan = 'x' WHERE seq = 9", "was changed", 9},
        {"DELETE FROM exchange WHERE seq >= 10", "records 10 to 12 are missing", 10},
        {"DELETE FROM exchange WHERE seq >= 10; DELETE FROM checkpoint WHERE seq >= 10",
         "the tail was cut", 10},
        {"DELETE FROM exchange; DELETE FROM checkpoint; DELETE FROM writer",
         "an old file was put back, or the chain was removed", 1},
        {"DELETE FROM writer", "a chain without an opening", 1},
        {"DELETE FROM checkpoint WHERE n = 1", "checkpoints are missing", 12},
        {"UPDATE checkpoint SET time_ms = time_ms + 1 WHERE n = 1", "the signature is wrong", 1},
        {"INSERT INTO exchange(id, time_ms, stream, status, tokens_in, tokens_out, tokens_cached,"
         " tokens_reasoning, tokens_estimated) VALUES(1, 1, 0, 200, 1, 1, 0, 0, 0)",
         "records are in no chain", 0},
        {"INSERT INTO exchange(id, time_ms, stream, status, tokens_in, tokens_out, tokens_cached,"
         " tokens_reasoning, tokens_estimated, writer, seq, chain) SELECT 1, 1, 0, 200, 1, 1, 0, 0,"
         " 0, writer, 13, zeroblob(32) FROM writer",
         "this record was changed", 13},
        {"INSERT INTO exchange(id, time_ms, stream, status, tokens_in, tokens_out, tokens_cached,"
         " tokens_reasoning, tokens_estimated, writer, seq, chain) SELECT 1, 1, 0, 200, 1, 1, 0, 0,"
         " 0, writer, 5, zeroblob(32) FROM writer",
         "this record was changed", 5},
        {"UPDATE exchange SET writer = NULL WHERE seq = 12", "records are in no chain", 0},
    };
    (void)state;

    proof_ledger();
    proof_copy(fixture_path, proof_copy_path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        proof_copy(proof_copy_path, fixture_path);
        fixture_exec(cases[i].sql);
        const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
        if (r->n_findings == 0)
            fail_msg("not found: %s", cases[i].sql);
        const struct verify_place *first = &r->findings[0];
        if (!strstr(first->text, cases[i].text) || first->seq != cases[i].seq)
            fail_msg("%s: record %lld: %s", cases[i].sql, (long long)first->seq, first->text);
    }
}

static void an_old_file_put_back(void **state)
{
    (void)state;

    proof_ledger();
    proof_copy(fixture_path, proof_copy_path);
    proof_ledger();
    proof_copy(proof_copy_path, fixture_path);
    proof_assert_proven(proof_verify(fixture_path, NULL)); /* nobody could see it */
    const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
    assert_int_equal(r->n_findings, 1);
    assert_non_null(strstr(r->findings[0].text, "an old file was put back"));

    proof_ledger(); /* and Weir was started on it */
    r = proof_verify(fixture_path, proof_anchor_path);
    assert_int_equal(r->n_findings, 1);
}

static void cut_and_swapped_exports(void **state)
{
    static char text[1 << 20], changed[1 << 20];
    (void)state;

    proof_ledger();
    export_ledger();
    FILE *f = fopen(proof_export_path, "r");
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';

    /* cut anywhere: it cannot be read to its end */
    struct ledger_key_ring ring;
    struct error err;
    assert_true(ledger_key_ring_load(proof_key_path, &ring, &err));
    for (size_t cut = 1; cut < n; cut += n / 50) {
        f = fopen(proof_export_path, "w");
        fwrite(text, 1, cut, f);
        fclose(f);
        struct proof_source *source = proof_open(proof_export_path, &err);
        assert_false(source && verify_proof(source, &ring, NULL, NULL, &proof_verified, &err));
        proof_close(source);
    }
    /* two lines exchanged */
    char *a = strstr(text, "{\"record\":"), *b = strchr(a, '\n') + 1, *end = strchr(b, '\n') + 1;
    size_t head = (size_t)(a - text);
    memcpy(changed, text, n);
    memcpy(changed + head, b, (size_t)(end - b));
    memcpy(changed + head + (end - b), a, (size_t)(b - a));
    f = fopen(proof_export_path, "w");
    fwrite(changed, 1, n, f);
    fclose(f);
    assert_true(proof_verify(proof_export_path, NULL)->n_findings > 0);
}

static void two_writers_draining_side_by_side(void **state)
{
    struct ledger *a = proof_open_anchored(), *b = proof_open_anchored();
    (void)state;

    for (int i = 0; i < 20; i++) {
        assert_true(fixture_write(a, proof_odd_record(i)));
        assert_true(fixture_write(b, proof_odd_record(i)));
    }
    ledger_close(a);
    proof_write_records(b, 3);
    ledger_close(b);
    const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
    proof_assert_proven(r);
    assert_int_equal(r->writers, 2);
    assert_int_equal(r->records, 43);
    fixture_exec(
        "DELETE FROM exchange WHERE seq = 17 AND writer = (SELECT min(writer) FROM writer)");
    r = proof_verify(fixture_path, proof_anchor_path);
    assert_int_equal(r->n_findings, 1);
    assert_int_equal(r->findings[0].seq, 17);
}

/* Nobody knows what a file kept that failed: the records after it are a chain of their own. */
static void a_failure_of_the_file_opens_another_chain(void **state)
{
    sqlite3 *other = NULL;
    (void)state;

    int64_t began = clock_mono_ns();
    struct ledger *l = proof_open_anchored();
    proof_write_records(l, 2);
    assert_int_equal(sqlite3_open(fixture_path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    bool early = clock_mono_ns() - began < NS_PER_S; /* before the second has its checkpoint */
    assert_false(fixture_write(l, proof_odd_record(1)));
    sqlite3_close(other);
    int64_t end = clock_mono_ns() + 20 * NS_PER_S;
    while (ledger_failing(l, NULL) && clock_mono_ns() < end)
        usleep(20000);
    proof_write_records(l, 3);
    ledger_close(l);
    const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
    proof_assert_proven(r);
    assert_int_equal(r->writers, 2);
    assert_int_equal(r->records, 5);
    assert_in_range(r->unsigned_records, early, 1); /* the first of the two had its checkpoint */
}

static void what_is_not_signed_yet_is_told(void **state)
{
    (void)state;

    /* The first has its checkpoint at once, the next one comes in a second. */
    int64_t began = clock_mono_ns();
    struct ledger *l = proof_open_anchored();
    proof_write_records(l, 4);
    const struct verify_result *r = proof_verify(fixture_path, NULL);
    bool early = clock_mono_ns() - began < NS_PER_S;
    proof_assert_proven(r);
    assert_in_range(r->unsigned_records, early ? 3 : 0, 3);
    int64_t end = clock_mono_ns() + 20 * NS_PER_S;
    while (proof_verify(fixture_path, NULL)->unsigned_records > 0 && clock_mono_ns() < end)
        usleep(50000);
    assert_int_equal(proof_verified.unsigned_records, 0);
    assert_in_range(proof_verified.checkpoints, 2, early ? 2 : 4);
    ledger_close(l);
}

/* Signs checkpoint `n` as if it had been made so long after the opening, by either clock. */
static void sign_at(const struct ledger_key *key, int n, int64_t wall_ms, int64_t up_ms)
{
    struct row row = {.kind = ROW_CHECKPOINT};
    uint8_t signature[KEY_SIGNATURE_BYTES];
    struct buf bytes = BUF_MAX(4096);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    struct error err;

    assert_int_equal(sqlite3_open(fixture_path, &db), SQLITE_OK);
    const char *sql = "SELECT writer, n, seq, chain, (SELECT opened_ms FROM writer) + ?1, ?2, last,"
                      " signature FROM checkpoint WHERE n = ?3";
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_bind_int64(stmt, 1, wall_ms);
    sqlite3_bind_int64(stmt, 2, up_ms);
    sqlite3_bind_int(stmt, 3, n);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    row_read(&row, ROW_CHECKPOINT, stmt, 0);
    assert_true(sealer_sign(key, &bytes, &row, signature, &err));
    int64_t at_ms = row_get_int(&row, CHECKPOINT_time_ms);
    sqlite3_finalize(stmt);
    sql = "UPDATE checkpoint SET time_ms = ?1, up_ms = ?2, signature = ?3 WHERE n = ?4";
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_bind_int64(stmt, 1, at_ms);
    sqlite3_bind_int64(stmt, 2, up_ms);
    sqlite3_bind_blob(stmt, 3, signature, sizeof(signature), SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, n);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    buf_done(&bytes);
}

static void a_clock_that_was_set_back(void **state)
{
    static const struct {
        int64_t wall_ms[2], up_ms[2];
        bool back;
    } cases[] = {
        {{1000, 2000}, {1000, 2000}, false},
        {{1000, 1500}, {1000, 2000}, false},  /* slewed */
        {{1000, 90000}, {1000, 2000}, false}, /* set forward */
        {{1000, -30000}, {1000, 2000}, true},
        {{1000, 61000}, {1000, 3601000}, true}, /* it rises, but an hour went by */
    };
    struct error err;
    (void)state;

    proof_ledger();
    struct ledger_key *key = ledger_key_load(proof_key_path, &err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int k = 0; k < 2; k++)
            sign_at(key, k + 1, cases[i].wall_ms[k], cases[i].up_ms[k]);
        const struct verify_result *r = proof_verify(fixture_path, NULL);
        bool back = r->n_findings && strstr(r->findings[0].text, "clock was set back");
        if (back != cases[i].back || (r->n_findings && !back))
            fail_msg("case %zu: %s", i, r->n_findings ? r->findings[0].text : "not found");
    }
    ledger_key_free(key);
}

static void retention_leaves_a_stub_that_proves(void **state)
{
    struct prune_result result;
    struct error err;
    (void)state;

    proof_ledger();
    proof_ledger();
    struct ledger_key *key = ledger_key_load(proof_key_path, &err);
    int64_t second = fixture_ask("SELECT max(opened_ms) FROM writer");
    fixture_exec("UPDATE meta SET value = value"); /* a WAL stands beside it, as when it runs */
    assert_true(prune_ledger(fixture_path, key, second, &result, &err));
    assert_true(result.records <= PROOF_RECORDS); /* both may have begun in the same millisecond */
    assert_true(prune_ledger(fixture_path, key, clock_wall_ms() + 1, &result, &err));
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), 0);
    assert_int_equal(fixture_ask("SELECT sum(found) FROM stub"), 8);
    const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
    proof_assert_proven(r);
    assert_int_equal(r->removed, 2 * PROOF_RECORDS);

    proof_ledger(); /* goes on behind it */
    proof_assert_proven(proof_verify(fixture_path, proof_anchor_path));
    fixture_exec("UPDATE stub SET found = 0");
    assert_true(proof_verify(fixture_path, proof_anchor_path)->n_findings > 0);
    fixture_exec("DELETE FROM stub");
    assert_true(proof_verify(fixture_path, proof_anchor_path)->n_findings > 0);
    ledger_key_free(key);
}

static void what_does_not_prove_is_not_removed(void **state)
{
    struct prune_result result;
    struct error err;
    (void)state;

    proof_ledger();
    struct ledger_key *key = ledger_key_load(proof_key_path, &err);
    fixture_exec("UPDATE exchange SET status = 1 WHERE seq = 6");
    assert_false(prune_ledger(fixture_path, key, clock_wall_ms() + 1, &result, &err));
    assert_non_null(strstr(err.text, "does not verify"));
    assert_true(fixture_ask("SELECT count(*) FROM exchange WHERE seq >= 6") == PROOF_RECORDS - 5);
    ledger_key_free(key);
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, proof_setup, proof_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(a_whole_ledger_proves),
        with_file(any_changed_byte_is_found),
        with_file(what_an_intruder_does),
        with_file(an_old_file_put_back),
        with_file(cut_and_swapped_exports),
        with_file(two_writers_draining_side_by_side),
        with_file(a_failure_of_the_file_opens_another_chain),
        with_file(what_is_not_signed_yet_is_told),
        with_file(a_clock_that_was_set_back),
        with_file(retention_leaves_a_stub_that_proves),
        with_file(what_does_not_prove_is_not_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
