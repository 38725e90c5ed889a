/*
 * The way back of a masked exchange: a stage between a dialect's reader and another's writer that
 * puts the values for the placeholders. Each text that grows by itself - of a choice, its
 * reasoning, the arguments of each call - is restored by itself; what one of them holds back comes
 * out before whatever ends it. Other events pass as they are, in their order.
 */
#pragma once

#include "inspect/mask.h"
#include "llm/dialect.h"

/* Texts that grow side by side; one more lets go of what the oldest holds back. */
#define RESTORE_TEXTS 16

struct restore {
    const struct mask_map *map;
    llm_sink *sink;
    void *arg;
    struct restored_text {
        enum llm_event_kind kind; /* TEXT, THINKING, REFUSAL or ARGUMENTS */
        unsigned choice, index;
        bool begun; /* more than white space came */
        struct unmask unmask;
    } texts[RESTORE_TEXTS];
    unsigned n;
    struct buf out; /* of one event */
};

/* Events go on to `sink`. */
void restore_init(struct restore *r, const struct mask_map *map, llm_sink *sink, void *arg);
void restore_done(struct restore *r);
/* An llm_sink; `arg` is the struct restore. False: the sink stopped, or no memory. */
bool restore_event(void *arg, const struct llm_ev *ev);
