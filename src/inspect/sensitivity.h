/*
 * Sensitivity: which bytes of a text, or of a request's body, are data that must not leave.
 *
 * Text in, findings out; no I/O, no allocation outside the given arena. A scan walks every string
 * and key of a body, decodes and normalises it (plain.h), and asks the detectors in turn: literals,
 * runs of digits and of random characters with their validators, cues and counter-cues, the
 * organisation's own words, the tagger (tagger.h), and the rules over the whole document. Cost is
 * linear in the bytes. Whatever cannot be read - images, audio, files, encodings that it does not
 * know, nesting beyond its limits - is a finding of class UNREADABLE, never silence.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "config/data_class.h"

enum finding_evidence {
    FINDING_HARD,   /* the form alone proves it: a check digit, an issuer's prefix, a PEM head */
    FINDING_CUE,    /* a form and a word near it */
    FINDING_OWN,    /* the organisation's words, patterns, markings */
    FINDING_TAGGED, /* the tagger, or a list of names, conditions, places */
    FINDING_RULE,   /* follows from other findings: the same name again, a date beside a person */
};

struct finding {
    uint32_t start, end; /* bytes of the scanned text or body, as they stand there */
    uint8_t class;       /* enum data_class */
    uint8_t evidence;    /* enum finding_evidence */
    uint8_t confidence;  /* 1..100 */
    bool maskable;   /* these bytes may be replaced without touching more: a string's own text, not
                        a key, not inside of an encoding, not a name that the protocol needs */
    const char *sub; /* kind of id: "ssn", "iban", "github", ...; static; may be NULL */
    struct view value; /* decoded and normalised: equal values are the same thing; in the arena */
    uint32_t string;   /* which string of the body, from 0 (struct scanned_string) */
};

/* A string of the body that was read: the tagger need not read the same text twice. */
struct scanned_string {
    uint64_t digest;     /* of its decoded text, with a key of this process */
    uint32_t start, end; /* in the body, without the quotes */
    bool key;            /* an object's key */
};

struct findings {
    struct finding *all; /* in the order of `start`; they do not overlap */
    unsigned n;
    uint32_t classes; /* a bit for each class found */
    uint16_t counts[DATA_CLASSES];
    struct scanned_string *strings;
    unsigned n_strings;
    bool tagged; /* the tagger ran over all strings that were not known already */
};

/* The organisation's own patterns, compiled; immutable, any thread. One for each configuration. */
struct sensitivity_own {
    struct view *words; /* compared without case, at word borders; also `markings` of documents */
    unsigned n_words;
    struct view *patterns; /* regular expressions; refused unless their time is linear */
    unsigned n_patterns;
};
struct sensitivity;
/* Copies what it needs. Fails with BAD_VALUE that names the pattern. NULL without memory. */
struct sensitivity *sensitivity_new(const struct sensitivity_own *own,
                                    struct error *err) MUST_CHECK;
void sensitivity_free(struct sensitivity *s); /* accepts NULL */

struct sensitivity_options {
    enum data_profile profile;
    uint32_t classes; /* a bit for each class that is looked for */
    /* The last look of the gate: strings in `known` (sorted digests) are not tagged again. */
    const uint64_t *known;
    unsigned n_known;
    bool no_tagger; /* only hard evidence, cues and own words */
};

/* Plain text; offsets are those of `text`. False: it could not be scanned (memory, limits), which
 * must count as sensitive. */
bool sensitivity_scan_text(const struct sensitivity *s, struct view text,
                           const struct sensitivity_options *options, struct arena *a,
                           struct findings *ret_findings, struct error *err) MUST_CHECK;
/* A request's JSON body in any dialect; offsets are those of the raw body. So too when it is no
 * JSON (false). */
bool sensitivity_scan_body(const struct sensitivity *s, struct view body,
                           const struct sensitivity_options *options, struct arena *a,
                           struct findings *ret_findings, struct error *err) MUST_CHECK;

/* The digest of a decoded text, as in scanned_string. */
uint64_t sensitivity_digest(struct view text);
