/* The config that comes out: what was carried, with a word on it. */
#include "config/import_parts.h"
#include "config/load.h"
#include "config/values.h"

/* A name in a comment; comments end with their line. */
static void write_name(struct buf *out, struct view name)
{
    for (size_t i = 0; i < name.n; i++)
        buf_append_char(out, (unsigned char)name.p[i] < ' ' ? '?' : name.p[i]);
}

static void write_head(const struct import *im, struct buf *out)
{
    buf_append_lit(out, "# Made by `weir import litellm` from ");
    write_name(out, view_str(im->name));
    buf_append_lit(
        out,
        "\n"
        "# (its lines are named below).\n"
        "#\n"
        "# How Weir does what LiteLLM did:\n"
        "# - A request goes through a plan: the backends that have the model, in the order below,\n"
        "#   each asked once; of a backend's nodes the one where it takes least long.\n"
        "# - inside/MODEL and outside/MODEL never leave their side. Only `auto` has the other "
        "side\n"
        "#   behind it, and lets the policy say which comes first.\n"
        "# - A model whose window is too small for the prompt is left out before anything is "
        "sent.\n"
        "\n"
        "# listen: 0.0.0.0:4000          # where LiteLLM listens; needs keys\n");
}

static void write_keys(const struct import *im, struct buf *out)
{
    if (im->master_key.n)
        buf_printf(out, "\nkeys:\n  master: \"%.*s\"  # LiteLLM's master_key; no more than a key\n",
                   VIEW_ARG(im->master_key));
}

/* ---- aliases --------------------------------------------------------------------------------- */

static const struct import_alias *behind(const struct import_alias *a)
{
    return a->of ? a->of : a;
}

static void write_alias(const struct import *im, const struct import_alias *alias, struct buf *out)
{
    const struct import_alias *a = behind(alias);
    struct view target = a->model;

    if (a->to_auto)
        target = VIEW("auto");
    else if (!a->both_sides)
        target = arena_printf(im->arena, "%s/%.*s", side_name(a->side), VIEW_ARG(a->model));
    buf_append(out, a->known ? VIEW("  ") : VIEW("  # "));
    show_key_text(out, alias->name);
    buf_append_lit(out, ": ");
    show_text(out, target);
    buf_printf(out, "  # line %u%s\n", alias->at->line,
               a->to_auto ? ": with its fallback, through the rule below" : "");
}

/* Patterns last: the first that matches counts. */
static void write_aliases(const struct import *im, struct buf *out)
{
    if (im->n_aliases)
        buf_append_lit(out, "\naliases:\n");
    for (unsigned patterns = 0; patterns < 2; patterns++)
        for (unsigned i = 0; i < im->n_aliases; i++) {
            const struct import_alias *a = &im->aliases[i];
            if ((view_find_char(a->name, '*') != VIEW_NPOS) == (patterns == 1))
                write_alias(im, a, out);
        }
}

static void write_rules(const struct import *im, struct buf *out)
{
    bool begun = false;

    for (unsigned i = 0; i < im->n_aliases; i++) {
        const struct import_alias *a = &im->aliases[i];
        if (!behind(a)->to_auto)
            continue;
        if (!begun)
            buf_append_lit(out, "\n# A fallback to the other side: auto, begun on this side. The "
                                "first model of each backend\n# that fits the request is asked.\n"
                                "policy:\n  rules:\n");
        begun = true;
        buf_append_lit(out, "    - name: ");
        show_text(out, arena_printf(im->arena, "fallback of %.*s", VIEW_ARG(a->name)));
        buf_append_lit(out, "\n      when:\n        model: ");
        show_text(out, a->name);
        buf_printf(out, "\n      go: %s\n", side_name(behind(a)->side));
    }
}

/* ---- backends -------------------------------------------------------------------------------- */

static void write_lines(const struct import *im, const struct import_backend *b, const char *lead,
                        struct buf *out)
{
    unsigned n = 0;

    buf_printf(out, "%s  # line", lead);
    for (unsigned i = 0; i < im->n_deployments; i++) {
        if (im->deployments[i].backend != b)
            continue;
        if (n++ < IMPORT_MAX_LINES)
            buf_printf(out, "%s%u", n > 1 ? ", " : " ", im->deployments[i].at->line);
    }
    if (n > IMPORT_MAX_LINES)
        buf_printf(out, " and %u more", n - IMPORT_MAX_LINES);
    buf_append_char(out, '\n');
}

