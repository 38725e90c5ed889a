#include "gateway/conversation.h"

#include "base/clock.h"
#include "llm/stored.h"

#include <sys/random.h>

enum { FRAME_BYTES = 64 /* what stands around the items */, RANDOM_BYTES = 24, ID_BYTES = 64 };

/* Nobody can guess it: without keys it is all that keeps callers apart. */
static bool make_id(char id[static ID_BYTES])
{
    unsigned char random[RANDOM_BYTES];
    char *at = id;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return false;
    memcpy(at, "resp_", 5);
    at += 5;
    for (size_t i = 0; i < sizeof(random); i++) {
        *at++ = "0123456789abcdef"[random[i] >> 4];
        *at++ = "0123456789abcdef"[random[i] & 15];
    }
    *at = '\0';
    return true;
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERROR_NO_MEMORY, "no memory to keep the conversation");
}

static bool too_long(struct error *err)
{
    error_set(err, ERROR_BODY_TOO_LARGE, "the whole conversation is longer than limits.body");
    return error_hint(err, "Begin a new one, or raise limits.body.");
}

static struct answer *find(const struct conversation_keeper *keeper, struct view id,
                           struct error *err)
{
    struct answer *a = answers_find(keeper->answers, keeper->key, id, clock_mono_ns());
    bool whole = a && a->object.n > 0;

    if (whole)
        return a;
    error_set(err, ERROR_UNKNOWN_PREVIOUS, "Previous response with id '%.*s' %s.",
              VIEW_ARG(view_first(id, 80)),
              a ? "was not kept: its conversation is longer than responses.max_bytes"
                : "not found");
    error_hint(err, "Weir keeps answers in memory, for responses.keep after their last use; send "
                    "the whole conversation in \"input\".");
    error_param(err, VIEW("previous_response_id"));
    answer_unref(a);
    return NULL;
}

/* All turns' items, the first turn's first, and the request's own behind them. */
static bool join(const struct answer *last, struct view own, struct arena *a, struct buf *items,
                 struct error *err)
{
    size_t n = 0;

    for (const struct answer *turn = last; turn; turn = turn->before)
        n++;
    const struct answer **turns = arena_new_array(a, const struct answer *, n);
    if (!turns)
        return no_memory(err);
    for (const struct answer *turn = last; turn; turn = turn->before)
        turns[--n] = turn;
    for (n = 0; n == 0 || turns[n - 1] != last; n++) {
        stored_add_items(items, turns[n]->input);
        stored_add_items(items, turns[n]->output);
    }
    stored_add_items(items, own);
    return buf_ok(items) || too_long(err);
}

static bool expand(const struct answer *last, struct view own, size_t max, struct arena *a,
                   struct view *body, struct error *err)
{
    struct buf items = BUF_MAX(max), whole = BUF_MAX(max + FRAME_BYTES);
    struct view text = VIEW_NONE;
    bool ok = join(last, own, a, &items, err);

    if (ok) {
        stored_request_write(*body, buf_view(&items), &whole);
        ok = buf_ok(&whole) || too_long(err);
    }
    if (ok && (text = arena_dup(a, buf_view(&whole))).n == 0)
        ok = no_memory(err);
    if (ok)
        *body = text;
    buf_done(&items);
    buf_done(&whole);
    return ok;
}

bool conversation_begin(const struct conversation_keeper *keeper, struct arena *a,
                        struct view *body, struct answer **ret_turn, struct error *err)
{
    struct stored_request req;
    struct answer *before = NULL, *turn = NULL;
    char id[ID_BYTES];

    if (!stored_request_read(*body, a, &req, err))
        return false;
    if (req.previous.n && !(before = find(keeper, req.previous, err)))
        return false;
    bool ok = !before || expand(before, req.items, keeper->max_body, a, body, err);
    if (ok && req.store) {
        turn = make_id(id)
                   ? answer_new(keeper->answers, before, keeper->key, view_str(id), req.items)
                   : NULL;
        ok = turn || no_memory(err);
    }
    answer_unref(before);
    if (ok)
        *ret_turn = turn;
    return ok;
}
