/*
 * The estimate against real tokenizers, on texts that the fit never saw: see train/tokens/README.md
 * for how the samples and their counts were made.
 */
#include "llm/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SAMPLES_MAX 512
#define KINDS_MAX   40

struct sample {
    char kind[16];
    struct view text;
    unsigned tokens[TOKENS_FAMILIES]; /* TOKENS_ANY stays 0 */
};

struct errors {
    double error[SAMPLES_MAX * TOKENS_FAMILIES];
    size_t n;
};

static char file[400 * 1024];
static struct sample samples[SAMPLES_MAX];
static size_t n_samples;

static void read_sample(struct view *rest)
{
    struct sample *s = &samples[n_samples++];
    struct view head = view_cut(rest, '\n'), kind = view_cut(&head, ' ');
    assert_true(n_samples < SAMPLES_MAX && kind.n < sizeof s->kind);
    memcpy(s->kind, kind.p, kind.n);
    view_cut(&head, ' '); /* the source */
    uint64_t bytes, tokens;
    assert_true(view_to_u64(view_cut(&head, ' '), &bytes) && bytes < rest->n);
    for (int f = TOKENS_ANY + 1; f < TOKENS_FAMILIES; f++) {
        assert_true(view_to_u64(view_cut(&head, ' '), &tokens) && tokens > 0);
        s->tokens[f] = (unsigned)tokens;
    }
    s->text = view_first(*rest, bytes);
    *rest = view_skip(*rest, bytes + 1);
}

static int read_samples(void **state)
{
    (void)state;
    const char *source = getenv("WEIR_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/tokens/samples", source ? source : ".");
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    struct view rest = view_of(file, fread(file, 1, sizeof file, f));
    fclose(f);
    struct view families = view_cut(&rest, '\n');
    if (!view_eq(families, VIEW("tokenizers o200k cl100k llama3 qwen3 deepseek3 gemma3 tekken "
                                "claude2")))
        return -1;
    while (rest.n)
        read_sample(&rest);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void add_error(struct errors *e, uint32_t estimate, unsigned tokens)
{
    double off = (double)estimate / tokens - 1;
    e->error[e->n++] = off < 0 ? -off : off;
}

/* Sorts; `part` 0.5 is the median. */
static double quantile(struct errors *e, double part)
{
    qsort(e->error, e->n, sizeof *e->error, by_size);
    return e->error[(size_t)(part * (double)(e->n - 1) + 0.5)];
}

static void print_errors(const char *label, struct errors *e)
{
    printf("  %-12s %5zu  median %5.1f %%  p95 %5.1f %%\n", label, e->n, 100 * quantile(e, 0.5),
           100 * quantile(e, 0.95));
}

static void add_sample(struct errors *e, const struct sample *s, enum tokens_family only)
{
    for (int f = TOKENS_ANY + 1; f < TOKENS_FAMILIES; f++)
        if (only == TOKENS_ANY || (int)only == f)
            add_error(e, tokens_estimate_for((enum tokens_family)f, s->text), s->tokens[f]);
}

static void test_bar(void **state)
{
    (void)state;
    static struct errors pooled, part;
    assert_true(n_samples > 200);
    for (int f = TOKENS_ANY + 1; f < TOKENS_FAMILIES; f++) {
        static const char *const names[] = {"",         "o200k", "cl100k", "llama3", "qwen",
                                            "deepseek", "gemma", "tekken", "claude"};
        part.n = 0;
        for (size_t i = 0; i < n_samples; i++)
            add_sample(&part, &samples[i], (enum tokens_family)f);
        print_errors(names[f], &part);
        assert_true(quantile(&part, 0.5) <= 0.10);
    }
    for (size_t i = 0; i < n_samples; i++) {
        if (i && strcmp(samples[i].kind, samples[i - 1].kind) == 0)
            continue;
        part.n = 0;
        for (size_t k = i; k < n_samples && strcmp(samples[k].kind, samples[i].kind) == 0; k++)
            add_sample(&part, &samples[k], TOKENS_ANY);
        print_errors(samples[i].kind, &part);
        assert_true(quantile(&part, 0.5) <= 0.20);
    }
    for (size_t i = 0; i < n_samples; i++)
        add_sample(&pooled, &samples[i], TOKENS_ANY);
    print_errors("pooled", &pooled);
    assert_true(quantile(&pooled, 0.5) <= 0.10);
    assert_true(quantile(&pooled, 0.95) <= 0.25);
}

/* The bar for those alone that are long enough to be sampled. */
static void test_bar_of_sampled(void **state)
{
    (void)state;
    static struct errors sampled;
    for (size_t i = 0; i < n_samples; i++)
        if (samples[i].text.n > 2048)
            add_sample(&sampled, &samples[i], TOKENS_ANY);
    assert_true(sampled.n > 300);
    print_errors("over 2 KB", &sampled);
    assert_true(quantile(&sampled, 0.5) <= 0.10);
    assert_true(quantile(&sampled, 0.95) <= 0.25);
}

/* Without a family: measured against the families that it is the mean of. */
static void test_default(void **state)
{
    (void)state;
    static struct errors all;
    for (size_t i = 0; i < n_samples; i++)
        for (int f = TOKENS_ANY + 1; f < TOKENS_FAMILIES; f++)
            if (f != TOKENS_CL100K && f != TOKENS_CLAUDE)
                add_error(&all, tokens_estimate(samples[i].text), samples[i].tokens[f]);
    print_errors("no family", &all);
    assert_true(quantile(&all, 0.5) <= 0.10);
    assert_true(quantile(&all, 0.95) <= 0.40);
}

/* Sampling must agree with reading all: the whole file, three times in a row, against its parts. */
static void test_long_text(void **state)
{
    (void)state;
    static char text[3 * sizeof file];
    size_t n = 0;
    uint64_t sum = 0;
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < n_samples; i++) {
            memcpy(text + n, samples[i].text.p, samples[i].text.n);
            n += samples[i].text.n;
            sum += tokens_estimate(samples[i].text);
        }
    double off = (double)tokens_estimate(view_of(text, n)) / (double)sum - 1;
    assert_true(off > -0.12 && off < 0.12);
}

