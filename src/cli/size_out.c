#include "cli/size_out.h"

#include "cli/table.h"
#include "json/writer.h"

#include <stdio.h>
#include <string.h>

enum { MAX_JSON = 1 << 16, MAX_COMMAND = 8192, MAX_CHANGE = 160 };

/* "16.6 MiB" */
struct amount {
    char text[32];
};

static struct amount amount(uint64_t bytes)
{
    struct amount a;

    if (bytes >= UINT64_C(1) << 30)
        snprintf(a.text, sizeof(a.text), "%.2f GiB", (double)bytes / (1 << 30));
    else
        snprintf(a.text, sizeof(a.text), "%.2f MiB", (double)bytes / (1 << 20));
    return a;
}

/* ---- the formulas ---------------------------------------------------------------------------- */

static void put_weights(const struct size_report *r, struct buf *out)
{
    const struct weight_type *type = r->plan.weight_type;

    if (type) {
        buf_printf(out, "about %llu weights, mostly of %.2f bits (%s)",
                   (unsigned long long)r->shape.params, type->millibits / 1000.0, type->name);
        return;
    }
    for (unsigned i = 0; i < r->shape.n_parts; i++)
        buf_printf(out, "%s%s of %s", i ? " + " : "", amount(r->shape.parts[i].bytes).text,
                   r->shape.parts[i].type);
}

static void put_cache_of(const struct size_report *r, const struct shape_cache *cache,
                         unsigned cells, const char *what, struct buf *out)
{
    const struct model_shape *s = &r->shape;
    const struct size_cache_type *type = r->plan.cache_type;
    double bytes = (double)type->bytes / type->elements;

    if (s->kv_heads > 0)
        buf_printf(out, "%u layers x %u heads x (%u + %u)", cache->layers, s->kv_heads, s->key_size,
                   s->value_size);
    else
        buf_printf(out, "(%llu + %llu) of %u layers", (unsigned long long)cache->keys,
                   (unsigned long long)cache->values, cache->layers);
    buf_printf(out, " x %g bytes (%s) x %u tokens%s", bytes, type->name, cells, what);
}

static void put_cache(const struct size_report *r, struct buf *out)
{
    const struct model_shape *s = &r->shape;

    buf_printf(out, "%u x (", r->plan.parallel);
    if (s->full.layers > 0)
        put_cache_of(r, &s->full, r->need.cells, "", out);
    if (s->full.layers > 0 && s->sliding.layers > 0)
        buf_append_lit(out, " + ");
    if (s->sliding.layers > 0)
        put_cache_of(r, &s->sliding, r->need.sliding_cells, " of a window", out);
    buf_append_char(out, ')');
}

static void put_rows(const struct model_shape *s, struct buf *out)
{
    buf_printf(out, "(%u x %u + ", 5 + s->spread, s->hidden);
    if (3 * (uint64_t)s->inner >= 2 * (uint64_t)s->query)
        buf_printf(out, "3 x %u)", s->inner);
    else
        buf_printf(out, "2 x %u)", s->query);
}

static void put_compute(const struct size_report *r, struct buf *out)
{
    bool vllm = r->plan.engine == SIZE_VLLM;

    buf_printf(out, "about %u tokens x %s", r->plan.batch, vllm ? "2 bytes x " : "(4 bytes x ");
    put_rows(&r->shape, out);
    if (vllm)
        buf_printf(out, " + %u x %u words x 10 bytes", r->plan.parallel, r->shape.vocab);
    else
        buf_printf(out, " + 24 + 2 bytes x %u)", r->need.cells + r->need.sliding_cells);
}

static void put_output(const struct size_report *r, struct buf *out)
{
    buf_printf(out, "%u x %u words x 4 bytes", r->plan.parallel, r->shape.vocab);
}

