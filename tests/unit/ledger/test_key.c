/* The key's file, signatures, and the keyed digest. */
#include "fixture.h"

#include "ledger/key.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[96];

static int setup(void **state)
{
    int rc = fixture_setup(state);

    snprintf(path, sizeof(path), "%s.key", fixture_path);
    return rc;
}

static void made_once_and_for_its_owner(void **state)
{
    struct error err;
    struct stat st;
    (void)state;

    assert_null(ledger_key_load(path, &err));
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    struct ledger_key *first = ledger_key_make(path, &err), *second = ledger_key_make(path, &err);
    assert_non_null(first);
    assert_non_null(second); /* the file that was there counts */
    assert_memory_equal(ledger_key_public(first), ledger_key_public(second), KEY_PUBLIC_BYTES);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ledger_key_free(first);
    ledger_key_free(second);

    static const mode_t modes[] = {0640, 0604, 0620, 0602};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        chmod(path, modes[i]);
        assert_null(ledger_key_load(path, &err));
        assert_non_null(strstr(err.hint, "chmod 600"));
    }
    FILE *f = fopen(path, "w");
    fputs("no key at all\n", f);
    fclose(f);
    chmod(path, 0600);
    assert_null(ledger_key_load(path, &err));
    assert_non_null(strstr(err.text, "no private key"));
}

static void only_its_own_signature_holds(void **state)
{
    uint8_t signature[KEY_SIGNATURE_BYTES];
    struct error err;
    (void)state;

    struct ledger_key *key = ledger_key_make(path, &err);
    assert_true(ledger_key_sign(key, VIEW("bytes"), signature));
    struct view public = view_of((const char *)ledger_key_public(key), KEY_PUBLIC_BYTES);
    struct view signed_by = view_of((const char *)signature, sizeof(signature));
    assert_true(ledger_key_verify(public, VIEW("bytes"), signed_by));
    assert_false(ledger_key_verify(public, VIEW("byteS"), signed_by));
    assert_false(ledger_key_verify(public, VIEW("bytes"), view_first(signed_by, 63)));
    assert_false(ledger_key_verify(view_first(public, 31), VIEW("bytes"), signed_by));
    signature[5] ^= 1;
    assert_false(ledger_key_verify(public, VIEW("bytes"), signed_by));
    ledger_key_free(key);
}

/* RFC 8032's first key, so that another implementation may compare: HKDF and HMAC were made with
 * Python's hmac module. */
static void the_digest_is_keyed(void **state)
{
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                              "-----END PRIVATE KEY-----\n";
    char hex[KEY_DIGEST_HEX];
    struct error err;
    (void)state;

    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, pem, sizeof(pem) - 1), sizeof(pem) - 1);
    close(fd);
    struct ledger_key *key = ledger_key_load(path, &err);
    assert_non_null(key);
    for (unsigned i = 0; i < 3; i++) { /* each begins anew */
        assert_true(ledger_key_digest(key, VIEW("what left"), hex));
        assert_string_equal(hex,
                            "7b0ba6a66ab7535aa0bfca0b3d78a8821a86a4b4e7f2cb4b5e0e3137623bba5e");
        assert_true(ledger_key_digest(key, VIEW("other bytes, and more of them"), hex));
    }
    ledger_key_free(key);
}

struct digester {
    struct ledger_key *key;
    char first, hex[KEY_DIGEST_HEX];
    unsigned others; /* digests of the same bytes that were not the same */
};

static void *digest_again(void *arg)
{
    struct digester *d = arg;
    char text[600], hex[KEY_DIGEST_HEX];

    memset(text, d->first, sizeof(text));
    for (unsigned i = 0; i < 5000; i++) {
        if (!ledger_key_digest(d->key, view_of(text, sizeof(text)), hex))
            d->others++;
        else if (i == 0)
            memcpy(d->hex, hex, sizeof(hex));
        else
            d->others += strcmp(hex, d->hex) != 0;
    }
    return NULL;
}

static void threads_digest_side_by_side(void **state)
{
    enum { THREADS = 4 };
    struct digester d[THREADS];
    pthread_t threads[THREADS];
    char alone[KEY_DIGEST_HEX];
    struct error err;
    (void)state;

    struct ledger_key *key = ledger_key_make(path, &err);
    assert_non_null(key);
    for (unsigned i = 0; i < THREADS; i++) {
        d[i] = (struct digester){.key = key, .first = (char)('a' + i)};
        assert_int_equal(pthread_create(&threads[i], NULL, digest_again, &d[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        char text[600];
        pthread_join(threads[i], NULL);
        memset(text, d[i].first, sizeof(text));
        assert_true(ledger_key_digest(key, view_of(text, sizeof(text)), alone));
        assert_int_equal(d[i].others, 0);
        assert_string_equal(d[i].hex, alone);
    }
    ledger_key_free(key);
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(made_once_and_for_its_owner),
        with_file(only_its_own_signature_holds),
        with_file(the_digest_is_keyed),
        with_file(threads_digest_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
