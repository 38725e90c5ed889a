#include "gateway/exchange.h"

enum { LEDGER_RETRY_MS = 1000 }; /* how often the ledger itself tries again */

bool exchange_run(struct exchange *x)
{
    bool ok = exchange_admit(x)            /* not draining, the ledger writes */
              && exchange_identify(x)      /* key -> name */
              && exchange_receive(x)       /* socket -> body */
              && exchange_inspect(x)       /* body -> request; task, complexity, tokens, needs */
              && exchange_decide(x)        /* facts + policy + fleet -> plan */
              && exchange_screen(x)        /* what of it may go outside */
              && (exchange_recall(x)       /* known already? */
                  || exchange_attempt(x)); /* ask the candidates in turn, deliver as it comes */

    if (!ok && x->error.code == ERROR_NONE)
        error_set(&x->error, ERROR_INTERNAL, "a step failed without saying why");
    bool recorded = exchange_account(x); /* runs in every case, before the last bytes leave */
    if (!recorded && x->error.code == ERROR_NONE) {
        error_set(&x->error, ERROR_LEDGER_UNAVAILABLE, "the ledger cannot be written");
        error_hint(&x->error, "Free disk space on the gateway; it goes on by itself.");
        x->status = error_info(x->error.code)->http_status; /* not the held answer's */
        x->retry_after_ms = LEDGER_RETRY_MS;
    }
    exchange_keep(x); /* before the client can name it */
    exchange_release(x);
    return !x->close;
}
