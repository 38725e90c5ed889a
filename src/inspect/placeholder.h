/*
 * How placeholders are written: <PERSON_1> by Weir, and in some other ways by models, which change
 * case, drop or escape the brackets and respace the words. Private to inspect/.
 */
#pragma once

#include "config/data_class.h"

/* The most values of one exchange; more stay inside. */
#define PLACEHOLDER_MAX_NUMBER 16383
/* "<MEDICAL_RECORD_NUMBER_16383>" */
#define PLACEHOLDER_LONGEST 29
/* As a model may write it, with escaped brackets and underscores and blanks inside of them. */
#define PLACEHOLDER_LONGEST_VARIANT 64

struct placeholder {
    size_t n; /* bytes of text */
    enum data_class class;
    unsigned number;
};

enum placeholder_result {
    PLACEHOLDER_NO,
    PLACEHOLDER_MAYBE, /* the text ends before it is decided */
    PLACEHOLDER_YES,
};

/* Without brackets, a placeholder counts only as a whole word. */
static inline bool placeholder_is_word(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Whether a placeholder of one of the classes begins at text[0]. `before` is the byte in front of
 * it (0: none); `whole`: no more text will come. */
enum placeholder_result placeholder_at(struct view text, char before, uint32_t classes, bool whole,
                                       struct placeholder *ret);

/* Whether text[0] begins exactly what Weir writes. */
bool placeholder_is_own(struct view text, struct placeholder *ret);

/* The digits behind what could be read as a class's name at text[0], however it is written and
 * whatever stands around it; empty: nothing of the kind. */
struct view placeholder_like(struct view text);

/* Writes it without NUL; returns the length. */
size_t placeholder_write(char to[PLACEHOLDER_LONGEST], enum data_class class, unsigned number);
