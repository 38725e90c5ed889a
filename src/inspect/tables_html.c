/* Tables of HTML: the cells of the first row say what stands in the columns below. */
#include "inspect/table_parts.h"

#define MAX_CELL 200 /* bytes of a cell's text */
#define MAX_TAG  512 /* bytes of a tag; what is longer is passed over */

/* Where the text behind the tag at `at` begins. */
static uint32_t tag_end(const struct scan *s, uint32_t at)
{
    uint32_t left = s->doc.n - at;
    const char *end = memchr(s->doc.p + at, '>', left < MAX_TAG ? left : MAX_TAG);
    return end ? (uint32_t)(end - s->doc.p) + 1 : at + 3;
}

static bool is_tag(const char *p, const char *name)
{
    return p[0] == '<' && (p[1] | 0x20) == name[0] && (p[2] | 0x20) == name[1] &&
           (p[3] == '>' || p[3] == ' ');
}

/* The text of the cell whose tag ends at `at`, without blanks; tags within it end it. */
static struct view cell_text(const struct scan *s, uint32_t at)
{
    const char *p = s->doc.p;
    uint32_t end;

    while (at < s->doc.n && (p[at] == ' ' || p[at] == '\n'))
        at++;
    for (end = at; end < s->doc.n && p[end] != '<';)
        end++;
    while (end > at && (p[end - 1] == ' ' || p[end - 1] == '\n'))
        end--;
    return view_of(p + at, end - at);
}

void detect_html_tables(struct scan *s)
{
    uint32_t kinds[TABLE_COLUMNS], at = 0;
    unsigned heads = 0, column = 0;
    const char *p = s->doc.p;

    for (const char *hit; at + 4 < s->doc.n && !s->failed &&
                          (hit = memchr(p + at, '<', s->doc.n - at - 4)) != NULL;) {
        at = (uint32_t)(hit - p);
        bool head = is_tag(hit, "th"), cell = is_tag(hit, "td");
        heads = view_starts(view_skip(scan_text(s), at), VIEW("<table")) ? 0 : heads;
        column = is_tag(hit, "tr") ? 0 : column;
        at = head || cell ? tag_end(s, at) : at + 1;
        if ((!head && !cell) || column >= TABLE_COLUMNS)
            continue;
        struct view text = cell_text(s, at);
        if (head) {
            kinds[column] = text.n < MAX_CELL ? table_head_kinds(s, text) : 0;
            heads = column + 1;
        } else if (column < heads && text.n > 0 && text.n < MAX_CELL) {
            table_value(s, text, kinds[column]);
        }
        column++;
    }
}
