/* docs/configuration.md, from the table of options. */
#include "config/load.h"
#include "config/values.h"

static void describe_range(const struct option *o, const char *what, struct buf *out)
{
    buf_append(out, view_str(what));
    for (int i = 0; i < 2; i++) {
        int64_t bound = i ? o->high : o->low;
        buf_append(out, i ? VIEW(" to ") : VIEW(", "));
        if (o->kind == OPTION_DURATION)
            value_write_duration(out, bound);
        else if (o->kind == OPTION_SIZE)
            value_write_size(out, (uint64_t)bound);
        else
            buf_append_u64(out, (uint64_t)bound);
    }
}

void option_describe(const struct option *o, struct buf *out)
{
    switch (o->kind) {
    case OPTION_GROUP:
        buf_append_lit(out, "a map");
        break;
    case OPTION_CHOICE:
    case OPTION_CUSTOM:
        buf_append(out, view_str(o->type));
        break;
    case OPTION_ADDRESS:
        buf_append_lit(out, "host:port");
        break;
    case OPTION_BOOL:
        buf_append_lit(out, "true or false");
        break;
    case OPTION_COUNT:
        describe_range(o, "a number", out);
        break;
    case OPTION_SIZE:
        describe_range(o, "a size like 32MiB", out);
        break;
    case OPTION_DURATION:
        describe_range(o, "a duration like 2s or 500ms", out);
        break;
    case OPTION_FRACTION:
        buf_append_lit(out, "a number from 0 to 1");
        break;
    case OPTION_TEXT:
        buf_append_lit(out, "a text");
        break;
    case OPTION_NAME:
        buf_append_lit(out, "a name of a-z, 0-9, _ . and -");
        break;
    case OPTION_MONEY:
        buf_append_lit(out, "dollars like 1.25, up to 9 decimals");
        break;
    case OPTION_PRICE:
        buf_append_lit(out, "dollars a million tokens like 0.25, up to 6 decimals");
        break;
    }
}

/* A cell of a Markdown table. */
static void cell(struct buf *out, struct view text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|' || text.p[i] == '*')
            buf_append_char(out, '\\');
        buf_append_char(out, text.p[i]);
    }
}

static void row(const struct option *o, struct buf *out)
{
    struct buf type = BUF_MAX(512), fallback = BUF_MAX(512);
    struct config built_in = {0};

    option_describe(o, &type);
    buf_append(&fallback, view_str(o->fallback));
    if (o->kind == OPTION_FRACTION && view_eq(buf_view(&fallback), VIEW("(built in)"))) {
        buf_reset(&fallback);
        policy_defaults(&built_in.policy);
        option_write(o, &built_in, &fallback);
    }
    buf_printf(out, "| `%s` | ", o->path);
    cell(out, buf_view(&type));
    buf_append_lit(out, " | ");
    if (o->fallback[0] == '(') {
        struct view v = buf_view(&fallback);
        bool in_words = v.p[0] == '(';
        cell(out, in_words ? view_of(v.p + 1, v.n - 2) : v);
    } else {
        buf_printf(out, "`%s`", o->fallback);
    }
    buf_append(out, o->restart ? VIEW(" | no | ") : VIEW(" | yes | "));
    cell(out, view_str(o->help));
    buf_append_lit(out, " |\n");
    buf_done(&type);
    buf_done(&fallback);
}

static void head(const char *title, struct buf *out)
{
    buf_printf(out, "\n## %s\n\n", title);
}

static void table(struct buf *out)
{
    buf_append_lit(out, "| option | value | default | reload | |\n"
                        "| --- | --- | --- | --- | --- |\n");
}

static void document_matrix(struct buf *out)
{
    struct config_policy policy = {0};

    policy_defaults(&policy);
    buf_append_lit(out, "\nThe built-in matrix:\n\n| task | placement |\n| --- | --- |\n");
    for (unsigned t = 0; t < TASK_COUNT; t++) {
        const struct config_row *r = &policy.matrix[t];
        buf_printf(out, "| `%s` | `", task_name((enum task_kind)t));
        if (r->placement == PLACE_BY_COMPLEXITY) {
            buf_append_lit(out, "{inside_up_to: ");
            show_fraction(out, r->threshold);
            buf_append_char(out, '}');
        } else {
            buf_append(out, view_str(placement_name(r->placement)));
        }
        buf_append_lit(out, "` |\n");
    }
}

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "<!-- Made by `weir config docs` from src/config/options.def; change that file. -->\n"
    "\n"
    "One YAML file, named with `--config FILE`. `weir config show` prints it with every default "
    "filled in,\n"
    "`weir check` validates it. An error says file, line and column and what to write instead; a "
    "file with an\n"
    "error is never used, and a reload (SIGHUP) with one leaves the running config as it is.\n"
    "\n"
    "- `a.b` is the key `b` in the map `a`; `a[].b` a key of each item of the list `a`; `a.*.b` a "
    "key below\n"
    "  names of your own.\n"
    "- **Durations** have a unit: `500ms`, `2s`, `5m`, `1h`.\n"
    "- **Sizes**: `64KiB`, `32MiB`, `1GiB` (1024), `1KB`, `1MB`, `1GB` (1000), or bytes.\n"
    "- **Money** is exact: it never passes through a floating-point number.\n"
    "- **`${NAME}`** in a value is the environment variable; `$${` is a plain `${`. Between `{ }` "
    "and `[ ]` it\n"
    "  needs quotes: `\"${NAME}\"`.\n"
    "- In **patterns** `*` stands for any run of characters.\n"
    "- YAML anchors, aliases and tags are not used, nor a second document; a key that stands twice "
    "is an error.\n"
    "- **reload**: whether a reload takes a change over; where it says no, a restart is needed.\n";

/* Groups and the big lists are sections; what stands at the top comes first. */
void config_document(struct buf *out)
{
    const char *section = "";

    buf_append(out, view_str(introduction));
    head("Top level", out);
    table(out);
    for (unsigned i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        size_t n = strcspn(o->path, ".[");
        bool opens = o->kind == OPTION_GROUP || view_eq(view_str(o->path), VIEW("backends")) ||
                     view_eq(view_str(o->path), VIEW("prices"));
        if (opens && o->path[n] == '\0') {
            if (strcmp(section, "policy") == 0)
                document_matrix(out);
            section = o->path;
            head(section, out);
            buf_printf(out, "%s\n\n", o->help);
            table(out);
        }
        if (o->kind != OPTION_GROUP)
            row(o, out);
    }
}
