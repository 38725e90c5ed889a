#include "cli/node.h"

#include "cli/admin_call.h"
#include "cli/common.h"
#include "cli/table.h"
#include "json/reader.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 20, NAME_MAX_BYTES = 2048 };

static const char usage[] =
    "usage: weir node drain|cordon|resume NAME [--config FILE]\n"
    "\n"
    "Takes a node of the running Weir out of service, or back. NAME is its URL as the config has "
    "it,\n"
    "its HOST:PORT, or the name of a backend, for all its nodes. It holds over restarts.\n"
    "\n"
    "  drain    no new requests, running ones finish; then `weir nodes` says drained, and the\n"
    "           engine may be switched off: Weir asks it nothing any more\n"
    "  cordon   no new requests; Weir goes on looking at it\n"
    "  resume   takes requests again\n"
    "\n"
    "Nothing is sent to a node out of service, not even when no other is left.\n";

static struct view path_for(const char *verb, struct view name, struct arena *a)
{
    struct buf path = BUF_MAX(4 * NAME_MAX_BYTES);

    buf_append_lit(&path, "/nodes/");
    for (size_t i = 0; i < name.n; i++) {
        bool plain = (name.p[i] >= '0' && name.p[i] <= '9') ||
                     (name.p[i] >= 'a' && name.p[i] <= 'z') ||
                     (name.p[i] >= 'A' && name.p[i] <= 'Z') || strchr("-._~", name.p[i]);
        if (plain)
            buf_append_char(&path, name.p[i]);
        else
            buf_printf(&path, "%%%02x", (unsigned char)name.p[i]);
    }
    buf_printf(&path, "/%s", verb);
    struct view out = buf_ok(&path) ? arena_dup(a, buf_view(&path)) : VIEW_NONE;
    buf_done(&path);
    return out;
}

static void print_changed(struct json_reader *r, struct arena *a)
{
    struct json_object o;
    struct json_text text;
    struct view node = VIEW_NONE, state = VIEW_NONE, backend = VIEW_NONE;

    json_object_begin(r, &o);
    while (json_object_next(r, &o) && json_string(r, &text)) {
        struct view value = json_decode(text, a);
        if (json_key_is(&o, "node"))
            node = value;
        else if (json_key_is(&o, "backend"))
            backend = value;
        else if (json_key_is(&o, "state"))
            state = value;
    }
    struct view line =
        arena_printf(a, "%.*s (%.*s) is %.*s", VIEW_ARG(node), VIEW_ARG(backend), VIEW_ARG(state));
    table_write_clean(line, stdout);
    putchar('\n');
}

/* {"nodes": [...]} or {"error": "..."} */
static bool print_answer(struct view json, struct arena *a, struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct json_array array;
    struct json_text text;

    json_begin(&r, json);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (json_key_is(&o, "error") && json_string(&r, &text))
            return error_set(err, ERROR_IO, "%.*s", VIEW_ARG(json_decode(text, a)));
        json_array_begin(&r, &array);
        while (json_array_next(&r, &array))
            print_changed(&r, a);
    }
    return json_end(&r) || json_error(&r, err);
}

static int change(const struct config *config, const char *verb, const char *name)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct error err;
    struct view path = VIEW_NONE, body;
    int status;

    bool ok = strlen(name) <= NAME_MAX_BYTES ||
              error_set(&err, ERROR_BAD_VALUE, "that is too long for the name of a node");
    if (ok && a)
        path = path_for(verb, view_str(name), a);
    if (ok && path.n == 0)
        ok = error_set(&err, ERROR_NO_MEMORY, "no memory to ask Weir");
    ok = ok && admin_call(config, "POST", path, a, &status, &body, &err) &&
         print_answer(body, a, &err);
    arena_free(a);
    return ok ? 0 : cli_fail(&err);
}

static bool is_verb(const char *word)
{
    return strcmp(word, "drain") == 0 || strcmp(word, "cordon") == 0 || strcmp(word, "resume") == 0;
}

int cli_node(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;

    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else {
            fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (argc - optind != 2) {
        fputs(usage, stderr);
        return 2;
    }
    if (!is_verb(argv[optind]))
        return cli_misuse("node", "`weir node` knows drain, cordon and resume, not '%s'",
                          argv[optind]);
    struct config *config = cli_load(path);
    if (!config)
        return 1;
    int status = change(config, argv[optind], argv[optind + 1]);
    config_unref(config);
    return status;
}
