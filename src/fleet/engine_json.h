/* What engines say of themselves beside their list of models, read from their JSON; no I/O. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "json/reader.h"

/* `key` of an object, when it is a short printable text: {"version": "0.32.0"}; else empty. Lies in
 * the arena. */
struct view engine_text(struct view document, struct view key, struct arena *a);

/* The next value where it is a count, else 0; it is passed either way. */
uint64_t engine_count(struct json_reader *r);

/* llama.cpp's /props: how many requests it works on at a time; 0: it does not say. */
uint32_t engine_slots(struct view props);

/* Ollama's /api/show: what the model can do, bits of enum ability. False: it does not say. */
bool engine_abilities(struct view show, unsigned *ret_abilities, struct error *err) MUST_CHECK;
