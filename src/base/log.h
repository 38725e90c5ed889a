/*
 * The program's log: one line of key=value pairs an event, to standard error.
 *
 * Only program code logs (gateway/, admin/, cli/); libraries return errors. Prompts, answers and
 * keys never go here. Any thread may log; a line is written with one write(2).
 */
#pragma once

#include "base/view.h"

enum log_level { LOG_INFO, LOG_WARN, LOG_ERROR };

/* `event` is a short fixed name ("node_down"); `format` gives the pairs: "node=%s ms=%d". */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_info(event, ...)  log_event(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_event(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
