/* The admin address, for operators only: /metrics in Prometheus text, /healthz, /nodes. */
#pragma once

#include "gateway/gateway.h"

/* For the listener; `arg` is the gateway. */
void admin_serve(int fd, void *arg);

/* All metrics as Prometheus text (version 0.0.4). */
void metrics_write(struct gateway *g, struct buf *out);
