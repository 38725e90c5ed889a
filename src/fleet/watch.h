/* Inside the folder: the tasks that look at one node (probe.c), and who starts and ends them
 * (prober.c). */
#pragma once

#include "base/list.h"
#include "fleet/probe.h"
#include "run/task.h"

/* One node under the prober's eye; a task that looks at it, another that reads its load. */
struct watch {
    struct list link; /* of its backend's */
    struct prober *prober;
    struct node *node; /* held */
    const struct config_backend *backend;
    struct task *task, *load_task;
    int64_t refused_since_ns; /* loading.h */
    bool counted;             /* among `unknown` */
    bool gone;                /* its node is no longer the backend's: it ends with its tasks */
};

struct prober {
    struct fleet *fleet;
    struct prober_ears ears;
    struct list *watches; /* of each backend */
    unsigned running;
    unsigned unknown; /* nodes whose first look is not done */
    bool stopping;
};

/* Starts the task that looks at the node; without memory it does not. */
void watch_start(struct watch *w);

void watch_looked(struct watch *w); /* the first look is over, in whatever way */
/* One of its tasks has ended, which is NULL already; the watch may be gone behind it. */
void watch_task_ended(struct watch *w);
