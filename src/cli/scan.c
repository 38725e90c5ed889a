#include "cli/scan.h"

#include "cli/common.h"
#include "config/config.h"
#include "inspect/mask.h"
#include "json/reader.h"
#include "json/writer.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUT = 64 << 20, MAX_ROW = 16 << 20 };

static const char usage[] =
    "usage: weir scan FILE|- [--json | --jsonl | --mask] [--profile balanced|strict]\n"
    "                 [--presets hipaa,gdpr,pci,secrets] [--config FILE]\n"
    "       weir scan --classes\n"
    "\n"
    "Says which bytes of a text (- reads it from standard input) are data that must not leave, "
    "and\n"
    "of which class. A request's JSON body is read as one; offsets are bytes of the file. Exits\n"
    "with 1 when something was found, or could not be read.\n"
    "\n"
    "      --json      the findings as JSON\n"
    "      --jsonl     each line is {\"id\", \"text\"} in and {\"id\", \"spans\", \"route\"} out;\n"
    "                  exits with 0 when all lines were read\n"
    "      --mask      the text with placeholders for what was found; exits with 1 when something\n"
    "                  cannot be masked\n"
    "      --profile   strict keeps whatever looks sensitive (balanced)\n"
    "      --presets   only the classes of these presets (all classes)\n"
    "      --config    with the words, patterns and profile of this config\n"
    "      --classes   lists the classes and what they are\n";

struct scan_command {
    const char *file;
    const char *config_path;
    enum { AS_TABLE, AS_JSON, AS_ROWS, AS_MASKED, AS_CLASSES } form;
    bool has_profile;
    struct sensitivity *sensitivity;
    struct sensitivity_options options;
};

/* A request's body has one of the keys that carry its text. */
static bool is_body(struct view text)
{
    static const char *const keys[] = {"messages", "input", "prompt", "contents"};
    struct json_reader r;
    struct json_object o;
    bool found = false;

    json_begin(&r, text);
    if (json_peek(&r) != JSON_OBJECT || !json_object_begin(&r, &o))
        return false;
    while (json_object_next(&r, &o)) {
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            found |= view_eq(o.key, view_str(keys[i]));
        json_skip(&r);
    }
    return json_end(&r) && found;
}

static bool scan(const struct scan_command *c, struct view text, struct arena *a,
                 struct findings *ret_findings, struct error *err)
{
    return is_body(text)
               ? sensitivity_scan_body(c->sensitivity, text, &c->options, a, ret_findings, err)
               : sensitivity_scan_text(c->sensitivity, text, &c->options, a, ret_findings, err);
}

static struct arena *new_arena(size_t bytes)
{
    return arena_new(bytes * 16 + (8 << 20));
}

static const char *const evidence_names[] = {"hard", "cue", "own", "tagged", "rule"};

static void print_table(struct view text, const struct findings *found)
{
    if (found->n == 0) {
        puts("nothing found");
        return;
    }
    printf("%8s %8s  %-22s %-7s %4s  %s\n", "from", "to", "class", "by", "sure", "bytes");
    for (unsigned i = 0; i < found->n; i++) {
        const struct finding *f = &found->all[i];
        printf("%8u %8u  %-22s %-7s %3u%%  ", f->start, f->end, data_class_name(f->class),
               evidence_names[f->evidence], f->confidence);
        for (uint32_t at = f->start; at < f->end && at < f->start + 60; at++)
            putchar((unsigned char)text.p[at] < ' ' ? ' ' : text.p[at]);
        puts(f->end - f->start > 60 ? "..." : "");
    }
}

static void put_spans(struct json_writer *w, const struct findings *found, bool all)
{
    json_put_array(w);
    for (unsigned i = 0; i < found->n; i++) {
        const struct finding *f = &found->all[i];
        json_put_object(w);
        json_put_member_u64(w, VIEW("start"), f->start);
        json_put_member_u64(w, VIEW("end"), f->end);
        json_put_member_string(w, VIEW("type"), view_str(data_class_name(f->class)));
        if (all) {
            json_put_member_string(w, VIEW("by"), view_str(evidence_names[f->evidence]));
            json_put_member_u64(w, VIEW("confidence"), f->confidence);
            json_put_member_bool(w, VIEW("maskable"), f->maskable);
            if (f->sub)
                json_put_member_string(w, VIEW("sub"), view_str(f->sub));
        }
        json_put_close(w);
    }
    json_put_close(w);
}

