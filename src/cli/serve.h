/* weir serve: the gateway, as a parent that keeps the sockets and a child that serves. */
#pragma once

/* argv[0] is "serve". Returns the exit status. */
int cli_serve(int argc, char **argv);
