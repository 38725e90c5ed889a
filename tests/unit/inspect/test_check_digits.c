/* Numbers with check digits, against the golden vectors and against numbers that others publish. */
#include "base/buf.h"
#include "inspect/check_digits.h"
#include "inspect/national_ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Letters in upper case and digits; Finland's keeps the century's sign. */
static struct view compact(struct view value, bool keep_signs, char to[64])
{
    size_t n = 0;

    for (size_t i = 0; i < value.n && n < 64; i++) {
        char c = value.p[i];
        bool sign = strchr(" -./", c) != NULL;
        if (!sign || (keep_signs && c == '-'))
            to[n++] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    return view_of(to, n);
}

static bool is_valid(struct view kind, struct view value)
{
    char bytes[64];
    struct view v = compact(value, view_eq(kind, VIEW("hetu")), bytes);

    if (view_eq(kind, VIEW("card")))
        return check_card(v);
    if (view_eq(kind, VIEW("iban")))
        return check_iban(v);
    for (const struct national_id *id = national_id_match(v, NULL); id;
         id = national_id_match(v, id + 1))
        if (view_eq(view_str(id->sub), kind))
            return true;
    return false;
}

static void golden_numbers(void **state)
{
    (void)state;
    char path[512], line[128];
    const char *source = getenv("WEIR_SOURCE");
    unsigned rows = 0, wrong = 0;

    snprintf(path, sizeof(path), "%s/tests/golden/sensitivity/ids.txt", source ? source : ".");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        struct view left = view_of(line, strcspn(line, "\n"));
        if (left.n == 0 || line[0] == '#')
            continue;
        struct view kind = view_cut(&left, ' '), expected = view_cut(&left, ' ');
        rows++;
        if (is_valid(kind, left) == view_eq(expected, VIEW("valid")))
            continue;
        wrong++;
        print_error("%s", line);
    }
    fclose(f);
    assert_int_equal(rows, 656);
    assert_int_equal(wrong, 0);
}

/* Countries that the vectors leave out, and specimens that authorities print. */
static void specimens(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *good, *bad;
    } rows[] = {
        {"ahv", "7569217076985", "7569217076986"},
        {"svnr", "1237010180", "1238010180"},
        {"nrn", "93051822361", "93051822362"},
        {"fnr", "01010750160", "01010750161"},
        {"cnpj", "11222333000181", "11222333000182"},
        {"abn", "51824753556", "51824753557"},
        {"nif", "123456789", "123456788"},
        {"rc", "7401040020", "7401040021"},
        {"cns", "11010519491231002X", "110105194912310021"},
        {"rrn", "8001011234560", "8001011234561"},
        {"my_number", "123456789018", "123456789019"},
        {"nino", "AB123456C", "DF123456C"},
        {"mbi", "1EG4TE5MK73", "1SG4TE5MK73"},
        {"pan", "AFZPK7190K", "AFZXK7190K"},
        {"kvnr", "A123456780", "A123456781"},
        {"medicare_au", "2123456701", "2123456711"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool good = is_valid(view_str(rows[i].kind), view_str(rows[i].good));
        bool bad = is_valid(view_str(rows[i].kind), view_str(rows[i].bad));
        if (!good || bad)
            print_error("%s: %s %d, %s %d\n", rows[i].kind, rows[i].good, good, rows[i].bad, bad);
        assert_true(good && !bad);
    }
}

static void wallets(void **state)
{
    (void)state;
    assert_true(check_base58(VIEW("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")));
    assert_false(check_base58(VIEW("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")));
    assert_false(check_base58(VIEW("1A1zP1eP5QGefi2DMPTfTL5SLmv7Div0Na"))); /* no zero there */
    assert_true(check_bech32(VIEW("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")));
    assert_false(check_bech32(VIEW("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")));
    assert_true(
        check_bech32(VIEW("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0")));
}

static void vehicles(void **state)
{
    (void)state;
    assert_true(check_vin(VIEW("1M8GDM9AXKP042788")));
    assert_false(check_vin(VIEW("1M8GDM9AXKP042789")));
    assert_false(check_vin(VIEW("1M8GDM9AXKPO42788")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_numbers),
        cmocka_unit_test(specimens),
        cmocka_unit_test(wallets),
        cmocka_unit_test(vehicles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
