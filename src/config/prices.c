#include "config/options.h"

enum { MAX_PRICES = 1024 };

bool read_prices(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;
    const char *hint = "write model: {input: 0.25, output: 2}";
    void *prices;
    unsigned n, i = 0;

    if (!load_array(l, node, TREE_MAP, MAX_PRICES, sizeof(struct config_price), "prices", hint,
                    &prices, &n))
        return false;
    c->prices = prices;
    for (const struct tree_node *m = node->first; m; m = m->next, i++) {
        struct config_price *price = &c->prices[i];
        size_t star = view_find_char(m->key->text, '*');
        if (m->key->text.n == 0 || (star != VIEW_NPOS && star + 1 != m->key->text.n))
            return load_fail(l, m->key, "write a model, or the beginning of one and *",
                             "a price's model may only end in *");
        price->model = arena_dup(c->arena, m->key->text);
        price->cached_input = -1;
        if (!load_expect(l, m, TREE_MAP, "a price", hint) || !options_read(l, m, "prices.*", price))
            return false;
        if (price->cached_input < 0)
            price->cached_input = price->input;
    }
    c->n_prices = n;
    return true;
}

void show_prices(const void *record, struct show *s)
{
    const struct config *c = record;

    if (c->n_prices == 0)
        return;
    show_key(s, VIEW("prices"));
    buf_append_char(s->out, '\n');
    s->indent += 2;
    for (unsigned i = 0; i < c->n_prices; i++) {
        show_key(s, c->prices[i].model);
        buf_append_char(s->out, '\n');
        s->indent += 2;
        options_show("prices.*", &c->prices[i], s);
        s->indent -= 2;
    }
    s->indent -= 2;
}
