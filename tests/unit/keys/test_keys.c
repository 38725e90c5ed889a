/* Who calls: tokens in heads, in all the forms that clients send. */
#include "keys/keys.h"

#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BACKEND "backends:\n  - {name: a, side: inside, engine: vllm, url: 'http://h:1'}\n"
#define KEYS                          \
    "keys:\n"                         \
    "  shop: shop-token-0123456789\n" \
    "  mail: ${WEIR_TEST_TOKEN}\n"    \
    "  lake: sha256:%s\n"

static struct config *config;
static struct arena *arena;

static void hex_of(const char *text, char *hex)
{
    unsigned char digest[32];

    SHA256((const unsigned char *)text, strlen(text), digest);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* The name of the caller, or NULL for UNAUTHORIZED; `fields` are header lines. */
static const char *who(const struct config *c, const char *fields, struct error *err)
{
    static char name[64];
    struct http_head head;
    struct view found;
    struct view text = arena_printf(arena, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);

    if (!http_request_parse(text, arena, &head, err))
        fail_msg("%s: %s", fields, err->text);
    if (!keys_identify(c, &head, &found, err)) {
        assert_int_equal(err->code, ERROR_UNAUTHORIZED);
        return NULL;
    }
    snprintf(name, sizeof(name), "%.*s", VIEW_ARG(found));
    return name;
}

static void test_tokens(void **state)
{
    static const struct {
        const char *fields, *name; /* NULL: 401 */
    } cases[] = {
        {"Authorization: Bearer shop-token-0123456789\r\n", "shop"},
        {"authorization: bearer shop-token-0123456789\r\n", "shop"},
        {"AUTHORIZATION: BEARER shop-token-0123456789\r\n", "shop"},
        {"Authorization: Bearer   shop-token-0123456789  \r\n", "shop"},
        {"x-api-key: shop-token-0123456789\r\n", "shop"},
        {"X-API-Key: shop-token-0123456789\r\n", "shop"},
        {"Authorization: Bearer mail-token-0123456789\r\n", "mail"},
        {"Authorization: Bearer hashed-token-0123456789\r\n", "lake"},
        /* another scheme is none of ours; the other field still counts */
        {"Authorization: Basic c2hvcDpw\r\nx-api-key: shop-token-0123456789\r\n", "shop"},
        {"", NULL},
        {"Authorization: Bearer\r\n", NULL},
        {"Authorization: Bearer \r\n", NULL},
        {"Authorization: shop-token-0123456789\r\n", NULL},
        {"Authorization: Basic shop-token-0123456789\r\n", NULL},
        {"Authorization: Bearershop-token-0123456789\r\n", NULL},
        {"Authorization: Bearer shop-token-012345678\r\n", NULL},
        {"Authorization: Bearer shop-token-01234567890\r\n", NULL},
        {"Authorization: Bearer SHOP-token-0123456789\r\n", NULL},
        {"Authorization: Bearer shop\r\n", NULL},
        {"Authorization: Bearer sk-proj-of-a-provider\r\n", NULL},
        {"x-api-key: \r\n", NULL},
        /* a wrong bearer is not rescued by a right x-api-key */
        {"Authorization: Bearer wrong-token-0123456789\r\nx-api-key: shop-token-0123456789\r\n",
         NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        const char *name = who(config, cases[i].fields, &err);
        if (!cases[i].name != !name || (name && strcmp(name, cases[i].name) != 0))
            fail_msg("'%s' is '%s'", cases[i].fields, name ? name : "nobody");
        if (name)
            continue;
        assert_true(err.hint[0]);
        assert_null(strstr(err.text, "token-0")); /* no part of a token, nor whose it nearly was */
        assert_null(strstr(err.text, "shop"));
        assert_null(strstr(err.hint, "shop"));
    }
}

/* The hash itself is no token. */
static void test_a_hash_does_not_open(void **state)
{
    char fields[200], hex[65];
    struct error err;
    (void)state;

    hex_of("hashed-token-0123456789", hex);
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", hex);
    assert_null(who(config, fields, &err));
    snprintf(fields, sizeof(fields), "Authorization: Bearer sha256:%s\r\n", hex);
    assert_null(who(config, fields, &err));
}

static void test_missing_and_wrong_say_different_things(void **state)
{
    struct error missing, wrong;
    (void)state;

    assert_null(who(config, "", &missing));
    assert_null(who(config, "Authorization: Bearer wrong-token-0123456789\r\n", &wrong));
    assert_string_not_equal(missing.text, wrong.text);
}

static void test_without_keys_everybody_may_call(void **state)
{
    struct error err = {0};
    struct config *open = config_load("test.yaml", VIEW(BACKEND), &err);
    (void)state;

    assert_non_null(open);
    assert_string_equal(who(open, "", &err), "");
    assert_string_equal(who(open, "Authorization: Bearer anything\r\n", &err), "");
    config_unref(open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_a_hash_does_not_open),
        cmocka_unit_test(test_missing_and_wrong_say_different_things),
        cmocka_unit_test(test_without_keys_everybody_may_call),
    };
    struct error err = {0};
    char yaml[1000], hex[65];

    setenv("WEIR_TEST_TOKEN", "mail-token-0123456789", 1);
    hex_of("hashed-token-0123456789", hex);
    snprintf(yaml, sizeof(yaml), KEYS BACKEND, hex);
    arena = arena_new(4 << 20);
    config = config_load("test.yaml", view_str(yaml), &err);
    if (!config || !arena) {
        fprintf(stderr, "%s %s\n", err.text, err.hint);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_unref(config);
    arena_free(arena);
    return failed;
}
