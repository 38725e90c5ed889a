/*
 * Classes of sensitive data, what may happen to each, and the presets that name sets of them. The
 * rows stand in data_classes.def.
 */
#pragma once

#include "base/view.h"

enum data_class {
#define DATA_CLASS(name, presets, what) DATA_##name,
#include "config/data_classes.def"
#undef DATA_CLASS
};
#define DATA_CLASSES 32

/* What happens to a request that holds data of a class, the mildest first. */
enum data_mode {
    DATA_ALLOW, /* may go out; the finding is recorded */
    DATA_MASK,  /* goes out as a typed placeholder, restored in the answer */
    DATA_SPLIT, /* digested inside; question and clean digest go out */
    DATA_LOCAL, /* the request stays inside */
    DATA_BLOCK, /* the request is refused */
};
#define DATA_MODES 5

/* How much doubt is enough: `strict` keeps inside whatever looks sensitive. */
enum data_profile { DATA_BALANCED, DATA_STRICT };

/* "PERSON", ... */
const char *data_class_name(enum data_class c);
const char *data_class_what(enum data_class c);
bool data_class_from_name(struct view name, enum data_class *ret_class); /* any case */
/* A bit for each class of "hipaa", "gdpr", "pci" or "secrets"; 0: there is no such preset. */
uint32_t data_preset(struct view name);
const char *data_mode_name(enum data_mode mode); /* "allow", "mask", "split", "local", "block" */
bool data_mode_from_name(struct view name, enum data_mode *ret_mode);
const char *data_profile_name(enum data_profile profile);
