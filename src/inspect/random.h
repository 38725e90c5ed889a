/* Whether a string looks drawn at random, and the strings that stand where a secret would. */
#pragma once

#include "base/view.h"

/* YOUR_API_KEY, xxxx, changeme, <token>, ${TOKEN}, test, example: no secret. */
bool random_is_placeholder(struct view v);
/* Bits of a character, by how often each stands in `v`. */
double random_entropy(struct view v);
/* Letters and digits without the look of words; at least 16 of them. */
bool random_is_secret(struct view v);
/* A UUID, or a hash in hexadecimal of a usual length. */
bool random_is_uuid(struct view v);
bool random_is_hash(struct view v);
