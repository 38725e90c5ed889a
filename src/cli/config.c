/* weir config: the configuration that Weir would use, and its manual. */
#include "cli/config.h"

#include "cli/common.h"

#include <stdio.h>

static const char usage[] =
    "usage: weir config show [--config FILE]   the config with every default filled in\n"
    "       weir config docs                   docs/configuration.md\n";

static int misused(void)
{
    fputs(usage, stderr);
    return 2;
}

static int print(struct buf *out)
{
    bool ok = buf_ok(out) && fwrite(out->p, 1, out->len, stdout) == out->len && !fflush(stdout);

    buf_done(out);
    if (!ok)
        fputs("weir: cannot write the config\n", stderr);
    return ok ? 0 : 1;
}

static int show(const char *path)
{
    struct buf out = BUF_MAX(16 << 20);
    struct error err;
    struct config *c = path ? config_load(path, VIEW_NONE, &err) : config_defaults(&err);

    if (!c)
        return cli_fail(&err);
    fprintf(stderr, "%.*s", VIEW_ARG(config_warnings(c)));
    config_show(c, &out);
    config_unref(c);
    return print(&out);
}

int cli_config(int argc, char **argv)
{
    struct buf out = BUF_MAX(1 << 20);

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(usage, stdout), 0;
    if (argc == 2 && strcmp(argv[1], "docs") == 0) {
        config_document(&out);
        return print(&out);
    }
    if (argc < 2 || strcmp(argv[1], "show") != 0)
        return misused();
    if (argc == 2)
        return show(NULL);
    if (argc == 4 && (strcmp(argv[2], "--config") == 0 || strcmp(argv[2], "-c") == 0))
        return show(argv[3]);
    if (argc == 3 && strncmp(argv[2], "--config=", 9) == 0)
        return show(argv[2] + 9);
    return misused();
}
