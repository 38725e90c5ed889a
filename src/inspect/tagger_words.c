#include "inspect/tagger_words.h"

#include "base/hash.h"
#include "inspect/tagger_letters.h"

#define WORD_BYTES  64 /* longer runs are cut: they are no names */
#define FIELD_WORDS 16 /* how far a label reaches */
#define FIELD_FEW   3

#define COLUMNS_MAX 16

/* A table's head, whose columns label the words of the lines below it. */
struct table {
    unsigned columns; /* 0: no table */
    uint32_t separator;
    uint32_t names[COLUMNS_MAX], tails[COLUMNS_MAX];
    bool cues[COLUMNS_MAX];
};

struct reader {
    struct view text;
    const struct tagger_model *model;
    struct tagger_word *to;
    unsigned n;
    bool blank;
    /* The label before the next word, and the word that is one if ':' or '=' follows. */
    uint32_t field, field_tail, field_at;
    bool field_cue;
    unsigned candidate; /* index + 1 */
    struct table table;
    unsigned line, column; /* first word of this line; column of the next word */
    bool quoted;
};

static inline bool is_letter(struct character c)
{
    return c.letter <= UNCASED || c.letter == DIGIT || c.code == '_';
}

static inline uint32_t hash_step(uint32_t h, uint32_t code)
{
    return (h ^ code) * 0x9E3779B1u ^ h >> 15;
}

#define HASH_SEED 0x811C9DC5u

static inline uint32_t hash_end(uint32_t h)
{
    h = (uint32_t)hash_mix(h);
    return h ? h : 1;
}

static unsigned length_class(unsigned letters)
{
    return letters <= 3 ? letters : letters <= 5 ? 4 : letters <= 8 ? 5 : letters <= 13 ? 6 : 7;
}

/* Counts of a word's characters, while it is read. */
struct spelling {
    uint32_t hash, tail, first, last;
    unsigned n, upper, lower, digits, uncased;
    bool capital; /* the first */
    bool digit;   /* so too */
    bool parts;
    uint8_t before;
};

static void spell(struct spelling *s, struct character c)
{
    bool border = c.code == '_' || (c.letter == UPPER && s->before == LOWER);
    if (border) {
        s->tail = HASH_SEED;
        s->parts = true;
    }
    if (c.code != '_')
        s->tail = hash_step(s->tail, c.code);
    s->hash = hash_step(s->hash, c.code);
    if (s->n < 3)
        s->first = s->first << 8 | (c.code & 0xFF);
    s->last = (s->last << 8 | (c.code & 0xFF)) & 0xFFFFFF;
    s->capital |= s->n == 0 && c.letter == UPPER;
    s->digit |= s->n == 0 && c.letter == DIGIT;
    s->n++;
    s->upper += c.letter == UPPER;
    s->lower += c.letter == LOWER;
    s->digits += c.letter == DIGIT;
    s->uncased += c.letter == UNCASED;
    s->before = c.letter;
}

static enum tagger_case case_of(const struct spelling *s)
{
    if (s->digits)
        return TAGGER_DIGITS;
    if (s->uncased)
        return TAGGER_UNCASED;
    if (!s->upper)
        return TAGGER_LOWER;
    if (!s->lower)
        return s->upper == 1 ? TAGGER_LETTER : TAGGER_UPPER;
    return s->upper == 1 && s->capital ? TAGGER_CAPITAL : TAGGER_MIXED;
}

static struct tagger_word *push(struct reader *r, enum tagger_kind kind, size_t start, size_t end)
{
    struct tagger_word *w = &r->to[r->n++];
    *w = (struct tagger_word){
        .start = (uint32_t)start, .end = (uint32_t)end, .kind = (uint8_t)kind, .blank = r->blank};
    r->blank = false;
    if (r->field && r->n - r->field_at <= FIELD_WORDS) {
        w->field = r->field;
        w->field_tail = r->field_tail;
        w->cued = r->field_cue;
        w->field_far = r->n - r->field_at <= FIELD_FEW ? (uint8_t)(r->n - r->field_at > 1) : 2;
    }
    return w;
}

/* An apostrophe belongs to a word between two letters, but for the English 's. */
static bool joins(struct view text, size_t at, struct character c)
{
    if (c.code != '\'' || at + c.bytes >= text.n)
        return false;
    struct character next = character_at(text, at + c.bytes);
    if (next.letter > UNCASED)
        return false;
    size_t after = at + c.bytes + next.bytes;
    return next.code != 's' || (after < text.n && character_at(text, after).letter <= UNCASED);
}

