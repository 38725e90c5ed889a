#include "ledger/chain.h"

#include <openssl/evp.h>

bool chain_hasher_init(struct chain_hasher *h)
{
    *h = (struct chain_hasher){
        .context = EVP_MD_CTX_new(),
        .method = EVP_MD_fetch(NULL, "SHA256", NULL),
        .bytes = BUF_MAX(ROW_MAX_BYTES),
    };
    if (h->context && h->method && EVP_DigestInit_ex(h->context, h->method, NULL) == 1)
        return true;
    chain_hasher_done(h);
    return false;
}

void chain_hasher_done(struct chain_hasher *h)
{
    EVP_MD_CTX_free(h->context);
    EVP_MD_free(h->method);
    buf_done(&h->bytes);
    *h = (struct chain_hasher){NULL};
}

static bool hash_bytes_of(struct chain_hasher *h, uint8_t ret_chain[CHAIN_BYTES])
{
    return buf_ok(&h->bytes) && EVP_DigestInit_ex(h->context, NULL, NULL) == 1 &&
           EVP_DigestUpdate(h->context, h->bytes.p, h->bytes.len) == 1 &&
           EVP_DigestFinal_ex(h->context, ret_chain, NULL) == 1;
}

bool chain_begin(struct chain_hasher *h, const struct row *writer, uint8_t ret_chain[CHAIN_BYTES])
{
    buf_reset(&h->bytes);
    row_canonical(writer, &h->bytes);
    return hash_bytes_of(h, ret_chain);
}

bool chain_next(struct chain_hasher *h, const struct row *record, uint8_t chain[CHAIN_BYTES])
{
    buf_reset(&h->bytes);
    buf_append(&h->bytes, view_of((const char *)chain, CHAIN_BYTES));
    row_canonical(record, &h->bytes);
    return hash_bytes_of(h, chain);
}
