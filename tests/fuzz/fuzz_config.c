/* Any text: it loads, or the error has a place; what loads is printed and loads again the same. */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good, const char *what, struct view text)
{
    if (good)
        return;
    fprintf(stderr, "%s:\n%.*s\n", what, VIEW_ARG(text));
    abort();
}

static void check_shown(struct config *c)
{
    struct buf once = BUF_MAX(64 << 20), twice = BUF_MAX(64 << 20);
    struct error err = {0};

    config_show(c, &once);
    must(buf_ok(&once), "not shown", VIEW_NONE);
    /* A key that does not come from the environment is not shown, so it cannot come back. */
    if (once.len <= 1 << 20 && view_find(buf_view(&once), VIEW("***")) == VIEW_NPOS) {
        struct config *again = config_load("shown", buf_view(&once), &err);
        must(again != NULL, err.text, buf_view(&once));
        config_show(again, &twice);
        must(view_eq(buf_view(&once), buf_view(&twice)), "shown differently", buf_view(&once));
        must(config_may_follow(c, again, &err), err.text, buf_view(&once));
        config_unref(again);
    }
    buf_done(&once);
    buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};

    setenv("KEY", "0123456789abcdef-key", 1);
    setenv("WORD", "inside", 1);
    struct config *c = config_load("fuzz", view_of((const char *)data, size), &err);
    if (c)
        check_shown(c);
    else if (size)
        must(strncmp(err.text, "fuzz", 4) == 0 && err.hint[0], "no place or no hint",
             view_str(err.text));
    config_unref(c);
    return 0;
}
