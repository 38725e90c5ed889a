/* `weir node drain|cordon|resume NAME`: takes a node out of service and back. */
#pragma once

int cli_node(int argc, char **argv);
