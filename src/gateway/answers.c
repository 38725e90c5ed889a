#include "gateway/answers.h"

#include "base/hash.h"
#include "run/lock.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void answers_init(struct answers *s)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->mutex, NULL);
    list_init(&s->by_use);
}

void answers_done(struct answers *s)
{
    answers_limit(s, 0, 0, 0);
}

/* ---- one turn -------------------------------------------------------------------------------- */

static struct view put_text(char **at, struct view text)
{
    struct view copy = view_of(*at, text.n);

    if (text.n)
        memcpy(*at, text.p, text.n);
    *at += text.n;
    return copy;
}

struct answer *answer_ref(struct answer *a)
{
    if (a)
        atomic_fetch_add(&a->refs, 1);
    return a;
}

struct answer *answer_new(struct answers *s, struct answer *before, struct view key, struct view id,
                          struct view input)
{
    size_t size = sizeof(struct answer) + key.n + id.n + input.n;
    struct answer *a = calloc(1, size);

    if (!a)
        return NULL;
    char *at = (char *)(a + 1);
    a->key = put_text(&at, key);
    a->id = put_text(&at, id);
    a->input = put_text(&at, input);
    a->whole = size + (before ? before->whole : 0);
    a->owner = s;
    a->size = size;
    a->before = answer_ref(before);
    list_init(&a->by_use);
    atomic_init(&a->refs, 1);
    return a;
}

static void wipe(char *p, size_t n)
{
    if (p)
        OPENSSL_cleanse(p, n);
    free(p);
}

void answer_unref(struct answer *a)
{
    while (a && atomic_fetch_sub(&a->refs, 1) == 1) {
        struct answer *before = a->before;
        atomic_fetch_sub(&a->owner->bytes, a->counted);
        wipe(a->said, a->said_size);
        wipe((char *)a, a->size);
        a = before;
    }
}

/* Where `part` lies inside `whole` it needs no memory of its own. */
static bool lies_in(struct view part, struct view whole)
{
    return (uintptr_t)part.p >= (uintptr_t)whole.p &&
           (uintptr_t)part.p + part.n <= (uintptr_t)whole.p + whole.n;
}

static bool add_answer(struct answer *a, struct view object, struct view output)
{
    bool shared = lies_in(output, object);
    size_t size = object.n + (shared ? 0 : output.n);
    char *at = malloc(size);

    if (!at)
        return false;
    a->said = at;
    a->said_size = size;
    a->object = put_text(&at, object);
    a->output =
        shared ? view_of(a->object.p + (output.p - object.p), output.n) : put_text(&at, output);
    a->whole += size;
    return true;
}

/* ---- the store: under its lock ----------------------------------------------------------------
 */

static struct answer **bucket_of(struct answers *s, struct view key, struct view id)
{
    return &s->buckets[hash_mix(hash_bytes(key) ^ hash_bytes(id)) % ANSWERS_BUCKETS];
}

/* Out of the table and the list; its reference is the caller's now. */
static void unlink_answer(struct answers *s, struct answer *a)
{
    struct answer **at = bucket_of(s, a->key, a->id);

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    list_remove(&a->by_use);
}

static struct answer *look_up(struct answers *s, struct view key, struct view id, int64_t now_ns)
{
    struct answer *a = *bucket_of(s, key, id);

    while (a && !(view_eq(a->id, id) && view_eq(a->key, key)))
        a = a->next;
    return a && now_ns - a->used_ns <= atomic_load(&s->keep_ns) ? a : NULL;
}

/* The one that was not used for longest, when it was not since `before_ns`. */
static struct answer *take_oldest(struct answers *s, int64_t before_ns)
{
    struct answer *oldest = NULL;

    lock_take(&s->mutex);
    if (!list_empty(&s->by_use)) {
        struct answer *a = list_entry(s->by_use.next, struct answer, by_use);
        if (a->used_ns < before_ns) {
            unlink_answer(s, a);
            oldest = a;
        }
    }
    lock_release(&s->mutex);
    return oldest;
}

/* ---- what is kept, and how long ---------------------------------------------------------------
 */

/* An old turn that a later one goes on from gives nothing back before that one goes too. */
static bool make_room(struct answers *s)
{
    struct answer *oldest;

    while (atomic_load(&s->bytes) > atomic_load(&s->max_bytes)) {
        if (!(oldest = take_oldest(s, INT64_MAX)))
            return false;
        answer_unref(oldest);
    }
    return true;
}

void answers_expire(struct answers *s, int64_t now_ns)
{
    int64_t before_ns = now_ns - atomic_load(&s->keep_ns);
    struct answer *oldest;

    while ((oldest = take_oldest(s, before_ns)))
        answer_unref(oldest);
}

void answers_limit(struct answers *s, size_t max_bytes, int64_t keep_ns, int64_t now_ns)
{
    atomic_store(&s->max_bytes, max_bytes);
    atomic_store(&s->keep_ns, keep_ns);
    answers_expire(s, now_ns);
    make_room(s);
}

/* Its bytes are counted before it is reachable, so the store is never above its limit. */
static void enter(struct answers *s, struct answer *a, size_t bytes, int64_t now_ns)
{
    a->counted = bytes;
    atomic_fetch_add(&s->bytes, bytes);
    if (!make_room(s)) /* the rest is held by requests that are under way: then it is not kept */
        return;
    lock_take(&s->mutex);
    struct answer **bucket = bucket_of(s, a->key, a->id);
    a->used_ns = now_ns;
    a->next = *bucket;
    *bucket = a;
    list_push_back(&s->by_use, &a->by_use);
    answer_ref(a);
    lock_release(&s->mutex);
}

void answers_keep(struct answers *s, struct answer *a, struct view object, struct view output,
                  int64_t now_ns)
{
    size_t said = object.n + (lies_in(output, object) ? 0 : output.n);

    if (a->whole + said <= atomic_load(&s->max_bytes)) {
        if (add_answer(a, object, output))
            enter(s, a, a->size + a->said_size, now_ns);
        return;
    }
    struct answer *name = answer_new(s, NULL, a->key, a->id, VIEW_NONE);
    if (name && name->size <= atomic_load(&s->max_bytes))
        enter(s, name, name->size, now_ns);
    answer_unref(name);
}

struct answer *answers_find(struct answers *s, struct view key, struct view id, int64_t now_ns)
{
    lock_take(&s->mutex);
    struct answer *a = look_up(s, key, id, now_ns);
    if (a) {
        a->used_ns = now_ns > a->used_ns ? now_ns : a->used_ns;
        list_remove(&a->by_use);
        list_push_back(&s->by_use, &a->by_use);
        answer_ref(a);
    }
    lock_release(&s->mutex);
    return a;
}

bool answers_drop(struct answers *s, struct view key, struct view id, int64_t now_ns)
{
    lock_take(&s->mutex);
    struct answer *a = look_up(s, key, id, now_ns);
    if (a)
        unlink_answer(s, a);
    lock_release(&s->mutex);
    answer_unref(a);
    return a != NULL;
}
