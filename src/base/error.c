#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct error_info table[ERROR_COUNT] = {
    [ERROR_NONE] = {"NONE", 200, "", "", false},
#define ERROR(name, status, type, code, failover) \
    [ERROR_##name] = {#name, status, type, code, failover},
#include "base/errors.def"
#undef ERROR
};

const struct error_info *error_info(enum error_code code)
{
    return &table[code < ERROR_COUNT ? code : ERROR_INTERNAL];
}

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
    va_list args;

    err->code = code;
    err->hint[0] = err->param[0] = '\0';
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->own = strlen(err->text);
    return false;
}

bool error_quote(struct error *err, enum error_code code, const char *text, struct view words)
{
    error_set(err, code, "%s", text);
    snprintf(err->text + err->own, sizeof(err->text) - err->own, ": %.*s", VIEW_ARG(words));
    return false;
}

struct view error_own_words(const struct error *err)
{
    return view_of(err->text, err->own);
}

bool error_hint(struct error *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    return false;
}

bool error_param(struct error *err, struct view param)
{
    snprintf(err->param, sizeof(err->param), "%.*s", VIEW_ARG(param));
    return false;
}
