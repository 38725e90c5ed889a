#include "fleet/models_json.h"

#include "fleet/engine_json.h"
#include "llm/models.h"

enum { MAX_MODELS = 512, OLLAMA_UNLOADED_WINDOW = 4096, DIGEST_MAX = 80 };

/* llama.cpp: {"meta": {"n_ctx": 2048, "size": 96576768, "ftype": "Q4_1"}} */
struct meta {
    uint64_t n_ctx, size;
    struct json_text ftype;
};

/* One entry of a list, whatever engine it is from. */
struct entry {
    struct json_text name;
    uint64_t window;
    bool remote;
    bool embeds;             /* by what the engine says of it */
    struct json_text digest; /* Ollama's */
    struct meta meta;        /* llama.cpp's */
};

static struct meta read_meta(struct json_reader *r)
{
    struct json_object o;
    struct meta meta = {0};

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return meta;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "n_ctx"))
            meta.n_ctx = engine_count(r);
        else if (json_key_is(&o, "size"))
            meta.size = engine_count(r);
        else if (json_key_is(&o, "ftype") && json_peek(r) == JSON_STRING)
            json_string(r, &meta.ftype);
        else if (!json_skip(r))
            break;
    }
    return meta;
}

/* Not null and not "". */
static bool says_something(struct json_reader *r)
{
    struct json_text text;

    if (json_peek(r) != JSON_STRING)
        return !json_take_null(r) && json_skip(r);
    return json_string(r, &text) && text.raw.n > 0;
}

/* Ollama: {"details": {"family": "nomic-bert"}}; models of that kind do nothing else. */
static bool read_details(struct json_reader *r)
{
    struct json_object o;
    struct json_text family;
    bool embeds = false;

    if (json_peek(r) != JSON_OBJECT) {
        json_skip(r);
        return false;
    }
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "family") && json_peek(r) == JSON_STRING)
            embeds = json_string(r, &family) && view_ends(family.raw, VIEW("bert"));
        else
            json_skip(r);
    }
    return embeds;
}

static void read_entry(struct json_reader *r, struct entry *e)
{
    struct json_object o;
    bool has_id = false;

    *e = (struct entry){0};
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool id = json_key_is(&o, "id"), name = json_key_is(&o, "name");
        if ((id || (name && !has_id)) && json_peek(r) == JSON_STRING) {
            json_string(r, &e->name); /* beside an id, a name is for people */
            has_id |= id;
        } else if (json_key_is(&o, "max_model_len") || json_key_is(&o, "context_length")) {
            e->window = engine_count(r);
        } else if (json_key_is(&o, "details")) {
            e->embeds = read_details(r);
        } else if (json_key_is(&o, "meta")) {
            e->meta = read_meta(r);
            e->window = e->meta.n_ctx ? e->meta.n_ctx : e->window;
        } else if (json_key_is(&o, "digest") && json_peek(r) == JSON_STRING) {
            json_string(r, &e->digest);
        } else if (json_key_is(&o, "remote_host") || json_key_is(&o, "remote_model")) {
            e->remote |= says_something(r);
        } else if (!json_skip(r)) {
            break;
        }
    }
}

static struct policy_model *find(struct node_models *out, struct view name)
{
    for (unsigned i = 0; i < out->n; i++)
        if (view_eq(out->models[i].name, name))
            return &out->models[i];
    return NULL;
}

/* llama.cpp has no digest: the size in bytes and the quantisation tell builds of a model apart. */
static struct view digest_of(const struct entry *e, struct arena *a)
{
    if (e->digest.raw.n > 0 && e->digest.raw.n <= DIGEST_MAX && !e->digest.escaped)
        return arena_dup(a, e->digest.raw);
    if (e->meta.size == 0 || e->meta.ftype.raw.n > DIGEST_MAX || e->meta.ftype.escaped)
        return VIEW_NONE;
    return arena_printf(a, "%.*s%s%llu", VIEW_ARG(e->meta.ftype.raw),
                        e->meta.ftype.raw.n ? "-" : "", (unsigned long long)e->meta.size);
}

