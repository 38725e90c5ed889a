/* weir check: is the configuration right, and do its backends answer? */
#pragma once

/* argv[0] is "check". 0: all well; 1: the config is wrong or a backend does not answer. */
int cli_check(int argc, char **argv);
