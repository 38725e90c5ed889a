#include "economics/prices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void finds_rows_by_name(void **state)
{
    static const struct {
        const char *model;
        int64_t input, cached, output; /* -1: unpriced */
    } cases[] = {
        {"gpt-5", 1250000, 125000, 10000000},
        {"gpt-5-mini", 250000, 25000, 2000000},
        {"gpt-5-mini-2025-08-07", 250000, 25000, 2000000},
        {"gpt-5-nano", 50000, 5000, 400000},
        {"GPT-5-Nano", 50000, 5000, 400000},
        {"openai/gpt-5-mini", 250000, 25000, 2000000},
        {"gpt-4o", 2500000, 1250000, 10000000},
        {"gpt-4o-2024-08-06", 2500000, 1250000, 10000000},
        {"gpt-4o-2024-05-13", 5000000, 5000000, 15000000}, /* a dated row of its own */
        {"gpt-4o-mini", 150000, 75000, 600000},
        {"gpt-4.1-nano", 100000, 25000, 400000},
        {"claude-haiku-4-5-20251001", 1000000, 100000, 5000000},
        {"claude-sonnet-4-6", 3000000, 300000, 15000000},
        {"gpt-5-minimal", -1, 0, 0},
        {"gpt-5-mini-2025-08", -1, 0, 0},
        {"meta-llama/gpt-5", -1, 0, 0}, /* another host, another price */
        {"-2025-08-07", -1, 0, 0},
        {"smollm2-135m", -1, 0, 0},
        {"", -1, 0, 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct price price = {.input = -1};
        bool found = price_find(NULL, view_str(cases[i].model), &price);
        if (found != (cases[i].input >= 0))
            fail_msg("%s: %s", cases[i].model, found ? "has a price" : "is unpriced");
        assert_int_equal(price.input, cases[i].input);
        if (!found)
            continue;
        assert_int_equal(price.cached_input, cases[i].cached);
        assert_int_equal(price.output, cases[i].output);
        assert_string_equal(price.as_of, "2026-11-01");
    }
}

static void config_comes_first(void **state)
{
    struct config_price own[] = {
        {VIEW("gpt-5-mini"), 1, 2, 3},
        {VIEW("house-*"), 40000, 30000, 50000},
        {VIEW("house-special"), 9, 9, 9},
    };
    struct config config = {.prices = own, .n_prices = 3};
    struct price price;
    (void)state;

    assert_true(price_find(&config, VIEW("gpt-5-mini"), &price));
    assert_int_equal(price.output, 3);
    assert_string_equal(price.as_of, "config");
    assert_true(price_find(&config, VIEW("house-special"), &price));
    assert_int_equal(price.input, 40000); /* the first that matches counts */
    assert_true(price_find(&config, VIEW("gpt-5"), &price));
    assert_int_equal(price.input, 1250000);
    assert_false(price_find(&config, VIEW("housing"), &price));
}

static void costs(void **state)
{
    static const struct {
        const char *model;
        struct llm_usage usage;
        int64_t nano;
    } cases[] = {
        /* 1000 x 0.25 + 500 x 2.00 per million = $0.00125 */
        {"gpt-5-mini", {true, 1000, 0, 500, 0}, 1250000},
        /* 200 x 0.25 + 800 x 0.025 + 500 x 2 = 50 + 20 + 1000 micro-dollars */
        {"gpt-5-mini", {true, 1000, 800, 500, 300}, 1070000},
        {"gpt-5-nano", {true, 1, 0, 0, 0}, 50},
        {"gpt-5-nano", {true, 1, 1, 0, 0}, 5},
        {"gpt-5-mini", {true, 10, 4000, 0, 0}, 250}, /* more cached than there is: all cached */
        {"gpt-5-mini", {true, 0, 0, 0, 0}, 0},
        /* up to and with 100,000 tokens the short price, above it the long one for all */
        {"claude-haiku-5-5", {true, 100000, 0, 1000, 0}, 10000000 + 500000},
        {"claude-haiku-5-5", {true, 100001, 1, 1000, 0}, 50000000 + 50 + 2500000},
        {"o1-pro", {true, UINT32_MAX, 0, UINT32_MAX, 0}, INT64_C(3221225471250000)},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct price price;
        assert_true(price_find(NULL, view_str(cases[i].model), &price));
        int64_t nano = price_cost_nano(&price, &cases[i].usage);
        if (nano != cases[i].nano)
            fail_msg("%zu %s: %lld", i, cases[i].model, (long long)nano);
    }
    struct price half = {.input = 500, .output = INT64_MAX};
    assert_int_equal(price_cost_nano(&half, &(struct llm_usage){.input = 1}), 1); /* 0.5 -> 1 */
    assert_int_equal(price_cost_nano(&half, &(struct llm_usage){.output = UINT32_MAX}), INT64_MAX);
    half.input = 499;
    assert_int_equal(price_cost_nano(&half, &(struct llm_usage){.input = 1}), 0);
}

static void formats_money(void **state)
{
    static const struct {
        int64_t nano;
        const char *text;
    } cases[] = {
        {0, "0.000000"},
        {1, "0.000000001"},
        {123000, "0.000123"},
        {123400, "0.0001234"},
        {123450, "0.00012345"},
        {1000000000, "1.000000"},
        {-2500000000, "-2.500000"},
        {-1, "-0.000000001"},
        {INT64_MAX, "9223372036.854775807"},
        {INT64_MIN, "-9223372036.854775808"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        money_format(cases[i].nano, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_rows_by_name),
        cmocka_unit_test(config_comes_first),
        cmocka_unit_test(costs),
        cmocka_unit_test(formats_money),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
