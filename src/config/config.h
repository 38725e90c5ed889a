/*
 * The configuration: a YAML file read into one immutable snapshot.
 *
 * A snapshot is reference-counted; each exchange holds the one it began with, so a reload never
 * changes a running request. All strings live in the snapshot's arena. Any thread may hold a
 * reference; nobody writes to a snapshot after config_load() returned it.
 *
 * Every option is one row of options.def: where it stands, type, unit, default, whether a reload
 * takes it over, and its help text. Documents and `weir config show` are made from that table.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/network.h"
#include "config/data_class.h"

enum side { SIDE_INSIDE, SIDE_OUTSIDE };
#define SIDE_COUNT 2

/* "inside", "outside" */
const char *side_name(enum side side);

enum engine { ENGINE_OPENAI, ENGINE_OLLAMA, ENGINE_VLLM, ENGINE_LLAMACPP, ENGINE_ANTHROPIC };
#define ENGINE_COUNT 5

/* "openai", "ollama", "vllm", "llamacpp", "anthropic" */
const char *engine_name(enum engine engine);

/* The protocols that clients and backends speak. */
enum llm_dialect {
    LLM_OPENAI_CHAT,
    LLM_OPENAI_RESPONSES,
    LLM_ANTHROPIC,
    LLM_OLLAMA,
    /* Of clients only; llm_asked_in() says how a backend is asked for them. */
    LLM_OLLAMA_GENERATE,    /* /api/generate */
    LLM_OPENAI_COMPLETIONS, /* /v1/completions */
    LLM_OPENAI_EMBEDDINGS,  /* /v1/embeddings */
    LLM_OLLAMA_EMBED,       /* /api/embed */
    LLM_OLLAMA_EMBEDDINGS,  /* /api/embeddings, of older clients */
};
#define LLM_DIALECTS         9
#define LLM_BACKEND_DIALECTS 4

/* "openai-chat", "openai-responses", "anthropic", "ollama", "ollama-generate", ... */
const char *dialect_name(enum llm_dialect dialect);

/* What a request can need and a model can have; bits. */
enum ability {
    ABILITY_TOOLS = 1 << 0,
    ABILITY_IMAGES = 1 << 1,
    ABILITY_SCHEMA = 1 << 2,     /* answers bound to a JSON schema */
    ABILITY_EMBEDDINGS = 1 << 3, /* vectors of texts; such a model answers no chat */
};

/* One entry of a backend's `models:`; what is 0 or NULL is taken from the engine or from the
 * project's table of known models. */
struct config_model {
    struct view name;
    uint32_t window;      /* tokens of prompt and completion together; 0: unknown */
    unsigned abilities;   /* bits of enum ability */
    struct view file;     /* GGUF or config.json, with a NUL behind it; may be empty */
    uint32_t parallel;    /* conversations at the same time; 0: not said, one */
    struct view kv_type;  /* as `weir size` names it; may be empty */
    bool abilities_known; /* false: nothing was said, so anything may be asked */
};

struct config_url {
    bool tls;
    struct view host; /* without brackets */
    uint16_t port;
    struct view prefix;  /* path before /v1/..., "" or "/x", never ending in '/' */
    struct view address; /* in numbers, of a node that was found by its name; else empty */
    struct view text;    /* as written: the node's name in logs, metrics and the ledger */
};

#define CONFIG_NODE_WEIGHT 100
#define CONFIG_MAX_NODES   256 /* of one backend */

/* One entry of a backend's `nodes:`. */
struct config_node {
    struct config_url url;
    struct view zone; /* empty: in none */
    unsigned weight;  /* its share beside the others' of the backend, 1 to 1000 */
};

/* Where a backend's nodes are looked up, again and again, instead of being written down. */
enum discover_source {
    DISCOVER_NOTHING, /* they stand in `nodes` */
    DISCOVER_DNS,     /* each address of a name */
    DISCOVER_SRV,     /* each server of a service */
    DISCOVER_FILE,    /* a list in a file of its own */
};

struct config_discover {
    enum discover_source from;
    struct config_url url; /* dns, srv: of all nodes, but for their addresses and, srv, ports */
    struct view service;   /* srv: the whole name; url.host has it without _SERVICE._PROTOCOL */
    struct view file, file_written; /* the path, with a NUL behind it; as the config has it */
    struct view resolver;           /* "host:port" in numbers; empty: the system's */
    int64_t interval_ms;
};

/* An option that may be left unsaid. */
enum config_said { CONFIG_UNSAID, CONFIG_YES, CONFIG_NO };

