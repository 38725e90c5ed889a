/* Histories made by who knows how chains are made: without the key, and with it. */
#include "proof_fixture.h"

#include <stdio.h>

/* Only the signatures tell. */
static void a_chain_made_again_without_the_key(void **state)
{
    (void)state;

    proof_ledger();
    fixture_exec("UPDATE exchange SET side = 'nowhere' WHERE seq = 7");
    proof_make_again(NULL);
    const struct verify_result *r = proof_verify(fixture_path, NULL);
    assert_int_equal(r->n_findings, 1);
    assert_non_null(strstr(r->findings[0].text, "signs other records"));
    assert_int_equal(r->findings[0].seq, 2); /* the span behind the checkpoint of record 1 */
}

/* Only the anchor tells. */
static void a_chain_made_again_with_the_key(void **state)
{
    struct error err;
    (void)state;

    proof_ledger();
    struct ledger_key *key = ledger_key_load(proof_key_path, &err);
    fixture_exec("UPDATE exchange SET side = 'nowhere' WHERE seq = 7");
    proof_make_again(key);
    ledger_key_free(key);
    proof_assert_proven(proof_verify(fixture_path, NULL));
    const struct verify_result *r = proof_verify(fixture_path, proof_anchor_path);
    assert_int_equal(r->n_findings, 1);
    assert_non_null(strstr(r->findings[0].text, "the anchor knows another checkpoint"));
}

/* Its link is right, but its writer had signed that nothing comes any more. */
static void a_record_behind_the_signed_end(void **state)
{
    (void)state;

    proof_ledger();
    fixture_exec("INSERT INTO exchange(id, time_ms, stream, status, tokens_in, tokens_out,"
                 " tokens_cached, tokens_reasoning, tokens_estimated, writer, seq, chain)"
                 " SELECT 1, 1, 0, 200, 1, 1, 0, 0, 0, writer, 13, zeroblob(32) FROM writer");
    proof_make_again(NULL);
    const struct verify_result *r = proof_verify(fixture_path, NULL);
    assert_int_equal(r->n_findings, 1);
    assert_non_null(strstr(r->findings[0].text, "behind the signed end"));
    assert_int_equal(r->findings[0].seq, 13);
    assert_int_equal(r->findings[0].id, 1);
}

/* What the next opening says of the chain before it shows without an anchor. */
static void a_successor_remembers(void **state)
{
    static const struct {
        const char *sql, *text;
    } cases[] = {
        {"DELETE FROM exchange WHERE writer = (SELECT min(writer) FROM writer) AND seq > 5;"
         "DELETE FROM checkpoint WHERE writer = (SELECT min(writer) FROM writer) AND n > 1",
         "lost its tail"},
        {"DELETE FROM exchange WHERE writer = (SELECT before FROM writer ORDER BY writer DESC);"
         "DELETE FROM checkpoint WHERE writer = (SELECT before FROM writer ORDER BY writer DESC);"
         "DELETE FROM writer WHERE writer = (SELECT before FROM writer ORDER BY writer DESC)",
         "is missing"},
    };
    (void)state;

    for (int i = 0; i < 3; i++)
        proof_ledger();
    proof_copy(fixture_path, proof_copy_path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        proof_copy(proof_copy_path, fixture_path);
        fixture_exec(cases[i].sql);
        const struct verify_result *r = proof_verify(fixture_path, NULL);
        assert_true(r->n_findings > 0);
        if (!strstr(r->findings[0].text, cases[i].text))
            fail_msg("%s", r->findings[0].text);
    }
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, proof_setup, proof_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(a_chain_made_again_without_the_key),
        with_file(a_chain_made_again_with_the_key),
        with_file(a_record_behind_the_signed_end),
        with_file(a_successor_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
