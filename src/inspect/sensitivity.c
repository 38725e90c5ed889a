#include "inspect/sensitivity.h"

#include "base/hash.h"
#include "inspect/document.h"
#include "inspect/own.h"
#include "inspect/walk.h"

#include <stdlib.h>

struct sensitivity *sensitivity_new(const struct sensitivity_own *own, struct error *err)
{
    struct sensitivity *s = calloc(1, sizeof(*s));

    if (!s || !(s->cues = cue_index_new())) {
        error_set(err, ERROR_NO_MEMORY, "no memory for the scanner");
    } else if (!own || (own->n_words == 0 && own->n_patterns == 0) ||
               (s->own = own_new(own, err))) {
        return s;
    }
    sensitivity_free(s);
    return NULL;
}

void sensitivity_free(struct sensitivity *s)
{
    if (!s)
        return;
    cue_index_free(s->cues);
    own_free(s->own);
    free(s);
}

uint64_t sensitivity_digest(struct view text)
{
    return hash_bytes(text);
}

void detect_text(struct scan *s)
{
    detect_cues(s);
    detect_keys(s);
    detect_contacts(s);
    detect_urls(s);
    detect_phones(s);
    detect_numbers(s);
    detect_values(s);
    detect_shell(s);
    detect_tables(s);
    detect_html_tables(s);
    detect_persons(s);
    detect_places(s);
    detect_own(s);
}

static bool scan_document(struct scan *s, struct findings *ret_findings, struct error *err)
{
    detect_text(s);
    detect_splits(s);
    if (!s->failed)
        document_finish(s, ret_findings);
    return !s->failed || error_set(err, ERROR_NO_MEMORY, "no memory to scan");
}

bool sensitivity_scan_text(const struct sensitivity *s, struct view text,
                           const struct sensitivity_options *options, struct arena *a,
                           struct findings *ret_findings, struct error *err)
{
    struct scan scan = {.s = s, .options = options, .a = a};

    if (text.n > UINT32_MAX - 64)
        return error_set(err, ERROR_BODY_TOO_LARGE, "a text of more than 4 GiB is not scanned");
    if (!walk_text(&scan, text))
        return error_set(err, ERROR_NO_MEMORY, "no memory to scan");
    return scan_document(&scan, ret_findings, err);
}

bool sensitivity_scan_body(const struct sensitivity *s, struct view body,
                           const struct sensitivity_options *options, struct arena *a,
                           struct findings *ret_findings, struct error *err)
{
    struct scan scan = {.s = s, .options = options, .a = a};

    if (body.n > UINT32_MAX - 64)
        return error_set(err, ERROR_BODY_TOO_LARGE, "a body of more than 4 GiB is not scanned");
    return walk_body(&scan, body, err) && scan_document(&scan, ret_findings, err);
}
