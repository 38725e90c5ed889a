#include "gateway/split.h"

#include "gateway/ask.h"
#include "gateway/evidence.h"
#include "gateway/log.h"
#include "inspect/portions.h"
#include "llm/dialect.h"

enum { DIGEST_TOKENS = 600, MAX_PORTIONS = 256, COMPLETION_SLACK = 1 << 20 };

static const char digest_task[] =
    "Another model will answer the question below, but it must not see the documents. Write a "
    "digest for it: the facts of the documents that the question needs, in a few plain sentences. "
    "Leave out every name, address, contact, number, date of a person's life, account, record "
    "number, diagnosis, salary, credential and other detail that could identify somebody; speak of "
    "\"the person\", \"the company\", \"the condition\" instead. Do not quote the documents. Do "
    "not answer the question.";

static const char completion_task[] =
    "A model that saw only a digest of the documents above, without names and numbers, has drafted "
    "this answer:\n\n%.*s\n\nGive the final answer to the question above. Keep what is right in "
    "the draft, and complete and correct it from the documents. Do not speak of the draft.";

static const char stands_in[] = "[A document that is kept inside.]";

struct split {
    struct exchange *x;
    struct screening *s;
    struct arena *arena;
    const struct plan_candidate *outside;
    struct portion *portions;
    unsigned n;
    struct view question, digest, draft;
};

/* ---- what is sensitive, and what is asked ------------------------------------------------------
 */

/* The body with each portion replaced: the first by `first`, the others by a mark. */
static bool replaced(struct split *p, struct view first, struct view *ret_body)
{
    struct view *texts = arena_new_array(p->arena, struct view, p->n);

    if (!texts)
        return error_set(&p->x->error, ERROR_NO_MEMORY, "no memory to split the request");
    for (unsigned i = 0; i < p->n; i++)
        texts[i] = i == 0 ? first : view_str(stands_in);
    return portions_replace(p->x->body, p->portions, texts, p->n, p->arena, ret_body, &p->x->error);
}

static struct view last_user_text(const struct llm_request *r)
{
    for (unsigned i = r->n_messages; i-- > 0;)
        if (r->messages[i].role == LLM_USER)
            return r->messages[i].text;
    return VIEW_NONE;
}

/* What is left of the last user message without the portions. */
static bool find_question(struct split *p)
{
    struct llm_request rest;
    struct view body;
    struct view mark = view_str(stands_in);

    if (!replaced(p, mark, &body) ||
        !llm_request_read(p->x->dialect, body, p->arena, &rest, &p->x->error))
        return false;
    p->question = last_user_text(&rest);
    struct view words = view_trim(p->question);
    while (view_starts(words, mark))
        words = view_trim(view_skip(words, mark.n));
    if (words.n == 0)
        return error_set(&p->x->error, ERROR_SENSITIVE, "no question is left beside the documents");
    return true;
}

/* Every value that was found: none of them may stand in the digest, in any form. */
static bool remember_values(struct split *p, uint32_t classes)
{
    struct view ignored;

    p->s->values = mask_map_new(p->x->arena);
    if (!p->s->values)
        return error_set(&p->x->error, ERROR_NO_MEMORY, "no memory to split the request");
    return mask_body(p->s->values, p->x->body, &p->s->findings, classes, p->arena, &ignored,
                     &p->x->error);
}

static bool can_be_split(struct split *p, const struct llm_neutral *neutral)
{
    if (p->x->facts.needs & ABILITY_EMBEDDINGS)
        return error_set(&p->x->error, ERROR_SENSITIVE, "embeddings are not split");
    if (neutral->n_tools > 0 || neutral->n.n > 0 || neutral->logprobs)
        return error_set(&p->x->error, ERROR_SENSITIVE,
                         "a request with tools, several answers or logprobs is not split");
    return true;
}

static bool prepare(struct split *p)
{
    struct exchange *x = p->x;
    uint32_t classes = screen_forbidden(x) & p->s->classes;
    const struct llm_neutral *neutral =
        llm_request_neutral(&x->request, x->request_arena, &x->error);

    if (!neutral || !can_be_split(p, neutral) ||
        !portions_find(x->body, &p->s->findings, classes, p->arena, &p->portions, &p->n, &x->error))
        return false;
    if (p->n == 0 || p->n > MAX_PORTIONS)
        return error_set(&x->error, ERROR_SENSITIVE, "%u portions are too many", p->n);
    for (unsigned i = 0; i < p->n; i++)
        evidence_portion(x, p->portions[i].start, p->portions[i].end, "inside");
    return find_question(p) && remember_values(p, classes);
}

/* ---- the steps ------------------------------------------------------------------------------- */

/* The digest of the first model inside that gives one. */
static bool ask_inside(struct split *p, struct llm_neutral *request)
{
    struct ask ask = {.request = request, .purpose = "digest", .own = true};
    const struct plan *plan = p->x->plan;
    bool ok = error_set(&p->x->error, ERROR_SENSITIVE, "no model inside can write the digest");

    for (unsigned i = 0; i < plan->n_candidates && !ok; i++) {
        if (plan->candidates[i].leaves)
            continue;
        ask.candidate = &plan->candidates[i];
        request->model = ask.candidate->model;
        ok = ask_candidate(p->x, &ask, p->arena, &p->digest);
        enum error_code why = p->x->error.code;
        if (!ok && why != ERROR_NO_BACKEND && !error_info(why)->may_fail_over)
            break; /* Weir's own trouble, or the client has left */
    }
    return ok;
}