static size_t read_word(struct reader *r, size_t at)
{
    struct spelling s = {.hash = HASH_SEED, .tail = HASH_SEED, .before = MARK};
    size_t from = at;
    while (at < r->text.n && at - from < WORD_BYTES) {
        struct character c = character_at(r->text, at);
        if (is_letter(c))
            spell(&s, c);
        else if (!s.n || !joins(r->text, at, c))
            break;
        at += c.bytes;
    }
    struct tagger_word *w = push(r, TAGGER_WORD, from, at);
    w->hash = hash_end(s.hash);
    w->tail = s.parts ? hash_end(s.tail) : w->hash;
    w->first = s.first;
    w->last = s.last;
    w->letters = (uint8_t)case_of(&s);
    w->digit = s.digit;
    w->shape = (uint16_t)(8u * w->letters + length_class(s.n));
    w->lists = tagger_lists(r->model, w->hash);
    r->candidate = r->n;
    return at;
}

static size_t read_ideogram(struct reader *r, size_t at, struct character c)
{
    struct tagger_word *w = push(r, TAGGER_IDEOGRAM, at, at + c.bytes);
    w->hash = hash_end(hash_step(HASH_SEED, c.code));
    w->tail = w->hash;
    w->first = w->last = c.code;
    w->letters = TAGGER_UNCASED;
    w->shape = 72;
    w->lists = tagger_lists(r->model, w->hash);
    return at + c.bytes;
}

/* Digits, and single marks between digits. The form keeps runs of digits by their length. */
static size_t read_number(struct reader *r, size_t at)
{
    size_t from = at, run = at;
    uint32_t form = HASH_SEED;
    unsigned joints = 0, n = 0;
    for (; at < r->text.n && at - from < WORD_BYTES; at++) {
        char c = r->text.p[at];
        if (c >= '0' && c <= '9') {
            n++;
            continue;
        }
        bool joint = memchr("-.,:/", c, 5) && at + 1 < r->text.n && r->text.p[at + 1] >= '0' &&
                     r->text.p[at + 1] <= '9';
        if (!joint)
            break;
        form = hash_step(hash_step(form, (uint32_t)(at - run)), (unsigned char)c);
        joints++;
        run = at + 1;
    }
    if (!joints && at < r->text.n && at - from < 8 && is_letter(character_at(r->text, at)))
        return read_word(r, from);
    struct tagger_word *w = push(r, TAGGER_NUMBER, from, at);
    size_t run_length = at - run < 12 ? at - run : 12;
    w->hash = w->tail = hash_end(hash_step(form, (uint32_t)run_length));
    w->first = n;
    w->last = joints;
    w->shape = (uint16_t)(80 + (joints < 4 ? joints : 4) * 8 + (n < 8 ? n : n < 12 ? 6 : 7));
    return at;
}

static bool is_cue(const struct tagger_model *model, const struct tagger_word *w)
{
    return (w->lists | tagger_lists(model, w->tail)) & (TAGGER_CUES | TAGGER_STREET);
}

static void set_field(struct reader *r, uint32_t name, uint32_t tail, bool cue)
{
    r->field = name;
    r->field_tail = tail;
    r->field_cue = cue;
    r->field_at = r->n;
    r->candidate = 0;
}

static void label(struct reader *r, const struct tagger_word *w)
{
    set_field(r, w->hash, w->tail, is_cue(r->model, w));
}

static void add_column(struct table *t, const struct tagger_model *model,
                       const struct tagger_word *name)
{
    if (name) {
        t->names[t->columns] = name->hash;
        t->tails[t->columns] = name->tail;
        t->cues[t->columns] = is_cue(model, name);
    }
    t->columns++;
}

static void enter_column(struct reader *r)
{
    if (r->column < r->table.columns)
        set_field(r, r->table.names[r->column], r->table.tails[r->column],
                  r->table.cues[r->column]);
}

/* What separates columns: tabs are marks within a line. */
static bool is_separator(uint32_t code)
{
    return code == ',' || code == ';' || code == '|' || code == '\t';
}

/* Reads the line that has ended as the head of a table: words with the same mark between them, and
 * no blanks beside a comma or a semicolon. */
static struct table table_of(const struct reader *r)
{
    struct table t = {0};
    const struct tagger_word *name = NULL;
    for (unsigned i = r->line; i + 1 < r->n && t.columns < COLUMNS_MAX; i++) {
        const struct tagger_word *w = &r->to[i];
        uint32_t code = (unsigned char)r->text.p[w->start];
        if (w->kind == TAGGER_WORD) {
            if (w->blank && (t.separator == ',' || t.separator == ';'))
                return (struct table){0};
            name = w;
        } else if (w->kind == TAGGER_MARK && is_separator(code)) {
            if (t.separator && t.separator != code)
                return (struct table){0};
            t.separator = code;
            add_column(&t, r->model, name);
            name = NULL;
        } else if (w->kind != TAGGER_MARK || code != '"') {
            return (struct table){0};
        }
    }
    if (t.columns < 2 || t.columns == COLUMNS_MAX)
        return (struct table){0};
    add_column(&t, r->model, name);
    return t;
}

/* A label ends at the end of its line, unless its value stands on the next one; a table ends with
 * a line without columns. */
