/* model_list: each entry becomes a deployment, or a note that says why not. */
#include "config/import_parts.h"

static const struct import_provider providers[] = {
#define PROVIDER(prefix, engine, where, base, key_env) \
    {prefix, engine, IMPORT_##where, base, key_env},
#include "config/import_providers.def"
#undef PROVIDER
};

const struct import_provider *import_provider_find(struct view prefix)
{
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
        if (view_eq(prefix, view_str(providers[i].prefix)))
            return &providers[i];
    return NULL;
}

/* The provider of a model without one in its name, as LiteLLM finds it in its own list. */
static struct view provider_of_name(struct view model)
{
    static const char *const openai[] = {"gpt-", "chatgpt-", "o1", "o3", "o4", "ft:gpt-"};

    for (size_t i = 0; i < sizeof(openai) / sizeof(openai[0]); i++)
        if (view_starts(model, view_str(openai[i])))
            return VIEW("openai");
    return view_starts(model, VIEW("claude-")) ? VIEW("anthropic") : VIEW("");
}

static struct view text_of(const struct tree_node *node)
{
    return node && node->kind == TREE_TEXT ? node->text : VIEW("");
}

/* "hosted_vllm/Qwen/Qwen3-8B": provider and model. */
static bool read_model(struct import *im, const struct tree_node *params,
                       struct import_deployment *d)
{
    const struct tree_node *node = tree_find(params, "model");
    struct view model = text_of(node), prefix = text_of(tree_find(params, "custom_llm_provider"));
    size_t slash = view_find_char(model, '/');

    if (!import_usable(model)) {
        import_note(im, node ? node : d->at, VIEW("an entry of model_list"),
                    "has no litellm_params.model that could be used");
        return false;
    }
    if (prefix.n == 0 && slash == VIEW_NPOS) {
        prefix = provider_of_name(model);
    } else if (prefix.n == 0) {
        prefix = view_first(model, slash);
        model = view_skip(model, slash + 1);
    } else if (slash != VIEW_NPOS && view_eq(view_first(model, slash), prefix)) {
        model = view_skip(model, slash + 1);
    }
    d->provider = import_provider_find(prefix);
    if (!d->provider) {
        import_note(im, node, import_clean(im, text_of(node)),
                    prefix.n ? "Weir does not speak this provider's API"
                             : "has no provider in front of a /, so it is not clear who serves it");
        return false;
    }
    if (view_starts(model, VIEW("responses/")))
        model = view_skip(model, 10);
    if (model.n && model.p[model.n - 1] == '*')
        model = VIEW("");
    else if (!import_model_name_is_good(model)) {
        import_note(im, node, import_clean(im, text_of(node)), "Weir cannot name such a model");
        return false;
    }
    d->model = model;
    return true;
}

/* Azure has its OpenAI dialect below /openai/v1. */
static struct view azure_base(struct import *im, const struct tree_node *node, struct view base)
{
    static const char *const ends[] = {"/", "/v1", "/", "/openai", "/"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (view_ends(base, view_str(ends[i])))
            base.n -= strlen(ends[i]);
    if (view_find(base, VIEW("/deployments")) != VIEW_NPOS) {
        import_note(im, node, VIEW("api_base"),
                    "goes on behind Azure's resource; write https://RESOURCE.openai.azure.com");
        return VIEW("");
    }
    import_note(im, node, VIEW("azure"),
                "is asked through its /openai/v1 API, with deployments as models; api_version is "
                "left out");
    return arena_printf(im->arena, "%.*s/openai", VIEW_ARG(base));
}

static bool url_of_variable(struct import *im, const struct tree_node *at, struct view name,
                            struct import_deployment *d)
{
    d->url = import_variable(im, name);
    if (d->url.n == 0) {
        import_note(im, at, VIEW("api_base"), "there are more than 1000 variables");
        return false;
    }
    d->side = d->provider->where == IMPORT_INSIDE ? SIDE_INSIDE : SIDE_OUTSIDE;
    if (d->provider->where == IMPORT_BY_HOST)
        import_notef(im, at,
                     "comes from the environment, so nobody knows where it is: taken as outside, "
                     "write side: inside if it is your own",
                     "api_base %.*s", VIEW_ARG(d->url));
    if (view_eq(view_str(d->provider->prefix), VIEW("azure")))
        d->url = azure_base(im, at, d->url);
    return d->url.n > 0;
}

/* url and side. */
static bool read_base(struct import *im, const struct tree_node *params,
                      struct import_deployment *d)
{
    const struct tree_node *node = tree_find(params, "api_base");
    const struct import_provider *p = d->provider;
    struct config_url url;
    struct error err;
    struct view name;

    if (!node)
        node = tree_find(params, "base_url");
    const struct tree_node *at = node ? node : d->at;
    struct view base = text_of(node);
    if (base.n == 0 && p->base && p->base[0] == '$')
        return url_of_variable(im, at, view_str(p->base + 1), d);
    if (base.n == 0 && p->base)
        base = view_str(p->base);
    if (base.n == 0) {
        import_note(im, at, VIEW("an entry of model_list"), "has no api_base");
        return false;
    }
    if (import_is_variable(base, &name))
        return url_of_variable(im, at, name, d);
    if (view_eq(view_str(p->prefix), VIEW("azure")))
        base = azure_base(im, at, base);
    if (base.n == 0)
        return false;
    if (base.n > 1000 || view_find(base, VIEW("${")) != VIEW_NPOS ||
        !config_url_parse(base, im->arena, &url, &err)) {
        import_note(im, at, VIEW("api_base"),
                    "is no URL that Weir takes: http:// or https://, a host, no user, no query, "
                    "nothing behind /v1");
        return false;
    }
    bool private = import_host_is_private(url.host);
    d->side = p->where == IMPORT_INSIDE || (p->where == IMPORT_BY_HOST && private) ? SIDE_INSIDE
                                                                                   : SIDE_OUTSIDE;
    if (p->where == IMPORT_INSIDE && !private)
        import_note(im, at, url.host,
                    "looks like a public host; its backend is taken as inside, because it is an "
                    "engine of your own");
    /* Without what Weir cuts anyway, so that the same server is written in one way. */
    size_t scheme = url.tls ? 8 : 7;
    struct view host = view_skip(base, scheme), path = host;
    host = view_cut(&path, '/');
    d->url = arena_printf(im->arena, "%.*s%.*s", VIEW_ARG(view_first(base, scheme + host.n)),
                          VIEW_ARG(url.prefix));
    return true;
}

static void read_key(struct import *im, const struct tree_node *params, struct import_deployment *d)
{
    const struct tree_node *node = tree_find(params, "api_key");
    struct view prefix = VIEW("https://api.openai.com");

    d->key = import_secret(im, node, d->side == SIDE_INSIDE);
    if (node || !d->provider->key_env || d->side == SIDE_INSIDE)
        return;
    /* A key of OpenAI's is nobody else's. */
    if (view_eq(view_str(d->provider->prefix), VIEW("openai")) && !view_starts(d->url, prefix))
        return;
    d->key = import_variable(im, view_str(d->provider->key_env));
}

/* The same option may stand in litellm_params and in model_info. */
static const struct tree_node *either(const struct tree_node *params, const struct tree_node *info,
                                      const char *key)
{
    const struct tree_node *node = tree_find(params, key);

    if (!node || node->kind == TREE_NULL)
        node = tree_find(info, key);
    return node && node->kind != TREE_NULL ? node : NULL;
}

/* Dollars a token as pico-dollars, which is millionths of a dollar a million tokens. */
static int64_t read_price(struct import *im, const struct tree_node *node)
{
    int64_t value;

    if (!node)
        return -1;
    if (node->kind == TREE_TEXT && import_decimal(node->text, 12, &value))
        return value;
    import_note(im, node, import_clean(im, node->key->text),
                "is no decimal number with 12 places at the most");
    return -1;
}

static void read_costs(struct import *im, const struct tree_node *params,
                       const struct tree_node *info, struct import_deployment *d)
{
    const struct tree_node *input = either(params, info, "input_cost_per_token");
    const struct tree_node *second = either(params, info, "input_cost_per_second");
    int64_t nano;

    if (second && d->side == SIDE_OUTSIDE)
        import_note(im, second, VIEW("input_cost_per_second"),
                    "a managed model is priced by the token");
    else if (second && (second->kind != TREE_TEXT || !import_decimal(second->text, 9, &nano) ||
                        __builtin_mul_overflow(nano, 3600, &d->cost_per_hour_nano))) {
        d->cost_per_hour_nano = 0;
        import_note(im, second, VIEW("input_cost_per_second"),
                    "is no decimal number with 9 places at the most");
    }
    d->price =
        (struct import_price){input ? input : d->at, read_price(im, input),
                              read_price(im, either(params, info, "cache_read_input_token_cost")),
                              read_price(im, either(params, info, "output_cost_per_token"))};
    if (d->side == SIDE_INSIDE && (d->price.input > 0 || d->price.output > 0))
        import_note(im, d->price.at, VIEW("prices a token of an engine of your own"),
                    "Weir charges its hours: give cost_per_hour");
    else if (d->side == SIDE_OUTSIDE && (d->price.input < 0) != (d->price.output < 0))
        import_note(im, d->price.at, VIEW("a price a token"),
                    "Weir needs both, of input and of output");
    if (d->side == SIDE_INSIDE || d->price.output < 0)
        d->price.input = -1;
}

static void read_facts(struct import *im, const struct tree_node *params,
                       const struct tree_node *info, struct import_deployment *d)
{
    static const char *const keys[] = {"supports_function_calling", "supports_vision",
                                       "supports_response_schema"};
    const struct tree_node *node = either(params, info, "max_input_tokens"), *one = NULL;
    uint64_t window;
    unsigned said = 0;

    if (node && node->kind == TREE_TEXT && view_to_u64(node->text, &window) && window >= 1 &&
        window <= 100000000)
        d->facts.window = (uint32_t)window;
    else if (node)
        import_note(im, node, VIEW("max_input_tokens"), "is no number from 1 to 100000000");
    for (unsigned i = 0; i < 3; i++) {
        node = tree_find(info, keys[i]);
        if (!node || node->kind != TREE_TEXT)
            continue;
        one = node;
        said++;
        if (view_eq_nocase(node->text, VIEW("true")))
            d->facts.abilities |= 1u << i;
    }
    d->facts.abilities_known = said == 3;
    if (one && said < 3)
        import_note(im, one, VIEW("supports_..."),
                    "is carried only if tools, vision and schema are all said: else Weir asks the "
                    "engine");
    node = tree_find(params, "order");
    if (node && !(node->kind == TREE_TEXT && view_to_u64(node->text, &d->order))) {
        import_note(im, node, VIEW("order"), "is no number");
        d->order = UINT64_MAX;
    }
}

static bool is_chat(struct import *im, const struct tree_node *info)
{
    const struct tree_node *mode = tree_find(info, "mode");
    struct view text = text_of(mode);

    if (text.n == 0 || view_eq(text, VIEW("chat")) || view_eq(text, VIEW("completion")) ||
        view_eq(text, VIEW("responses")))
        return true;
    import_notef(im, mode, "only chats are carried: name such a model yourself", "mode %.*s",
                 VIEW_ARG(import_clean(im, text)));
    return false;
}

static bool read_deployment(struct import *im, const struct tree_node *at,
                            struct import_deployment *d)
{
    const struct tree_node *params = tree_find(at, "litellm_params");
    const struct tree_node *info = tree_find(at, "model_info");

    *d = (struct import_deployment){
        .at = at, .group = text_of(tree_find(at, "model_name")), .order = UINT64_MAX};
    if (at->kind != TREE_MAP || !params || params->kind != TREE_MAP || !import_usable(d->group)) {
        import_note(im, at, VIEW("an entry of model_list"),
                    "is no map with a model_name and litellm_params");
        return false;
    }
    import_note_rest(im, at, "model_list", "model_name|litellm_params|model_info");
    if (!is_chat(im, info) || !read_model(im, params, d) || !read_base(im, params, d))
        return false;
    read_key(im, params, d);
    read_costs(im, params, info, d);
    read_facts(im, params, info, d);
    d->total_ms = import_seconds(im, tree_find(params, "timeout"));
    d->first_token_ms = import_seconds(im, tree_find(params, "stream_timeout"));
    import_note_rest(im, params, "litellm_params",
                     "model|api_base|base_url|api_key|custom_llm_provider|timeout|stream_timeout|"
                     "order|input_cost_per_token|output_cost_per_token|"
                     "cache_read_input_token_cost|input_cost_per_second|max_input_tokens");
    import_note_rest(im, info, "model_info",
                     "id|db_model|mode|max_input_tokens|input_cost_per_token|"
                     "output_cost_per_token|cache_read_input_token_cost|input_cost_per_second|"
                     "supports_function_calling|supports_vision|supports_response_schema");
    return true;
}

void import_read_models(struct import *im)
{
    const struct tree_node *list = tree_find(im->root, "model_list");

    if (!list || list->kind != TREE_LIST)
        return;
    im->deployments = arena_new_array(im->arena, struct import_deployment, list->count + 1);
    if (!im->deployments)
        return;
    for (const struct tree_node *m = list->first; m; m = m->next)
        if (read_deployment(im, m, &im->deployments[im->n_deployments]))
            im->n_deployments++;
}
