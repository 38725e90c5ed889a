#include "llm/models.h"

#define T ABILITY_TOOLS
#define I ABILITY_IMAGES
#define S ABILITY_SCHEMA
#define E ABILITY_EMBEDDINGS

/* What a longer name has behind it is not looked at. */
#define MAX_NAME 256

enum traits { PLAIN, GOES_ON, REASONING, NO_CHAT };

static const struct row {
    struct view pattern;
    uint32_t window;
    unsigned abilities;
    enum traits traits;
} rows[] = {
#define MODEL(pattern, window, abilities, traits) {VIEW_LIT(pattern), window, abilities, traits},
#include "llm/models.def"
#undef MODEL
};

/* "openai/ft:GPT-4o-mini:acme" -> "gpt-4o-mini:acme" */
static struct view plain_name(struct view model, char *to)
{
    for (size_t at = view_find_char(model, '/'); at != VIEW_NPOS; at = view_find_char(model, '/'))
        model = view_skip(model, at + 1);
    if (view_starts(model, VIEW("ft:")))
        model = view_skip(model, 3);
    model = view_first(model, MAX_NAME);
    for (size_t i = 0; i < model.n; i++)
        to[i] = ascii_lower(model.p[i]);
    return view_of(to, model.n);
}

struct llm_model_facts llm_model_facts(struct view model)
{
    char lower[MAX_NAME];
    struct view name = plain_name(model, lower);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (!view_matches_glob(name, row->pattern))
            continue;
        return (struct llm_model_facts){
            .window = row->window,
            .abilities = row->abilities,
            .known = true,
            .max_completion_tokens = row->traits == REASONING,
            .drop_sampling = row->traits == REASONING,
            .goes_on = row->traits == GOES_ON,
            .no_chat = row->traits == NO_CHAT,
        };
    }
    return (struct llm_model_facts){.known = false};
}

bool llm_model_is_remote(struct view model)
{
    struct view tag = model, cloud = VIEW("cloud");

    while (view_find_char(tag, ':') != VIEW_NPOS)
        view_cut(&tag, ':');
    if (tag.n == model.n || !view_eq_nocase(view_last(tag, cloud.n), cloud))
        return false;
    return tag.n == cloud.n || tag.p[tag.n - cloud.n - 1] == '-';
}

unsigned llm_model_abilities(const struct config_model *model)
{
    struct llm_model_facts facts = llm_model_facts(model->name);

    return model->abilities_known ? model->abilities
           : facts.known          ? facts.abilities
                                  : ABILITY_TOOLS | ABILITY_IMAGES | ABILITY_SCHEMA;
}
