/* The perimeter's options: presets, modes by class, the organisation's own, modes of a rule. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOOD       "backends:\n  - {name: a, side: inside, engine: vllm, url: http://h:1}\n"
#define BIT(class) (UINT32_C(1) << DATA_##class)

static struct config *load(const char *yaml, struct error *err)
{
    struct buf text = BUF_MAX(1 << 16);

    buf_append_lit(&text, GOOD);
    buf_append(&text, view_str(yaml));
    struct config *c = config_load("weir.yaml", buf_view(&text), err);
    buf_done(&text);
    return c;
}

static struct config *load_ok(const char *yaml)
{
    struct error err = {0};
    struct config *c = load(yaml, &err);

    if (!c)
        print_error("%s\n%s\n", err.text, err.hint);
    assert_non_null(c);
    return c;
}

static void test_everything_stays_inside_by_default(void **state)
{
    struct config *c = load_ok("");

    (void)state;
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        assert_int_equal(c->perimeter.modes[i], DATA_LOCAL);
    assert_int_equal(c->perimeter.classes, UINT32_MAX & ~BIT(CONFIDENTIAL));
    assert_int_equal(c->perimeter.profile, DATA_BALANCED);
    config_unref(c);
}

static void test_presets(void **state)
{
    struct config *c = load_ok("perimeter: {presets: [pci]}");

    (void)state;
    assert_int_equal(c->perimeter.classes,
                     BIT(CREDIT_CARD) | BIT(IBAN) | BIT(BANK_ACCOUNT) | BIT(UNREADABLE));
    config_unref(c);
    c = load_ok("perimeter: {presets: []}");
    assert_int_equal(c->perimeter.classes, 0);
    assert_true(config_warnings(c).n > 0);
    config_unref(c);
    c = load_ok("perimeter: {presets: [], words: [Falcon], patterns: ['KD-[0-9]{6}']}");
    assert_int_equal(c->perimeter.classes, BIT(CONFIDENTIAL) | BIT(UNREADABLE));
    assert_int_equal(c->perimeter.n_words, 1);
    assert_int_equal(c->perimeter.n_patterns, 1);
    config_unref(c);
}

static void test_modes(void **state)
{
    struct config *c = load_ok("perimeter: {modes: {email: mask, DEFAULT: block, IBAN: allow}}");

    (void)state;
    assert_int_equal(c->perimeter.modes[DATA_EMAIL], DATA_MASK);
    assert_int_equal(c->perimeter.modes[DATA_IBAN], DATA_ALLOW);
    assert_int_equal(c->perimeter.modes[DATA_PERSON], DATA_BLOCK);
    config_unref(c);
}

static void test_a_rule_has_what_the_perimeter_says_else(void **state)
{
    struct config *c = load_ok("perimeter: {modes: {EMAIL: mask}}\n"
                               "policy:\n  rules:\n    - when: {key: hr}\n"
                               "      sensitive: {PERSON: allow}\n      strict: true\n");

    (void)state;
    const struct config_rule *rule = &c->policy.rules[0];
    assert_true(rule->sets_modes);
    assert_true(rule->strict);
    assert_int_equal(rule->modes[DATA_PERSON], DATA_ALLOW);
    assert_int_equal(rule->modes[DATA_EMAIL], DATA_MASK);
    assert_int_equal(rule->modes[DATA_PHONE], DATA_LOCAL);
    config_unref(c);
}

static void test_what_may_be_left_unsaid(void **state)
{
    struct config *c = load_ok("policy:\n  rules:\n    - {when: {key: hr}, continue: false}\n"
                               "    - {when: {key: it}, continue: true}\n"
                               "    - {when: {key: me}, go: inside}\n");

    (void)state;
    assert_int_equal(c->policy.rules[0].continues, CONFIG_NO);
    assert_int_equal(c->policy.rules[1].continues, CONFIG_YES);
    assert_int_equal(c->policy.rules[2].continues, CONFIG_UNSAID);
    assert_true(c->continue_streams);
    config_unref(c);
}

static void test_errors(void **state)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"perimeter: {presets: [hippa]}", "a preset is 'hippa'"},
        {"perimeter: {modes: {EMAIL: hide}}", "a mode is 'hide'"},
        {"perimeter: {modes: {E-MAIL: mask}}", "no class of data 'E-MAIL'"},
        {"policy: {rules: [{strict: true}]}", "strict without sensitive"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        assert_null(load(cases[i].yaml, &err));
        if (!strstr(err.text, cases[i].says))
            print_error("'%s' does not say '%s'\n", err.text, cases[i].says);
        assert_non_null(strstr(err.text, cases[i].says));
    }
}

static void test_the_snapshot_reads_itself(void **state)
{
    struct config *c = load_ok(
        "perimeter: {presets: [pci, secrets], profile: strict, "
        "modes: {EMAIL: mask}, words: [Falcon], scan_always: true}\n"
        "policy: {rules: [{when: {key: hr}, sensitive: {PERSON: allow}, continue: false}]}\n");
    struct buf first = BUF_MAX(1 << 18), second = BUF_MAX(1 << 18);
    struct error err = {0};

    (void)state;
    config_show(c, &first);
    struct config *again = config_load("again.yaml", buf_view(&first), &err);
    if (!again)
        print_error("%s\n%.*s\n", err.text, VIEW_ARG(buf_view(&first)));
    assert_non_null(again);
    config_show(again, &second);
    assert_true(view_eq(buf_view(&first), buf_view(&second)));
    assert_int_equal(again->perimeter.classes, c->perimeter.classes);
    buf_done(&first);
    buf_done(&second);
    config_unref(c);
    config_unref(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_stays_inside_by_default),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_what_may_be_left_unsaid),
        cmocka_unit_test(test_a_rule_has_what_the_perimeter_says_else),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_the_snapshot_reads_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
