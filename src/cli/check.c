#include "cli/check.h"

#include "cli/check_size.h"
#include "cli/common.h"
#include "llm/models.h"

#include <getopt.h>
#include <stdio.h>

enum { PATIENCE_MS = 5000 };

static const char usage[] =
    "usage: weir check [--config FILE] [--offline]\n"
    "\n"
    "Reads the config (file:line:column of what is wrong, and what to write instead) and asks "
    "every\n"
    "node which models it has. Exit status 1 when the config is wrong or a node does not answer.\n"
    "Warns where a model with its window does not fit `backends[].memory`.\n"
    "\n"
    "      --offline   only the config\n";

struct check {
    struct config *config;
    struct check_windows windows;
    unsigned failed;
    struct error error;
};

static const struct config_model *model_of(const struct config_backend *b, struct view name)
{
    for (unsigned i = 0; i < b->n_models; i++)
        if (view_eq(b->models[i].name, name))
            return &b->models[i];
    return NULL;
}

/* `window`: what the node says, or what is known by name; the config's own counts. */
static void check_model(struct check *k, const struct config_backend *b,
                        const struct config_model *own, unsigned abilities, uint32_t window)
{
    if (own && own->window)
        window = own->window;
    if (!(abilities & ABILITY_EMBEDDINGS))
        check_windows_add(&k->windows, b->side, window);
    if (own)
        check_memory(b, own, window);
}

static void check_models(struct check *k, const struct config_backend *b,
                         const struct node_models *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        const struct config_model *own = model_of(b, m->models[i].name);
        if (own || b->n_models == 0)
            check_model(k, b, own, m->models[i].abilities, m->models[i].window);
    }
}

static void check_config_alone(struct check *k)
{
    for (unsigned i = 0; i < k->config->n_backends; i++) {
        const struct config_backend *b = &k->config->backends[i];
        for (unsigned m = 0; m < b->n_models; m++)
            check_model(k, b, &b->models[m], llm_model_abilities(&b->models[m]),
                        llm_model_facts(b->models[m].name).window);
    }
}

static void report(const struct config_backend *b, struct node *n, const struct node_models *m,
                   const struct error *err, void *arg)
{
    struct check *k = arg;

    if (!n) {
        printf("%-8s %-12.*s its nodes are not found: %s\n", side_name(b->side), VIEW_ARG(b->name),
               err->text);
        k->failed++;
        return;
    }
    printf("%-8s %-12.*s %.*s  ", side_name(b->side), VIEW_ARG(b->name), VIEW_ARG(n->text));
    if (!m) {
        printf("does not answer: %s\n", err->text);
        if (err->hint[0])
            printf("%24s%s\n", "", err->hint);
        k->failed++;
        return;
    }
    if (m->n == 0 && b->side == SIDE_OUTSIDE) {
        printf("ok, but it lists no models\n");
        return;
    }
    printf("ok, %u model%s", m->n, m->n == 1 ? "" : "s");
    for (unsigned i = 0; i < m->n && i < 6; i++) {
        printf("%s%.*s", i ? ", " : ": ", VIEW_ARG(m->models[i].name));
        if (m->models[i].window)
            printf(" (%u tokens)", m->models[i].window);
    }
    printf("%s\n", m->n > 6 ? ", ..." : "");
    for (unsigned i = 0; i < m->n && b->side == SIDE_INSIDE; i++)
        if (m->models[i].remote)
            printf("%24s%.*s is served by somebody else: it counts as outside\n", "",
                   VIEW_ARG(m->models[i].name));
    check_models(k, b, m);
    for (unsigned i = 0; i < b->n_models; i++) {
        bool has = false;
        for (unsigned k2 = 0; k2 < m->n && !has; k2++)
            has = view_eq(m->models[k2].name, b->models[i].name);
        if (!has) {
            printf("%24sit does not list %.*s, which the config names\n", "",
                   VIEW_ARG(b->models[i].name));
            k->failed++;
        }
    }
}

static void report_difference(const struct fleet_difference *d, void *arg)
{
    (void)arg;
    printf("warning: %.*s is not the same on both: %.*s has %.*s, %.*s has %.*s\n",
           VIEW_ARG(d->model), VIEW_ARG(d->a->text), VIEW_ARG(d->digest_a), VIEW_ARG(d->b->text),
           VIEW_ARG(d->digest_b));
}

static void ask_all(void *arg)
{
    struct check *k = arg;
    struct fleet *f = fleet_new(k->config, &k->error);

    if (!f) {
        k->failed++;
        cli_fail(&k->error);
        return;
    }
    cli_probe_fleet(f, PATIENCE_MS, report, k);
    fleet_each_difference(f, report_difference, NULL);
    fleet_unref(f);
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"offline", no_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct check k = {0};
    const char *path = NULL;
    bool offline = false;
    struct error err;

    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'o') {
            offline = true;
        } else {
            fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (!cli_takes_no_more("check", argc, argv))
        return 2;
    k.config = cli_load(path);
    if (!k.config)
        return 1;
    printf("the config is valid: %u backend%s\n", k.config->n_backends,
           k.config->n_backends == 1 ? "" : "s");
    if (offline)
        check_config_alone(&k);
    else if (!cli_on_loop(ask_all, &k, &err))
        return cli_fail(&err);
    check_windows_print(&k.windows);
    config_unref(k.config);
    node_free_all();
    return k.failed ? 1 : 0;
}
