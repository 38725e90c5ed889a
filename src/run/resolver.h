/* Names to addresses: numeric ones at once, others by getaddrinfo on the names pool. */
#pragma once

#include "run/offload.h"

#include <sys/socket.h>

enum { RESOLVER_MAX_ADDRESSES = 8 };

struct resolver_address {
    struct sockaddr_storage addr;
    socklen_t len;
};

struct resolver_answer {
    struct resolver_address addresses[RESOLVER_MAX_ADDRESSES];
    unsigned n;
};

/* `host` without brackets. The answer lies in the arena of the caller's choice: it is about 1 KiB,
 * too much for a task's stack. False: `err` is UPSTREAM_REFUSED (no such name), UPSTREAM_TIMEOUT
 * or CANCELLED. */
bool resolver_lookup(struct view host, uint16_t port, int64_t deadline_ns,
                     struct resolver_answer *ret_answer, struct error *err) MUST_CHECK;

/* An IPv4 or IPv6 address in numbers. */
bool resolver_is_address(const char *host);

/* Only for tests: what runs instead of getaddrinfo(). */
typedef int resolver_fn(const char *host, const char *port, struct resolver_answer *answer);
void resolver_replace(resolver_fn *fn);
