#include "cli/prove.h"

#include "base/clock.h"
#include "cli/common.h"
#include "cli/ledger_place.h"
#include "cli/prove_out.h"
#include "cli/since.h"

#include <getopt.h>
#include <stdlib.h>

enum { EXIT_PROVEN = 0, EXIT_NOT = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: weir prove [FILE] [options]\n"
    "\n"
    "Checks every link and every signature of a ledger, or of an export of one\n"
    "(`weir ledger export --proof`), and says what the requests of a time held and where they "
    "went.\n"
    "It asks nobody and writes nothing.\n"
    "\n"
    "  --key FILE      the public key, or several in one PEM file; without it the key beside the\n"
    "                  ledger counts, which whoever changed the ledger may have changed too\n"
    "  --anchor FILE   what ledger.anchor_file or syslog kept; without it a tail that was cut and "
    "an\n"
    "                  old file that was put back cannot be seen\n"
    "  --since WHEN    15m, 2h, 3d, 1w ago, 2026-11-01, 2026-11-01T14:30 (Z behind it: UTC)\n"
    "  --until WHEN    so too; the answers are about the time between, the checks about all\n"
    "  --config FILE   take FILE and the key from this config\n"
    "  --json          for programs\n"
    "\n"
    "Exit status: 0 proven, 1 not, 2 wrong use.\n";

struct options {
    const char *file, *config, *key, *anchor;
    bool json, help;
    int64_t since_ms, until_ms;
};

static bool read_option(struct options *o, int option, const char *value, struct error *err)
{
    switch (option) {
    case 'c':
        o->config = value;
        return true;
    case 'k':
        o->key = value;
        return true;
    case 'a':
        o->anchor = value;
        return true;
    case 'j':
        o->json = true;
        return true;
    case 'h':
        o->help = true;
        return true;
    case 's':
        return since_parse(view_str(value), clock_wall_ms(), &o->since_ms, err);
    case 'u':
        return since_parse(view_str(value), clock_wall_ms(), &o->until_ms, err);
    default:
        error_set(err, ERROR_BAD_VALUE, "that is no option of `weir prove`");
        return error_hint(err, "see `weir prove --help`");
    }
}

static bool read_options(struct options *o, int argc, char **argv, struct error *err)
{
    static const struct option list[] = {
        {"config", required_argument, NULL, 'c'}, {"key", required_argument, NULL, 'k'},
        {"anchor", required_argument, NULL, 'a'}, {"since", required_argument, NULL, 's'},
        {"until", required_argument, NULL, 'u'},  {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    *o = (struct options){.until_ms = INT64_MAX};
    opterr = 0;
    optind = 0; /* another command may have used getopt before */
    while ((option = getopt_long(argc, argv, "c:h", list, NULL)) != -1)
        if (!read_option(o, option, optarg, err))
            return false;
    if (optind < argc)
        o->file = argv[optind++];
    if (optind == argc)
        return true;
    error_set(err, ERROR_BAD_VALUE, "'%s' is one file too many", argv[optind]);
    return error_hint(err, "see `weir prove --help`");
}

/* All that a proof needs, and what it comes to. */
struct work {
    struct ledger_key_ring ring;
    struct anchors anchors;
    struct proof_source *source;
    struct proof_answer *answer;
    struct verify_result *result;
};

static bool open_all(struct work *w, const struct options *o, const struct ledger_place *place,
                     struct error *err)
{
    w->source = proof_open(place->path, err);
    if (!w->source)
        return false;
    if (!ledger_key_ring_load(o->key ? o->key : place->key, &w->ring, err))
        return o->key ? false : error_hint(err, "name the public key with --key FILE");
    if (o->anchor && !anchors_load(o->anchor, &w->ring, &w->anchors, err))
        return false;
    w->answer = proof_answer_new(o->since_ms, o->until_ms);
    w->result = calloc(1, sizeof(*w->result));
    return (w->answer && w->result) || error_set(err, ERROR_NO_MEMORY, "no memory to verify");
}

static void close_all(struct work *w)
{
    proof_close(w->source);
    anchors_done(&w->anchors);
    free(w->answer);
    free(w->result);
}

int cli_prove(int argc, char **argv)
{
    struct options o;
    struct ledger_place place;
    struct work w = {0};
    struct error err;

    if (!read_options(&o, argc, argv, &err))
        return cli_fail(&err), EXIT_USAGE;
    if (o.help)
        return fputs(usage, stdout), EXIT_PROVEN;
    bool ok =
        ledger_place_find(o.file, o.config, &place, &err) && open_all(&w, &o, &place, &err) &&
        verify_proof(w.source, &w.ring, o.anchor ? &w.anchors : NULL, w.answer, w.result, &err);
    bool proven = ok && w.result->n_findings == 0;
    if (ok)
        (o.json ? prove_json : prove_text)(w.result, o.anchor != NULL, stdout);
    close_all(&w);
    if (ok && fflush(stdout) != 0)
        ok = error_set(&err, ERROR_IO, "the output could not be written");
    if (!ok)
        return cli_fail(&err);
    return proven ? EXIT_PROVEN : EXIT_NOT;
}
