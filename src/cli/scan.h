#pragma once

/* weir scan: what of a text or a request must not leave. */
int cli_scan(int argc, char **argv);
