/* Tables of text: the words of the head say what stands in the columns below. */
#include "inspect/table_parts.h"
#include "inspect/values.h"
#include "inspect/wordlist.h"

#define MAX_CELL 48 /* bytes of a head's cell */

struct table {
    char joint; /* ',', ';', '|' or a tab */
    unsigned columns;
    uint32_t kinds[TABLE_COLUMNS]; /* bits of enum cue_kind */
    uint32_t towns;                /* a bit for each column */
};

/* What a table of persons has beside their names. */
#define PERSONAL                                                                              \
    (CUE_BIT(BIRTH) | CUE_BIT(PHONE) | CUE_BIT(NATIONAL) | CUE_BIT(ADDRESS) | CUE_BIT(PLAN) | \
     CUE_BIT(MRN) | CUE_BIT(PAY) | CUE_BIT(USERNAME))

static uint32_t line_end(const struct scan *s, uint32_t at)
{
    const char *hit = memchr(s->doc.p + at, '\n', s->doc.n - at);
    return hit ? (uint32_t)(hit - s->doc.p) : s->doc.n;
}

/* The cell at `*at` without blanks and quotes; moves behind what ends it. */
static struct view next_cell(const struct scan *s, uint32_t *at, uint32_t end, char joint)
{
    const char *p = s->doc.p, *hit = memchr(p + *at, joint, end - *at);
    uint32_t from = *at, to = hit ? (uint32_t)(hit - p) : end;

    *at = to + 1;
    while (from < to && strchr(" \"'\r", p[from]))
        from++;
    while (to > from && strchr(" \"'\r", p[to - 1]))
        to--;
    return view_of(p + from, to - from);
}

uint32_t table_head_kinds(const struct scan *s, struct view cell)
{
    uint32_t at = (uint32_t)(cell.p - s->doc.p), end = at + (uint32_t)cell.n;
    uint32_t kinds = 0;

    if (cell.n > 0 && (cell.p[cell.n - 1] == '.' || cell.p[cell.n - 1] == ':'))
        end--;
    for (unsigned i = scan_cue_from(s, at); i < s->n_cues && s->cues[i].end <= end; i++)
        kinds = s->cues[i].end == end ? s->cues[i].kinds : 0;
    return kinds;
}

/* A few words, as the name of a column has them; not a piece of code or of prose. */
static bool is_title(struct view cell)
{
    unsigned blanks = 0;

    for (size_t i = 0; i < cell.n; i++) {
        blanks += cell.p[i] == ' ';
        if (!is_letter(cell.p[i]) && !strchr(" _-./#'", cell.p[i]))
            return false;
    }
    return blanks <= 3 && cell.n <= MAX_CELL;
}

static char joint_of(struct view line)
{
    static const char joints[] = "|;\t,";

    for (const char *joint = joints; *joint; joint++)
        if (memchr(line.p, *joint, line.n))
            return *joint;
    return 0;
}

/* A column of a town or a postcode, which says nothing by itself. */
static bool is_town_head(struct view cell)
{
    return in_wordlist(
        "city town zip zipcode zip_code postcode post_code postal_code plz ort stadt "
        "wohnort ville code_postal ciudad localidad codigo_postal citta cap cidade cep "
        "plaats woonplaats miasto kod_pocztowy stad ort postnummer postort by poststed",
        cell);
}

/* A column of goods: names in such a table are those of things. */
static bool is_goods_head(struct view cell)
{
    return in_wordlist(
        "price stock qty quantity sku unit colour color size weight ean preis menge "
        "bestand prix quantite precio cantidad prezzo quantita preco version license",
        cell);
}

static bool read_head(const struct scan *s, uint32_t at, uint32_t end, struct table *t)
{
    struct view line = view_of(s->doc.p + at, end - at);
    uint32_t all = 0;
    unsigned filled = 0;
    bool goods = false;

    *t = (struct table){.joint = line.n > 0 && line.n < 1024 ? joint_of(line) : 0};
    bool code =
        t->joint == ',' && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[line.n - 1] == ',');
    if (!t->joint || code)
        return false;
    size_t key = view_find(view_first(line, MAX_CELL), VIEW(": "));
    at += key == VIEW_NPOS ? 0 : (uint32_t)key + 2; /* of the string that the table is */
    while (at <= end && t->columns < TABLE_COLUMNS) {
        struct view cell = next_cell(s, &at, end, t->joint);
        if (!is_title(cell))
            return false;
        filled += cell.n > 0;
        t->kinds[t->columns] = cell.n ? table_head_kinds(s, cell) : 0;
        t->towns |= (uint32_t)is_town_head(cell) << t->columns;
        goods |= is_goods_head(cell);
        all |= t->kinds[t->columns++];
    }
    for (unsigned i = 0; i < t->columns; i++) {
        if (goods && !(all & PERSONAL))
            t->kinds[i] &= ~CUE_BIT(NAME);
        if ((t->towns >> i & 1) && (all & CUE_BIT(ADDRESS)))
            t->kinds[i] |= CUE_BIT(ADDRESS);
    }
    return all != 0 && filled > 1;
}

