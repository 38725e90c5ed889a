/* Any text as LiteLLM's config: what is made of it loads, and what it calls a secret is not in it.
 */
#include "config/config.h"
#include "config/import.h"

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

/* Only names that nothing else needs: the input must not change how the target itself runs. */
static bool set_variables(struct view list)
{
    char name[128], value[256];

    while (list.n) {
        struct view value_of = view_cut(&list, '\n');
        struct view key = view_cut(&value_of, '=');
        snprintf(name, sizeof(name), "%.*s", VIEW_ARG(key));
        snprintf(value, sizeof(value), "%.*s", VIEW_ARG(value_of));
        if (getenv(name))
            return false;
        setenv(name, value, 1);
    }
    return true;
}

static void unset_variables(struct view list)
{
    char name[128];

    while (list.n) {
        struct view line = view_cut(&list, '\n');
        snprintf(name, sizeof(name), "%.*s", VIEW_ARG(view_cut(&line, '=')));
        unsetenv(name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import_result r;
    struct error err = {0};

    if (import_litellm(view_of((const char *)data, size), "fuzz", &r, &err)) {
        if (set_variables(buf_view(&r.variables))) {
            struct config *c = config_load("made", buf_view(&r.config), &err);
            must(c != NULL, err.text, buf_view(&r.config));
            config_unref(c);
            unset_variables(buf_view(&r.variables));
        }
    } else {
        must(view_find(view_str(err.text), VIEW("fuzz")) != VIEW_NPOS && err.hint[0],
             "no place or no hint", view_str(err.text));
    }
    import_done(&r);
    return 0;
}
