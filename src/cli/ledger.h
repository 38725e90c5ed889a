#pragma once

/* `weir ledger ...`; argv[0] is "ledger". Returns the exit status. */
int cli_ledger(int argc, char **argv);
