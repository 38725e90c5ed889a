#include "llm/embeddings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define OPENAI LLM_EMBED_OPENAI
#define OLLAMA LLM_EMBED_OLLAMA
#define OLD    LLM_EMBED_OLLAMA_OLD

static struct arena *a;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    a = arena_new(1 << 22);
    return a ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static void assert_view(struct view got, const char *want)
{
    if (!view_eq(got, view_str(want)))
        fail_msg("\ngot  %.*s\nwant %s", VIEW_ARG(got), want);
}

static void test_requests(void **state)
{
    static const struct {
        enum llm_embed_form from, to;
        const char *in, *out, *notes; /* out NULL: refused, notes names the field */
    } rows[] = {
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":\"h\\u0069\"}",
         "{\"model\":\"x\",\"input\":\"hi\",\"truncate\":false}", ""},
        {OPENAI, OLLAMA,
         "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":8,\"user\":\"u\","
         "\"encoding_format\":\"base64\"}",
         "{\"model\":\"x\",\"input\":[\"a\",\"b\"],\"dimensions\":8,\"truncate\":false}",
         "user dropped, "},
        {OLLAMA, OPENAI,
         "{\"model\":\"m\",\"input\":[\"a\"],\"truncate\":true,\"keep_alive\":\"1m\","
         "\"options\":{\"num_ctx\":1},\"dimensions\":4}",
         "{\"model\":\"x\",\"input\":\"a\",\"dimensions\":4,\"encoding_format\":\"float\"}",
         "truncate dropped, keep_alive dropped, options dropped, "},
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":\"a\",\"input_type\":\"query\"}", NULL,
         "input_type"},
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":\"a\",\"input_type\":null,\"priority\":1}",
         "{\"model\":\"x\",\"input\":\"a\",\"truncate\":false}", "priority dropped, "},
        {OPENAI, OPENAI, "{\"model\":\"m\",\"input\":\"a\",\"\":1}", NULL, ""},
        {OLD, OPENAI, "{\"model\":\"m\",\"prompt\":\"p\"}",
         "{\"model\":\"x\",\"input\":\"p\",\"encoding_format\":\"float\"}", ""},
        {OLD, OLLAMA, "{\"model\":\"m\",\"prompt\":\"p\",\"keep_alive\":5}",
         "{\"model\":\"x\",\"input\":\"p\",\"keep_alive\":5}", ""},
        {OLLAMA, OLLAMA, "{\"model\":\"m\",\"input\":\"p\",\"truncate\":true}",
         "{\"model\":\"x\",\"input\":\"p\",\"truncate\":true}", ""},
        {OPENAI, OPENAI, "{\"model\":\"m\",\"input\":[1,2],\"user\":\"u\"}",
         "{\"model\":\"x\",\"input\":[1,2],\"user\":\"u\",\"encoding_format\":\"float\"}", ""},
        {OPENAI, OLD, "{\"model\":\"m\",\"input\":\"p\"}", "{\"model\":\"x\",\"prompt\":\"p\"}",
         ""},
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":[[1],[2]]}", NULL, "input"},
        {OPENAI, OLD, "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}", NULL, "input"},
        {OPENAI, OLD, "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":1}", NULL, "dimensions"},
        /* refused when read */
        {OPENAI, OLLAMA, "{\"model\":\"m\"}", NULL, "input"},
        {OPENAI, OLLAMA, "{\"input\":\"x\"}", NULL, "model"},
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":[\"a\",1]}", NULL, "input"},
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":{}}", NULL, "input"},
        {OLLAMA, OPENAI, "{\"model\":\"m\",\"input\":[1]}", NULL, "input"},
        {OLD, OPENAI, "{\"model\":\"m\",\"prompt\":[\"a\"]}", NULL, "prompt"},
        {OPENAI, OLLAMA, "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"hex\"}", NULL,
         "encoding_format"},
        {OLLAMA, OPENAI, "{\"model\":\"m\",\"input\":\"a\",\"truncate\":1}", NULL, "truncate"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out = BUF_MAX(4096), notes = BUF_MAX(4096);
        struct llm_embed_request q;
        bool ok = llm_embed_request_read(rows[i].from, view_str(rows[i].in), a, &q, &err) &&
                  llm_embed_request_write(rows[i].to, &q, VIEW("x"), &out, &notes, &err);
        if (ok != (rows[i].out != NULL))
            fail_msg("%s: %s", rows[i].in, err.text);
        if (ok) {
            assert_view(buf_view(&out), rows[i].out);
            assert_view(buf_view(&notes), rows[i].notes);
        } else {
            assert_string_equal(err.param, rows[i].notes);
        }
        buf_done(&out);
        buf_done(&notes);
    }
}

