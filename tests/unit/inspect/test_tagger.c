/* The tagger over whole texts: what it finds, where, and what it costs at worst. */
#include "base/clock.h"
#include "inspect/tagger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct run {
    struct arena *arena;
    struct tagged *all;
    unsigned n;
};

static struct run run_with(struct view text, const struct tagger_hint *hints, unsigned n_hints,
                           enum data_profile profile)
{
    struct run r = {.arena = arena_new(64 << 20)};
    assert_non_null(r.arena);
    assert_true(tagger_run(text, hints, n_hints, profile, r.arena, &r.all, &r.n));
    return r;
}

static struct run run(const char *text)
{
    return run_with(view_str(text), NULL, 0, DATA_BALANCED);
}

static bool covers(const struct run *r, const char *text, const char *value, enum data_class class)
{
    const char *at = strstr(text, value);
    assert_non_null(at);
    uint32_t start = (uint32_t)(at - text), end = start + (uint32_t)strlen(value);
    for (unsigned i = 0; i < r->n; i++)
        if (r->all[i].class == class && r->all[i].start <= start && r->all[i].end >= end)
            return true;
    return false;
}

static void finds(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
        enum data_class class;
    } rows[] = {
        {"My name is Sarah Johnson and I need help.", "Sarah Johnson", DATA_PERSON},
        {"Kind regards,\nThomas Müller\n", "Thomas Müller", DATA_PERSON},
        {"Patient: José García, seen today.", "José García", DATA_PERSON},
        {"{\"firstName\":\"Michael\",\"id\":7}", "Michael", DATA_PERSON},
        {"Our client Frau Dr. Anna Vogel has called.", "Anna Vogel", DATA_PERSON},
        {"Maria Fernandez was diagnosed with asthma.", "asthma", DATA_MEDICAL_CONDITION},
        {"John Miller is Catholic.", "Catholic", DATA_SPECIAL_CATEGORY},
        {"The salary of John Miller is $84,000.", "$84,000", DATA_FINANCIAL},
        {"Je m'appelle Claire Dubois et j'habite 12 rue de la Gare, 69003 Lyon.",
         "12 rue de la Gare, 69003 Lyon", DATA_ADDRESS},
        {"Ship to Anna Kowalska, 12 Baker Street, London NW1 6XE please.",
         "12 Baker Street, London NW1 6XE", DATA_ADDRESS},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct run r = run(rows[i].text);
        if (!covers(&r, rows[i].text, rows[i].value, rows[i].class))
            fail_msg("not found: %s in: %s", rows[i].value, rows[i].text);
        arena_free(r.arena);
    }
}

static void leaves_alone(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        " \n\t ",
        "What is the difference between TCP and UDP?",
        "Explain the Pythagorean theorem in two sentences.",
        "for (int i = 0; i < n; i++) sum += values[i];",
        "2026-03-04T10:11:12Z INFO worker[412]: job 58213 finished in 97 ms",
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct run r = run(rows[i]);
        if (r.n)
            fail_msg("found %s in: %s", data_class_name((enum data_class)r.all[0].class), rows[i]);
        arena_free(r.arena);
    }
}

/* A hint is one opaque word: nothing is found in it, and findings end before it. */
static void hints_are_opaque(void **state)
{
    (void)state;
    const char *text = "Dear Sarah Johnson sarah.johnson@mail.example, please call.";
    const char *mail = strstr(text, "sarah.");
    struct tagger_hint hint = {.start = (uint32_t)(mail - text), .class = DATA_EMAIL};
    hint.end = hint.start + (uint32_t)strlen("sarah.johnson@mail.example");
    struct run r = run_with(view_str(text), &hint, 1, DATA_STRICT);
    assert_true(covers(&r, text, "Sarah Johnson", DATA_PERSON));
    for (unsigned i = 0; i < r.n; i++)
        assert_true(r.all[i].end <= hint.start || r.all[i].start >= hint.end);
    arena_free(r.arena);
}

/* Hints that are empty or reach beyond the text are passed over. */
static void bad_hints_are_passed_over(void **state)
{
    (void)state;
    const char *text = "My name is Sarah Johnson.";
    const struct tagger_hint hints[] = {{3, 3, DATA_EMAIL}, {20, 4000, DATA_EMAIL}};
    struct run r = run_with(view_str(text), hints, 2, DATA_BALANCED);
    assert_true(covers(&r, text, "Sarah Johnson", DATA_PERSON));
    arena_free(r.arena);
}

