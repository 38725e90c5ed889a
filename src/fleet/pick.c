#include "fleet/pick.h"

#include "base/clock.h"
#include "base/hash.h"
#include "fleet/affinity.h"
#include "fleet/balance.h"

/* Of a larger fleet so many nodes are compared, drawn anew each time. */
enum { COMPARED = 12 };

/* Larger than any fleet, so that steps of that many go through all its nodes. */
static const unsigned strides[] = {257, 263, 269, 271, 277, 281, 283, 293};

/* Better first: nodes of one rank are compared, those of worse ones left out. */
enum rank { RANK_NEAR, RANK_FAR, RANK_FULL };

struct looking {
    const struct pick *pick;
    int64_t now_ns;
    uint64_t model; /* its name's hash */
    enum rank rank; /* of those that were found */
    unsigned n;
    unsigned found[COMPARED];
    bool asleep[COMPARED]; /* the model is there, but not in memory */
};

static bool was_tried(const struct fleet_tried *tried, unsigned i)
{
    return (tried->bits[i / 64] >> (i % 64) & 1) != 0;
}

/* With `desperate` also what is open or refused Weir's key: all that may be asked has failed. */
static bool may_be_asked(const struct node *n, bool desperate, int64_t now_ns)
{
    if (node_available(n, now_ns))
        return true;
    if (!desperate)
        return false;
    enum node_state state = node_state(n, now_ns);
    return (state == NODE_OPEN || state == NODE_REFUSED) &&
           atomic_load_explicit(&n->not_before_ns, memory_order_relaxed) <= now_ns;
}

/* Whether it is plain without a look at its list that the node has no such model. With one node
 * there is no choice. */
static bool lacks(const struct looking *l, const struct node *n)
{
    const struct pick *p = l->pick;
    return p->n > 1 && p->backend->n_models == 0 && !model_names_may_have(&n->names, l->model);
}

/* Whether the node has the model, with a window that is large enough, as far as that is known.
 * Names from the config are taken as they are; only Ollama loads a model when it is asked for. */
static bool holds(const struct looking *l, struct node *n, bool *ret_asleep)
{
    const struct pick *p = l->pick;
    bool listed = p->backend->n_models == 0, on_demand = n->engine == ENGINE_OLLAMA;
    bool narrow = p->wish->tokens > atomic_load_explicit(&n->least_window, memory_order_relaxed);

    if (p->n == 1 || (!listed && !on_demand && !narrow))
        return true;
    struct node_models *models = node_models_ref(n);
    const struct policy_model *m =
        models ? model_names_find(models->models, models->n, p->wish->model) : NULL;
    bool has = !models || m || !listed;
    bool fits = !m || m->window == 0 || m->window >= p->wish->tokens;
    *ret_asleep = on_demand && m && !m->loaded;
    node_models_unref(models);
    return has && fits;
}

static void consider(struct looking *l, unsigned i)
{
    const struct pick *p = l->pick;
    struct node *n = p->nodes[i].node;
    enum rank rank = p->nodes[i].near ? RANK_NEAR : RANK_FAR;
    bool asleep = false;

    if (rank > l->rank || (rank == l->rank && l->n == COMPARED) || was_tried(p->tried, i) ||
        !node_is_member(n) /* it has left meanwhile */ ||
        !may_be_asked(n, p->wish->desperate, l->now_ns) || lacks(l, n))
        return;
    if (room_full(n, p->config, l->now_ns)) {
        if (p->wish->roomy)
            return;
        rank = RANK_FULL;
    }
    if (rank > l->rank || !holds(l, n, &asleep))
        return;
    if (rank < l->rank)
        l->n = 0;
    l->rank = rank;
    if (l->n == COMPARED)
        return;
    l->asleep[l->n] = asleep;
    l->found[l->n++] = i;
}

/* The two lines of the cache that consider() looks at; 200 nodes are more than its first level
 * holds. */
static void prefetch(const struct node *n)
{
    __builtin_prefetch(&n->in_flight);
    __builtin_prefetch(&n->pace);
}

