#include "run/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

struct lookup {
    struct offload_job job;
    char host[256], port[8];
    int failure; /* EAI_* */
    struct resolver_answer answer;
};

static bool numeric(const char *host, uint16_t port, struct resolver_answer *answer)
{
    struct resolver_address *a = &answer->addresses[0];
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->addr;

    memset(&a->addr, 0, sizeof(a->addr));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        a->len = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        a->len = sizeof(*v6);
    } else {
        return false;
    }
    answer->n = 1;
    return true;
}

bool resolver_is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static int ask_system(const char *host, const char *port, struct resolver_answer *answer)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found;

    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure == EAI_NONAME || failure == EAI_ADDRFAMILY) {
        hints.ai_flags = 0; /* a machine with only loopback has no configured family */
        failure = getaddrinfo(host, port, &hints, &found);
    }
    if (failure != 0)
        return failure;
    answer->n = 0;
    for (struct addrinfo *at = found; at && answer->n < RESOLVER_MAX_ADDRESSES; at = at->ai_next) {
        memcpy(&answer->addresses[answer->n].addr, at->ai_addr, at->ai_addrlen);
        answer->addresses[answer->n++].len = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return 0;
}

static _Atomic(resolver_fn *) ask = ask_system;

void resolver_replace(resolver_fn *fn)
{
    ask = fn ? fn : ask_system;
}

static void run_lookup(struct offload_job *job)
{
    struct lookup *l = (struct lookup *)job;
    l->failure = ask(l->host, l->port, &l->answer);
}

static void drop_lookup(struct offload_job *job)
{
    free(job);
}

bool resolver_lookup(struct view host, uint16_t port, int64_t deadline_ns,
                     struct resolver_answer *ret_answer, struct error *err)
{
    char name[256];

    if (host.n == 0 || host.n >= sizeof(name) || memchr(host.p, '\0', host.n))
        return error_set(err, ERROR_UPSTREAM_REFUSED, "'%.*s' is no host name",
                         VIEW_ARG(view_first(host, 60)));
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    if (numeric(name, port, ret_answer))
        return true;

    struct lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set(err, ERROR_NO_MEMORY, "no memory to look up %s", name);
    l->job = (struct offload_job){.run = run_lookup, .drop = drop_lookup};
    memcpy(l->host, name, host.n + 1);
    snprintf(l->port, sizeof(l->port), "%u", port);
    switch (task_offload(OFFLOAD_NAMES, &l->job, deadline_ns)) {
    case WAIT_TIMEOUT:
        return error_set(err, ERROR_UPSTREAM_TIMEOUT, "looking up %s took too long", name);
    case WAIT_CANCELLED:
        return error_set(err, ERROR_CANCELLED, "cancelled while looking up %s", name);
    case WAIT_READY:
        break;
    }
    bool found = l->failure == 0 && l->answer.n > 0;
    if (found)
        *ret_answer = l->answer;
    else
        error_set(err, ERROR_UPSTREAM_REFUSED, "cannot look up %s: %s", name,
                  l->failure ? gai_strerror(l->failure) : "no address");
    offload_release(&l->job);
    return found;
}
