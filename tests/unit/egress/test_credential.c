#include "egress/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void expect(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("'%.*s' is not '%s'", VIEW_ARG(got), want);
}

static void test_cut(void **state)
{
    static const struct {
        const char *head, *key, *before, *behind;
    } rows[] = {
        {"POST /a HTTP/1.1\r\nAuthorization: Bearer k1\r\nx: y\r\n\r\n", "k1",
         "POST /a HTTP/1.1\r\nAuthorization: Bearer ", "\r\nx: y\r\n\r\n"},
        {"POST /a HTTP/1.1\r\nx-api-key: k1\r\n\r\n", "k1",
         "POST /a HTTP/1.1\r\nx-api-key: ", "\r\n\r\n"},
        /* the client says something that reads like the key: that is looked at */
        {"POST /a?k1 HTTP/1.1\r\nAuthorization: Bearer k1\r\nx: k1\r\n\r\n", "k1",
         "POST /a?k1 HTTP/1.1\r\nAuthorization: Bearer ", "\r\nx: k1\r\n\r\n"},
        {"POST /a?k1 HTTP/1.1\r\nx: k1\r\n\r\n", "k1", "POST /a?k1 HTTP/1.1\r\nx: k1\r\n\r\n", ""},
        {"POST /a HTTP/1.1\r\nAuthorization: Bearer k12\r\n\r\n", "k1",
         "POST /a HTTP/1.1\r\nAuthorization: Bearer k12\r\n\r\n", ""},
        {"POST /a HTTP/1.1\r\n\r\n", "", "POST /a HTTP/1.1\r\n\r\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view parts[2];
        credential_cut(view_str(rows[i].head), view_str(rows[i].key), parts);
        expect(parts[0], rows[i].before);
        expect(parts[1], rows[i].behind);
    }
}

/* What one writes the other finds. */
static void test_write(void **state)
{
    static const struct {
        enum llm_dialect dialect;
        const char *key, *line, *before;
    } rows[] = {
        {LLM_OPENAI_CHAT, "k", "Authorization: Bearer k\r\n", "Authorization: Bearer "},
        {LLM_ANTHROPIC, "k", "x-api-key: k\r\n", "x-api-key: "},
        {LLM_ANTHROPIC, "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf head = BUF_MAX(100);
        struct view parts[2];
        credential_write(rows[i].dialect, view_str(rows[i].key), &head);
        expect(buf_view(&head), rows[i].line);
        credential_cut(buf_view(&head), view_str(rows[i].key), parts);
        expect(parts[0], rows[i].before);
        buf_done(&head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut), cmocka_unit_test(test_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
