#include "base/log.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

enum log_level log_level(void)
{
    return atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[1024];
    struct tm parts;
    va_list args;

    if (level < log_level())
        return;
    int64_t now = clock_wall_ms();
    time_t seconds = (time_t)(now / 1000);
    gmtime_r(&seconds, &parts);
    size_t n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &parts);
    n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03dZ level=%s event=%s ",
                          (int)(now % 1000), names[level], event);
    va_start(args, format);
    int added = vsnprintf(line + n, sizeof(line) - n - 1, format, args);
    va_end(args);
    if (added > 0)
        n += (size_t)added < sizeof(line) - n - 1 ? (size_t)added : sizeof(line) - n - 2;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = ' '; /* one event, one line, whatever a peer sent */
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nowhere left to say it */
}

struct log_secret_text log_secret(struct view secret)
{
    struct log_secret_text out;

    snprintf(out.text, sizeof(out.text), "%zu bytes #%06x", secret.n,
             (unsigned)(hash_bytes(secret) & 0xffffff));
    return out;
}
