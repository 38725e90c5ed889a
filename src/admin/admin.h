/* The admin address: /metrics in Prometheus text and /healthz, for operators only. */
#pragma once

#include "gateway/gateway.h"

/* For the listener; `arg` is the gateway. */
void admin_serve(int fd, void *arg);

/* All metrics as Prometheus text (version 0.0.4). */
void metrics_write(struct gateway *g, struct buf *out);
