#include "llm/join.h"

void llm_join_done(struct llm_join *j)
{
    buf_done(&j->head);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct view llm_join_handed(struct view said)
{
    while (said.n && is_space(said.p[said.n - 1]))
        said.n--;
    return said;
}

static struct view without_leading_space(struct view v)
{
    while (v.n && is_space(v.p[0]))
        v = view_skip(v, 1);
    return v;
}

static size_t common(struct view a, struct view b)
{
    size_t n = 0;

    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

/* What was said and not handed along. */
static struct view kept(struct view said)
{
    return view_skip(said, llm_join_handed(said).n);
}

static struct view let_go(struct llm_join *j)
{
    struct view head = buf_view(&j->head);

    j->open = true;
    return view_skip(head, common(head, kept(j->said)));
}

bool llm_join_piece(struct llm_join *j, struct view piece, struct view *ret_text)
{
    if (j->open) {
        *ret_text = piece;
        return true;
    }
    struct view begun = view_first(without_leading_space(j->said), LLM_JOIN_SAME);
    buf_append(&j->head, piece);
    if (!buf_ok(&j->head))
        return false;
    struct view head = buf_view(&j->head), text = without_leading_space(head);
    size_t same = common(text, begun);
    bool tells = begun.n == LLM_JOIN_SAME; /* a shorter text may well be said twice */
    if (tells && same == begun.n)
        return false;
    struct view left = kept(j->said);
    bool unclear = (tells && same == text.n) || (head.n < left.n && common(head, left) == head.n);
    *ret_text = unclear ? VIEW_NONE : let_go(j);
    return true;
}

struct view llm_join_end(struct llm_join *j)
{
    return j->open ? VIEW_NONE : let_go(j);
}
