/* For tests of src/run: a loop that runs one task to its end. */
#pragma once

#include "base/clock.h"
#include "run/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct on_loop {
    void (*fn)(void *);
    void *arg;
    struct loop *loop;
};

static inline void on_loop_main(void *arg)
{
    struct on_loop *o = arg;
    o->fn(o->arg);
    loop_stop(o->loop);
}

static inline void run_on_loop(void (*fn)(void *), void *arg)
{
    struct error err;
    struct loop *l = loop_new(0, &err);
    assert_non_null(l);
    struct on_loop o = {fn, arg, l};
    assert_non_null(task_spawn(l, "test", on_loop_main, &o));
    loop_run(l);
    loop_free(l);
}
