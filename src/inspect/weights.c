/* models/inspect.bin, as it is, in the program's read-only data. */
#include "inspect/model.h"
#include "inspect/weights_file.h"

__asm__(".pushsection .rodata\n"
        ".balign 64\n"
        ".globl model_built_in\n"
        ".type model_built_in, %object\n"
        "model_built_in:\n"
        ".incbin \"" INSPECT_WEIGHTS_FILE "\"\n"
        ".size model_built_in, . - model_built_in\n"
        ".popsection\n");
