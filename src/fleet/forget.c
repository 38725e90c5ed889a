#include "fleet/forget.h"

#include "base/list.h"

static void finish(struct loop_message *m)
{
    node_free(list_entry(m, struct node, farewell.message));
}

static void visit(struct loop_message *m)
{
    struct node *n = list_entry(m, struct node, farewell.message);
    unsigned next = loop_index(loop_current()) + 1;

    http_origin_trim(&n->origin, 0);
    if (next == n->farewell.n_loops) {
        next = 0;
        m->fn = finish;
    }
    loop_post(n->farewell.loops[next], m);
}

void forget_nodes(unsigned keep, struct loop *const *loops, unsigned n_loops)
{
    for (struct node *n; (n = node_retire(keep));) {
        n->farewell.loops = loops;
        n->farewell.n_loops = n_loops;
        n->farewell.message.fn = visit;
        loop_post(loops[0], &n->farewell.message);
    }
}
