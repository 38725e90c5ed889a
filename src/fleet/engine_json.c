#include "fleet/engine_json.h"

#include "config/config.h"

enum { TEXT_MAX = 80, MAX_CAPABILITIES = 64 };

static bool is_plain(struct view text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == '"' || text.p[i] == '\\')
            return false;
    return text.n > 0 && text.n <= TEXT_MAX;
}

struct view engine_text(struct view document, struct view key, struct arena *a)
{
    struct json_reader r;
    struct json_object o;
    struct json_text text = {.raw = VIEW_NONE};

    json_begin(&r, document);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (view_eq(o.key, key) && json_peek(&r) == JSON_STRING)
            json_string(&r, &text);
        else
            json_skip(&r);
    }
    return json_end(&r) && is_plain(text.raw) ? arena_dup(a, text.raw) : VIEW_NONE;
}

uint64_t engine_count(struct json_reader *r)
{
    struct view raw;
    uint64_t value = 0;

    if (json_peek(r) == JSON_NUMBER && json_number(r, &raw))
        (void)view_to_u64(raw, &value);
    else
        json_skip(r);
    return value;
}

uint32_t engine_slots(struct view props)
{
    struct json_reader r;
    struct json_object o;
    uint64_t slots = 0;

    json_begin(&r, props);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (json_key_is(&o, "total_slots"))
            slots = engine_count(&r);
        else
            json_skip(&r);
    }
    return json_end(&r) && slots < UINT32_MAX ? (uint32_t)slots : 0;
}

static unsigned ability_of(struct view capability)
{
    static const struct {
        struct view name;
        unsigned abilities;
    } known[] = {
        {VIEW_LIT("completion"), ABILITY_SCHEMA}, /* Ollama binds any chat model to a schema */
        {VIEW_LIT("tools"), ABILITY_TOOLS},
        {VIEW_LIT("vision"), ABILITY_IMAGES},
        {VIEW_LIT("embedding"), ABILITY_EMBEDDINGS},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (view_eq(known[i].name, capability))
            return known[i].abilities;
    return 0;
}

bool engine_abilities(struct view show, unsigned *ret_abilities, struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct json_array array;
    struct json_text text;
    unsigned abilities = 0, n = 0;

    json_begin(&r, show);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!json_key_is(&o, "capabilities") || json_peek(&r) != JSON_ARRAY) {
            json_skip(&r);
            continue;
        }
        json_array_begin(&r, &array);
        while (n < MAX_CAPABILITIES && json_array_next(&r, &array)) {
            if (json_peek(&r) != JSON_STRING || !json_string(&r, &text))
                break;
            abilities |= ability_of(text.raw);
            n++;
        }
    }
    if (!json_end(&r)) {
        json_error(&r, err);
        err->code = ERROR_UPSTREAM_PROTOCOL;
        return false;
    }
    if (!(abilities & (ABILITY_SCHEMA | ABILITY_EMBEDDINGS)))
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "it does not say what the model can do");
    *ret_abilities =
        abilities & ABILITY_SCHEMA ? abilities & ~(unsigned)ABILITY_EMBEDDINGS : ABILITY_EMBEDDINGS;
    return true;
}
