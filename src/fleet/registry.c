/* All nodes that there are. */
#include "fleet/registry.h"

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct node *) registry;
static _Atomic(struct node *) numbered[NODE_NUMBERS];
static unsigned n_numbers;
static struct node *retired; /* unlinked, and not free yet */

struct node *node_first(void)
{
    return atomic_load(&registry);
}

struct node *node_numbered(unsigned number)
{
    return atomic_load_explicit(&numbered[number % NODE_NUMBERS], memory_order_acquire);
}

static struct {
    void (*fn)(struct node *n, void *arg);
    void *arg;
} when_new;

void node_when_new(void (*fn)(struct node *n, void *arg), void *arg)
{
    when_new.fn = fn;
    when_new.arg = arg;
}

/* The caller has the lock. */
static struct node *find(const struct config_backend *b, const struct config_url *u)
{
    struct node *n = registry;

    while (n && !node_is(n, b, u))
        n = n->next;
    return n;
}

struct node *node_get(const struct config_backend *b, const struct config_url *u, struct error *err)
{
    lock_take(&registry_mutex);
    struct node *n = find(b, u), *fresh = n ? NULL : node_new(b, u, err);
    if (fresh) {
        fresh->number = n_numbers++;
        atomic_store_explicit(&numbered[fresh->number % NODE_NUMBERS], fresh, memory_order_release);
        fresh->next = registry;
        atomic_store(&registry, fresh);
        n = fresh;
    }
    if (n)
        atomic_fetch_add(&n->refs, 1);
    lock_release(&registry_mutex);
    if (fresh && when_new.fn)
        when_new.fn(fresh, when_new.arg);
    return n;
}

bool node_is_down(const struct config_backend *b, const struct config_url *u)
{
    lock_take(&registry_mutex);
    const struct node *n = find(b, u);
    bool down = n && (atomic_load(&n->open) || !node_serves(n));
    lock_release(&registry_mutex);
    return down;
}

struct node *node_ref(struct node *n)
{
    atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
    return n;
}

void node_unref(struct node *n)
{
    atomic_store_explicit(&n->released_ns, loop_now_ns(), memory_order_relaxed);
    atomic_fetch_sub(&n->refs, 1);
}

static bool is_released(const struct node *n)
{
    return atomic_load(&n->refs) == 0;
}

unsigned node_count_released(void)
{
    unsigned count = 0;

    for (struct node *n = node_first(); n; n = n->next)
        count += is_released(n);
    return count;
}

/* The caller has the lock, so nobody takes hold of a released one. */
static void unlink_node(struct node *n)
{
    _Atomic(struct node *) *at = &registry;

    while (*at != n)
        at = &(*at)->next;
    *at = n->next; /* n->next stays, for whoever walks there */
    if (node_numbered(n->number) == n)
        atomic_store(&numbered[n->number % NODE_NUMBERS], NULL);
}

struct node *node_retire(unsigned keep)
{
    struct node *first = NULL;
    unsigned count = 0;

    lock_take(&registry_mutex);
    for (struct node *n = registry; n; n = n->next) {
        if (!is_released(n))
            continue;
        count++;
        if (!first || n->released_ns < first->released_ns)
            first = n;
    }
    if (count > keep) {
        unlink_node(first);
        first->next_retired = retired;
        retired = first;
    }
    lock_release(&registry_mutex);
    return count > keep ? first : NULL;
}

void node_free(struct node *n)
{
    struct node **at = &retired;

    while (*at != n)
        at = &(*at)->next_retired;
    *at = n->next_retired;
    node_destroy(n);
}

void node_free_all(void)
{
    struct node *next;

    for (struct node *n = node_first(); n; n = next) {
        next = n->next;
        node_destroy(n);
    }
    atomic_store(&registry, NULL);
    for (unsigned i = 0; i < NODE_NUMBERS; i++)
        atomic_store(&numbered[i], NULL);
    while (retired)
        node_free(retired);
}
