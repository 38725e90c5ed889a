#include "fixture.h"

#include "base/clock.h"
#include "ledger/read.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ledger_reader *open_reader(void)
{
    struct error err;
    struct ledger_reader *r = ledger_reader_open(view_str(fixture_path), &err);

    if (!r)
        fail_msg("%s", err.text);
    return r;
}

#define assert_view(a, b)                                                      \
    do {                                                                       \
        struct view a_ = (a), b_ = (b);                                        \
        if (!view_eq(a_, b_))                                                  \
            fail_msg(#a ": '%.*s' is not '%.*s'", VIEW_ARG(a_), VIEW_ARG(b_)); \
    } while (0)

static void assert_same(const struct ledger_record *a, const struct ledger_record *b)
{
    assert_int_equal(a->id, b->id);
    assert_view(a->request_id, b->request_id);
    assert_int_equal(a->wall_ms, b->wall_ms);
    assert_view(a->key, b->key);
    assert_view(a->model_asked, b->model_asked);
    assert_view(a->alias, b->alias);
    assert_view(a->dialect, b->dialect);
    assert_view(a->task, b->task);
    assert_true(a->confidence == b->confidence);
    assert_true(a->complexity == b->complexity);
    assert_view(a->plan, b->plan);
    assert_view(a->attempts, b->attempts);
    assert_view(a->notes, b->notes);
    assert_int_equal(a->side, b->side);
    assert_view(a->backend, b->backend);
    assert_view(a->node, b->node);
    assert_view(a->model, b->model);
    assert_int_equal(a->tokens_in, b->tokens_in);
    assert_int_equal(a->tokens_out, b->tokens_out);
    assert_int_equal(a->tokens_cached, b->tokens_cached);
    assert_int_equal(a->tokens_reasoning, b->tokens_reasoning);
    assert_int_equal(a->tokens_estimated, b->tokens_estimated);
    assert_int_equal(a->stream, b->stream);
    assert_int_equal(a->status, b->status);
    assert_view(a->outcome, b->outcome);
    assert_int_equal(a->first_token_us, b->first_token_us);
    assert_int_equal(a->total_us, b->total_us);
    assert_int_equal(a->cost_nano, b->cost_nano);
    assert_int_equal(a->other_cost_nano, b->other_cost_nano);
    assert_view(a->other_model, b->other_model);
    assert_view(a->scan, b->scan);
    assert_view(a->profile, b->profile);
    assert_view(a->findings, b->findings);
    assert_view(a->modes, b->modes);
    assert_view(a->peer, b->peer);
    assert_view(a->portions, b->portions);
    assert_view(a->sent, b->sent);
}

struct expected {
    const struct ledger_record *records; /* as they must come */
    unsigned n, seen;
};

static bool on_record(void *context, const struct ledger_record *record)
{
    struct expected *e = context;

    assert_true(e->seen < e->n);
    assert_same(record, &e->records[e->seen]);
    e->seen++;
    return true;
}

static void reads_back_what_was_written(void **state)
{
    struct ledger_record full = fixture_record();
    struct ledger_record bare = {
        .id = ledger_next_id(),
        .wall_ms = full.wall_ms + 5,
        .request_id = VIEW("req-2"),
        .side = -1,
        .status = 400,
        .outcome = VIEW("invalid_json"),
        .tokens_out = UINT32_MAX,
        .tokens_estimated = true,
        .first_token_us = -1,
        .total_us = 12,
        .cost_nano = LEDGER_UNPRICED,
        .other_cost_nano = LEDGER_UNPRICED,
    };
    const struct ledger_record newest_first[] = {bare, full};
    struct error err;
    bool found;
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    assert_true(fixture_write(l, full));
    assert_true(fixture_write(l, bare));

    /* beside the writer, which still has the file open */
    struct ledger_reader *r = open_reader();
    struct expected all = {newest_first, 2, 0};
    assert_true(ledger_read(r, 0, 0, on_record, &all, &err));
    assert_int_equal(all.seen, 2);
    struct expected newest = {newest_first, 1, 0};
    assert_true(ledger_read(r, 0, 1, on_record, &newest, &err));
    assert_int_equal(newest.seen, 1);
    struct expected late = {newest_first, 1, 0};
    assert_true(ledger_read(r, bare.wall_ms, 0, on_record, &late, &err));
    assert_int_equal(late.seen, 1);

    char id[24];
    snprintf(id, sizeof(id), "%lld", (long long)full.id);
    struct expected by_id = {&full, 1, 0}, by_request = {&bare, 1, 0};
    assert_true(ledger_read_one(r, view_str(id), on_record, &by_id, &found, &err));
    assert_true(found);
    assert_true(ledger_read_one(r, VIEW("req-2"), on_record, &by_request, &found, &err));
    assert_true(found);
    assert_true(ledger_read_one(r, VIEW("req-3"), on_record, NULL, &found, &err));
    assert_false(found);
    ledger_reader_close(r);
    ledger_close(l);

    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange WHERE cost_nano IS NULL AND"
                                 " side IS NULL AND task IS NULL AND first_token_us IS NULL"),
                     1);
    char wal[96];
    snprintf(wal, sizeof(wal), "%s-wal", fixture_path);
    assert_int_not_equal(access(wal, F_OK), 0); /* a clean end leaves one file */
    struct expected at_rest = {newest_first, 2, 0};
    r = open_reader();
    assert_true(ledger_read(r, 0, 0, on_record, &at_rest, &err));
    assert_int_equal(at_rest.seen, 2);
    ledger_reader_close(r);
    assert_int_not_equal(access(wal, F_OK), 0); /* and reading it adds none */
}

