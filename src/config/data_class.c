#include "config/data_class.h"

enum { H = 1, G = 2, P = 4, S = 8 };

static const struct {
    const char *name, *what;
    unsigned presets;
} classes[] = {
#define DATA_CLASS(name, presets, what) {#name, what, presets},
#include "config/data_classes.def"
#undef DATA_CLASS
};
_Static_assert(sizeof(classes) / sizeof(classes[0]) == DATA_CLASSES, "a class is a bit of 32");

static const char *const modes[DATA_MODES] = {"allow", "mask", "split", "local", "block"};

const char *data_class_name(enum data_class c)
{
    return classes[c].name;
}

const char *data_class_what(enum data_class c)
{
    return classes[c].what;
}

bool data_class_from_name(struct view name, enum data_class *ret_class)
{
    for (unsigned i = 0; i < DATA_CLASSES; i++)
        if (view_eq_nocase(name, view_str(classes[i].name))) {
            *ret_class = (enum data_class)i;
            return true;
        }
    return false;
}

uint32_t data_preset(struct view name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } presets[] = {{"hipaa", H}, {"gdpr", G}, {"pci", P}, {"secrets", S}};
    uint32_t bits = 0;

    for (unsigned p = 0; p < sizeof(presets) / sizeof(presets[0]); p++)
        for (unsigned i = 0; view_eq(name, view_str(presets[p].name)) && i < DATA_CLASSES; i++)
            bits |= classes[i].presets & presets[p].bit ? UINT32_C(1) << i : 0;
    return bits;
}

const char *data_mode_name(enum data_mode mode)
{
    return modes[mode];
}

bool data_mode_from_name(struct view name, enum data_mode *ret_mode)
{
    for (unsigned i = 0; i < DATA_MODES; i++)
        if (view_eq(name, view_str(modes[i]))) {
            *ret_mode = (enum data_mode)i;
            return true;
        }
    return false;
}

const char *data_profile_name(enum data_profile profile)
{
    return profile == DATA_STRICT ? "strict" : "balanced";
}
