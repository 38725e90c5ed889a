/* Finding a model by its name. */
#include "base/hash.h"
#include "support.h"

static struct policy_model listed[] = {{.name = VIEW_LIT("a:latest")},
                                       {.name = VIEW_LIT("b:7b")},
                                       {.name = VIEW_LIT("a")},
                                       {.name = VIEW_LIT("c:latest")},
                                       {.name = VIEW_LIT("latest")}};
enum { LISTED = sizeof(listed) / sizeof(listed[0]) };

static const struct {
    const char *name;
    int at; /* -1: it is not there */
} asked[] = {{"a", 2},  {"a:latest", 0},         {"b", -1}, {"b:7b", 1},  {"c", 3}, {"c:latest", 3},
             {"d", -1}, {"c:latest:latest", -1}, {"", -1},  {"latest", 4}};
enum { ASKED = sizeof(asked) / sizeof(asked[0]) };

static void test_find(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ASKED; i++) {
        struct policy_model *found = model_names_find(listed, LISTED, view_str(asked[i].name));
        assert_ptr_equal(found, asked[i].at < 0 ? NULL : &listed[asked[i].at]);
    }
}

/* Whoever has a model is never passed over; of others few are taken for one who has it. */
static void test_may_have(void **state)
{
    struct model_names names = {0};
    unsigned mistaken = 0;
    (void)state;

    model_names_forget(&names);
    assert_true(model_names_may_have(&names, hash_bytes(VIEW("d"))));
    model_names_note(&names, listed, LISTED);
    for (unsigned i = 0; i < ASKED; i++)
        if (asked[i].at >= 0)
            assert_true(model_names_may_have(&names, hash_bytes(view_str(asked[i].name))));
    for (unsigned i = 0; i < 10000; i++)
        mistaken += model_names_may_have(&names, hash_bytes(view_of((char *)&i, sizeof(i))));
    assert_true(mistaken < 200);
    model_names_note(&names, NULL, 0);
    assert_false(model_names_may_have(&names, hash_bytes(VIEW("a"))));
    model_names_note(&names, listed, 1);
    assert_true(model_names_may_have(&names, hash_bytes(VIEW("a"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
