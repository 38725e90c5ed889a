#include "inspect/national_ids.h"

#include "inspect/check_digits.h"

static unsigned digit(struct view v, size_t i)
{
    return (unsigned)(v.p[i] - '0');
}

static uint64_t number(struct view v, size_t from, size_t n)
{
    uint64_t value = 0;

    for (size_t i = from; i < from + n; i++)
        value = value * 10 + digit(v, i);
    return value;
}

/* Weights as digits of a string, 'A' for 10 and so on. */
static unsigned weigh(struct view v, const char *weights)
{
    unsigned sum = 0;

    for (size_t i = 0; weights[i]; i++)
        sum +=
            digit(v, i) * (unsigned)(weights[i] <= '9' ? weights[i] - '0' : weights[i] - 'A' + 10);
    return sum;
}

static bool is_day(uint64_t day, uint64_t month)
{
    return day >= 1 && day <= 31 && month >= 1 && month <= 12;
}

static bool is_varied(struct view v)
{
    for (size_t i = 1; i < v.n; i++)
        if (v.p[i] != v.p[0])
            return true;
    return false;
}

static bool ssn(struct view v)
{
    uint64_t area = number(v, 0, 3);
    return area != 0 && area != 666 && area < 900 && number(v, 3, 2) != 0 && number(v, 5, 4) != 0 &&
           number(v, 0, 9) != 123456789 && number(v, 0, 9) != 78051120;
}

static bool itin(struct view v)
{
    uint64_t group = number(v, 3, 2);
    return v.p[0] == '9' && ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
                             (group >= 90 && group <= 92) || (group >= 94 && group <= 99));
}

static bool nino(struct view v)
{
    static const char no_prefix[] = "BGGBNKKNTNNTZZ";
    if (strchr("DFIQUV", v.p[0]) || strchr("DFIQUVO", v.p[1]) || !strchr("ABCD", v.p[8]))
        return false;
    for (size_t i = 0; i + 1 < sizeof(no_prefix) - 1; i += 2)
        if (memcmp(no_prefix + i, v.p, 2) == 0)
            return false;
    return true;
}

static bool steuerid(struct view v)
{
    unsigned counts[10] = {0}, thrice = 0, twice = 0;

    for (size_t i = 0; i < 10; i++)
        counts[digit(v, i)]++;
    for (size_t i = 0; i < 10; i++) {
        thrice += counts[i] == 3;
        twice += counts[i] == 2;
        if (counts[i] > 3)
            return false;
    }
    return v.p[0] != '0' && thrice + twice == 1 && check_mod_11_10(v);
}

static bool nir(struct view v)
{
    char text[16];
    uint64_t minus = 0;

    memcpy(text, v.p, 15);
    if (text[6] == 'A' || text[6] == 'B') { /* Corsica */
        minus = text[6] == 'A' ? 1000000 : 2000000;
        text[6] = '0';
    }
    for (size_t i = 0; i < 15; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    struct view n = view_of(text, 15);
    return strchr("123478", v.p[0]) && number(n, 3, 2) >= 1 && number(n, 3, 2) <= 42 &&
           97 - (number(n, 0, 13) - minus) % 97 == number(n, 13, 2);
}

static bool dni(struct view v)
{
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number(v, 0, 8) % 23] == v.p[8];
}

static bool nie(struct view v)
{
    uint64_t head = v.p[0] == 'X' ? 0 : v.p[0] == 'Y' ? 1 : v.p[0] == 'Z' ? 2 : 9;
    return head < 9 &&
           "TRWAGMYFPDXBNJZSQVHLCKE"[(head * 10000000 + number(v, 1, 7)) % 23] == v.p[8];
}

static bool codice_fiscale(struct view v)
{
    static const unsigned char odd[26] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                          20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    unsigned sum = 0;

    if (!strchr("ABCDEHLMPRST", v.p[8]))
        return false;
    for (size_t i = 0; i < 15; i++) {
        char c = v.p[i];
        unsigned value = (unsigned)(c >= 'A' ? c - 'A' : c - '0');
        bool digit_place = (i >= 6 && i != 8 && i != 11);
        if (digit_place && c >= 'A' && !strchr("LMNPQRSTUV", c))
            return false;
        sum += i % 2 == 0 ? odd[value] : value;
    }
    return v.p[15] == (char)('A' + sum % 26);
}

static bool pesel(struct view v)
{
    return is_day(number(v, 4, 2), number(v, 2, 2) % 20) &&
           (weigh(v, "1379137913") + digit(v, 10)) % 10 == 0;
}

static bool bsn(struct view v)
{
    return is_varied(v) && (weigh(v, "98765432") + 10 * digit(v, 8)) % 11 == 0;
}

static bool cpf(struct view v)
{
    unsigned first = weigh(v, "A98765432") * 10 % 11 % 10;
    unsigned second = weigh(v, "BA98765432") * 10 % 11 % 10;
    return is_varied(v) && first == digit(v, 9) && second == digit(v, 10);
}

