/*
 * Many strings at once (Aho-Corasick): each byte of the text is one step, however many strings are
 * looked for. The caller gives the memory. Private to inspect/.
 */
#pragma once

#include "base/view.h"

struct needle_node {
    uint32_t child, sibling; /* the bytes that may follow; 0: none */
    uint32_t fail;           /* the longest proper end of this that is a beginning too */
    uint32_t shorter;        /* the nearest node along `fail` that is a whole string; 0: none */
    uint32_t id;             /* of the string that ends here, from 1; 0: none does */
    uint32_t queue;
    unsigned char byte;
};

struct needles {
    struct needle_node *nodes; /* nodes[0] is the root */
    uint32_t n, cap;
    uint32_t root[256];
};

/* `nodes` is zeroed and has room for the bytes of all strings and one more. */
void needles_init(struct needles *t, struct needle_node *nodes, uint32_t cap);
/* The id under which the string stands: `id`, or an earlier one's when it was added before. */
uint32_t needles_add(struct needles *t, struct view string, uint32_t id);
/* After the last string, before the first step. */
void needles_ready(struct needles *t);

static inline uint32_t needles_child(const struct needles *t, uint32_t node, unsigned char byte)
{
    if (node == 0)
        return t->root[byte];
    uint32_t child = t->nodes[node].child;
    while (child && t->nodes[child].byte != byte)
        child = t->nodes[child].sibling;
    return child;
}

static inline uint32_t needles_step(const struct needles *t, uint32_t node, unsigned char byte)
{
    uint32_t child;

    while (!(child = needles_child(t, node, byte)) && node)
        node = t->nodes[node].fail;
    return child;
}
