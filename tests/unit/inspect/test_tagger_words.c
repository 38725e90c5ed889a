/* Texts as words: where they end, what they are, which label stands before them. */
#include "inspect/tagger_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct tagger_words words;

static struct tagger_source read_all(struct view text)
{
    struct tagger_source source = {.text = text};
    assert_true(tagger_words_read(&source, &tagger_built_in, &words));
    return source;
}

/* The words joined by '|', lines as "/". */
static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"Ada Byron", "Ada|Byron"},
        {"Ada's cat, O'Brien!", "Ada|'|s|cat|,|O'Brien|!"},
        {"Jean-Pierre", "Jean|-|Pierre"},
        {"first_name camelCase", "first_name|camelCase"},
        {"2024-02-05 61,682 10.0.0.1 12:30.", "2024-02-05|61,682|10.0.0.1|12:30|."},
        {"3rd 7LG $5", "3rd|7LG|$|5"},
        {"a  \n \n b", "a|/|b"},
        {"-- ... \"\"", "--|...|\"|\""},
        {"a\tb", "a|\t|b"},
        {"\xE5\xB1\xB1\xE7\x94\xB0 x", "\xE5\xB1\xB1|\xE7\x94\xB0|x"},
        {"Stra\xC3\x9F"
         "e \xC3\x89mile\xE2\x80\x99s",
         "Stra\xC3\x9F"
         "e|\xC3\x89mile|\xE2\x80\x99|s"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[200];
        size_t n = 0;
        read_all(view_str(rows[i].text));
        for (unsigned k = 0; k < words.n; k++) {
            const struct tagger_word *w = &words.all[k];
            struct view v = w->kind == TAGGER_LINE
                                ? VIEW("/")
                                : view_of(rows[i].text + w->start, w->end - w->start);
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s", k ? "|" : "", VIEW_ARG(v));
        }
        assert_string_equal(got, rows[i].words);
    }
}

static void case_and_accents_share_a_hash(void **state)
{
    (void)state;
    read_all(VIEW("José JOSE jose Łódź lodz МОСКВА москва ŽIŽEK žižek"));
    assert_int_equal(words.n, 9);
    assert_int_equal(words.all[0].hash, words.all[1].hash);
    assert_int_equal(words.all[0].hash, words.all[2].hash);
    assert_int_equal(words.all[3].hash, words.all[4].hash);
    assert_int_equal(words.all[5].hash, words.all[6].hash);
    assert_int_equal(words.all[7].hash, words.all[8].hash);
    assert_int_equal(words.all[0].letters, TAGGER_CAPITAL);
    assert_int_equal(words.all[1].letters, TAGGER_UPPER);
    assert_int_equal(words.all[2].letters, TAGGER_LOWER);
    assert_int_equal(words.all[0].hash, tagger_word_hash(VIEW("jose")));
}

/* The label of the word that is written `value`. */
static uint32_t label_of(const char *text, const char *value)
{
    read_all(view_str(text));
    for (unsigned i = 0; i < words.n; i++)
        if (strncmp(text + words.all[i].start, value, strlen(value)) == 0)
            return words.all[i].field;
    fail_msg("no such word: %s", value);
    return 0;
}

static void labels(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value, *label; /* NULL: none */
    } rows[] = {
        {"name: Ada", "Ada", "name"},
        {"{\"lastName\":\"Ada\",\"x\":1}", "Ada", "lastName"},
        {"user=ada host=x", "ada", "user"},
        {"<name>Ada</name>", "Ada", "name"},
        {"Address:\nAda", "Ada", "address"},
        {"name: x\nAda", "Ada", NULL},
        {"no label Ada", "Ada", NULL},
        {"id,name\n1,Ada\n2,Bea\n", "Bea", NULL}, /* two columns are no table */
        {"id,name,city\n1,Ada,Rome\n2,Bea,Bonn\n", "Bea", "name"},
        {"id,name,city\n1,Ada,Rome\n2,Bea,Bonn\n", "Bonn", "city"},
        {"id,name,city\n1,\"Ada, Bea\",Rome\n", "Rome", "city"},
        {"id\tname\tcity\n1\tAda\tRome\n", "Ada", "name"},
        {"id;name;city\n1;x;y\n\nAda", "Ada", NULL},
        {"Ada, Bea, Cleo\nDora", "Dora", NULL}, /* prose has blanks */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t want = rows[i].label ? tagger_word_hash(view_str(rows[i].label)) : 0;
        if (label_of(rows[i].text, rows[i].value) != want)
            fail_msg("%s in: %s", rows[i].value, rows[i].text);
    }
}

static void parts_of_a_label(void **state)
{
    (void)state;
    label_of("{\"lastName\":\"Ada\"}", "Ada");
    for (unsigned i = 0; i < words.n; i++)
        if (words.all[i].field)
            assert_int_equal(words.all[i].field_tail, tagger_word_hash(VIEW("name")));
}

static void lists_know_names(void **state)
{
    (void)state;
    read_all(VIEW("Sarah Street Mr asthma diagnosed qzxvk"));
    assert_true(words.all[0].lists & TAGGER_GIVEN);
    assert_true(words.all[1].lists & TAGGER_STREET);
    assert_true(words.all[2].lists & TAGGER_TITLE);
    assert_true(words.all[3].lists & TAGGER_CONDITION);
    assert_true(words.all[4].lists & TAGGER_CUE_HEALTH);
    assert_int_equal(words.all[5].lists, 0);
}

/* Pieces follow each other without a gap or an overlap, and end at a line where they can. */
static void pieces_meet(void **state)
{
    (void)state;
    static char text[30000];
    size_t n = 0;
    while (n + 8 < sizeof text) {
        memcpy(text + n, n % 49 ? "word, x" : "line.x\n", 7);
        n += 7;
    }
    struct tagger_source source = {.text = view_of(text, n)};
    unsigned pieces = 0;
    uint32_t before = 0;
    while (tagger_words_read(&source, &tagger_built_in, &words)) {
        assert_true(words.n <= TAGGER_WORDS_MAX);
        assert_true(source.at == n || text[words.all[words.n - 1].start] == '\n');
        for (unsigned i = 0; i < words.n; i++) {
            for (uint32_t k = before; k < words.all[i].start; k++)
                assert_int_equal(text[k], ' ');
            assert_true(words.all[i].start >= before);
            before = words.all[i].end;
        }
        pieces++;
    }
    assert_true(pieces > 5);
    assert_int_equal(before, n);
}

/* A hint behind the cut of a piece is not lost. */
static void hints_survive_a_cut(void **state)
{
    (void)state;
    static char text[9000];
    struct tagger_hint hints[300];
    unsigned n_hints = 0, found = 0;
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, i == 2700 ? "ab\n" : "ab ", 3);
    for (uint32_t i = 0; i < 300; i++)
        hints[n_hints++] = (struct tagger_hint){30 * i, 30 * i + 2, DATA_PHONE};
    struct tagger_source source = {
        .text = view_of(text, sizeof text), .hints = hints, .n_hints = n_hints};
    while (tagger_words_read(&source, &tagger_built_in, &words))
        for (unsigned i = 0; i < words.n; i++)
            found += words.all[i].kind == TAGGER_HINT;
    assert_int_equal(found, n_hints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),
        cmocka_unit_test(case_and_accents_share_a_hash),
        cmocka_unit_test(labels),
        cmocka_unit_test(parts_of_a_label),
        cmocka_unit_test(lists_know_names),
        cmocka_unit_test(pieces_meet),
        cmocka_unit_test(hints_survive_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
