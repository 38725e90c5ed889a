#include "inspect/needles.h"

void needles_init(struct needles *t, struct needle_node *nodes, uint32_t cap)
{
    *t = (struct needles){.nodes = nodes, .n = 1, .cap = cap};
}

uint32_t needles_add(struct needles *t, struct view string, uint32_t id)
{
    uint32_t node = 0;

    for (size_t i = 0; i < string.n; i++) {
        unsigned char byte = (unsigned char)string.p[i];
        uint32_t child = needles_child(t, node, byte);
        if (!child) {
            child = t->n++;
            t->nodes[child].byte = byte;
            t->nodes[child].sibling = t->nodes[node].child;
            t->nodes[node].child = child;
            if (node == 0)
                t->root[byte] = child;
        }
        node = child;
    }
    if (t->nodes[node].id == 0)
        t->nodes[node].id = id;
    return t->nodes[node].id;
}

/* Level by level, so that what `fail` names is ready before it is asked. */
void needles_ready(struct needles *t)
{
    uint32_t last = 0;

    for (uint32_t node = 0, more = 1; more; node = t->nodes[node].queue) {
        for (uint32_t c = t->nodes[node].child; c; c = t->nodes[c].sibling) {
            uint32_t fail = node ? needles_step(t, t->nodes[node].fail, t->nodes[c].byte) : 0;
            t->nodes[c].fail = fail;
            t->nodes[c].shorter = t->nodes[fail].id ? fail : t->nodes[fail].shorter;
            t->nodes[last].queue = c;
            last = c;
        }
        more = node != last;
    }
}
