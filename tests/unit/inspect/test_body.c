/* A request's body: which strings are read, where in the body a finding lies, what may be masked.
 */
#include "inspect/sensitivity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sensitivity *sensitivity;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    struct error err;
    sensitivity = sensitivity_new(NULL, &err);
    arena = arena_new(256 << 20);
    return sensitivity && arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    sensitivity_free(sensitivity);
    arena_free(arena);
    return 0;
}

static struct findings scan(struct view body)
{
    struct sensitivity_options options = {.classes = UINT32_MAX, .no_tagger = true};
    struct findings found;
    struct error err;

    arena_reset(arena);
    assert_true(sensitivity_scan_body(sensitivity, body, &options, arena, &found, &err));
    return found;
}

static const struct {
    const char *body;
    enum data_class class;
    const char *raw; /* the finding's bytes in the body */
    bool maskable;
} rows[] = {
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"I am at bob@north.org\"}]}", DATA_EMAIL,
     "bob@north.org", true},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\\nbob\\u0040north.org\\n\"}]}", DATA_EMAIL,
     "bob\\u0040north.org", true},
    {"{\"system\":[{\"type\":\"text\",\"text\":\"bob@north.org\"}]}", DATA_EMAIL, "bob@north.org",
     true},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"bob@north.org\"}"
     "]}]}",
     DATA_EMAIL, "bob@north.org", true},
    /* tool calls: JSON in a string */
    {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","
     "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"to\\\":\\\"bob@north.org\\\"}\"}}]}]}",
     DATA_EMAIL, "bob@north.org", true},
    {"{\"input\":\"{\\\"a\\\":\\\"{\\\\\\\"ssn\\\\\\\":\\\\\\\"536-22-8726\\\\\\\"}\\\"}\"}",
     DATA_NATIONAL_ID, "536-22-8726", true},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
     "\"name\":"
     "\"f\",\"input\":{\"name\":\"x\",\"mail\":\"bob@north.org\"}}]}]}",
     DATA_EMAIL, "bob@north.org", true},
    {"{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"{\\\"ssn\\\": "
     "\\\"536-22-8726\\\"}\"}]}",
     DATA_NATIONAL_ID, "536-22-8726", true},
    /* a key before its value is the cue */
    {"{\"metadata\":{\"mrn\":\"4455667\"}}", DATA_MEDICAL_RECORD_NUMBER, "4455667", true},
    {"{\"user\":\"bob@north.org\"}", DATA_EMAIL, "bob@north.org", true},
    {"{\"anything\":[[{\"new\":[\"bob@north.org\"]}]]}", DATA_EMAIL, "bob@north.org", true},
    /* what cannot be replaced alone */
    {"{\"metadata\":{\"bob@north.org\":\"x\"}}", DATA_EMAIL, "bob@north.org", false},
    {"{\"metadata\":{\"ssn\":536228726}}", DATA_NATIONAL_ID, "536228726", false},
    {"{\"model\":\"bob@north.org\"}", DATA_EMAIL, "bob@north.org", false},
    {"{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"bob@north.org\"}]}", DATA_EMAIL,
     "bob@north.org", false},
    {"{\"tools\":[{\"function\":{\"parameters\":{\"required\":[\"bob@north.org\"]}}}]}", DATA_EMAIL,
     "bob@north.org", false},
    {"{\"tools\":[{\"function\":{\"parameters\":{\"description\":\"bob@north.org\"}}}]}",
     DATA_EMAIL, "bob@north.org", true},
    {"{\"content\":\"see Ym9iQG5vcnRoZmllbGQub3JnLCB0aGFua3M= there\"}", DATA_EMAIL,
     "Ym9iQG5vcnRoZmllbGQub3JnLCB0aGFua3M=", false},
    {"{\"content\":\"see 626f62406e6f7274686669656c642e6f7267 there\"}", DATA_EMAIL,
     "626f62406e6f7274686669656c642e6f7267", false},
    /* what cannot be read */
    {"{\"content\":[{\"type\":\"image_url\"}]}", DATA_UNREADABLE, "image_url", false},
    {"{\"content\":[{\"image_url\":{\"url\":\"data:image/png;base64,iVBO\"}}]}", DATA_UNREADABLE,
     "data:image/png;base64,iVBO", false},
    {"{\"content\":[{\"image_url\":\"https://a.io/x.png\"}]}", DATA_UNREADABLE,
     "https://a.io/x.png", false},
    {"{\"messages\":[{\"images\":[\"iVBORw0KGgo\"]}]}", DATA_UNREADABLE, "iVBORw0KGgo", false},
    {"{\"input_audio\":{\"data\":\"UklGRg\"}}", DATA_UNREADABLE, "UklGRg", false},
    {"{\"input\":[{\"content\":[{\"image_url\":\"https://a.io/x.png\"}]}]}", DATA_UNREADABLE,
     "https://a.io/x.png", false},
    {"{\"input\":[{\"content\":[{\"file_id\":\"file-7\"}]}]}", DATA_UNREADABLE, "file-7", false},
    {"{\"prompt\":[40,2127]}", DATA_UNREADABLE, "2127", false},
    {"{\"input\":[[40,2127],[318,604]]}", DATA_UNREADABLE, "604", false},
    {"{\"context\":[40,2127]}", DATA_UNREADABLE, "40", false},
    /* in two pieces */
    {"{\"content\":[{\"text\":\"4111 1111 \"},{\"text\":\"1111 1111\"}]}", DATA_CREDIT_CARD,
     "1111 1111", true},
    {"{\"content\":[{\"text\":\"mail bob@north\"},{\"text\":\"field.org now\"}]}", DATA_EMAIL,
     "field.org", true},
};

