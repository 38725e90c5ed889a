/* A record as a row of the file. */
#include "ledger/record_row.h"

#include <math.h>

/* A negative value stands for "none". */
static struct row_value natural(int64_t value)
{
    return value < 0 ? (struct row_value){.type = ROW_NULL} : row_int(value);
}

/* Of a task; without one there is none. SQLite has no NaN and no negative zero. */
static struct row_value share(double value, bool there)
{
    if (!there || isnan(value))
        return (struct row_value){.type = ROW_NULL};
    return (struct row_value){.type = ROW_REAL, .r = value + 0.0};
}

static void put_question(const struct ledger_record *r, struct row_value *to)
{
    to[RECORD_id] = row_int(r->id);
    to[RECORD_time_ms] = row_int(r->wall_ms);
    to[RECORD_request_id] = row_text(r->request_id);
    to[RECORD_key] = row_text(r->key);
    to[RECORD_dialect] = row_text(r->dialect);
    to[RECORD_model_asked] = row_text(r->model_asked);
    to[RECORD_alias] = row_text(r->alias);
    to[RECORD_task] = row_text(r->task);
    to[RECORD_confidence] = share(r->confidence, r->task.n != 0);
    to[RECORD_complexity] = share(r->complexity, r->task.n != 0);
    to[RECORD_notes] = row_text(r->notes);
    to[RECORD_attempts] = row_text(r->attempts);
    to[RECORD_plan] = row_text(r->plan);
}

static void put_answer(const struct ledger_record *r, struct row_value *to)
{
    to[RECORD_side] = row_text(r->side == SIDE_INSIDE    ? VIEW("inside")
                               : r->side == SIDE_OUTSIDE ? VIEW("outside")
                                                         : VIEW_NONE);
    to[RECORD_backend] = row_text(r->backend);
    to[RECORD_node] = row_text(r->node);
    to[RECORD_model] = row_text(r->model);
    to[RECORD_stream] = row_int(r->stream);
    to[RECORD_status] = row_int(r->status);
    to[RECORD_outcome] = row_text(r->outcome);
    to[RECORD_tokens_in] = row_int(r->tokens_in);
    to[RECORD_tokens_out] = row_int(r->tokens_out);
    to[RECORD_tokens_cached] = row_int(r->tokens_cached);
    to[RECORD_tokens_reasoning] = row_int(r->tokens_reasoning);
    to[RECORD_tokens_estimated] = row_int(r->tokens_estimated);
    to[RECORD_first_token_us] = natural(r->first_token_us);
    to[RECORD_total_us] = natural(r->total_us);
    to[RECORD_cost_nano] = natural(r->cost_nano);
    to[RECORD_other_cost_nano] = natural(r->other_cost_nano);
    to[RECORD_other_model] = row_text(r->other_model);
}

static void put_perimeter(const struct ledger_record *r, struct row_value *to)
{
    to[RECORD_scan] = row_text(r->scan);
    to[RECORD_profile] = row_text(r->profile);
    to[RECORD_findings] = row_text(r->findings);
    to[RECORD_modes] = row_text(r->modes);
    to[RECORD_peer] = row_text(r->peer);
    to[RECORD_portions] = row_text(r->portions);
    to[RECORD_sent] = row_text(r->sent);
}

void record_row(const struct ledger_record *record, struct row *row)
{
    row->kind = ROW_RECORD;
    row->values[RECORD_writer] = row->values[RECORD_seq] = row->values[RECORD_chain] =
        (struct row_value){.type = ROW_NULL};
    put_question(record, row->values);
    put_answer(record, row->values);
    put_perimeter(record, row->values);
}
