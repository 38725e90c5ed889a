#include "inspect/features.h"

#include <endian.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BODY_HEAD   384
#define BODY_TAIL   128
#define SYSTEM_HEAD 192
#define SYSTEM_TAIL 64
/* The cut and the newline between head and tail, in whole steps of 64. */
#define TEXT_ROOM   576
#define MASK_WORDS  (TEXT_ROOM / 64)
#define MARGIN      16 /* blanks around the text, so that a look to either side is harmless */
#define TOKENS_MAX  TEXT_ROOM /* each is a byte at least */
#define PAIR_TOKENS 24
#define HEAD_TOKENS 16
#define TAIL_TOKENS 16

/* One seed for each kind of feature; any odd constants do. */
enum seed {
    SEED_WORD = 1,
    SEED_PAIR,
    SEED_HEAD,
    SEED_HEAD_TRIPLE,
    SEED_HEAD_STEM,
    SEED_FIRST,
    SEED_TAIL,
    SEED_LINE,
    SEED_SYSTEM,
    SEED_SHAPE,
};

struct text {
    size_t n;
    unsigned n_tokens;
    uint64_t words[MASK_WORDS + 1], marks[MASK_WORDS + 1]; /* a bit for each byte */
    uint32_t tokens[TOKENS_MAX];
    uint32_t stems[TOKENS_MAX]; /* the first four bytes of a word */
    unsigned char room[MARGIN + TEXT_ROOM + MARGIN];
};

static inline uint64_t load8(const unsigned char *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return le64toh(x);
}

static inline uint32_t mix32(uint64_t x)
{
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(x >> 32);
}

/* A word and a row for each token, a row for half of them as beginnings of lines, and the rest. */
_Static_assert(TOKENS_MAX + TOKENS_MAX / 2 + PAIR_TOKENS + 4 * HEAD_TOKENS + TAIL_TOKENS + 32 <
                   FEATURES_MAX,
               "emit() need not look for the end");

