#include "cli/discover.h"

#include "base/clock.h"
#include "cli/common.h"
#include "http/client.h"
#include "run/task.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 500, MAX_FOUND = 8 };

/* The managed APIs, by the variables that their own SDKs read. The model is a small one of the
 * family that most applications use; a config names others. */
static const struct provider {
    enum engine engine;
    const char *key, *base, *url, *model;
} providers[] = {
    {ENGINE_OPENAI, "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com", "gpt-5-mini"},
    {ENGINE_ANTHROPIC, "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "https://api.anthropic.com",
     "claude-haiku-4-5"},
};
#define PROVIDERS (sizeof(providers) / sizeof(providers[0]))

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

static struct config_found provided(const struct provider *p)
{
    const char *base = is_set(p->base) ? getenv(p->base) : p->url;

    return (struct config_found){.side = SIDE_OUTSIDE,
                                 .engine = p->engine,
                                 .url = view_str(base),
                                 .key_env = p->key,
                                 .model = p->model};
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
    for (size_t i = 0; i < PROVIDERS; i++)
        if (is_set(providers[i].key)) {
            found[n] = provided(&providers[i]);
            fprintf(stderr, "  found %s in the environment: outside, model %s, at %.*s\n",
                    providers[i].key, providers[i].model, VIEW_ARG(found[n].url));
            n++;
        }
    return config_from_discovery(found, n, err);
}
