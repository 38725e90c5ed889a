#include "cli/discover.h"

#include "base/clock.h"
#include "cli/common.h"
#include "http/client.h"
#include "run/task.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 500, MAX_FOUND = 8 };

/* The cheapest model of the family that most applications use; a config names others. */
static const char default_outside_model[] = "gpt-5-mini";

/* Where the engines listen by default, and a path that only they answer with 200. */
static const struct place {
    enum engine engine;
    uint16_t port;
    const char *path;
} places[] = {
    {ENGINE_OLLAMA, 11434, "/api/version"},
    {ENGINE_VLLM, 8000, "/version"},
    {ENGINE_LLAMACPP, 8080, "/props"},
};
#define PLACES (sizeof(places) / sizeof(places[0]))

struct search {
    bool found[PLACES];
};

static bool answers(const struct place *p)
{
    struct http_origin origin = {.host = VIEW_LIT("127.0.0.1"), .port = p->port};
    struct http_call call = {0};
    struct arena *a = arena_new(1 << 20);
    struct error err;
    int64_t until = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
    struct http_deadlines deadlines = {until, until};
    bool ok = false;

    if (!a)
        return false;
    http_origin_init(&origin);
    struct http_request_out request = {
        .head = arena_printf(a, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: weir\r\n\r\n",
                             p->path, p->port)};
    if (http_call_start(&call, &origin, &request, &deadlines, a, &err))
        ok = call.head.status == 200;
    call.head.keep_alive = false; /* nothing is asked twice here */
    http_call_end(&call);
    arena_free(a);
    return ok;
}

static void search(void *arg)
{
    struct search *s = arg;
    for (size_t i = 0; i < PLACES; i++)
        s->found[i] = answers(&places[i]);
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0];
}

static void say_key(const char *name, const char *what)
{
    if (is_set(name))
        fprintf(stderr, "  found %s in the environment: %s\n", name, what);
}

struct config *discover(struct error *err)
{
    struct search s = {0};
    struct config_found found[MAX_FOUND];
    char urls[PLACES][40];
    unsigned n = 0;

    if (!cli_on_loop(search, &s, err))
        return NULL;
    for (size_t i = 0; i < PLACES; i++) {
        if (!s.found[i])
            continue;
        int len = snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%u", places[i].port);
        fprintf(stderr, "  found %s at %s: inside\n", engine_name(places[i].engine), urls[i]);
        found[n++] = (struct config_found){
            .side = SIDE_INSIDE, .engine = places[i].engine, .url = view_of(urls[i], (size_t)len)};
    }
    const char *base = is_set("OPENAI_BASE_URL") ? getenv("OPENAI_BASE_URL") : NULL;
    if (is_set("OPENAI_API_KEY")) {
        fprintf(stderr, "  found OPENAI_API_KEY in the environment: outside, model %s, at %s\n",
                default_outside_model, base ? base : "https://api.openai.com");
        found[n++] = (struct config_found){.side = SIDE_OUTSIDE,
                                           .engine = ENGINE_OPENAI,
                                           .url = view_str(base ? base : "https://api.openai.com"),
                                           .key_env = "OPENAI_API_KEY",
                                           .model = default_outside_model};
    }
    say_key("ANTHROPIC_API_KEY", "seen, but Weir does not speak that dialect yet");
    return config_from_discovery(found, n, err);
}
