#include "config/options.h"

bool read_anchor_webhook(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;

    if (node->kind != TREE_TEXT)
        return load_fail(l, node, "write it like https://anchors.example.org/weir",
                         "ledger.anchor_webhook is %s, not a URL", load_found(l, node));
    return config_url_parse(node->text, l->config->arena, &c->anchor_webhook.url, l->err) ||
           load_place(l, node);
}

void show_anchor_webhook(const void *record, struct show *s)
{
    const struct config *c = record;

    if (c->anchor_webhook.url.text.n == 0)
        return;
    show_key(s, VIEW("anchor_webhook"));
    show_value(s, c->anchor_webhook.url.text);
}

bool read_anchor_webhook_key(struct load *l, const struct tree_node *node, void *record)
{
    struct config *c = record;

    return load_secret_shown(l, node, "the webhook's key", &c->anchor_webhook.key,
                             &c->anchor_webhook.key_shown);
}

void show_anchor_webhook_key(const void *record, struct show *s)
{
    const struct config *c = record;

    show_secret(s, VIEW("anchor_webhook_key"), c->anchor_webhook.key_shown);
}