/* How many transactions N submissions and one flush came to. */
static uint64_t transactions_of_a_turn(struct ledger *l)
{
    enum { N = 200 };
    struct commit *c = calloc(N, sizeof(*c));
    struct ledger_stats before = ledger_stats(l);

    usleep(5000); /* the writer goes to sleep meanwhile, or takes the first ones alone */
    for (int i = 0; i < N; i++)
        fixture_submit(l, &c[i], fixture_record());
    ledger_flush(l);
    for (int i = 0; i < N; i++)
        assert_true(fixture_wait(&c[i]));
    free(c);
    struct ledger_stats after = ledger_stats(l);
    assert_int_equal(after.committed - before.committed, N);
    assert_int_equal(after.lost, 0);
    return after.transactions - before.transactions;
}

static void a_turn_is_one_transaction(void **state)
{
    uint64_t fewest = UINT64_MAX;
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_FULL);
    for (int round = 0; round < 10 && fewest != 1; round++) {
        uint64_t n = transactions_of_a_turn(l);
        fewest = n < fewest ? n : fewest;
    }
    assert_int_equal(fewest, 1);
    ledger_close(l);
}

static void close_writes_what_is_queued(void **state)
{
    struct commit c[3];
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    for (int i = 0; i < 3; i++)
        fixture_submit(l, &c[i], fixture_record());
    ledger_close(l);
    for (int i = 0; i < 3; i++)
        assert_true(fixture_wait(&c[i]));
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), 3);
}

static void a_row_that_stands_there_harms_no_other(void **state)
{
    struct ledger_record first = fixture_record(), other = fixture_record();
    struct commit c[3];
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    assert_true(fixture_write(l, first));
    fixture_submit(l, &c[0], fixture_record());
    fixture_submit(l, &c[1], first);
    fixture_submit(l, &c[2], other);
    ledger_flush(l);
    assert_true(fixture_wait(&c[0]));
    assert_false(fixture_wait(&c[1]));
    assert_true(fixture_wait(&c[2]));
    assert_false(ledger_failing(l, NULL));
    ledger_close(l);
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), 3);
}

static void *submit_many(void *arg)
{
    enum { ROUNDS = 20, BATCH = 25 };
    struct ledger *l = arg;
    struct commit *c = calloc(BATCH, sizeof(*c));

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BATCH; i++)
            fixture_submit(l, &c[i], fixture_record());
        ledger_flush(l);
        for (int i = 0; i < BATCH; i++)
            if (!fixture_wait(&c[i]))
                abort();
    }
    free(c);
    return NULL;
}

static void many_threads_submit(void **state)
{
    pthread_t threads[4];
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, l), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ledger_close(l);
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), 4 * 20 * 25);
}

static void ids_rise(void **state)
{
    int64_t last = 0;
    (void)state;

    for (int i = 0; i < 100000; i++) {
        int64_t id = ledger_next_id();
        assert_true(id > last);
        last = id;
    }
    assert_in_range(last >> 20, clock_wall_ms() - 60000, clock_wall_ms() + 1000);

    /* A file from the future: the clock was set back since. */
    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    struct ledger_record record = fixture_record();
    record.id = last + (INT64_C(3600000) << 20);
    assert_true(fixture_write(l, record));
    ledger_close(l);
    l = fixture_open(LEDGER_SYNC_NORMAL);
    assert_true(ledger_next_id() > record.id);
    ledger_close(l);
}

static bool sum_hours(void *context, const struct ledger_node_hours *hours)
{
    int64_t *sums = context;

    sums[0] += hours->to_ms - hours->from_ms;
    sums[1] += hours->busy_ms;
    assert_view(hours->node, VIEW("http://n1:8000"));
    assert_int_equal(hours->cost_per_hour_nano, 2500000000);
    return true;
}

static void node_hours_come_with_a_commit(void **state)
{
    char node[] = "http://n1:8000";
    struct ledger_node_hours hours = {1000, 61000, VIEW("lab"), view_str(node), 20000, 2500000000};
    int64_t sums[2] = {0};
    struct error err;
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    ledger_add_node_hours(l, &hours);
    memset(node, 'x', sizeof(node) - 1); /* it was copied */
    assert_true(fixture_write(l, fixture_record()));
    memcpy(node, "http://n1:8000", sizeof(node));
    hours.from_ms = 61000;
    hours.to_ms = 121000;
    ledger_add_node_hours(l, &hours);
    ledger_close(l);

    struct ledger_reader *r = open_reader();
    assert_true(ledger_read_hours(r, 0, sum_hours, sums, &err));
    assert_int_equal(sums[0], 120000);
    assert_int_equal(sums[1], 40000);
    sums[0] = sums[1] = 0;
    assert_true(ledger_read_hours(r, 31000, sum_hours, sums, &err)); /* half of the first */
    assert_int_equal(sums[0], 90000);
    assert_int_equal(sums[1], 30000);
    ledger_reader_close(r);
}

