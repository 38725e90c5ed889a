/* Numbers, keys and addresses that go on in the next string. */
#include "inspect/detect.h"

#define AROUND 40 /* bytes on either side of a border between two strings */

/* Whether an address of mail ends with the left text: then the next word is no part of it. */
static bool ends_in_mail(struct scan *s, struct view left)
{
    struct scan alone = {.s = s->s, .options = s->options, .a = s->a};

    if (!plain_init(&alone.doc, (uint32_t)left.n, s->a) || !plain_glue(&alone.doc, left, 0))
        return false;
    detect_contacts(&alone);
    for (unsigned i = 0; i < alone.n_hits; i++)
        if (alone.hits[i].class == DATA_EMAIL && alone.hits[i].end + 1 >= left.n)
            return true; /* but for a full stop */
    return false;
}

/* The hits of the joined text that lie across the border become hits on both sides. */
static void look_across(struct scan *s, const struct part *left, const struct part *right)
{
    uint32_t head = left->end - left->start < AROUND ? left->end - left->start : AROUND;
    uint32_t tail = right->end - right->start < AROUND ? right->end - right->start : AROUND;
    struct scan joined = {.s = s->s, .options = s->options, .a = s->a};

    if (!plain_init(&joined.doc, head + tail, s->a)) {
        s->failed = true;
        return;
    }
    if (!plain_glue(&joined.doc, view_of(s->doc.p + left->end - head, head), 0) ||
        !plain_glue(&joined.doc, view_of(s->doc.p + right->start, tail), head))
        return;
    detect_numbers(&joined);
    detect_keys(&joined);
    detect_contacts(&joined);
    s->failed |= joined.failed;
    for (unsigned i = 0; i < joined.n_hits; i++) {
        const struct hit *h = &joined.hits[i];
        if (h->start >= head || h->end <= head || h->evidence != FINDING_HARD ||
            (h->class == DATA_EMAIL && ends_in_mail(s, view_of(joined.doc.p, head))))
            continue;
        scan_hit(s, left->end - (head - h->start), left->end, h->class, FINDING_HARD, 80, h->sub);
        scan_hit(s, right->start, right->start + (h->end - head), h->class, FINDING_HARD, 80,
                 h->sub);
    }
}

/* What a value may hold where it is cut. */
static bool may_go_on(char c)
{
    return is_word(c) || is_joint(c) || c == '@' || c == '_';
}

void detect_splits(struct scan *s)
{
    const struct part *last = NULL;

    for (unsigned i = 0; i < s->n_parts && !s->failed; i++) {
        const struct part *part = &s->parts[i];
        if (!part->text || part->start == part->end)
            continue;
        if (last && may_go_on(s->doc.p[last->end - 1]) && may_go_on(s->doc.p[part->start]))
            look_across(s, last, part);
        last = part;
    }
}
