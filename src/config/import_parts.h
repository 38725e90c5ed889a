/* Inside the folder: what the parts of the import share while one file is read. */
#pragma once

#include "config/config.h"
#include "config/import.h"
#include "config/tree.h"

enum {
    IMPORT_MAX_NOTES = 500,
    IMPORT_MAX_LINES = 8, /* that one note names */
    IMPORT_MAX_NAME = 200,
    IMPORT_MAX_BACKENDS = 256, /* these are the limits of a config */
    IMPORT_MAX_NODES = 256,
    IMPORT_MAX_MODELS = 1024,
    IMPORT_MAX_ALIASES = 1000,
    IMPORT_MAX_PRICES = 1000,
    IMPORT_MAX_VARIABLES = 1000,
};

enum import_where {
    IMPORT_INSIDE,
    IMPORT_OUTSIDE,
    IMPORT_BY_HOST, /* inside when the host is a private one */
};

/* What the word before the `/` of a model means; a row of import_providers.def. */
struct import_provider {
    const char *prefix;
    const char *engine; /* as `engine:` is written; may be one that this Weir does not know yet */
    enum import_where where;
    const char *base;    /* when no api_base is given: a URL or "$NAME"; NULL: it must be given */
    const char *key_env; /* the variable that LiteLLM reads when no api_key is given; NULL: none */
};

struct import_note {
    struct view what;
    const char *why;
    unsigned lines[IMPORT_MAX_LINES], column;
    unsigned n; /* of places; more than the lines that are kept */
};

struct import_price {
    const struct tree_node *at;
    int64_t input, cached, output; /* pico-dollars a token; < 0: not given */
};

/* One entry of model_list that can be carried. */
struct import_deployment {
    const struct tree_node *at;
    struct view group; /* model_name */
    struct view model; /* empty: all that the server has (a pattern) */
    const struct import_provider *provider;
    enum side side;
    struct view url, key; /* as they are written, between quotes; key may be empty */
    uint64_t order;       /* UINT64_MAX: not given */
    int64_t total_ms, first_token_ms, cost_per_hour_nano; /* 0: not given */
    struct config_model facts;                            /* window and abilities */
    struct import_price price;
    struct import_backend *backend; /* NULL: there were too many */
};

/* A server with its models at first; those with the same models then become nodes of one. */
struct import_backend {
    const struct import_provider *provider;
    unsigned index; /* where it stands among those that are written */
    enum side side;
    bool known; /* this Weir knows its engine */
    struct view name, key;
    struct view urls[IMPORT_MAX_NODES];
    unsigned n_urls;
    struct config_model *models;
    unsigned n_models, cap_models;
    bool any_model;
    uint64_t order;
    int64_t total_ms, first_token_ms, cost_per_hour_nano;
    struct import_backend *merged; /* into this one */
};

/* A name that clients ask for. */
struct import_alias {
    const struct tree_node *at;
    struct view name;
    struct view model;
    enum side side; /* of the deployment that comes first */
    bool both_sides, known;
    /* auto, and a rule for the side it begins with: then the other side stands behind it. */
    bool to_auto, not_auto;
    const struct import_alias *of; /* another name for this one; NULL: its own */
};

struct import_variable {
    struct view name;
    struct view secret; /* that stood in the file; empty: it was a variable there already */
};

struct import {
    const char *name;
    struct arena *arena;
    struct error *err;
    const struct tree_node *root;
    struct import_note *notes;
    unsigned n_notes;
    struct import_deployment *deployments;
    unsigned n_deployments;
    struct import_backend **backends; /* those that are written, in order */
    unsigned n_backends;
    struct import_alias *aliases;
    unsigned n_aliases;
    struct import_variable *variables;
    unsigned n_variables, n_secrets;
    struct view master_key;                    /* "${NAME}"; may be empty */
    int64_t total_ms, first_token_ms, open_ms; /* 0: not given */
    int64_t failures;                          /* 0: not given */
};

/* ---- notes ----------------------------------------------------------------------------------- */

/* `what` is copied; the same `what` and `why` at several places is one note. */
void import_note(struct import *im, const struct tree_node *at, struct view what, const char *why);
void import_notef(struct import *im, const struct tree_node *at, const char *why,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
void import_notes_write(const struct import *im, struct buf *out);
/* One line without control characters, 60 bytes at the most. */
struct view import_clean(struct import *im, struct view text);

/* ---- values ---------------------------------------------------------------------------------- */

/* A text that can stand in a config: one line, not empty, no longer than IMPORT_MAX_NAME. */
bool import_usable(struct view text);
/* A model that a config can name. */
bool import_model_name_is_good(struct view name);
/* A decimal number, also like 1.5e-07, times 10^scale, exactly; false when that is no integer. */
bool import_decimal(struct view text, int scale, int64_t *ret_value);
/* Seconds as milliseconds, within what a config takes; a note and 0 otherwise. 0 for NULL. */
int64_t import_seconds(struct import *im, const struct tree_node *node);
/* `os.environ/NAME`: NAME. */
bool import_is_variable(struct view text, struct view *ret_name);
/* "${NAME}", and the name is remembered. Empty when there are too many. */
struct view import_variable(struct import *im, struct view name);
/* A credential as it is written into the config: of a variable, or of a new one with a note. Empty
 * for what is none. */
struct view import_secret(struct import *im, const struct tree_node *node, bool own_engine);
/* Whether a host belongs to the machine or a private network. */
bool import_host_is_private(struct view host);

/* ---- parts ----------------------------------------------------------------------------------- */

const struct import_provider *import_provider_find(struct view prefix);
void import_read_models(struct import *im);
void import_make_backends(struct import *im);
void import_make_aliases(struct import *im);
void import_read_settings(struct import *im);
/* Needs the aliases. */
void import_read_fallbacks(struct import *im);
/* Members of a map that have no reader: a note for each. `known` is a list like "a|b|c". */
void import_note_rest(struct import *im, const struct tree_node *map, const char *section,
                      const char *known);
void import_write(struct import *im, struct buf *out);