static void foreign_files_are_refused(void **state)
{
    static const struct {
        const char *sql, *text; /* what was done to the file, what is said */
    } cases[] = {
        {"CREATE TABLE shopping(what TEXT)", "no ledger of Weir"},
        {"CREATE TABLE meta(key, value); CREATE TABLE exchange(id); CREATE TABLE node_hours(a);"
         "INSERT INTO meta VALUES('schema', 99)",
         "has schema 99"},
        {"CREATE TABLE meta(key, value); CREATE TABLE exchange(id); CREATE TABLE node_hours(a);"
         "INSERT INTO meta VALUES('schema', 0)",
         "has schema 0"},
        {NULL, "not readable"},
    };
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unlink(fixture_path);
        if (cases[i].sql) {
            fixture_exec(cases[i].sql);
        } else {
            FILE *f = fopen(fixture_path, "w");
            for (int n = 0; n < 1000; n++)
                fputs("this is no database ", f);
            fclose(f);
        }
        struct ledger_options options = {.path = view_str(fixture_path)};
        assert_null(ledger_open(&options, &err));
        if (!strstr(err.text, cases[i].text) || !err.hint[0])
            fail_msg("%s (%s)", err.text, err.hint);
        assert_int_equal(err.code, ERROR_LEDGER_UNAVAILABLE);
        assert_null(ledger_reader_open(view_str(fixture_path), &err));
        assert_non_null(strstr(err.text, cases[i].text));
    }
    struct ledger_options nowhere = {.path = VIEW("/nonexistent/weir.db")};
    assert_null(ledger_open(&nowhere, &err));
    assert_non_null(strstr(err.text, "cannot be opened"));
    assert_null(ledger_reader_open(VIEW("/nonexistent/weir.db"), &err));
    assert_non_null(strstr(err.text, "there is no ledger"));
    assert_null(ledger_reader_open(view_str(fixture_folder), &err));
    assert_non_null(strstr(err.text, "is a folder"));
}

static void two_gateways_share_a_file(void **state)
{
    (void)state;

    struct ledger *a = fixture_open(LEDGER_SYNC_NORMAL), *b = fixture_open(LEDGER_SYNC_NORMAL);
    for (int i = 0; i < 50; i++) {
        assert_true(fixture_write(a, fixture_record()));
        assert_true(fixture_write(b, fixture_record()));
    }
    ledger_close(a);
    assert_true(fixture_write(b, fixture_record()));
    ledger_close(b);
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), 101);
}

static long size_of_wal(void)
{
    char wal[96];
    struct stat st;

    snprintf(wal, sizeof(wal), "%s-wal", fixture_path);
    assert_int_equal(stat(wal, &st), 0);
    return (long)st.st_size;
}

/* Enough for several checkpoints and resets of the WAL, with a reader that comes and goes. How much
 * is written between two resets is the disk's matter; that there are resets is ours: a file that is
 * reset stays behind what was written. */
static void the_wal_stays_bounded(void **state)
{
    enum { MIN_ROUNDS = 150, MAX_ROUNDS = 600, BATCH = 64, NOTES = 4000 };
    struct commit *c = calloc(BATCH, sizeof(*c));
    int rounds = 0;
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    char *large = malloc(NOTES);
    memset(large, 'n', NOTES);
    do {
        for (int i = 0; i < BATCH; i++) {
            struct ledger_record record = fixture_record();
            record.notes = view_of(large, NOTES);
            fixture_submit(l, &c[i], record);
        }
        ledger_flush(l);
        for (int i = 0; i < BATCH; i++)
            assert_true(fixture_wait(&c[i]));
        rounds++;
        if (rounds % 50 == 10)
            assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), rounds * BATCH);
        usleep(2000);
    } while (rounds < MIN_ROUNDS ||
             (rounds < MAX_ROUNDS && size_of_wal() > (long)rounds * BATCH * NOTES / 2));
    assert_in_range(size_of_wal(), 1, (long)rounds * BATCH * NOTES / 2);
    ledger_close(l);
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), rounds * BATCH);
    free(large);
    free(c);
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(reads_back_what_was_written),   with_file(a_turn_is_one_transaction),
        with_file(close_writes_what_is_queued),   with_file(a_row_that_stands_there_harms_no_other),
        with_file(many_threads_submit),           with_file(ids_rise),
        with_file(node_hours_come_with_a_commit), with_file(foreign_files_are_refused),
        with_file(two_gateways_share_a_file),     with_file(the_wal_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
