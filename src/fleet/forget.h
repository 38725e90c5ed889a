/*
 * Nodes that left their backends: the state of the last ones is kept for when they come back, the
 * others are freed.
 *
 * A node that nobody holds and nobody finds any more says farewell from loop to loop. Each closes
 * the idle connections that it still has to it; and as messages come between two tasks, none of its
 * tasks is just then on a walk along all nodes. Then it is freed.
 */
#pragma once

#include "fleet/node.h"

enum { FORGET_KEEPS = 1024 };

/* Where more than `keep` nodes are held by nobody, those that were released first go. On the first
 * of the loops, which are all there are and live until the program ends. */
void forget_nodes(unsigned keep, struct loop *const *loops, unsigned n_loops);
