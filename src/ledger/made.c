/* What a record leaves out because its columns say it, made up again for who reads it. */
#include "ledger/reader.h"
#include "policy/policy.h"
#include "json/writer.h"

enum { PLAN_MEMORY = 256 << 10 };

static bool write_plan(const struct ledger_record *record, struct arena *a, struct buf *out)
{
    struct plan plan = {.alias = record->alias};
    struct inspect_facts facts = {.confidence = record->confidence,
                                  .complexity = record->complexity};

    if (!task_from_name(record->task, &plan.task) ||
        !plan_read_brief(record->plan, a, &plan, &facts))
        return false;
    plan_write_json(&plan, &facts, out);
    return buf_ok(out);
}

struct view ledger_plan_json(struct ledger_reader *r, const struct ledger_record *record)
{
    struct arena *a = record->plan.n ? arena_new(PLAN_MEMORY) : NULL;

    buf_reset(&r->plan);
    bool made = a && write_plan(record, a, &r->plan);
    arena_free(a);
    return made ? buf_view(&r->plan) : record->plan;
}

struct view ledger_attempts_json(struct ledger_reader *r, const struct ledger_record *record)
{
    struct json_writer w = JSON_WRITER(&r->attempts);

    if (record->attempts.n)
        return record->attempts;
    if (record->side < 0)
        return VIEW("[]");
    buf_reset(&r->attempts);
    json_put_array(&w);
    json_put_object(&w);
    json_put_member_string(&w, VIEW("backend"), record->backend);
    json_put_member_string(&w, VIEW("node"), record->node);
    json_put_member_string(&w, VIEW("model"), record->model);
    json_put_member_string(&w, VIEW("outcome"), record->outcome);
    json_put_member_i64(&w, VIEW("ms"), record->total_us < 0 ? 0 : record->total_us / 1000);
    json_put_member_i64(&w, VIEW("status"), record->status);
    json_put_close(&w);
    json_put_close(&w);
    return buf_ok(&r->attempts) ? buf_view(&r->attempts) : VIEW("[]");
}
