#include "cli/prove_out.h"

#include "json/writer.h"

#include <inttypes.h>
#include <time.h>

enum { JSON_BYTES = 8 << 20 };

static const char no_anchor[] =
    "no anchor was given: a tail that was cut, or an old file that was put back, cannot be seen";

static const char *time_text(int64_t ms, char text[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;

    if (!gmtime_r(&seconds, &parts) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, 32, "?");
    return text;
}

/* Names come from a file that may have been made to look like something else. */
static void put_plain(const char *text, FILE *out)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

static void text_place(const struct verify_place *p, FILE *out)
{
    char opened[32];

    fputs("  ", out);
    if (p->writer) {
        fprintf(out, "chain %" PRId64, p->writer);
        if (p->name[0]) {
            fputs(" (", out);
            put_plain(p->name, out);
            if (p->opened_ms)
                fprintf(out, ", %s", time_text(p->opened_ms, opened));
            fputc(')', out);
        }
        if (p->seq)
            fprintf(out, ", record %" PRId64, p->seq);
        if (p->id)
            fprintf(out, " (id %" PRId64 ")", p->id);
        fputs(": ", out);
    }
    put_plain(p->text, out);
    fputc('\n', out);
}

static void text_classes(const struct proof_answer *a, FILE *out)
{
    const char *between = "   (";

    for (int i = 0; i < DATA_CLASSES; i++)
        if (a->classes[i]) {
            fprintf(out, "%s%s %" PRId64, between, data_class_name((enum data_class)i),
                    a->classes[i]);
            between = ", ";
        }
    fputs(between[0] == ',' ? ")\n" : "\n", out);
}

static void text_hosts(const struct proof_answer *a, FILE *out)
{
    for (unsigned i = 0; i < a->n_hosts; i++) {
        const struct proof_host *h = &a->hosts[i];
        fputs("  reached ", out);
        put_plain(h->name, out);
        fprintf(out, ": %" PRId64 ", ", h->requests);
        if (h->sensitive)
            fprintf(out, "%" PRId64 " of them sensitive", h->sensitive);
        else
            fputs(h->unscanned ? "none known to be sensitive" : "none sensitive", out);
        if (h->unscanned)
            fprintf(out, ", %" PRId64 " not scanned", h->unscanned);
        fputc('\n', out);
    }
    if (a->n_hosts == 0)
        fputs("  reached no host outside\n", out);
}

static void text_answer(const struct proof_answer *a, FILE *out)
{
    fprintf(out, "requests                        %8" PRId64 "\n", a->requests);
    fprintf(out, "  found                         %8" PRId64, a->found);
    text_classes(a, out);
    fprintf(out, "  clean                         %8" PRId64 "\n", a->clean);
    fprintf(out, "  not scanned (stayed inside)   %8" PRId64 "\n", a->inside);
    if (a->outside)
        fprintf(out, "  not scanned and went outside  %8" PRId64 "\n", a->outside);
    if (a->failed)
        fprintf(out, "  could not be scanned          %8" PRId64 "\n", a->failed);
    text_hosts(a, out);
}

void prove_text(const struct verify_result *r, bool anchored, FILE *out)
{
    int64_t told = r->n_findings < VERIFY_FINDINGS ? r->n_findings : VERIFY_FINDINGS;

    if (!anchored)
        fprintf(out, "%s\n", no_anchor);
    if (r->n_findings)
        fprintf(out, "NOT PROVEN: %" PRId64 " findings, the first of them\n", r->n_findings);
    else
        fprintf(out, "proven: %" PRId64 " records in %" PRId64 " chains, %" PRId64 " checkpoints\n",
                r->records, r->writers, r->checkpoints);
    for (int64_t i = 0; i < told; i++)
        text_place(&r->findings[i], out);
    fprintf(out, "unsigned: %" PRId64 "\n", r->unsigned_records);
    for (unsigned i = 0; i < r->n_notes; i++)
        text_place(&r->notes[i], out);
    if (r->removed)
        fprintf(out, "removed by retention: %" PRId64 ", signed stubs stand for them\n",
                r->removed);
    if (r->old_records)
        fprintf(out, "from before the first chain, and so not proven: %" PRId64 "\n",
                r->old_records);
    text_answer(r->answer, out);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_places(struct json_writer *w, const char *key, const struct verify_place *places,
                        int64_t n)
{
    char number[24];

    json_put_key(w, view_str(key));
    json_put_array(w);
    for (int64_t i = 0; i < n; i++) {
        json_put_object(w);
        snprintf(number, sizeof(number), "%" PRId64, places[i].writer);
        json_put_member_string(w, VIEW("chain"), view_str(number));
        json_put_member_string(w, VIEW("writer"), view_str(places[i].name));
        json_put_member_i64(w, VIEW("opened_ms"), places[i].opened_ms);
        json_put_member_i64(w, VIEW("record"), places[i].seq);
        snprintf(number, sizeof(number), "%" PRId64, places[i].id);
        json_put_member_string(w, VIEW("id"), view_str(number));
        json_put_member_string(w, VIEW("text"), view_str(places[i].text));
        json_put_close(w);
    }
    json_put_close(w);
}

static void json_answer(struct json_writer *w, const struct proof_answer *a)
{
    json_put_member_i64(w, VIEW("requests"), a->requests);
    json_put_member_i64(w, VIEW("found"), a->found);
    json_put_member_i64(w, VIEW("clean"), a->clean);
    json_put_member_i64(w, VIEW("failed"), a->failed);
    json_put_member_i64(w, VIEW("not_scanned_inside"), a->inside);
    json_put_member_i64(w, VIEW("not_scanned_outside"), a->outside);
    json_put_key(w, VIEW("classes"));
    json_put_object(w);
    for (int i = 0; i < DATA_CLASSES; i++)
        if (a->classes[i])
            json_put_member_i64(w, view_str(data_class_name((enum data_class)i)), a->classes[i]);
    json_put_close(w);
    json_put_key(w, VIEW("hosts"));
    json_put_array(w);
    for (unsigned i = 0; i < a->n_hosts; i++) {
        json_put_object(w);
        json_put_member_string(w, VIEW("host"), view_str(a->hosts[i].name));
        json_put_member_i64(w, VIEW("requests"), a->hosts[i].requests);
        json_put_member_i64(w, VIEW("sensitive"), a->hosts[i].sensitive);
        json_put_member_i64(w, VIEW("not_scanned"), a->hosts[i].unscanned);
        json_put_close(w);
    }
    json_put_close(w);
}

void prove_json(const struct verify_result *r, bool anchored, FILE *out)
{
    struct buf text = BUF_MAX(JSON_BYTES);
    struct json_writer w = JSON_WRITER(&text);

    json_put_object(&w);
    json_put_member_bool(&w, VIEW("proven"), r->n_findings == 0);
    json_put_member_bool(&w, VIEW("anchored"), anchored);
    json_put_member_i64(&w, VIEW("chains"), r->writers);
    json_put_member_i64(&w, VIEW("records"), r->records);
    json_put_member_i64(&w, VIEW("checkpoints"), r->checkpoints);
    json_put_member_i64(&w, VIEW("unsigned"), r->unsigned_records);
    json_put_member_i64(&w, VIEW("removed"), r->removed);
    json_put_member_i64(&w, VIEW("not_proven_old"), r->old_records);
    json_put_member_i64(&w, VIEW("n_findings"), r->n_findings);
    json_places(&w, "findings", r->findings,
                r->n_findings < VERIFY_FINDINGS ? r->n_findings : VERIFY_FINDINGS);
    json_places(&w, "notes", r->notes, r->n_notes);
    json_answer(&w, r->answer);
    json_put_close(&w);
    fprintf(out, "%.*s\n", VIEW_ARG(buf_view(&text)));
    buf_done(&text);
}
