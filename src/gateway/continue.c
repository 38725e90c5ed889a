#include "gateway/continue.h"

#include "base/clock.h"
#include "gateway/attempts.h"
#include "gateway/screen.h"
#include "llm/prefill.h"
#include "llm/tokens.h"

enum {
    BODY_BYTES = 1 << 20, /* a longer request would keep the loop while it is read again */
    REFUSAL_BYTES = 256 * 1024,
};
static const int64_t UNABLE_NS = 3600 * NS_PER_S;

bool continue_going(const struct exchange *x)
{
    return x->continuation && x->continuation->parts > 0;
}

/* ---- who can --------------------------------------------------------------------------------- */

bool continue_fits(const struct exchange *x, const struct plan_candidate *candidate)
{
    const struct config_backend *b = &x->config->backends[candidate->backend];
    const struct llm_neutral *n = x->request.neutral;
    enum llm_dialect asked;

    if (candidate->barred || b->continues == CONFIG_NO ||
        !llm_asked_in(x->dialect, b->dialect, b->engine, &asked) ||
        unable_is(&x->gateway->unable, candidate->backend_name, candidate->model, loop_now_ns()))
        return false;
    /* Raw, it neither finds calls nor sees images; and others' models it does not render. */
    if (asked == LLM_OLLAMA &&
        (candidate->leaves || x->request.needs & LLM_NEED_IMAGES || (n && n->n_tools > 0)))
        return false;
    return llm_goes_on(b->engine, asked, candidate->model) ||
           (b->continues == CONFIG_YES && (asked == LLM_OPENAI_CHAT || asked == LLM_ANTHROPIC));
}

static bool has_another(const struct exchange *x, unsigned backend, const struct node *node)
{
    struct fleet_set *set = fleet_set_ref(x->fleet, backend);
    bool another = set->n > 1 || (set->n == 1 && set->nodes[0].node != node);

    fleet_set_unref(set);
    return another;
}

static bool somebody_else(const struct exchange *x, const struct node *node)
{
    for (unsigned i = 0; i < x->plan->n_candidates; i++) {
        const struct plan_candidate *p = &x->plan->candidates[i];
        if (has_another(x, p->backend, node) && continue_fits(x, p))
            return true;
    }
    return false;
}

/* A stream of responses whose bytes pass tells items and numbers that no other writer knows. */
static bool can_be_gone_on_with(const struct exchange *x, enum llm_dialect asked)
{
    return x->dialect == LLM_OPENAI_CHAT || x->dialect == LLM_ANTHROPIC ||
           x->dialect == LLM_OLLAMA ||
           (x->dialect == LLM_OPENAI_RESPONSES && !translate_passes(x, asked));
}

static void end_continuation(void *arg)
{
    struct continuation *c = arg;

    llm_said_done(&c->said);
    llm_join_done(&c->join);
}

static bool prepare(struct exchange *x)
{
    if (x->continuation)
        return true;
    x->continuation = arena_new_of(x->arena, struct continuation);
    if (x->continuation)
        arena_defer(x->arena, end_continuation, x->continuation);
    return x->continuation != NULL;
}

void continue_listen(struct exchange *x, enum llm_dialect asked, const struct node *node)
{
    bool on = x->plan->may_continue && x->body.n <= BODY_BYTES && can_be_gone_on_with(x, asked) &&
              somebody_else(x, node) && prepare(x);

    if (!x->continuation)
        return;
    llm_said_done(&x->continuation->said);
    *x->continuation =
        (struct continuation){.on = on, .said = LLM_SAID, .prompt = x->facts.tokens_in};
    x->answer.said = on ? &x->continuation->said : NULL;
}

/* ---- what it used ---------------------------------------------------------------------------- */

