#include "fleet/engine_facts.h"

#include "fleet/ask.h"
#include "fleet/engine_json.h"
#include "json/writer.h"

/* Of new models at one look; the next one asks for more. */
enum { SHOW_AT_ONCE = 16, QUESTION_MAX = 1024 };

static const struct policy_model *find(const struct node_models *m, const struct policy_model *like)
{
    for (unsigned i = 0; m && i < m->n; i++)
        if (m->models[i].abilities_told && view_eq(m->models[i].name, like->name) &&
            view_eq(m->models[i].digest, like->digest))
            return &m->models[i];
    return NULL;
}

static bool ask_abilities(struct fleet *f, struct node *n, const struct config_backend *backend,
                          struct view model, int64_t timeout_ms, struct arena *scratch,
                          unsigned *ret_abilities)
{
    struct buf question = BUF_MAX(QUESTION_MAX);
    struct view answer;
    struct error ignored;

    buf_append_lit(&question, "{\"model\":");
    json_quote(&question, model);
    buf_append_lit(&question, "}");
    bool ok = buf_ok(&question) &&
              node_ask(f, n, backend, "POST", "/api/show", buf_view(&question), timeout_ms, scratch,
                       &answer, &ignored) &&
              engine_abilities(answer, ret_abilities, &ignored);
    buf_done(&question);
    return ok;
}

static void tell_abilities(struct fleet *f, struct node *n, const struct config_backend *backend,
                           int64_t timeout_ms, struct arena *scratch, struct node_models *models)
{
    struct node_models *before = node_models_ref(n);
    unsigned asked = 0;

    for (unsigned i = 0; i < models->n; i++) {
        struct policy_model *m = &models->models[i];
        const struct policy_model *same = find(before, m);
        if (same) {
            m->abilities = same->abilities;
            m->abilities_told = true;
        } else if (asked++ < SHOW_AT_ONCE) {
            m->abilities_told =
                ask_abilities(f, n, backend, m->name, timeout_ms, scratch, &m->abilities);
        }
    }
    node_models_unref(before);
}

void engine_facts_ask(struct fleet *f, struct node *n, const struct config_backend *backend,
                      int64_t timeout_ms, struct arena *scratch, struct node_models *models)
{
    bool ollama = n->engine == ENGINE_OLLAMA;
    struct view answer;
    struct error ignored;

    if (n->side != SIDE_INSIDE)
        return;
    if ((ollama || n->engine == ENGINE_VLLM) &&
        node_ask(f, n, backend, "GET", ollama ? "/api/version" : "/version", VIEW_NONE, timeout_ms,
                 scratch, &answer, &ignored))
        models->version = engine_text(answer, VIEW("version"), models->arena);
    if (ollama)
        tell_abilities(f, n, backend, timeout_ms, scratch, models);
}
