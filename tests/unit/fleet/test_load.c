/* What engines say of their load: recorded answers of real ones, and odd ones. */
#include "../llm/golden.h"
#include "fleet/prometheus.h"
#include "support.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_load(const struct node_load *got, const struct node_load *want)
{
    assert_int_equal(got->running, want->running);
    assert_int_equal(got->queued, want->queued);
    assert_true(fabs(got->kv_use - want->kv_use) < 1e-6);
    assert_int_equal(got->prefix_asked, want->prefix_asked);
    assert_int_equal(got->prefix_hit, want->prefix_hit);
    assert_int_equal(got->loaded, want->loaded);
    assert_int_equal(got->vram_bytes, want->vram_bytes);
}

static bool slots(struct view text, struct node_load *load)
{
    struct error err;
    return load_from_slots(text, load, &err);
}

static bool ps(struct view text, struct node_load *load)
{
    struct error err;
    return load_from_ps(text, load, &err);
}

typedef bool read_fn(struct view text, struct node_load *load);

static void test_recorded(void **state)
{
    static const struct {
        const char *file;
        read_fn *read;
        struct node_load want;
    } cases[] = {
        {"vllm/metrics_load.http", load_from_vllm, {4, 6, 0.011019283746556474, 1120, 0, -1, -1}},
        {"llamacpp/metrics_load.http", load_from_llamacpp, {2, 4, -1, 83 + 126, 126, -1, -1}},
        {"llamacpp/slots_idle.http", slots, {0, -1, 0, -1, -1, -1, -1}},
        {"llamacpp/slots_load.http", slots, {2, -1, 0.033691406, -1, -1, -1, -1}},
        {"ollama/api_ps.http", ps, {-1, -1, -1, -1, -1, 2, 0}},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct node_load load = LOAD_UNKNOWN;
        struct golden g;
        golden_open(&g, cases[i].file);
        if (!cases[i].read(buf_view(&g.body), &load))
            fail_msg("%s could not be read", cases[i].file);
        expect_load(&load, &cases[i].want);
        golden_close(&g);
    }
}

static void test_odd_answers(void **state)
{
    static const struct {
        read_fn *read;
        const char *text;
        bool ok;
        struct node_load want;
    } cases[] = {
        /* two engines behind one address, an older name, and what is no number of requests */
        {load_from_vllm,
         "vllm:num_requests_running{engine=\"0\"} 1\nvllm:num_requests_running{engine=\"1\"} 2\n"
         "vllm:gpu_cache_usage_perc{engine=\"0\"} 0.9\nvllm:gpu_cache_usage_perc{engine=\"1\"} 0.5",
         true,
         {3, -1, 0.9, -1, -1, -1, -1}},
        {load_from_vllm, "vllm:num_requests_running -1\nvllm:num_requests_waiting 1e300\n", false,
         LOAD_UNKNOWN},
        {load_from_vllm, "vllm:kv_cache_usage_perc 1.5\n", false, LOAD_UNKNOWN},
        {load_from_vllm, "<html>not found</html>", false, LOAD_UNKNOWN},
        {load_from_llamacpp, "", false, LOAD_UNKNOWN},
        {load_from_llamacpp, "llamacpp:requests_deferred 7\n", true, {-1, 7, -1, -1, -1, -1, -1}},
        {slots, "[]", false, LOAD_UNKNOWN},
        {slots, "{\"error\":{\"code\":501}}", false, LOAD_UNKNOWN},
        {slots, "[1]", false, LOAD_UNKNOWN},
        {slots, "[{\"is_processing\":true}]", true, {1, -1, -1, -1, -1, -1, -1}},
        {slots,
         "[{\"is_processing\":true,\"n_ctx\":10,\"n_prompt_tokens\":99,\"next_token\":3}]",
         true,
         {1, -1, 1, -1, -1, -1, -1}},
        {ps,
         "{\"models\":[{\"size_vram\":5},{\"size_vram\":6}]}",
         true,
         {-1, -1, -1, -1, -1, 2, 11}},
        {ps, "{\"models\":[]}", true, {-1, -1, -1, -1, -1, 0, 0}},
        {ps, "{\"models\":null}", false, LOAD_UNKNOWN},
        {ps, "{\"models\":[{\"size_vram\":5}", false, LOAD_UNKNOWN},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct node_load load = LOAD_UNKNOWN;
        if (cases[i].read(view_str(cases[i].text), &load) != cases[i].ok)
            fail_msg("case %zu", i);
        expect_load(&load, &cases[i].want);
    }
}

static void test_prometheus(void **state)
{
    static const struct {
        const char *line, *name, *labels; /* NULL: it is no sample */
        double value;
    } cases[] = {
        {"a 1", "a", "", 1},
        {"a{} 2.5e3\r", "a", "", 2500},
        {"a{x=\"}\\\"} 7\"} 1 1700000000", "a", "x=\"}\\\"} 7\"", 1},
        {"a\t-0.5", "a", "", -0.5},
        {"a NaN", NULL, NULL, 0},
        {"a +Inf", NULL, NULL, 0},
        {"a 1e999", NULL, NULL, 0},
        {"a", NULL, NULL, 0},
        {"{x=\"y\"} 1", NULL, NULL, 0},
        {"a{x=\"y 1", NULL, NULL, 0},
        {"# HELP a 1", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        struct prometheus_sample s;
        snprintf(text, sizeof(text), "%s\nlast 9\n", cases[i].line);
        struct view rest = view_str(text);
        assert_true(prometheus_next(&rest, &s));
        if (cases[i].name) {
            expect_view(s.name, cases[i].name);
            expect_view(s.labels, cases[i].labels);
            assert_true(s.value == cases[i].value);
            assert_true(prometheus_next(&rest, &s));
        }
        expect_view(s.name, "last");
        assert_false(prometheus_next(&rest, &s));
    }
}

static void test_it_ages_out(void **state)
{
    struct fleet *f = fleet_of(
        "backends:\n  - {name: lab, side: inside, engine: vllm, url: 'http://127.0.0.1:1'}\n");
    struct node *n = node_of(f, 0, 0);
    struct node_load busy = {3, 4, 0.5, -1, -1, -1, -1}, unknown = LOAD_UNKNOWN, got;
    int64_t age_ms;
    (void)state;

    assert_false(node_load(n, clock_mono_ns(), &got, &age_ms));
    expect_load(&got, &unknown);
    int64_t before = clock_mono_ns();
    node_set_load(n, &busy, 5000);
    int64_t after = clock_mono_ns();
    assert_true(node_load(n, before + 4900 * NS_PER_MS, &got, &age_ms));
    expect_load(&got, &busy);
    assert_in_range(age_ms, 4000, 4900);
    assert_false(node_load(n, after + 5000 * NS_PER_MS, &got, &age_ms));
    expect_load(&got, &unknown);
    assert_int_equal(age_ms, -1);
    fleet_unref(f);
    node_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_odd_answers),
        cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_it_ages_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
