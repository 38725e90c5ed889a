/* The file that gathers a transaction's frames: what reaches the disk, and when. */
#include "fixture.h"

#include "ledger/read.h"
#include "ledger/wal_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 512, FRAME = 24 + PAGE, HEAD = 32 };

static sqlite3_file *file;

static int open_wal(void **state)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(wal_file_vfs());
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;

    if (fixture_setup(state) != 0 || !vfs)
        return -1;
    file = calloc(1, (size_t)vfs->szOsFile);
    return vfs->xOpen(vfs, fixture_path, file, flags, &flags);
}

static int close_wal(void **state)
{
    file->pMethods->xClose(file);
    free(file);
    return fixture_teardown(state);
}

static void put(const void *p, int n, sqlite3_int64 at)
{
    assert_int_equal(file->pMethods->xWrite(file, p, n, at), SQLITE_OK);
}

/* A frame's header and its page, as SQLite writes them. */
static void put_frame(int number, char fill, bool last)
{
    unsigned char header[24] = {[0] = 1, [7] = last};
    char page[PAGE];
    sqlite3_int64 at = HEAD + (sqlite3_int64)number * FRAME;

    memset(page, fill, sizeof(page));
    put(header, sizeof(header), at);
    put(page, sizeof(page), at + 24);
}

static void begin(void)
{
    char head[HEAD] = {1};

    put(head, sizeof(head), 0);
}

static long on_disk(void)
{
    struct stat st;

    assert_int_equal(stat(fixture_path, &st), 0);
    return (long)st.st_size;
}

/* The fill of that frame's page as others see it; 0: it is not there. */
static char seen(int number)
{
    char c = 0;
    FILE *f = fopen(fixture_path, "r");

    assert_non_null(f);
    if (fseek(f, HEAD + (long)number * FRAME + 24, SEEK_SET) != 0 || fread(&c, 1, 1, f) != 1)
        c = 0;
    fclose(f);
    return c;
}

static void the_last_frame_sends_all(void **state)
{
    (void)state;
    begin();
    assert_int_equal(on_disk(), HEAD);
    put_frame(0, 'a', false);
    put_frame(1, 'b', false);
    assert_int_equal(on_disk(), HEAD);
    put_frame(2, 'c', true);
    assert_int_equal(on_disk(), HEAD + 3 * FRAME);
    assert_int_equal(seen(0), 'a');
    assert_int_equal(seen(1), 'b');
    assert_int_equal(seen(2), 'c');
    put_frame(3, 'd', true);
    assert_int_equal(seen(3), 'd');
}

static void other_calls_find_what_was_kept(void **state)
{
    char page[PAGE];
    sqlite3_int64 size = 0;
    (void)state;

    begin();
    put_frame(0, 'a', false);
    assert_int_equal(file->pMethods->xRead(file, page, PAGE, HEAD + 24), SQLITE_OK);
    assert_int_equal(page[PAGE - 1], 'a');
    put_frame(1, 'b', false);
    assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    assert_int_equal(size, HEAD + 2 * FRAME);
    put_frame(2, 'c', false);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(seen(2), 'c');
    put_frame(3, 'd', false);
    assert_int_equal(file->pMethods->xTruncate(file, HEAD + 2 * FRAME), SQLITE_OK);
    assert_int_equal(on_disk(), HEAD + 2 * FRAME);
}

/* After a rollback, or when a page changes again in the same transaction. */
static void what_is_written_again_comes_after(void **state)
{
    unsigned char header[24] = {[0] = 9, [7] = 1};
    char page[PAGE];
    (void)state;

    begin();
    put_frame(0, 'a', true);
    put_frame(1, 'b', false); /* rolled back: nobody hears of it */
    put_frame(2, 'c', false);
    put_frame(1, 'd', false);
    assert_int_equal(seen(1), 'd');
    put_frame(2, 'e', false);
    put_frame(3, 'f', true);
    assert_int_equal(seen(1), 'd');
    assert_int_equal(seen(2), 'e');
    assert_int_equal(seen(3), 'f');

    put_frame(4, 'g', false);
    memset(page, 'h', sizeof(page));
    put(page, PAGE, HEAD + 4 * FRAME + 24);
    assert_int_equal(seen(4), 'h');
    put_frame(5, 'i', true);
    put(header, sizeof(header), HEAD + 5 * FRAME); /* a header alone, with its checksum anew */
    assert_int_equal(on_disk(), HEAD + 6 * FRAME);
    assert_int_equal(seen(5), 'i');

    begin(); /* a reset: the frames begin at the front again */
    put_frame(0, 'j', false);
    assert_int_equal(seen(0), 'a');
    put_frame(1, 'k', true);
    assert_int_equal(seen(0), 'j');
    assert_int_equal(seen(1), 'k');
}

/* A page in two parts, and more than is kept. */
static void odd_sizes(void **state)
{
    unsigned char header[24] = {[0] = 1, [7] = 1};
    char page[PAGE];
    (void)state;

    begin();
    memset(page, 'a', sizeof(page));
    put(header, sizeof(header), HEAD);
    put(page, 100, HEAD + 24);
    put(page + 100, PAGE - 100, HEAD + 124);
    assert_int_equal(on_disk(), HEAD + FRAME);
    for (int i = 1; i < 1000; i++)
        put_frame(i, (char)('a' + i % 26), i == 999);
    assert_int_equal(on_disk(), HEAD + 1000 * FRAME);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen(i), 'a' + i % 26);
}

static void copy_file(const char *end, const char *to)
{
    char command[256];

    snprintf(command, sizeof(command), "cp %s%s %s%s", fixture_path, end, to, end);
    assert_int_equal(system(command), 0);
}

/* A transaction larger than the page cache: pages leave it early and change again. What the WAL
 * holds then is read by its checksums alone, as after a kill -9. */
static void spilled_pages_are_found_again(void **state)
{
    enum { N = 300, BYTES = 20000 };
    struct commit *c = calloc(N, sizeof(*c));
    char *large = malloc(BYTES), copy[80], path[80];
    (void)state;

    memset(large, 'n', BYTES);
    struct ledger *l = fixture_open(LEDGER_SYNC_NORMAL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            struct ledger_record record = fixture_record();
            record.notes = view_of(large, BYTES);
            fixture_submit(l, &c[i], record);
        }
        ledger_flush(l);
        for (int i = 0; i < N; i++)
            assert_true(fixture_wait(&c[i]));
        assert_int_equal(fixture_ask("SELECT sum(length(notes)) FROM exchange"),
                         (int64_t)(round + 1) * N * BYTES);
    }
    snprintf(copy, sizeof(copy), "%.63s/copy", fixture_folder);
    copy_file("", copy);
    copy_file("-wal", copy);
    ledger_close(l);
    memcpy(path, fixture_path, sizeof(path));
    memcpy(fixture_path, copy, sizeof(copy));
    assert_int_equal(fixture_ask("SELECT count(*) FROM exchange"), 2 * N);
    assert_int_equal(fixture_ask("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    fixture_exec("PRAGMA journal_mode=DELETE");
    unlink(copy);
    memcpy(fixture_path, path, sizeof(path));
    free(large);
    free(c);
}

#define with_wal(test) cmocka_unit_test_setup_teardown(test, open_wal, close_wal)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_wal(the_last_frame_sends_all),
        with_wal(other_calls_find_what_was_kept),
        with_wal(what_is_written_again_comes_after),
        with_wal(odd_sizes),
        cmocka_unit_test_setup_teardown(spilled_pages_are_found_again, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
