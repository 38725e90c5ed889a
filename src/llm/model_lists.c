#include "llm/model_lists.h"

#include "json/writer.h"

static void put_openai(struct json_writer *w, const struct llm_listed *model)
{
    json_put_object(w);
    json_put_member_string(w, VIEW("id"), model->name);
    json_put_member_string(w, VIEW("object"), VIEW("model"));
    json_put_member_i64(w, VIEW("created"), 0);
    json_put_member_string(w, VIEW("owned_by"), model->owner);
    json_put_close(w);
}

void openai_model_write(const struct llm_listed *model, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    put_openai(&w, model);
}

void openai_models_write(const struct llm_listed *models, size_t n, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("object"), VIEW("list"));
    json_put_key(&w, VIEW("data"));
    json_put_array(&w);
    for (size_t i = 0; i < n; i++)
        put_openai(&w, &models[i]);
    json_put_close(&w);
    json_put_close(&w);
}

static void put_anthropic(struct json_writer *w, const struct llm_listed *model)
{
    json_put_object(w);
    json_put_member_string(w, VIEW("type"), VIEW("model"));
    json_put_member_string(w, VIEW("id"), model->name);
    json_put_member_string(w, VIEW("display_name"), model->name);
    json_put_member_string(w, VIEW("created_at"), VIEW("1970-01-01T00:00:00Z")); /* not known */
    json_put_close(w);
}

void anthropic_model_write(const struct llm_listed *model, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    put_anthropic(&w, model);
}

void anthropic_models_write(const struct llm_listed *models, size_t n, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_key(&w, VIEW("data"));
    json_put_array(&w);
    for (size_t i = 0; i < n; i++)
        put_anthropic(&w, &models[i]);
    json_put_close(&w);
    json_put_member_bool(&w, VIEW("has_more"), false);
    json_put_member_string(&w, VIEW("first_id"), models[0].name);
    json_put_member_string(&w, VIEW("last_id"), models[n - 1].name);
    json_put_close(&w);
}
