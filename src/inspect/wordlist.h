/* Short lists of words, as a text with a blank behind each but the last. Private to inspect/. */
#pragma once

#include "base/view.h"

/* Whether `word` stands in `list`; the list is in lower case, ASCII's case does not count. */
static inline bool in_wordlist(const char *list, struct view word)
{
    char first = word.n ? ascii_lower(word.p[0]) : 0;

    for (const char *at = list; *at; at++) {
        if (*at == first) {
            size_t i = 1;
            while (i < word.n && at[i] && at[i] == ascii_lower(word.p[i]))
                i++;
            if (i == word.n && (at[i] == ' ' || at[i] == '\0'))
                return true;
        }
        while (*at && *at != ' ')
            at++;
        if (!*at)
            break;
    }
    return false;
}