static int scan_whole(const struct scan_command *c, struct view text)
{
    struct arena *a = new_arena(text.n);
    struct findings found;
    struct error err;
    int status = 1;

    if (!a)
        error_set(&err, ERROR_NO_MEMORY, "no memory to scan");
    if (!a || !scan(c, text, a, &found, &err)) {
        cli_fail(&err);
    } else if (c->form == AS_JSON) {
        struct buf out = BUF_MAX(1 << 30);
        struct json_writer w = JSON_WRITER(&out);
        put_spans(&w, &found, true);
        buf_append_char(&out, '\n');
        fwrite(out.p, 1, out.len, stdout);
        buf_done(&out);
        status = found.n > 0;
    } else {
        print_table(text, &found);
        status = found.n > 0;
    }
    arena_free(a);
    return status;
}

/* A text is masked as the JSON string that it would travel as. */
static bool mask(const struct scan_command *c, struct view text, struct arena *a,
                 struct view *ret_masked, struct error *err)
{
    bool body = is_body(text);
    struct mask_map *map = mask_map_new(a);
    struct buf quoted = BUF_MAX(text.n * 6 + 8);
    struct json_reader r;
    struct json_text string;
    struct findings found;
    struct view masked;

    if (!body)
        json_quote(&quoted, text);
    bool ok = map && buf_ok(&quoted);
    if (!ok)
        error_set(err, ERROR_NO_MEMORY, "no memory to mask");
    struct view json = body ? text : arena_dup(a, buf_view(&quoted));
    buf_done(&quoted);
    if (!ok || !sensitivity_scan_body(c->sensitivity, json, &c->options, a, &found, err) ||
        !mask_body(map, json, &found, UINT32_MAX, a, &masked, err))
        return false;
    if (!body) {
        json_begin(&r, masked);
        if (!json_string(&r, &string))
            return json_error(&r, err);
        masked = json_decode(string, a);
    }
    *ret_masked = masked;
    return true;
}

static int mask_whole(const struct scan_command *c, struct view text)
{
    struct arena *a = new_arena(text.n * 4);
    struct view masked = VIEW_NONE;
    struct error err;
    bool ok = a != NULL;

    if (!ok)
        error_set(&err, ERROR_NO_MEMORY, "no memory to mask");
    ok = ok && mask(c, text, a, &masked, &err);
    if (ok)
        fwrite(masked.p, 1, masked.n, stdout);
    else
        cli_fail(&err);
    arena_free(a);
    return ok ? 0 : 1;
}

static void list_classes(void)
{
    static const char *const presets[] = {"hipaa", "gdpr", "pci", "secrets"};

    for (unsigned i = 0; i < DATA_CLASSES; i++) {
        printf("%-22s %s", data_class_name((enum data_class)i),
               data_class_what((enum data_class)i));
        const char *before = "  [";
        for (unsigned k = 0; k < sizeof(presets) / sizeof(presets[0]); k++)
            if (data_preset(view_str(presets[k])) & UINT32_C(1) << i) {
                printf("%s%s", before, presets[k]);
                before = ", ";
            }
        puts(before[0] == ',' ? "]" : "");
    }
}

/* {"id", "text"}; other keys may stand there too. */
static bool read_row(struct view line, struct arena *a, struct view *ret_id, struct view *ret_text,
                     struct error *err)
{
    struct json_reader r;
    struct json_object o;
    struct json_text text = {0};

    json_begin(&r, line);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (json_key_is(&o, "id"))
            json_value(&r, ret_id);
        else if (json_key_is(&o, "text"))
            json_string(&r, &text);
        else
            json_skip(&r);
    }
    if (!json_end(&r))
        return json_error(&r, err);
    *ret_text = json_decode(text, a);
    return true;
}

static bool scan_row(const struct scan_command *c, struct view line, struct buf *out,
                     struct error *err)
{
    struct arena *a = new_arena(line.n);
    struct view id = VIEW("null"), text;
    struct findings found;
    bool ok = a != NULL;

