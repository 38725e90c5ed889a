/* Any bytes as Prometheus text, and as what each engine says of its load. */
#include "fleet/prometheus.h"
#include "fleet/load.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_load(const struct node_load *load)
{
    check(load->running >= -1 && load->queued >= -1 && load->loaded >= -1);
    check(load->prefix_asked >= -1 && load->prefix_hit >= -1 && load->vram_bytes >= -1);
    check(load->kv_use <= 1 && (load->kv_use >= 0 || load->kv_use == -1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_of((const char *)data, size), rest = text;
    struct node_load load = LOAD_UNKNOWN;
    struct prometheus_sample s;
    struct error err;

    while (prometheus_next(&rest, &s)) {
        check(s.name.n > 0 && isfinite(s.value));
        check(s.name.p >= text.p && rest.p <= text.p + text.n);
    }
    check(rest.n == 0);
    (void)!load_from_vllm(text, &load);
    check_load(&load);
    (void)!load_from_llamacpp(text, &load);
    check_load(&load);
    (void)!load_from_slots(text, &load, &err);
    check_load(&load);
    (void)!load_from_ps(text, &load, &err);
    check_load(&load);
    return 0;
}
