/* What tables of text and of HTML share. Private to inspect/. */
#pragma once

#include "inspect/detect.h"

#define TABLE_COLUMNS 32

/* What a head's cell says (bits of enum cue_kind): a cue must be all of it, or its last words. */
uint32_t table_head_kinds(const struct scan *s, struct view cell);
/* Takes the cell for what its column's head says, where its form allows that. */
void table_value(struct scan *s, struct view cell, uint32_t kinds);