    if (!ok)
        error_set(err, ERROR_NO_MEMORY, "no memory to scan");
    ok = ok && read_row(line, a, &id, &text, err) && scan(c, text, a, &found, err);
    if (ok) {
        struct json_writer w = JSON_WRITER(out);
        bool maskable = true;
        for (unsigned i = 0; i < found.n; i++)
            maskable &= found.all[i].maskable;
        json_put_object(&w);
        json_put_key(&w, VIEW("id"));
        json_put_raw(&w, id);
        json_put_key(&w, VIEW("spans"));
        put_spans(&w, &found, false);
        json_put_member_string(&w, VIEW("route"), maskable ? VIEW("api") : VIEW("local"));
        json_put_close(&w);
        buf_append_char(out, '\n');
    }
    arena_free(a);
    return ok;
}

static int scan_rows(const struct scan_command *c, struct view text)
{
    struct buf out = BUF_MAX(MAX_ROW);
    unsigned number = 0;
    int status = 0;

    while (text.n > 0) {
        struct view line = view_cut(&text, '\n');
        struct error err;
        number++;
        if (view_trim(line).n == 0)
            continue;
        buf_reset(&out);
        if (scan_row(c, line, &out, &err)) {
            fwrite(out.p, 1, out.len, stdout);
        } else {
            fprintf(stderr, "line %u: ", number);
            status = cli_fail(&err);
        }
    }
    buf_done(&out);
    return status;
}

static bool read_presets(const char *text, uint32_t *ret_classes)
{
    uint32_t classes = 1U << DATA_CONFIDENTIAL | 1U << DATA_UNREADABLE;

    for (struct view names = view_str(text); names.n > 0;) {
        uint32_t preset = data_preset(view_cut(&names, ','));
        if (!preset)
            return false;
        classes |= preset;
    }
    *ret_classes = classes;
    return true;
}

/* False: print the usage. */
static bool read_options(int argc, char **argv, struct scan_command *c)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"jsonl", no_argument, NULL, 'l'},
                                            {"mask", no_argument, NULL, 'm'},
                                            {"classes", no_argument, NULL, 'C'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"profile", required_argument, NULL, 'p'},
                                            {"presets", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};

    for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (o) {
        case 'j':
            c->form = AS_JSON;
            break;
        case 'l':
            c->form = AS_ROWS;
            break;
        case 'm':
            c->form = AS_MASKED;
            break;
        case 'C':
            c->form = AS_CLASSES;
            break;
        case 'c':
            c->config_path = optarg;
            break;
        case 'p':
            if (strcmp(optarg, data_profile_name(DATA_STRICT)) == 0)
                c->options.profile = DATA_STRICT;
            else if (strcmp(optarg, data_profile_name(DATA_BALANCED)) != 0)
                return false;
            c->has_profile = true;
            break;
        case 's':
            if (!read_presets(optarg, &c->options.classes))
                return false;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            return false;
        }
    }
    c->file = optind + 1 == argc ? argv[optind] : NULL;
    return c->form == AS_CLASSES ? optind == argc : c->file != NULL;
}

/* With the organisation's own patterns where a config names them. */
static bool make_scanner(struct scan_command *c, struct error *err)
{
    struct config *config = c->config_path ? config_load(c->config_path, VIEW_NONE, err) : NULL;
    struct sensitivity_own own = {0};

    if (c->config_path && !config)
        return false;
    if (config) {
        own = (struct sensitivity_own){.words = config->perimeter.words,
                                       .n_words = config->perimeter.n_words,
                                       .patterns = config->perimeter.patterns,
                                       .n_patterns = config->perimeter.n_patterns};
        if (!c->has_profile)
            c->options.profile = config->perimeter.profile;
    }
    c->sensitivity = sensitivity_new(&own, err);
    config_unref(config);
    return c->sensitivity != NULL;
}

int cli_scan(int argc, char **argv)
{
    struct scan_command c = {.options.classes = UINT32_MAX};
    struct buf text = BUF_MAX(MAX_INPUT);
    struct error err;
    int status;

    if (!read_options(argc, argv, &c)) {
        fputs(usage, stderr);
        return 2;
    }
    if (c.form == AS_CLASSES) {
        list_classes();
        return 0;
    }
    if (!make_scanner(&c, &err) || !cli_read_file(c.file, MAX_INPUT, "64 MiB", &text, &err))
        status = cli_fail(&err);
    else if (c.form == AS_MASKED)
        status = mask_whole(&c, buf_view(&text));
    else
        status =
            c.form == AS_ROWS ? scan_rows(&c, buf_view(&text)) : scan_whole(&c, buf_view(&text));
    sensitivity_free(c.sensitivity);
    buf_done(&text);
    return status;
}
