#include "fleet/breaker.h"

#include "base/clock.h"

/* Somebody who restarts an engine wants to see it back at once. */
static const int64_t NEAR_FOR_NS = 60 * NS_PER_S, NEAR_PAUSE_NS = NS_PER_S;

static const double GROWTH = 1.5;

/* ---- when the next look is due --------------------------------------------------------------- */

static bool looked_at_closely(const struct breaker *b, int64_t now_ns)
{
    return b->near && b->cause == BREAKER_CONNECT && now_ns - b->opened_ns < NEAR_FOR_NS;
}

/* Three quarters to five quarters of what it would be without chance. */
static void plan_look(struct breaker *b, const struct config_breaker *rules,
                      struct breaker_moment at)
{
    double pause = (double)rules->open_ms * (double)NS_PER_MS;
    double longest = pause * BREAKER_LONGEST;

    for (unsigned i = 0; i < b->in_vain && pause < longest; i++)
        pause *= GROWTH;
    pause = (pause < longest ? pause : longest) * (0.75 + at.chance / 2);
    if (looked_at_closely(b, at.now_ns) && pause > (double)NEAR_PAUSE_NS)
        pause = (double)NEAR_PAUSE_NS;
    b->look_ns = at.now_ns + (int64_t)(pause < longest ? pause : longest);
}

static void open_now(struct breaker *b, const struct config_breaker *rules,
                     struct breaker_moment at)
{
    b->state = BREAKER_OPEN;
    b->in_vain = 0;
    b->opened_ns = at.now_ns;
    plan_look(b, rules, at);
}

/* ---- the rate -------------------------------------------------------------------------------- */

static int64_t slice_number(const struct config_breaker *rules, int64_t now_ns)
{
    return now_ns / (rules->window_ms * NS_PER_MS / BREAKER_SLICES);
}

static void count(struct breaker *b, const struct config_breaker *rules, int64_t now_ns, bool bad)
{
    int64_t number = slice_number(rules, now_ns);
    struct breaker_slice *s = &b->slices[number % BREAKER_SLICES];

    if (s->number != number)
        *s = (struct breaker_slice){.number = number};
    s->asked++;
    s->bad += bad;
}

static bool rate_is_reached(const struct breaker *b, const struct config_breaker *rules,
                            int64_t now_ns)
{
    int64_t number = slice_number(rules, now_ns);
    uint64_t asked = 0, bad = 0;

    for (unsigned i = 0; i < BREAKER_SLICES; i++) {
        const struct breaker_slice *s = &b->slices[i];
        if (s->number > number - BREAKER_SLICES && s->number <= number) {
            asked += s->asked;
            bad += s->bad;
        }
    }
    return rules->error_rate > 0 && asked >= BREAKER_LEAST &&
           (double)bad >= rules->error_rate * (double)asked;
}

/* What was before it opened is no measure of what comes after. */
static void forget(struct breaker *b)
{
    for (unsigned i = 0; i < BREAKER_SLICES; i++)
        b->slices[i] = (struct breaker_slice){.number = 0};
}

/* ---- what happens ---------------------------------------------------------------------------- */

const char *breaker_failed(struct breaker *b, const struct config_breaker *rules,
                           enum breaker_cause cause, struct breaker_moment at)
{
    b->failures++;
    count(b, rules, at.now_ns, true);
    if (b->state == BREAKER_HALF_OPEN) {
        breaker_looked_in_vain(b, rules, cause, at);
        return "failed when it was tried again";
    }
    /* Somebody in despair asked it; when to look does not hang on how many those are. */
    if (b->state == BREAKER_OPEN)
        return NULL;
    const char *why = b->failures >= rules->failures         ? "failed too often in a row"
                      : rate_is_reached(b, rules, at.now_ns) ? "failed too often of late"
                                                             : NULL;
    b->cause = cause;
    if (why)
        open_now(b, rules, at);
    return why;
}

const char *breaker_answered(struct breaker *b, const struct config_breaker *rules,
                             int64_t first_token_ns, struct breaker_moment at)
{
    bool slow = rules->slow_ms > 0 && first_token_ns > rules->slow_ms * NS_PER_MS;

    if (b->state != BREAKER_CLOSED)
        forget(b);
    b->state = BREAKER_CLOSED;
    b->failures = 0;
    count(b, rules, at.now_ns, slow);
    if (!slow || !rate_is_reached(b, rules, at.now_ns))
        return NULL;
    b->cause = BREAKER_GENERATE;
    open_now(b, rules, at);
    return "was too slow of late";
}

void breaker_trip(struct breaker *b, const struct config_breaker *rules, enum breaker_cause cause,
                  struct breaker_moment at)
{
    b->failures++;
    b->cause = cause;
    open_now(b, rules, at);
}

void breaker_looked_in_vain(struct breaker *b, const struct config_breaker *rules,
                            enum breaker_cause cause, struct breaker_moment at)
{
    b->state = BREAKER_OPEN;
    b->cause = cause;
    if (!looked_at_closely(b, at.now_ns))
        b->in_vain++;
    plan_look(b, rules, at);
}

void breaker_half_open(struct breaker *b, const struct config_breaker *rules,
                       struct breaker_moment at)
{
    b->state = BREAKER_HALF_OPEN;
    plan_look(b, rules, at);
}
