#include "ledger/verify.h"

#include <stdio.h>
#include <stdlib.h>

/* A clock that is disciplined is slewed, not set; and a checkpoint takes a moment. */
enum { CLOCK_SLACK_MS = 2000, SCRATCH_BYTES = 1 << 20, SIGNED_BYTES = 64 << 10 };

/* The chain that is walked. */
struct walked {
    int64_t writer, opened_ms;
    char name[96];
    bool opened; /* its opening stands there, and its key is trusted */
    uint8_t key[KEY_PUBLIC_BYTES], chain[CHAIN_BYTES];
    int64_t seq, n;
    int64_t signed_seq, time_ms, up_ms; /* of the last checkpoint, or the opening */
    int64_t newest_ms;                  /* time of the newest record since */
    bool last;                          /* its writer ended it */
};

struct verifier {
    const struct ledger_key_ring *ring;
    struct anchors *anchors;
    struct verify_result *result;
    struct chain_hasher hasher;
    struct buf bytes;
    struct arena *scratch;
    struct walked at;
    int64_t old_records, old_id;
};

/* ---- what is said ---------------------------------------------------------------------------- */

static void __attribute__((format(printf, 4, 0)))
fill_place(const struct verifier *v, struct verify_place *to, int64_t seq, const char *format,
           va_list args)
{
    *to = (struct verify_place){.writer = v->at.writer, .opened_ms = v->at.opened_ms, .seq = seq};
    memcpy(to->name, v->at.name, sizeof(to->name));
    vsnprintf(to->text, sizeof(to->text), format, args);
}

