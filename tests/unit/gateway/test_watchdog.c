/* Which loops hang, by what is seen of them at each look. */
#include "gateway/watchdog.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* A turn that lasts, on a thread that gets this share of the CPU. */
static const struct {
    const char *name;
    double share_at_work; /* while it works */
    unsigned works_s;     /* then it stands still, as in a lock */
    unsigned lasts_s;
    unsigned hung_after_s; /* 0: it is left alone */
} cases[] = {
    {"a short one", 1, 3, 3, 0},
    {"it computes without an end", 1, 100, 100, 5},
    {"it waits in a lock", 0, 0, 100, 5},
    {"it worked, and waits in a lock", 1, 3, 100, 5},
    {"it works with a tenth of the CPU", 0.1, 30, 30, 0},
    {"and without an end", 0.1, 100, 100, 41},
    {"and waits in a lock then", 0.1, 10, 100, 12},
    {"it gets next to nothing", 0.01, 1000, 1000, 61},
};

static void test_turns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct watchdog_loop loop = {.cpu_ns = NS_PER_S};
        double cpu_s = 7, hung_s = 0;
        const double look_s = WATCHDOG_LOOK_MS / 1000.0;
        for (unsigned k = 0; k < 40; k++) { /* before, it took many turns */
            cpu_s += look_s;
            assert_false(watchdog_look(&loop, k % 2 * NS_PER_MS, (int64_t)(cpu_s * 1e9)));
        }
        for (double at = look_s; at <= cases[i].lasts_s && hung_s == 0; at += look_s) {
            cpu_s += at <= cases[i].works_s ? look_s * cases[i].share_at_work : 0;
            if (watchdog_look(&loop, (int64_t)(at * 1e9), (int64_t)(cpu_s * 1e9)))
                hung_s = at;
        }
        double off = hung_s - cases[i].hung_after_s;
        if (off < -1.25 || off > 1.25)
            fail_msg("%s: hung after %.2f s", cases[i].name, hung_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