#define DATA(i, e) "{\"object\":\"embedding\",\"index\":" #i ",\"embedding\":" e "}"

static void test_answers(void **state)
{
    static const struct {
        enum llm_embed_form from, to;
        bool base64;
        unsigned n;
        const char *in, *out; /* out NULL: refused */
    } rows[] = {
        {OLLAMA, OPENAI, false, 2,
         "{\"model\":\"e\",\"embeddings\":[[-0.06283297,1],[2e-3]],\"prompt_eval_count\":3}",
         "{\"object\":\"list\",\"data\":[" DATA(0, "[-0.06283297,1]") "," DATA(
             1, "[2e-3]") "],\"model\":\"auto\",\"usage\":{\"prompt_tokens\":3,"
                          "\"total_tokens\":3}}"},
        {OLLAMA, OPENAI, true, 2, "{\"embeddings\":[[1,-2.5],[0.1]],\"prompt_eval_count\":3}",
         "{\"object\":\"list\",\"data\":[" DATA(0, "\"AACAPwAAIMA=\"") "," DATA(
             1, "\"zczMPQ==\"") "],\"model\":\"auto\",\"usage\":{\"prompt_tokens\":3,"
                                "\"total_tokens\":3}}"},
        {OPENAI, OLLAMA, false, 1,
         "{\"data\":[" DATA(0, "[0.5]") "],\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}",
         "{\"model\":\"auto\",\"embeddings\":[[0.5]],\"total_duration\":7,"
         "\"prompt_eval_count\":4}"},
        {OPENAI, OLLAMA, false, 1, "{\"data\":[" DATA(0, "\"AACAPwAAIMA=\"") "]}",
         "{\"model\":\"auto\",\"embeddings\":[[1,-2.5]],\"total_duration\":7}"},
        {OPENAI, OLD, false, 1, "{\"data\":[" DATA(0, "[0.5]") "]}", "{\"embedding\":[0.5]}"},
        {OLD, OPENAI, false, 1, "{\"embedding\":[0.5]}",
         "{\"object\":\"list\",\"data\":[" DATA(0, "[0.5]") "],\"model\":\"auto\",\"usage\":"
                                                            "{\"prompt_tokens\":0,"
                                                            "\"total_tokens\":0}}"},
        {OPENAI, OPENAI, true, 1, "{\"data\":[" DATA(0, "\"AACAPw==\"") "]}",
         "{\"object\":\"list\",\"data\":[" DATA(0, "\"AACAPw==\"") "],\"model\":\"auto\",\"usage\":"
                                                                   "{\"prompt_tokens\":0,"
                                                                   "\"total_tokens\":0}}"},
        {OPENAI, OLLAMA, false, 1, "{\"data\":[" DATA(1, "[0.5]") "]}", NULL},
        {OPENAI, OLLAMA, false, 2, "{\"data\":[" DATA(0, "[0.5]") "]}", NULL},
        {OPENAI, OLLAMA, false, 1, "{\"data\":[{\"index\":0}]}", NULL},
        {OPENAI, OLLAMA, false, 1, "{\"data\":[" DATA(0, "\"AACA!w==\"") "]}", NULL},
        {OPENAI, OLLAMA, false, 1, "{\"data\":[" DATA(0, "\"AAC\"") "]}", NULL},
        {OPENAI, OLLAMA, false, 1, "{\"error\":{\"message\":\"x\"}}", NULL},
        {OLLAMA, OPENAI, true, 1, "{\"embeddings\":[[\"x\"]]}", NULL},
        {OLLAMA, OPENAI, false, 1, "{\"embeddings\":7}", NULL},
        {OLLAMA, OPENAI, false, 1, "{}", NULL},
        {OLLAMA, OPENAI, false, 1, "<html>", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_embed_request q = {.n_inputs = rows[i].n, .base64 = rows[i].base64};
        struct llm_embed_answer answer;
        struct buf out = BUF_MAX(4096);
        bool ok = llm_embed_answer_read(rows[i].from, view_str(rows[i].in), a, &answer, &err) &&
                  llm_embed_answer_write(rows[i].to, &q, &answer, VIEW("auto"), 7, &out, &err);
        if (ok != (rows[i].out != NULL))
            fail_msg("%s: %s", rows[i].in, err.text);
        assert_view(buf_view(&out), ok ? rows[i].out : "");
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
