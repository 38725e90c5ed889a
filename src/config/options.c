#include "config/options.h"

#define TYPE_ADDRESS            struct config_listen
#define TYPE_BOOL               bool
#define TYPE_COUNT              unsigned
#define TYPE_SIZE               size_t
#define TYPE_DURATION           int64_t
#define TYPE_FRACTION           double
#define TYPE_TEXT               struct view
#define TYPE_NAME               struct view
#define TYPE_MONEY              int64_t
#define TYPE_PRICE              int64_t
#define FIELD(record, field)    (((struct record *)0)->field)
#define SAME(record, field, as) __builtin_types_compatible_p(__typeof__(FIELD(record, field)), as)

/* A row's kind must be the field's type. */
#define OPTION(path, kind, record, field, ...) \
    _Static_assert(SAME(record, field, TYPE_##kind), path);
#define CHOICE(path, record, field, ...) \
    _Static_assert(sizeof(FIELD(record, field)) == sizeof(unsigned), path);
#define CUSTOM(...)
#define GROUP(...)
#include "config/options.def"
#undef OPTION
#undef CHOICE
#undef GROUP
#undef CUSTOM

#define RELOAD  false
#define RESTART true
#define OPTION(path_, kind_, record_, field_, low_, high_, fallback_, reload_, help_) \
    {.path = path_,                                                                   \
     .kind = OPTION_##kind_,                                                          \
     .offset = offsetof(struct record_, field_),                                      \
     .low = low_,                                                                     \
     .high = high_,                                                                   \
     .fallback = fallback_,                                                           \
     .restart = reload_,                                                              \
     .help = help_},
#define CHOICE(path_, record_, field_, choices_, fallback_, reload_, help_) \
    {.path = path_,                                                         \
     .kind = OPTION_CHOICE,                                                 \
     .offset = offsetof(struct record_, field_),                            \
     .type = choices_,                                                      \
     .fallback = fallback_,                                                 \
     .restart = reload_,                                                    \
     .help = help_},
#define CUSTOM(path_, name_, type_, fallback_, reload_, help_) \
    {.path = path_,                                            \
     .kind = OPTION_CUSTOM,                                    \
     .type = type_,                                            \
     .fallback = fallback_,                                    \
     .restart = reload_,                                       \
     .help = help_,                                            \
     .read = read_##name_,                                     \
     .show = show_##name_},
#define GROUP(path_, help_) {.path = path_, .kind = OPTION_GROUP, .fallback = "", .help = help_},

const struct option option_table[] = {
#include "config/options.def"
};
const unsigned option_count = sizeof(option_table) / sizeof(option_table[0]);
