/*
 * The ledger's key: Ed25519, in a PEM file of its own (PKCS#8). It signs openings, checkpoints and
 * stubs; the digest of what left is keyed with a secret derived from it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum { KEY_PUBLIC_BYTES = 32, KEY_SIGNATURE_BYTES = 64, KEY_DIGEST_HEX = 65 };

struct ledger_key;

/* A file that others may read is refused, and so is a missing one. */
struct ledger_key *ledger_key_load(const char *path, struct error *err) MUST_CHECK;
/* Makes a missing file, mode 0600, whole or not at all: two processes that start together end with
 * the same key. */
struct ledger_key *ledger_key_make(const char *path, struct error *err) MUST_CHECK;
void ledger_key_free(struct ledger_key *key); /* accepts NULL */

const uint8_t *ledger_key_public(const struct ledger_key *key); /* KEY_PUBLIC_BYTES */
bool ledger_key_sign(const struct ledger_key *key, struct view bytes,
                     uint8_t ret_signature[KEY_SIGNATURE_BYTES]) MUST_CHECK;
/* HMAC-SHA256 in hex, with a NUL. Any thread. */
bool ledger_key_digest(struct ledger_key *key, struct view bytes,
                       char ret_hex[KEY_DIGEST_HEX]) MUST_CHECK;

/* The public half as PEM, for whoever verifies. */
bool ledger_key_write_public(const struct ledger_key *key, struct buf *out) MUST_CHECK;
/* SHA-256 of the public key's 32 bytes, in hex, with a NUL. */
void ledger_key_fingerprint(const uint8_t key[KEY_PUBLIC_BYTES], char ret_hex[KEY_DIGEST_HEX]);

/* The keys that a verifier trusts. */
enum { KEY_RING_MAX = 16 };
struct ledger_key_ring {
    unsigned n;
    uint8_t keys[KEY_RING_MAX][KEY_PUBLIC_BYTES];
};
/* All keys of a PEM file, public ones or private ones. */
bool ledger_key_ring_load(const char *path, struct ledger_key_ring *ret_ring,
                          struct error *err) MUST_CHECK;
bool ledger_key_ring_has(const struct ledger_key_ring *ring, struct view key);
bool ledger_key_verify(struct view key, struct view bytes, struct view signature);
