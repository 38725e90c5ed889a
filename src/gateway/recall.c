/*
 * Answers that no model is needed for: those to Ollama's load requests, where no engine loads
 * models when it is told to.
 */
#include "base/clock.h"
#include "gateway/exchange.h"
#include "llm/ollama_lists.h"

enum { ANSWER_BYTES = 16 * 1024 };

static bool answer_load(struct exchange *x)
{
    struct buf body = BUF_MAX(ANSWER_BYTES);

    ollama_load_write(x->request.model, x->dialect == LLM_OLLAMA_GENERATE,
                      x->request.load == LLM_LOAD_END, clock_wall_ms() * NS_PER_MS, &body);
    struct view text = buf_ok(&body) ? arena_dup(x->arena, buf_view(&body)) : VIEW_NONE;
    buf_done(&body);
    x->held[0] = deliver_head(x, 200, VIEW("application/json; charset=utf-8"), text.n);
    x->held[1] = text;
    x->n_held = 2;
    x->notes = VIEW("answered by Weir: nothing to load");
    return text.n > 0 && x->held[0].n > 0;
}

bool exchange_recall(struct exchange *x)
{
    bool loads = x->request.load != LLM_LOAD_NONE;

    return loads && x->plan->n_candidates == 0 && answer_load(x);
}