static void test_edges(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate(VIEW_NONE), 0);
    assert_int_equal(tokens_estimate(VIEW("")), 0);
    assert_int_equal(tokens_estimate(VIEW("a")), 1);
    /* Every length around a block's end, and bytes that are no UTF-8, stay inside their text. */
    for (size_t n = 1; n <= 200; n++) {
        char *exact = malloc(n);
        assert_non_null(exact);
        for (int fill = 0; fill < 256; fill += 17) {
            memset(exact, fill, n);
            uint32_t tokens = tokens_estimate(view_of(exact, n));
            assert_true(tokens >= 1 && tokens <= 5 * n);
        }
        memset(exact, 0xE3, n);
        assert_true(tokens_estimate(view_of(exact, n)) >= 1);
        free(exact);
    }
}

static void test_request(void **state)
{
    (void)state;
    struct view text = VIEW("Tell me about the river Thames, please.");
    uint32_t words = tokens_estimate(text);
    struct llm_message messages[] = {{.role = LLM_SYSTEM}, {.role = LLM_USER, .text = text}};
    struct llm_request request = {.messages = messages, .n_messages = 2};
    assert_int_equal(tokens_estimate_request(&request), words + 2 * 4 + 3);
    messages[1].images = 2;
    assert_int_equal(tokens_estimate_request(&request), words + 2 * 4 + 3 + 2 * 765);
    messages[1].images = 0;
    request.tools = VIEW("[{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}]");
    uint32_t with_tools = tokens_estimate_request(&request);
    assert_in_range(with_tools, words + 11 + 8, words + 11 + 25);
    request.schema = request.tools;
    assert_true(tokens_estimate_request(&request) > with_tools + 8);
    struct llm_request empty = {0};
    assert_int_equal(tokens_estimate_request(&empty), 3);
}

static void test_bytes(void **state)
{
    (void)state;
    assert_int_equal(tokens_estimate_bytes(0), 0);
    assert_int_equal(tokens_estimate_bytes(1), 1);
    assert_int_equal(tokens_estimate_bytes(4000), 1000);
    assert_int_equal(tokens_estimate_bytes(UINT64_MAX), UINT32_MAX);
}

static void test_family(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        enum tokens_family family;
    } rows[] = {
        {"gpt-4o-mini", TOKENS_O200K},
        {"openai/gpt-oss-20b", TOKENS_O200K},
        {"gpt-5", TOKENS_O200K},
        {"o3-mini", TOKENS_O200K},
        {"gpt-4-turbo", TOKENS_CL100K},
        {"gpt-3.5-turbo", TOKENS_CL100K},
        {"meta-llama/Llama-3.1-8B-Instruct", TOKENS_LLAMA3},
        {"llama3.2:1b", TOKENS_LLAMA3},
        {"llama-2-7b", TOKENS_ANY},
        {"Qwen/Qwen2.5-0.5B", TOKENS_QWEN},
        {"deepseek-chat", TOKENS_DEEPSEEK},
        {"deepseek-r1-distill-qwen-7b", TOKENS_QWEN},
        {"gemma-3-4b-it", TOKENS_GEMMA},
        {"mistral-small-latest", TOKENS_TEKKEN},
        {"mistralai/Mistral-7B-v0.1", TOKENS_ANY},
        {"claude-sonnet-4", TOKENS_CLAUDE},
        {"qwen/unheard-of", TOKENS_ANY},
        {"", TOKENS_ANY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (tokens_family(view_str(rows[i].model)) != rows[i].family)
            fail_msg("%s: %d", rows[i].model, (int)tokens_family(view_str(rows[i].model)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar),     cmocka_unit_test(test_bar_of_sampled),
        cmocka_unit_test(test_default), cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_edges),   cmocka_unit_test(test_request),
        cmocka_unit_test(test_bytes),   cmocka_unit_test(test_family),
    };
    return cmocka_run_group_tests(tests, read_samples, NULL);
}