void table_value(struct scan *s, struct view cell, uint32_t kinds)
{
    static const struct {
        uint32_t kind;
        enum data_class class;
    } numbers[] = {
        {CUE_BIT(NATIONAL), DATA_NATIONAL_ID},
        {CUE_BIT(PASSPORT), DATA_PASSPORT},
        {CUE_BIT(LICENSE), DATA_DRIVER_LICENSE},
        {CUE_BIT(CARD), DATA_CREDIT_CARD},
        {CUE_BIT(IBAN), DATA_IBAN},
        {CUE_BIT(ACCOUNT), DATA_BANK_ACCOUNT},
        {CUE_BIT(MRN), DATA_MEDICAL_RECORD_NUMBER},
        {CUE_BIT(PLAN), DATA_HEALTH_PLAN_ID},
        {CUE_BIT(VIN), DATA_VEHICLE_ID},
        {CUE_BIT(PLATE), DATA_VEHICLE_ID},
        {CUE_BIT(DEVICE), DATA_DEVICE_ID},
        {CUE_BIT(OTHER_ID), DATA_OTHER_ID},
        {CUE_BIT(PHONE), DATA_PHONE},
        {CUE_BIT(WALLET), DATA_CRYPTO_WALLET},
        {CUE_BIT(PAY), DATA_FINANCIAL},
        {CUE_BIT(PASSWORD), DATA_PASSWORD},
        {CUE_BIT(USERNAME), DATA_USERNAME},
    };
    uint32_t at = (uint32_t)(cell.p - s->doc.p), end = at + (uint32_t)cell.n;
    unsigned digits = 0;

    for (size_t i = 0; i < cell.n; i++)
        digits += is_digit(cell.p[i]);
    if ((kinds & (CUE_BIT(BIRTH) | CUE_BIT(MEDICAL_DATE))) && value_date(s, at, false) > at)
        scan_hit(s, at, end, kinds & CUE_BIT(BIRTH) ? DATA_DATE_OF_BIRTH : DATA_MEDICAL_DATE,
                 FINDING_CUE, 80, NULL);
    if ((kinds & CUE_BIT(NAME)) && digits == 0 && cell.n >= 3)
        scan_hit(s, at, end, DATA_PERSON, FINDING_CUE, 70, NULL);
    if ((kinds & CUE_BIT(ADDRESS)) && cell.n >= 3 && digits < cell.n)
        scan_hit(s, at, end, DATA_ADDRESS, FINDING_CUE, digits ? 80 : 65, NULL);
    else if ((kinds & CUE_BIT(ADDRESS)) && digits >= 4)
        scan_hit(s, at, end, DATA_ADDRESS, FINDING_CUE, 70, NULL);
    bool text = kinds & (CUE_BIT(PASSWORD) | CUE_BIT(USERNAME));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if ((kinds & numbers[i].kind) && (text ? cell.n >= 3 : digits >= 3)) {
            scan_hit(s, at, end, numbers[i].class, FINDING_CUE, 80, NULL);
            return;
        }
}

/* The lines below a head that have as many cells; returns where the table ends. */
static uint32_t read_rows(struct scan *s, uint32_t at, const struct table *t)
{
    while (at < s->doc.n) {
        uint32_t end = line_end(s, at), from = at;
        struct view cells[TABLE_COLUMNS];
        unsigned n = 0;
        while (from <= end && n < TABLE_COLUMNS)
            cells[n++] = next_cell(s, &from, end, t->joint);
        if (from <= end || n + 1 < t->columns || n > t->columns + 1 || n < 2)
            return at;
        for (unsigned i = 0; i < n && i < t->columns; i++)
            if (cells[i].n > 0 && cells[i].n < 200)
                table_value(s, cells[i], t->kinds[i]);
        at = end + 1;
    }
    return at;
}

void detect_tables(struct scan *s)
{
    struct table table;

    for (uint32_t at = 0; at < s->doc.n && !s->failed;) {
        uint32_t end = line_end(s, at);
        bool head = read_head(s, at, end, &table);
        at = end + 1;
        if (head && at < s->doc.n)
            at = read_rows(s, at, &table);
    }
}
