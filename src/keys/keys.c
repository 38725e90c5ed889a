#include "keys/keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

static struct view bearer(const struct http_head *head)
{
    struct view value = http_header_get(head, VIEW("authorization"));
    struct view scheme = view_cut(&value, ' ');

    if (view_eq_nocase(scheme, VIEW("bearer")))
        return view_trim(value);
    return http_header_get(head, VIEW("x-api-key"));
}

bool keys_identify(const struct config *config, const struct http_head *head, struct view *ret_name,
                   struct error *err)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const struct config_key *found = NULL;

    if (config->n_keys == 0) {
        *ret_name = VIEW("");
        return true;
    }
    struct view token = bearer(head);
    if (token.n == 0) {
        error_set(err, ERROR_UNAUTHORIZED, "this request carries no API key");
        return error_hint(err, "Send 'Authorization: Bearer KEY' with a key of this gateway.");
    }
    SHA256((const unsigned char *)token.p, token.n, digest);
    /* All are compared, each in constant time: the time says nothing about any of them. */
    for (unsigned i = 0; i < config->n_keys; i++)
        if (CRYPTO_memcmp(config->keys[i].sha256, digest, sizeof(digest)) == 0)
            found = &config->keys[i];
    if (!found) {
        error_set(err, ERROR_UNAUTHORIZED, "this API key is not known here");
        return error_hint(err, "Use a key of this gateway, not one of a provider.");
    }
    *ret_name = found->name;
    return true;
}
