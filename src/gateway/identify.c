#include "gateway/exchange.h"
#include "keys/keys.h"

bool exchange_identify(struct exchange *x)
{
    return keys_identify(x->config, x->head, &x->key, &x->error);
}
