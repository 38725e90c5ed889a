#include "cli/nodes.h"

#include "base/clock.h"
#include "cli/admin_call.h"
#include "cli/table.h"
#include "json/reader.h"

#include <getopt.h>
#include <stdio.h>

enum { ARENA_BYTES = 64 << 20, NAMES_MAX = 512 };

static const char usage[] =
    "usage: weir nodes [--config FILE] [--json]\n"
    "\n"
    "Asks the running Weir, at its `admin` address, what it knows of its nodes: state, zone,\n"
    "weight, engine, running and queued requests and how full the KV cache is (as the engine "
    "says),\n"
    "requests that Weir has there, failures, latency, the time to a stream's first token (median\n"
    "and 95th percentile of the last minutes), the last change and why, and the models with their\n"
    "real context windows (* is loaded).\n"
    "\n"
    "      --json   all of it as JSON, also digests and what each engine holds in memory\n";

/* One node as the gateway tells it; empty: it is not known. */
struct row {
    struct view state, node, backend, zone, weight, engine, version, running, queued, kv_use,
        in_flight, failures, latency, p50, p95, changed, why, last_error;
    struct buf models;
};

static const struct {
    struct view key;
    size_t offset;
} fields[] = {
    {VIEW_LIT("state"), offsetof(struct row, state)},
    {VIEW_LIT("node"), offsetof(struct row, node)},
    {VIEW_LIT("backend"), offsetof(struct row, backend)},
    {VIEW_LIT("zone"), offsetof(struct row, zone)},
    {VIEW_LIT("weight"), offsetof(struct row, weight)},
    {VIEW_LIT("engine"), offsetof(struct row, engine)},
    {VIEW_LIT("version"), offsetof(struct row, version)},
    {VIEW_LIT("running"), offsetof(struct row, running)},
    {VIEW_LIT("queued"), offsetof(struct row, queued)},
    {VIEW_LIT("kv_use"), offsetof(struct row, kv_use)},
    {VIEW_LIT("in_flight"), offsetof(struct row, in_flight)},
    {VIEW_LIT("failures"), offsetof(struct row, failures)},
    {VIEW_LIT("latency_ms"), offsetof(struct row, latency)},
    {VIEW_LIT("first_token_p50_ms"), offsetof(struct row, p50)},
    {VIEW_LIT("first_token_p95_ms"), offsetof(struct row, p95)},
    {VIEW_LIT("changed_ms"), offsetof(struct row, changed)},
    {VIEW_LIT("why"), offsetof(struct row, why)},
    {VIEW_LIT("last_error"), offsetof(struct row, last_error)},
};

/* A text or a number; empty for null. */
static struct view read_scalar(struct json_reader *r, struct arena *a)
{
    struct json_text text;
    struct view raw = VIEW_NONE;

    if (json_peek(r) == JSON_STRING)
        return json_string(r, &text) ? json_decode(text, a) : VIEW_NONE;
    if (json_peek(r) == JSON_NUMBER)
        (void)json_number(r, &raw);
    else
        json_skip(r);
    return raw;
}

static void read_model(struct json_reader *r, struct arena *a, struct buf *out)
{
    struct json_object o;
    struct view name = VIEW_NONE, window = VIEW_NONE;
    bool loaded = false;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "name"))
            name = read_scalar(r, a);
        else if (json_key_is(&o, "window"))
            window = read_scalar(r, a);
        else if (json_key_is(&o, "loaded"))
            json_bool(r, &loaded);
        else
            json_skip(r);
    }
    buf_printf(out, "%s%.*s%s", out->len ? " " : "", VIEW_ARG(name), loaded ? "*" : "");
    if (window.n)
        buf_printf(out, " (%.*s)", VIEW_ARG(window));
}

static void read_models(struct json_reader *r, struct arena *a, struct buf *out)
{
    struct json_array array;

    if (json_peek(r) != JSON_ARRAY) {
        json_skip(r);
        return;
    }
    json_array_begin(r, &array);
    while (json_array_next(r, &array))
        read_model(r, a, out);
}

static void read_row(struct json_reader *r, struct arena *a, struct row *row)
{
    struct json_object o;

    *row = (struct row){.models = BUF_MAX(NAMES_MAX)};
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        size_t i = 0, n = sizeof(fields) / sizeof(fields[0]);
        while (i < n && !view_eq(fields[i].key, o.key))
            i++;
        if (i < n)
            *(struct view *)(void *)((char *)row + fields[i].offset) = read_scalar(r, a);
        else if (json_key_is(&o, "models"))
            read_models(r, a, &row->models);
        else
            json_skip(r);
    }
}

static void cell(struct table *t, unsigned column, struct view text)
{
    table_cell(t, column, "%.*s", text.n ? (int)text.n : 1, text.n ? text.p : "-");
}

/* "14s", "5m", "3h", "2d" */
static void since_cell(struct table *t, unsigned column, struct view changed_ms)
{
    uint64_t at = 0;
    int64_t seconds = 0;

    if (view_to_u64(changed_ms, &at) && (int64_t)at < clock_wall_ms())
        seconds = (clock_wall_ms() - (int64_t)at) / 1000;
    if (seconds < 120)
        table_cell(t, column, "%llds", (long long)seconds);
    else if (seconds < 2 * 3600)
        table_cell(t, column, "%lldm", (long long)seconds / 60);
    else if (seconds < 48 * 3600)
        table_cell(t, column, "%lldh", (long long)seconds / 3600);
    else
        table_cell(t, column, "%lldd", (long long)seconds / 86400);
}

