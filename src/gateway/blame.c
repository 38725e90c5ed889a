#include "gateway/blame.h"

#include "gateway/log.h"

static enum blame blame_by(const struct error *why, int status)
{
    if (why->code == ERROR_NOT_CONTINUED)
        return BLAME_REQUEST;
    if (why->code != ERROR_UPSTREAM_STATUS)
        return BLAME_NODE;
    switch (status) {
    case 401:
    case 402:
    case 403:
        return BLAME_KEY;
    case 404:
    case 405:
    case 501:
        return BLAME_REQUEST;
    default:
        return BLAME_NODE;
    }
}

/* A request refused with 401 says that all will be; 402 and 403 may be about this model only. */
enum blame blame_failure(struct exchange *x, struct node *n, int status, int64_t retry_after_ms)
{
    enum blame blame = blame_by(&x->error, status);

    if (blame == BLAME_KEY) {
        node_wrong_key(n, &x->error, status == 401);
        log_wrong_key(n, status);
    } else if (blame == BLAME_NODE &&
               node_failed(n, &x->error, &x->config->breaker, retry_after_ms)) {
        log_node_opened(n, &x->error);
    }
    return blame;
}
