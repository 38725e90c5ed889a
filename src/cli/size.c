#include "cli/size.h"

#include "cli/common.h"
#include "cli/size_out.h"
#include "cli/size_source.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: weir size --model FILE.gguf|config.json [--gpu 24GB] [--context N] [--parallel N]\n"
    "                 [--kv-type TYPE] [--quant TYPE] [--engine llamacpp|vllm] [--json]\n"
    "\n"
    "Says how much memory a model takes on a node, by which formula, and what would fit instead\n"
    "when it does not. Exits with 1 when it does not fit.\n"
    "\n"
    "  -m, --model     a GGUF file, or the config.json of a model on Hugging Face\n"
    "  -g, --gpu       the node's memory: 24GB, 2x80GB, 1536MB (a card's GB are 2^30 bytes);\n"
    "                  without it only what is needed\n"
    "  -c, --context   tokens of one conversation, prompt and answer (what the model was trained\n"
    "                  for)\n"
    "  -p, --parallel  conversations at the same time (1)\n"
    "      --kv-type   of the cache: f32 bf16 f16 q8_0 fp8 q5_1 q5_0 q4_1 q4_0 iq4_nl (16 bits)\n"
    "      --quant     as if the weights were stored so: f32 bf16 f16 fp8 int8 nf4 mxfp4 int4 "
    "Q8_0\n"
    "                  Q6_K Q5_K_M Q4_K_M Q3_K_M Q2_K (as the file says); --dtype is the same\n"
    "      --engine    llamacpp (for GGUF) or vllm (for config.json)\n"
    "      --batch     tokens that are computed together (512, vllm 2048)\n"
    "      --gpu-memory-utilization\n"
    "                  the share of the memory that the engine may take (1, vllm 0.9)\n"
    "      --reserve   what stays free of that share (1GB, vllm 0)\n"
    "      --json      for programs\n";

struct size_command {
    const char *model;
    const struct weight_type *quant;
    const struct size_cache_type *cache_type;
    const char *engine;
    uint64_t context, parallel, batch, memory, reserve;
    double use;
    bool has_reserve, json;
};

/* "24GB", "2x80GB", "1536MiB". */
static bool read_memory(struct view text, uint64_t *ret_bytes)
{
    static const struct {
        struct view unit;
        double bytes;
    } units[] = {{VIEW_LIT("GiB"), 1 << 30}, {VIEW_LIT("GB"), 1 << 30}, {VIEW_LIT("G"), 1 << 30},
                 {VIEW_LIT("MiB"), 1 << 20}, {VIEW_LIT("MB"), 1 << 20}, {VIEW_LIT("M"), 1 << 20}};
    size_t x = view_find_char(text, 'x');
    uint64_t cards = 1;
    double number;

    if (x != VIEW_NPOS && (!view_to_u64(view_first(text, x), &cards) || cards == 0 || cards > 1024))
        return false;
    if (x != VIEW_NPOS)
        text = view_skip(text, x + 1);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct view unit = units[i].unit;
        if (text.n <= unit.n || !view_eq_nocase(view_last(text, unit.n), unit))
            continue;
        if (!view_to_double(view_first(text, text.n - unit.n), &number) || number < 0 ||
            number > 1e6)
            return false;
        *ret_bytes = cards * (uint64_t)(number * units[i].bytes);
        return true;
    }
    return false;
}

static bool read_count(struct view text, uint64_t most, uint64_t *ret_count)
{
    return view_to_u64(text, ret_count) && *ret_count > 0 && *ret_count <= most;
}

