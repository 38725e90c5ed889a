/* weir route: where a request would go, and why, without sending it. */
#pragma once

/* argv[0] is "route". 0: there is a plan; 1: the request would be refused (the reason is printed).
 */
int cli_route(int argc, char **argv);
