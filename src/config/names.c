/* The words that stand for the enumerations, in configs, ledgers and tables. */
#include "config/config.h"

const char *side_name(enum side side)
{
    return side == SIDE_INSIDE ? "inside" : "outside";
}

const char *engine_name(enum engine engine)
{
    static const char *const names[ENGINE_COUNT] = {
        [ENGINE_OPENAI] = "openai",     [ENGINE_OLLAMA] = "ollama",       [ENGINE_VLLM] = "vllm",
        [ENGINE_LLAMACPP] = "llamacpp", [ENGINE_ANTHROPIC] = "anthropic",
    };
    return names[engine];
}

const char *dialect_name(enum llm_dialect dialect)
{
    static const char *const names[LLM_DIALECTS] = {
        [LLM_OPENAI_CHAT] = "openai-chat",
        [LLM_OPENAI_RESPONSES] = "openai-responses",
        [LLM_ANTHROPIC] = "anthropic",
        [LLM_OLLAMA] = "ollama",
        [LLM_OLLAMA_GENERATE] = "ollama-generate",
        [LLM_OPENAI_COMPLETIONS] = "openai-completions",
        [LLM_OPENAI_EMBEDDINGS] = "openai-embeddings",
        [LLM_OLLAMA_EMBED] = "ollama-embed",
        [LLM_OLLAMA_EMBEDDINGS] = "ollama-embeddings",
    };
    return names[dialect];
}

const char *task_name(enum task_kind task)
{
    static const char *const names[TASK_COUNT] = {
        [TASK_CLASSIFICATION] = "classification",
        [TASK_EXTRACTION] = "extraction",
        [TASK_SUMMARIZATION] = "summarization",
        [TASK_TRANSLATION] = "translation",
        [TASK_SUPPORT_FAQ] = "support_faq",
        [TASK_REASONING] = "reasoning",
        [TASK_CODING] = "coding",
        [TASK_CREATIVE] = "creative",
        [TASK_GENERAL] = "general",
    };
    return names[task];
}

bool task_from_name(struct view name, enum task_kind *ret_task)
{
    if (view_eq_nocase(name, VIEW("summarisation")))
        name = VIEW("summarization");
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        if (view_eq_nocase(name, view_str(task_name((enum task_kind)i)))) {
            *ret_task = (enum task_kind)i;
            return true;
        }
    }
    return false;
}

const char *placement_name(enum placement placement)
{
    static const char *const names[] = {
        [PLACE_INSIDE] = "inside",
        [PLACE_OUTSIDE] = "outside",
        [PLACE_INSIDE_ONLY] = "inside_only",
        [PLACE_OUTSIDE_ONLY] = "outside_only",
        [PLACE_BY_COMPLEXITY] = "by_complexity",
    };
    return names[placement];
}