static void add(struct node_models *out, const struct entry *e, bool ollama)
{
    struct view name = json_decode(e->name, out->arena);
    struct llm_model_facts facts = llm_model_facts(name);
    unsigned abilities = e->embeds     ? ABILITY_EMBEDDINGS
                         : facts.known ? facts.abilities
                                       : ABILITY_TOOLS | ABILITY_IMAGES | ABILITY_SCHEMA;
    bool useless = facts.no_chat && !(abilities & ABILITY_EMBEDDINGS);

    if (name.n == 0 || name.n > 256 || useless || out->n == MAX_MODELS || find(out, name))
        return;
    uint32_t window = e->window > 0 && e->window < UINT32_MAX ? (uint32_t)e->window
                      : ollama                                ? OLLAMA_UNLOADED_WINDOW
                                                              : facts.window;
    out->models[out->n++] = (struct policy_model){
        .name = arena_dup(out->arena, name),
        .window = window,
        .abilities = abilities,
        .loaded = !ollama,
        .remote = e->remote || llm_model_is_remote(name),
        .family = tokens_family(name),
        .digest = digest_of(e, out->arena),
    };
}

/* Calls `take` for each object of the array `key` of the document. */
static bool each_entry(struct view document, struct view key,
                       void (*take)(const struct entry *e, void *arg), void *arg, struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct json_array array;
    struct entry e;
    bool found = false;

    json_begin(&r, document);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!view_eq(o.key, key) || json_peek(&r) != JSON_ARRAY) {
            json_skip(&r);
            continue;
        }
        found = true;
        json_array_begin(&r, &array);
        while (json_array_next(&r, &array)) {
            if (json_peek(&r) != JSON_OBJECT) {
                json_skip(&r);
                continue;
            }
            read_entry(&r, &e);
            if (!json_failed(&r))
                take(&e, arg);
        }
    }
    if (!json_end(&r)) {
        json_error(&r, err);
        err->code = ERROR_UPSTREAM_PROTOCOL;
        return false;
    }
    return found || error_set(err, ERROR_UPSTREAM_PROTOCOL, "the list of models has no '%.*s'",
                              VIEW_ARG(key));
}

static void take_openai(const struct entry *e, void *arg)
{
    add(arg, e, false);
}

static void take_tag(const struct entry *e, void *arg)
{
    add(arg, e, true);
}

static void take_loaded(const struct entry *e, void *arg)
{
    struct node_models *out = arg;
    struct policy_model *m = find(out, json_decode(e->name, out->arena));

    if (!m)
        return;
    m->loaded = true;
    if (e->window > 0 && e->window < UINT32_MAX)
        m->window = (uint32_t)e->window;
}

/* The window of one slot: {"default_generation_settings": {"n_ctx": 2048}}. */
static uint32_t slot_window(struct view props)
{
    struct json_reader r;
    struct json_object o;
    uint64_t n_ctx = 0;

    json_begin(&r, props);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (json_key_is(&o, "default_generation_settings"))
            n_ctx = read_meta(&r).n_ctx;
        else
            json_skip(&r);
    }
    return json_failed(&r) || n_ctx >= UINT32_MAX ? 0 : (uint32_t)n_ctx;
}

static bool make_room(struct node_models *out, struct error *err)
{
    out->models = arena_new_array(out->arena, struct policy_model, MAX_MODELS);
    out->n = 0;
    return out->models || error_set(err, ERROR_NO_MEMORY, "no memory for a list of models");
}

bool models_from_openai(struct view list, struct view props, struct node_models *out,
                        struct error *err)
{
    if (!make_room(out, err) || !each_entry(list, VIEW("data"), take_openai, out, err))
        return false;
    uint32_t slot = props.n ? slot_window(props) : 0;
    for (unsigned i = 0; slot && i < out->n; i++)
        out->models[i].window = slot;
    if (props.n) {
        out->slots = engine_slots(props);
        out->version = engine_text(props, VIEW("build_info"), out->arena);
    }
    return true;
}

/* Loaded models to the front; the engine's order otherwise. */
static void loaded_first(struct node_models *out)
{
    for (unsigned i = 1; i < out->n; i++) {
        struct policy_model m = out->models[i];
        unsigned k = i;
        if (!m.loaded)
            continue;
        for (; k > 0 && !out->models[k - 1].loaded; k--)
            out->models[k] = out->models[k - 1];
        out->models[k] = m;
    }
}

bool models_from_ollama(struct view tags, struct view ps, struct node_models *out,
                        struct error *err)
{
    if (!make_room(out, err) || !each_entry(tags, VIEW("models"), take_tag, out, err) ||
        !each_entry(ps, VIEW("models"), take_loaded, out, err))
        return false;
    loaded_first(out);
    return true;
}
