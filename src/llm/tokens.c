#include "llm/tokens.h"

#include <endian.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

/*
 * The count of a byte-pair tokenizer is close to linear in a few counts of the text: words, how far
 * they run past the lengths that common words have, digits, marks, the letters of each script.
 *
 * A block of 64 bytes becomes masks, one bit a byte for each class; shifts find starts, runs and
 * neighbours, population counts add them up. Only characters beyond ASCII are visited one by one.
 * tokens_count.h does that, once for each width of registers.
 */

#define BLOCK 64u
/* A longer text is read in evenly spaced pieces, fewer the longer it is: about half of 4 KB, a
 * quarter of 32 KB, and never more than 16 KB, so the work has a bound whatever comes. */
#define WHOLE_MAX   2048u
#define PIECE       256u
#define PIECES_MAX  64u
#define AT_ONCE_MAX WHOLE_MAX /* so that no lane of 8 bits overflows */
#define WEIGHT_ONE  65536.0F  /* weights are in tokens / 65536 */

#define INLINE static inline __attribute__((always_inline))

enum count {
#define ROW(name, ...) COUNT_##name,
#include "llm/tokens.def"
#undef ROW
    N_COUNTS
};

static const float weights[N_COUNTS][TOKENS_COLUMNS] = {
#define ROW(name, ...) {__VA_ARGS__},
#include "llm/tokens.def"
#undef ROW
};

/* In the order of the last rows of tokens.def, four counts each: characters, starts of a run,
 * those that stand at least 7 and at least 15 bytes deep in a run. */
enum script {
    LATIN,
    GREEK,
    CYRILLIC,
    UKRAINIAN,
    HEBREW,
    ARABIC,
    INDIC,
    MATRA,
    INDIC_OTHER,
    THAI,
    KANA,
    HAN,
    HAN_MIDDLE,
    HAN_HIGH,
    HANGUL,
    VIETNAMESE,
    SIGNS,
    SYMBOLS,
    WIDE,
    EMOJI,
    N_SCRIPTS
};
_Static_assert(COUNT_emoji_deeper + 1 == N_COUNTS && COUNT_latin_chars + 4 * N_SCRIPTS == N_COUNTS,
               "the scripts' rows stand last in tokens.def");

struct masks {
    uint64_t letter, upper, digit, space, control, mark, high;
};

struct tally {
    uint32_t counts[N_COUNTS];
    bool beyond_ascii;
    uint64_t scripts[N_SCRIPTS]; /* the four counts of a script, 16 bits each */
};
_Static_assert(PIECE *PIECES_MAX <= UINT16_MAX, "a script's counts have 16 bits");

/* What a block must know of the one before it. */
struct left {
    struct masks masks;
    uint64_t word, deep1, deep3, deep7;
};

/* Script of a character by its first byte; some need the second. */
static const uint8_t script_of[64] = {
    [0x02] = SIGNS,
    [0x03 ... 0x0D] = LATIN,
    [0x0E ... 0x0F] = GREEK,
    [0x10 ... 0x15] = CYRILLIC,
    [0x16 ... 0x17] = HEBREW,
    [0x18 ... 0x1F] = ARABIC,
    [0x20] = INDIC,
    [0x21] = VIETNAMESE,
    [0x22] = SIGNS,
    [0x23] = KANA,
    [0x24 ... 0x25] = HAN,
    [0x26 ... 0x27] = HAN_MIDDLE,
    [0x28 ... 0x29] = HAN_HIGH,
    [0x2A ... 0x2D] = HANGUL,
    [0x2E] = WIDE,
    [0x2F] = WIDE,
    [0x30 ... 0x3F] = EMOJI,
};

INLINE enum script script_at(const uint8_t *p)
{
    if (*p == 0xE0)
        return p[1] >= 0xB8 ? THAI : p[1] >= 0xA6 ? INDIC_OTHER : p[1] == 0xA5 ? MATRA : INDIC;
    if (*p == 0xD1)
        return (p[1] & 0xF0) == 0x90 ? UKRAINIAN : CYRILLIC;
    if (*p == 0xE2)
        return p[1] == 0x80 ? SIGNS : SYMBOLS;
    if (*p == 0xE3)
        return p[1] == 0x80 ? WIDE : p[1] >= 0x90 ? HAN : KANA;
    return script_of[*p & 63];
}

