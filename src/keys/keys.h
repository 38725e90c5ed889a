/* Who calls: tokens in, the name of a key out. */
#pragma once

#include "config/config.h"
#include "http/head.h"

/* Reads `Authorization: Bearer TOKEN` or `x-api-key`. With no keys configured everybody may call
 * and the name is empty. UNAUTHORIZED otherwise, without saying which part was wrong. */
bool keys_identify(const struct config *config, const struct http_head *head, struct view *ret_name,
                   struct error *err) MUST_CHECK;
