#include "proof_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char proof_key_path[96], proof_anchor_path[96], proof_copy_path[96], proof_export_path[96];

int proof_setup(void **state)
{
    int rc = fixture_setup(state);

    snprintf(proof_key_path, sizeof(proof_key_path), "%s.key", fixture_path);
    snprintf(proof_anchor_path, sizeof(proof_anchor_path), "%s/anchor", fixture_folder);
    snprintf(proof_copy_path, sizeof(proof_copy_path), "%s/copy", fixture_folder);
    snprintf(proof_export_path, sizeof(proof_export_path), "%s/export", fixture_folder);
    return rc;
}

int proof_teardown(void **state)
{
    unlink(proof_anchor_path);
    unlink(proof_copy_path);
    unlink(proof_export_path);
    return fixture_teardown(state);
}

struct ledger *proof_open_anchored(void)
{
    struct error err;
    struct ledger *l =
        ledger_open(&(struct ledger_options){.path = view_str(fixture_path),
                                             .anchor = {.file = view_str(proof_anchor_path)}},
                    &err);

    if (!l)
        fail_msg("%s: %s", err.text, err.hint);
    return l;
}

/* A record with something of everything, unlike the others. */
struct ledger_record proof_odd_record(int i)
{
    static const char *const notes[] = {"", "plain", "quote \" and \\ and \x01", "h\xc3\xa9",
                                        "no UTF-8: \xff\xfe"};
    struct ledger_record r = fixture_record();

    r.notes = view_str(notes[i % 5]);
    r.confidence = i % 3 ? (double)i / 7 : 0;
    r.cost_nano = i % 2 ? INT64_MAX - i : LEDGER_UNPRICED;
    r.scan = i % 3 == 0 ? VIEW("found") : i % 3 == 1 ? VIEW("clean") : VIEW("");
    r.findings = i % 3 == 0 ? VIEW("{\"EMAIL\":2,\"PERSON\":1}") : VIEW("");
    return r;
}

void proof_write_records(struct ledger *l, int n)
{
    for (int i = 0; i < n; i++)
        assert_true(fixture_write(l, proof_odd_record(i)));
}

void proof_ledger(void)
{
    struct ledger *l = proof_open_anchored();

    proof_write_records(l, PROOF_RECORDS);
    ledger_close(l);
}

void proof_copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");

    assert_non_null(in);
    assert_non_null(out);
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
}

struct verify_result proof_verified;

/* The result is in `proof_verified`, its answer too until the next call. */
const struct verify_result *proof_verify(const char *path, const char *anchor)
{
    static struct proof_answer *answer;
    struct ledger_key_ring ring;
    struct anchors anchors = {NULL};
    struct error err;

    free(answer);
    answer = proof_answer_new(0, INT64_MAX);
    if (!ledger_key_ring_load(proof_key_path, &ring, &err) ||
        (anchor && !anchors_load(anchor, &ring, &anchors, &err)))
        fail_msg("%s", err.text);
    struct proof_source *source = proof_open(path, &err);
    if (!source ||
        !verify_proof(source, &ring, anchor ? &anchors : NULL, answer, &proof_verified, &err))
        fail_msg("%s", err.text);
    proof_close(source);
    anchors_done(&anchors);
    return &proof_verified;
}

void proof_assert_proven(const struct verify_result *r)
{
    if (r->n_findings)
        fail_msg("chain %lld, record %lld: %s", (long long)r->findings[0].writer,
                 (long long)r->findings[0].seq, r->findings[0].text);
}

/* A blob as SQL writes it. */
static void put_blob(struct buf *sql, const uint8_t *bytes, size_t n)
{
    buf_append_lit(sql, "x'");
    for (size_t i = 0; i < n; i++)
        buf_printf(sql, "%02x", bytes[i]);
    buf_append_lit(sql, "'");
}

static void put_new_chain(struct buf *sql, const char *table, const uint8_t chain[CHAIN_BYTES])
{
    buf_printf(sql, "UPDATE %s SET chain = ", table);
    put_blob(sql, chain, CHAIN_BYTES);
}

void proof_make_again(const struct ledger_key *key)
{
    uint8_t chain[CHAIN_BYTES], signature[KEY_SIGNATURE_BYTES];
    struct buf all = BUF_MAX(1 << 20), bytes = BUF_MAX(4096);
    struct chain_hasher h;
    struct error err;

    assert_true(chain_hasher_init(&h));
    struct proof_source *source = proof_open_file(fixture_path, &err);
    assert_non_null(source);
    for (enum proof_step step; (step = source->next(source, &err)) != PROOF_END;) {
        struct row *row = &source->row;
        assert_int_not_equal(step, PROOF_FAILED);
        if (step != PROOF_ROW)
            continue;
        if (row->kind == ROW_WRITER) {
            assert_true(chain_begin(&h, row, chain));
        } else if (row->kind == ROW_RECORD) {
            assert_true(chain_next(&h, row, chain));
            put_new_chain(&all, "exchange", chain);
            buf_printf(&all, " WHERE writer = %lld AND seq = %lld;",
                       (long long)row_get_int(row, RECORD_writer),
                       (long long)row_get_int(row, RECORD_seq));
        } else if (key) {
            row->values[CHECKPOINT_chain] = row_blob(chain, CHAIN_BYTES);
            assert_true(sealer_sign(key, &bytes, row, signature, &err));
            put_new_chain(&all, "checkpoint", chain);
            buf_append_lit(&all, ", signature = ");
            put_blob(&all, signature, sizeof(signature));
            buf_printf(&all, " WHERE writer = %lld AND n = %lld;",
                       (long long)row_get_int(row, CHECKPOINT_writer),
                       (long long)row_get_int(row, CHECKPOINT_n));
        }
    }
    proof_close(source);
    chain_hasher_done(&h);
    buf_append_char(&all, '\0');
    fixture_exec(all.p);
    buf_done(&all);
    buf_done(&bytes);
}