struct config_backend {
    struct view name;
    enum side side;
    enum engine engine;
    enum llm_dialect dialect;  /* in which it is asked */
    struct config_node *nodes; /* at least one, or none and `discover` */
    unsigned n_nodes;
    struct config_discover discover;
    struct config_model *models; /* none: the engine's own list */
    unsigned n_models;
    struct view key;       /* Weir's credential for this backend; secret, may be empty */
    struct view key_shown; /* what config_show() prints for it: "${NAME}" or "***" */
    struct view ca_file;   /* PEM bundle instead of the system's trust store; may be empty */
    const struct network *networks; /* inside: in one of them every peer must lie; else none */
    unsigned n_networks;
    /* It goes on with an assistant's last turn; unsaid: by its engine. */
    enum config_said continues;
    size_t memory;         /* of one node's GPUs together; 0: not given */
    unsigned max_requests; /* ours at a node at the same time; 0: any number */
    int64_t connect_ms, first_token_ms, between_tokens_ms, total_ms;
    int64_t
        cost_per_hour_nano; /* of one node, nano-dollars: hardware, power, people; 0: not given */
};

/* Who may call. Only the SHA-256 of a token is kept. */
struct config_key {
    struct view name;
    unsigned char sha256[32];
};

/* `pattern` may hold `*`; `target` is "auto", "inside/MODEL", "outside/MODEL" or a model. */
struct config_alias {
    struct view pattern, target;
};

/* The tasks that inspection knows; the rows of the decision matrix. */
enum task_kind {
    TASK_CLASSIFICATION,
    TASK_EXTRACTION,
    TASK_SUMMARIZATION,
    TASK_TRANSLATION,
    TASK_SUPPORT_FAQ,
    TASK_REASONING,
    TASK_CODING,
    TASK_CREATIVE,
    TASK_GENERAL,
};
#define TASK_COUNT 9

/* "classification", ..., "support_faq", ... */
const char *task_name(enum task_kind task);
/* Also accepts "summarisation". */
bool task_from_name(struct view name, enum task_kind *ret_task);

/* Where a row of the matrix sends its task. */
enum placement {
    PLACE_INSIDE,      /* inside first, outside behind it */
    PLACE_OUTSIDE,     /* outside first, inside behind it */
    PLACE_INSIDE_ONLY, /* never outside */
    PLACE_OUTSIDE_ONLY,
    PLACE_BY_COMPLEXITY, /* inside up to and with `threshold`, outside above; the other behind it */
};

const char *placement_name(enum placement placement);

struct config_row {
    enum placement placement;
    double threshold; /* for PLACE_BY_COMPLEXITY, 0..1 */
};

/* A rule of `policy: rules:`, looked at before the matrix, the first that matches counts. All the
 * conditions that it names must hold; empty ones are not named. */
struct config_rule {
    struct view name;  /* for the reason; "rule 3" when not given */
    struct view model; /* glob over the model that was asked for (before aliases) */
    struct view key;   /* glob over the key's name */
    struct view user;  /* glob over the request's `user` */
    struct view header_name, header_value;     /* value is a glob */
    struct view metadata_name, metadata_value; /* value is a glob */
    bool has_task;
    enum task_kind task_is;
    double complexity_above; /* < 0: not named */
    int minutes_from,
        minutes_to; /* local time of day, from inclusive, to exclusive, may wrap; -1 */
    /* What it does: gives the placement, or sets the task and lets the matrix place it. */
    bool sets_placement, sets_task;
    struct config_row place;
    enum task_kind task_set;
    /* Says what happens to sensitive data, whatever else it says: the first rule that matches and
     * says so counts. */
    bool sets_modes;
    uint8_t modes[DATA_CLASSES]; /* enum data_mode, all of them */
    bool strict;                 /* the strict profile */
    enum config_said continues;  /* streams that break; the first rule that says so counts */
};

struct config_policy {
    struct config_row matrix[TASK_COUNT];
    double min_confidence; /* below it a task counts as `general`; 0..1 */
    struct config_rule *rules;
    unsigned n_rules;
};

#define CONFIG_MODE_UNSAID 0xff /* only while the file is read */

/* What is sensitive, and what happens to a request that holds it. */
struct config_perimeter {
    enum data_profile profile;
    bool scan_always;              /* also what only inside backends will see */
    uint32_t classes;              /* a bit for each class that is looked for; 0: nothing is */
    uint8_t modes[DATA_CLASSES];   /* enum data_mode */
    struct view *words, *patterns; /* the organisation's own */
    unsigned n_words, n_patterns;
};

/* Dollars per million tokens as nano-dollars per token x 1000, so that $0.05/M is exact. */
struct config_price {
    struct view model;                   /* may end in `*` */
    int64_t input, cached_input, output; /* pico-dollars a token */
};

/* Somebody who is told by POST. */
struct config_webhook {
    struct config_url url; /* an empty text: nobody */
    struct view key;       /* sent as Bearer; secret, may be empty */
    struct view key_shown; /* what config_show() prints for it */
};

enum responses_store { RESPONSES_STORE_OFF, RESPONSES_STORE_MEMORY };
enum ledger_sync { LEDGER_SYNC_NORMAL, LEDGER_SYNC_FULL };

/* What a node whose breaker is open must show before it is asked again. */
enum breaker_probe { BREAKER_PROBE_TOKEN, BREAKER_PROBE_MODELS };

struct config_breaker {
    unsigned failures; /* in a row */
    double error_rate; /* 0: not looked at */
    int64_t window_ms;
    int64_t
        slow_ms; /* a first token later than this counts as an error of the rate; 0: none does */
    int64_t open_ms;
    enum breaker_probe probe;
};

