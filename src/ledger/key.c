#include "ledger/key.h"

#include "ledger/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, SECRET_BYTES = 32 };

struct ledger_key {
    EVP_PKEY *pair;
    uint8_t public[KEY_PUBLIC_BYTES];
    EVP_MAC_CTX *keyed; /* HMAC-SHA256 with the digest's secret; only copied */
    /* A copy that nobody uses right now. Copying it, and all the more fetching and keying anew,
     * costs more than the digest of a small request. */
    _Atomic(EVP_MAC_CTX *) spare;
};

/* HKDF-SHA256 (RFC 5869) of the private key's 32 bytes, without salt. */
static bool derive(EVP_PKEY *pair, uint8_t ret_secret[SECRET_BYTES])
{
    static const unsigned char info[] = "weir sent digest 1";
    uint8_t private[32];
    size_t n = sizeof(private), out = SECRET_BYTES;

    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    bool ok = ctx && EVP_PKEY_get_raw_private_key(pair, private, &n) == 1 &&
              EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
              EVP_PKEY_CTX_set1_hkdf_key(ctx, private, (int)n) == 1 &&
              EVP_PKEY_CTX_add1_hkdf_info(ctx, info, sizeof(info) - 1) == 1 &&
              EVP_PKEY_derive(ctx, ret_secret, &out) == 1;
    OPENSSL_cleanse(private, sizeof(private));
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static EVP_MAC_CTX *hmac_new(const uint8_t secret[SECRET_BYTES])
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *method = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *ctx = method ? EVP_MAC_CTX_new(method) : NULL;

    EVP_MAC_free(method); /* the context holds it too */
    if (ctx && EVP_MAC_init(ctx, secret, SECRET_BYTES, params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static bool set_digest_key(struct ledger_key *key, EVP_PKEY *pair)
{
    uint8_t secret[SECRET_BYTES];

    if (derive(pair, secret))
        key->keyed = hmac_new(secret);
    OPENSSL_cleanse(secret, sizeof(secret));
    return key->keyed != NULL;
}

/* Takes `pair` over. */
static struct ledger_key *key_of(EVP_PKEY *pair, const char *path, struct error *err)
{
    struct ledger_key *key = calloc(1, sizeof(*key));
    size_t n = KEY_PUBLIC_BYTES;

    if (key && EVP_PKEY_id(pair) == EVP_PKEY_ED25519 &&
        EVP_PKEY_get_raw_public_key(pair, key->public, &n) == 1 && set_digest_key(key, pair)) {
        key->pair = pair;
        return key;
    }
    EVP_PKEY_free(pair);
    free(key);
    error_set(err, ERROR_BAD_VALUE, "ledger key %s is no Ed25519 key", path);
    error_hint(err, "openssl genpkey -algorithm ed25519 makes one, and so does Weir where the file "
                    "is missing");
    return NULL;
}

struct ledger_key *ledger_key_load(const char *path, struct error *err)
{
    static char no_password[] = ""; /* nobody is asked for one */
    struct stat st;
    FILE *f = fopen(path, "re");

    if (!f || fstat(fileno(f), &st) != 0) {
        error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_LEDGER_UNAVAILABLE,
                  "ledger key %s cannot be read: %s", path, strerror(errno));
        error_hint(err, "put the key back, or name it with ledger.key");
        if (f)
            fclose(f);
        return NULL;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        fclose(f);
        error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger key %s may be read or written by others",
                  path);
        error_hint(err, "chmod 600, and make a new key if somebody may have read it");
        return NULL;
    }
    ERR_clear_error();
    EVP_PKEY *pair = PEM_read_PrivateKey(f, NULL, NULL, no_password);
    fclose(f);
    if (pair)
        return key_of(pair, path, err);
    error_set(err, ERROR_BAD_VALUE, "ledger key %s is no private key in PEM", path);
    error_hint(err, "put the right file there; nothing was overwritten");
    return NULL;
}

/* Writes the key under a name of its own and links it to `path`, which fails when another process
 * was there first: its key counts then. */
static bool write_key(EVP_PKEY *pair, const char *path)
{
    char name[PATH_BYTES];

    if (snprintf(name, sizeof(name), "%s.%d", path, (int)getpid()) >= (int)sizeof(name)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = PEM_write_PrivateKey(f, pair, NULL, NULL, 0, NULL, NULL) == 1 && fflush(f) == 0 &&
              fsync(fd) == 0;
    ok &= fclose(f) == 0;
    ok = ok && (link(name, path) == 0 || errno == EEXIST);
    int why = errno;
    unlink(name);
    errno = why;
    return ok;
}

struct ledger_key *ledger_key_make(const char *path, struct error *err)
{
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    bool ok = pair && write_key(pair, path);

    EVP_PKEY_free(pair);
    if (ok)
        return ledger_key_load(path, err); /* ours, or that of who was first */
    error_set(err, ERROR_LEDGER_UNAVAILABLE, "ledger key %s cannot be made: %s", path,
              pair ? strerror(errno) : "no memory");
    error_hint(err, "let Weir's user write there, or set ledger.key");
    return NULL;
}

void ledger_key_free(struct ledger_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pair);
    EVP_MAC_CTX_free(key->keyed);
    EVP_MAC_CTX_free(atomic_load(&key->spare));
    free(key);
}

const uint8_t *ledger_key_public(const struct ledger_key *key)
{
    return key->public;
}

bool ledger_key_sign(const struct ledger_key *key, struct view bytes,
                     uint8_t ret_signature[KEY_SIGNATURE_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = KEY_SIGNATURE_BYTES;

    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pair) == 1 &&
              EVP_DigestSign(ctx, ret_signature, &n, (const uint8_t *)bytes.p, bytes.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static void put_hex(const uint8_t digest[32], char ret_hex[KEY_DIGEST_HEX])
{
    hex_write(ret_hex, view_of((const char *)digest, 32));
    ret_hex[KEY_DIGEST_HEX - 1] = '\0';
}

static bool mac(EVP_MAC_CTX *ctx, struct view bytes, uint8_t ret_digest[32])
{
    size_t n;

    return EVP_MAC_init(ctx, NULL, 0, NULL) == 1 && /* the same key once more */
           EVP_MAC_update(ctx, (const uint8_t *)bytes.p, bytes.n) == 1 &&
           EVP_MAC_final(ctx, ret_digest, &n, 32) == 1;
}

bool ledger_key_digest(struct ledger_key *key, struct view bytes, char ret_hex[KEY_DIGEST_HEX])
{
    uint8_t digest[32];
    EVP_MAC_CTX *ctx = atomic_exchange(&key->spare, NULL);

    if (!ctx && !(ctx = EVP_MAC_CTX_dup(key->keyed)))
        return false;
    bool ok = mac(ctx, bytes, digest);
    EVP_MAC_CTX_free(atomic_exchange(&key->spare, ctx));
    if (ok)
        put_hex(digest, ret_hex);
    return ok;
}

bool ledger_key_write_public(const struct ledger_key *key, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    bool ok = bio && PEM_write_bio_PUBKEY(bio, key->pair) == 1;
    if (ok) {
        long n = BIO_get_mem_data(bio, &text);
        buf_append(out, view_of(text, (size_t)n));
    }
    BIO_free(bio);
    return ok && buf_ok(out);
}

void ledger_key_fingerprint(const uint8_t key[KEY_PUBLIC_BYTES], char ret_hex[KEY_DIGEST_HEX])
{
    uint8_t digest[32] = {0};

    EVP_Q_digest(NULL, "SHA256", NULL, key, KEY_PUBLIC_BYTES, digest, NULL);
    put_hex(digest, ret_hex);
}

/* ---- who verifies ---------------------------------------------------------------------------- */

static void take_keys(FILE *f, struct ledger_key_ring *ring)
{
    char *name = NULL, *head = NULL;
    unsigned char *der = NULL;
    long n;

    while (ring->n < KEY_RING_MAX && PEM_read(f, &name, &head, &der, &n) == 1) {
        const unsigned char *at = der;
        EVP_PKEY *key =
            strstr(name, "PRIVATE") ? d2i_AutoPrivateKey(NULL, &at, n) : d2i_PUBKEY(NULL, &at, n);
        size_t size = KEY_PUBLIC_BYTES;
        if (key && EVP_PKEY_id(key) == EVP_PKEY_ED25519 &&
            EVP_PKEY_get_raw_public_key(key, ring->keys[ring->n], &size) == 1)
            ring->n++;
        EVP_PKEY_free(key);
        OPENSSL_free(name);
        OPENSSL_free(head);
        OPENSSL_clear_free(der, (size_t)n);
    }
    ERR_clear_error();
}

bool ledger_key_ring_load(const char *path, struct ledger_key_ring *ret_ring, struct error *err)
{
    struct ledger_key_ring ring = {0};
    FILE *f = fopen(path, "re");

    if (!f)
        return error_set(err, ERROR_NOT_FOUND, "key %s cannot be read: %s", path, strerror(errno));
    take_keys(f, &ring);
    fclose(f);
    if (ring.n == 0) {
        error_set(err, ERROR_BAD_VALUE, "%s holds no Ed25519 key in PEM", path);
        return error_hint(err, "`weir ledger key` prints the public key of a ledger");
    }
    *ret_ring = ring;
    return true;
}

bool ledger_key_ring_has(const struct ledger_key_ring *ring, struct view key)
{
    for (unsigned i = 0; i < ring->n; i++)
        if (view_eq(key, view_of((const char *)ring->keys[i], KEY_PUBLIC_BYTES)))
            return true;
    return false;
}

bool ledger_key_verify(struct view key, struct view bytes, struct view signature)
{
    if (key.n != KEY_PUBLIC_BYTES || signature.n != KEY_SIGNATURE_BYTES)
        return false;
    EVP_PKEY *public =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t *)key.p, key.n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = public && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public) == 1 &&
              EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n,
                               (const uint8_t *)bytes.p, bytes.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public);
    ERR_clear_error();
    return ok;
}
