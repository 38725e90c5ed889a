/* The lists of models in each dialect, and what one of them can do. */
#include "base/clock.h"
#include "gateway/models.h"
#include "gateway/routes.h"
#include "http/syntax.h"
#include "llm/ollama_lists.h"

static bool collect(struct exchange *x, bool pins, struct models *ret_models)
{
    exchange_wait_for_models(x);
    return models_collect(x->fleet, pins, x->arena, ret_models, &x->error);
}

/* In the shape of the client's dialect; `model` NULL: all. */
static void write_models(struct exchange *x, const struct models *all,
                         const struct llm_listed *model, struct buf *out)
{
    bool anthropic = x->dialect == LLM_ANTHROPIC;

    if (model)
        (anthropic ? anthropic_model_write : openai_model_write)(model, out);
    else
        (anthropic ? anthropic_models_write : openai_models_write)(all->all, all->n, out);
}

static bool find_named(struct exchange *x, const struct models *all, struct view name,
                       const struct llm_listed **ret_model)
{
    if (!(*ret_model = models_find(all, name))) {
        error_set(&x->error, ERROR_UNKNOWN_MODEL, "there is no model '%.*s' here",
                  VIEW_ARG(view_first(name, 80)));
        return error_hint(&x->error, "GET /v1/models lists all of them.");
    }
    return true;
}

bool route_models(struct exchange *x)
{
    struct view name = view_skip(x->head->path, sizeof("/v1/models") - 1);
    struct buf body = BUF_MAX(ROUTE_ANSWER_BYTES);
    const struct llm_listed *one = NULL;
    struct models all;

    if (http_header_get(x->head, VIEW("anthropic-version")).n > 0)
        x->dialect = LLM_ANTHROPIC;
    name = http_percent_decoded(view_skip(name, 1), x->arena); /* "inside%2FNAME" */
    bool ok = exchange_identify(x) && collect(x, true, &all) &&
              (name.n == 0 || find_named(x, &all, name, &one));
    if (ok)
        write_models(x, &all, one, &body);
    return route_answer_written(x, ok, &body);
}

bool route_tags(struct exchange *x)
{
    struct buf body = BUF_MAX(ROUTE_ANSWER_BYTES);
    struct models models;
    bool ok = exchange_identify(x) && collect(x, false, &models);

    if (ok)
        ollama_tags_write(models.all, models.n, x->gateway->started_wall_ms * NS_PER_MS, &body);
    return route_answer_written(x, ok, &body);
}

bool route_ps(struct exchange *x)
{
    struct buf body = BUF_MAX(ROUTE_ANSWER_BYTES);
    struct models models;
    bool ok = exchange_identify(x) && collect(x, false, &models);

    if (ok)
        ollama_ps_write(models.all, models.n, &body);
    return route_answer_written(x, ok, &body);
}

static const struct llm_listed *find_for_ollama(struct exchange *x)
{
    const struct llm_listed *model;
    struct models models;
    struct view name;

    if (!exchange_identify(x) || !exchange_receive(x) ||
        !ollama_show_read(x->body, x->request_arena, &name, &x->error) ||
        !collect(x, false, &models))
        return NULL;
    model = models_find(&models, name);
    if (!model)
        error_set(&x->error, ERROR_UNKNOWN_MODEL, "model '%.*s' not found",
                  VIEW_ARG(view_first(name, 80)));
    return model;
}

bool route_show(struct exchange *x)
{
    struct buf body = BUF_MAX(ROUTE_ANSWER_BYTES);
    const struct llm_listed *model = find_for_ollama(x);

    if (model)
        ollama_show_write(model, x->gateway->started_wall_ms * NS_PER_MS, &body);
    return route_answer_written(x, model != NULL, &body);
}