static bool is_inside(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Findings are sorted, apart, and never cut a character, whatever the bytes are. */
static void findings_are_in_order(void **state)
{
    (void)state;
    static const char *const seeds[] = {"Łukasz Żółć ",    "Dr. 李小龙, ", "\xFF\xC3",
                                        "Sarah's ",        "12 Main St\n", "Ωμέγα Παπαδόπουλος; ",
                                        "名前: 佐藤花子\n"};
    char text[6000];
    size_t n = 0;
    for (unsigned i = 0; n + 40 < sizeof text; i = i * 5 + 1) {
        const char *s = seeds[i / 3 % 7];
        memcpy(text + n, s, strlen(s));
        n += strlen(s);
    }
    struct run r = run_with(view_of(text, n), NULL, 0, DATA_STRICT);
    uint32_t before = 0;
    assert_true(r.n > 0);
    for (unsigned i = 0; i < r.n; i++) {
        assert_true(r.all[i].start >= before && r.all[i].start < r.all[i].end);
        assert_true(r.all[i].end <= n);
        assert_true(r.all[i].confidence >= 1 && r.all[i].confidence <= 100);
        assert_false(is_inside((unsigned char)text[r.all[i].start]));
        assert_true(r.all[i].end == n || !is_inside((unsigned char)text[r.all[i].end]));
        before = r.all[i].end;
    }
    arena_free(r.arena);
}

/* A comma behind an address is none of it. */
static void findings_end_at_words(void **state)
{
    (void)state;
    const char *text = "Thomas Schmidt, Hauptstraße 5, 10115 Berlin, hat angerufen.";
    struct run r = run(text);
    assert_true(covers(&r, text, "Hauptstraße 5, 10115 Berlin", DATA_ADDRESS));
    for (unsigned i = 0; i < r.n; i++)
        assert_int_not_equal(text[r.all[i].end - 1], ',');
    arena_free(r.arena);
}

static void says_the_same_twice(void **state)
{
    (void)state;
    const char *text = "Herr Thomas Schmidt, Hauptstraße 5, 10115 Berlin, und Maria García";
    struct run a = run(text), b = run(text);
    assert_int_equal(a.n, b.n);
    assert_true(a.n > 0);
    assert_memory_equal(a.all, b.all, a.n * sizeof *a.all);
    arena_free(a.arena);
    arena_free(b.arena);
}

/* What stands behind the first piece of a long text is found at its own place. */
static void long_texts_keep_their_offsets(void **state)
{
    (void)state;
    static char text[40000];
    const char *filler = "the boats lay still. ", *end = "\nMy name is Sarah Johnson.\n";
    size_t n = 0;
    while (n < 30000) {
        memcpy(text + n, filler, strlen(filler));
        n += strlen(filler);
    }
    memcpy(text + n, end, strlen(end) + 1);
    struct run r = run(text);
    assert_true(covers(&r, text, "Sarah Johnson", DATA_PERSON));
    arena_free(r.arena);
}

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t cost_of(const char *unit, size_t bytes)
{
    char *text = malloc(bytes);
    size_t n = strlen(unit);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++)
        text[i] = unit[i % n];
    int64_t from = cpu_ns();
    struct run r = run_with(view_of(text, bytes), NULL, 0, DATA_STRICT);
    int64_t took = cpu_ns() - from;
    arena_free(r.arena);
    free(text);
    return took;
}

/* Sixteen times the bytes cost sixteen times the time, with room for noise. */
static void cost_is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"A ", "a",          "Name: Al ",    "1.",   "\n", "'",
                                        "_x", "Mr Al Bo\n", "\xE6\x9D\x8E", "\xFF", "::", "\"\""};
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t small = cost_of(units[i], 1 << 16), large = cost_of(units[i], 1 << 20);
        if (large > 16 * 4 * (small + 1000000))
            fail_msg("%s: %lld ns for 64 KiB, %lld ns for 1 MiB", units[i], (long long)small,
                     (long long)large);
    }
}

static void says_when_memory_is_short(void **state)
{
    (void)state;
    struct arena *a = arena_new(64);
    struct tagged *all = NULL;
    unsigned n = 77;
    assert_non_null(a);
    assert_false(tagger_run(VIEW("Sarah Johnson"), NULL, 0, DATA_BALANCED, a, &all, &n));
    assert_int_equal(n, 77);
    assert_null(all);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(leaves_alone),
        cmocka_unit_test(hints_are_opaque),
        cmocka_unit_test(bad_hints_are_passed_over),
        cmocka_unit_test(findings_are_in_order),
        cmocka_unit_test(findings_end_at_words),
        cmocka_unit_test(says_the_same_twice),
        cmocka_unit_test(long_texts_keep_their_offsets),
        cmocka_unit_test(cost_is_linear),
        cmocka_unit_test(says_when_memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
