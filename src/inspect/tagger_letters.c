#include "inspect/tagger_letters.h"

#include "base/utf8.h"

/* U+00C0 to U+017F without accents; upper and lower case alike. */
static const char unaccented[] = "aaaaaaaceeeeiiiidnooooo*ouuuuyts"
                                 "aaaaaaaceeeeiiiidnooooo*ouuuuyty"
                                 "aaaaaaccccccccddddeeeeeeeeeegggg"
                                 "gggghhhhiiiiiiiiiiiijjkkklllllll"
                                 "lllnnnnnnnnnoooooooorrrrrrssssss"
                                 "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
_Static_assert(sizeof unaccented == 0x180 - 0xC0 + 1, "one for each");

static bool latin_is_upper(uint32_t c)
{
    if (c < 0xE0)
        return c != 0xDF;
    if (c < 0x100 || c == 0x138 || c == 0x149 || c == 0x17F)
        return false;
    if (c == 0x178)
        return true;
    bool odd = (c >= 0x139 && c <= 0x148) || c >= 0x179;
    return (c & 1) == odd;
}

static bool is_ideogram(uint32_t c)
{
    return (c >= 0x2E80 && c < 0x3000) || (c >= 0x3005 && c <= 0x3007) ||
           (c >= 0x3040 && c < 0xA000) || (c >= 0xF900 && c < 0xFB00) ||
           (c >= 0x20000 && c < 0x40000);
}

static bool is_mark(uint32_t c)
{
    return (c < 0xC0 && c != 0xAA && c != 0xB5 && c != 0xBA) || c == 0xD7 || c == 0xF7 ||
           (c >= 0x2000 && c < 0x2C00) || (c >= 0x3000 && c < 0x3040) ||
           (c >= 0xFE10 && c < 0xFE70) || (c >= 0xFF00 && c < 0xFF10) ||
           (c >= 0xFFF0 && c < 0x10000) || (c >= 0x1F000 && c < 0x20000);
}

static struct character classify(uint32_t c)
{
    if (c == 0xA0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200B) || c == 0x202F)
        return (struct character){c, BLANK, 0};
    if (c == 0x2019)
        return (struct character){'\'', MARK, 0};
    if (is_mark(c))
        return (struct character){c, MARK, 0};
    if (c >= 0xC0 && c < 0x180)
        return (struct character){(unsigned char)unaccented[c - 0xC0],
                                  latin_is_upper(c) ? UPPER : LOWER, 0};
    if (c >= 0x1E00 && c < 0x1F00)
        return (struct character){c | 1, c & 1 ? LOWER : UPPER, 0};
    if (c >= 0x386 && c < 0x3D0)
        return (struct character){c >= 0x391 && c <= 0x3A9 ? c + 32 : c, c < 0x3AC ? UPPER : LOWER,
                                  0};
    if (c >= 0x400 && c < 0x530)
        return (struct character){c < 0x410   ? c + 80
                                  : c < 0x430 ? c + 32
                                  : c < 0x460 ? c
                                              : c | 1,
                                  c < 0x430 || (c >= 0x460 && !(c & 1)) ? UPPER : LOWER, 0};
    if (c < 0x590)
        return (struct character){c, LOWER, 0};
    return (struct character){c, is_ideogram(c) ? IDEOGRAM : UNCASED, 0};
}

struct character character_decode(struct view text, size_t at)
{
    struct view rest = view_skip(text, at);
    struct character c = classify(utf8_take(&rest));
    c.bytes = (uint8_t)(rest.p - (text.p + at));
    return c;
}
