/*
 * What the scanner costs: CPU a 4 KB body, with and without the tagger, and inputs of 1 MB that are
 * made to be slow. One core. Texts are given as files, one body or text each; without any, built-in
 * sentences are repeated.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "inspect/sensitivity.h"
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>

#define BODIES 64
#define ROUNDS 40

static const char *const sentences[] = {
    "The customer wrote on Monday that the parcel had not come, tracking said \"delivered\".\n",
    "Please summarise the thread below in five bullet points and name the open questions.\n",
    "Die Rechnung über 1.240,50 € wurde am 3. März beglichen; die Mahnung war also unbegründet.\n",
    "\tfor (size_t i = 0; i < n; i++) { total += items[i].price * items[i].count; }\n",
    "Our refund policy allows returns within thirty days if the goods are unused and complete.\n",
    "Call Maria Lopez at +34 637 131 666 or write to m.lopez@northfield-health.org today.\n",
    "She asked whether the warranty covers a cracked display - it does not, see section 4.2.\n",
    "IBAN DE12 6532 0497 2855 3327 75, order 4921-69833, invoice of 2024-02-11, total 1,240.00.\n",
    "commit da0b900757f7e305f4ff9046bf4446a2ad8c9964 broke the build on node 10.0.12.7:5432\n",
};
#define SENTENCES (sizeof(sentences) / sizeof(sentences[0]))

static struct sensitivity *sensitivity;
static struct arena *arena;

static void check(bool ok)
{
    if (!ok) {
        fputs("micro_scan: the reference data was refused\n", stderr);
        exit(1);
    }
}

static struct buf build_body(unsigned seed)
{
    struct buf out = BUF_MAX(1 << 16), text = BUF_MAX(1 << 16);
    struct json_writer w = JSON_WRITER(&out);

    while (text.len < 3800)
        buf_append(&text, view_str(sentences[(seed += 7) % SENTENCES]));
    json_put_object(&w);
    json_put_member_string(&w, VIEW("model"), VIEW("auto"));
    json_put_key(&w, VIEW("messages"));
    json_put_array(&w);
    json_put_object(&w);
    json_put_member_string(&w, VIEW("role"), VIEW("user"));
    json_put_member_string(&w, VIEW("content"), buf_view(&text));
    json_put_close(&w);
    json_put_close(&w);
    json_put_close(&w);
    check(buf_ok(&out));
    buf_done(&text);
    return out;
}

/* The thread's own: other programs of the machine do not count. */
static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double scan_us(struct view body, bool json, bool tagger)
{
    struct sensitivity_options options = {.classes = UINT32_MAX, .no_tagger = !tagger};
    struct findings found;
    struct error err;

    arena_reset(arena);
    double from = cpu_us();
    check(json ? sensitivity_scan_body(sensitivity, body, &options, arena, &found, &err)
               : sensitivity_scan_text(sensitivity, body, &options, arena, &found, &err));
    return cpu_us() - from;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int by_digest(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The whole of what a request on its way out costs: the scan, and the gate's second look, for which
 * the strings that were read are known. */
static double scan_twice_us(struct view body)
{
    struct sensitivity_options options = {.classes = UINT32_MAX};
    struct findings found, again;
    struct error err;

    arena_reset(arena);
    double from = cpu_us();
    check(sensitivity_scan_body(sensitivity, body, &options, arena, &found, &err));
    uint64_t *known = arena_new_array(arena, uint64_t, found.n_strings + 1);
    check(known != NULL);
    for (unsigned i = 0; i < found.n_strings; i++)
        known[i] = found.strings[i].digest;
    qsort(known, found.n_strings, sizeof(*known), by_digest);
    options.known = known;
    options.n_known = found.n_strings;
    check(sensitivity_scan_body(sensitivity, body, &options, arena, &again, &err));
    return cpu_us() - from;
}

enum what { WITHOUT_TAGGER, WITH_TAGGER, WITH_GATE };

static double one_us(enum what what, struct view body)
{
    return what == WITH_GATE ? scan_twice_us(body) : scan_us(body, true, what == WITH_TAGGER);
}

static void measure_bodies(enum what what, const char *name)
{
    static double us[BODIES * ROUNDS];
    static struct buf bodies[BODIES];
    unsigned n = 0;

    for (unsigned i = 0; i < BODIES; i++)
        bodies[i] = build_body(i);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < BODIES; i++)
            us[n++] = one_us(what, buf_view(&bodies[i])) * 4096 / (double)bodies[i].len;
    qsort(us, n, sizeof(us[0]), by_size);
    for (unsigned i = 0; i < BODIES; i++)
        buf_done(&bodies[i]);
    /* for bench/run */
    printf("{\"name\": \"%s 4 KB, p50\", \"us\": %.1f}\n", name, us[n / 2]);
    printf("{\"name\": \"%s 4 KB, p99\", \"us\": %.1f, \"informative\": %s}\n", name,
           us[n * 99 / 100], what == WITH_GATE ? "false" : "true");
}

static double slowest_us;

static void measure_worst(const char *name, struct view unit, bool json, bool tagger)
{
    struct buf out = BUF_MAX(4 << 20);

    buf_append(&out, json ? VIEW("[\"") : VIEW(""));
    while (out.len < 1 << 20)
        buf_append(&out, unit);
    buf_append(&out, json ? VIEW("\"]") : VIEW(""));
    check(buf_ok(&out));
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        double us = scan_us(buf_view(&out), json, tagger);
        best = us < best ? us : best;
    }
    printf("1 MB of %-20s %7.1f ms\n", name, best / 1000);
    slowest_us = best > slowest_us ? best : slowest_us;
    buf_done(&out);
}

