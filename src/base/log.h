/*
 * The program's log: one line of key=value pairs an event, to standard error.
 *
 * Only program code logs (gateway/, admin/, cli/); libraries return errors. Prompts, answers and
 * keys never go here: for a text that helps to recognise a value use log_secret().
 * Any thread may log; a line is written with one write(2).
 */
#pragma once

#include "base/view.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* `event` is a short fixed name ("node_down"); `format` gives the pairs: "node=%s ms=%d". */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) log_event(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_event(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_event(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)

struct log_secret_text {
    char text[40];
};
/* A secret as its length and a short hash: enough to tell two apart, not to guess either. */
struct log_secret_text log_secret(struct view secret);
