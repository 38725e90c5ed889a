/* The tagger on any bytes, with hints from the first of them: findings sorted, apart from each
 * other and from the hints, within the text. */
#include "inspect/tagger.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tagger_hint hint = {0};
    if (size < 2 || size > 1 << 16)
        return 0;
    hint.start = data[0];
    hint.end = hint.start + data[1] % 32;
    hint.class = DATA_EMAIL;
    struct view text = view_of((const char *)data + 2, size - 2);
    struct arena *a = arena_new(8 << 20);
    struct tagged *found = NULL;
    unsigned n = 0;
    uint32_t before = 0;

    check(a && tagger_run(text, &hint, 1, DATA_STRICT, a, &found, &n));
    for (unsigned i = 0; i < n; i++) {
        check(found[i].start >= before && found[i].start < found[i].end);
        check(found[i].end <= text.n && found[i].class < DATA_CLASSES);
        check(found[i].confidence >= 1 && found[i].confidence <= 100);
        check(hint.end > text.n || hint.start >= hint.end || found[i].end <= hint.start ||
              found[i].start >= hint.end);
        before = found[i].end;
    }
    arena_free(a);
    return 0;
}
