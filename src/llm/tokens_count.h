/*
 * The counting of tokens.c, for one width of registers. Included by that file only, once for each:
 * LANES bytes at once, NAME(x) a name of its own, TARGET what the functions may use of the machine.
 */
typedef uint8_t NAME(lanes) __attribute__((vector_size(LANES)));

/* The counts that need no neighbours are kept a lane each, and added up once a piece. */
struct NAME(counters) {
    NAME(lanes) under, comma, z, k, y, j;
};

/* One bit a lane; each is 0 or 255. The only step that compilers must be told how to do well. */
TARGET INLINE uint64_t NAME(bits)(NAME(lanes) class)
{
#if LANES == 32
    return (uint32_t)_mm256_movemask_epi8((__m256i) class);
#elif defined __SSE2__
    return (uint32_t)_mm_movemask_epi8((__m128i) class);
#else
    uint64_t half[2];
    memcpy(half, &class, sizeof half);
    for (unsigned i = 0; i < 2; i++)
        half[i] = ((le64toh(half[i]) & 0x0101010101010101u) * 0x0102040810204080u) >> 56;
    return half[0] | half[1] << 8;
#endif
}

/* A comparison of lanes, as lanes. */
#define MASK(comparison) ((NAME(lanes))(comparison))

/* Classes of one block; marks are what is left over. */
TARGET INLINE struct masks NAME(classify)(const uint8_t *p, struct NAME(counters) * c)
{
    struct masks m = {0};
    for (unsigned at = 0; at < BLOCK; at += LANES) {
        NAME(lanes) v, folded;
        memcpy(&v, p + at, sizeof v);
        folded = v | 0x20;
        NAME(lanes) letter = MASK(folded - 'a' < 26);
        NAME(lanes) upper = letter & MASK(folded != v);
        m.letter |= NAME(bits)(letter) << at;
        m.upper |= NAME(bits)(upper) << at;
        m.digit |= NAME(bits)(MASK(v - '0' < 10)) << at;
        m.space |= NAME(bits)(MASK(v == ' ')) << at;
        m.control |= NAME(bits)(MASK(v < 0x20)) << at;
        m.high |= NAME(bits)(MASK(v >= 0x80)) << at;
        c->under -= MASK(v == '_');
        c->comma -= MASK(v == ',');
        c->z -= MASK(folded == 'z');
        c->k -= MASK(folded == 'k');
        c->y -= MASK(folded == 'y');
        c->j -= MASK(folded == 'j');
    }
    m.mark = ~(m.letter | m.digit | m.space | m.control | m.high);
    return m;
}

#define COUNT(name, mask) counts[COUNT_##name] += (uint32_t)__builtin_popcountll(mask)
/* Which bytes have a byte of this class to their left. */
#define AFTER(class) (m.class << 1 | left->masks.class >> 63)

TARGET INLINE void NAME(count_words)(struct tally *t, uint32_t *counts, const struct masks *of,
                                     struct left *left, const uint8_t *p)
{
    struct masks m = *of;
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
        for (uint64_t high = m.high; high; high &= high - 1) {
            unsigned i = (unsigned)__builtin_ctzll(high);
            if (p[i] >= 0xC0)
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
TARGET INLINE void NAME(count_block)(struct tally *t, uint32_t *counts,
                                     struct NAME(counters) * counters, struct left *left,
                                     const uint8_t *p, uint64_t valid)
{
    struct masks m = NAME(classify)(p, counters);
    m.mark &= valid;
    m.control &= valid;
    NAME(count_words)(t, counts, &m, left, p);

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
    left->masks = m;
}

#undef MASK
#undef COUNT
#undef AFTER

TARGET INLINE uint32_t NAME(sum)(NAME(lanes) counter)
{
    uint64_t parts[LANES / 8], sum = 0;
    memcpy(parts, &counter, sizeof parts);
    for (unsigned i = 0; i < LANES / 8; i++)
        sum += (parts[i] & 0x00FF00FF00FF00FFu) + (parts[i] >> 8 & 0x00FF00FF00FF00FFu);
    return (uint32_t)((sum * 0x0001000100010001u) >> 48);
}

/* Of `p`, n bytes count and `readable` may be read. */
TARGET INLINE void NAME(count_piece)(struct tally *t, uint32_t *counts,
                                     struct NAME(counters) * counters, const uint8_t *p, size_t n,
                                     size_t readable)
{
    struct left left = {0};
    for (; n >= BLOCK && readable > BLOCK; p += BLOCK, n -= BLOCK, readable -= BLOCK)
        NAME(count_block)(t, counts, counters, &left, p, ~UINT64_C(0));
    if (n == 0)
        return;
    uint8_t last[BLOCK + 1] = {0};
    memcpy(last, p, n);
    uint64_t valid = n < BLOCK ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0);
    NAME(count_block)(t, counts, counters, &left, last, valid);
}

/* Pieces of n bytes, all together at most AT_ONCE_MAX; behind several there is one byte more. */
TARGET static void NAME(count)(struct tally *t, const uint8_t *p, size_t n, size_t stride,
                               size_t pieces)
{
    struct NAME(counters) c = {0};
    uint32_t counts[COUNT_latin_chars] = {0}; /* of its own: nothing that `p` points into */
    for (size_t i = 0; i < pieces; i++)
        NAME(count_piece)(t, counts, &c, p + i * stride, n, pieces > 1 ? n + 1 : n);
    counts[COUNT_under] = NAME(sum)(c.under);
    counts[COUNT_comma] = NAME(sum)(c.comma);
    counts[COUNT_z] = NAME(sum)(c.z);
    counts[COUNT_k] = NAME(sum)(c.k);
    counts[COUNT_y] = NAME(sum)(c.y);
    counts[COUNT_j] = NAME(sum)(c.j);
    for (unsigned i = 0; i < COUNT_latin_chars; i++)
        t->counts[i] += counts[i];
}
