/*
 * Exports of a ledger: whatever stands there, the verifier comes to an end, and a row that was read
 * comes back from the writer with the same canonical bytes.
 */
#include "ledger/row_json.h"
#include "ledger/verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static struct proof_source *open_bytes(const uint8_t *data, size_t size)
{
    struct error err;
    FILE *f = tmpfile();

    must(f && fwrite(data, 1, size, f) == size);
    rewind(f);
    return proof_open_text(f, &err);
}

static void check_row(const struct row *row, struct arena *a)
{
    struct buf text = BUF_MAX(1 << 24), first = BUF_MAX(1 << 24), second = BUF_MAX(1 << 24);
    struct json_writer w = JSON_WRITER(&text);
    struct json_reader r;
    struct row back;
    struct error err;

    arena_reset(a);
    row_put_json(&w, row);
    json_begin(&r, buf_view(&text));
    must(buf_ok(&text) && row_take_json(&r, row->kind, a, &back, &err) && json_end(&r));
    row_canonical(row, &first);
    row_canonical(&back, &second);
    must(view_eq(buf_view(&first), buf_view(&second)));
    buf_done(&text);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger_key_ring ring = {0};
    struct error err;

    struct proof_source *source = open_bytes(data, size);
    if (!source)
        return 0;
    struct arena *a = arena_new(1 << 24);
    must(a != NULL);
    for (enum proof_step step; (step = source->next(source, &err)) != PROOF_END;) {
        if (step == PROOF_FAILED)
            break;
        if (step == PROOF_ROW)
            check_row(&source->row, a);
    }
    proof_close(source);
    arena_free(a);

    source = open_bytes(data, size);
    must(source != NULL);
    struct verify_result *result = calloc(1, sizeof(*result));
    struct proof_answer *answer = proof_answer_new(0, INT64_MAX);
    must(result && answer);
    if (verify_proof(source, &ring, NULL, answer, result, &err))
        must(result->n_findings > 0); /* no key was given, so nothing is proven */
    proof_close(source);
    free(answer);
    free(result);
    return 0;
}