static bool cnpj(struct view v)
{
    unsigned first = weigh(v, "543298765432") * 10 % 11 % 10;
    unsigned second = weigh(v, "6543298765432") * 10 % 11 % 10;
    return is_varied(v) && first == digit(v, 12) && second == digit(v, 13);
}

static bool aadhaar(struct view v)
{
    return v.p[0] >= '2' && check_verhoeff(v);
}

static bool pan(struct view v)
{
    return strchr("ABCFGHJLPT", v.p[3]) != NULL;
}

static bool social_insurance(struct view v)
{
    return v.p[0] != '0' && v.p[0] != '8' && check_luhn(v);
}

static bool personnummer(struct view v)
{
    struct view ten = view_last(v, 10);
    uint64_t day = number(ten, 4, 2);
    return is_day(day > 60 ? day - 60 : day, number(ten, 2, 2)) && check_luhn(ten);
}

static bool cpr(struct view v) /* its mod 11 is no longer kept */
{
    return is_day(number(v, 0, 2), number(v, 2, 2));
}

static bool fodselsnummer(struct view v)
{
    uint64_t day = number(v, 0, 2), month = number(v, 2, 2);
    return is_day(day > 40 ? day - 40 : day, month > 40 ? month - 40 : month) &&
           (weigh(v, "376189452") + digit(v, 9)) % 11 == 0 &&
           (weigh(v, "5432765432") + digit(v, 10)) % 11 == 0;
}

static bool hetu(struct view v) /* the century's sign is cut out */
{
    char nine[9];

    memcpy(nine, v.p, 6);
    memcpy(nine + 6, v.p + 7, 3);
    for (size_t i = 0; i < 9; i++)
        if (nine[i] < '0' || nine[i] > '9')
            return false;
    return is_day(number(v, 0, 2), number(v, 2, 2)) &&
           "0123456789ABCDEFHJKLMNPRSTUVWXY"[number(view_of(nine, 9), 0, 9) % 31] == v.p[10];
}

static bool tfn(struct view v)
{
    return is_varied(v) && weigh(v, "14375869A") % 11 == 0;
}

static bool abn(struct view v)
{
    static const unsigned char weights[11] = {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19};
    unsigned sum = 0;

    for (size_t i = 0; i < 11; i++)
        sum += (digit(v, i) - (i == 0)) * weights[i];
    return v.p[0] != '0' && sum % 89 == 0;
}

static bool medicare_au(struct view v)
{
    return v.p[0] >= '2' && v.p[0] <= '6' && weigh(v, "13791379") % 10 == digit(v, 8);
}

static bool za_id(struct view v)
{
    return is_day(number(v, 4, 2), number(v, 2, 2)) && v.p[10] <= '2' && check_luhn(v);
}

static bool tckn(struct view v)
{
    unsigned odd = weigh(v, "101010101"), even = weigh(v, "01010101");
    return v.p[0] != '0' && (odd * 7 + even * 9) % 10 == digit(v, 9) &&
           weigh(v, "1111111111") % 10 == digit(v, 10);
}

static bool cns(struct view v) /* China's resident identity number */
{
    static const unsigned char weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;

    for (size_t i = 0; i < 17; i++)
        sum += digit(v, i) * weights[i];
    return is_day(number(v, 12, 2), number(v, 10, 2)) && "10X98765432"[sum % 11] == v.p[17];
}

static bool rrn(struct view v) /* Korea */
{
    return is_day(number(v, 4, 2), number(v, 2, 2)) &&
           (11 - weigh(v, "234567892345") % 11) % 10 == digit(v, 12);
}

static bool my_number(struct view v) /* Japan */
{
    unsigned rest = weigh(v, "65432765432") % 11;
    return is_varied(v) && (rest <= 1 ? 0 : 11 - rest) == digit(v, 11);
}

static bool ahv(struct view v) /* Switzerland: an EAN-13 that begins with 756 */
{
    return memcmp(v.p, "756", 3) == 0 && (weigh(v, "131313131313") + digit(v, 12)) % 10 == 0;
}

static bool svnr(struct view v) /* Austria */
{
    unsigned check =
        (3 * digit(v, 0) + 7 * digit(v, 1) + 9 * digit(v, 2) + 5 * digit(v, 4) + 8 * digit(v, 5) +
         4 * digit(v, 6) + 2 * digit(v, 7) + 1 * digit(v, 8) + 6 * digit(v, 9)) %
        11;
    return v.p[0] != '0' && is_day(number(v, 4, 2), number(v, 6, 2)) && check == digit(v, 3);
}

static bool nrn(struct view v) /* Belgium */
{
    uint64_t nine = number(v, 0, 9), check = number(v, 9, 2);
    return number(v, 2, 2) <= 12 && number(v, 4, 2) <= 31 &&
           (97 - nine % 97 == check || 97 - (2000000000 + nine) % 97 == check);
}