static void end_line(struct reader *r, size_t lines)
{
    bool below = r->field_at == r->n - 1;
    if (!r->table.columns)
        r->table = table_of(r);
    else if (r->column == 0 || lines > 1)
        r->table = (struct table){0};
    if (below)
        r->field_at = r->n;
    else
        r->field = 0;
    r->candidate = 0;
    r->line = r->n;
    r->column = 0;
    r->quoted = false;
    enter_column(r);
}

static size_t read_mark(struct reader *r, size_t at, struct character c)
{
    size_t from = at;
    at += c.bytes;
    while (at < r->text.n && at - from < WORD_BYTES && c.code != '"' && !is_separator(c.code) &&
           character_at(r->text, at).code == c.code)
        at += c.bytes;
    struct tagger_word *w = push(r, TAGGER_MARK, from, at);
    uint32_t repeated = at - from > c.bytes ? 0x10000 : 0;
    w->hash = w->tail = hash_end(hash_step(HASH_SEED, c.code + repeated));
    w->shape = (uint16_t)(TAGGER_SHAPE_MARK + (c.code & 127));
    if ((c.code == ':' || c.code == '=' || c.code == '>' || c.code == 0xFF1A) && r->candidate &&
        r->n - r->candidate <= 4)
        label(r, &r->to[r->candidate - 1]);
    r->quoted ^= c.code == '"';
    if (c.code == r->table.separator && !r->quoted) {
        r->column++;
        enter_column(r);
    }
    return at;
}

static size_t read_lines(struct reader *r, size_t at)
{
    size_t from = at, lines = 0;
    for (; at < r->text.n; at++) {
        char c = r->text.p[at];
        if (c == '\n')
            lines++;
        else if (c != ' ' && c != '\t' && c != '\r')
            break;
    }
    struct tagger_word *w = push(r, TAGGER_LINE, from, at);
    w->hash = w->tail = hash_end(lines > 1 ? 2 : 1);
    w->shape = (uint16_t)(lines > 1 ? 257 : 256);
    end_line(r, lines);
    return at;
}

static size_t read_hint(struct reader *r, const struct tagger_hint *hint)
{
    struct tagger_word *w = push(r, TAGGER_HINT, hint->start, hint->end);
    w->hash = w->tail = hash_end(0x1000u + hint->class);
    w->shape = (uint16_t)(260 + hint->class);
    return hint->end;
}

static size_t read_next(struct reader *r, size_t at)
{
    struct character c = character_at(r->text, at);
    switch ((enum letter)c.letter) {
    case LOWER:
    case UPPER:
    case UNCASED:
        return read_word(r, at);
    case IDEOGRAM:
        return read_ideogram(r, at, c);
    case DIGIT:
        return read_number(r, at);
    case NEWLINE:
        return read_lines(r, at);
    case BLANK:
        if (c.code == '\t' && r->n > r->line)
            return read_mark(r, at, c);
        r->blank = true;
        return at + c.bytes;
    case MARK:
        break;
    }
    return c.code == '_' ? read_word(r, at) : read_mark(r, at, c);
}

/* Where a full piece is cut: behind the last line or sentence of its second half. */
static unsigned cut_of(const struct reader *r)
{
    unsigned sentence = r->n;
    for (unsigned i = r->n; i-- > r->n / 2;) {
        if (r->to[i].kind == TAGGER_LINE)
            return i + 1;
        if (sentence == r->n && r->to[i].kind == TAGGER_MARK && r->text.p[r->to[i].start] == '.')
            sentence = i + 1;
    }
    return sentence;
}

static const struct tagger_hint *hint_from(struct tagger_source *source, size_t at)
{
    while (source->next_hint < source->n_hints) {
        const struct tagger_hint *hint = &source->hints[source->next_hint];
        if (hint->start >= at && hint->start < hint->end && hint->end <= source->text.n)
            return hint;
        source->next_hint++;
    }
    return NULL;
}

bool tagger_words_read(struct tagger_source *source, const struct tagger_model *model,
                       struct tagger_words *words)
{
    struct reader r = {.text = source->text, .model = model, .to = words->all};
    unsigned first_hint = source->next_hint;
    size_t at = source->at;
    while (at < source->text.n && r.n < TAGGER_WORDS_MAX) {
        const struct tagger_hint *hint = hint_from(source, at);
        r.text.n = hint ? hint->start : source->text.n;
        at = hint && at == hint->start ? read_hint(&r, hint) : read_next(&r, at);
    }
    r.text = source->text;
    words->n = at < r.text.n ? cut_of(&r) : r.n;
    if (words->n < r.n) {
        at = r.to[words->n].start;
        source->next_hint = first_hint;
    }
    source->at = at;
    return words->n > 0;
}

uint32_t tagger_word_hash(struct view word)
{
    uint32_t hash = HASH_SEED;
    for (size_t at = 0; at < word.n;) {
        struct character c = character_at(word, at);
        if (is_letter(c) || c.letter == IDEOGRAM)
            hash = hash_step(hash, c.code);
        at += c.bytes;
    }
    return hash_end(hash);
}
