/*
 * Inside the folder: what the parts of the loader share while one file is read, and the table of
 * options with its three uses (read, show, compare).
 */
#pragma once

#include "config/config.h"
#include "config/defaults_policy.h"
#include "config/tree.h"

void perimeter_defaults(struct config_perimeter *p);

struct load {
    struct config *config;
    struct arena *scratch; /* the tree; gone after the load */
    const struct tree_node *root;
    const char *name; /* in errors */
    struct error *err;
    struct buf warnings;
    double threshold;     /* policy.threshold; < 0: not given */
    unsigned matrix_said; /* bits of enum task_kind: rows that the file gives */
};

/* Both prefix name:line:column; `hint` may be NULL. load_fail() returns false. */
bool load_fail(struct load *l, const struct tree_node *at, const char *hint, const char *format,
               ...) __attribute__((format(printf, 4, 5)));
void load_warn(struct load *l, const struct tree_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Gives an error that a value parser made its place; returns false. */
bool load_place(struct load *l, const struct tree_node *at);

/* "a list", "nothing", "'text'"; what came from the environment is shown as it is written, because
 * it may be a secret. In scratch memory. */
const char *load_found(struct load *l, const struct tree_node *node);

/* A value of this kind, or an error that says what was found. NULL (nothing written) passes as an
 * empty list or map. */
bool load_expect(struct load *l, const struct tree_node *node, enum tree_kind kind,
                 const char *what, const char *hint) MUST_CHECK;
/* The same for list items or map members, with an upper bound; `*ret_array` zeroed, `size` each. */
bool load_array(struct load *l, const struct tree_node *node, enum tree_kind kind, unsigned max,
                size_t size, const char *what, const char *hint, void **ret_array,
                unsigned *ret_count) MUST_CHECK;
/* A text that is not empty, copied into the snapshot. */
bool load_text(struct load *l, const struct tree_node *node, const char *what, const char *hint,
               struct view *ret_text) MUST_CHECK;
/* Printable ASCII without blanks: fit for a head field. Never quotes the value. */
bool load_secret(struct load *l, const struct tree_node *node, const char *what,
                 struct view *ret_secret) MUST_CHECK;

/* The same, and how show_secret() prints it: as the ${NAME} that it was, or ***. */
bool load_secret_shown(struct load *l, const struct tree_node *node, const char *what,
                       struct view *ret_secret, struct view *ret_shown) MUST_CHECK;

/* Writing YAML; `dash` is pending at the first line of a list item. */
struct show {
    struct buf *out;
    unsigned indent;
    bool dash;
};

void show_key(struct show *s, struct view key);    /* "    key:" */
void show_value(struct show *s, struct view text); /* " text\n", quoted where needed */
void show_secret(struct show *s, struct view key, struct view shown); /* empty: no line */
void show_item(struct show *s);                        /* what follows is a list item */
void show_text(struct buf *out, struct view text);     /* as a value: $ before ${ */
void show_key_text(struct buf *out, struct view text); /* as a key */
void show_fraction(struct buf *out, double value);

enum option_kind {
    OPTION_GROUP,
    OPTION_CUSTOM,
    OPTION_ADDRESS,
    OPTION_BOOL,
    OPTION_COUNT,
    OPTION_SIZE,
    OPTION_DURATION,
    OPTION_FRACTION,
    OPTION_TEXT,
    OPTION_NAME,
    OPTION_CHOICE,
    OPTION_MONEY, /* dollars, kept as nano-dollars */
    OPTION_PRICE, /* dollars a million tokens, kept as pico-dollars a token */
};

struct option {
    const char *path; /* "timeouts.head", "backends[].name", "prices.*.input" */
    enum option_kind kind;
    size_t offset; /* in the record that the path stands for */
    int64_t low, high;
    const char *type;     /* of a choice and of a custom value: "a | b"; else NULL */
    const char *fallback; /* as it would be written; in ( ) when it is none, required or derived */
    bool restart;         /* a reload cannot change it */
    const char *help;
    bool (*read)(struct load *l, const struct tree_node *node, void *record);
    void (*show)(const void *record, struct show *s); /* NULL: nothing to print */
};

extern const struct option option_table[];
extern const unsigned option_count;

/* The last part of its path. */
const char *option_key(const struct option *o);

/* The rows directly below `prefix` ("", "timeouts", "backends[]"), in order: start with NULL. */
const struct option *option_next(const char *prefix, const struct option *after);

/* Fills `record` from the map at `node`: defaults first, then what is written, each key known and
 * all that are required there. */
bool options_read(struct load *l, const struct tree_node *node, const char *prefix,
                  void *record) MUST_CHECK;
/* Its defaults alone. */
bool options_default(struct load *l, const char *prefix, void *record) MUST_CHECK;
void options_show(const char *prefix, const void *record, struct show *s);
/* "a duration like 2s, 1ms to 24h": what to write. */
void option_describe(const struct option *o, struct buf *out);
/* A value as text; for kinds that are neither group nor custom. */
void option_write(const struct option *o, const void *record, struct buf *out);

/* `discover` names one source or none, and then there is neither url nor nodes. */
bool discover_check(struct load *l, const struct tree_node *node,
                    struct config_backend *b) MUST_CHECK;

/* After everything was read: what depends on several options. */
bool backends_finish(struct load *l) MUST_CHECK;
bool policy_finish(struct load *l) MUST_CHECK;
bool perimeter_finish(struct load *l) MUST_CHECK;
bool access_finish(struct load *l) MUST_CHECK;
bool networks_finish(struct load *l) MUST_CHECK;

/* An inside node that is written as an address lies in one of the backend's networks. */
bool networks_check_nodes(struct load *l, const struct tree_node *at,
                          const struct config_backend *b) MUST_CHECK;

/* Bytes of a file, at most TREE_MAX_BYTES and a few: more is tree_read()'s to refuse. */
bool load_read_file(const char *path, struct buf *out, struct error *err) MUST_CHECK;