static void __attribute__((format(printf, 3, 4)))
find(struct verifier *v, int64_t seq, const char *format, ...)
{
    struct verify_result *r = v->result;
    va_list args;

    if (r->n_findings++ >= VERIFY_FINDINGS)
        return;
    va_start(args, format);
    fill_place(v, &r->findings[r->n_findings - 1], seq, format, args);
    va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
note(struct verifier *v, int64_t seq, const char *format, ...)
{
    struct verify_result *r = v->result;
    va_list args;

    if (r->n_notes >= VERIFY_NOTES)
        return;
    va_start(args, format);
    fill_place(v, &r->notes[r->n_notes++], seq, format, args);
    va_end(args);
}

static void find_record(struct verifier *v, const struct row *row, const char *text)
{
    int64_t before = v->result->n_findings;

    find(v, row_get_int(row, RECORD_seq), "%s", text);
    if (before < VERIFY_FINDINGS)
        v->result->findings[before].id = row_get_int(row, RECORD_id);
}

/* ---- the parts of a chain -------------------------------------------------------------------- */

static bool is_signed_by(struct verifier *v, const struct row *row, struct view key)
{
    buf_reset(&v->bytes);
    row_canonical(row, &v->bytes);
    return buf_ok(&v->bytes) && ledger_key_verify(key, buf_view(&v->bytes),
                                                  row_get_bytes(row, row_table(row->kind)->seal));
}

static bool is_signed(struct verifier *v, const struct row *row)
{
    return is_signed_by(v, row, view_of((const char *)v->at.key, KEY_PUBLIC_BYTES));
}

static struct view chain_view(const uint8_t *chain)
{
    return view_of((const char *)chain, CHAIN_BYTES);
}

/* Goes on from what the row says, so that one fault is told once. */
static void go_on_from(struct verifier *v, struct view chain)
{
    if (chain.n == CHAIN_BYTES)
        memcpy(v->at.chain, chain.p, CHAIN_BYTES);
}

static void compare_anchor(struct verifier *v, int64_t n, int64_t seq, struct view chain)
{
    struct anchor_seen *a = v->anchors ? anchors_find(v->anchors, v->at.writer) : NULL;

    if (a && a->n == n && (a->seq != seq || !view_eq(chain, chain_view(a->chain))))
        find(v, seq, "the anchor knows another checkpoint %lld: this history was made later",
             (long long)n);
}

static void finish_chain(struct verifier *v)
{
    struct walked *w = &v->at;
    struct anchor_seen *a = v->anchors ? anchors_find(v->anchors, w->writer) : NULL;

    if (!w->opened)
        return;
    v->result->unsigned_records += w->seq - w->signed_seq;
    if (w->seq > w->signed_seq)
        note(v, w->signed_seq + 1, "unsigned from here to record %lld", (long long)w->seq);
    if (!a)
        return;
    a->used = true;
    if (a->n > w->n && a->seq > w->seq)
        find(v, w->seq + 1,
             "the tail was cut: the anchor's checkpoint %lld knows records up to %lld",
             (long long)a->n, (long long)a->seq);
    else if (a->n > w->n)
        find(v, w->seq,
             "the tail was cut: the anchor knows checkpoint %lld, the last one here is "
             "%lld",
             (long long)a->n, (long long)w->n);
}

/* Rows from before the first chain may have been removed since, but none can have come. */
static void check_old(struct verifier *v, const struct row *row)
{
    int64_t had = row_get_int(row, WRITER_old_records), newest = row_get_int(row, WRITER_old_id);

    if (v->old_records > had || (v->old_records > 0 && v->old_id > newest))
        find(v, 0, "%lld records are in no chain, and %lld were there before it: some were put in",
             (long long)v->old_records, (long long)had);
}

static void check_before(struct verifier *v, const struct walked *before, const struct row *row)
{
    int64_t writer = row_get_int(row, WRITER_before), n = row_get_int(row, WRITER_before_n),
            seq = row_get_int(row, WRITER_before_seq);

    if (writer == 0) {
        if (before->writer)
            find(v, 0, "it names no chain before it, and there is one");
        check_old(v, row);
        return;
    }
    if (writer != before->writer) {
        find(v, 0, "the chain before it, %lld, is missing%s", (long long)writer,
             before->writer > writer ? ", or another was put between" : "");
        return;
    }
    if (before->n < n)
        find(v, 0,
             "the chain before it lost its tail: checkpoint %lld (record %lld) was there, "
             "the last one now is %lld (record %lld)",
             (long long)n, (long long)seq, (long long)before->n, (long long)before->signed_seq);
    if (v->at.opened_ms + CLOCK_SLACK_MS < row_get_int(row, WRITER_before_ms))
        find(v, 0, "the clock was set back by %lld s before it began",
             (long long)((row_get_int(row, WRITER_before_ms) - v->at.opened_ms) / 1000));
}

static void on_writer(struct verifier *v, const struct row *row)
{
    struct view key = row_get_bytes(row, WRITER_key);
    struct walked before = v->at;
    char fingerprint[KEY_DIGEST_HEX] = "none";

    finish_chain(v);
    v->at = (struct walked){
        .writer = row_get_int(row, WRITER_writer),
        .opened_ms = row_get_int(row, WRITER_opened_ms),
        .time_ms = row_get_int(row, WRITER_opened_ms),
    };
    snprintf(v->at.name, sizeof(v->at.name), "%.*s", VIEW_ARG(row_get_bytes(row, WRITER_name)));
    v->result->writers++;
    if (key.n == KEY_PUBLIC_BYTES) {
        memcpy(v->at.key, key.p, KEY_PUBLIC_BYTES);
        ledger_key_fingerprint(v->at.key, fingerprint);
    }
    v->at.opened = chain_begin(&v->hasher, row, v->at.chain);
    if (!ledger_key_ring_has(v->ring, key))
        find(v, 0, "it is signed by a key that was not given (sha256:%s)", fingerprint);
    else if (!is_signed(v, row))
        find(v, 0, "its opening was changed or forged: the signature is wrong");
    if (v->at.writer <= before.writer)
        find(v, 0, "it stands out of its order");
    check_before(v, &before, row);
}

/* A row of a chain whose opening is not there. */
static void on_stray(struct verifier *v, const struct row *row, int64_t writer)
{
    finish_chain(v);
    v->at = (struct walked){.writer = writer, .name = "(no opening)"};
    find(v, row->kind == ROW_RECORD ? row_get_int(row, RECORD_seq) : 0,
         "a chain without an opening: its opening was removed, or it is forged");
}

static void on_stub(struct verifier *v, const struct row *row)
{
    struct walked *w = &v->at;
    struct view key = row_get_bytes(row, STUB_key);

    if (!w->opened)
        return;
    if (!ledger_key_ring_has(v->ring, key) || !is_signed_by(v, row, key)) {
        find(v, 0, "the stub of removed records was changed or forged: the signature is wrong");
        return;
    }
    if (w->seq > 0) {
        find(v, 0, "the stub of removed records is out of its place");
        return;
    }
    w->seq = w->signed_seq = row_get_int(row, STUB_seq);
    w->n = row_get_int(row, STUB_n);
    w->time_ms = row_get_int(row, STUB_time_ms);
    w->up_ms = row_get_int(row, STUB_up_ms);
    w->last = row_get_int(row, STUB_last) != 0;
    go_on_from(v, row_get_bytes(row, STUB_chain));
    v->result->removed += w->seq;
    compare_anchor(v, w->n, w->seq, row_get_bytes(row, STUB_chain));
}

static void on_record(struct verifier *v, const struct row *row)
{
    struct walked *w = &v->at;
    int64_t seq = row_get_int(row, RECORD_seq), time_ms = row_get_int(row, RECORD_time_ms);
    struct view chain = row_get_bytes(row, RECORD_chain);

    v->result->records++;
    if (v->result->answer)
        proof_answer_add(v->result->answer, row, v->scratch);
    if (!w->opened)
        return;
    if (seq <= w->seq) {
        find_record(v, row, "this record stands twice, or out of its place");
        return;
    }
    if (seq > w->seq + 1) {
        find(v, w->seq + 1, "records %lld to %lld are missing", (long long)w->seq + 1,
             (long long)seq - 1);
    } else if (!chain_next(&v->hasher, row, w->chain) || !view_eq(chain, chain_view(w->chain))) {
        find_record(v, row, "this record was changed, or the one before it was exchanged");
    } else if (w->last) {
        find_record(v, row, "this record stands behind the signed end of its chain: it is forged");
    }
    w->seq = seq;
    w->newest_ms = time_ms > w->newest_ms ? time_ms : w->newest_ms;
    go_on_from(v, chain);
}

static void check_clock(struct verifier *v, const struct row *row)
{
    struct walked *w = &v->at;
    int64_t time_ms = row_get_int(row, CHECKPOINT_time_ms);
    int64_t up_ms = row_get_int(row, CHECKPOINT_up_ms);
    int64_t back_ms = (up_ms - w->up_ms) - (time_ms - w->time_ms);

    if (back_ms > CLOCK_SLACK_MS)
        find(v, w->signed_seq + 1,
             "the clock was set back by %lld s between checkpoints %lld and "
             "%lld (records up to %lld)",
             (long long)back_ms / 1000, (long long)w->n, (long long)row_get_int(row, CHECKPOINT_n),
             (long long)w->seq);
    else if (w->newest_ms > time_ms + CLOCK_SLACK_MS)
        find(v, w->signed_seq + 1,
             "the clock was set back: a record up to %lld is dated %lld s "
             "after the checkpoint that signed it",
             (long long)w->seq, (long long)(w->newest_ms - time_ms) / 1000);
    w->time_ms = time_ms;
    w->up_ms = up_ms;
    w->newest_ms = 0;
}

/* Whether the checkpoint speaks of the chain as it stands here. */
static void check_span(struct verifier *v, int64_t n, int64_t seq, struct view chain)
{
    struct walked *w = &v->at;

    if (seq > w->seq)
        find(v, w->seq + 1, "records %lld to %lld are missing: checkpoint %lld signs them",
             (long long)w->seq + 1, (long long)seq, (long long)n);
    else if (seq < w->seq)
        find(v, seq, "checkpoint %lld is out of its place", (long long)n);
    else if (!view_eq(chain, chain_view(w->chain)))
        find(v, w->signed_seq + 1,
             "checkpoint %lld signs other records than those up to %lld: one "
             "of them was changed and its chain made again",
             (long long)n, (long long)seq);
}

static void on_checkpoint(struct verifier *v, const struct row *row)
{
    struct walked *w = &v->at;
    int64_t n = row_get_int(row, CHECKPOINT_n), seq = row_get_int(row, CHECKPOINT_seq);
    struct view chain = row_get_bytes(row, CHECKPOINT_chain);

    v->result->checkpoints++;
    if (!w->opened)
        return;
    if (!is_signed(v, row)) {
        find(v, seq, "checkpoint %lld was changed or forged: the signature is wrong", (long long)n);
        w->n = n == w->n + 1 ? n : w->n;
        return;
    }
    if (n != w->n + 1)
        find(v, seq,
             n > w->n ? "checkpoints are missing before checkpoint %lld"
                      : "checkpoint %lld stands twice",
             (long long)n);
    check_span(v, n, seq, chain);
    check_clock(v, row);
    compare_anchor(v, n, seq, chain);
    w->n = n;
    w->seq = w->signed_seq = seq;
    w->last = row_get_int(row, CHECKPOINT_last) != 0;
    go_on_from(v, chain);
}

static void on_row(struct verifier *v, const struct row *row)
{
    static const unsigned whose[ROW_KINDS] = {[ROW_RECORD] = RECORD_writer,
                                              [ROW_CHECKPOINT] = CHECKPOINT_writer,
                                              [ROW_STUB] = STUB_writer};
    static void (*const on[ROW_KINDS])(struct verifier *,
                                       const struct row *) = {[ROW_RECORD] = on_record,
                                                              [ROW_WRITER] = on_writer,
                                                              [ROW_CHECKPOINT] = on_checkpoint,
                                                              [ROW_STUB] = on_stub};

    int64_t writer = row_get_int(row, whose[row->kind]);
    if (row->kind != ROW_WRITER && writer != v->at.writer)
        on_stray(v, row, writer);
    on[row->kind](v, row);
}

/* Chains that the anchor knows and the ledger does not. */
static void check_anchors(struct verifier *v)
{
    v->at = (struct walked){0};
    for (unsigned i = 0; v->anchors && i < v->anchors->n; i++) {
        const struct anchor_seen *a = &v->anchors->all[i];
        v->at.writer = a->writer;
        if (!a->used)
            find(v, 1,
                 "the anchor knows this chain up to record %lld, and it is not here: an old "
                 "file was put back, or the chain was removed",
                 (long long)a->seq);
    }
}

static bool walk(struct verifier *v, struct proof_source *source, struct error *err)
{
    for (;;) {
        switch (source->next(source, err)) {
        case PROOF_ROW:
            on_row(v, &source->row);
            break;
        case PROOF_OLD:
            v->old_records = source->old_records;
            v->old_id = source->old_id;
            v->result->old_records = source->old_records;
            break;
        case PROOF_END:
            finish_chain(v);
            check_anchors(v);
            if (v->result->writers == 0)
                find(v, 0, "there is no chain in it");
            return true;
        case PROOF_FAILED:
            return false;
        }
    }
}

bool verify_proof(struct proof_source *source, const struct ledger_key_ring *ring,
                  struct anchors *anchors, struct proof_answer *answer,
                  struct verify_result *ret_result, struct error *err)
{
    struct verify_result *result = calloc(1, sizeof(*result));
    struct verifier v = {.ring = ring,
                         .anchors = anchors,
                         .result = result,
                         .bytes = BUF_MAX(SIGNED_BYTES),
                         .scratch = arena_new(SCRATCH_BYTES)};

    bool ok = result && v.scratch && chain_hasher_init(&v.hasher);
    if (!ok) {
        error_set(err, ERROR_NO_MEMORY, "no memory to verify");
    } else {
        result->answer = answer;
        ok = walk(&v, source, err);
    }
    if (ok)
        *ret_result = *result;
    chain_hasher_done(&v.hasher);
    buf_done(&v.bytes);
    arena_free(v.scratch);
    free(result);
    return ok;
}
