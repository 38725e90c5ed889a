#include "inspect/inspect.h"

#include "inspect/system.h"

#include <math.h>

_Static_assert((int)LLM_NEED_TOOLS == (int)ABILITY_TOOLS &&
                   (int)LLM_NEED_IMAGES == (int)ABILITY_IMAGES &&
                   (int)LLM_NEED_SCHEMA == (int)ABILITY_SCHEMA &&
                   (int)LLM_NEED_EMBEDDINGS == (int)ABILITY_EMBEDDINGS,
               "needs and abilities are the same bits");

/* Nothing was measured for these in the training data: what an image or a schema says. */
static void hand_rules(const struct llm_request *r, float scores[MODEL_HEADS])
{
    if (r->schema.n) {
        scores[TASK_EXTRACTION] += 3.0F;
        if (view_find(view_first(r->schema, 4096), VIEW("\"enum\"")) != VIEW_NPOS)
            scores[TASK_CLASSIFICATION] += 2.5F;
    }
    if (r->needs & LLM_NEED_IMAGES)
        scores[TASK_GENERAL] += 1.0F;
}

/* Probabilities from scores, in place; returns the best. */
static enum task_kind softmax(float scores[TASK_COUNT])
{
    unsigned best = 0;
    float sum = 0;
    for (unsigned k = 1; k < TASK_COUNT; k++)
        if (scores[k] > scores[best])
            best = k;
    float top = scores[best];
    for (unsigned k = 0; k < TASK_COUNT; k++)
        sum += scores[k] = expf(scores[k] - top);
    for (unsigned k = 0; k < TASK_COUNT; k++)
        scores[k] /= sum;
    return (enum task_kind)best;
}

/* What a task asks of a model on the whole; weighed by the task's probability. */
static const float task_complexity[TASK_COUNT] = {
    [TASK_CLASSIFICATION] = 0.1F, [TASK_EXTRACTION] = 0.2F,   [TASK_SUMMARIZATION] = 0.3F,
    [TASK_TRANSLATION] = 0.25F,   [TASK_SUPPORT_FAQ] = 0.15F, [TASK_REASONING] = 0.7F,
    [TASK_CODING] = 0.6F,         [TASK_CREATIVE] = 0.45F,    [TASK_GENERAL] = 0.25F,
};

/*
 * Half from what the hardness head learnt from outcomes of small models, half from the task; more
 * for long texts, for many things asked at once and for tools. Then spread over 0..1, so that
 * everyday requests lie around 0.3, school mathematics around 0.5 and competitions above 0.8. A
 * few plain words are never hard.
 */
static double complexity_of(const struct llm_request *r, const struct features_shape *shape,
                            const float p[TASK_COUNT], float hard_score)
{
    float hard = 1 / (1 + expf(-hard_score)), task = 0, more = 0;
    for (unsigned k = 0; k < TASK_COUNT; k++)
        task += p[k] * task_complexity[k];
    if (shape->bytes > 400)
        more += 0.06F * log2f((float)shape->bytes / 400);
    more += 0.015F * (float)(shape->bullets < 8 ? shape->bullets : 8);
    more += shape->questions > 2 ? 0.04F : 0;
    more += r->needs & LLM_NEED_TOOLS ? 0.08F : 0;
    float sum = 0.55F * hard + 0.45F * task + (more < 0.5F ? more : 0.5F) * (0.3F + task);
    sum = 0.45F + 1.5F * (sum - 0.4F);
    sum = sum < 0.02F ? 0.02F : sum > 1 ? 1 : sum;
    if (shape->bytes < 24 && shape->math_marks == 0 && shape->code_marks == 0)
        sum *= 0.3F + 0.7F * (float)shape->bytes / 24;
    return (double)sum;
}

/* The strongest cue of the shape that speaks for the task; else the words do. */
static const char *why_of(const struct llm_request *r, const struct features_shape *shape,
                          enum task_kind task)
{
    bool examples = shape->repeats > 1;
    switch (task) {
    case TASK_CLASSIFICATION:
        return examples             ? "labelled examples before the question"
               : shape->options > 1 ? "options to choose from"
                                    : "words that ask for a label";
    case TASK_EXTRACTION:
        return r->schema.n   ? "answer bound to a JSON schema"
               : shape->json ? "JSON fields to fill"
               : examples    ? "examples of fields and values"
                             : "words that ask for parts of a text";
    case TASK_SUMMARIZATION:
        return "words that ask for a shorter text";
    case TASK_TRANSLATION:
        return "words that ask for another language";
    case TASK_SUPPORT_FAQ:
        return "a customer's question to a company";
    case TASK_REASONING:
        return shape->math_marks > 3 ? "formulas"
               : shape->options > 2  ? "exam question with options"
                                     : "words of mathematics or logic";
    case TASK_CODING:
        return shape->fences           ? "a fenced block of code"
               : shape->code_marks > 8 ? "marks of program text"
                                       : "words of programming";
    case TASK_CREATIVE:
        return "words that ask for new prose";
    case TASK_GENERAL:
        break;
    }
    return shape->bytes == 0  ? "no text"
           : shape->questions ? "a plain question"
                              : "a plain request";
}

/* `scores` holds what the system message adds. */
static void judge(const struct llm_request *r, float scores[MODEL_HEADS],
                  struct inspect_facts *facts)
{
    struct features f;
    struct features_shape shape;
    features_of_user(r, &shape, &f);
    model_add(&model_built_in, &f, scores);
    hand_rules(r, scores);
    facts->task = TASK_GENERAL;
    if (shape.last) {
        facts->task = softmax(scores);
        facts->confidence = (double)scores[facts->task];
        facts->complexity = complexity_of(r, &shape, scores, scores[MODEL_HEAD_HARD]);
    }
    facts->why = why_of(r, &shape, facts->task);
}

/* Texts to be found again later ask nothing: what they are about is no task. */
static void judge_embeddings(struct inspect_facts *facts)
{
    facts->task = TASK_GENERAL;
    facts->confidence = 1;
    facts->why = "texts to embed";
}

static void count_tokens(const struct llm_request *r, const struct llm_message *counted,
                         struct tokens *sum, struct inspect_facts *facts)
{
    tokens_add_frame(sum, r);
    for (unsigned i = 0; i < r->n_messages; i++)
        if (&r->messages[i] != counted)
            tokens_add(sum, r->messages[i].text);
    for (int f = 0; f < TOKENS_FAMILIES; f++)
        facts->tokens_by_family[f] = tokens_count(sum, (enum tokens_family)f);
    facts->tokens_in = facts->tokens_by_family[TOKENS_ANY];
}

void inspect_exchange(const struct llm_request *request, struct inspect_memory *memory,
                      struct inspect_facts *ret_facts)
{
    struct inspect_facts facts = {.needs = request->needs, .completion = request->max_tokens};
    struct system_sums sums = {0};
    const struct llm_message *system = features_system(request);
    if (system)
        system_read(memory, system->text, &sums);
    count_tokens(request, system, &sums.tokens, &facts);
    if (request->needs & LLM_NEED_EMBEDDINGS)
        judge_embeddings(&facts);
    else
        judge(request, sums.scores, &facts);
    *ret_facts = facts;
}

uint32_t inspect_window(const struct inspect_facts *facts, enum tokens_family family)
{
    uint32_t tokens = facts->tokens_by_family[family];
    return tokens > UINT32_MAX - facts->completion ? UINT32_MAX : tokens + facts->completion;
}
