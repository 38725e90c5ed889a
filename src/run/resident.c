#include "run/resident.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE_BYTES = 512 };

void resident_give_back_code(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[LINE_BYTES], rights[5];
    unsigned long from, to;

    while (maps && fgets(line, sizeof(line), maps))
        /* Only what is never written to, and comes from a file: that the next read brings back. */
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && strcmp(rights, "r-xp") == 0 &&
            strchr(line, '/'))
            (void)madvise((void *)from, to - from, MADV_DONTNEED); /* else they stay */
    if (maps)
        fclose(maps);
}
