#include "economics/prices.h"

#include <inttypes.h>
#include <stdio.h>

#define PRICES_AS_OF "2026-11-01"

struct row {
    struct view model;
    struct price price;
};

/* Dollars per million tokens are micro-dollars a token: six more digits make pico-dollars. */
#define PICO(dollars) ((int64_t)((dollars)*1e6 + 0.5))

static const struct row table[] = {
#define PRICE(name, in, cached, out) \
    {VIEW_LIT(name), {PICO(in), PICO(cached), PICO(out), PRICES_AS_OF, {0}}},
#define PRICE_LONG(name, in, cached, out, tokens, lin, lcached, lout) \
    {VIEW_LIT(name),                                                  \
     {PICO(in),                                                       \
      PICO(cached),                                                   \
      PICO(out),                                                      \
      PRICES_AS_OF,                                                   \
      {tokens, PICO(lin), PICO(lcached), PICO(lout)}}},
#include "economics/prices.def"
#undef PRICE
#undef PRICE_LONG
};

static bool find_row(struct view model, struct price *ret_price)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (view_eq_nocase(model, table[i].model)) {
            *ret_price = table[i].price;
            return true;
        }
    return false;
}

/* Whether `v` ends as `shape` says: '9' stands for a digit, all else for itself. */
static bool ends_like(struct view v, struct view shape)
{
    if (v.n <= shape.n)
        return false;
    struct view end = view_last(v, shape.n);
    for (size_t i = 0; i < shape.n; i++) {
        bool digit = end.p[i] >= '0' && end.p[i] <= '9';
        if (shape.p[i] == '9' ? !digit : end.p[i] != shape.p[i])
            return false;
    }
    return true;
}

static struct view without_date(struct view model)
{
    static const struct view shapes[] = {VIEW_LIT("-9999-99-99"), VIEW_LIT("-99999999")};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (ends_like(model, shapes[i]))
            return view_first(model, model.n - shapes[i].n);
    return model;
}

/* Routers name a vendor's own models so; other prefixes are hosts with prices of their own. */
static struct view without_vendor(struct view model)
{
    static const struct view vendors[] = {VIEW_LIT("openai/"), VIEW_LIT("anthropic/"),
                                          VIEW_LIT("google/"), VIEW_LIT("gemini/"),
                                          VIEW_LIT("models/")};

    for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
        if (view_starts(model, vendors[i]))
            return view_skip(model, vendors[i].n);
    return model;
}

bool price_find(const struct config *config, struct view model, struct price *ret_price)
{
    for (unsigned i = 0; config && i < config->n_prices; i++) {
        const struct config_price *own = &config->prices[i];
        if (!view_matches_glob(model, own->model))
            continue;
        *ret_price = (struct price){own->input, own->cached_input, own->output, "config", {0}};
        return true;
    }
    struct view name = without_vendor(model);
    return find_row(name, ret_price) || find_row(without_date(name), ret_price);
}

int64_t price_cost_nano(const struct price *price, const struct llm_usage *usage)
{
    bool is_long = price->lengthy.above_tokens && usage->input > price->lengthy.above_tokens;
    int64_t input = is_long ? price->lengthy.input : price->input;
    int64_t cached_input = is_long ? price->lengthy.cached_input : price->cached_input;
    int64_t output = is_long ? price->lengthy.output : price->output;
    /* An upstream that reports more cached tokens than tokens is not believed. */
    uint32_t cached = usage->cached < usage->input ? usage->cached : usage->input;

    __int128 pico = (__int128)input * (usage->input - cached) + (__int128)cached_input * cached +
                    (__int128)output * usage->output;
    __int128 nano = (pico + 500) / 1000;
    return nano > INT64_MAX ? INT64_MAX : (int64_t)nano;
}

void money_format(int64_t nano, char *text, size_t size)
{
    uint64_t amount = nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano;
    uint64_t fraction = amount % 1000000000;
    int decimals = 9;

    for (; decimals > 6 && fraction % 10 == 0; decimals--)
        fraction /= 10;
    snprintf(text, size, "%s%" PRIu64 ".%0*" PRIu64, nano < 0 ? "-" : "", amount / 1000000000,
             decimals, fraction);
}
