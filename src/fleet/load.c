#include "fleet/load.h"

#include "fleet/engine_json.h"
#include "fleet/prometheus.h"

enum { MAX_SLOTS = 4096, MAX_LOADED = 4096 };

/* More than any engine has; keeps what is added up far from the type's end. */
static const double MOST = 1e15;

/* ---- Prometheus text --------------------------------------------------------------------------
 */

static void count_in(int64_t *sum, double value)
{
    if (value >= 0 && value <= MOST && (*sum < 0 || (double)*sum <= MOST))
        *sum = (*sum > 0 ? *sum : 0) + (int64_t)value;
}

static void take_fullest(double *most, double value)
{
    if (value >= 0 && value <= 1 && value > *most)
        *most = value;
}

/* What was said replaces what was known. */
static bool take_over(const struct node_load *said, struct node_load *load)
{
    bool any = false;
    int64_t *to[] = {&load->running, &load->queued, &load->prefix_asked, &load->prefix_hit};
    const int64_t from[] = {said->running, said->queued, said->prefix_asked, said->prefix_hit};

    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
        if (from[i] >= 0) {
            *to[i] = from[i];
            any = true;
        }
    if (said->kv_use >= 0) {
        load->kv_use = said->kv_use;
        any = true;
    }
    return any;
}

bool load_from_vllm(struct view metrics, struct node_load *load)
{
    struct node_load said = LOAD_UNKNOWN;
    struct prometheus_sample s;

    while (prometheus_next(&metrics, &s)) {
        if (view_eq(s.name, VIEW("vllm:num_requests_running")))
            count_in(&said.running, s.value);
        else if (view_eq(s.name, VIEW("vllm:num_requests_waiting")))
            count_in(&said.queued, s.value);
        else if (view_eq(s.name, VIEW("vllm:kv_cache_usage_perc")) ||
                 view_eq(s.name, VIEW("vllm:gpu_cache_usage_perc"))) /* before 0.10 */
            take_fullest(&said.kv_use, s.value);
        else if (view_eq(s.name, VIEW("vllm:prefix_cache_queries_total")))
            count_in(&said.prefix_asked, s.value);
        else if (view_eq(s.name, VIEW("vllm:prefix_cache_hits_total")))
            count_in(&said.prefix_hit, s.value);
    }
    return take_over(&said, load);
}

bool load_from_llamacpp(struct view metrics, struct node_load *load)
{
    struct node_load said = LOAD_UNKNOWN;
    struct prometheus_sample s;
    int64_t fresh = -1;

    while (prometheus_next(&metrics, &s)) {
        if (view_eq(s.name, VIEW("llamacpp:requests_processing")))
            count_in(&said.running, s.value);
        else if (view_eq(s.name, VIEW("llamacpp:requests_deferred")))
            count_in(&said.queued, s.value);
        else if (view_eq(s.name, VIEW("llamacpp:prompt_tokens_total")))
            count_in(&fresh, s.value); /* without those that the cache had */
        else if (view_eq(s.name, VIEW("llamacpp:prompt_tokens_cached_total")))
            count_in(&said.prefix_hit, s.value);
    }
    if (fresh >= 0 && said.prefix_hit >= 0)
        said.prefix_asked = fresh + said.prefix_hit;
    return take_over(&said, load);
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

struct slot {
    bool busy;
    uint64_t window, prompt, decoded;
};

/* [{"n_decoded": 17, ...}] */
static uint64_t read_decoded(struct json_reader *r)
{
    struct json_array array;
    struct json_object o;
    uint64_t decoded = 0;

    if (json_peek(r) != JSON_ARRAY) {
        json_skip(r);
        return 0;
    }
    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        if (json_peek(r) != JSON_OBJECT) {
            json_skip(r);
            continue;
        }
        json_object_begin(r, &o);
        while (json_object_next(r, &o)) {
            if (json_key_is(&o, "n_decoded"))
                decoded = engine_count(r);
            else
                json_skip(r);
        }
    }
    return decoded;
}

static void read_slot(struct json_reader *r, struct slot *slot)
{
    struct json_object o;

    *slot = (struct slot){0};
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        if (json_key_is(&o, "is_processing") &&
            (json_peek(r) == JSON_TRUE || json_peek(r) == JSON_FALSE))
            json_bool(r, &slot->busy);
        else if (json_key_is(&o, "n_ctx"))
            slot->window = engine_count(r);
        else if (json_key_is(&o, "n_prompt_tokens"))
            slot->prompt = engine_count(r);
        else if (json_key_is(&o, "next_token"))
            slot->decoded = read_decoded(r);
        else
            json_skip(r);
    }
}

static bool refuse(const struct json_reader *r, const char *what, struct error *err)
{
    if (!json_failed(r))
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "%s", what);
    json_error(r, err);
    err->code = ERROR_UPSTREAM_PROTOCOL;
    return false;
}

bool load_from_slots(struct view slots, struct node_load *load, struct error *err)
{
    struct json_reader r;
    struct json_array array;
    struct slot slot;
    unsigned n = 0, busy = 0;
    double room = 0, used = 0;

    json_begin(&r, slots);
    json_array_begin(&r, &array);
    while (n < MAX_SLOTS && json_array_next(&r, &array)) {
        if (json_peek(&r) != JSON_OBJECT)
            break;
        read_slot(&r, &slot);
        n++;
        busy += slot.busy;
        room += (double)slot.window;
        /* What an idle slot still holds is given up for whoever comes. */
        used += slot.busy ? (double)slot.prompt + (double)slot.decoded : 0;
    }
    if (!json_end(&r) || n == 0)
        return refuse(&r, "this is no list of slots", err);
    load->running = busy;
    if (room > 0)
        load->kv_use = used < room ? used / room : 1;
    return true;
}

bool load_from_ps(struct view ps, struct node_load *load, struct error *err)
{
    struct json_reader r;
    struct json_object o, model;
    struct json_array array;
    int64_t n = -1, vram = 0;

    json_begin(&r, ps);
    json_object_begin(&r, &o);
    while (json_object_next(&r, &o)) {
        if (!json_key_is(&o, "models") || json_peek(&r) != JSON_ARRAY) {
            json_skip(&r);
            continue;
        }
        n = 0;
        json_array_begin(&r, &array);
        while (n < MAX_LOADED && json_array_next(&r, &array)) {
            if (json_peek(&r) != JSON_OBJECT)
                break;
            n++;
            json_object_begin(&r, &model);
            while (json_object_next(&r, &model)) {
                if (json_key_is(&model, "size_vram"))
                    count_in(&vram, (double)engine_count(&r));
                else
                    json_skip(&r);
            }
        }
    }
    if (!json_end(&r) || n < 0)
        return refuse(&r, "this is no list of loaded models", err);
    load->loaded = n;
    load->vram_bytes = vram;
    return true;
}
