/* A full disk, and the death of the process. */
#include "fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Writes records until one is refused. */
static void write_until_refused(struct ledger *l, int at_most)
{
    for (int i = 0; i < at_most; i++)
        if (!fixture_write(l, fixture_record()))
            return;
    fail_msg("%d records were taken by a full disk", at_most);
}

static bool recovers_within(struct ledger *l, int64_t ms)
{
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;

    while (ledger_failing(l, NULL) && clock_mono_ns() < end)
        usleep(10000);
    return !ledger_failing(l, NULL);
}

/* Refuses, says so, answers at once, and recovers when `make_room` was called. */
static void fail_and_recover(struct ledger *l, void (*make_room)(void))
{
    struct error why;

    write_until_refused(l, 20000);
    assert_true(ledger_failing(l, &why));
    assert_int_equal(why.code, ERROR_LEDGER_UNAVAILABLE);
    assert_true(why.text[0] && why.hint[0]);

    uint64_t before = ledger_stats(l).lost;
    int64_t best = INT64_MAX; /* of several: the machine may be busy */
    for (int i = 0; i < 10 && ledger_failing(l, NULL); i++) {
        int64_t begin = clock_mono_ns();
        fixture_write(l, fixture_record());
        int64_t took = clock_mono_ns() - begin;
        best = took < best ? took : best;
    }
    assert_true(ledger_stats(l).lost > before);
    assert_true(best < 50 * NS_PER_MS);

    struct ledger_node_hours hours = {0, 60000, VIEW("lab"), VIEW("n1"), 1000, 1};
    ledger_add_node_hours(l, &hours); /* not lost with the records of its time */
    make_room();
    assert_true(recovers_within(l, 20000));
    assert_true(fixture_write(l, fixture_record()));
    struct ledger_stats stats = ledger_stats(l);
    ledger_close(l);
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), stats.committed);
    assert_int_equal(fixture_ask("SELECT count(*) FROM node_hours"), 1);
    assert_int_equal(
        fixture_ask("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static void grow_disk(void)
{
    assert_int_equal(mount("none", fixture_folder, NULL, MS_REMOUNT, "size=64m"), 0);
}

static void a_full_disk(void **state)
{
    (void)state;

    if (mount("none", fixture_folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: mounting a tmpfs takes root (%s)\n", strerror(errno));
        skip();
    }
    fail_and_recover(fixture_open(LEDGER_SYNC_NORMAL), grow_disk);
}

/* Also after a failure: no mount stays behind. */
static int unmount(void **state)
{
    umount2(fixture_folder, MNT_DETACH); /* fails where none was mounted */
    return fixture_teardown(state);
}

static void lift_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Needs no root: files may not grow past a size, which SQLite meets as an I/O error. */
static void a_file_that_may_not_grow(void **state)
{
    struct rlimit limit;
    (void)state;

    signal(SIGXFSZ, SIG_IGN);
    struct ledger *l = fixture_open(LEDGER_SYNC_FULL);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 400 << 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fail_and_recover(l, lift_limit);
}

/* Somebody holds the write lock for longer than the ledger waits. */
static void a_locked_file(void **state)
{
    struct error why;
    sqlite3 *other = NULL;
    (void)state;

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    assert_int_equal(sqlite3_open(fixture_path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_false(fixture_write(l, fixture_record()));
    assert_true(ledger_failing(l, &why));
    assert_non_null(strstr(why.text, "locked"));
    sqlite3_close(other);
    assert_true(recovers_within(l, 20000));
    assert_true(fixture_write(l, fixture_record()));
    ledger_close(l);
}

struct slot {
    struct ledger_commit commit; /* first */
    struct ledger_record record;
    atomic_bool taken;
};

/* The child tells each id when its commit was answered. */
static void tell_id(struct ledger_commit *commit, bool committed)
{
    struct slot *slot = (struct slot *)commit;
    int64_t id = commit->record->id;

    if (committed && write(STDOUT_FILENO, &id, sizeof(id)) != sizeof(id))
        _exit(1);
    atomic_store(&slot->taken, false);
}

static void __attribute__((noreturn)) submit_until_killed(void)
{
    enum { SLOTS = 4096, TURN = 7 };
    static struct slot slots[SLOTS];

    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    for (unsigned i = 0;; i++) {
        struct slot *slot = &slots[i % SLOTS];
        while (atomic_load(&slot->taken)) {
            ledger_flush(l);
            usleep(50);
        }
        atomic_store(&slot->taken, true);
        slot->record = fixture_record();
        slot->commit = (struct ledger_commit){.record = &slot->record, .done = tell_id};
        ledger_submit(l, &slot->commit);
        if (i % TURN == 0) {
            ledger_flush(l);
            usleep(50);
        }
    }
}

static bool is_there(struct ledger *l, int64_t id)
{
    char sql[96];
    (void)l;

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM exchange WHERE id = %lld", (long long)id);
    return fixture_ask(sql) == 1;
}

/* Reads ids for a while, kills, and reads what was told before the end. Returns how many. */
static size_t run_child(int64_t *ids, size_t max)
{
    int pipes[2];
    size_t bytes = 0;
    ssize_t got;

    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        submit_until_killed();
    }
    close(pipes[1]);
    int64_t kill_at = clock_mono_ns() + (20 + random() % 150) * NS_PER_MS;
    bool killed = false;
    for (;;) {
        struct pollfd p = {.fd = pipes[0], .events = POLLIN};
        poll(&p, 1, 5);
        /* At least one id, so that a slow machine tests something too. */
        if (!killed && bytes && clock_mono_ns() >= kill_at) {
            kill(child, SIGKILL);
            killed = true;
        }
        if (!(p.revents & (POLLIN | POLLHUP)))
            continue;
        size_t room = max * sizeof(*ids) - bytes;
        got = read(pipes[0], (char *)ids + bytes, room);
        if (got <= 0)
            break;
        bytes += (size_t)got;
        if (bytes == max * sizeof(*ids))
            break;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    return bytes / sizeof(*ids);
}

static void killed_at_random_times(void **state)
{
    enum { KILLS = 20, MAX_IDS = 100000 };
    int64_t *ids = calloc(MAX_IDS, sizeof(*ids));
    int64_t last[KILLS];
    size_t total = 0;
    int64_t quickest = INT64_MAX;
    (void)state;

    srandom((unsigned)getpid());
    for (int i = 0; i < KILLS; i++) {
        size_t n = run_child(ids, MAX_IDS);
        assert_true(n > 0);
        total += n;
        last[i] = ids[n - 1];

        int64_t begin = clock_mono_ns();
        struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
        int64_t opened = clock_mono_ns() - begin;
        quickest = opened < quickest ? opened : quickest;
        size_t step = n > 50 ? n / 50 : 1; /* some of all, and all of the last ones */
        for (size_t at = 0; at < n; at += n - at <= 20 ? 1 : step)
            if (!is_there(l, ids[at]))
                fail_msg("id %lld was answered and is not there", (long long)ids[at]);
        assert_true(fixture_ask("SELECT count(*) FROM exchange") >= (int64_t)total);
        ledger_close(l);
        assert_int_equal(
            fixture_ask("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
            1);
    }
    if (quickest > NS_PER_S)
        fail_msg("opening took %lld ms each time", (long long)(quickest / NS_PER_MS));
    for (int i = 0; i < KILLS; i++)
        assert_true(is_there(NULL, last[i]));
    print_message("%zu records answered in %d lives\n", total, KILLS);
    free(ids);
}

#define with_file(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_file(killed_at_random_times), /* forks: before any thread stays */
        with_file(a_file_that_may_not_grow),
        cmocka_unit_test_setup_teardown(a_full_disk, fixture_setup, unmount),
        with_file(a_locked_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
