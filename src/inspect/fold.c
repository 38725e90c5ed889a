/* Characters that say the same as a plainer one. Facts of the Unicode character database. */
#include "base/utf8.h"
#include "inspect/plain.h"

static const struct range {
    uint32_t first, last;
} invisible[] = {
    {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},     {0x115f, 0x1160},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x202a, 0x202e},
    {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},   {0x1d173, 0x1d17a}, {0xe0000, 0xe001f}, {0xe007f, 0xe007f},
    {0xe0100, 0xe01ef},
};

/* Where the digits of a script begin. */
static const uint32_t zeros[] = {
    0x660,  0x6f0,  0x7c0,  0x966,  0x9e6,  0xa66,  0xae6,  0xb66,   0xbe6,   0xc66,
    0xce6,  0xd66,  0xde6,  0xe50,  0xed0,  0xf20,  0x1040, 0x1090,  0x17e0,  0x1810,
    0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,  0xa620,  0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x2080, 0x104a0, 0x11066, 0x1fbf0,
};

/* Runs of characters that stand for consecutive ASCII ones. */
static const struct {
    uint32_t first, last;
    char to;
} alphabets[] = {
    {0xff01, 0xff5e, '!'},   {0xe0020, 0xe007e, ' '}, {0x2460, 0x2468, '1'},
    {0x2474, 0x247c, '1'},   {0x2488, 0x2490, '1'},   {0x249c, 0x24b5, 'a'},
    {0x24b6, 0x24cf, 'A'},   {0x24d0, 0x24e9, 'a'},   {0x24f5, 0x24fd, '1'},
    {0x2776, 0x277e, '1'},   {0x2780, 0x2788, '1'},   {0x278a, 0x2792, '1'},
    {0x2074, 0x2079, '4'},   {0x1f110, 0x1f129, 'A'}, {0x1f130, 0x1f149, 'A'},
    {0x1f150, 0x1f169, 'A'}, {0x1f170, 0x1f189, 'A'}, {0x1f1e6, 0x1f1ff, 'A'},
};

