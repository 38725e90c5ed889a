/*
 * Affinity: which node has a prompt's beginning in its cache.
 *
 * A prompt is known by hashes of its beginnings: at 256 bytes, 512, and so on to 1 MiB, and at the
 * ends of its first three and last eight messages, each hash over all before it. So a conversation
 * is found again by where its former request ended, and a long document by a part of it. A table
 * remembers for each beginning the node that was asked with it last.
 *
 * The table is of a fixed size; a full row gives up the entry that has been out of use for longest.
 * An entry counts until its node was asked with as much other text as its cache is taken to hold.
 * The hashes have a seed of this process, so nobody can choose prompts that fall together; no text
 * is kept. Any thread may call, and no lock is taken: an entry is two words that belong together
 * only when their sum is right, so one that is half written is none.
 */
#pragma once

#include "llm/request.h"

#define AFFINITY_POINTS 24
#define AFFINITY_NODES  4096 /* told apart; more share the numbers */

struct affinity;

struct affinity *affinity_new(void); /* NULL without memory */
/* Accepts NULL. */
void affinity_free(struct affinity *a);

/* The beginnings of one request's prompt. */
struct affinity_prompt {
    unsigned n;
    uint32_t bytes[AFFINITY_POINTS]; /* up to where each goes, growing */
    uint64_t hashes[AFFINITY_POINTS];
};

/* Prompts below 256 bytes, and texts to embed, have no beginnings. */
void affinity_read(const struct llm_request *request, struct affinity_prompt *ret_prompt);

#define AFFINITY_NONE UINT32_MAX

/* The number of the node that has the longest known beginning, of those asked for this salt (the
 * backend and the model); AFFINITY_NONE: none. A beginning that other prompts go on from as well
 * (a system message) counts only when it is long and the most of this one. `cache_bytes` is what a
 * node's cache is taken to hold. */
unsigned affinity_find(struct affinity *a, const struct affinity_prompt *p, uint64_t salt,
                       size_t cache_bytes);

/* The node was asked with this prompt. */
void affinity_book(struct affinity *a, const struct affinity_prompt *p, uint64_t salt,
                   unsigned node);
