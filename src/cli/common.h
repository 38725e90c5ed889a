/* What several commands share. */
#pragma once

#include "config/config.h"
#include "fleet/fleet.h"

/* Prints an error of a command to standard error, and what to do. Returns the exit status 1. */
int cli_fail(const struct error *err);

/* So too, of a command that was written wrongly: what is wrong, and whose --help says what is right
 * ("size"). Returns the exit status 2. */
int cli_misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For a command that takes options only: true when nothing stands behind them, else it was said. */
bool cli_takes_no_more(const char *command, int argc, char **argv) MUST_CHECK;

/* The configuration of `path`; NULL: the file that lies in the usual places (weir.yaml here, then
 * /etc/weir/weir.yaml), and without one what discovery finds. Prints where it came from, its
 * warnings, and errors; NULL after an error. */
struct config *cli_load(const char *path);

/* The bytes of a file, or with "-" of standard input, at most `max`; `what` limits them, for the
 * error. `ret_text` is the caller's to free in either case. */
bool cli_read_file(const char *path, size_t max, const char *what, struct buf *ret_text,
                   struct error *err) MUST_CHECK;

/* Runs fn(arg) as a task on a loop of its own and returns when it has ended. */
bool cli_on_loop(void (*fn)(void *arg), void *arg, struct error *err) MUST_CHECK;

/* Looks for the nodes of backends that need that, and asks every node for its models and its load,
 * all at the same time, at most `timeout_ms`. `report` is called for each node (models NULL: `err`
 * says why) and for each backend whose nodes are not found (node NULL too); NULL: no report. In a
 * task. */
typedef void cli_report_fn(const struct config_backend *backend, struct node *n,
                           const struct node_models *models, const struct error *err, void *arg);
void cli_probe_fleet(struct fleet *f, int64_t timeout_ms, cli_report_fn *report, void *arg);
