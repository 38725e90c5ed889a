#include "ledger/proof_answer.h"

#include "json/reader.h"

#include <stdio.h>
#include <stdlib.h>

struct proof_answer *proof_answer_new(int64_t since_ms, int64_t until_ms)
{
    struct proof_answer *a = calloc(1, sizeof(*a));

    if (a) {
        a->since_ms = since_ms;
        a->until_ms = until_ms;
    }
    return a;
}

static void take_classes(struct json_reader *r, int64_t classes[DATA_CLASSES])
{
    struct json_object o;
    struct view raw;
    enum data_class class;
    uint64_t n;

    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool known = data_class_from_name(o.key, &class);
        if (json_number(r, &raw) && known && view_to_u64(raw, &n) && n < INT32_MAX)
            classes[class] += (int64_t)n;
    }
}

void proof_answer_add_classes(struct view json, int64_t classes[DATA_CLASSES])
{
    struct json_reader r;

    json_begin(&r, json);
    take_classes(&r, classes);
}

static struct proof_host *host_of(struct proof_answer *a, struct view name)
{
    name = view_first(name, sizeof(a->hosts[0].name) - 1);
    for (unsigned i = 0; i < a->n_hosts; i++)
        if (view_eq(view_str(a->hosts[i].name), name))
            return &a->hosts[i];
    if (a->n_hosts == PROOF_HOSTS + 1)
        return &a->hosts[PROOF_HOSTS];
    struct proof_host *host = &a->hosts[a->n_hosts++];
    snprintf(host->name, sizeof(host->name), "%.*s",
             VIEW_ARG(a->n_hosts == PROOF_HOSTS + 1 ? VIEW("(others)") : name));
    return host;
}

/* One sending of a record. Several to the same host are one request there. */
struct sending {
    struct sending *next;
    struct proof_host *host;
    bool sensitive, unscanned;
};

static void note(struct proof_answer *a, struct sending **list, struct view host, bool sensitive,
                 bool unscanned, struct arena *scratch)
{
    struct proof_host *at = host_of(a, host);
    struct sending *s = *list;

    while (s && s->host != at)
        s = s->next;
    if (!s) {
        s = arena_new_of(scratch, struct sending);
        if (!s)
            return;
        *s = (struct sending){.next = *list, .host = at};
        *list = s;
    }
    s->sensitive |= sensitive;
    s->unscanned |= unscanned;
}

static struct view text_of(struct json_reader *r, struct arena *scratch)
{
    struct json_text text;

    return json_string(r, &text) ? json_decode(text, scratch) : VIEW("");
}

static void take_sending(struct proof_answer *a, struct json_reader *r, struct sending **list,
                         struct arena *scratch)
{
    struct view host = VIEW("(unnamed)"), scan = VIEW("");
    int64_t left[DATA_CLASSES] = {0}, sum = 0;
    struct json_object o;

    json_object_begin(r, &o);
    while (json_object_next(r, &o))
        if (json_key_is(&o, "host"))
            host = text_of(r, scratch);
        else if (json_key_is(&o, "scan"))
            scan = text_of(r, scratch);
        else if (json_key_is(&o, "left"))
            take_classes(r, left);
        else
            json_skip(r);
    for (int i = 0; i < DATA_CLASSES; i++)
        sum += left[i];
    bool clean = view_eq(scan, VIEW("clean"));
    note(a, list, host, sum > 0 || (scan.n && !clean), scan.n == 0, scratch);
}

/* What left, by the record's own list; an answer from outside without one was not scanned. */
static struct sending *sendings_of(struct proof_answer *a, const struct row *record,
                                   struct arena *scratch)
{
    struct view sent = row_get_bytes(record, RECORD_sent);
    struct sending *list = NULL;
    struct json_reader r;
    struct json_array array;

    if (sent.n == 0) {
        if (view_eq(row_get_bytes(record, RECORD_side), VIEW("outside")))
            note(a, &list, row_get_bytes(record, RECORD_node), false, true, scratch);
        return list;
    }
    json_begin(&r, sent);
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array))
        take_sending(a, &r, &list, scratch);
    if (!json_end(&r))
        note(a, &list, VIEW("(unreadable)"), false, true, scratch);
    return list;
}

static void count_scan(struct proof_answer *a, const struct row *record, bool went_outside)
{
    struct view scan = row_get_bytes(record, RECORD_scan);

    if (view_eq(scan, VIEW("clean")))
        a->clean++;
    else if (view_eq(scan, VIEW("found")))
        a->found++;
    else if (scan.n)
        a->failed++;
    else if (went_outside)
        a->outside++;
    else
        a->inside++;
}

void proof_answer_add(struct proof_answer *a, const struct row *record, struct arena *scratch)
{
    int64_t time_ms = row_get_int(record, RECORD_time_ms);

    if (time_ms < a->since_ms || time_ms >= a->until_ms)
        return;
    arena_reset(scratch);
    struct sending *sendings = sendings_of(a, record, scratch);
    a->requests++;
    count_scan(a, record, sendings != NULL);
    proof_answer_add_classes(row_get_bytes(record, RECORD_findings), a->classes);
    for (struct sending *s = sendings; s; s = s->next) {
        s->host->requests++;
        s->host->sensitive += s->sensitive;
        s->host->unscanned += s->unscanned;
    }
}
