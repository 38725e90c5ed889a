#include "egress/look.h"

#include "egress/credential.h"
#include "run/offload.h"

#include <stdlib.h>

enum {
    INLINE_BYTES = 2048, /* above it the look would keep the loop from its other tasks */
    ARENA_FACTOR = 24,   /* of the bytes looked at: decoded text, strings, findings */
    ARENA_BASE = 1 << 20,
};

/* Owns all that it works on, so that the task may leave. */
struct look_job {
    struct offload_job job;
    struct egress *gate;
    struct arena *arena;
    struct view head, body;
    struct sensitivity_options options;
    uint32_t forbidden;
    enum look look;
    uint32_t classes;
    struct error error;
};

static bool look_at(const struct look_job *j, bool body, uint32_t *classes, struct error *err)
{
    struct findings found = {0};
    struct sensitivity_options options = j->options;
    const struct sensitivity *scanner = egress_scanner(j->gate);

    options.no_tagger = !body; /* no prose in a head */
    if (!(body ? sensitivity_scan_body(scanner, j->body, &options, j->arena, &found, err)
               : sensitivity_scan_text(scanner, j->head, &options, j->arena, &found, err)))
        return false;
    *classes |= found.classes & j->options.classes;
    return true;
}

static void look(struct look_job *j)
{
    uint32_t classes = 0;

    j->look = LOOK_FAILED;
    if (!look_at(j, false, &classes, &j->error) ||
        (j->body.n > 0 && !look_at(j, true, &classes, &j->error)))
        return;
    j->classes = classes;
    j->look = classes & j->forbidden ? LOOK_FOUND : LOOK_CLEAN;
}

static void run_look(struct offload_job *job)
{
    look((struct look_job *)job);
}

static void drop_look(struct offload_job *job)
{
    struct look_job *j = (struct look_job *)job;

    egress_unref(j->gate);
    arena_free(j->arena);
    free(j);
}

static struct view join(struct arena *a, const struct view *pieces, unsigned n)
{
    size_t bytes = 0, at = 0;

    for (unsigned i = 0; i < n; i++)
        bytes += pieces[i].n;
    char *to = arena_bytes(a, bytes + 1);
    for (unsigned i = 0; to && i < n; i++) {
        if (pieces[i].n)
            memcpy(to + at, pieces[i].p, pieces[i].n);
        at += pieces[i].n;
    }
    return to ? view_of(to, bytes) : VIEW_NONE;
}

/* The query as a form writes it, with a plus sign for each blank: here they are blanks. */
static struct view query_of(struct view head, struct arena *a)
{
    struct view line = view_cut(&head, '\r');
    size_t at = view_find_char(line, '?');
    struct view query = at == VIEW_NPOS ? VIEW("") : view_skip(line, at);
    char *to = arena_bytes(a, query.n + 1);

    for (size_t i = 0; to && i < query.n; i++)
        to[i] = query.p[i] == '+' ? ' ' : query.p[i];
    return to ? view_of(to, query.n) : VIEW_NONE;
}

/* The head without Weir's credential: nothing else is left out. */
static struct view head_to_look_at(struct view head, struct view credential, struct arena *a)
{
    struct view parts[3];

    credential_cut(head, credential, parts);
    parts[2] = query_of(head, a);
    return join(a, parts, 3);
}

static struct look_job *job_new(const struct http_request_out *request,
                                const struct egress_pass *pass)
{
    struct look_job *j = calloc(1, sizeof(*j));
    size_t bytes = request->head.n;

    if (!j)
        return NULL;
    for (unsigned i = 0; i < request->n_body; i++)
        bytes += request->body[i].n;
    j->job = (struct offload_job){.run = run_look, .drop = drop_look};
    j->gate = egress_ref(pass->gate);
    j->arena = arena_new(bytes * ARENA_FACTOR + ARENA_BASE);
    j->forbidden = pass->forbidden;
    if (j->arena) {
        uint64_t *known = arena_new_array(j->arena, uint64_t, pass->n_known + 1);
        j->head = head_to_look_at(request->head, pass->credential, j->arena);
        j->body = join(j->arena, request->body, request->n_body);
        if (known && pass->n_known)
            memcpy(known, pass->known, pass->n_known * sizeof(*known));
        j->options = (struct sensitivity_options){.profile = pass->profile,
                                                  .classes = pass->classes,
                                                  .known = known,
                                                  .n_known = pass->n_known};
    }
    if (j->arena && !arena_failed(j->arena))
        return j;
    drop_look(&j->job);
    return NULL;
}

/* A masked value in any of its forms. */
static bool masked_value_left(const struct look_job *j, const struct mask_map *mask)
{
    return mask && (mask_leaks(mask, j->head) || mask_leaks(mask, j->body));
}

/* The job ends alone. */
static enum look left_behind(enum wait_result waited, struct error *err)
{
    if (waited == WAIT_CANCELLED) {
        error_set(err, ERROR_CANCELLED, "cancelled while the request was looked through");
        return LOOK_CANCELLED;
    }
    error_set(err, ERROR_DEADLINE, "looking through the request took too long");
    return LOOK_FAILED;
}

enum look egress_look(const struct http_request_out *request, const struct egress_pass *pass,
                      int64_t deadline_ns, uint32_t *ret_classes, struct error *err)
{
    enum look result = LOOK_FAILED;

    *ret_classes = 0;
    if (pass->classes == 0)
        return LOOK_CLEAN;
    struct look_job *j = job_new(request, pass);
    if (!j) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the gate");
        return LOOK_FAILED;
    }
    if (masked_value_left(j, pass->mask)) {
        drop_look(&j->job);
        return LOOK_FOUND;
    }
    if (j->body.n <= INLINE_BYTES)
        look(j);
    else {
        enum wait_result waited = task_offload(OFFLOAD_CPU, &j->job, deadline_ns);
        if (waited != WAIT_READY)
            return left_behind(waited, err);
    }
    result = j->look;
    *ret_classes = j->classes;
    if (result == LOOK_FAILED)
        *err = j->error;
    if (j->body.n <= INLINE_BYTES)
        drop_look(&j->job);
    else
        offload_release(&j->job);
    return result;
}
