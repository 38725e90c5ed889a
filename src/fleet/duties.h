/*
 * Which nodes the operator took out of service, kept over restarts.
 *
 * A text file beside the ledger, one node a line: `drain lab http://10.0.0.7:8000`. It is no table
 * of the ledger, because it must be known before anything is served also while the ledger takes no
 * writes, belongs to no signed chain, and can be read and mended with an editor. Each change writes
 * the whole file anew and renames it into place. For one loop.
 */
#pragma once

#include "fleet/node.h"

struct duties;

/* Reads `path`; a file that is not there says that all nodes serve. A line that is no such line is
 * an error: a node that was to rest must not be asked because of a slip. */
struct duties *duties_open(struct view path, struct error *err) MUST_CHECK;
/* Accepts NULL. */
void duties_close(struct duties *d);

/* Gives a node that has just been made (node_when_new()) its duty. */
void duties_apply(struct node *n, void *duties);

/* A change, at once; false: too many nodes rest. It is kept by duties_save(). */
bool duties_set(struct duties *d, struct node *n, enum node_duty duty) MUST_CHECK;

/* Writes the file, on the CPU pool. In a task. */
bool duties_save(struct duties *d, struct error *err) MUST_CHECK;
