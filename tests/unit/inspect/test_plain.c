/* The plain form of a text, and the way back from each byte of it. */
#include "inspect/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(16 << 20);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct plain normalize(struct view text)
{
    struct plain in = plain_of(text, 0), out;

    assert_true(plain_init(&out, (uint32_t)text.n + 1, arena));
    assert_true(plain_normalize(&out, &in, 0, in.n));
    return out;
}

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain;
    } rows[] = {
        {"plain text", "plain text"},
        {"100 % & more \\ less", "100 % & more \\ less"},
        {"M\xc3\xbcller, \xe6\x9d\xb1\xe4\xba\xac", "M\xc3\xbcller, \xe6\x9d\xb1\xe4\xba\xac"},
        {"\xef\xbc\xa1\xef\xbd\x82\xef\xbc\x91", "Ab1"},             /* full width */
        {"\xf0\x9d\x90\x80\xf0\x9d\x93\xba\xf0\x9d\x9f\x97", "Aq9"}, /* mathematical */
        {"\xef\xac\x81ne \xef\xac\x83", "fine ffi"},                 /* ligatures */
        {"\xe2\x91\xa0\xe2\x93\x90\xc2\xb2", "1a2"},                 /* circled, raised */
        {"a\xe2\x80\x8b"
         "b\xc2\xad"
         "c\xe2\x80\x8f"
         "d\xef\xbb\xbf",
         "abcd"},                                     /* invisible */
        {"x\xf3\xa0\x81\x81\xf3\xa0\x81\xa2", "xAb"}, /* tags */
        {"a\xc2\xa0"
         "b\xe3\x80\x80"
         "c\xe2\x80\x93"
         "d",
         "a b c-d"},
        {"\xd9\xa1\xdb\xb2\xe0\xa5\xa9", "123"},                   /* other digits */
        {"p\xd0\xb0ss \xd0\xbf\xd0\xb0", "pass \xd0\xbf\xd0\xb0"}, /* look-alikes in Latin only */
        {"\xd0\x90"
         "ccount",
         "Account"},
        {"e\xcc\x81"
         "t\xcc\x82",
         "et"}, /* marks of their own */
        {"a&amp;b &#64; &#x40; &nbsp;&unknown; &#0; AT&T", "a&b @ @  &unknown; &#0; AT&T"},
        {"a%40b%20%C3%A9%zz%2", "a@b \xc3\xa9%zz%2"},
        {"%25%32%30", "%20"}, /* one level */
        {"a\\u0040b\\x40c\\n\\\"d\\ud83d\\ude00", "a@b@c\n\"d\xf0\x9f\x98\x80"},
        {"\\ud800x", "\xef\xbf\xbdx"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plain out = normalize(view_str(rows[i].text));
        if (!view_eq(view_of(out.p, out.n), view_str(rows[i].plain)))
            fail_msg("%s became %.*s", rows[i].text, (int)out.n, out.p);
    }
}

/* Each range of the plain text leads to the bytes that it was made of. */
static void ways_back(void **state)
{
    (void)state;
    static const char text[] = "ab&#64;c\xef\xac\x83%20\xe2\x80\x8bz";
    struct plain out = normalize(view_str(text));
    static const struct {
        uint32_t from, to, raw, raw_end;
    } rows[] = {
        {0, 2, 0, 2},   {2, 3, 2, 7},   {3, 4, 7, 8},  {4, 7, 8, 11},
        {7, 8, 11, 17}, {8, 9, 17, 18}, {0, 9, 0, 18},
    };

    assert_true(view_eq(view_of(out.p, out.n), VIEW("ab@cffi z")));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(plain_raw(&out, rows[i].from), rows[i].raw);
        assert_int_equal(plain_raw_end(&out, rows[i].to), rows[i].raw_end);
    }
}

/* JSON's escapes first, then the rest: both ways lead back to the body. */
static void through_two_levels(void **state)
{
    (void)state;
    static const char text[] = "x\\n\\u0026#64;y";
    struct plain in = plain_of(view_str(text), 100), decoded, out;

    assert_true(plain_init(&decoded, in.n, arena) && plain_init(&out, in.n, arena));
    assert_true(plain_unescape(&decoded, &in, 0, in.n));
    assert_true(view_eq(view_of(decoded.p, decoded.n), VIEW("x\n&#64;y")));
    assert_true(plain_normalize(&out, &decoded, 0, decoded.n));
    assert_true(view_eq(view_of(out.p, out.n), VIEW("x\n@y")));
    assert_int_equal(plain_raw(&out, 1), 101);
    assert_int_equal(plain_raw(&out, 2), 103);
    assert_int_equal(plain_raw_end(&out, 3), 113);
    assert_int_equal(plain_raw(&out, 3), 113);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(ways_back),
        cmocka_unit_test(through_two_levels),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
