#include "llm/tokens.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/*
 * The count of a byte-pair tokenizer is close to linear in a few counts of the text: words, how far
 * they run past the lengths that common words have, digits, marks, the letters of each script.
 *
 * A block of 64 bytes becomes masks, one bit a byte for each class; shifts find starts, runs and
 * neighbours, population counts add them up. Only characters beyond ASCII are visited one by one.
 */

#define BLOCK 64u
/* A longer text is read in evenly spaced pieces, so the work has a bound whatever comes. */
#define WHOLE_MAX  32768u
#define PIECE      1024u
#define PIECES     (WHOLE_MAX / PIECE)
#define WEIGHT_ONE 65536 /* weights are in tokens / 65536 */

#define INLINE static inline __attribute__((always_inline))

enum count {
#define ROW(name, ...) COUNT_##name,
#include "llm/tokens.def"
#undef ROW
    N_COUNTS
};

static const int32_t weights[N_COUNTS][TOKENS_FAMILIES] = {
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
    uint64_t letter, upper, digit, space, control, mark, high, lead, under, comma, z, k, y, j;
};

struct tally {
    uint32_t counts[N_COUNTS];
    bool beyond_ascii;
    uint64_t scripts[N_SCRIPTS]; /* the four counts of a script, 16 bits each */
};
_Static_assert(WHOLE_MAX <= UINT16_MAX, "a script's counts have 16 bits");

/* What a block must know of the one before it. */
struct left {
    struct masks masks;
    uint64_t word, deep1, deep3, deep7;
};

/* 32 bytes at once; a machine without such registers takes several. */
typedef uint8_t lanes __attribute__((vector_size(32)));

/* One bit a lane, its highest: the only step that the compiler must be told how to do well. */
typedef uint64_t bits_of(const lanes *v);

#ifdef __x86_64__
INLINE uint64_t bits_plain(const lanes *v)
{
    const __m128i *half = (const __m128i *)v;
    return (uint32_t)_mm_movemask_epi8(half[0]) | (uint64_t)_mm_movemask_epi8(half[1]) << 16;
}

__attribute__((target("avx2"))) INLINE uint64_t bits_avx2(const lanes *v)
{
    return (uint32_t)_mm256_movemask_epi8(*(const __m256i *)v);
}
#else
INLINE uint64_t bits_plain(const lanes *v)
{
    uint64_t part[4], bits = 0;
    memcpy(part, v, sizeof part);
    for (unsigned i = 0; i < 4; i++)
        bits |= ((part[i] >> 7 & 0x0101010101010101u) * 0x0102040810204080u) >> 56 << 8 * i;
    return bits;
}
#endif

/* In the highest bit of each lane, whether it is at or above `limit`, at most 0x80. In arithmetic,
 * as compilers take comparisons of emulated vectors apart into single bytes. */
#define NOT_BELOW(v, limit) ((((v)&0x7F) + (uint8_t)(0x80 - (limit))) | (v))

/* Classes of one block; marks are what is left over. */
INLINE struct masks classify(const uint8_t *p, bits_of *bits)
{
    struct masks m = {0};
    for (unsigned at = 0; at < BLOCK; at += sizeof(lanes)) {
        lanes v;
        memcpy(&v, p + at, sizeof v);
        lanes folded = v | 0x20;
        lanes letter = ~NOT_BELOW(folded - 'a', 26);
        lanes bit5 = (v + v) + (v + v);
#define CLASS(name, lanes_of_class)      \
    do {                                 \
        lanes class_ = (lanes_of_class); \
        m.name |= bits(&class_) << at;   \
    } while (0)
        CLASS(letter, letter);
        CLASS(upper, letter & ~bit5);
        CLASS(digit, ~NOT_BELOW(v - '0', 10));
        CLASS(space, ~NOT_BELOW(v ^ ' ', 1));
        CLASS(control, ~NOT_BELOW(v, 0x20));
        CLASS(high, v);
        CLASS(lead, v & (v + v));
        CLASS(under, ~NOT_BELOW(v ^ '_', 1));
        CLASS(comma, ~NOT_BELOW(v ^ ',', 1));
        CLASS(z, ~NOT_BELOW(folded ^ 'z', 1));
        CLASS(k, ~NOT_BELOW(folded ^ 'k', 1));
        CLASS(y, ~NOT_BELOW(folded ^ 'y', 1));
        CLASS(j, ~NOT_BELOW(folded ^ 'j', 1));
#undef CLASS
    }
    m.mark = ~(m.letter | m.digit | m.space | m.control | m.high);
    return m;
}

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

#define COUNT(name, mask) t->counts[COUNT_##name] += (uint32_t)__builtin_popcountll(mask)
/* Which bytes have a byte of this class to their left. */
#define AFTER(class) (m.class << 1 | left->masks.class >> 63)

INLINE void count_words(struct tally *t, struct masks m, struct left *left, const uint8_t *p)
{
    uint64_t word = m.letter | m.high;
    uint64_t deep1 = word & (word << 1 | left->word >> 63);
    uint64_t starts = word & ~deep1;
    uint64_t deep3 = deep1 & (deep1 << 2 | left->deep1 >> 62);
    uint64_t deep5 = deep3 & (deep3 << 2 | left->deep3 >> 62);
    uint64_t deep7 = deep3 & (deep3 << 4 | left->deep3 >> 60);
    uint64_t deep11 = deep7 & (deep7 << 4 | left->deep7 >> 60);
    uint64_t deep15 = deep7 & (deep7 << 8 | left->deep7 >> 56);
    COUNT(letters, m.letter);
    COUNT(starts, m.letter & starts);
    COUNT(deep3, m.letter & deep3);
    COUNT(deep5, m.letter & deep5);
    COUNT(deep7, m.letter & deep7);
    COUNT(deep11, m.letter & deep11);
    COUNT(deep15, m.letter & deep15);
    if (m.high) {
        t->beyond_ascii = true;
        for (uint64_t lead = m.lead; lead; lead &= lead - 1) {
            unsigned i = (unsigned)__builtin_ctzll(lead);
            t->scripts[script_at(p + i)] +=
                1u | (starts >> i & 1) << 16 | (deep7 >> i & 1) << 32 | (deep15 >> i & 1) << 48;
        }
    }
    left->word = word;
    left->deep1 = deep1;
    left->deep3 = deep3;
    left->deep7 = deep7;
}

