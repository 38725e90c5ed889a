/* `weir size`: whether a model fits a node's memory, and what would instead. */
#pragma once

int cli_size(int argc, char **argv);
