/* router_settings, litellm_settings, general_settings; and why an option is not carried. */
#include "config/import_parts.h"

static const char no_limits[] =
    "Weir has no limits for a backend; it obeys 429 and Retry-After of the server";
static const char least_busy[] = "Weir asks the node where the answer takes least long";
static const char once[] = "Weir asks each candidate of its plan, and all of them again: see retry";
static const char client_says[] = "Weir sends what the client says and adds no parameters";
static const char no_cache[] = "Weir keeps no answers";
static const char observed[] =
    "Weir has no callbacks: GET /metrics for Prometheus, `weir ledger` for each answer";
static const char one_ledger[] =
    "Weir keeps its ledger in one file; keys, teams and spend of a database do not come along";
static const char no_redis[] = "one Weir shares no state with another";
static const char by_rules[] = "write a rule: policy: rules: (docs/configuration.md)";
static const char no_guards[] = "Weir has no guardrails";
static const char unknown[] = "Weir has nothing like it";

/* A key that ends in * stands for all that begin so. */
static const struct reason {
    const char *key, *why;
} reasons[] = {
    {"rpm", no_limits},
    {"tpm", no_limits},
    {"max_parallel_requests", no_limits},
    {"global_max_parallel_requests", no_limits},
    {"default_max_parallel_requests", no_limits},
    {"max_budget", no_limits},
    {"budget_duration", no_limits},
    {"weight", least_busy},
    {"routing_strategy", least_busy},
    {"routing_strategy_args", least_busy},
    {"num_retries", once},
    {"max_retries", once},
    {"retry_after", once},
    {"retry_policy", once},
    {"model_group_retry_policy", once},
    {"max_fallbacks", "a plan has 16 candidates at the most"},
    {"allowed_fails_policy", "a breaker counts all failures of a node alike"},
    {"disable_cooldowns", "a breaker cannot be switched off; breaker: failures: can be large"},
    {"content_policy_fallbacks", "what a provider refuses is not asked of another one"},
    {"default_fallbacks", "ask for auto, or give a name the target auto (docs/import.md)"},
    {"enable_tag_filtering", by_rules},
    {"tags", by_rules},
    {"drop_params", "Weir leaves out only what the chosen model is known to refuse"},
    {"additional_drop_params", "Weir leaves out only what the chosen model is known to refuse"},
    {"api_version", "Azure's /openai/v1 API needs none"},
    {"base_model", "a price is found by the model's own name: write one under prices:"},
    {"max_tokens", client_says},
    {"max_output_tokens", "a window holds prompt and completion together, and nothing caps either"},
    {"temperature", client_says},
    {"top_p", client_says},
    {"stop", client_says},
    {"seed", client_says},
    {"extra_body", client_says},
    {"extra_headers", client_says},
    {"default_headers", client_says},
    {"reasoning_effort", client_says},
    {"default_litellm_params", client_says},
    {"cache_creation_input_token_cost*", "writing to a provider's cache is not priced"},
    {"output_cost_per_second", "an engine's time is priced once: input_cost_per_second"},
    {"input_cost_per_*", "Weir has one price of prompt tokens for a model"},
    {"output_cost_per_*", "Weir has one price of completion tokens for a model"},
    {"cache", no_cache},
    {"cache_*", no_cache},
    {"client_ttl", no_cache},
    {"redis_*", no_redis},
    {"callbacks", observed},
    {"success_callback", observed},
    {"failure_callback", observed},
    {"service_callback", observed},
    {"alerting*", observed},
    {"alert*", observed},
    {"langfuse*", observed},
    {"set_verbose", "how much Weir logs is no part of its config"},
    {"json_logs", "Weir's log has one form"},
    {"turn_off_message_logging", "Weir never logs a message"},
    {"redact_user_api_key_info", "the ledger holds names of keys, never tokens"},
    {"database_url", one_ledger},
    {"database_*", one_ledger},
    {"store_model_in_db", one_ledger},
    {"store_prompts_in_spend_logs", "Weir never stores a prompt"},
    {"disable_spend_logs", "Weir answers nothing without its ledger; ledger: required: false"},
    {"guardrails", no_guards},
    {"guardrail*", no_guards},
    {"health_check*", "Weir looks at each node every 5 s: health: interval:"},
    {"background_health_checks", "Weir looks at each node every 5 s: health: interval:"},
    {"pass_through_endpoints", "Weir serves its own paths only"},
    {"environment_variables", "export them yourself before the start: values are not copied"},
    {"include", "other files are not read: import them one by one"},
    {"vector_store*", unknown},
};