/* Multilinear: the top bits of a sum of products, with factors of their own for each seed. */
static inline void emit(struct features *f, enum seed seed, uint32_t a, uint32_t b)
{
    uint64_t x = a * (UINT64_C(0x9e3779b97f4a7c15) * (2 * seed + 1)) +
                 b * (UINT64_C(0xd6e8feb86659fd93) * (2 * seed + 1)) +
                 seed * UINT64_C(0xd1342543de82ef95);
    f->rows[f->n++] = (uint16_t)(x >> (64 - FEATURES_TABLE_BITS));
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load16(const unsigned char *p)
{
    bytes16 x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* A bit for each byte of a mask (0 or 255 each). */
static inline uint64_t bits16(bytes16 mask)
{
#ifdef __SSE2__
    return (uint64_t)_mm_movemask_epi8((__m128i)mask);
#else
    uint64_t half[2];
    memcpy(half, &mask, sizeof half);
    for (unsigned i = 0; i < 2; i++)
        half[i] =
            ((le64toh(half[i]) & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >>
            56;
    return half[0] | half[1] << 8;
#endif
}

static inline bytes16 between(bytes16 x, uint8_t low, uint8_t high)
{
    return (bytes16)((x >= low) & (x <= high));
}

static unsigned sum16(bytes16 counters)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < 16; i++)
        sum += counters[i];
    return sum;
}

_Static_assert(TEXT_ROOM / 16 < 255, "a counter of classify() holds a byte of each step");

/* Lowers ASCII and the Latin letters behind 0xC3, sixteen bytes a step, and notes for each byte
 * whether it belongs to a word or is a mark (a newline too). */
static void classify(struct text *t, struct features_shape *shape)
{
    bytes16 digits = {0}, highs = {0}, signs = {0};
    unsigned char *p = t->room + MARGIN;
    for (size_t i = 0; i < (t->n + 63) / 64; i++) {
        uint64_t words = 0, marks = 0;
        for (unsigned k = 0; k < 64; k += 16, p += 16) {
            bytes16 x = load16(p);
            bytes16 upper = between(x, 'A', 'Z'), digit = between(x, '0', '9');
            bytes16 high = (bytes16)(x >= 0x80), newline = (bytes16)(x == '\n');
            bytes16 latin = (bytes16)(load16(p - 1) == 0xC3) & between(x, 0x80, 0x9E);
            x |= (upper | latin) & 0x20;
            memcpy(p, &x, sizeof x);
            bytes16 word = between(x, 'a', 'z') | digit | high;
            bytes16 sign = (bytes16)(x > ' ') & ~word;
            words |= bits16(word) << k;
            marks |= bits16(sign | newline) << k;
            digits -= digit;
            highs -= high;
            signs -= sign;
        }
        t->words[i] = words;
        t->marks[i] = marks;
    }
    shape->digits = sum16(digits);
    shape->high = sum16(highs);
    shape->marks = sum16(signs);
}

/* The run of word bytes from `at`, at most 56. */
static inline unsigned word_length(const struct text *t, size_t at)
{
    uint64_t bits = t->words[at / 64] >> (at % 64);
    if (at % 64)
        bits |= t->words[at / 64 + 1] << (64 - at % 64);
    bits = ~bits | UINT64_C(1) << 56;
    return (unsigned)__builtin_ctzll(bits);
}

static inline void push(struct text *t, uint32_t token, uint32_t stem)
{
    t->tokens[t->n_tokens] = token;
    t->stems[t->n_tokens++] = stem;
}

/* Scripts without blanks: a token for each character of three bytes. */
static void push_characters(struct text *t, const unsigned char *p, unsigned n)
{
    for (; n >= 3; p += 3, n -= 3)
        push(t, mix32(load8(p) & 0xFFFFFF), 0);
}

static inline void push_word(struct text *t, const unsigned char *p, unsigned n)
{
    uint64_t first = load8(p);
    if (p[0] >= '0' && p[0] <= '9') {
        push(t, mix32(UINT64_C(0xD161) + (n < 6 ? n : 6)), 0);
    } else if (p[0] >= 0xE3 && p[0] <= 0xED) {
        push_characters(t, p, n);
    } else if (n <= 8) {
        first &= ~UINT64_C(0) >> (64 - 8 * n);
        push(t, mix32(first), (uint32_t)first);
    } else {
        uint64_t last = load8(p + n - 8);
        push(t, mix32(first + last * UINT64_C(0xa0761d6478bd642f) + n), (uint32_t)first);
    }
}

static void tokenize(struct text *t)
{
    uint64_t carry = 0;
    size_t n = (t->n + 63) / 64;
    t->words[n] = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t words = t->words[i];
        uint64_t starts = (words & ~(words << 1 | carry)) | t->marks[i];
        carry = words >> 63;
        for (; starts; starts &= starts - 1) {
            size_t at = i * 64 + (size_t)__builtin_ctzll(starts);
            const unsigned char *p = t->room + MARGIN + at;
            if (words >> (at % 64) & 1) {
                push_word(t, p, word_length(t, at));
            } else if (p[-1] != p[0]) {
                push(t, mix32(p[0]), 0);
            }
        }
    }
}

/* Copies head and tail of `v` and makes tokens of them. */
static void text_read(struct text *t, struct view v, size_t head, size_t tail,
                      struct features_shape *shape)
{
    unsigned char *p = t->room + MARGIN;
    t->n_tokens = 0;
    if (v.n <= head + tail) {
        t->n = v.n;
        if (v.n)
            memcpy(p, v.p, v.n);
    } else {
        t->n = head + tail + 1;
        memcpy(p, v.p, head);
        p[head] = '\n';
        memcpy(p + head + 1, v.p + v.n - tail, tail);
    }
    memset(t->room, ' ', MARGIN);
    memset(p + t->n, ' ', (t->n + 63) / 64 * 64 - t->n + MARGIN);
    classify(t, shape);
    tokenize(t);
}

static void emit_body(struct features *f, const struct text *t)
{
    const uint32_t newline = mix32('\n');
    unsigned n = t->n_tokens, pairs = n < PAIR_TOKENS ? n : PAIR_TOKENS;
    for (unsigned i = 0; i < n; i++)
        emit(f, SEED_WORD, t->tokens[i], 0);
    for (unsigned i = 0; i < pairs; i++)
        emit(f, SEED_PAIR, t->tokens[i], i ? t->tokens[i - 1] : 0);
    for (unsigned i = 1; i < n; i++)
        if (t->tokens[i - 1] == newline)
            emit(f, SEED_LINE, t->tokens[i], 0);
}

static void emit_ends(struct features *f, const struct text *t)
{
    unsigned n = t->n_tokens, head = n < HEAD_TOKENS ? n : HEAD_TOKENS;
    uint32_t b = 0, c = 0;
    for (unsigned i = 0; i < head; i++) {
        uint32_t a = t->tokens[i];
        emit(f, SEED_HEAD, a, 0);
        emit(f, SEED_HEAD_TRIPLE, a + c * 0x9e3779b1u, b);
        emit(f, SEED_HEAD_STEM, t->stems[i], 0);
        if (i < 3)
            emit(f, SEED_FIRST, a, i);
        c = b;
        b = a;
    }
    for (unsigned i = n > TAIL_TOKENS ? n - TAIL_TOKENS : 0; i < n; i++)
        emit(f, SEED_TAIL, t->tokens[i], 0);
    emit(f, SEED_FIRST, n ? t->tokens[n - 1] : 0, 100);
}

/* What a line tells: an option, a bullet, a label before a colon that stood there before. */
static void shape_line(struct features_shape *shape, const unsigned char *p, size_t n,
                       uint64_t *labels)
{
    while (n && *p == ' ')
        p++, n--;
    if (n < 2)
        return;
    bool paren = p[0] == '(';
    unsigned char letter = p[paren], after = n > 2u ? p[paren + 1] : 0;
    if (letter >= 'a' && letter <= 'j' &&
        (after == ')' || (!paren && (after == '.' || after == ':'))))
        shape->options++;
    if ((p[0] == '-' || p[0] == '*') && p[1] == ' ')
        shape->bullets++;
    else if (p[0] >= '0' && p[0] <= '9' && (p[1] == '.' || p[1] == ')'))
        shape->bullets++;
    if (p[0] == '`' && p[1] == '`')
        shape->fences++;
    size_t label = n < 24 ? n : 24;
    const unsigned char *colon = memchr(p, ':', label);
    if (!colon || colon == p || p[0] < 'a' || p[0] > 'z')
        return;
    uint64_t bit = UINT64_C(1) << (mix32(load8(p) & (~UINT64_C(0) >>
                                                     (colon - p < 8 ? 64 - 8 * (colon - p) : 0))) &
                                   63);
    shape->repeats += (*labels & bit) != 0;
    *labels |= bit;
}

static void shape_marks(struct features_shape *shape, const struct text *t)
{
    enum { OTHER, CODE, MATH, BOTH, QUESTION, QUOTE, KINDS };
    static const unsigned char kind[128] = {
        ['{'] = CODE, ['}'] = CODE, [';'] = CODE, ['<'] = CODE,     ['>'] = CODE,  ['['] = CODE,
        [']'] = CODE, ['_'] = CODE, ['#'] = CODE, ['('] = CODE,     ['$'] = MATH,  ['\\'] = MATH,
        ['^'] = MATH, ['+'] = MATH, ['='] = BOTH, ['?'] = QUESTION, ['"'] = QUOTE,
    };
    unsigned counts[KINDS] = {0};
    for (size_t i = 0; i < (t->n + 63) / 64; i++) {
        for (uint64_t m = t->marks[i]; m; m &= m - 1) {
            const unsigned char *p = t->room + MARGIN + i * 64 + (size_t)__builtin_ctzll(m);
            counts[kind[*p]]++;
            if (*p == '"')
                shape->json |= p[1] == ':' || p[-1] == '{';
        }
    }
    shape->code_marks = counts[CODE] + counts[BOTH];
    shape->math_marks = counts[MATH] + counts[BOTH];
    shape->questions = counts[QUESTION];
}

static void shape_read(struct features_shape *shape, const struct text *t)
{
    uint64_t labels = 0;
    const unsigned char *p = t->room + MARGIN, *end = p + t->n;
    while (p < end) {
        const unsigned char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        if (shape->lines == 0)
            shape->first_line = (unsigned)n;
        if (n)
            shape->last_line = (unsigned)n;
        shape->lines++;
        shape_line(shape, p, n, &labels);
        p += n + 1;
    }
    while (end > t->room + MARGIN && end[-1] <= ' ')
        end--;
    shape->last = end > t->room + MARGIN ? end[-1] : 0;
    shape_marks(shape, t);
}

static unsigned log2_of(size_t n)
{
    return n ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

/* A share of `of` as 0..8, finer near zero. */
static unsigned share(unsigned part, size_t of)
{
    return log2_of(of ? part * 256u / of : 0);
}

static void emit_shape(struct features *f, const struct llm_request *r,
                       const struct features_shape *h, const struct text *t)
{
    unsigned systems = 0, assistants = 0;
    for (unsigned i = 0; i < r->n_messages && i < 16; i++) {
        systems += r->messages[i].role == LLM_SYSTEM;
        assistants += r->messages[i].role == LLM_ASSISTANT;
    }
    const unsigned values[] = {
        0, /* the bias */
        log2_of(h->bytes),
        log2_of(t->n_tokens),
        log2_of(h->lines),
        share(h->digits, t->n),
        share(h->high, t->n),
        share(h->marks, t->n),
        share(h->code_marks, t->n),
        share(h->math_marks, t->n),
        h->options < 6 ? h->options : 6,
        log2_of(h->bullets),
        log2_of(h->repeats),
        h->fences > 0,
        h->questions < 3 ? h->questions : 3,
        log2_of(h->first_line),
        log2_of(h->last_line),
        h->last < 128 ? h->last : 128,
        h->json,
        systems > 0,
        assistants > 0,
    };
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        emit(f, SEED_SHAPE, i, values[i]);
    /* How the text ends and how many lines it has tell more together. */
    emit(f, SEED_SHAPE, 100 + log2_of(h->lines), values[16]);
    emit(f, SEED_SHAPE, 120 + log2_of(h->lines), log2_of(h->bytes));
}

const struct llm_message *features_user(const struct llm_request *request)
{
    for (unsigned i = request->n_messages; i-- > 0;)
        if (request->messages[i].role == LLM_USER)
            return &request->messages[i];
    return request->n_messages ? &request->messages[request->n_messages - 1] : NULL;
}

const struct llm_message *features_system(const struct llm_request *request)
{
    for (unsigned i = 0; i < request->n_messages; i++)
        if (request->messages[i].role == LLM_SYSTEM && request->messages[i].text.n)
            return &request->messages[i];
    return NULL;
}

void features_of_user(const struct llm_request *request, struct features_shape *ret_shape,
                      struct features *ret_features)
{
    struct text t;
    const struct llm_message *user = features_user(request);
    struct view body = user ? user->text : VIEW_NONE;
    ret_features->n = 0;
    *ret_shape = (struct features_shape){.bytes = body.n};
    text_read(&t, body, BODY_HEAD, BODY_TAIL, ret_shape);
    emit_body(ret_features, &t);
    emit_ends(ret_features, &t);
    shape_read(ret_shape, &t);
    emit_shape(ret_features, request, ret_shape, &t);
}

void features_of_system(struct view text, struct features *ret_features)
{
    struct text t;
    struct features_shape ignored;
    ret_features->n = 0;
    text_read(&t, text, SYSTEM_HEAD, SYSTEM_TAIL, &ignored);
    for (unsigned i = 0; i < t.n_tokens; i++)
        emit(ret_features, SEED_SYSTEM, t.tokens[i], 0);
}