static const struct {
    uint32_t c;
    const char *to;
} singles[] = {
    {0xa0, " "},    {0xaa, "a"},     {0xb2, "2"},     {0xb3, "3"},    {0xb7, "."},
    {0xb9, "1"},    {0xba, "o"},     {0x2b9, "'"},    {0x2bc, "'"},   {0x1680, " "},
    {0x2010, "-"},  {0x2011, "-"},   {0x2012, "-"},   {0x2013, "-"},  {0x2014, "-"},
    {0x2015, "-"},  {0x2018, "'"},   {0x2019, "'"},   {0x201a, "'"},  {0x201b, "'"},
    {0x201c, "\""}, {0x201d, "\""},  {0x201e, "\""},  {0x201f, "\""}, {0x2024, "."},
    {0x2028, "\n"}, {0x2029, "\n"},  {0x202f, " "},   {0x2032, "'"},  {0x2033, "\""},
    {0x2043, "-"},  {0x2044, "/"},   {0x205f, " "},   {0x2070, "0"},  {0x2102, "C"},
    {0x210a, "g"},  {0x210b, "H"},   {0x210c, "H"},   {0x210d, "H"},  {0x210e, "h"},
    {0x2110, "I"},  {0x2111, "I"},   {0x2112, "L"},   {0x2113, "l"},  {0x2115, "N"},
    {0x2119, "P"},  {0x211a, "Q"},   {0x211b, "R"},   {0x211c, "R"},  {0x211d, "R"},
    {0x2124, "Z"},  {0x2128, "Z"},   {0x212a, "K"},   {0x212c, "B"},  {0x212d, "C"},
    {0x212f, "e"},  {0x2130, "E"},   {0x2131, "F"},   {0x2133, "M"},  {0x2134, "o"},
    {0x2139, "i"},  {0x2212, "-"},   {0x2215, "/"},   {0x2236, ":"},  {0x24ea, "0"},
    {0x24ff, "0"},  {0x3000, " "},   {0x3002, "."},   {0xfb00, "ff"}, {0xfb01, "fi"},
    {0xfb02, "fl"}, {0xfb03, "ffi"}, {0xfb04, "ffl"}, {0xfb05, "st"}, {0xfb06, "st"},
    {0xfe50, ","},  {0xfe52, "."},   {0xfe55, ":"},   {0xfe58, "-"},  {0xfe5f, "#"},
    {0xfe63, "-"},  {0xfe6a, "%"},   {0xfe6b, "@"},   {0xff61, "."},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static size_t put(char to[4], const char *text)
{
    size_t n = strlen(text);
    memcpy(to, text, n);
    return n;
}

static size_t fold_letter(uint32_t c, char to[4])
{
    for (size_t i = 0; i < COUNT(alphabets); i++)
        if (c >= alphabets[i].first && c <= alphabets[i].last) {
            to[0] = (char)(alphabets[i].to + (char)(c - alphabets[i].first));
            return 1;
        }
    for (size_t i = 0; i < COUNT(zeros); i++)
        if (c >= zeros[i] && c < zeros[i] + 10) {
            to[0] = (char)('0' + (char)(c - zeros[i]));
            return 1;
        }
    if (c >= 0x1d400 && c <= 0x1d6a3) { /* thirteen mathematical alphabets of 52 letters */
        unsigned i = (c - 0x1d400) % 52;
        to[0] = (char)(i < 26 ? 'A' + i : 'a' + i - 26);
        return 1;
    }
    if (c >= 0x1d7ce && c <= 0x1d7ff) {
        to[0] = (char)('0' + (c - 0x1d7ce) % 10);
        return 1;
    }
    return SIZE_MAX;
}

size_t plain_fold(uint32_t c, char to[4])
{
    if (c >= 0xc0 && c <= 0x2ff && c != 0x2b9 && c != 0x2bc)
        return SIZE_MAX; /* Latin letters: the most of what is not ASCII */
    if ((c >= 0x370 && c <= 0x5ff) || (c >= 0x3041 && c <= 0xa61f && c != 0x3164) ||
        (c >= 0xac00 && c <= 0xd7ff) || (c >= 0x1f200 && c < 0x1fbf0))
        return SIZE_MAX;
    if (c >= 0x2000 && c <= 0x200a)
        return put(to, " ");
    for (size_t i = 0; i < COUNT(invisible); i++)
        if (c >= invisible[i].first && c <= invisible[i].last)
            return 0;
    for (size_t i = 0; i < COUNT(singles); i++)
        if (c == singles[i].c)
            return put(to, singles[i].to);
    return fold_letter(c, to);
}

char plain_look_alike(uint32_t c)
{
    static const struct {
        uint16_t c;
        char to;
    } looks[] = {
        {0x430, 'a'}, {0x435, 'e'}, {0x43e, 'o'}, {0x440, 'p'}, {0x441, 'c'}, {0x443, 'y'},
        {0x445, 'x'}, {0x455, 's'}, {0x456, 'i'}, {0x458, 'j'}, {0x4bb, 'h'}, {0x501, 'd'},
        {0x51b, 'q'}, {0x51d, 'w'}, {0x410, 'A'}, {0x412, 'B'}, {0x415, 'E'}, {0x41a, 'K'},
        {0x41c, 'M'}, {0x41d, 'H'}, {0x41e, 'O'}, {0x420, 'P'}, {0x421, 'C'}, {0x422, 'T'},
        {0x423, 'Y'}, {0x425, 'X'}, {0x405, 'S'}, {0x406, 'I'}, {0x408, 'J'}, {0x417, '3'},
        {0x391, 'A'}, {0x392, 'B'}, {0x395, 'E'}, {0x396, 'Z'}, {0x397, 'H'}, {0x399, 'I'},
        {0x39a, 'K'}, {0x39c, 'M'}, {0x39d, 'N'}, {0x39f, 'O'}, {0x3a1, 'P'}, {0x3a4, 'T'},
        {0x3a5, 'Y'}, {0x3a7, 'X'}, {0x3b1, 'a'}, {0x3b9, 'i'}, {0x3bd, 'v'}, {0x3bf, 'o'},
        {0x3c1, 'p'}, {0x3c5, 'u'}, {0x131, 'i'},
    };
    for (size_t i = 0; i < COUNT(looks); i++)
        if (looks[i].c == c)
            return looks[i].to;
    return 0;
}

char plain_base_letter(uint32_t c)
{
    /* U+00C0 to U+017F; '.' for what has no base letter */
    static const char base[] = "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty"
                               "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllll"
                               "llnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
    _Static_assert(sizeof(base) - 1 == 0x180 - 0xc0, "a letter for each");
    if (c < 0xc0 || c >= 0x180 || base[c - 0xc0] == '.')
        return 0;
    return base[c - 0xc0];
}