static void write_models(const struct import_backend *b, const char *lead, struct buf *out)
{
    static const char *const abilities[] = {"tools", "images", "schema"};

    if (b->any_model || b->n_models == 0)
        return;
    buf_printf(out, "%s    models:\n", lead);
    for (unsigned i = 0; i < b->n_models; i++) {
        const struct config_model *m = &b->models[i];
        const char *before = "";
        buf_printf(out, "%s      - name: ", lead);
        show_text(out, m->name);
        if (m->window)
            buf_printf(out, "\n%s        window: %u  # max_input_tokens; here with the answer",
                       lead, m->window);
        if (m->abilities_known) {
            buf_printf(out, "\n%s        abilities: [", lead);
            for (unsigned k = 0; k < 3; k++)
                if (m->abilities & 1u << k) {
                    buf_printf(out, "%s%s", before, abilities[k]);
                    before = ", ";
                }
            buf_append_char(out, ']');
        }
        buf_append_char(out, '\n');
    }
}

static void write_time(struct buf *out, const char *key, int64_t ms, const char *remark)
{
    if (ms == 0)
        return;
    buf_append(out, view_str(key));
    value_write_duration(out, ms);
    buf_printf(out, "  # %s\n", remark);
}

static void write_backend(const struct import *im, const struct import_backend *b, struct buf *out)
{
    const char *lead = b->known ? "" : "# ";

    write_lines(im, b, lead, out);
    buf_printf(out, "%s  - name: %.*s\n%s    side: %s\n%s    engine: %s\n", lead, VIEW_ARG(b->name),
               lead, side_name(b->side), lead, b->provider->engine);
    if (b->n_urls > 1)
        buf_printf(out, "%s    nodes:\n", lead);
    for (unsigned i = 0; i < b->n_urls; i++)
        buf_printf(out, "%s    %s \"%.*s\"\n", lead,
                   b->n_urls > 1 ? "  -" : "url:", VIEW_ARG(b->urls[i]));
    if (b->key.n)
        buf_printf(out, "%s    key: \"%.*s\"\n", lead, VIEW_ARG(b->key));
    write_models(b, lead, out);
    if (b->cost_per_hour_nano) {
        buf_printf(out, "%s    cost_per_hour: ", lead);
        value_write_decimal(out, b->cost_per_hour_nano, 9);
        buf_append_lit(out, "  # input_cost_per_second x 3600; counted also while it idles\n");
    }
    if (b->total_ms)
        buf_append(out, view_str(lead));
    write_time(out, "    total: ", b->total_ms, "timeout");
    if (b->first_token_ms)
        buf_append(out, view_str(lead));
    write_time(out, "    first_token: ", b->first_token_ms, "stream_timeout");
}

static void write_settings(const struct import *im, struct buf *out)
{
    if (im->total_ms || im->first_token_ms)
        buf_append_lit(out, "\ntimeouts:\n");
    write_time(out, "  total: ", im->total_ms, "timeout");
    write_time(out, "  first_token: ", im->first_token_ms, "stream_timeout");
    if (im->failures || im->open_ms)
        buf_append_lit(out, "\nbreaker:\n");
    if (im->failures)
        buf_printf(out, "  failures: %lld  # allowed_fails + 1; in a row, not in a minute\n",
                   (long long)im->failures);
    write_time(out, "  open: ", im->open_ms, "cooldown_time");
}

/* ---- prices ---------------------------------------------------------------------------------- */

static void write_price(const struct import_deployment *d, struct buf *out)
{
    buf_append_lit(out, "  ");
    show_key_text(out, d->model);
    buf_append_lit(out, ": {input: ");
    value_write_decimal(out, d->price.input, 6);
    if (d->price.cached >= 0) {
        buf_append_lit(out, ", cached_input: ");
        value_write_decimal(out, d->price.cached, 6);
    }
    buf_append_lit(out, ", output: ");
    value_write_decimal(out, d->price.output, 6);
    buf_printf(out, "}  # line %u\n", d->at->line);
}

static bool same_price(const struct import_price *a, const struct import_price *b)
{
    return a->input == b->input && a->cached == b->cached && a->output == b->output;
}

static void write_prices(struct import *im, struct buf *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < im->n_deployments; i++) {
        const struct import_deployment *d = &im->deployments[i], *first = d;
        if (d->model.n == 0 || d->price.input < 0)
            continue;
        for (unsigned k = 0; k < i && first == d; k++)
            if (im->deployments[k].price.input >= 0 && view_eq(im->deployments[k].model, d->model))
                first = &im->deployments[k];
        if (first != d) {
            if (!same_price(&first->price, &d->price))
                import_note(im, d->price.at, import_clean(im, d->model),
                            "has another price above, and a model has one");
        } else if (n == IMPORT_MAX_PRICES) {
            import_note(im, d->price.at, VIEW("a price"), "there are more than 1000");
        } else {
            if (n++ == 0)
                buf_append_lit(out, "\n# Dollars per million tokens.\nprices:\n");
            write_price(d, out);
        }
    }
}

void import_write(struct import *im, struct buf *out)
{
    write_head(im, out);
    write_keys(im, out);
    write_aliases(im, out);
    buf_append_lit(out, "\nbackends:\n");
    for (unsigned i = 0; i < im->n_backends; i++)
        write_backend(im, im->backends[i], out);
    write_rules(im, out);
    write_settings(im, out);
    write_prices(im, out);
}
