#include "inspect/check_digits.h"

#include <openssl/sha.h>

static unsigned digit(struct view v, size_t i)
{
    return (unsigned)(v.p[i] - '0');
}

static unsigned number(struct view v, size_t from, size_t n)
{
    unsigned value = 0;

    for (size_t i = from; i < from + n; i++)
        value = value * 10 + digit(v, i);
    return value;
}

bool check_luhn(struct view v)
{
    unsigned sum = 0;

    for (size_t i = 0; i < v.n; i++) {
        unsigned d = digit(v, v.n - 1 - i) << (i & 1);
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

bool check_verhoeff(struct view v)
{
    /* the dihedral group of ten, and the powers of Verhoeff's permutation */
    static const unsigned char times[10][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
        {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
        {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
        {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
        {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
    };
    static const unsigned char step[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
    unsigned c = 0;

    for (size_t i = 0; i < v.n; i++) {
        unsigned d = digit(v, v.n - 1 - i);
        for (size_t k = 0; k < i % 8; k++)
            d = step[d];
        c = times[c][d];
    }
    return c == 0;
}

/* Lengths by country: the registry of ISO 13616. */
static unsigned iban_length(struct view country)
{
    static const char lengths[] =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29"
        "ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20"
        "LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29"
        "PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20"
        "YE30";
    for (size_t i = 0; i + 4 < sizeof(lengths); i += 4)
        if (memcmp(lengths + i, country.p, 2) == 0)
            return number(view_of(lengths, sizeof(lengths)), i + 2, 2);
    return 0;
}

bool check_iban(struct view v)
{
    unsigned rest = 0;

    if (v.n < 15 || v.n != iban_length(v))
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[(i + 4) % v.n];
        rest = c >= 'A' ? rest * 100 + (unsigned)(c - 'A') + 10 : rest * 10 + (unsigned)(c - '0');
        rest %= 97;
    }
    return rest == 1;
}

bool check_mod_11_10(struct view v)
{
    unsigned product = 10;

    for (size_t i = 0; i + 1 < v.n; i++) {
        unsigned sum = (digit(v, i) + product) % 10;
        product = (sum == 0 ? 10 : sum) * 2 % 11;
    }
    return (11 - product) % 10 == digit(v, v.n - 1);
}

bool check_vin(struct view v)
{
    static const unsigned char letters[26] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4,
                                              5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9};
    static const unsigned char weights[17] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    unsigned sum = 0;

    if (v.n != 17)
        return false;
    for (size_t i = 0; i < 17; i++) {
        char c = v.p[i];
        unsigned value = c >= 'A' ? letters[c - 'A'] : (unsigned)(c - '0');
        if (c >= 'A' && value == 0)
            return false; /* I, O, Q */
        sum += value * weights[i];
    }
    return v.p[8] == (sum % 11 == 10 ? 'X' : (char)('0' + sum % 11));
}

bool check_base58(struct view v)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    unsigned char bytes[25] = {0}, sum[SHA256_DIGEST_LENGTH];

    if (v.n < 26 || v.n > 35)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        const char *at = memchr(alphabet, v.p[i], 58);
        unsigned carry = at ? (unsigned)(at - alphabet) : 0;
        if (!at)
            return false;
        for (size_t k = sizeof(bytes); k-- > 0; carry >>= 8) {
            carry += bytes[k] * 58U;
            bytes[k] = (unsigned char)carry;
        }
        if (carry)
            return false;
    }
    SHA256(bytes, 21, sum);
    SHA256(sum, sizeof(sum), sum);
    return memcmp(sum, bytes + 21, 4) == 0;
}

bool check_bech32(struct view v)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    uint32_t sum = 1;
    size_t split = view_find_char(v, '1');
    size_t total = split == VIEW_NPOS ? 0 : split * 2 + 1 + (v.n - split - 1);

    if (total == 0 || split == 0 || v.n < 14 || v.n > 90)
        return false;
    for (size_t i = 0; i < total; i++) {
        uint32_t value, top = sum >> 25;
        if (i < split) {
            value = (uint32_t)(unsigned char)ascii_lower(v.p[i]) >> 5;
        } else if (i == split) {
            value = 0;
        } else if (i <= split * 2) {
            value = (uint32_t)ascii_lower(v.p[i - split - 1]) & 31;
        } else {
            const char *at = memchr(alphabet, ascii_lower(v.p[i - split]), 32);
            if (!at)
                return false;
            value = (uint32_t)(at - alphabet);
        }
        sum = (sum & 0x1ffffff) << 5 ^ value;
        for (unsigned b = 0; b < 5; b++)
            sum ^= top >> b & 1 ? generator[b] : 0;
    }
    return sum == 1 || sum == 0x2bc830a3;
}

bool check_card(struct view v)
{
    static const struct {
        unsigned digits, first, last; /* of the prefix */
        unsigned shortest, longest;
    } issuers[] = {
        {1, 4, 4, 13, 19},                                /* Visa */
        {2, 51, 55, 16, 16},     {4, 2221, 2720, 16, 16}, /* Mastercard */
        {2, 34, 34, 15, 15},     {2, 37, 37, 15, 15},     /* American Express */
        {4, 6011, 6011, 16, 19}, {3, 644, 649, 16, 19},   /* Discover */
        {2, 65, 65, 16, 19},     {2, 36, 36, 14, 19},     /* Diners */
        {3, 300, 305, 14, 19},   {2, 38, 39, 14, 19},     {4, 3528, 3589, 16, 19},   /* JCB */
        {2, 62, 62, 16, 19},     {2, 50, 50, 12, 19},     {2, 56, 58, 12, 19},       /* Maestro */
        {4, 6304, 6304, 12, 19}, {4, 6759, 6763, 12, 19}, {4, 2200, 2204, 16, 19},   /* Mir */
        {2, 60, 60, 16, 16},     {2, 81, 82, 16, 16},     {5, 97920, 97929, 16, 16}, /* Troy */
    };
    bool known = false;

    for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]) && !known; i++) {
        unsigned prefix = v.n >= 12 ? number(v, 0, issuers[i].digits) : 0;
        known = prefix >= issuers[i].first && prefix <= issuers[i].last &&
                v.n >= issuers[i].shortest && v.n <= issuers[i].longest;
    }
    return known && check_luhn(v);
}
