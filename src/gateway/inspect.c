#include "gateway/exchange.h"

bool exchange_inspect(struct exchange *x)
{
    inspect_exchange(&x->request, &x->facts);
    return true;
}
