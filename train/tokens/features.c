/*
 * The counts behind the estimate, for the fit: reads texts, each after its length in bytes on a
 * line, and writes one line of counts a text. It includes the source itself, so that the fit and
 * the estimate can never count differently.
 */
#include "llm/tokens.c"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const char *const names[] = {
#define ROW(name, ...) #name,
#include "llm/tokens.def"
#undef ROW
    };
    for (unsigned i = 0; i < N_COUNTS; i++)
        printf("%s%c", names[i], i + 1 < N_COUNTS ? ' ' : '\n');
    size_t n;
    while (scanf("%zu", &n) == 1 && getchar() == '\n' && n <= WHOLE_MAX) {
        static char text[WHOLE_MAX];
        if (fread(text, 1, n, stdin) != n)
            return 1;
        struct tally t = {0};
        tally_text(&t, view_of(text, n));
        for (unsigned i = 0; i < N_COUNTS; i++)
            printf("%u%c", t.counts[i], i + 1 < N_COUNTS ? ' ' : '\n');
    }
    return 0;
}