/* `p` has a byte more than the block; bytes that are not `valid` count for nothing. */
INLINE void count_block(struct tally *t, struct left *left, const uint8_t *p, uint64_t valid,
                        bits_of *bits)
{
    struct masks m = classify(p, bits);
    m.mark &= valid;
    m.control &= valid;
    count_words(t, m, left, p);

    COUNT(upper, m.upper);
    COUNT(upper_upper, m.upper & AFTER(upper));
    COUNT(word_after_space, m.letter & AFTER(space));
    COUNT(word_after_mark, m.letter & AFTER(mark));
    if (m.digit | left->masks.digit >> 63) {
        COUNT(digit, m.digit);
        COUNT(digit_start, m.digit & ~AFTER(digit));
        COUNT(digit_after_space, m.digit & AFTER(space));
        COUNT(digit_after_letter, m.digit & AFTER(letter));
        COUNT(letter_after_digit, m.letter & AFTER(digit));
    }
    COUNT(control, m.control);
    COUNT(control_start, m.control & ~AFTER(control));
    COUNT(space, m.space);
    COUNT(space_space, m.space & AFTER(space));
    COUNT(mark, m.mark);
    COUNT(mark_mark, m.mark & AFTER(mark));
    COUNT(mark_after_space, m.mark & AFTER(space));
    COUNT(mark_after_control, m.mark & AFTER(control));
    COUNT(under, m.under);
    COUNT(comma, m.comma);
    COUNT(z, m.z);
    COUNT(k, m.k);
    COUNT(y, m.y);
    COUNT(j, m.j);
    left->masks = m;
}

INLINE void count_piece(struct tally *t, const uint8_t *p, size_t n, bits_of *bits)
{
    struct left left = {0};
    for (; n > BLOCK; p += BLOCK, n -= BLOCK)
        count_block(t, &left, p, ~UINT64_C(0), bits);
    uint8_t last[BLOCK + 1] = {0};
    memcpy(last, p, n);
    count_block(t, &left, last, n < BLOCK ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0), bits);
}

static void count_plain(struct tally *t, const uint8_t *p, size_t n)
{
    count_piece(t, p, n, bits_plain);
}

#ifdef __x86_64__
__attribute__((target("avx2,popcnt,bmi"))) static void count_avx2(struct tally *t, const uint8_t *p,
                                                                  size_t n)
{
    count_piece(t, p, n, bits_avx2);
}
#endif

static void count(struct tally *t, const uint8_t *p, size_t n)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
        __builtin_cpu_supports("bmi")) {
        count_avx2(t, p, n);
        return;
    }
#endif
    count_plain(t, p, n);
}

/* Returns how many bytes were counted. */
static size_t tally_text(struct tally *t, struct view text)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t counted = text.n;
    if (text.n <= WHOLE_MAX) {
        count(t, p, text.n);
    } else {
        for (size_t i = 0; i < PIECES; i++)
            count(t, p + (text.n - PIECE) / (PIECES - 1) * i, PIECE);
        counted = WHOLE_MAX;
    }
    for (unsigned i = 0; t->beyond_ascii && i < 4 * N_SCRIPTS; i++)
        t->counts[COUNT_latin_chars + i] = t->scripts[i / 4] >> (16 * (i % 4)) & 0xFFFF;
    return counted;
}

/* In tokens / WEIGHT_ONE. */
static uint64_t weigh(enum tokens_family family, struct view text)
{
    if (text.n == 0)
        return 0;
    struct tally t = {0};
    size_t counted = tally_text(&t, text);
    int64_t sum = 0;
    for (unsigned i = 0; i < (t.beyond_ascii ? N_COUNTS : COUNT_latin_chars); i++)
        sum += (int64_t)t.counts[i] * weights[i][family];
    if (sum < WEIGHT_ONE)
        sum = WEIGHT_ONE;
    return counted == text.n ? (uint64_t)sum
                             : (uint64_t)((double)sum * (double)text.n / (double)counted);
}

static uint32_t rounded(uint64_t weight)
{
    uint64_t tokens = (weight + WEIGHT_ONE / 2) / WEIGHT_ONE;
    return tokens < UINT32_MAX ? (uint32_t)tokens : UINT32_MAX;
}

uint32_t tokens_estimate_for(enum tokens_family family, struct view text)
{
    return rounded(weigh(family, text));
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

uint32_t tokens_estimate_request_for(enum tokens_family family, const struct llm_request *request)
{
    uint64_t weight = weigh(family, request->tools) + weigh(family, request->schema);
    uint64_t frame = ANSWER_TOKENS;
    for (unsigned i = 0; i < request->n_messages; i++) {
        const struct llm_message *message = &request->messages[i];
        weight += weigh(family, message->text);
        frame += MESSAGE_TOKENS + (uint64_t)message->images * IMAGE_TOKENS;
    }
    return rounded(weight + frame * WEIGHT_ONE);
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
