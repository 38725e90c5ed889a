/* How a request names a former answer, and how both become one request. */
#include "llm/dialects.h"
#include "llm/stored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const char *text_of(struct view v)
{
    return arena_dup(arena, v).p;
}

static void test_reading(void **state)
{
    static const struct {
        const char *body, *previous, *items;
        bool store;
    } table[] = {
        {"{\"input\":\"Hi\"}", "", "{\"type\":\"message\",\"role\":\"user\",\"content\":\"Hi\"}",
         true},
        {"{\"input\":\"a \\\"b\\\"\",\"store\":true}", "",
         "{\"type\":\"message\",\"role\":\"user\",\"content\":\"a \\\"b\\\"\"}", true},
        {"{\"store\":false,\"input\":[ {\"role\":\"user\"} , 2 ]}", "", "{\"role\":\"user\"} , 2",
         false},
        {"{\"input\":[\n]}", "", "", true},
        {"{\"input\":null,\"store\":null,\"previous_response_id\":null}", "", "", true},
        {"{\"previous_response_id\":\"resp_\\u0031\",\"other\":{\"input\":\"x\"}}", "resp_1", "",
         true},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct stored_request req;
        struct error err;
        assert_true(stored_request_read(view_str(table[i].body), arena, &req, &err));
        assert_string_equal(text_of(req.previous), table[i].previous);
        assert_string_equal(text_of(req.items), table[i].items);
        assert_int_equal(req.store, table[i].store);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body, *param;
        enum error_code code;
    } table[] = {
        {"{\"input\":", "", ERROR_BAD_JSON},
        {"{\"input\":\"a\"} x", "", ERROR_BAD_JSON},
        {"[]", "", ERROR_BAD_JSON},
        {"{\"input\":\"a\",\"input\":\"b\"}", "input", ERROR_DUPLICATE_KEY},
        {"{\"input\":5}", "input", ERROR_BAD_VALUE},
        {"{\"previous_response_id\":5}", "previous_response_id", ERROR_BAD_VALUE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct stored_request req = {.items = VIEW("untouched")};
        struct error err = {.code = ERROR_NONE};
        assert_false(stored_request_read(view_str(table[i].body), arena, &req, &err));
        assert_int_equal(err.code, table[i].code);
        assert_string_equal(err.param, table[i].param);
        assert_string_equal(text_of(req.items), "untouched");
    }
}

static void test_writing(void **state)
{
    static const struct {
        const char *body, *expected;
    } table[] = {
        {"{\"model\":\"m\", \"input\" : \"x\",\"previous_response_id\":\"r\",\"store\":true}",
         "{\"model\":\"m\",\"store\":false,\"input\":[ITEMS]}"},
        {"{\"input\":[],\"instructions\":\"be\\tkind\",\"text\": { \"store\":1 }}",
         "{\"instructions\":\"be\\tkind\",\"text\": { \"store\":1 },\"store\":false,"
         "\"input\":[ITEMS]}"},
        {"{}", "{\"store\":false,\"input\":[ITEMS]}"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf out = BUF_MAX(4096);
        stored_request_write(view_str(table[i].body), VIEW("ITEMS"), &out);
        assert_string_equal(text_of(buf_view(&out)), table[i].expected);
        buf_done(&out);
    }
}

static void test_items_are_joined(void **state)
{
    static const char *const parts[] = {"", "1", "", "2,3"};
    struct buf items = BUF_MAX(100);
    (void)state;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        stored_add_items(&items, view_str(parts[i]));
    assert_string_equal(text_of(buf_view(&items)), "1,2,3");
    buf_done(&items);
}

#define MESSAGE "{\"id\":\"msg_1\",\"type\":\"message\",\"content\":[{\"id\":\"x\"}]}"
#define BARE    "{\"type\":\"message\",\"content\":[{\"id\":\"x\"}]}"
#define HOLLOW  "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"text\":\"t\"}]}"
#define SEALED  "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"encrypted_content\":\"e\"}"
#define OPEN    "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"content\":[{\"text\":\"t\"}]}"

static void test_output(void **state)
{
    static const struct {
        const char *object, *items; /* NULL: it is no response */
    } table[] = {
        {"{\"output\":[]}", ""},
        {"{\"id\":\"r\",\"output\":[ " MESSAGE " ]}", MESSAGE},
        {"{\"output\":[" SEALED "," MESSAGE "]}", SEALED "," MESSAGE},
        {"{\"output\":[" OPEN "," MESSAGE "]}", OPEN "," MESSAGE},
        {"{\"output\":[" HOLLOW "," MESSAGE "," MESSAGE "]}", BARE "," BARE},
        {"{\"output\":[{\"type\":\"reasoning\",\"encrypted_content\":null,\"content\":[]}]}", ""},
        {"{\"output\":null}", NULL},
        {"{\"id\":\"r\"}", NULL},
        {"{\"output\":[", NULL},
        {"[]", NULL},
        {"", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf made = BUF_MAX(4096);
        struct view items = VIEW("untouched");
        bool ok = stored_output_items(view_str(table[i].object), &made, &items);
        assert_int_equal(ok, table[i].items != NULL);
        assert_string_equal(text_of(items), ok ? table[i].items : "untouched");
        buf_done(&made);
    }
}

static void test_output_without_room(void **state)
{
    struct buf made = BUF_MAX(10);
    struct view items;
    (void)state;

    assert_false(stored_output_items(VIEW("{\"output\":[" HOLLOW "," MESSAGE "]}"), &made, &items));
    buf_done(&made);
}

static void test_the_object_of_an_event(void **state)
{
    (void)state;

    assert_string_equal(text_of(stored_event_object(
                            VIEW("{\"type\":\"response.completed\",\"response\":{\"a\":1}}"))),
                        "{\"a\":1}");
    assert_int_equal(stored_event_object(VIEW("{\"type\":\"error\"}")).n, 0);
}

/* A backend of the dialect has ids of its own; what the client can name is ours. */
static void test_the_id_in_a_passing_answer(void **state)
{
    static const struct {
        const char *object, *id, *expected;
    } table[] = {
        {"{\"id\":\"r\",\"model\":\"far\",\"output\":[{\"id\":\"r\"}]}", "resp_1",
         "{\"id\":\"resp_1\",\"model\":\"near\",\"output\":[{\"id\":\"r\"}]}"},
        {"{\"model\":\"far\",\"output\":[],\"id\" : \"r\\n\" }", "resp_1",
         "{\"model\":\"near\",\"output\":[],\"id\" : \"resp_1\" }"},
        {"{\"id\":\"r\",\"output\":[]}", "resp_1", "{\"id\":\"resp_1\",\"output\":[]}"},
        {"{\"output\":[]}", "resp_1", "{\"output\":[]}"},
        {"{\"id\":\"r\",\"model\":\"far\",\"output\":[]}", "",
         "{\"id\":\"r\",\"model\":\"near\",\"output\":[]}"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct llm_answer answer = {.model = VIEW("near"), .id = view_str(table[i].id)};
        struct buf out = BUF_MAX(4096);
        struct llm_body body;
        struct error err;
        unsigned kinds;
        assert_true(openai_responses_ops.plain_pass(&answer, view_str(table[i].object), arena,
                                                    &body, &err));
        for (unsigned n = 0; n < body.n; n++)
            buf_append(&out, body.pieces[n]);
        assert_string_equal(text_of(buf_view(&out)), table[i].expected);
        assert_int_equal(out.len, body.bytes);
        buf_reset(&out);
        struct view event = arena_printf(arena, "{\"type\":\"response.completed\",\"response\":%s}",
                                         table[i].object);
        assert_true(openai_responses_ops.event_pass(&answer, VIEW(""), event, &out, &kinds, &err));
        assert_string_equal(
            text_of(buf_view(&out)),
            arena_printf(arena, "data: {\"type\":\"response.completed\",\"response\":%s}\n\n",
                         table[i].expected)
                .p);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_items_are_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_output_without_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_object_of_an_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_id_in_a_passing_answer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
