/*
 * The counts behind the estimate, for the fit: reads texts, each after its length in bytes on a
 * line, and writes one line of counts a text; where a text is sampled, what it comes to. It
 * includes the source itself, so that the fit and the estimate can never count differently.
 */
#include "llm/tokens.c"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 32768

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
    while (scanf("%zu", &n) == 1 && getchar() == '\n' && n <= TEXT_MAX) {
        static char text[TEXT_MAX];
        if (fread(text, 1, n, stdin) != n)
            return 1;
        struct tally t = {0};
        double scale = (double)n / (double)tally_text(&t, view_of(text, n));
        for (unsigned i = 0; i < N_COUNTS; i++)
            printf("%.0f%c", t.counts[i] * scale, i + 1 < N_COUNTS ? ' ' : '\n');
    }
    return 0;
}