/* All of a small fleet; of a large one as many as are compared, from anywhere and each once. */
static void look_around(struct looking *l)
{
    const struct pick *p = l->pick;
    uint64_t draw = hash_mix(p->draw);
    unsigned stride = strides[draw % (sizeof(strides) / sizeof(strides[0]))] % p->n;
    unsigned i = (unsigned)((draw >> 32) % p->n);

    for (unsigned k = 0; k < p->n && !(l->rank == RANK_NEAR && l->n == COMPARED); k++) {
        unsigned next = i + stride < p->n ? i + stride : i + stride - p->n;
        prefetch(p->nodes[next].node);
        consider(l, i);
        i = next;
    }
}

static struct balance_node known_of(const struct looking *l, unsigned k)
{
    const struct fleet_node *member = &l->pick->nodes[l->found[k]];
    const struct pace *pace = &member->node->pace;
    unsigned own = atomic_load_explicit(&member->node->in_flight, memory_order_relaxed);
    double warmth = pace_warmth(pace, l->pick->config->slow_start_ms * NS_PER_MS, l->now_ns);

    return (struct balance_node){
        .service_ns = pace_service_ns(pace, l->now_ns),
        .loading_ns = l->asleep[k] ? pace_loading_ns(pace) : 0,
        .jobs = pace_jobs(pace, own, l->now_ns),
        .width = pace_width(pace),
        .weight = member->weight * warmth,
    };
}

static unsigned choose(const struct looking *l, unsigned keeper)
{
    struct balance_node known[COMPARED];
    unsigned at = BALANCE_NONE;

    if (l->n == 1)
        return 0;
    for (unsigned k = 0; k < l->n; k++) {
        known[k] = known_of(l, k);
        at = l->found[k] == keeper ? k : at;
    }
    return balance_choose(known, l->n, at, l->pick->config->affinity_margin / 100.0, l->pick->draw);
}

/* ---- affinity ------------------------------------------------------------------------------- */

static uint64_t salt_of(const struct looking *l)
{
    return hash_bytes(l->pick->backend->name) + hash_mix(l->model);
}

static unsigned find_keeper(const struct pick *p, uint64_t salt)
{
    unsigned number =
        affinity_find(p->wish->affinity, p->wish->prompt, salt, p->config->affinity_bytes);
    const struct node *keeper = number == AFFINITY_NONE ? NULL : node_numbered(number);
    unsigned i = 0;

    while (keeper && i < p->n && p->nodes[i].node != keeper)
        i++;
    return keeper && i < p->n ? i : BALANCE_NONE;
}

static struct looking begin(const struct pick *p)
{
    return (struct looking){.pick = p,
                            .now_ns = loop_now_ns(),
                            .model = p->n > 1 ? hash_bytes(p->wish->model) : 0,
                            .rank = RANK_FULL};
}

bool pick_may_ask(const struct pick *p, unsigned i)
{
    struct looking l = begin(p);
    struct node *n = p->nodes[i].node;
    bool asleep;

    return !was_tried(p->tried, i) && node_is_member(n) &&
           may_be_asked(n, p->wish->desperate, l.now_ns) && !lacks(&l, n) && holds(&l, n, &asleep);
}

unsigned pick_node(const struct pick *p)
{
    struct looking l = begin(p);
    bool remembers = p->n > 1 && p->wish->affinity && p->wish->prompt && p->wish->prompt->n > 0;
    uint64_t salt = remembers ? salt_of(&l) : 0;
    unsigned keeper = remembers ? find_keeper(p, salt) : BALANCE_NONE;

    if (keeper != BALANCE_NONE)
        consider(&l, keeper);
    look_around(&l);
    if (l.n == 0)
        return BALANCE_NONE;
    unsigned k = choose(&l, keeper), i = l.found[k];
    if (l.asleep[k])
        pace_expect_load(&p->nodes[i].node->pace);
    if (remembers)
        affinity_book(p->wish->affinity, p->wish->prompt, salt, p->nodes[i].node->number);
    return i;
}
