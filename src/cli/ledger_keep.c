#include "cli/ledger_keep.h"

#include "base/clock.h"
#include "cli/common.h"
#include "cli/ledger_place.h"
#include "cli/since.h"
#include "ledger/key.h"
#include "ledger/proof.h"
#include "ledger/prune.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: weir ledger export --proof FILE   all that `weir prove` needs, as JSON lines; - is "
    "stdout\n"
    "       weir ledger prune --before WHEN   removes old records and leaves signed stubs\n"
    "       weir ledger key [--new]           the public key of the ledger; --new makes another "
    "one\n"
    "\n"
    "  --file PATH     the ledger's file (default: weir.db in this folder)\n"
    "  --config FILE   take its path, and that of its key, from this config\n"
    "  --before WHEN   90d, 52w, 2026-11-01\n";

struct options {
    const char *file, *config, *proof, *before;
    bool new, help;
};

static bool read_options(struct options *o, int argc, char **argv)
{
    static const struct option list[] = {
        {"file", required_argument, NULL, 'f'},
        {"config", required_argument, NULL, 'c'},
        {"proof", required_argument, NULL, 'p'},
        {"before", required_argument, NULL, 'b'},
        {"new", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *o = (struct options){NULL};
    opterr = 0;
    optind = 0; /* another command may have used getopt before */
    while ((option = getopt_long(argc, argv, "c:h", list, NULL)) != -1)
        switch (option) {
        case 'f':
            o->file = optarg;
            break;
        case 'c':
            o->config = optarg;
            break;
        case 'p':
            o->proof = optarg;
            break;
        case 'b':
            o->before = optarg;
            break;
        case 'n':
            o->new = true;
            break;
        case 'h':
            o->help = true;
            break;
        default:
            return false;
        }
    return optind == argc;
}

/* ---- export ---------------------------------------------------------------------------------- */

static bool export_to(FILE *out, const char *path, struct error *err)
{
    struct proof_source *source = proof_open_file(path, err);

    if (!source)
        return false;
    bool ok = proof_export(source, clock_wall_ms(), out, err);
    proof_close(source);
    if (fflush(out) != 0 && ok)
        ok = error_set(err, ERROR_IO, "the export could not be written: %s", strerror(errno));
    return ok;
}

/* Records are nobody else's business, so the file is its owner's. */
static bool export_into(const char *part, int flags, const char *path, struct error *err)
{
    int fd = open(part, O_WRONLY | O_CLOEXEC | flags, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (!out) {
        if (fd >= 0)
            close(fd);
        return error_set(err, ERROR_IO, "%s cannot be written: %s", part, strerror(errno));
    }
    bool ok = export_to(out, path, err);
    if (fclose(out) != 0 && ok)
        ok = error_set(err, ERROR_IO, "%s could not be written: %s", part, strerror(errno));
    return ok;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A pipe, a terminal, /dev/null: what is written to and never replaced. */
static bool is_special(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 && !S_ISREG(st.st_mode);
}

/* An export that stands there stays until the new one is whole. */
static bool export_file(const char *name, const char *path, struct error *err)
{
    char part[LEDGER_PLACE_BYTES + 32];

    if (is_same_file(name, path)) {
        error_set(err, ERROR_BAD_VALUE, "%s is the ledger itself", name);
        return error_hint(err, "name another file with --proof FILE");
    }
    if (is_special(name))
        return export_into(name, 0, path, err);
    int n = snprintf(part, sizeof(part), "%s.part-%d", name, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof(part))
        return error_set(err, ERROR_BAD_VALUE, "the path of the export is too long");
    bool ok = export_into(part, O_CREAT | O_EXCL, path, err);
    if (ok && rename(part, name) != 0)
        ok = error_set(err, ERROR_IO, "%s cannot be written: %s", name, strerror(errno));
    if (!ok)
        unlink(part);
    return ok;
}

int cli_ledger_export(int argc, char **argv)
{
    struct options o;
    struct ledger_place place;
    struct error err;

    if (!read_options(&o, argc, argv))
        return cli_misuse("ledger export", "that is no option of `weir ledger export`");
    if (o.help)
        return fputs(usage, stdout), EXIT_OK;
    if (!o.proof)
        return cli_misuse("ledger export", "--proof FILE says where the export goes");
    if (!ledger_place_find(o.file, o.config, &place, &err))
        return cli_fail(&err);
    bool ok = strcmp(o.proof, "-") == 0 ? export_to(stdout, place.path, &err)
                                        : export_file(o.proof, place.path, &err);
    return ok ? EXIT_OK : cli_fail(&err);
}

/* ---- prune ----------------------------------------------------------------------------------- */

int cli_ledger_prune(int argc, char **argv)
{
    struct prune_result result = {0};
    struct options o;
    struct ledger_place place;
    struct error err;
    int64_t before_ms;

    if (!read_options(&o, argc, argv))
        return cli_misuse("ledger prune", "that is no option of `weir ledger prune`");
    if (o.help)
        return fputs(usage, stdout), EXIT_OK;
    if (!o.before)
        return cli_misuse("ledger prune", "--before WHEN says what is old");
    if (!since_parse(view_str(o.before), clock_wall_ms(), &before_ms, &err))
        return cli_fail(&err), EXIT_USAGE;
    struct ledger_key *key =
        ledger_place_find(o.file, o.config, &place, &err) ? ledger_key_load(place.key, &err) : NULL;
    if (!key)
        return cli_fail(&err);
    bool ok = prune_ledger(place.path, key, before_ms, &result, &err);
    ledger_key_free(key);
    if (!ok && result.records == 0)
        return cli_fail(&err);
    printf("%" PRId64 " records of %" PRId64 " checkpoints removed", result.records, result.spans);
    if (result.old_records)
        printf(", and %" PRId64 " from before the first chain", result.old_records);
    puts("");
    return ok ? EXIT_OK : cli_fail(&err);
}

/* ---- key ------------------------------------------------------------------------------------- */

static bool print_key(const struct ledger_key *key, struct error *err)
{
    char fingerprint[KEY_DIGEST_HEX];
    struct buf pem = BUF_MAX(4096);

    bool ok = ledger_key_write_public(key, &pem);
    if (ok) {
        ledger_key_fingerprint(ledger_key_public(key), fingerprint);
        printf("%.*ssha256:%s\n", VIEW_ARG(buf_view(&pem)), fingerprint);
    } else {
        error_set(err, ERROR_NO_MEMORY, "no memory to write the key");
    }
    buf_done(&pem);
    return ok;
}

/* The old one is kept under another name: it is needed to prove that it was Weir's. */
static struct ledger_key *make_new(const char *path, struct error *err)
{
    char kept[LEDGER_PLACE_BYTES + 32];

    snprintf(kept, sizeof(kept), "%s.%" PRId64, path, clock_wall_ms());
    bool replaces = rename(path, kept) == 0;
    if (!replaces && errno != ENOENT) {
        error_set(err, ERROR_IO, "%s cannot be renamed: %s", path, strerror(errno));
        return NULL;
    }
    struct ledger_key *key = ledger_key_make(path, err);
    if (replaces && key)
        fprintf(stderr, "the key before is now %s\n", kept);
    else if (replaces)
        (void)rename(kept, path);
    return key;
}

int cli_ledger_key(int argc, char **argv)
{
    struct options o;
    struct ledger_place place;
    struct error err;

    if (!read_options(&o, argc, argv))
        return cli_misuse("ledger key", "that is no option of `weir ledger key`");
    if (o.help)
        return fputs(usage, stdout), EXIT_OK;
    if (!ledger_place_find(o.file, o.config, &place, &err))
        return cli_fail(&err);
    struct ledger_key *key = o.new ? make_new(place.key, &err) : ledger_key_load(place.key, &err);
    bool ok = key && print_key(key, &err);
    ledger_key_free(key);
    return ok ? EXIT_OK : cli_fail(&err);
}
