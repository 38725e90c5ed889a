/* The command table. */
#include "cli/check.h"
#include "cli/config.h"
#include "cli/import.h"
#include "cli/ledger.h"
#include "cli/node.h"
#include "cli/nodes.h"
#include "cli/prove.h"
#include "cli/route.h"
#include "cli/scan.h"
#include "cli/serve.h"
#include "cli/size.h"

#include <stdio.h>
#include <string.h>

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("weir " WEIR_VERSION);
    return 0;
}

static int help(int argc, char **argv);

static const struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "answer requests from inside or outside", cli_serve},
    {"check", "is the config right, do the backends answer", cli_check},
    {"nodes", "the nodes of the running Weir, and how they are", cli_nodes},
    {"node", "takes one out of service, or back", cli_node},
    {"route", "where a request would go, and why", cli_route},
    {"scan", "what of a text or a request must not leave", cli_scan},
    {"size", "does a model fit a node's memory, and what would", cli_size},
    {"ledger", "what was answered, where, for how much", cli_ledger},
    {"prove", "that the ledger is whole, and what went where", cli_prove},
    {"import", "a config of another gateway, for Weir", cli_import},
    {"config", "the config with every default filled in", cli_config},
    {"version", "the version", version},
    {"help", "this", help},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("weir: one endpoint in front of self-hosted and managed language models\n"
         "\nusage: weir COMMAND [OPTION]...   (weir COMMAND --help says more)\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].help);
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc > 1 ? argc - 1 : 0, argv + 1);
    fprintf(stderr, "weir: there is no command '%s'; `weir help` lists them\n", name);
    return 2;
}
