/*
 * What the detectors share: the plain text of the whole document, the words that were found in it,
 * and the list of hits that they add to. Private to inspect/.
 *
 * A body's strings stand in the document one after the other, a key before its value ("ssn: 123"),
 * so that detectors see bodies, CSV and prose alike.
 */
#pragma once

#include "inspect/cues.h"
#include "inspect/plain.h"
#include "inspect/sensitivity.h"

struct sensitivity {
    struct cue_index *cues;
    struct own *own;
};

/* A string of the body, or what else stands there: its place in the document and in the body. */
struct part {
    uint32_t start, end; /* in the document */
    uint32_t raw, raw_end;
    uint64_t digest;          /* of its decoded text */
    bool key, maskable, text; /* text: running text that may go on in the next one */
    bool wire; /* a word of the protocol or of a schema: nobody's name stands there */
};

struct hit {
    uint32_t start, end; /* in the document */
    uint8_t class, evidence, confidence;
    const char *sub;
};

struct scan {
    const struct sensitivity *s;
    const struct sensitivity_options *options;
    struct arena *a;
    struct plain doc;
    struct part *parts;
    unsigned n_parts, cap_parts;
    struct hit *hits;
    unsigned n_hits, cap_hits;
    struct cue *cues;
    unsigned n_cues, cap_cues;
    struct finding *found; /* known by their raw place alone: what cannot be read, blobs */
    unsigned n_found, cap_found;
    bool tagged, failed; /* failed: no memory */
};

static inline struct view scan_text(const struct scan *s)
{
    return view_of(s->doc.p, s->doc.n);
}

/* Takes the hit when its class is looked for. */
void scan_hit(struct scan *s, uint32_t start, uint32_t end, enum data_class class,
              enum finding_evidence evidence, unsigned confidence, const char *sub);
/* A finding of raw bytes that nobody may touch. */
void scan_found(struct scan *s, uint32_t raw, uint32_t raw_end, enum data_class class,
                enum finding_evidence evidence, const char *sub);
/* Grows an array in the arena to hold one more. */
bool scan_grow(struct scan *s, void **items, unsigned n, unsigned *cap, size_t size);

/* The nearest cue of one of `kinds` that ends within `reach` bytes before `at`; NULL: none. */
const struct cue *scan_cue_before(const struct scan *s, uint32_t at, uint32_t kinds,
                                  uint32_t reach);
/* The first cue that begins at `at` or behind. */
unsigned scan_cue_from(const struct scan *s, uint32_t at);

/* What a byte is. */
enum {
    BYTE_DIGIT = 1,
    BYTE_UPPER = 2,
    BYTE_LOWER = 4,
    BYTE_HIGH = 8, /* of a character that is not ASCII: counts as a letter */
    BYTE_HEX = 16,
    BYTE_KEY = 32, /* of keys and of Base64 for addresses: letters, digits, _ and - */
};
extern const uint8_t byte_kinds[256];

static inline bool byte_is(char c, unsigned kinds)
{
    return byte_kinds[(unsigned char)c] & kinds;
}

static inline bool is_digit(char c)
{
    return byte_is(c, BYTE_DIGIT);
}

static inline bool is_alpha(char c)
{
    return byte_is(c, BYTE_UPPER | BYTE_LOWER);
}

static inline bool is_alnum(char c)
{
    return byte_is(c, BYTE_DIGIT | BYTE_UPPER | BYTE_LOWER);
}

static inline bool is_upper(char c)
{
    return byte_is(c, BYTE_UPPER);
}

static inline bool is_letter(char c) /* of any script */
{
    return byte_is(c, BYTE_UPPER | BYTE_LOWER | BYTE_HIGH);
}

static inline bool is_word(char c)
{
    return byte_is(c, BYTE_DIGIT | BYTE_UPPER | BYTE_LOWER | BYTE_HIGH);
}

static inline bool is_hex(char c)
{
    return byte_is(c, BYTE_HEX);
}

static inline bool is_joint(char c) /* what stands between groups of a number */
{
    return c == ' ' || (c >= '-' && c <= '/');
}

/* All detectors that look at a text as such. */
void detect_text(struct scan *s);

void detect_cues(struct scan *s);     /* the words that the others look for; comes first */
void detect_keys(struct scan *s);     /* issuers' prefixes, PEM, JWT: secrets.c */
void detect_contacts(struct scan *s); /* e-mail, addresses of the net, wallets */
/* E-mail addresses in words: around "(at)", whose bracket stands at `at`, and a said "dot". */
void detect_veiled_bracket(struct scan *s, uint32_t at);
void detect_veiled_dot(struct scan *s, uint32_t at);
void detect_urls(struct scan *s); /* addresses that carry a credential */
void detect_phones(struct scan *s);
void detect_numbers(struct scan *s); /* what has a check digit or a known shape */
void detect_values(struct scan *s);  /* what stands behind a cue */
void detect_shell(struct scan *s);   /* credentials on a command line */
void detect_html_tables(struct scan *s);
void detect_tables(struct scan *s);  /* columns below a head of cues */
void detect_persons(struct scan *s); /* names behind titles and in fields */
void detect_places(struct scan *s);  /* postal addresses */
void detect_own(struct scan *s);     /* the organisation's words and patterns */
/* Numbers across the border of two strings. */
void detect_splits(struct scan *s);
