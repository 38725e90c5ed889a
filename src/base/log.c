#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    static const char *const names[] = {"info", "warn", "error"};
    char line[1024];
    struct tm parts;
    va_list args;

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
