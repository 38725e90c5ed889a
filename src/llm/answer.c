#include "llm/dialect.h"

static bool unknown_dialect(struct error *err)
{
    return error_set(err, ERROR_INTERNAL, "The dialect of the answer is not known.");
}

bool llm_answer_event(struct llm_answer *answer, struct view name, struct view data,
                      struct buf *out, unsigned *ret_events, struct error *err)
{
    const struct llm_dialect_ops *ops = llm_dialect(answer->dialect);

    return ops ? ops->event_pass(answer, name, data, out, ret_events, err) : unknown_dialect(err);
}

bool llm_answer_plain(struct llm_answer *answer, struct view body, struct arena *a,
                      struct llm_body *ret_body, struct error *err)
{
    const struct llm_dialect_ops *ops = llm_dialect(answer->dialect);

    return ops ? ops->plain_pass(answer, body, a, ret_body, err) : unknown_dialect(err);
}

void llm_error_write(enum llm_dialect dialect, const struct error *err, struct buf *out)
{
    const struct llm_dialect_ops *ops = llm_dialect(dialect);

    if (ops)
        ops->error_write(err, error_info(err->code)->http_status, VIEW_NONE, out);
}

void llm_error_event(enum llm_dialect dialect, const struct error *err, struct buf *out)
{
    const struct llm_dialect_ops *ops = llm_dialect(dialect);
    struct llm_writer w = {.dialect = dialect, .started = true, .open_kind = -1};

    if (ops)
        ops->error_event(&w, err, out);
}

struct view llm_end_mark(enum llm_dialect dialect)
{
    bool marked = dialect == LLM_OPENAI_CHAT || dialect == LLM_OPENAI_COMPLETIONS;

    return marked ? VIEW("data: [DONE]\n\n") : VIEW("");
}
