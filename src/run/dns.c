#include "run/dns.h"

#include "base/clock.h"

#include <ares.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    TRY_MS = 1000, /* until the next server, or the same one once more, is asked */
    TRIES = 2,
    SERVER_BYTES = 64,
    CLASS_IN = 1,
    TYPE_SRV = 33,
    BATCH = 8,
};

/* A channel of its own for each question: it has read /etc/resolv.conf as it is now. c-ares'
 * sockets are watched by an epoll instance which is itself watched by the loop, because they are
 * its own to open and close. */
struct asking {
    ares_channel channel;
    struct io sockets; /* the inner epoll instance */
    unsigned running;  /* questions without an answer */
    int status;        /* the first failure among them */
};

static void watch_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct asking *q = arg;
    struct epoll_event event = {.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
                                .data.fd = fd};

    if (!event.events)
        epoll_ctl(q->sockets.fd, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(q->sockets.fd, EPOLL_CTL_MOD, fd, &event) != 0)
        epoll_ctl(q->sockets.fd, EPOLL_CTL_ADD, fd, &event);
}

static bool fail(int status, struct view name, struct error *err)
{
    if (status == ARES_ETIMEOUT)
        return error_set(err, ERROR_UPSTREAM_TIMEOUT, "looking up %.*s took too long",
                         VIEW_ARG(view_first(name, 120)));
    if (status == ARES_ECANCELLED || status == ARES_EDESTRUCTION)
        return error_set(err, ERROR_CANCELLED, "cancelled while looking up %.*s",
                         VIEW_ARG(view_first(name, 120)));
    return error_set(err, ERROR_UPSTREAM_REFUSED, "cannot look up %.*s: %s",
                     VIEW_ARG(view_first(name, 120)), ares_strerror(status));
}

static int use_server(struct asking *q, struct view server)
{
    char text[SERVER_BYTES];

    if (server.n >= sizeof(text))
        return ARES_EBADSTR;
    memcpy(text, server.p, server.n);
    text[server.n] = '\0';
    return ares_set_servers_ports_csv(q->channel, text);
}

/* Another server than the system's knows nothing of this machine's hosts and search domains. */
static int open_channel(struct asking *q, struct view server)
{
    char dns_only[] = "b";
    struct ares_options options = {.flags = ARES_FLAG_EDNS,
                                   .timeout = TRY_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = watch_socket,
                                   .sock_state_cb_data = q};
    int set = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;

    if (server.n > 0) {
        options.flags |= ARES_FLAG_NOSEARCH;
        options.lookups = dns_only;
        set |= ARES_OPT_LOOKUPS;
    }
    int status = ares_init_options(&q->channel, &options, set);
    if (status == ARES_SUCCESS && server.n > 0) {
        status = use_server(q, server);
        if (status != ARES_SUCCESS)
            ares_destroy(q->channel);
    }
    return status;
}

static bool begin(struct asking *q, struct view name, struct view server, char *ret_name,
                  struct error *err)
{
    if (name.n == 0 || name.n >= DNS_NAME_BYTES || memchr(name.p, '\0', name.n))
        return error_set(err, ERROR_UPSTREAM_REFUSED, "'%.*s' is no name",
                         VIEW_ARG(view_first(name, 60)));
    memcpy(ret_name, name.p, name.n);
    ret_name[name.n] = '\0';
    *q = (struct asking){.status = ARES_SUCCESS};
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (!io_open(&q->sockets, fd, err)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    int status = open_channel(q, server);
    if (status == ARES_SUCCESS)
        return true;
    io_close(&q->sockets);
    return fail(status, name, err);
}

static void take_events(struct asking *q)
{
    struct epoll_event events[BATCH];
    int n = epoll_wait(q->sockets.fd, events, BATCH, 0);

    /* Not before: c-ares may leave bytes in a socket, and of those no event tells once more. */
    if (n <= 0)
        q->sockets.can_read = false;
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        ares_process_fd(q->channel, events[i].events & ~(unsigned)EPOLLOUT ? fd : ARES_SOCKET_BAD,
                        events[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    }
}

/* Until all questions have an answer, which c-ares gives to their callbacks. */
static void wait_for_answers(struct asking *q, int64_t deadline_ns)
{
    while (q->running > 0) {
        struct timeval room, *next = ares_timeout(q->channel, NULL, &room);
        int64_t until = deadline_ns;
        if (next) {
            int64_t at = clock_mono_ns() + next->tv_sec * NS_PER_S + next->tv_usec * 1000;
            until = at < until ? at : until;
        }
        enum wait_result waited = io_wait_readable(&q->sockets, until);
        if (waited == WAIT_CANCELLED) {
            ares_cancel(q->channel);
        } else if (waited == WAIT_READY) {
            take_events(q);
        } else if (clock_mono_ns() >= deadline_ns) {
            ares_cancel(q->channel);
            q->status = ARES_ETIMEOUT;
        } else {
            ares_process_fd(q->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* its time-outs */
        }
    }
}

static bool end(struct asking *q, struct view name, struct error *err)
{
    ares_destroy(q->channel);
    io_close(&q->sockets);
    return q->status == ARES_SUCCESS || fail(q->status, name, err);
}

/* Counts an answer. True: it has something to read. */
static bool answered(struct asking *q, int status)
{
    q->running--;
    if (status != ARES_SUCCESS && status != ARES_ENODATA && status != ARES_ENOTFOUND &&
        q->status == ARES_SUCCESS)
        q->status = status;
    return status == ARES_SUCCESS;
}

/* ---- addresses ------------------------------------------------------------------------------- */

struct addresses_asked {
    struct asking q;
    struct dns_addresses *out;
};

static int compare_addresses(const void *a, const void *b)
{
    const struct network_address *x = a, *y = b;
    return x->n != y->n ? x->n - y->n : memcmp(x->bytes, y->bytes, x->n);
}

static void add_address(struct dns_addresses *out, const struct sockaddr *from)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
    struct network_address a =
        from->sa_family == AF_INET
            ? network_address_of((const unsigned char *)&v4->sin_addr, sizeof(v4->sin_addr))
            : network_address_of((const unsigned char *)&v6->sin6_addr, sizeof(v6->sin6_addr));

    if (out->n < DNS_MAX_ADDRESSES)
        out->all[out->n++] = a;
    else
        out->more = true;
}

static void take_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct addresses_asked *k = arg;

    (void)timeouts;
    if (answered(&k->q, status))
        for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next)
            add_address(k->out, n->ai_addr);
    if (found)
        ares_freeaddrinfo(found);
}