/* JSON in a string of JSON in a string, as deep as its escapes let it be. */
static void measure_nested(bool tagger)
{
    struct buf out = BUF_MAX(4 << 20);
    struct json_writer w = JSON_WRITER(&out);

    json_put_array(&w);
    for (int i = 0; i < 100; i++) {
        struct buf inner = BUF_MAX(1 << 20), next;
        buf_append(&inner, VIEW("{\"ssn\": \"536-22-8726\"}"));
        for (int depth = 0; depth < 7; depth++) {
            next = BUF_MAX(1 << 20);
            buf_append(&next, VIEW("{\"a\": "));
            json_quote(&next, buf_view(&inner));
            buf_append(&next, VIEW("}"));
            buf_done(&inner);
            inner = next;
        }
        json_put_string(&w, buf_view(&inner));
        buf_done(&inner);
    }
    json_put_close(&w);
    check(buf_ok(&out));
    printf("100 nested strings (%zu KB)  %7.1f ms\n", out.len >> 10,
           scan_us(buf_view(&out), true, tagger) / 1000);
    buf_done(&out);
}

int main(void)
{
    static const struct {
        const char *name;
        struct view unit;
        bool json;
    } worst[] = {
        {"7", VIEW_LIT("7"), false},
        {"1 1 1", VIEW_LIT("1 "), false},
        {"4111 4111", VIEW_LIT("4111 "), false},
        {"12-34-56", VIEW_LIT("12-"), false},
        {"@", VIEW_LIT("@"), false},
        {"a@b.cc", VIEW_LIT("a@b.cc"), false},
        {"://", VIEW_LIT("://"), false},
        {"base64", VIEW_LIT("QWxhZGRpbjpvcGVuIHNlc2FtZQ"), false},
        {"base64 words", VIEW_LIT("QWxhZGRpbjpvcGVuIHNlc2FtZQ "), false},
        {"ssn ssn", VIEW_LIT("ssn "), false},
        {"password: ", VIEW_LIT("password: "), false},
        {"born on", VIEW_LIT("born on "), false},
        {"-----BEGIN", VIEW_LIT("-----BEGIN PRIVATE KEY-----"), false},
        {"1 Mill Road", VIEW_LIT("1 Mill Road "), false},
        {"capitals", VIEW_LIT("Van Der "), false},
        {"full-width", VIEW_LIT("\xef\xbc\x97"), false},
        {"entities", VIEW_LIT("&#55;"), false},
        {"percent", VIEW_LIT("%37"), false},
        {"empty strings", VIEW_LIT("\",\""), true},
        {"escapes", VIEW_LIT("\\u0037"), true},
        {"brackets", VIEW_LIT("([{"), false},
        {"commas", VIEW_LIT("name,\n"), false},
        {"dots", VIEW_LIT("1.1."), false},
        {"colons", VIEW_LIT("a:a:"), false},
    };
    struct error err;

    arena = arena_new(1 << 30);
    int64_t from = clock_mono_ns();
    sensitivity = sensitivity_new(NULL, &err);
    printf("%-28s %7.2f ms\n", "start", (double)(clock_mono_ns() - from) / 1e6);
    check(arena && sensitivity);
    measure_bodies(WITHOUT_TAGGER, "plain-scan");
    measure_bodies(WITH_TAGGER, "tagged-scan");
    measure_bodies(WITH_GATE, "scan-and-gate");
    for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++)
        measure_worst(worst[i].name, worst[i].unit, worst[i].json, true);
    measure_nested(true);
    printf("{\"name\": \"slowest 1 MB\", \"us\": %.0f}\n", slowest_us);
    sensitivity_free(sensitivity);
    arena_free(arena);
    return 0;
}
