/* What could not be carried: one note for the same thing in several places. */
#include "config/import_parts.h"

#include <stdarg.h>
#include <stdio.h>

struct view import_clean(struct import *im, struct view text)
{
    char clean[60 + 4];
    size_t n = text.n < 60 ? text.n : 60;

    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--; /* not in the middle of a character */
    for (size_t i = 0; i < n; i++)
        clean[i] = (unsigned char)text.p[i] < ' ' ? '?' : text.p[i];
    if (n < text.n) {
        memcpy(clean + n, "...", 3);
        n += 3;
    }
    return arena_dup(im->arena, view_of(clean, n));
}

void import_note(struct import *im, const struct tree_node *at, struct view what, const char *why)
{
    struct import_note *note = im->notes;

    for (; note < im->notes + im->n_notes; note++)
        if (note->why == why && view_eq(note->what, what))
            break;
    if (note == im->notes + im->n_notes) {
        if (im->n_notes == IMPORT_MAX_NOTES)
            return;
        im->n_notes++;
        *note = (struct import_note){
            .what = arena_dup(im->arena, what), .why = why, .column = at->column};
    }
    if (note->n < IMPORT_MAX_LINES)
        note->lines[note->n] = at->line;
    note->n++;
}

void import_notef(struct import *im, const struct tree_node *at, const char *why,
                  const char *format, ...)
{
    char what[400];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    import_note(im, at, view_of(what, n < (int)sizeof(what) ? (size_t)n : sizeof(what) - 1), why);
}

/* In the order of the file. */
static void sort(struct import_note *notes, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct import_note note = notes[i];
        unsigned k = i;
        for (; k > 0 && notes[k - 1].lines[0] > note.lines[0]; k--)
            notes[k] = notes[k - 1];
        notes[k] = note;
    }
}

void import_notes_write(const struct import *im, struct buf *out)
{
    sort(im->notes, im->n_notes);
    for (unsigned i = 0; i < im->n_notes; i++) {
        const struct import_note *note = &im->notes[i];
        buf_printf(out, "%s:%u:%u: %.*s: %s", im->name, note->lines[0], note->column,
                   VIEW_ARG(note->what), note->why);
        for (unsigned k = 1; k < note->n && k < IMPORT_MAX_LINES; k++)
            buf_printf(out, k == 1 ? " (also line %u" : ", %u", note->lines[k]);
        if (note->n > IMPORT_MAX_LINES)
            buf_printf(out, " and %u more", note->n - IMPORT_MAX_LINES);
        buf_append(out, note->n > 1 ? VIEW(")\n") : VIEW("\n"));
    }
    if (im->n_notes == IMPORT_MAX_NOTES)
        buf_printf(out, "%s:1:1: there are more than these %d\n", im->name, IMPORT_MAX_NOTES);
}
