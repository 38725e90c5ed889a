#include "llm/ollama_lists.h"

#include "base/hash.h"
#include "llm/ollama.h"

/* Clients shorten a digest to twelve characters and tell models apart by it: it needs its length
 * and must differ from model to model, no more. */
static void put_digest(struct json_writer *w, struct view name)
{
    static const char hex[] = "0123456789abcdef";
    char text[64];

    for (unsigned i = 0; i < 4; i++) {
        uint64_t hash = hash_bytes_seeded(name, i + 1);
        for (unsigned k = 0; k < 16; k++, hash >>= 4)
            text[16 * i + k] = hex[hash & 15];
    }
    json_put_member_string(w, VIEW("digest"), view_of(text, sizeof(text)));
}

static void put_time(struct json_writer *w, struct view key, int64_t wall_ns)
{
    char text[40];

    json_put_member_string(w, key, view_of(text, ollama_time(text, wall_ns)));
}

static void put_details(struct json_writer *w)
{
    json_put_key(w, VIEW("details"));
    json_put_raw(w, VIEW("{\"parent_model\":\"\",\"format\":\"\",\"family\":\"weir\","
                         "\"families\":[\"weir\"],\"parameter_size\":\"\","
                         "\"quantization_level\":\"\"}"));
}

static struct json_writer begin_models(struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_key(&w, VIEW("models"));
    json_put_array(&w);
    return w;
}

static void put_names(struct json_writer *w, struct view name)
{
    json_put_object(w);
    json_put_member_string(w, VIEW("name"), name);
    json_put_member_string(w, VIEW("model"), name);
}

void ollama_tags_write(const struct llm_listed *models, size_t n, int64_t since_ns, struct buf *out)
{
    struct json_writer w = begin_models(out);

    for (size_t i = 0; i < n; i++) {
        put_names(&w, models[i].name);
        put_time(&w, VIEW("modified_at"), since_ns);
        json_put_member_u64(&w, VIEW("size"), 0);
        put_digest(&w, models[i].name);
        put_details(&w);
        json_put_close(&w);
    }
    json_put_close(&w);
    json_put_close(&w);
}

void ollama_ps_write(const struct llm_listed *models, size_t n, struct buf *out)
{
    struct json_writer w = begin_models(out);

    for (size_t i = 0; i < n; i++) {
        if (!models[i].loaded)
            continue;
        put_names(&w, models[i].name);
        json_put_member_u64(&w, VIEW("size"), 0);
        put_digest(&w, models[i].name);
        put_details(&w);
        /* The engine's own way to say "never". */
        json_put_member_string(&w, VIEW("expires_at"), VIEW("0001-01-01T00:00:00Z"));
        json_put_member_u64(&w, VIEW("size_vram"), 0);
        json_put_member_u64(&w, VIEW("context_length"), models[i].window);
        json_put_close(&w);
    }
    json_put_close(&w);
    json_put_close(&w);
}

/* A model that embeds answers no chat. */
static void put_abilities(struct json_writer *w, unsigned abilities)
{
    bool embeds = (abilities & ABILITY_EMBEDDINGS) != 0;

    json_put_key(w, VIEW("capabilities"));
    json_put_array(w);
    json_put_string(w, embeds ? VIEW("embedding") : VIEW("completion"));
    if (!embeds && abilities & ABILITY_TOOLS)
        json_put_string(w, VIEW("tools"));
    if (!embeds && abilities & ABILITY_IMAGES)
        json_put_string(w, VIEW("vision"));
    json_put_close(w);
}

void ollama_show_write(const struct llm_listed *model, int64_t since_ns, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("modelfile"), VIEW(""));
    json_put_member_string(&w, VIEW("parameters"), VIEW(""));
    json_put_member_string(&w, VIEW("template"), VIEW(""));
    put_details(&w);
    json_put_key(&w, VIEW("model_info"));
    json_put_object(&w);
    json_put_member_string(&w, VIEW("general.architecture"), VIEW("weir"));
    if (model->window) /* clients look for the key that ends so */
        json_put_member_u64(&w, VIEW("weir.context_length"), model->window);
    json_put_close(&w);
    put_abilities(&w, model->abilities);
    put_time(&w, VIEW("modified_at"), since_ns);
    json_put_close(&w);
}

void ollama_version_write(struct view version, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("version"), version);
    json_put_close(&w);
}

bool ollama_show_read(struct view body, struct arena *a, struct view *ret_model, struct error *err)
{
    struct ollama_in x = {.a = a, .err = err};
    struct view model = VIEW_NONE, name = VIEW_NONE;
    struct json_object o;
    bool ok = true;

    json_begin(&x.r, body);
    json_object_begin(&x.r, &o);
    while (ok && json_object_next(&x.r, &o)) {
        if (json_key_is(&o, "model"))
            ok = ollama_take_string(&x, VIEW("model"), &model);
        else if (json_key_is(&o, "name"))
            ok = ollama_take_string(&x, VIEW("name"), &name);
        else
            json_skip(&x.r);
    }
    if (json_failed(&x.r) || (ok && !json_end(&x.r)))
        return json_error(&x.r, err);
    if (!ok)
        return false;
    if (!model.n && !name.n) {
        error_set(err, ERROR_MISSING_VALUE, "model is missing.");
        error_hint(err, "Write {\"model\":\"a model's name\"}.");
        return error_param(err, VIEW("model"));
    }
    *ret_model = model.n ? model : name;
    return true;
}

void ollama_load_write(struct view model, bool generate, bool unload, int64_t now_ns,
                       struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    json_put_object(&w);
    json_put_member_string(&w, VIEW("model"), model);
    put_time(&w, VIEW("created_at"), now_ns);
    json_put_key(&w, generate ? VIEW("response") : VIEW("message"));
    json_put_raw(&w, generate ? VIEW("\"\"") : VIEW("{\"role\":\"assistant\",\"content\":\"\"}"));
    json_put_member_bool(&w, VIEW("done"), true);
    json_put_member_string(&w, VIEW("done_reason"), unload ? VIEW("unload") : VIEW("load"));
    json_put_close(&w);
    buf_append_char(out, '\n');
}
