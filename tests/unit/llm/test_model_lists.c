#include "llm/model_lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct llm_listed models[] = {
    {.name = VIEW_LIT("auto"), .owner = VIEW_LIT("weir")},
    {.name = VIEW_LIT("inside/a\"b"), .owner = VIEW_LIT("lab")},
};

#define OPENAI(name, owner) \
    "{\"id\":\"" name "\",\"object\":\"model\",\"created\":0,\"owned_by\":\"" owner "\"}"
#define ANTHROPIC(name)                                                \
    "{\"type\":\"model\",\"id\":\"" name "\",\"display_name\":\"" name \
    "\",\"created_at\":\"1970-01-01T00:00:00Z\"}"

static void expect(struct buf *out, const char *want)
{
    if (!view_eq(buf_view(out), view_str(want)))
        fail_msg("%.*s", VIEW_ARG(buf_view(out)));
    buf_reset(out);
}

static void test_openai(void **state)
{
    struct buf out = BUF_MAX(4096);

    (void)state;
    openai_model_write(&models[1], &out);
    expect(&out, OPENAI("inside/a\\\"b", "lab"));
    openai_models_write(models, 2, &out);
    expect(&out, "{\"object\":\"list\",\"data\":[" OPENAI("auto", "weir") "," OPENAI(
                     "inside/a\\\"b", "lab") "]}");
    buf_done(&out);
}

static void test_anthropic(void **state)
{
    struct buf out = BUF_MAX(4096);

    (void)state;
    anthropic_model_write(&models[0], &out);
    expect(&out, ANTHROPIC("auto"));
    anthropic_models_write(models, 2, &out);
    expect(&out, "{\"data\":[" ANTHROPIC("auto") "," ANTHROPIC(
                     "inside/a\\\"b") "],\"has_more\":false,\"first_id\":\"auto\","
                                      "\"last_id\":\"inside/a\\\"b\"}");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_openai),
                                       cmocka_unit_test(test_anthropic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
