#include "gateway/exchange.h"

bool exchange_inspect(struct exchange *x)
{
    if (!x->inspected) /* a large body was, where it was read */
        inspect_exchange(&x->request, &x->facts);
    return true;
}