#define LANES   16
#define NAME(x) x##_plain
#define TARGET
#include "llm/tokens_count.h"
#undef LANES
#undef NAME
#undef TARGET

#ifdef __x86_64__
#define LANES   32
#define NAME(x) x##_avx2
#define TARGET  __attribute__((target("avx2,popcnt,bmi")))
#include "llm/tokens_count.h"
#undef LANES
#undef NAME
#undef TARGET
#endif

static void count(struct tally *t, const uint8_t *p, size_t n, size_t stride, size_t pieces)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
        __builtin_cpu_supports("bmi")) {
        count_avx2(t, p, n, stride, pieces);
        return;
    }
#endif
    count_plain(t, p, n, stride, pieces);
}

/* Returns how many bytes were counted. */
static size_t tally_text(struct tally *t, struct view text)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t counted = text.n;
    if (text.n <= WHOLE_MAX) {
        count(t, p, text.n, 0, 1);
    } else {
        size_t pieces = 4 + text.n / 1024;
        pieces = pieces < PIECES_MAX ? pieces : PIECES_MAX;
        size_t stride = (text.n - PIECE - 1) / (pieces - 1);
        for (size_t i = 0, n; i < pieces; i += n) {
            n = pieces - i < AT_ONCE_MAX / PIECE ? pieces - i : AT_ONCE_MAX / PIECE;
            count(t, p + stride * i, PIECE, stride, n);
        }
        counted = pieces * PIECE;
    }
    for (unsigned i = 0; t->beyond_ascii && i < 4 * N_SCRIPTS; i++)
        t->counts[COUNT_latin_chars + i] = t->scripts[i / 4] >> (16 * (i % 4)) & 0xFFFF;
    return counted;
}

typedef float quad __attribute__((vector_size(16)));
_Static_assert(TOKENS_COLUMNS == 12, "weigh() takes three registers");

