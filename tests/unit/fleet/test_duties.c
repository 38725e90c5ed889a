/* Nodes out of service, and the file that remembers them. */
#include "fleet/duties.h"

#include "support.h"

#define FLEET                                                                              \
    "backends:\n"                                                                          \
    "  - {name: lab, side: inside, engine: vllm, nodes: ['http://a:1', 'http://b:2/x']}\n" \
    "  - {name: desk, side: inside, engine: vllm, url: 'http://a:1'}\n"

static void apply(struct duties *d)
{
    for (struct node *n = node_first(); n; n = n->next)
        duties_apply(n, d);
}

static struct node *pick(struct fleet *f, const char *model, bool desperate,
                         struct fleet_tried *tried)
{
    struct fleet_wish wish = {.model = view_str(model), .desperate = desperate};

    return fleet_pick(f, &wish, tried);
}

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/weir_test_duties.%d", getpid());
    unlink(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    node_free_all();
    return 0;
}

static void expect_file(const char *want)
{
    char text[1024] = "";
    FILE *f = fopen(path, "rb");

    if (f) {
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
    }
    assert_string_equal(text, want);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct duties *open_duties(void)
{
    struct error err;
    struct duties *d = duties_open(view_str(path), &err);

    if (!d)
        fail_msg("%s", err.text);
    return d;
}

static void test_they_are_kept(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct node *a = node_of(f, 0, 0), *b = node_of(f, 0, 1), *other = node_of(f, 1, 0);
    struct duties *d = open_duties();
    int64_t now = clock_mono_ns();
    struct error err;
    (void)state;

    apply(d);
    assert_int_equal(node_state(a, now), NODE_UP);
    assert_true(duties_set(d, a, DUTY_DRAIN));
    assert_true(duties_set(d, b, DUTY_CORDON));
    assert_int_equal(node_state(a, now), NODE_DRAINED);
    assert_int_equal(node_state(b, now), NODE_CORDONED);
    assert_int_equal(node_state(other, now), NODE_UP); /* another backend's, at the same address */
    assert_true(duties_save(d, &err));
    expect_file("drain lab http://a:1\ncordon lab http://b:2/x\n");
    duties_close(d);
    fleet_unref(f);
    node_free_all();

    f = fleet_of(FLEET); /* the next process */
    d = open_duties();
    apply(d);
    assert_int_equal(node_state(node_of(f, 0, 0), now), NODE_DRAINED);
    assert_int_equal(node_state(node_of(f, 0, 1), now), NODE_CORDONED);
    assert_true(duties_set(d, node_of(f, 0, 0), DUTY_CORDON)); /* one line a node */
    assert_true(duties_set(d, node_of(f, 0, 1), DUTY_SERVE));
    assert_int_equal(node_state(node_of(f, 0, 1), now), NODE_UP);
    assert_string_equal(node_history(node_of(f, 0, 1)).why, "resumed by the operator");
    assert_true(duties_save(d, &err));
    expect_file("cordon lab http://a:1\n");
    duties_close(d);
    fleet_unref(f);
}

/* One that the config does not name now may come back. */
static void test_lines_of_other_nodes_stay(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct error err;
    (void)state;

    write_file("drain gone http://gone:1\n");
    struct duties *d = open_duties();
    apply(d);
    assert_true(duties_set(d, node_of(f, 1, 0), DUTY_DRAIN));
    assert_true(duties_save(d, &err));
    expect_file("drain gone http://gone:1\ndrain desk http://a:1\n");
    duties_close(d);
    fleet_unref(f);
}

static void test_slips_are_refused(void **state)
{
    static const char *const texts[] = {"drained lab http://a:1\n", "drain\n", "drain lab\n",
                                        "drain lab http://a:1\nlab\n", "\r\n"};
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file(texts[i]);
        if (duties_open(view_str(path), &err))
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(err.code, ERROR_BAD_CONFIG);
        assert_non_null(strstr(err.text, i == 3 ? ":2 " : ":1 "));
    }
}

static void test_a_file_that_cannot_be_written(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct error err;
    (void)state;

    struct duties *d = duties_open(VIEW("/nowhere/at/all"), &err);
    assert_non_null(d);
    assert_true(duties_set(d, node_of(f, 0, 0), DUTY_DRAIN));
    assert_false(duties_save(d, &err));
    assert_non_null(strstr(err.text, "cannot write /nowhere/at/all"));
    assert_int_equal(node_state(node_of(f, 0, 0), 0), NODE_DRAINED); /* all the same */
    duties_close(d);
    fleet_unref(f);
}

static void test_running_requests_finish(void **state)
{
    struct fleet *f = fleet_of(FLEET);
    struct node *n = node_of(f, 0, 0);
    struct node_use running, next;
    struct fleet_tried tried = {0};
    (void)state;

    assert_true(node_begin(n, &running));
    node_set_duty(n, DUTY_DRAIN);
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_DRAINING);
    assert_false(node_begin(n, &next));
    assert_ptr_equal(pick(f, "m", true, &tried), node_of(f, 0, 1));
    assert_null(pick(f, "m", true, &tried));
    node_end(&running, 0);
    assert_int_equal(node_state(n, clock_mono_ns()), NODE_DRAINED);

    struct arena *a = arena_new(1 << 16);
    struct policy_fleet view;
    assert_true(fleet_view(f, a, &view));
    assert_true(view.backends[0].available); /* by its other node */
    node_set_duty(node_of(f, 0, 1), DUTY_CORDON);
    node_fails(node_of(f, 1, 0), 3, 3);
    assert_true(fleet_view(f, a, &view));
    assert_false(view.backends[0].available);
    assert_true(view.backends[0].out_of_service);
    assert_false(view.backends[1].available);
    assert_false(view.backends[1].out_of_service); /* only open: the last resort */
    arena_free(a);
    fleet_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_they_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines_of_other_nodes_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slips_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_running_requests_finish, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