/* Self-hosted engines tell each token by itself. */
static uint32_t count_output(const struct exchange *x, const struct plan_candidate *candidate)
{
    const struct continuation *c = x->continuation;
    enum engine engine = x->config->backends[candidate->backend].engine;
    bool tells_each = engine != ENGINE_OPENAI && engine != ENGINE_ANTHROPIC;

    return tells_each ? c->said.pieces - c->pieces : tokens_estimate_bytes(x->answer.text_bytes);
}

const struct llm_usage *continue_part(struct exchange *x, const struct plan_candidate *candidate)
{
    struct continuation *c = x->continuation;

    if (!c || !c->on)
        return NULL;
    struct llm_usage u = x->answer.usage;
    uint32_t output = count_output(x, candidate);
    if (u.input == 0)
        u.input = x->facts.tokens_by_family[tokens_family(candidate->model)] + c->earlier.output;
    if (u.output < output)
        u.output = output;
    c->part = u;
    return &c->part;
}

struct llm_usage continue_whole(const struct continuation *c, const struct llm_usage *last)
{
    struct llm_usage u = *last;

    if (c->parts == 0)
        return u;
    /* The later prompts hold what was said before them. */
    u.input = c->earlier.reported || u.input <= c->earlier.output ? c->earlier.input
                                                                  : u.input - c->earlier.output;
    u.output += c->earlier.output;
    u.reasoning += c->earlier.reasoning;
    if (u.cached > u.input)
        u.cached = u.input;
    return u;
}

/* The part that broke, as steps before the one that answers are booked. */
static void book(struct exchange *x)
{
    struct continuation *c = x->continuation;
    int64_t cost = account_cost(x, x->answered_by, &c->part, x->share_ns);

    x->steps_cost_nano = cost == LEDGER_UNPRICED || x->steps_cost_nano == LEDGER_UNPRICED
                             ? LEDGER_UNPRICED
                             : x->steps_cost_nano + cost;
    if (c->parts == 0)
        c->earlier = c->part;
    else
        c->earlier.output += c->part.output;
    c->inside |= !x->answered_by->leaves;
    c->parts++;
    c->pieces = c->said.pieces;
    c->at = c->said.text.len;
    c->why = x->error;
    c->leaving = LEAVING_UNKNOWN;
    x->share_ns = 0;
    x->answer.text_bytes = 0;
    x->answer.usage = (struct llm_usage){.reported = true}; /* until somebody goes on */
}

/* ---- the break ------------------------------------------------------------------------------- */

static bool request_allows(struct exchange *x, const struct llm_neutral **ret_request)
{
    struct error ignored;

    if (!x->request_arena)
        return false;
    *ret_request = llm_request_neutral(&x->request, x->request_arena, &ignored);
    return *ret_request && llm_may_go_on(*ret_request);
}

/* From here on the client's stream is written, whoever passed bytes until now. */
static bool take_over(struct exchange *x)
{
    struct translation *t = x->translation;

    if (t->same && !llm_said_resume(&x->continuation->said, t->reader.dialect, &t->writer))
        return false;
    t->same = false;
    return true;
}

enum continue_step continue_begin(struct exchange *x, bool *ret_progress)
{
    struct continuation *c = x->continuation;
    const struct llm_neutral *request;

    if (!c || !c->on || !llm_said_only_text(&c->said) || !request_allows(x, &request) ||
        !llm_said_decode(&c->said) || !take_over(x))
        return CONTINUE_NOT;
    *ret_progress = c->said.text.len > c->at;
    if (continue_going(x) && *ret_progress)
        continue_went_on(x);
    book(x);
    if (!request->max_tokens || c->earlier.output < request->max_tokens)
        return CONTINUE_GO;
    if (!continue_end(x, LLM_FINISH_LENGTH))
        return CONTINUE_NOT;
    x->error.code = ERROR_NONE;
    return CONTINUE_ENDED;
}

void continue_went_on(const struct exchange *x)
{
    atomic_fetch_add_explicit(&x->gateway->stats.continued, 1, memory_order_relaxed);
}

