#include "gateway/watchdog.h"

#include "base/clock.h"
#include "gateway/log.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    HANG_MS = 5000,
    STARVED_MS = 60000, /* this is a hang however little of the CPU it got */
    LAST_LOOKS = 4,     /* of these, the last before the end */
};

bool watchdog_look(struct watchdog_loop *w, int64_t busy_ns, int64_t cpu_ns)
{
    const int64_t limit_ns = (HANG_MS - LAST_LOOKS * WATCHDOG_LOOK_MS) * NS_PER_MS;
    int64_t used_ns = cpu_ns - w->cpu_ns;
    bool fresh = busy_ns < INT64_C(2) * WATCHDOG_LOOK_MS * NS_PER_MS; /* another turn than before */

    w->cpu_ns = cpu_ns;
    w->spent_ns = fresh ? 0 : w->spent_ns + used_ns;
    w->late = busy_ns > limit_ns ? w->late + 1 : 0;
    w->still = w->late > 0 && used_ns == 0 ? w->still + 1 : 0;
    return w->late > LAST_LOOKS &&
           (w->still > LAST_LOOKS || w->spent_ns > limit_ns || busy_ns > STARVED_MS * NS_PER_MS);
}

void watchdog_add(struct watchdog *w, pthread_t thread)
{
    clockid_t clock;

    w->cpu[w->n++] = pthread_getcpuclockid(thread, &clock) == 0 ? clock : -1;
}

/* 0 where that cannot be told, which looks like standing still: then only the time counts. */
static int64_t cpu_ns_of(clockid_t clock)
{
    struct timespec t;

    return clock_gettime(clock, &t) == 0 ? t.tv_sec * NS_PER_S + t.tv_nsec : 0;
}

void *watchdog_run(void *watchdog)
{
    const struct watchdog *dog = watchdog;
    struct watchdog_loop loops[HTTP_MAX_LOOPS] = {0};

    for (;;) {
        for (unsigned i = 0; i < dog->n; i++) {
            int64_t busy_ns = loop_busy_ns(dog->loops[i]);
            if (watchdog_look(&loops[i], busy_ns, cpu_ns_of(dog->cpu[i]))) {
                log_error("hang", "loop=%u did not turn for %lld ms; aborting", i,
                          (long long)(busy_ns / NS_PER_MS));
                abort();
            }
        }
        usleep(WATCHDOG_LOOK_MS * 1000);
    }
    return NULL;
}
