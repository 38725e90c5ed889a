/* `weir nodes`: the nodes of the running gateway. */
#pragma once

int cli_nodes(int argc, char **argv);
