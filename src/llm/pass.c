#include "llm/pass.h"

#include "json/writer.h"

void llm_pass_lines(struct buf *out, struct view text)
{
    for (;;) {
        size_t n = 0;
        while (n < text.n && text.p[n] != '\n' && text.p[n] != '\r')
            n++;
        buf_append(out, view_first(text, n));
        if (n == text.n)
            return;
        buf_append_lit(out, "\ndata: ");
        text = view_skip(text, n + 1);
    }
}

void llm_pass_event(struct buf *out, struct view name, struct view data,
                    const struct llm_swap *swaps, unsigned n_swaps)
{
    if (name.n) {
        buf_append_lit(out, "event: ");
        buf_append(out, name);
        buf_append_char(out, '\n');
    }
    buf_append_lit(out, "data: ");
    for (unsigned i = 0; i < n_swaps; i++)
        if (swaps[i].there.n) {
            size_t before = (size_t)(swaps[i].there.p - data.p);
            llm_pass_lines(out, view_first(data, before));
            json_quote(out, swaps[i].instead);
            data = view_skip(data, before + swaps[i].there.n);
        }
    llm_pass_lines(out, data);
    buf_append_lit(out, "\n\n");
}