static bool nhs(struct view v)
{
    unsigned rest = 11 - weigh(v, "A98765432") % 11;
    return is_varied(v) && (rest == 11 ? 0 : rest) == digit(v, 9);
}

static bool aba(struct view v)
{
    return is_varied(v) && weigh(v, "371371371") % 10 == 0;
}

static bool imei(struct view v)
{
    return v.p[0] != '9' || v.p[1] == '9' ? is_varied(v) && check_luhn(v) : check_luhn(v);
}

static bool mbi(struct view v) /* Medicare's beneficiary: no S, L, O, I, B, Z */
{
    for (size_t i = 0; i < v.n; i++)
        if (strchr("SLOIBZ", v.p[i]))
            return false;
    return v.p[0] != '0';
}

static bool nif_pt(struct view v)
{
    unsigned rest = weigh(v, "98765432") % 11;
    return strchr("12356789", v.p[0]) && (rest < 2 ? 0 : 11 - rest) == digit(v, 8);
}

static bool rodne_cislo(struct view v)
{
    uint64_t month = number(v, 2, 2) % 50;
    return is_day(number(v, 4, 2), month > 20 ? month - 20 : month) && number(v, 0, 10) % 11 == 0;
}

static bool kvnr(struct view v) /* Germany's health card */
{
    unsigned letter = (unsigned)(v.p[0] - 'A' + 1), sum = 0;
    unsigned digits[10] = {letter / 10, letter % 10};

    for (size_t i = 2; i < 10; i++)
        digits[i] = digit(v, i - 1);
    for (size_t i = 0; i < 10; i++) {
        unsigned d = digits[i] << (i & 1);
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == digit(v, 9);
}

#define ID(sub, shape, check, strong)                \
    {                                                \
        sub, shape, sizeof(shape) - 1, check, strong \
    }
static const struct national_id ids[] = {
    ID("codfis", "AAAAAAXXAXXAXXXA", codice_fiscale, true),
    ID("dni", "99999999A", dni, true),
    ID("nie", "A9999999A", nie, true),
    ID("nino", "AA999999A", nino, true),
    ID("hetu", "999999X999X", hetu, true),
    ID("pan", "AAAAA9999A", pan, true),
    ID("mbi", "9AX9AX9AA99", mbi, true),
    ID("kvnr", "A999999999", kvnr, false),
    ID("nir", "99999XX99999999", nir, true),
    ID("imei", "999999999999999", imei, false),
    ID("cns", "99999999999999999X", cns, true),
    ID("ssn", "999999999", ssn, false),
    ID("itin", "999999999", itin, false),
    ID("bsn", "999999999", bsn, false),
    ID("sin", "999999999", social_insurance, false),
    ID("tfn", "999999999", tfn, false),
    ID("aba", "999999999", aba, false),
    ID("nif", "999999999", nif_pt, false),
    ID("svnr", "9999999999", svnr, false),
    ID("nhs", "9999999999", nhs, false),
    ID("pnr", "9999999999", personnummer, false),
    ID("pnr", "999999999999", personnummer, true),
    ID("cpr", "9999999999", cpr, false),
    ID("rc", "9999999999", rodne_cislo, false),
    ID("medicare_au", "9999999999", medicare_au, false),
    ID("steuerid", "99999999999", steuerid, false),
    ID("pesel", "99999999999", pesel, false),
    ID("cpf", "99999999999", cpf, false),
    ID("tckn", "99999999999", tckn, false),
    ID("fnr", "99999999999", fodselsnummer, false),
    ID("abn", "99999999999", abn, false),
    ID("nrn", "99999999999", nrn, false),
    ID("aadhaar", "999999999999", aadhaar, false),
    ID("my_number", "999999999999", my_number, false),
    ID("zaid", "9999999999999", za_id, false),
    ID("ahv", "9999999999999", ahv, true),
    ID("rrn", "9999999999999", rrn, false),
    ID("cnpj", "99999999999999", cnpj, false),
};
#define IDS (sizeof(ids) / sizeof(ids[0]))

static bool has_shape(struct view v, const char *shape)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = c >= 'A' && c <= 'Z';
        bool fits = shape[i] == '9'   ? is_digit
                    : shape[i] == 'A' ? is_letter
                    : shape[i] == 'X' ? is_digit || is_letter || c == '-' || c == '+'
                                      : c == shape[i];
        if (!fits)
            return false;
    }
    return shape[v.n] == '\0';
}

const struct national_id *national_id_match(struct view compact, const struct national_id *from)
{
    for (const struct national_id *id = from ? from : ids; id < ids + IDS; id++)
        if (id->n == compact.n && has_shape(compact, id->shape) &&
            (!id->check || id->check(compact)))
            return id;
    return NULL;
}

const struct national_id *national_id_named(struct view sub)
{
    for (size_t i = 0; i < IDS; i++)
        if (view_eq(view_str(ids[i].sub), sub))
            return &ids[i];
    return NULL;
}
