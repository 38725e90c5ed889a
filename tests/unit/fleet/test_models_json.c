/* What engines say of their models: recorded answers of real ones, and odd ones. */
#include "../llm/golden.h"
#include "support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_model(const struct node_models *m, unsigned i, const char *name, uint32_t window,
                         bool loaded)
{
    assert_true(i < m->n);
    expect_view(m->models[i].name, name);
    assert_int_equal(m->models[i].window, window);
    assert_int_equal(m->models[i].loaded, loaded);
}

static void test_recorded_ollama(void **state)
{
    struct golden tags, ps;
    struct error err;
    struct node_models *m = models_new();
    (void)state;

    golden_open(&tags, "ollama/api_tags.http");
    golden_open(&ps, "ollama/api_ps.http");
    assert_true(models_from_ollama(buf_view(&tags.body), buf_view(&ps.body), m, &err));
    assert_int_equal(m->n, 2);
    assert_true(view_eq(m->models[0].name, VIEW("all-minilm:l6-v2")));
    assert_int_equal(m->models[0].abilities, ABILITY_EMBEDDINGS);
    expect_model(m, 1, "smollm2:135m", 2048, true);
    assert_false(m->models[1].abilities & ABILITY_EMBEDDINGS);
    expect_view(m->models[1].digest,
                "c35ce3e0573c63cfd93bd12b26a36af21996bf35a6b86fef831011f0c0a8f3f7");
    node_models_unref(m);

    m = models_new();
    assert_true(models_from_ollama(buf_view(&tags.body), VIEW("{\"models\":[]}"), m, &err));
    expect_model(m, 1, "smollm2:135m", 4096, false); /* the engine's default: it would cut there */
    node_models_unref(m);
    golden_close(&tags);
    golden_close(&ps);
}

static void test_recorded_vllm(void **state)
{
    struct golden list;
    struct error err;
    struct node_models *m = models_new();
    (void)state;

    golden_open(&list, "vllm/models.http");
    assert_true(models_from_openai(buf_view(&list.body), VIEW_NONE, m, &err));
    assert_int_equal(m->n, 1);
    expect_model(m, 0, "smollm2-135m", 2048, true);
    node_models_unref(m);
    golden_close(&list);
}

static void test_recorded_llamacpp(void **state)
{
    struct golden list, props;
    struct error err;
    struct node_models *m = models_new();
    (void)state;

    golden_open(&list, "llamacpp/models.http");
    golden_open(&props, "llamacpp/props.http");
    assert_true(models_from_openai(buf_view(&list.body), VIEW_NONE, m, &err));
    assert_int_equal(m->n, 1);
    expect_model(m, 0, "smollm2-135m", 2048, true);
    node_models_unref(m);
    m = models_new();
    assert_true(models_from_openai(buf_view(&list.body), buf_view(&props.body), m, &err));
    expect_model(m, 0, "smollm2-135m", 2048, true);
    expect_view(m->models[0].digest, "Q4_1-96576768");
    expect_view(m->version, "b0-unknown");
    assert_int_equal(m->slots, 2);
    node_models_unref(m);
    golden_close(&list);
    golden_close(&props);
}

/* One model of an OpenAI-like list and its window. */
static void test_entries(void **state)
{
    static const struct {
        const char *list, *props, *name;
        uint32_t window;
    } cases[] = {
        {"{\"data\":[{\"id\":\"m\"}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":8192}]}", "", "m", 8192},
        {"{\"data\":[{\"id\":\"m\",\"context_length\":131072}]}", "", "m", 131072},
        {"{\"data\":[{\"id\":\"m\",\"meta\":{\"n_ctx\":512,\"n_ctx_train\":9}}]}", "", "m", 512},
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":8192,\"meta\":null}]}", "", "m", 8192},
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":8192,\"meta\":{}}]}", "", "m", 8192},
        /* a slot's window counts, not the server's */
        {"{\"data\":[{\"id\":\"m\",\"meta\":{\"n_ctx\":512}}]}",
         "{\"default_generation_settings\":{\"n_ctx\":256}}", "m", 256},
        {"{\"data\":[{\"id\":\"m\",\"meta\":{\"n_ctx\":512}}]}", "{\"error\":1}", "m", 512},
        {"{\"data\":[{\"id\":\"m\",\"meta\":{\"n_ctx\":512}}]}", "no JSON", "m", 512},
        /* a display name beside the id, on either side of it */
        {"{\"data\":[{\"id\":\"a/m\",\"name\":\"A: M\"}]}", "", "a/m", 0},
        {"{\"data\":[{\"name\":\"A: M\",\"id\":\"a/m\"}]}", "", "a/m", 0},
        {"{\"data\":[{\"name\":\"m\"}]}", "", "m", 0},
        /* what is no number is no window */
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":\"8192\"}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":-1}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":99999999999999999999}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"m\",\"max_model_len\":null}]}", "", "m", 0},
        {"{\"data\":[1,null,\"x\",[],{},{\"id\":1},{\"id\":\"\"},{\"id\":\"m\"}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"\\u006d\"}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"m\"},{\"id\":\"m\",\"max_model_len\":5}]}", "", "m", 0},
        {"{\"data\":[{\"id\":\"whisper-1\"},{\"id\":\"m\"}]}", "", "m", 0},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct node_models *m = models_new();
        struct error err;
        if (!models_from_openai(view_str(cases[i].list), view_str(cases[i].props), m, &err))
            fail_msg("%s: %s", cases[i].list, err.text);
        if (m->n != 1 || !view_eq(m->models[0].name, view_str(cases[i].name)) ||
            m->models[0].window != cases[i].window)
            fail_msg("%s: %u models, '%.*s', %u", cases[i].list, m->n, VIEW_ARG(m->models[0].name),
                     m->models[0].window);
        node_models_unref(m);
    }
}

