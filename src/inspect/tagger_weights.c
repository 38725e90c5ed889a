/* models/tagger.bin, as it is, in the program's read-only data. */
#include "inspect/tagger_file.h"
#include "inspect/tagger_model.h"

__asm__(".pushsection .rodata\n"
        ".balign 64\n"
        ".globl tagger_built_in\n"
        ".type tagger_built_in, %object\n"
        "tagger_built_in:\n"
        ".incbin \"" TAGGER_MODEL_FILE "\"\n"
        ".size tagger_built_in, . - tagger_built_in\n"
        ".popsection\n");
