/*
 * Characters as the tagger sees them: lowered, without accents, and of what kind.
 */
#pragma once

#include "base/view.h"

enum letter { LOWER, UPPER, UNCASED, IDEOGRAM, DIGIT, MARK, BLANK, NEWLINE };

struct character {
    uint32_t code;
    uint8_t letter; /* enum letter */
    uint8_t bytes;
};

/* The character at byte `at`, whose first byte is not ASCII; malformed bytes are marks. */
struct character character_decode(struct view text, size_t at);

static inline struct character character_at(struct view text, size_t at)
{
    unsigned char c = (unsigned char)text.p[at];
    if (c < 0x80) {
        if (c >= 'a' && c <= 'z')
            return (struct character){c, LOWER, 1};
        if (c >= 'A' && c <= 'Z')
            return (struct character){c | 0x20u, UPPER, 1};
        if (c >= '0' && c <= '9')
            return (struct character){c, DIGIT, 1};
        if (c == '\n')
            return (struct character){c, NEWLINE, 1};
        return (struct character){c, c <= ' ' || c == 0x7F ? BLANK : MARK, 1};
    }
    return character_decode(text, at);
}
