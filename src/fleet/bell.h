/*
 * The bell: wakes the tasks, of any loop, that wait for some node to become one that may be asked.
 * It does not say which: whoever heard it looks again.
 */
#pragma once

#include "run/task.h"

/* Any thread. */
void bell_ring(void);

/* Waits until `may_go_on` says so, which is asked at first and whenever the bell rings. */
enum wait_result bell_wait(bool (*may_go_on)(void *arg), void *arg, int64_t deadline_ns) MUST_CHECK;