struct config_retry {
    double budget;     /* share of requests that may be asked again */
    unsigned attempts; /* rounds through the plan */
    int64_t loading_wait_ms;
};

struct config_listen {
    struct view host; /* without brackets */
    uint16_t port;
    bool loopback;
    struct view text;
};

struct config {
    struct arena *arena;
    struct view path; /* the file; empty when there is none */
    struct config_listen listen, admin;
    unsigned loops;   /* 0: one for each processor */
    struct view zone; /* where this gateway stands; empty: in none */
    bool insecure;    /* listen beyond loopback without keys */
    struct config_key *keys;
    unsigned n_keys;
    struct config_alias *aliases;
    unsigned n_aliases;
    struct config_backend *backends;
    unsigned n_backends;
    struct config_policy policy;
    struct config_perimeter perimeter;
    const struct network *inside_networks; /* the private ranges where none are given */
    unsigned n_inside_networks;

    /* limits */
    size_t max_body, max_head, max_answer;
    unsigned max_connections;

    /* timeouts, ms */
    int64_t head_ms, body_ms, keepalive_ms, client_stall_ms, drain_ms;
    /* of backends that do not say their own; each backend has them filled in already */
    int64_t connect_ms, first_token_ms, between_tokens_ms, total_ms;

    /* health and patience */
    struct config_breaker breaker;
    struct config_retry retry;
    int64_t probe_interval_ms, load_interval_ms;

    /* balance */
    bool affinity;
    unsigned affinity_margin; /* percent */
    size_t affinity_bytes;
    int64_t slow_start_ms;

    /* hedging */
    double hedge_share; /* of the streams; 0: off */
    int64_t hedge_after_min_ms;

    bool continue_streams; /* those that break, with another node */
    /* when a node is full, and who waits until it is not */
    unsigned overflow_queue;
    double overflow_kv;
    int64_t overflow_wait_ms;
    unsigned queue_max;
    int64_t queue_wait_ms;

    /* ledger */
    struct view ledger_path;
    enum ledger_sync ledger_sync;
    bool ledger_required;
    struct view ledger_key;         /* empty: the path with ".key" behind it */
    struct view ledger_anchor_file; /* empty: none */
    bool ledger_anchor_syslog;
    struct config_webhook anchor_webhook;

    /* stored answers */
    enum responses_store responses_store;
    int64_t responses_keep_ms;
    size_t responses_max_bytes;

    struct config_price *prices; /* before the project's own table */
    unsigned n_prices;

    struct view warnings; /* through config_warnings() */
    int refs;             /* atomic; through config_ref() and config_unref() only */
};

/* Reads `path`, or `text` when it is not empty (then `path` only names it in errors). `${NAME}` in
 * a value is the environment variable. Errors say file:line:column and what to write instead. */
struct config *config_load(const char *path, struct view text, struct error *err) MUST_CHECK;

/* The nodes of the file that the backend's `discover` names, a list as `nodes:` is, in the arena.
 * Errors as of config_load(). */
bool config_nodes_load(const struct config_backend *backend, struct arena *a,
                       struct config_node **ret_nodes, unsigned *ret_n,
                       struct error *err) MUST_CHECK;

/* All defaults and no backends: what `weir config show` prints without a file. */
struct config *config_defaults(struct error *err) MUST_CHECK;

/* A server that was found without a config file. */
struct config_found {
    enum side side;
    enum engine engine;
    struct view url;
    const char *key_env; /* the environment variable that holds its key; NULL: no key */
    const char *model;   /* its only model; NULL: the engine's own list */
};

/* The snapshot for what was found; backends are named after their engine. Same path as a file:
 * a text is written and goes through config_load(). */
struct config *config_from_discovery(const struct config_found *found, unsigned n,
                                     struct error *err) MUST_CHECK;

/* Warnings that config_load() found in a valid file (unknown but harmless things, insecure
 * settings), one a line; empty when there are none. Owned by the snapshot. */
struct view config_warnings(const struct config *c);

struct config *config_ref(struct config *c);
/* Accepts NULL. The last one frees it. */
void config_unref(struct config *c);

/* The whole snapshot as YAML with every default filled in; secrets are shown as ${...} or ***. */
void config_show(const struct config *c, struct buf *out);

/* docs/configuration.md, made from the option table. */
void config_document(struct buf *out);

/* What a reload may not change: true when `next` can take over from `now`; else `err` names the
 * first option that needs a restart. */
bool config_may_follow(const struct config *now, const struct config *next,
                       struct error *err) MUST_CHECK;

/* `http://host:port/prefix`; a trailing `/v1` is cut, user:password is refused. The strings are
 * copied into `a`. The text never stands in an error, as it may hold a secret. */
bool config_url_parse(struct view text, struct arena *a, struct config_url *ret_url,
                      struct error *err) MUST_CHECK;
/* The host as the head of a request names it: in brackets where it is an IPv6 address, with the
 * port where that is not the scheme's own. */
void config_url_write_host(const struct config_url *url, struct buf *out);
