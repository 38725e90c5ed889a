/*
 * Requests as eight applications send them: each has its own system prompt and its own task, and
 * the user text of every request is new. Deterministic: the same seed gives the same requests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prompt_spec {
    const char *model;
    const char *user; /* the value of `user`; the upstream finds its orders there */
    bool stream;
    size_t bytes; /* of the body; what does not fit into very few is left longer */
};

void prompts_init(uint64_t seed);
/* Writes the JSON body of the next request; `out` holds at least prompt_room(spec) bytes. Returns
 * its length. */
size_t prompt_write(char *out, const struct prompt_spec *spec);
size_t prompt_room(const struct prompt_spec *spec);
