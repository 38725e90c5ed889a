/* weir import litellm FILE [--out FILE]; argv[0] is "import". Returns the exit status: 0 when a
 * config was written, also with notes; 1 when not; 2 for a wrong command line. */
#pragma once

int cli_import(int argc, char **argv);