static void add_row(struct table *t, const struct row *r)
{
    double kv;

    table_row(t);
    cell(t, 0, r->state);
    cell(t, 1, r->node);
    cell(t, 2, r->backend);
    cell(t, 3, r->zone);
    cell(t, 4, r->weight);
    table_cell(t, 5, "%.*s%s%.*s", VIEW_ARG(r->engine), r->version.n ? " " : "",
               VIEW_ARG(r->version));
    cell(t, 6, r->in_flight);
    cell(t, 7, r->running);
    cell(t, 8, r->queued);
    if (view_to_double(r->kv_use, &kv))
        table_cell(t, 9, "%.0f%%", kv * 100);
    else
        cell(t, 9, VIEW_NONE);
    cell(t, 10, r->failures);
    table_cell(t, 11, "%.*s%s", r->latency.n ? (int)r->latency.n : 1,
               r->latency.n ? r->latency.p : "-", r->latency.n ? " ms" : "");
    if (r->p50.n && r->p95.n)
        table_cell(t, 12, "%.*s/%.*s ms", VIEW_ARG(r->p50), VIEW_ARG(r->p95));
    else
        cell(t, 12, VIEW_NONE);
    since_cell(t, 13, r->changed);
    cell(t, 14, r->last_error.n ? r->last_error : r->why);
    cell(t, 15, buf_view(&r->models));
}

static void read_nodes(struct json_reader *r, struct arena *a, struct table *t)
{
    struct json_array array;
    struct row row;

    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        read_row(r, a, &row);
        add_row(t, &row);
        buf_done(&row.models);
    }
}

static void read_differences(struct json_reader *r, struct arena *a, struct buf *out)
{
    struct json_array array;
    struct json_object o;

    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        struct view model = VIEW_NONE, one = VIEW_NONE, other = VIEW_NONE;
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            struct view value = read_scalar(r, a);
            if (json_key_is(&o, "model"))
                model = value;
            else if (json_key_is(&o, "node"))
                one = value;
            else if (json_key_is(&o, "other_node"))
                other = value;
        }
        buf_printf(out, "warning: %.*s is not the same on %.*s and %.*s\n", VIEW_ARG(model),
                   VIEW_ARG(one), VIEW_ARG(other));
    }
}

/* [{"backend": "lab", "overflows": true, "since_ms": 1}] */
static void read_backends(struct json_reader *r, struct arena *a, struct buf *out)
{
    struct json_array array;
    struct json_object o;

    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        struct view name = VIEW_NONE;
        bool overflows = false;
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            if (json_key_is(&o, "backend"))
                name = read_scalar(r, a);
            else if (json_key_is(&o, "overflows"))
                json_bool(r, &overflows);
            else
                json_skip(r);
        }
        if (overflows)
            buf_printf(out, "%.*s overflows: requests go elsewhere, or wait\n", VIEW_ARG(name));
    }
}

static void read_waiting(struct json_reader *r, struct arena *a, struct buf *out)
{
    struct view waiting = read_scalar(r, a);

    if (!view_eq(waiting, VIEW("0")))
        buf_printf(out, "waiting for room: %.*s\n", VIEW_ARG(waiting));
}

static bool show(struct view json, struct arena *a, struct error *err)
{
    struct buf below = BUF_MAX(64 * 1024);
    struct json_reader r;
    struct json_object o;
    struct table t;

    if (!table_init(
            &t,
            "state|node|backend|zone|>weight|engine|>ours|>running|>queued|>kv|>failures|>latency|"
            ">first token|>since|why|models"))
        return error_set(err, ERROR_NO_MEMORY, "no memory for a table");
    json_begin(&r, json);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (json_key_is(&o, "nodes"))
            read_nodes(&r, a, &t);
        else if (json_key_is(&o, "differences"))
            read_differences(&r, a, &below);
        else if (json_key_is(&o, "backends"))
            read_backends(&r, a, &below);
        else if (json_key_is(&o, "waiting"))
            read_waiting(&r, a, &below);
        else
            json_skip(&r);
    }
    bool ok = json_end(&r) ? table_write(&t, stdout) : json_error(&r, err);
    table_done(&t);
    for (struct view rest = buf_view(&below); rest.n > 0; putchar('\n'))
        table_write_clean(view_cut(&rest, '\n'), stdout);
    buf_done(&below);
    return ok;
}

static int ask(const struct config *config, bool json)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct error err;
    struct view body;
    int status = 0;
    bool ok = a ? admin_call(config, "GET", VIEW("/nodes"), a, &status, &body, &err)
                : error_set(&err, ERROR_NO_MEMORY, "no memory");

    if (ok && status != 200)
        ok = error_set(&err, ERROR_IO, "Weir answered %d", status);
    if (ok && json)
        ok = fwrite(body.p, 1, body.n, stdout) == body.n;
    else if (ok)
        ok = show(body, a, &err);
    arena_free(a);
    return ok ? 0 : cli_fail(&err);
}

int cli_nodes(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool json = false;

    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'j') {
            json = true;
        } else {
            fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (!cli_takes_no_more("nodes", argc, argv))
        return 2;
    struct config *config = cli_load(path);
    if (!config)
        return 1;
    int status = ask(config, json);
    config_unref(config);
    return status;
}
