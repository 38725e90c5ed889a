/* weir config show [--config FILE] | docs; argv[0] is "config". Returns the exit status. */
#pragma once

int cli_config(int argc, char **argv);
