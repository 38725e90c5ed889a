#include "cli/route.h"

#include "cli/common.h"
#include "egress/egress.h"
#include "gateway/sayable.h"
#include "inspect/inspect.h"
#include "policy/policy.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 2000, MAX_HEADERS = 32 };

static const char usage[] =
    "usage: weir route REQUEST.json [--config FILE] [--json] [--offline]\n"
    "                  [--key NAME] [--header 'NAME: VALUE']...\n"
    "\n"
    "Prints the plan for an OpenAI chat request (- reads it from standard input): the task, how\n"
    "complex it looks, and which backends would be asked in which order and why. The request is "
    "not\n"
    "sent; engines are only asked which models they have and how busy they are.\n"
    "\n"
    "      --json      the plan as JSON\n"
    "      --offline   ask no engine; backends without `models:` in the config have none then\n"
    "      --key NAME  as if that key had called (for rules)\n"
    "      --header    as if the request had that header (x-weir-task: coding)\n";

struct route {
    const char *config_path, *file;
    bool json, offline;
    struct view key;
    struct policy_header headers[MAX_HEADERS];
    unsigned n_headers;

    struct config *config;
    struct buf body;
    int status;
};

static struct view task_header(const struct route *r)
{
    for (unsigned i = 0; i < r->n_headers; i++)
        if (view_eq_nocase(r->headers[i].name, VIEW("x-weir-task")))
            return r->headers[i].value;
    return VIEW_NONE;
}

/* A plan is shown whole: what would be looked for only on the way outside is looked for here. */
static bool screen(struct route *r, struct fleet *f, struct arena *a, struct plan *plan,
                   struct error *err)
{
    struct sensitivity_options options = {.profile = plan->profile,
                                          .classes = r->config->perimeter.classes};
    struct policy_findings found = {.scan = PLAN_SCAN_FAILED};
    struct findings findings;

    if (options.classes == 0)
        return true;
    if (sensitivity_scan_body(egress_scanner(fleet_gate(f)), buf_view(&r->body), &options, a,
                              &findings, err))
        found = policy_findings_of(&findings);
    return policy_screen(&found, a, plan, err);
}

static bool decide(struct route *r, struct fleet *f, struct arena *a, struct inspect_facts *facts,
                   struct plan *plan, struct error *err)
{
    struct llm_request request;
    struct policy_fleet view;
    time_t now = time(NULL);
    struct tm parts;

    if (!llm_request_read(LLM_OPENAI_CHAT, buf_view(&r->body), a, &request, err))
        return false;
    inspect_exchange(&request, NULL, facts);
    if (!fleet_view(f, a, &view))
        return error_set(err, ERROR_NO_MEMORY, "no memory to decide");
    localtime_r(&now, &parts);
    struct policy_question question = {.facts = facts,
                                       .model = request.model,
                                       .key = r->key,
                                       .user = request.user,
                                       .metadata = request.metadata,
                                       .task_header = task_header(r),
                                       .headers = r->headers,
                                       .n_headers = r->n_headers,
                                       .minute_of_day = parts.tm_hour * 60 + parts.tm_min};
    return policy_decide(r->config, &question, &view, a, plan, err) &&
           sayable_sift(r->config, &request, a, plan, a, err) && screen(r, f, a, plan, err);
}

static void print_plan(const struct route *r, const struct plan *plan,
                       const struct inspect_facts *facts)
{
    struct buf out = BUF_MAX(1 << 20);

    if (r->json) {
        plan_write_json(plan, facts, &out);
        buf_append_char(&out, '\n');
    } else {
        plan_write_table(plan, facts, &out);
    }
    fwrite(out.p, 1, out.len, stdout);
    buf_done(&out);
}

static void route(void *arg)
{
    struct route *r = arg;
    struct inspect_facts facts = {0};
    struct plan *plan = calloc(1, sizeof(*plan));
    struct arena *a = arena_new(r->config->max_body * 4 + (8 << 20));
    struct error err;
    struct fleet *f = fleet_new(r->config, &err);

    r->status = 1;
    if (f && a && plan) {
        if (!r->offline)
            cli_probe_fleet(f, PATIENCE_MS, NULL, NULL);
        if (decide(r, f, a, &facts, plan, &err)) {
            print_plan(r, plan, &facts);
            r->status = 0;
        } else {
            cli_fail(&err);
        }
    } else {
        cli_fail(&err);
    }
    fleet_unref(f);
    arena_free(a);
    free(plan);
}

static bool add_header(struct route *r, const char *text)
{
    struct view value = view_str(text);
    struct view name = view_cut(&value, ':');

    if (r->n_headers == MAX_HEADERS || name.n == 0 || value.n == 0)
        return false;
    r->headers[r->n_headers++] = (struct policy_header){name, view_trim(value)};
    return true;
}

/* False: print the usage. */
static bool read_options(int argc, char **argv, struct route *r)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"offline", no_argument, NULL, 'o'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"header", required_argument, NULL, 'H'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};

    for (int o; (o = getopt_long(argc, argv, "c:jH:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            r->config_path = optarg;
            break;
        case 'j':
            r->json = true;
            break;
        case 'o':
            r->offline = true;
            break;
        case 'k':
            r->key = view_str(optarg);
            break;
        case 'H':
            if (!add_header(r, optarg))
                return false;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            return false;
        }
    }
    r->file = optind + 1 == argc ? argv[optind] : NULL;
    return r->file != NULL;
}

int cli_route(int argc, char **argv)
{
    struct route r = {0};
    struct error err;

    if (!read_options(argc, argv, &r)) {
        fputs(usage, stderr);
        return 2;
    }
    r.config = cli_load(r.config_path);
    if (!r.config)
        return 1;
    if (!cli_read_file(r.file, r.config->max_body, "limits.body", &r.body, &err) ||
        !cli_on_loop(route, &r, &err))
        r.status = cli_fail(&err);
    buf_done(&r.body);
    config_unref(r.config);
    node_free_all();
    return r.status;
}
