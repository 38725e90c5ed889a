/* Without a config file: the engines that listen where they usually do, and the keys in the
 * environment. */
#pragma once

#include "config/config.h"

/* Prints what it found. NULL with an error that says what to start or to write. */
struct config *discover(struct error *err) MUST_CHECK;
