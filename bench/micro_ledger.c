/*
 * CPU and time that the ledger takes for a record: one submitter, batches of a fixed size, the
 * writer's and the checkpointer's threads counted in.
 *
 *   micro_ledger [FOLDER [RECORDS]]     the file is made in FOLDER (default: here) and removed
 */
#include "base/clock.h"
#include "ledger/ledger.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_BATCH = 256 };

static sem_t batch_done;
static atomic_int open_commits;
static atomic_int refused;

static void done(struct ledger_commit *commit, bool committed)
{
    (void)commit;
    if (!committed)
        atomic_fetch_add(&refused, 1);
    if (atomic_fetch_sub(&open_commits, 1) == 1)
        sem_post(&batch_done);
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void fill(struct ledger_record *r)
{
    *r = (struct ledger_record){
        .id = ledger_next_id(),
        .request_id = VIEW("weir-1a20c97894f6387c"),
        .wall_ms = clock_wall_ms(),
        .key = VIEW("support-app"),
        .model_asked = VIEW("auto"),
        .dialect = VIEW("openai-chat"),
        .task = VIEW("summarization"),
        .confidence = 0.82,
        .complexity = 0.31,
        .plan =
            VIEW("{\"tokens\":926,\"cue\":\"words that ask for a shorter text\",\"place\":"
                 "\"inside\",\"because\":\"matrix: summarization of complexity 0.31 stays "
                 "inside (up to 0.60)\",\"try\":[[\"lab\",\"inside\",\"llama-3.1-8b-instruct\"],"
                 "[\"openai\",\"outside\",\"gpt-5-mini\",\"fallback: other side\"]]}"),
        .side = SIDE_INSIDE,
        .backend = VIEW("lab"),
        .node = VIEW("http://10.0.0.7:8000"),
        .model = VIEW("llama-3.1-8b-instruct"),
        .tokens_in = 1012,
        .tokens_out = 187,
        .stream = true,
        .status = 200,
        .outcome = VIEW("ok"),
        .first_token_us = 41234,
        .total_us = 212345,
        .cost_nano = 41000,
        .other_cost_nano = 627000,
        .other_model = VIEW("gpt-5-mini"),
    };
}

static bool measure(const char *folder, enum ledger_sync sync, int batch, int records)
{
    static struct ledger_record r[MAX_BATCH];
    static struct ledger_commit c[MAX_BATCH];
    char path[4096], key[4104];
    struct error err;

    snprintf(path, sizeof(path), "%s/micro_ledger-%d.db", folder, (int)getpid());
    snprintf(key, sizeof(key), "%s.key", path);
    int64_t opening = clock_mono_ns();
    struct ledger *l =
        ledger_open(&(struct ledger_options){.path = view_str(path), .sync = sync}, &err);
    opening = clock_mono_ns() - opening;
    if (!l) {
        fprintf(stderr, "%s: %s\n", err.text, err.hint);
        return false;
    }
    double cpu = cpu_us(), submit_ns = 0;
    int64_t begin = clock_mono_ns();
    for (int n = 0; n < records; n += batch) {
        atomic_store(&open_commits, batch);
        for (int i = 0; i < batch; i++) {
            fill(&r[i]);
            c[i] = (struct ledger_commit){.record = &r[i], .done = done};
        }
        int64_t before = clock_mono_ns();
        for (int i = 0; i < batch; i++)
            ledger_submit(l, &c[i]);
        submit_ns += (double)(clock_mono_ns() - before);
        ledger_flush(l);
        sem_wait(&batch_done);
    }
    double wall = (double)(clock_mono_ns() - begin);
    cpu = cpu_us() - cpu;
    int64_t closing = clock_mono_ns();
    ledger_close(l);
    closing = clock_mono_ns() - closing;
    unlink(path);
    unlink(key);
    printf("%-6s %5d %10d %14.1f %14.1f %12.3f %8.1f %8.1f\n",
           sync == LEDGER_SYNC_FULL ? "full" : "normal", batch, records, cpu / records,
           wall / 1000 / records, submit_ns / 1000 / records, (double)opening / 1e6,
           (double)closing / 1e6);
    if (sync == LEDGER_SYNC_NORMAL) /* for bench/run */
        printf("{\"name\": \"ledger %d a transaction\", \"us\": %.2f, \"informative\": %s}\n",
               batch, cpu / records, batch == 32 ? "false" : "true");
    return atomic_load(&refused) == 0;
}

int main(int argc, char **argv)
{
    static const int batches[] = {1, 4, 16, 32};
    const char *folder = argc > 1 ? argv[1] : ".";
    int records = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 20000;

    sem_init(&batch_done, 0, 0);
    printf("%-6s %5s %10s %14s %14s %12s %8s %8s\n", "sync", "batch", "records", "cpu us/record",
           "time us/record", "submit us", "open ms", "close ms");
    for (int sync = LEDGER_SYNC_NORMAL; sync <= LEDGER_SYNC_FULL; sync++)
        for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
            int n = sync == LEDGER_SYNC_FULL ? records / 10 : records;
            if (!measure(folder, (enum ledger_sync)sync, batches[i], n))
                return 1;
        }
    return 0;
}
