#include "cli/ledger.h"

#include "base/clock.h"
#include "cli/common.h"
#include "cli/ledger_keep.h"
#include "cli/ledger_out.h"
#include "cli/ledger_place.h"
#include "cli/since.h"

#include <getopt.h>
#include <stdlib.h>

enum { DEFAULT_LIMIT = 20, MAX_LIMIT = 1000000 };
enum { EXIT_OK = 0, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: weir ledger [options]          the last exchanges, and what all of them add up to\n"
    "       weir ledger show ID [options]  one whole record, by its id or its x-request-id\n"
    "       weir ledger export | prune | key     for proofs and retention; each has its --help\n"
    "\n"
    "  --file PATH     the ledger's file (default: weir.db in this folder)\n"
    "  --config FILE   take the path from this config's ledger.path\n"
    "  --since WHEN    15m, 2h, 3d, 1w ago, 2026-11-01, 2026-11-01T14:30 (Z behind it: UTC)\n"
    "  --by WHAT       one row for each task, side, model or key\n"
    "  --limit N       so many exchanges (default 20); the sums are over all\n"
    "  --json          for programs\n";

struct options {
    const char *file, *config, *since, *show;
    bool json, grouped, help;
    enum report_by by;
    unsigned limit;
    int64_t since_ms;
};

/* Any answer but true ends the command. */
static bool read_option(struct options *o, int option, const char *value, struct error *err)
{
    uint64_t number;

    switch (option) {
    case 'f':
        o->file = value;
        return true;
    case 'c':
        o->config = value;
        return true;
    case 'j':
        o->json = true;
        return true;
    case 'h':
        o->help = true;
        return true;
    case 's':
        o->since = value;
        return since_parse(view_str(value), clock_wall_ms(), &o->since_ms, err);
    case 'b':
        o->grouped = true;
        if (report_by_from_name(view_str(value), &o->by))
            return true;
        error_set(err, ERROR_BAD_VALUE, "--by does not know '%s'", value);
        return error_hint(err, "write task, side, model or key");
    case 'l':
        if (view_to_u64(view_str(value), &number) && number >= 1 && number <= MAX_LIMIT) {
            o->limit = (unsigned)number;
            return true;
        }
        error_set(err, ERROR_BAD_VALUE, "--limit cannot be '%s'", value);
        return error_hint(err, "write a number from 1 to %d", MAX_LIMIT);
    default:
        error_set(err, ERROR_BAD_VALUE, "that is no option of `weir ledger`");
        return error_hint(err, "see `weir ledger --help`");
    }
}

static bool read_options(struct options *o, int argc, char **argv, struct error *err)
{
    static const struct option list[] = {
        {"file", required_argument, NULL, 'f'},  {"config", required_argument, NULL, 'c'},
        {"since", required_argument, NULL, 's'}, {"by", required_argument, NULL, 'b'},
        {"limit", required_argument, NULL, 'l'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    int option;

    *o = (struct options){.limit = DEFAULT_LIMIT};
    optind = 0; /* another command may have used getopt before */
    while ((option = getopt_long(argc, argv, "c:h", list, NULL)) != -1)
        if (!read_option(o, option, optarg, err))
            return false;
    if (optind == argc)
        return true;
    if (strcmp(argv[optind], "show") == 0 && argc - optind == 2) {
        o->show = argv[optind + 1];
        return true;
    }
    error_set(err, ERROR_BAD_VALUE, "`weir ledger` cannot do '%s'", argv[optind]);
    return error_hint(err, "write `weir ledger` or `weir ledger show ID`");
}

static struct ledger_reader *open_reader(const struct options *o, struct error *err)
{
    struct ledger_place place;

    return ledger_place_find(o->file, o->config, &place, err)
               ? ledger_reader_open(view_str(place.path), err)
               : NULL;
}

/* One way through all rows: the newest are listed, all are summed. */
struct walk {
    const struct options *options;
    struct ledger_reader *reader;
    struct report report;
    struct report_groups groups;
    struct table table;
    uint64_t seen;
    bool out_of_memory;
};

static bool on_record(void *context, const struct ledger_record *record)
{
    struct walk *w = context;
    bool listed = !w->options->grouped && w->seen < w->options->limit;

    report_add(&w->report, record);
    if (w->options->grouped && !report_group_add(&w->groups, record))
        w->out_of_memory = true;
    if (listed && w->options->json) {
        fputs(w->seen ? ",\n" : "", stdout);
        ledger_json_record(w->reader, record, stdout);
    } else if (listed) {
        ledger_text_row(&w->table, record);
    }
    w->seen++;
    return !w->out_of_memory;
}

static bool on_hours(void *context, const struct ledger_node_hours *hours)
{
    report_add_hours(context, hours);
    return true;
}

static bool walk_all(struct walk *w, struct error *err)
{
    const struct options *o = w->options;

    if (!ledger_reader_begin(w->reader, err))
        return false;
    bool ok = ledger_read(w->reader, o->since_ms, 0, on_record, w, err) &&
              ledger_read_hours(w->reader, o->since_ms, on_hours, &w->report, err);
    ledger_reader_end(w->reader);
    if (ok && w->out_of_memory)
        return error_set(err, ERROR_NO_MEMORY, "no memory for the groups");
    return ok;
}

static bool list_json(struct walk *w, struct error *err)
{
    fputs(w->options->grouped ? "{" : "{\"exchanges\":[", stdout);
    if (!walk_all(w, err))
        return false;
    report_groups_sort(&w->groups);
    if (w->options->grouped)
        ledger_json_groups(&w->groups, stdout);
    fputs(w->options->grouped ? ",\n" : "],\n", stdout);
    ledger_json_sums(&w->report, stdout);
    fputs("}\n", stdout);
    return true;
}

static bool list_text(struct walk *w, struct error *err)
{
    if (!ledger_text_head(&w->table))
        return error_set(err, ERROR_NO_MEMORY, "no memory for the table");
    bool ok = walk_all(w, err);
    report_groups_sort(&w->groups);
    bool shown = ok && (w->options->grouped ? ledger_text_groups(&w->groups, stdout)
                                            : table_write(&w->table, stdout));
    table_done(&w->table);
    if (ok && !shown)
        return error_set(err, ERROR_NO_MEMORY, "no memory for the table");
    if (!ok)
        return false;
    fputc('\n', stdout);
    ledger_text_sums(&w->report, w->options->since, stdout);
    return true;
}

static bool on_shown(void *context, const struct ledger_record *record)
{
    struct walk *w = context;

    if (w->options->json) {
        ledger_json_record(w->reader, record, stdout);
        fputc('\n', stdout);
    } else {
        ledger_text_record(w->reader, record, stdout);
    }
    return false;
}

static bool show(struct walk *w, struct error *err)
{
    const char *id = w->options->show;
    bool found = false;

    if (!ledger_read_one(w->reader, view_str(id), on_shown, w, &found, err))
        return false;
    if (found)
        return true;
    error_set(err, ERROR_NOT_FOUND, "the ledger has no record '%s'", id);
    return error_hint(err, "take an id of `weir ledger`, or the x-request-id of an answer");
}

int cli_ledger(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } others[] = {
        {"export", cli_ledger_export}, {"prune", cli_ledger_prune}, {"key", cli_ledger_key}};
    struct options options;
    struct error err;

    for (size_t i = 0; argc > 1 && i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(argv[1], others[i].name) == 0)
            return others[i].run(argc - 1, argv + 1);
    opterr = 0;
    if (!read_options(&options, argc, argv, &err))
        return cli_fail(&err), EXIT_USAGE;
    if (options.help) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    struct walk w = {.options = &options, .groups.by = options.by};
    w.reader = open_reader(&options, &err);
    if (!w.reader)
        return cli_fail(&err);
    bool ok = options.show   ? show(&w, &err)
              : options.json ? list_json(&w, &err)
                             : list_text(&w, &err);
    report_groups_done(&w.groups);
    ledger_reader_close(w.reader);
    if (ok && fflush(stdout) != 0)
        ok = error_set(&err, ERROR_IO, "the output could not be written");
    return ok ? EXIT_OK : cli_fail(&err);
}
