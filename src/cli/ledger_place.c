#include "cli/ledger_place.h"

#include "config/config.h"

#include <stdio.h>

static bool put(char to[LEDGER_PLACE_BYTES], struct view path, const char *end, struct error *err)
{
    int n = snprintf(to, LEDGER_PLACE_BYTES, "%.*s%s", VIEW_ARG(path), end);

    return (n > 0 && n < LEDGER_PLACE_BYTES) ||
           error_set(err, ERROR_BAD_VALUE, "the path of the ledger is too long");
}

static bool fill(struct view path, struct view key, struct ledger_place *place, struct error *err)
{
    return put(place->path, path, "", err) &&
           (key.n ? put(place->key, key, "", err) : put(place->key, path, ".key", err));
}

bool ledger_place_find(const char *file, const char *config, struct ledger_place *ret_place,
                       struct error *err)
{
    struct ledger_place place;

    if (!config) {
        if (!fill(view_str(file ? file : "weir.db"), VIEW_NONE, &place, err))
            return false;
    } else {
        struct config *c = config_load(config, VIEW_NONE, err);
        if (!c)
            return false;
        bool ok = fill(file ? view_str(file) : c->ledger_path, c->ledger_key, &place, err);
        config_unref(c);
        if (!ok)
            return false;
    }
    *ret_place = place;
    return true;
}