bool continue_gave_up(struct exchange *x)
{
    if (continue_going(x) && x->error.code != ERROR_CLIENT_GONE)
        x->error = x->continuation->why;
    if (x->error.code != ERROR_CLIENT_GONE)
        atomic_fetch_add_explicit(&x->gateway->stats.cut_streams, 1, memory_order_relaxed);
    return false;
}

/* ---- asking somebody else -------------------------------------------------------------------- */

bool continue_has_turn(const struct exchange *x)
{
    return continue_going(x) && llm_join_handed(buf_view(&x->continuation->said.text)).n > 0;
}

static struct view with_mark(struct exchange *x, struct view said)
{
    struct view mark = LLM_PREFILL_MARK;
    char *text = arena_bytes(x->request_arena, said.n + mark.n);

    if (!text)
        return VIEW_NONE;
    memcpy(text, said.p, said.n);
    memcpy(text + said.n, mark.p, mark.n);
    return view_of(text, said.n + mark.n);
}

struct llm_request *continue_request(struct exchange *x, const struct plan_candidate *candidate)
{
    const struct continuation *c = x->continuation;
    const struct config_backend *b = &x->config->backends[candidate->backend];
    struct llm_request *worded = screen_request(x, candidate->leaves);
    struct view text = buf_view(&c->said.text), said = llm_join_handed(text);
    /* White space at the end is said again. */
    uint32_t spent = c->earlier.output - (said.n < text.n && c->earlier.output > 0);

    if (said.n == 0)
        return worded;
    if (b->dialect == LLM_OLLAMA)
        said = with_mark(x, said);
    struct llm_request *request = arena_new_of(x->request_arena, struct llm_request);
    if (said.n == 0 || !request) {
        error_set(&x->error, ERROR_NO_MEMORY, "no memory to go on with an answer");
        return NULL;
    }
    return llm_prefill(worded, said, spent, x->request_arena, request, &x->error) ? request : NULL;
}

/* What may leave of the request does not say what may leave of the answer. Only what was said
 * inside can have names that nobody outside has: those the tagger finds. */
static bool look_through(struct exchange *x, const struct plan_candidate *candidate)
{
    const struct llm_request *request = continue_request(x, candidate);
    struct findings found;

    return request && screen_scan(x, request->body, x->continuation->inside, &found) &&
           !(found.classes & screen_forbidden(x)) && screen_remember(x, &found);
}

bool continue_may_leave(struct exchange *x, const struct plan_candidate *candidate)
{
    struct continuation *c = x->continuation;

    /* The text is worded as the request was: with placeholders, or without. */
    if (!x->request_arena || screen_mask(x, candidate->leaves) != x->mask)
        return false;
    if (!candidate->leaves || x->config->perimeter.classes == 0)
        return true;
    if (c->leaving == LEAVING_UNKNOWN)
        c->leaving = look_through(x, candidate) ? LEAVING_MAY : LEAVING_MUST_NOT;
    return c->leaving == LEAVING_MAY;
}

void continue_unable(struct exchange *x, const struct plan_candidate *candidate)
{
    unable_set(&x->gateway->unable, candidate->backend_name, candidate->model,
               loop_now_ns() + UNABLE_NS);
}

enum deliver_result continue_refused(struct exchange *x, const struct plan_candidate *candidate,
                                     struct http_call *call, int64_t deadline_ns,
                                     struct arena *attempt)
{
    int status = call->head.status;
    bool of_the_text = status == 400 || status == 422;
    struct view body;

    if (of_the_text && !deliver_read_whole(x, call, REFUSAL_BYTES, deadline_ns, attempt, &body))
        return DELIVER_FAILED;
    if (of_the_text && llm_error_is_too_long(body))
        return DELIVER_TOO_LONG;
    error_set(&x->error, of_the_text ? ERROR_NOT_CONTINUED : ERROR_UPSTREAM_STATUS,
              "%.*s answered %d and does not go on", VIEW_ARG(candidate->backend_name), status);
    return DELIVER_FAILED;
}