static void sort_addresses(struct dns_addresses *out)
{
    unsigned n = 0;

    qsort(out->all, out->n, sizeof(out->all[0]), compare_addresses);
    for (unsigned i = 0; i < out->n; i++)
        if (n == 0 || compare_addresses(&out->all[n - 1], &out->all[i]) != 0)
            out->all[n++] = out->all[i];
    out->n = n;
}

bool dns_ask_addresses(struct view name, struct view server, int64_t deadline_ns,
                       struct dns_addresses *ret_addresses, struct error *err)
{
    /* Two questions, because of one for both kinds c-ares does not tell which of the two failed. */
    static const int families[] = {AF_INET, AF_INET6};
    struct addresses_asked k = {.out = calloc(1, sizeof(*k.out))};
    char text[DNS_NAME_BYTES];

    if (!k.out)
        return error_set(err, ERROR_NO_MEMORY, "no memory to look up a name");
    bool ok = begin(&k.q, name, server, text, err);
    if (ok) {
        k.q.running = sizeof(families) / sizeof(families[0]);
        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
            struct ares_addrinfo_hints hints = {
                .ai_family = families[i], .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
            ares_getaddrinfo(k.q.channel, text, NULL, &hints, take_addresses, &k);
        }
        wait_for_answers(&k.q, deadline_ns);
        ok = end(&k.q, name, err);
    }
    if (ok) {
        sort_addresses(k.out);
        *ret_addresses = *k.out;
    }
    free(k.out);
    return ok;
}

/* ---- services -------------------------------------------------------------------------------- */

struct services_asked {
    struct asking q;
    struct dns_services *out;
};

static int compare_services(const void *a, const void *b)
{
    const struct dns_service *x = a, *y = b;

    if (x->priority != y->priority)
        return x->priority - y->priority;
    int order = strcmp(x->target, y->target);
    return order ? order : x->port - y->port;
}

static void add_service(struct dns_services *out, const struct ares_srv_reply *from)
{
    size_t n = strlen(from->host);

    if (n == 0 || n >= DNS_NAME_BYTES || from->port == 0)
        return; /* "." says that there is no such service */
    if (out->n == DNS_MAX_SERVICES) {
        out->more = true;
        return;
    }
    struct dns_service *s = &out->all[out->n++];
    s->priority = from->priority;
    s->weight = from->weight;
    s->port = from->port;
    memcpy(s->target, from->host, n + 1);
}

static void take_services(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
    struct services_asked *k = arg;
    struct ares_srv_reply *found = NULL;

    (void)timeouts;
    if (status == ARES_SUCCESS)
        status = ares_parse_srv_reply(bytes, n, &found);
    if (answered(&k->q, status))
        for (const struct ares_srv_reply *r = found; r; r = r->next)
            add_service(k->out, r);
    if (found)
        ares_free_data(found);
}

bool dns_ask_services(struct view name, struct view server, int64_t deadline_ns,
                      struct dns_services *ret_services, struct error *err)
{
    struct services_asked k = {.out = calloc(1, sizeof(*k.out))};
    char text[DNS_NAME_BYTES];

    if (!k.out)
        return error_set(err, ERROR_NO_MEMORY, "no memory to look up a service");
    bool ok = begin(&k.q, name, server, text, err);
    if (ok) {
        k.q.running = 1;
        ares_search(k.q.channel, text, CLASS_IN, TYPE_SRV, take_services, &k);
        wait_for_answers(&k.q, deadline_ns);
        ok = end(&k.q, name, err);
    }
    if (ok) {
        qsort(k.out->all, k.out->n, sizeof(k.out->all[0]), compare_services);
        *ret_services = *k.out;
    }
    free(k.out);
    return ok;
}