static void strings_of_a_body(void **state)
{
    (void)state;
    unsigned missed = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct findings found = scan(view_str(rows[i].body));
        bool ok = false;
        for (unsigned k = 0; k < found.n; k++) {
            const struct finding *f = &found.all[k];
            ok |=
                f->class == rows[i].class && f->maskable == rows[i].maskable &&
                view_eq(view_of(rows[i].body + f->start, f->end - f->start), view_str(rows[i].raw));
        }
        if (!ok)
            print_error("missed in %s\n", rows[i].body);
        missed += !ok;
    }
    assert_int_equal(missed, 0);
}

static void a_number_over_two_parts(void **state)
{
    (void)state;
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                               "\"text\":\"it is 4111 1111 "
                               "1\"},{\"type\":\"text\",\"text\":\"111 1111, thanks\"}]}]}";
    struct findings found = scan(view_str(body));

    assert_int_equal(found.n, 2);
    assert_true(view_eq(view_of(body + found.all[0].start, found.all[0].end - found.all[0].start),
                        VIEW("4111 1111 1")));
    assert_true(view_eq(view_of(body + found.all[1].start, found.all[1].end - found.all[1].start),
                        VIEW("111 1111")));
    assert_int_equal(found.all[0].class, DATA_CREDIT_CARD);
}

static void an_address_that_ends_a_part(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"messages\":[{\"content\":\"mail bob@north.org.\"},{\"content\":\"Write to him\"}]}",
        "{\"messages\":[{\"content\":\"mail bob@north.org\"},{\"content\":\"Write to him\"}]}"};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_int_equal(scan(view_str(bodies[i])).n, 1);
}

static void strings_are_listed(void **state)
{
    (void)state;
    static const char body[] = "{\"a\":\"x\\ny\",\"b\":[\"x\\ny\"]}";
    struct findings found = scan(view_str(body));

    assert_int_equal(found.n_strings, 4);
    assert_true(found.strings[0].key && !found.strings[1].key);
    assert_int_equal(found.strings[1].start, 6);
    assert_int_equal(found.strings[1].end, 10);
    assert_true(found.strings[1].digest == found.strings[3].digest);
    assert_true(found.strings[1].digest == sensitivity_digest(VIEW("x\ny")));
    assert_true(found.strings[0].digest != found.strings[2].digest);
}

static void deep_nesting_is_unreadable(void **state)
{
    (void)state;
    static const char body[] =
        "[\"[\\\"[\\\\\\\"[\\\\\\\\\\\\\\\"[1]\\\\\\\\\\\\\\\"]\\\\\\\"]\\\"]\"]";
    struct findings found = scan(view_str(body));

    assert_int_equal(found.classes, 1U << DATA_UNREADABLE);
}

static void what_is_no_json_fails(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",           "{",     "{\"a\":\"\xff\"}",
                                         "{\"a\":1}x", "hello", "{\"a\":\"\\x\"}"};
    struct sensitivity_options options = {.classes = UINT32_MAX};
    struct findings found = {.n = 77};
    struct error err;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_false(
            sensitivity_scan_body(sensitivity, view_str(bodies[i]), &options, arena, &found, &err));
    assert_int_equal(found.n, 77);
}

static void without_memory_it_fails(void **state)
{
    (void)state;
    static char body[4096];
    struct arena *small = arena_new(2048);
    struct sensitivity_options options = {.classes = UINT32_MAX};
    struct findings found;
    struct error err;

    memset(body, ' ', sizeof(body));
    assert_false(sensitivity_scan_text(sensitivity, view_of(body, sizeof(body)), &options, small,
                                       &found, &err));
    assert_int_equal(err.code, ERROR_NO_MEMORY);
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_a_body),
        cmocka_unit_test(a_number_over_two_parts),
        cmocka_unit_test(an_address_that_ends_a_part),
        cmocka_unit_test(an_address_that_ends_a_part),
        cmocka_unit_test(strings_are_listed),
        cmocka_unit_test(deep_nesting_is_unreadable),
        cmocka_unit_test(what_is_no_json_fails),
        cmocka_unit_test(without_memory_it_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
