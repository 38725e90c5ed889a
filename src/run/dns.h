/*
 * Questions to the DNS whose answers getaddrinfo() does not tell: all addresses of a name, and the
 * servers of a service (SRV). By c-ares, on the loop: nothing blocks, and a cancel ends a question
 * at once. In a task.
 *
 * A name without such records is an answer and no failure: it gives none of them. What failed says
 * nothing of what the name stands for.
 */
#pragma once

#include "base/network.h"
#include "run/task.h"

enum { DNS_MAX_ADDRESSES = 256, DNS_MAX_SERVICES = 256, DNS_NAME_BYTES = 256 };

/* A list without what stands twice, in an order of its own, so that two equal answers are equal. */
struct dns_addresses {
    struct network_address all[DNS_MAX_ADDRESSES];
    unsigned n;
    bool more; /* than fit */
};

struct dns_service {
    uint16_t priority, weight, port; /* a lower priority is asked first */
    char target[DNS_NAME_BYTES];
};

/* By priority, then target and port. */
struct dns_services {
    struct dns_service all[DNS_MAX_SERVICES];
    unsigned n;
    bool more;
};

/* Both kinds of addresses that `name` has. `server`: "host:port" in numbers; empty for those of
 * the system, whose hosts file and search domains count too. Errors: UPSTREAM_REFUSED (an answer
 * that is none), UPSTREAM_TIMEOUT, CANCELLED. Both results are too large for a task's stack. */
bool dns_ask_addresses(struct view name, struct view server, int64_t deadline_ns,
                       struct dns_addresses *ret_addresses, struct error *err) MUST_CHECK;
bool dns_ask_services(struct view name, struct view server, int64_t deadline_ns,
                      struct dns_services *ret_services, struct error *err) MUST_CHECK;