static bool read_option(struct size_command *c, int option, struct view text)
{
    switch (option) {
    case 'm':
        c->model = text.p;
        return true;
    case 'g':
        return read_memory(text, &c->memory) && c->memory > 0;
    case 'c':
        return read_count(text, SIZE_MAX_CONTEXT, &c->context);
    case 'p':
        return read_count(text, SIZE_MAX_PARALLEL, &c->parallel);
    case 'b':
        return read_count(text, SIZE_MAX_BATCH, &c->batch);
    case 'k':
        return (c->cache_type = size_cache_type_find(text)) != NULL;
    case 'q':
        return (c->quant = weight_type_find(text)) != NULL;
    case 'e':
        c->engine = text.p;
        return view_eq(text, VIEW("llamacpp")) || view_eq(text, VIEW("vllm"));
    case 'u':
        return view_to_double(text, &c->use) && c->use > 0 && c->use <= 1;
    case 'r':
        c->has_reserve = true;
        return read_memory(text, &c->reserve);
    case 'j':
        return c->json = true;
    default:
        return false;
    }
}

static const char *name_of(const struct option *options, int value)
{
    while (options->val != value)
        options++;
    return options->name;
}

/* False: what is wrong was said. */
static bool read_options(int argc, char **argv, struct size_command *c)
{
    static const struct option options[] = {
        {"model", required_argument, NULL, 'm'},
        {"gpu", required_argument, NULL, 'g'},
        {"context", required_argument, NULL, 'c'},
        {"parallel", required_argument, NULL, 'p'},
        {"batch", required_argument, NULL, 'b'},
        {"kv-type", required_argument, NULL, 'k'},
        {"quant", required_argument, NULL, 'q'},
        {"dtype", required_argument, NULL, 'q'},
        {"engine", required_argument, NULL, 'e'},
        {"gpu-memory-utilization", required_argument, NULL, 'u'},
        {"reserve", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};

    for (int o; (o = getopt_long(argc, argv, "m:g:c:p:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        if (o == '?') {
            fputs(usage, stderr);
            return false;
        }
        if (!read_option(c, o, view_str(optarg))) {
            cli_misuse("size", "--%s cannot be '%s'", name_of(options, o), optarg);
            return false;
        }
    }
    if (!c->model || optind != argc)
        fputs(usage, stderr);
    return c->model && optind == argc;
}

/* What was said, and the engine's defaults for what was not. */
static bool make_plan(const struct size_command *c, const struct model_shape *shape, bool gguf,
                      struct size_plan *ret_plan, struct error *err)
{
    bool vllm = c->engine ? strcmp(c->engine, "vllm") == 0 : !gguf;
    struct size_plan plan = size_plan_default(vllm ? SIZE_VLLM : SIZE_LLAMACPP);

    plan.memory = c->memory;
    plan.weight_type = gguf ? c->quant : NULL; /* a config.json was counted so already */
    plan.context = c->context ? (unsigned)c->context : shape->window;
    plan.parallel = c->parallel ? (unsigned)c->parallel : plan.parallel;
    plan.batch = c->batch ? (unsigned)c->batch : plan.batch;
    plan.use = c->use > 0 ? c->use : plan.use;
    plan.reserve = c->has_reserve ? c->reserve : plan.reserve;
    plan.cache_type = c->cache_type ? c->cache_type : plan.cache_type;
    if (!(plan.cache_type->engines & 1U << plan.engine))
        return error_set(err, ERROR_BAD_VALUE, "%s has no cache of type %s",
                         vllm ? "vllm" : "llama.cpp", plan.cache_type->name);
    if (plan.context == 0 || plan.context > SIZE_MAX_CONTEXT) {
        error_set(err, ERROR_BAD_VALUE, "%s does not say how many tokens it was trained for",
                  c->model);
        return error_hint(err, "say how long a conversation may be: --context 8192");
    }
    *ret_plan = plan;
    return true;
}

int cli_size(int argc, char **argv)
{
    struct size_command c = {.model = NULL};
    struct size_report r = {.path = NULL};
    struct error err;
    bool gguf;

    if (!read_options(argc, argv, &c))
        return 2;
    r.path = c.model;
    if (!size_source_read(c.model, c.quant, &r.shape, &gguf, &err) ||
        !make_plan(&c, &r.shape, gguf, &r.plan, &err))
        return cli_fail(&err);
    r.need = size_needed(&r.shape, &r.plan);
    if (c.json)
        size_print_json(&r);
    else
        size_print_text(&r);
    return c.memory > 0 && !size_fits(&r.need) ? 1 : 0;
}