INLINE quad load_quad(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

/* In tokens / WEIGHT_ONE, for all families. */
static void weigh(const struct tally *t, float sums[TOKENS_COLUMNS])
{
    quad a = {0}, b = {0}, c = {0};
    for (unsigned i = 0; i < (t->beyond_ascii ? N_COUNTS : COUNT_latin_chars); i++) {
        float count = (float)(int32_t)t->counts[i];
        a += count * load_quad(weights[i]);
        b += count * load_quad(weights[i] + 4);
        c += count * load_quad(weights[i] + 8);
    }
    memcpy(sums, &a, sizeof a);
    memcpy(sums + 4, &b, sizeof b);
    memcpy(sums + 8, &c, sizeof c);
}

void tokens_add(struct tokens *sum, struct view text)
{
    if (text.n == 0)
        return;
    struct tally t = {0};
    float sums[TOKENS_COLUMNS];
    float scale = (float)text.n / (float)tally_text(&t, text);
    weigh(&t, sums);
    for (unsigned f = 0; f < TOKENS_COLUMNS; f++)
        sum->of[f] += sums[f] < WEIGHT_ONE ? 1 : sums[f] * (scale / WEIGHT_ONE);
}

uint32_t tokens_count(const struct tokens *sum, enum tokens_family family)
{
    float tokens = sum->of[family] + 0.5F;
    return tokens < (float)UINT32_MAX ? (uint32_t)tokens : UINT32_MAX;
}

uint32_t tokens_estimate_for(enum tokens_family family, struct view text)
{
    struct tokens sum = {0};
    tokens_add(&sum, text);
    return tokens_count(&sum, family);
}

uint32_t tokens_estimate(struct view text)
{
    return tokens_estimate_for(TOKENS_ANY, text);
}

/* What chat templates put around a message, and before the answer. */
#define MESSAGE_TOKENS 4
#define ANSWER_TOKENS  3
/* OpenAI's rule for a picture of 1024x1024 in high detail: 85 and four tiles of 170. */
#define IMAGE_TOKENS (85 + 4 * 170)

void tokens_add_frame(struct tokens *sum, const struct llm_request *request)
{
    uint64_t frame = ANSWER_TOKENS;
    for (unsigned i = 0; i < request->n_messages; i++)
        frame += MESSAGE_TOKENS + (uint64_t)request->messages[i].images * IMAGE_TOKENS;
    for (unsigned f = 0; f < TOKENS_COLUMNS; f++)
        sum->of[f] += (float)frame;
    tokens_add(sum, request->tools);
    tokens_add(sum, request->schema);
}

uint32_t tokens_estimate_request_for(enum tokens_family family, const struct llm_request *request)
{
    struct tokens sum = {0};
    tokens_add_frame(&sum, request);
    for (unsigned i = 0; i < request->n_messages; i++)
        tokens_add(&sum, request->messages[i].text);
    return tokens_count(&sum, family);
}

uint32_t tokens_estimate_request(const struct llm_request *request)
{
    return tokens_estimate_request_for(TOKENS_ANY, request);
}

/* The mean over the samples of the fit, see train/tokens/README.md. */
#define BYTES_PER_TOKEN 4

uint32_t tokens_estimate_bytes(uint64_t bytes)
{
    uint64_t tokens = bytes / BYTES_PER_TOKEN + (bytes % BYTES_PER_TOKEN != 0);
    return tokens < UINT32_MAX ? (uint32_t)tokens : UINT32_MAX;
}

/* The first row whose text is found in the name counts. */
static const struct {
    struct view part;
    bool at_start;
    enum tokens_family family;
} names[] = {
    {VIEW_LIT("distill-llama"), false, TOKENS_LLAMA3},
    {VIEW_LIT("distill-qwen"), false, TOKENS_QWEN},
    {VIEW_LIT("gpt-oss"), false, TOKENS_O200K},
    {VIEW_LIT("gpt-4o"), false, TOKENS_O200K},
    {VIEW_LIT("gpt-4.1"), false, TOKENS_O200K},
    {VIEW_LIT("gpt-4.5"), false, TOKENS_O200K},
    {VIEW_LIT("gpt-4"), true, TOKENS_CL100K},
    {VIEW_LIT("gpt-3.5"), true, TOKENS_CL100K},
    {VIEW_LIT("gpt-35"), true, TOKENS_CL100K},
    {VIEW_LIT("gpt-"), true, TOKENS_O200K},
    {VIEW_LIT("o1"), true, TOKENS_O200K},
    {VIEW_LIT("o3"), true, TOKENS_O200K},
    {VIEW_LIT("o4"), true, TOKENS_O200K},
    {VIEW_LIT("llama-2"), false, TOKENS_ANY},
    {VIEW_LIT("llama2"), false, TOKENS_ANY},
    {VIEW_LIT("llama"), false, TOKENS_LLAMA3},
    {VIEW_LIT("qwen"), false, TOKENS_QWEN},
    {VIEW_LIT("qwq"), false, TOKENS_QWEN},
    {VIEW_LIT("deepseek"), false, TOKENS_DEEPSEEK},
    {VIEW_LIT("gemma"), false, TOKENS_GEMMA},
    {VIEW_LIT("gemini"), false, TOKENS_GEMMA},
    {VIEW_LIT("mistral-7b"), false, TOKENS_ANY}, /* an older tokenizer of 32,000 entries */
    {VIEW_LIT("mistral"), false, TOKENS_TEKKEN},
    {VIEW_LIT("ministral"), false, TOKENS_TEKKEN},
    {VIEW_LIT("magistral"), false, TOKENS_TEKKEN},
    {VIEW_LIT("devstral"), false, TOKENS_TEKKEN},
    {VIEW_LIT("pixtral"), false, TOKENS_TEKKEN},
    {VIEW_LIT("claude"), false, TOKENS_CLAUDE},
};

enum tokens_family tokens_family(struct view model)
{
    const char *slash = model.n ? memrchr(model.p, '/', model.n) : NULL;
    if (slash)
        model = view_skip(model, (size_t)(slash - model.p) + 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t at = view_find_nocase(model, names[i].part);
        if (names[i].at_start ? at == 0 : at != VIEW_NPOS)
            return names[i].family;
    }
    return TOKENS_ANY;
}
