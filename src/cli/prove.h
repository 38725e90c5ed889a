#pragma once

int cli_prove(int argc, char **argv);