static const struct {
    const char *name, *key;
    size_t at; /* in struct size_need */
    void (*formula)(const struct size_report *r, struct buf *out);
} rows[] = {
    {"weights", "weights", offsetof(struct size_need, weights), put_weights},
    {"KV cache", "kv_cache", offsetof(struct size_need, cache), put_cache},
    {"compute", "compute", offsetof(struct size_need, compute), put_compute},
    {"output", "output", offsetof(struct size_need, output), put_output},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint64_t row_bytes(const struct size_need *need, size_t row)
{
    return *(const uint64_t *)((const char *)need + rows[row].at);
}

/* ---- what would fit, and how to start it ----------------------------------------------------- */

static struct view change_of(const struct size_report *r, const struct size_plan *p,
                             char text[MAX_CHANGE])
{
    const struct size_plan *was = &r->plan;
    int n = 0;

    text[0] = '\0';
    if (p->context != was->context)
        n += snprintf(text + n, (size_t)(MAX_CHANGE - n), " --context %u", p->context);
    if (p->parallel != was->parallel)
        n += snprintf(text + n, (size_t)(MAX_CHANGE - n), " --parallel %u", p->parallel);
    if (p->cache_type != was->cache_type)
        n += snprintf(text + n, (size_t)(MAX_CHANGE - n), " --kv-type %s", p->cache_type->name);
    if (p->weight_type != was->weight_type)
        n += snprintf(text + n, (size_t)(MAX_CHANGE - n), " --quant %s", p->weight_type->name);
    return view_skip(view_of(text, (size_t)n), 1);
}

/* The engine's own options. llama-server shares one context among its conversations. */
static void put_command(const struct size_report *r, struct buf *out)
{
    const struct size_plan *p = &r->plan;

    if (p->engine == SIZE_LLAMACPP) {
        buf_printf(out, "llama-server -m %s -c %llu -np %u", r->path,
                   (unsigned long long)r->need.cells * p->parallel, p->parallel);
        if (strcmp(p->cache_type->name, "f16") != 0)
            buf_printf(out, " -ctk %s -ctv %s", p->cache_type->name, p->cache_type->name);
        if (p->batch != 512)
            buf_printf(out, " -ub %u", p->batch);
        return;
    }
    buf_printf(out,
               "vllm serve MODEL --max-model-len %u --max-num-seqs %u --max-num-batched-tokens %u"
               " --gpu-memory-utilization %g",
               p->context, p->parallel, p->batch, p->use);
    if (strcmp(p->cache_type->name, "fp8") == 0)
        buf_append_lit(out, " --kv-cache-dtype fp8");
}

/* ---- as text --------------------------------------------------------------------------------- */

static void print_instead(const struct size_report *r)
{
    struct size_choice choices[SIZE_CHOICES];
    unsigned n = size_instead(&r->shape, &r->plan, choices);
    char change[MAX_CHANGE];

    puts("\nWhat would fit instead:");
    for (unsigned i = 0; i < n; i++)
        printf("  %-40.*s %s\n", VIEW_ARG(change_of(r, &choices[i].plan, change)),
               amount(choices[i].need.total).text);
    uint64_t memory = size_memory_for(&r->plan, &r->need);
    printf("  --gpu %lluGB\n", (unsigned long long)((memory - 1) / (1 << 30) + 1));
}

static void print_total(const struct size_report *r)
{
    const struct size_plan *p = &r->plan;

    printf("  %-9s %11s  ", "total", amount(r->need.total).text);
    if (p->memory == 0) {
        puts("");
        return;
    }
    printf("of %s", amount(r->need.available).text);
    if (p->use < 1)
        printf(", %g %% of the memory", p->use * 100);
    if (p->reserve > 0)
        printf(", %s kept free", amount(p->reserve).text);
    puts(size_fits(&r->need) ? ": it fits" : ": it does NOT fit");
}

static void print_name(const struct model_shape *s, const char *path)
{
    table_write_clean(view_str(s->name[0] ? s->name : path), stdout);
    fputs(" (", stdout);
    table_write_clean(view_str(s->arch), stdout);
    printf("): %.2f billion weights, %u layers", (double)s->params / 1e9, s->layers);
    if (s->experts > 0)
        printf(", %u of %u experts", s->experts_used, s->experts);
    if (s->sliding.layers > 0)
        printf(", %u of them with a window of %u", s->sliding.layers, s->sliding_window);
    if (s->window > 0)
        printf(", trained for %u tokens", s->window);
    puts("");
}

void size_print_text(const struct size_report *r)
{
    const struct size_plan *p = &r->plan;
    struct buf text = BUF_MAX(MAX_COMMAND);

    print_name(&r->shape, r->path);
    for (size_t i = 0; i < ROWS; i++) {
        if (row_bytes(&r->need, i) == 0)
            continue;
        buf_reset(&text);
        rows[i].formula(r, &text);
        printf("  %-9s %11s  %.*s\n", rows[i].name, amount(row_bytes(&r->need, i)).text,
               VIEW_ARG(buf_view(&text)));
    }
    print_total(r);
    if (r->shape.window > 0 && p->context > r->shape.window)
        printf("\nIt was trained for %u tokens, not for %u.\n", r->shape.window, p->context);
    if (p->memory > 0 && !size_fits(&r->need)) {
        print_instead(r);
    } else {
        buf_reset(&text);
        put_command(r, &text);
        fputs("\n  ", stdout);
        table_write_clean(buf_view(&text), stdout);
        puts("");
    }
    buf_done(&text);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void put_plan(struct json_writer *w, const struct size_plan *p)
{
    json_put_member_u64(w, VIEW("context"), p->context);
    json_put_member_u64(w, VIEW("parallel"), p->parallel);
    json_put_member_string(w, VIEW("kv_type"), view_str(p->cache_type->name));
    if (p->weight_type)
        json_put_member_string(w, VIEW("quant"), view_str(p->weight_type->name));
}

static void put_model(struct json_writer *w, const struct model_shape *s)
{
    json_put_key(w, VIEW("model"));
    json_put_object(w);
    json_put_member_string(w, VIEW("name"), view_str(s->name));
    json_put_member_string(w, VIEW("architecture"), view_str(s->arch));
    json_put_member_u64(w, VIEW("weights"), s->params);
    json_put_member_u64(w, VIEW("layers"), s->layers);
    json_put_member_u64(w, VIEW("sliding_layers"), s->sliding.layers);
    json_put_member_u64(w, VIEW("context_length"), s->window);
    json_put_close(w);
}

static void put_needs(struct json_writer *w, const struct size_report *r)
{
    struct buf formula = BUF_MAX(MAX_COMMAND);

    json_put_key(w, VIEW("bytes"));
    json_put_object(w);
    for (size_t i = 0; i < ROWS; i++)
        json_put_member_u64(w, view_str(rows[i].key), row_bytes(&r->need, i));
    json_put_member_u64(w, VIEW("total"), r->need.total);
    if (r->plan.memory > 0)
        json_put_member_u64(w, VIEW("available"), r->need.available);
    json_put_close(w);
    json_put_key(w, VIEW("formulas"));
    json_put_object(w);
    for (size_t i = 0; i < ROWS; i++) {
        if (row_bytes(&r->need, i) == 0)
            continue;
        buf_reset(&formula);
        rows[i].formula(r, &formula);
        json_put_member_string(w, view_str(rows[i].key), buf_view(&formula));
    }
    json_put_close(w);
    buf_done(&formula);
}

static void put_instead(struct json_writer *w, const struct size_report *r)
{
    struct size_choice choices[SIZE_CHOICES];
    unsigned n = size_instead(&r->shape, &r->plan, choices);

    json_put_key(w, VIEW("instead"));
    json_put_array(w);
    for (unsigned i = 0; i < n; i++) {
        json_put_object(w);
        put_plan(w, &choices[i].plan);
        json_put_member_u64(w, VIEW("total"), choices[i].need.total);
        json_put_close(w);
    }
    json_put_close(w);
    json_put_member_u64(w, VIEW("memory_needed"), size_memory_for(&r->plan, &r->need));
}

void size_print_json(const struct size_report *r)
{
    struct buf out = BUF_MAX(MAX_JSON), command = BUF_MAX(MAX_COMMAND);
    struct json_writer w = JSON_WRITER(&out);
    bool fits = size_fits(&r->need);

    json_put_object(&w);
    if (r->plan.memory > 0)
        json_put_member_bool(&w, VIEW("fits"), fits);
    json_put_member_string(&w, VIEW("engine"),
                           r->plan.engine == SIZE_VLLM ? VIEW("vllm") : VIEW("llamacpp"));
    put_plan(&w, &r->plan);
    put_model(&w, &r->shape);
    put_needs(&w, r);
    if (r->plan.memory > 0 && !fits)
        put_instead(&w, r);
    put_command(r, &command);
    json_put_member_string(&w, VIEW("command"), buf_view(&command));
    json_put_close(&w);
    buf_append_char(&out, '\n');
    fwrite(out.p, 1, out.len, stdout);
    buf_done(&command);
    buf_done(&out);
}
