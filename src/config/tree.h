/*
 * A YAML text as a small tree that knows where everything stood.
 *
 * Only what a config needs: one document of maps, lists and texts. Anchors, aliases and tags are
 * refused, and so is a key that stands twice in a map; depth, size and count are bounded. `${NAME}`
 * in a value is replaced after parsing, so the environment can never change the structure.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

enum tree_kind { TREE_NULL, TREE_TEXT, TREE_LIST, TREE_MAP };

enum {
    TREE_MAX_BYTES = 1 << 20,
    TREE_MAX_DEPTH = 16,
    TREE_MAX_NODES = 1 << 16,
    TREE_MAX_MEMBERS = 4096, /* of one map or list */
    TREE_MAX_TEXT = 64 << 10,
};

struct tree_node {
    enum tree_kind kind;
    bool from_env;                  /* some ${NAME} was replaced */
    unsigned line, column;          /* from 1 */
    struct view text;               /* of a text, after replacement */
    struct view written;            /* of a text, before it */
    struct tree_node *key;          /* of a map's member: its name */
    struct tree_node *first, *next; /* members of a map or list */
    unsigned count;
};

/* NULL with `err` set: "name:line:column: what". An empty text is a TREE_NULL at 1:1. */
struct tree_node *tree_read(struct view text, const char *name, struct arena *a,
                            struct error *err) MUST_CHECK;

/* The same for a file of another program: `${NAME}` stays as it is written, and a text may have
 * several lines. */
struct tree_node *tree_read_foreign(struct view text, const char *name, struct arena *a,
                                    struct error *err) MUST_CHECK;

/* The member of a map with this key; NULL when there is none, or `map` is NULL or no map. */
const struct tree_node *tree_find(const struct tree_node *map, const char *key);

/* Puts "name:line:column: " before the text of `err`; returns false. */
bool tree_place(const struct tree_node *at, const char *name, struct error *err);