static bool ask_digest(struct split *p)
{
    struct buf prompt = BUF_MAX(p->x->body.n * 2 + 4096);
    struct llm_part parts[2] = {{.kind = LLM_PART_TEXT, .text = view_str(digest_task)},
                                {.kind = LLM_PART_TEXT}};
    struct llm_turn turns[2] = {{.role = LLM_SYSTEM, .parts = &parts[0], .n_parts = 1},
                                {.role = LLM_USER, .parts = &parts[1], .n_parts = 1}};
    struct llm_neutral request = {.turns = turns,
                                  .n_turns = 2,
                                  .max_tokens = DIGEST_TOKENS,
                                  .temperature = VIEW("0"),
                                  .parallel_calls = -1,
                                  .schema_strict = -1,
                                  .thinking = -1};
    buf_printf(&prompt, "Question:\n%.*s\n", VIEW_ARG(p->question));
    for (unsigned i = 0; i < p->n; i++)
        buf_printf(&prompt, "\nDocument %u:\n%.*s\n", i + 1,
                   VIEW_ARG(portion_text(p->x->body, &p->portions[i], p->arena)));
    bool ok = buf_ok(&prompt) ||
              error_set(&p->x->error, ERROR_NO_MEMORY, "no memory to ask for a digest");
    parts[1].text = buf_view(&prompt);
    ok = ok && ask_inside(p, &request);
    buf_done(&prompt);
    return ok;
}

/* The request as it will leave, with the digest in the documents' place, looked through whole. */
static bool look(struct split *p, struct llm_request *ret_request)
{
    struct exchange *x = p->x;
    struct findings left;
    struct view body;

    if (mask_leaks(p->s->values, p->digest))
        return error_set(&x->error, ERROR_SENSITIVE, "the digest repeats what must not leave");
    struct view text = arena_printf(p->arena, "[A digest of documents that are kept inside: %.*s]",
                                    VIEW_ARG(p->digest));
    if (!replaced(p, text, &body) || !screen_scan(x, body, true, &left))
        return false;
    if (left.classes & screen_forbidden(x))
        return error_set(&x->error, ERROR_SENSITIVE, "the digest holds %s",
                         data_class_name((enum data_class)__builtin_ctz(left.classes)));
    return screen_remember(x, &left) &&
           llm_request_read(x->dialect, body, x->request_arena, ret_request, &x->error);
}

static bool ask_draft(struct split *p, struct llm_request *worded)
{
    struct exchange *x = p->x;
    const struct llm_neutral *read = llm_request_neutral(worded, x->request_arena, &x->error);
    struct llm_neutral request;

    if (!read)
        return false;
    request = *read;
    request.stream = false;
    request.include_usage = false;
    struct ask ask = {.candidate = p->outside, .request = &request, .purpose = "draft"};
    return ask_candidate(x, &ask, p->arena, &p->draft);
}

/* The client's request with the draft behind it. Written in one dialect for all backends: those of
 * another get it translated like any request. */
static bool word_completion(struct split *p)
{
    struct exchange *x = p->x;
    const struct llm_neutral *read = llm_request_neutral(&x->request, x->request_arena, &x->error);
    struct llm_request *completion = arena_new_of(x->request_arena, struct llm_request);
    struct llm_turn *turns =
        read ? arena_new_array(p->arena, struct llm_turn, read->n_turns + 1) : NULL;
    struct buf body = BUF_MAX(x->body.n * 8 + p->draft.n * 6 + COMPLETION_SLACK);
    struct buf notes = BUF_MAX(0);
    struct llm_rewrite as_asked = {.model = x->request.model};

    if (!turns || !completion)
        return error_set(&x->error, ERROR_NO_MEMORY, "no memory to split the request");
    struct llm_part part = {.kind = LLM_PART_TEXT,
                            .text = arena_printf(p->arena, completion_task, VIEW_ARG(p->draft))};
    memcpy(turns, read->turns, read->n_turns * sizeof(*turns));
    turns[read->n_turns] = (struct llm_turn){.role = LLM_USER, .parts = &part, .n_parts = 1};
    struct llm_neutral request = *read;
    request.turns = turns;
    request.n_turns = read->n_turns + 1;
    bool ok =
        llm_dialect(LLM_OPENAI_CHAT)
            ->request_write(&request, &as_asked, &body, &notes, &x->error) &&
        (buf_ok(&body) || error_set(&x->error, ERROR_NO_MEMORY, "no memory to split the request"));
    if (ok)
        ok = llm_request_read(LLM_OPENAI_CHAT, arena_dup(x->request_arena, buf_view(&body)),
                              x->request_arena, completion, &x->error);
    buf_done(&body);
    if (ok)
        p->s->completion = completion;
    return ok;
}

/* A job on the CPU pool was left behind and took the request with it: the client has left, or its
 * deadline has passed. */
static bool request_is_lost(const struct exchange *x)
{
    return x->request_arena == NULL;
}

bool split_run(struct exchange *x, const struct plan_candidate *outside)
{
    struct split p = {
        .x = x, .s = x->screening, .arena = arena_new_child(x->request_arena), .outside = outside};
    struct llm_request worded;

    bool ok = p.arena && prepare(&p) && ask_digest(&p) && look(&p, &worded) &&
              ask_draft(&p, &worded) && word_completion(&p);
    if (request_is_lost(x))
        return false;
    if (!ok)
        log_not_split(&x->error);
    /* Whether somebody inside is left is seen by those who ask the candidates in turn. */
    (void)policy_keep_inside(
        x->plan, ok ? VIEW("gave the draft from a digest")
                    : arena_printf(x->arena, "not split: %.*s",
                                   VIEW_ARG(view_first(error_own_words(&x->error), 100))));
    x->error.code = ERROR_NONE;
    arena_free(p.arena);
    return true;
}