/* By the name that is known, or by what Ollama says of the family. */
static void test_models_that_embed(void **state)
{
    static const char *const embeds[] = {
        "{\"name\":\"mine\",\"details\":{\"family\":\"bert\"}}",
        "{\"name\":\"mine\",\"details\":{\"format\":\"gguf\",\"family\":\"nomic-bert\"}}",
        "{\"name\":\"nomic-embed-text:latest\",\"details\":{\"family\":\"llama\"}}",
    };
    static const char *const chats[] = {
        "{\"name\":\"mine\",\"details\":{\"family\":\"llama\",\"families\":[\"bert\"]}}",
        "{\"name\":\"mine\",\"details\":\"bert\"}",
        "{\"name\":\"mine\",\"details\":{\"family\":[\"bert\"]}}",
    };
    (void)state;

    for (size_t i = 0; i < COUNT(embeds) + COUNT(chats); i++) {
        const char *entry = i < COUNT(embeds) ? embeds[i] : chats[i - COUNT(embeds)];
        struct node_models *m = models_new();
        struct error err;
        char tags[200];
        snprintf(tags, sizeof(tags), "{\"models\":[%s]}", entry);
        assert_true(models_from_ollama(view_str(tags), VIEW("{\"models\":[]}"), m, &err));
        assert_int_equal(m->n, 1);
        if ((m->models[0].abilities == ABILITY_EMBEDDINGS) != (i < COUNT(embeds)))
            fail_msg("%s: abilities %u", entry, m->models[0].abilities);
        node_models_unref(m);
    }
}

static void test_what_is_no_list(void **state)
{
    static const char *const lists[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"data\":{}}",
        "{\"models\":[]}",
        "{\"data\":[{\"id\":\"m\"}",
        "<html>",
        "{\"data\":[]} x",
    };
    (void)state;

    for (size_t i = 0; i < COUNT(lists); i++) {
        struct node_models *m = models_new();
        struct error err = {0};
        if (models_from_openai(view_str(lists[i]), VIEW_NONE, m, &err))
            fail_msg("'%s' was taken", lists[i]);
        assert_int_equal(err.code, ERROR_UPSTREAM_PROTOCOL);
        node_models_unref(m);
    }
}

static void test_ollama_puts_loaded_models_first(void **state)
{
    struct node_models *m = models_new();
    struct error err;
    (void)state;

    assert_true(models_from_ollama(
        VIEW("{\"models\":[{\"name\":\"a:1\"},{\"name\":\"b:1\"},{\"name\":\"c:1\"},{\"name\":"
             "\"d:1\"}]}"),
        VIEW("{\"models\":[{\"name\":\"gone:1\",\"context_length\":1},"
             "{\"name\":\"d:1\",\"context_length\":16384},{\"name\":\"b:1\"}]}"),
        m, &err));
    assert_int_equal(m->n, 4);
    expect_model(m, 0, "b:1", 4096, true); /* an old Ollama says no window */
    expect_model(m, 1, "d:1", 16384, true);
    expect_model(m, 2, "a:1", 4096, false);
    expect_model(m, 3, "c:1", 4096, false);
    node_models_unref(m);
    m = models_new();
    assert_false(models_from_ollama(VIEW("{\"models\":[]}"), VIEW("oops"), m, &err));
    assert_int_equal(err.code, ERROR_UPSTREAM_PROTOCOL);
    node_models_unref(m);
}

static void test_ollama_tells_of_remote_models(void **state)
{
    static const struct {
        const char *entry;
        bool remote;
    } rows[] = {
        {"\"name\":\"a:8b\"", false},
        {"\"name\":\"a:8b\",\"remote_host\":\"https://ollama.com:443\"", true},
        {"\"remote_model\":\"b:120b\",\"name\":\"mine:latest\"", true},
        {"\"name\":\"a:8b\",\"remote_host\":\"\",\"remote_model\":null", false},
        {"\"name\":\"a:8b\",\"remote_host\":{\"url\":1}", true}, /* odd, so not trusted */
        {"\"name\":\"a:120b-cloud\"", true},
        {"\"name\":\"a:cloud\"", true},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct node_models *m = models_new();
        struct buf tags = BUF_MAX(1000);
        struct error err;
        buf_printf(&tags, "{\"models\":[{%s}]}", rows[i].entry);
        assert_true(models_from_ollama(buf_view(&tags), VIEW("{\"models\":[]}"), m, &err));
        assert_int_equal(m->n, 1);
        if (m->models[0].remote != rows[i].remote)
            fail_msg("{%s}", rows[i].entry);
        buf_done(&tags);
        node_models_unref(m);
    }
}

static void test_a_long_list_is_cut(void **state)
{
    struct buf list = BUF_MAX(1 << 20);
    struct node_models *m = models_new();
    struct error err;
    (void)state;

    buf_append_lit(&list, "{\"data\":[");
    for (int i = 0; i < 600; i++)
        buf_printf(&list, "%s{\"id\":\"m%d\"}", i ? "," : "", i);
    buf_append_lit(&list, "]}");
    assert_true(models_from_openai(buf_view(&list), VIEW_NONE, m, &err));
    assert_int_equal(m->n, 512);
    expect_view(m->models[511].name, "m511");
    node_models_unref(m);
    buf_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_ollama),
        cmocka_unit_test(test_recorded_vllm),
        cmocka_unit_test(test_recorded_llamacpp),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_models_that_embed),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_ollama_puts_loaded_models_first),
        cmocka_unit_test(test_ollama_tells_of_remote_models),
        cmocka_unit_test(test_a_long_list_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
