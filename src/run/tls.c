#include "run/tls.h"

#include "run/lock.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

/* A trust store and what came of reading it. */
struct store {
    struct store *next;
    char ca_file[512];
    SSL_CTX *context; /* NULL until it is loaded */
};

static pthread_mutex_t stores_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct store *stores;

struct load {
    struct offload_job job;
    char ca_file[512];
    SSL_CTX *context;
    char failure[160];
};

void tls_error_text(char *text, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    snprintf(text, size, "%s", reason ? reason : "unknown TLS error");
    ERR_clear_error();
}

static SSL_CTX *find(const char *ca_file)
{
    SSL_CTX *context = NULL;

    lock_take(&stores_mutex);
    for (struct store *s = stores; s && !context; s = s->next)
        if (strcmp(s->ca_file, ca_file) == 0)
            context = s->context;
    lock_release(&stores_mutex);
    return context;
}

/* Two tasks may load the same store at the same time; the first one in is kept. */
static SSL_CTX *keep(const char *ca_file, SSL_CTX *context)
{
    SSL_CTX *before = find(ca_file);
    struct store *s = before ? NULL : calloc(1, sizeof(*s));

    if (!s) {
        if (before)
            SSL_CTX_free(context);
        return before ? before : context;
    }
    snprintf(s->ca_file, sizeof(s->ca_file), "%s", ca_file);
    s->context = context;
    lock_take(&stores_mutex);
    s->next = stores;
    stores = s;
    lock_release(&stores_mutex);
    return context;
}

static void run_load(struct offload_job *job)
{
    struct load *l = (struct load *)job;

    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        tls_error_text(l->failure, sizeof(l->failure));
        return;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int ok = l->ca_file[0] ? SSL_CTX_load_verify_locations(context, l->ca_file, NULL)
                           : SSL_CTX_set_default_verify_paths(context);
    if (ok == 1) {
        l->context = keep(l->ca_file, context);
        return;
    }
    tls_error_text(l->failure, sizeof(l->failure));
    SSL_CTX_free(context);
}

static void drop_load(struct offload_job *job)
{
    free(job);
}

static struct load *load_new(struct view ca_file)
{
    struct load *l = calloc(1, sizeof(*l));

    if (l) {
        l->job = (struct offload_job){.run = run_load, .drop = drop_load};
        snprintf(l->ca_file, sizeof(l->ca_file), "%.*s", VIEW_ARG(ca_file));
    }
    return l;
}

SSL_CTX *tls_client_context(struct view ca_file, int64_t deadline_ns, struct error *err)
{
    struct load *l = load_new(ca_file);
    SSL_CTX *context = l ? find(l->ca_file) : NULL;

    if (!l) {
        error_set(err, ERROR_NO_MEMORY, "no memory for a TLS context");
        return NULL;
    }
    if (context) {
        free(l);
        return context;
    }
    switch (task_offload(OFFLOAD_CPU, &l->job, deadline_ns)) {
    case WAIT_TIMEOUT:
        error_set(err, ERROR_UPSTREAM_TIMEOUT, "loading the trust store took too long");
        return NULL;
    case WAIT_CANCELLED:
        error_set(err, ERROR_CANCELLED, "cancelled while loading the trust store");
        return NULL;
    case WAIT_READY:
        break;
    }
    context = l->context;
    if (!context) {
        error_set(err, ERROR_UPSTREAM_TLS, "cannot load the trust store %s: %s",
                  l->ca_file[0] ? l->ca_file : "of the system", l->failure);
        error_hint(err, "Install ca-certificates or set ca_file to a PEM bundle.");
    }
    offload_release(&l->job);
    return context;
}

void tls_preload(struct view ca_file)
{
    struct load *l = load_new(ca_file);
    if (l)
        offload_detached(OFFLOAD_CPU, &l->job);
}
