#include "cli/import.h"

#include "cli/common.h"
#include "config/import.h"
#include "config/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir import litellm CONFIG.YAML [--out WEIR.YAML]\n"
    "\n"
    "Prints the Weir config for a LiteLLM proxy config, and on standard error what could not be\n"
    "carried, with lines and reasons (docs/import.md). Secrets are not copied: variables of the\n"
    "environment take their place. CONFIG.YAML can be - for standard input.\n"
    "\n"
    "  -o, --out FILE   write there; a file that exists is never overwritten\n"
    "\n"
    "Exit status: 0 a config was written, 1 none was, 2 wrong use.\n";

static bool read_source(const char *path, struct buf *out, struct error *err)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    while (fd >= 0 && out->len <= TREE_MAX_BYTES) {
        char *to = buf_reserve(out, 16384);
        n = to ? read(fd, to, 16384) : -1;
        if (n <= 0 && !(n < 0 && errno == EINTR))
            break;
        out->len += n > 0 ? (size_t)n : 0;
    }
    int why = errno;
    if (fd >= 0 && !standard)
        close(fd);
    if (n >= 0 && buf_ok(out))
        return true;
    error_set(err, ERROR_BAD_CONFIG, "cannot read %.120s: %s", path, strerror(why));
    return error_hint(err, "name LiteLLM's config.yaml");
}

/* Gives each variable of the list that is not set its stand-in, or takes that away again. */
static void stand_in(struct view list, bool set)
{
    char name[128], value[256];

    while (list.n) {
        struct view rest = view_cut(&list, '\n');
        struct view key = view_cut(&rest, '=');
        snprintf(name, sizeof(name), "%.*s", VIEW_ARG(key));
        snprintf(value, sizeof(value), "%.*s", VIEW_ARG(rest));
        const char *now = getenv(name);
        if (set)
            setenv(name, value, 0);
        else if (now && strcmp(now, value) == 0)
            unsetenv(name);
    }
}

/* What was made must load, and its warnings are worth knowing now. */
static bool loads(struct import_result *r, const char *name, struct error *err)
{
    stand_in(buf_view(&r->variables), true);
    struct config *c = config_load(name, buf_view(&r->config), err);
    stand_in(buf_view(&r->variables), false);
    if (c)
        fprintf(stderr, "%.*s", VIEW_ARG(config_warnings(c)));
    config_unref(c);
    return c != NULL;
}

static bool write_out(const char *path, struct view text, struct error *err)
{
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    FILE *out = path ? (fd >= 0 ? fdopen(fd, "w") : NULL) : stdout;
    bool ok = out && fwrite(text.p, 1, text.n, out) == text.n && !fflush(out);

    int why = errno;
    if (path && out)
        ok = fclose(out) == 0 && ok;
    else if (fd >= 0)
        close(fd);
    if (ok)
        return true;
    error_set(err, ERROR_BAD_CONFIG, "cannot write %.120s: %s", path ? path : "the config",
              strerror(why));
    return error_hint(err, why == EEXIST ? "remove it first, or name another file with --out"
                                         : "check the folder and its rights");
}

static int import(const char *path, const char *out)
{
    struct buf source = BUF_MAX(TREE_MAX_BYTES + 32768);
    struct import_result r = {0};
    struct error err = {0};
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;

    bool ok = read_source(path, &source, &err);
    if (ok) {
        ok = import_litellm(buf_view(&source), name, &r, &err);
        fprintf(stderr, "%.*s", VIEW_ARG(buf_view(&r.notes)));
    }
    ok = ok && loads(&r, out ? out : "the imported config", &err) &&
         write_out(out, buf_view(&r.config), &err);
    if (ok)
        fprintf(stderr, "imported: %u backend%s, %u alias%s; %u note%s\n", r.n_backends,
                r.n_backends == 1 ? "" : "s", r.n_aliases, r.n_aliases == 1 ? "" : "es", r.n_notes,
                r.n_notes == 1 ? "" : "s");
    import_done(&r);
    buf_done(&source);
    return ok ? 0 : cli_fail(&err);
}

int cli_import(int argc, char **argv)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *out = NULL;

    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        if (o != 'o') {
            fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
        out = optarg;
    }
    if (argc - optind != 2) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(argv[optind], "litellm") != 0)
        return cli_misuse("import", "the configs of '%s' are not known, only litellm's",
                          argv[optind]);
    return import(argv[optind + 1], out);
}
