#include "base/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void test_addresses(void **state)
{
    static const struct {
        const char *text, *written; /* NULL: no address */
    } rows[] = {
        {"10.0.0.1", "10.0.0.1"},
        {"::1", "::1"},
        {"FD00:0::1", "fd00::1"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
        {"::ffff:a00:1", "10.0.0.1"},
        {"", NULL},
        {"10.0.0", NULL},
        {"10.0.0.256", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"localhost", NULL},
        {" 10.0.0.1", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee", NULL},
    };
    struct buf out = BUF_MAX(100);
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct network_address a = {.n = 7};
        bool ok = network_address_parse(view_str(rows[i].text), &a);
        buf_reset(&out);
        if (ok)
            network_address_write(&out, &a);
        if (ok != (rows[i].written != NULL) || (!ok && a.n != 7) ||
            (ok && !view_eq(buf_view(&out), view_str(rows[i].written))))
            fail_msg("%s: %.*s", rows[i].text, VIEW_ARG(buf_view(&out)));
    }
    assert_false(network_address_parse(view_of("10.0.0.1\0x", 10), &(struct network_address){0}));
    buf_reset(&out);
    network_address_write(&out, &(struct network_address){.n = 0});
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

static void test_networks(void **state)
{
    static const struct {
        const char *network, *written, *inside, *outside; /* `written` NULL: no network */
    } rows[] = {
        {"10.0.0.0/8", "10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/8", "10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
        {"172.16.0.0/12", "172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
        {"100.64.0.0/10", "100.64.0.0/10", "100.127.255.255", "100.128.0.0"},
        {"192.0.2.7", "192.0.2.7/32", "192.0.2.7", "192.0.2.6"},
        {"0.0.0.0/0", "0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
        {"::/0", "::/0", "2001:db8::1", "8.8.8.8"},
        {"fc00::/7", "fc00::/7", "fdff::1", "fe00::1"},
        {"fe80::/10", "fe80::/10", "febf::1", "fec0::1"},
        {"::1", "::1/128", "::1", "::2"},
        {"10.0.0.1/8", NULL, NULL, NULL},
        {"172.16.0.0/11", NULL, NULL, NULL},
        {"10.0.0.0/33", NULL, NULL, NULL},
        {"10.0.0.0/", NULL, NULL, NULL},
        {"10.0.0.0/-1", NULL, NULL, NULL},
        {"/8", NULL, NULL, NULL},
        {"fc00::/129", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    struct buf out = BUF_MAX(100);
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct network n = {.n = 0};
        struct network_address a;
        bool ok = network_parse(view_str(rows[i].network), &n);
        if (!rows[i].inside) {
            assert_false(ok);
            continue;
        }
        assert_true(ok);
        buf_reset(&out);
        network_write(&out, &n);
        assert_true(view_eq(buf_view(&out), view_str(rows[i].written)));
        assert_true(network_address_parse(view_str(rows[i].inside), &a));
        if (!networks_hold(&n, 1, &a))
            fail_msg("%s does not hold %s", rows[i].network, rows[i].inside);
        assert_true(network_address_parse(view_str(rows[i].outside), &a));
        if (networks_hold(&n, 1, &a))
            fail_msg("%s holds %s", rows[i].network, rows[i].outside);
        assert_false(networks_hold(&n, 0, &a));
        assert_false(networks_hold(&n, 1, &(struct network_address){.n = 0}));
    }
    buf_done(&out);
}

static void test_several_networks(void **state)
{
    struct network all[2];
    struct network_address a;
    (void)state;

    assert_true(network_parse(VIEW("10.0.0.0/8"), &all[0]));
    assert_true(network_parse(VIEW("fc00::/7"), &all[1]));
    assert_true(network_address_parse(VIEW("fd00::1"), &a));
    assert_true(networks_hold(all, 2, &a));
    assert_false(networks_hold(all, 1, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_several_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
