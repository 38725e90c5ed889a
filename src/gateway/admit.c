#include "gateway/exchange.h"

bool exchange_admit(struct exchange *x)
{
    struct error why;

    if (atomic_load_explicit(&x->gateway->draining, memory_order_relaxed)) {
        x->retry_after_ms = 1000;
        return error_set(&x->error, ERROR_SHUTTING_DOWN, "this gateway is shutting down");
    }
    /* What cannot be recorded is not begun: nobody pays for an answer that cannot be proved. */
    if (x->config->ledger_required && ledger_failing(x->gateway->ledger, &why)) {
        x->retry_after_ms = 1000;
        error_set(&x->error, ERROR_LEDGER_UNAVAILABLE, "the ledger cannot be written: %.120s",
                  why.text);
        return error_hint(&x->error, "Free disk space on the gateway; it goes on by itself.");
    }
    return true;
}