static const char *reason_of(struct view key)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (view_matches_glob(key, view_str(reasons[i].key)))
            return reasons[i].why;
    return unknown;
}

static bool is_listed(struct view key, const char *known)
{
    struct view rest = view_str(known);

    while (rest.n)
        if (view_eq(view_cut(&rest, '|'), key))
            return true;
    return false;
}

/* What is switched off is not missed. */
static bool is_off(const struct tree_node *node)
{
    return node->kind == TREE_NULL ||
           (node->kind == TREE_TEXT && (view_eq_nocase(node->text, VIEW("false")) ||
                                        view_eq(node->text, VIEW("0")) || node->text.n == 0)) ||
           (node->kind != TREE_TEXT && node->count == 0);
}

void import_note_rest(struct import *im, const struct tree_node *map, const char *section,
                      const char *known)
{
    if (!map || map->kind != TREE_MAP)
        return;
    for (const struct tree_node *m = map->first; m; m = m->next)
        if (!is_listed(m->key->text, known) && !is_off(m))
            import_notef(im, m->key, reason_of(m->key->text), "%s%s%.*s", section,
                         section[0] ? "." : "", VIEW_ARG(import_clean(im, m->key->text)));
}

/* The router's own setting comes before that of the library. */
static const struct tree_node *setting(const struct import *im, const char *key)
{
    const struct tree_node *node = tree_find(tree_find(im->root, "router_settings"), key);

    if (!node || node->kind == TREE_NULL)
        node = tree_find(tree_find(im->root, "litellm_settings"), key);
    return node && node->kind != TREE_NULL ? node : NULL;
}

static void read_breaker(struct import *im)
{
    const struct tree_node *fails = setting(im, "allowed_fails");
    const struct tree_node *cooldown = setting(im, "cooldown_time");
    uint64_t n;

    if (fails && fails->kind == TREE_TEXT && view_to_u64(fails->text, &n) && n < 1000)
        im->failures = (int64_t)n + 1;
    else if (fails)
        import_note(im, fails, VIEW("allowed_fails"), "is no number from 0 to 999");
    im->open_ms = import_seconds(im, cooldown);
    if (im->open_ms && (im->open_ms < 100 || im->open_ms > 3600000)) {
        im->open_ms = 0;
        import_note(im, cooldown, VIEW("cooldown_time"), "a breaker stays open 0.1 s to 1 h");
    }
}

void import_read_settings(struct import *im)
{
    const struct tree_node *router = tree_find(im->root, "router_settings");
    const struct tree_node *general = tree_find(im->root, "general_settings");
    const struct tree_node *strategy = tree_find(router, "routing_strategy");
    const struct tree_node *total = setting(im, "timeout");
    bool same =
        strategy && strategy->kind == TREE_TEXT && view_eq(strategy->text, VIEW("least-busy"));

    read_breaker(im);
    im->total_ms = import_seconds(im, total ? total : setting(im, "request_timeout"));
    im->first_token_ms = import_seconds(im, setting(im, "stream_timeout"));
    im->master_key = import_secret(im, tree_find(general, "master_key"), false);
    import_note_rest(im, im->root, "",
                     "model_list|router_settings|litellm_settings|general_settings");
    import_note_rest(im, router, "router_settings",
                     same ? "routing_strategy|allowed_fails|cooldown_time|timeout|stream_timeout|"
                            "fallbacks|context_window_fallbacks|model_group_alias|"
                            "enable_pre_call_checks"
                          : "allowed_fails|cooldown_time|timeout|stream_timeout|fallbacks|"
                            "context_window_fallbacks|model_group_alias|enable_pre_call_checks");
    import_note_rest(im, tree_find(im->root, "litellm_settings"), "litellm_settings",
                     "allowed_fails|cooldown_time|request_timeout|timeout|stream_timeout|"
                     "fallbacks|context_window_fallbacks");
    import_note_rest(im, general, "general_settings", "master_key");
}
