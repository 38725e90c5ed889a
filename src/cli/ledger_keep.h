/* `weir ledger export`, `prune` and `key`: what is done with a ledger besides looking at it. */
#pragma once

int cli_ledger_export(int argc, char **argv);
int cli_ledger_prune(int argc, char **argv);
int cli_ledger_key(int argc, char **argv);
