/* What obvious requests are taken for, and the bounds of the look at them. */
#include "base/clock.h"
#include "base/sanitizer.h"
#include "inspect/inspect.h"
#include "llm/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Of all tests together: what one remembers must not change what another sees. */
static struct inspect_memory *memory;

static int make_memory(void **state)
{
    (void)state;
    memory = inspect_memory_new();
    return memory ? 0 : 1;
}

static int free_memory(void **state)
{
    (void)state;
    inspect_memory_free(memory);
    return 0;
}

static struct inspect_facts look(const char *system, const char *user)
{
    struct llm_message messages[2] = {
        {.role = LLM_SYSTEM, .text = view_str(system)},
        {.role = LLM_USER, .text = view_str(user)},
    };
    struct llm_request request = {.messages = system ? messages : messages + 1,
                                  .n_messages = system ? 2 : 1};
    struct inspect_facts facts;
    inspect_exchange(&request, memory, &facts);
    return facts;
}

static const struct {
    enum task_kind task;
    const char *system, *user;
} obvious[] = {
    /* classification */
    {TASK_CLASSIFICATION, NULL,
     "Classify the sentiment of this review as positive, negative or neutral: The food was cold "
     "and the waiter was rude."},
    {TASK_CLASSIFICATION, NULL,
     "Text: I love this phone\nLabel: positive\n\nText: The battery died in a day\nLabel: "
     "negative\n\nText: Fast delivery, works well\nLabel: positive\n\nText: Screen broke at once\n"
     "Label:"},
    {TASK_CLASSIFICATION, "You sort tickets. Answer with one of: billing, technical, account.",
     "I was charged twice for my subscription this month."},
    {TASK_CLASSIFICATION, NULL,
     "Is this email spam or not spam? \"You won a free cruise, click "
     "here to claim your prize now\""},
    {TASK_CLASSIFICATION, NULL,
     "Klassifiziere die folgende Bewertung als positiv, negativ oder neutral: Das Hotel war "
     "schmutzig und laut."},
    {TASK_CLASSIFICATION, NULL,
     "Classe ce message dans une des catégories suivantes : facturation, technique, autre.\n\n"
     "Mon écran reste noir depuis ce matin."},
    /* extraction */
    {TASK_EXTRACTION, NULL,
     "Extract all names, dates and amounts from the following text as JSON: On 3 May 2024 Maria "
     "Lopez paid 340 euros to Acme GmbH."},
    {TASK_EXTRACTION, "You extract data. Return only JSON.",
     "Invoice 2291\nDate: 2024-02-11\nTotal: 1,240.00 EUR\n\nReturn {\"number\": ..., \"date\": "
     "..., \"total\": ...}"},
    {TASK_EXTRACTION, NULL,
     "Extrahiere Name, Adresse und Telefonnummer aus folgendem Text: Herr Klaus Meier wohnt in der "
     "Lindenstraße 4 in Köln, erreichbar unter 0221 55512."},
    {TASK_EXTRACTION, NULL,
     "Extrae los nombres de las personas y las fechas del siguiente texto: Ana Ruiz llegó el 4 de "
     "marzo con Pedro Gil."},
    /* summarization */
    {TASK_SUMMARIZATION, NULL,
     "Summarize the following article in three sentences.\n\nThe city council voted on Tuesday to "
     "extend the tram line to the airport. Work will begin in spring and cost 90 million. Critics "
     "say that buses would have been cheaper, while supporters point to the growing number of "
     "passengers."},
    {TASK_SUMMARIZATION, NULL,
     "Fasse den folgenden Text in zwei Sätzen zusammen:\n\nDer Stadtrat hat am Dienstag "
     "beschlossen, die Straßenbahn bis zum Flughafen zu verlängern. Die Arbeiten beginnen im "
     "Frühjahr und kosten 90 Millionen."},
    {TASK_SUMMARIZATION, NULL,
     "Résume ce texte en trois points clés :\n\nLe conseil municipal a voté mardi la prolongation "
     "du tramway jusqu'à l'aéroport. Les travaux commenceront au printemps."},
    {TASK_SUMMARIZATION, NULL,
     "tldr: the meeting was long. Bob said the release slips by a week "
     "because of the database migration, Ann will tell the customers."},
    /* translation */
    {TASK_TRANSLATION, NULL, "Translate the following sentence into German: The house is big."},
    {TASK_TRANSLATION, NULL, "Übersetze ins Englische: Der Zug kommt heute leider später an."},
    {TASK_TRANSLATION, NULL, "Traduis en anglais : Je voudrais réserver une table pour deux."},
    {TASK_TRANSLATION, NULL, "Traduce al inglés: ¿Dónde está la estación de tren?"},
    {TASK_TRANSLATION, "You are a translator. Translate everything into French.",
     "The shipment will arrive on Monday."},
    {TASK_TRANSLATION, NULL, "plase transalte this to spanish: good morning my friend"},
    /* support_faq */
    {TASK_SUPPORT_FAQ, "You are the support assistant of Acme Shop.",
     "Where is my order? It should have arrived last week."},
    {TASK_SUPPORT_FAQ, NULL, "My card was declined, how do I get a refund for the double charge?"},
    {TASK_SUPPORT_FAQ, "Du bist der Kundendienst von Nordstrom Energie.",
     "Wie kann ich meine Rechnung online bezahlen?"},
    {TASK_SUPPORT_FAQ, NULL, "I forgot my password and can't log in to my account, please help"},
    /* reasoning */
    {TASK_REASONING, NULL,
     "Prove that the square root of 2 is irrational and generalise the proof to all primes."},
    {TASK_REASONING, NULL,
     "A train leaves at 9:00 with 60 km/h, a second one at 10:00 with 90 km/h. When does the "
     "second "
     "catch up with the first? Think step by step."},
    {TASK_REASONING, NULL, "Let $f(x)=x^3-3x+1$. Find the number of real roots of $f(f(x))=0$."},
    {TASK_REASONING, NULL,
     "Löse die Gleichung x^2 - 5x + 6 = 0 und begründe jeden Schritt deiner Rechnung."},
    /* coding */
    {TASK_CODING, NULL, "Write a Python function that merges two sorted lists."},
    {TASK_CODING, NULL,
     "Why does this crash?\n```c\nint *p = NULL;\n*p = 4;\nprintf(\"%d\", *p);\n```"},
    {TASK_CODING, NULL, "Schreibe eine SQL-Abfrage, die alle Kunden ohne Bestellung ausgibt."},
    {TASK_CODING, NULL, "Escribe una función en JavaScript que ordene un array de objetos."},
    {TASK_CODING, NULL, "regex that matches an ISO date"},
    /* creative */
    {TASK_CREATIVE, NULL, "Write a short story about a dragon who is afraid of the dark."},
    {TASK_CREATIVE, NULL, "Schreibe ein Gedicht über den Herbst am Meer."},
    {TASK_CREATIVE, NULL, "Écris une histoire courte sur un chat qui voyage dans le temps."},
    {TASK_CREATIVE, NULL, "Escribe un poema sobre la lluvia en Sevilla."},
    {TASK_CREATIVE, NULL, "wrte a funny birthday speech for my boss"},
    /* general */
    {TASK_GENERAL, NULL, "What is the capital of Australia?"},
    {TASK_GENERAL, NULL, "Hello, how are you?"},
    {TASK_GENERAL, NULL, "Wie lange muss man ein Ei kochen?"},
    {TASK_GENERAL, NULL, "¿Cuál es la montaña más alta del mundo?"},
    {TASK_GENERAL, NULL, "Can you recommend some good places to visit in Lisbon?"},
};

static void knows_obvious_requests(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (unsigned i = 0; i < sizeof obvious / sizeof *obvious; i++) {
        struct inspect_facts f = look(obvious[i].system, obvious[i].user);
        if (f.task == obvious[i].task)
            continue;
        wrong++;
        print_error("%s taken for %s (%.2f): %.60s\n", task_name(obvious[i].task),
                    task_name(f.task), f.confidence, obvious[i].user);
    }
    assert_int_equal(wrong, 0);
}

static const struct {
    double at_least, at_most;
    const char *user;
} hardness[] = {
    {0, 0.2, "Hello"},
    {0, 0.2, "Hi, how are you?"},
    {0, 0.2, "thanks!"},
    {0, 0.2, "Guten Morgen!"},
    {0, 0.3, "Translate to French: good morning"},
    {0, 0.4, "What is the capital of Australia?"},
    {0.7, 1,
     "Let $a_1, a_2, \\ldots$ be a sequence of positive integers such that $a_{n+1} = a_n^2 - a_n "
     "+ "
     "1$. Prove that any two terms are coprime, and find all primes $p$ that divide no term."},
    {0.7, 1,
     "Find the number of ordered triples $(x,y,z)$ of integers with $1 \\le x,y,z \\le 100$ such "
     "that $x^2+y^2+z^2$ is divisible by $7$."},
    {0.5, 1,
     "Design a distributed rate limiter in Go. Requirements:\n- works over three regions\n- no "
     "single point of failure\n- at most 5 ms of added latency\n- exact within 1 %\nGive the code "
     "and prove the bound."},
};

static void complexity_is_sane(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (unsigned i = 0; i < sizeof hardness / sizeof *hardness; i++) {
        struct inspect_facts f = look(NULL, hardness[i].user);
        if (f.complexity >= hardness[i].at_least && f.complexity <= hardness[i].at_most)
            continue;
        wrong++;
        print_error("%.2f is not in %.2f..%.2f: %.60s\n", f.complexity, hardness[i].at_least,
                    hardness[i].at_most, hardness[i].user);
    }
    assert_int_equal(wrong, 0);
}

/* More of the same things to do never makes a request easier. */
static void complexity_grows_with_demands(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "hi",
        "What is a tram?",
        "Explain how a tram's brakes work and compare them with those of a train.",
        "Derive from Newton's laws the braking distance of a tram of mass m with friction "
        "coefficient \\mu on a slope of angle \\alpha, and prove that $d = v^2 / (2 g (\\mu "
        "\\cos\\alpha - \\sin\\alpha))$.",
    };
    for (unsigned i = 1; i < sizeof steps / sizeof *steps; i++)
        assert_true(look(NULL, steps[i]).complexity > look(NULL, steps[i - 1]).complexity);
}

static void fills_needs_and_window(void **state)
{
    (void)state;
    struct llm_message m = {.role = LLM_USER, .text = VIEW("What is the weather in Bern?")};
    struct llm_request r = {.messages = &m,
                            .n_messages = 1,
                            .needs = LLM_NEED_TOOLS | LLM_NEED_SCHEMA,
                            .max_tokens = 500};
    struct inspect_facts f;
    inspect_exchange(&r, NULL, &f);
    assert_int_equal(f.needs, ABILITY_TOOLS | ABILITY_SCHEMA);
    assert_true(f.tokens_in == tokens_estimate_request(&r));
    assert_true(f.tokens_in > 0);
    assert_int_equal(inspect_window(&f, TOKENS_ANY), f.tokens_in + 500);
    assert_int_equal(inspect_window(&f, TOKENS_GEMMA), f.tokens_by_family[TOKENS_GEMMA] + 500);
    r.max_tokens = UINT32_MAX;
    inspect_exchange(&r, NULL, &f);
    assert_true(inspect_window(&f, TOKENS_ANY) == UINT32_MAX);
}

/* Every family's count, with a system message that is new, known, and too long to be known. */
static void counts_for_every_family(void **state)
{
    (void)state;
    static const char sentence[] = "Der Zug f\xC3\xA4hrt um 9:15 Uhr, sagt {name}. ";
    static char text[6000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = sentence[i % (sizeof sentence - 1)];
    for (size_t n = 0; n <= sizeof text; n += n < 100 ? 7 : 613) {
        struct llm_message m[] = {
            {.role = LLM_USER, .text = VIEW("नमस्ते, when does it leave?")},
            {.role = LLM_SYSTEM, .text = view_of(text, n)},
            {.role = LLM_USER, .text = VIEW("And the next one?"), .images = 1},
        };
        struct llm_request r = {.messages = m, .n_messages = 3, .tools = VIEW("[{\"a\":1}]")};
        for (unsigned times = 0; times < 3; times++) {
            struct inspect_facts f;
            inspect_exchange(&r, NULL, &f);
            for (int k = 0; k < TOKENS_FAMILIES; k++) {
                uint32_t alone = tokens_estimate_request_for((enum tokens_family)k, &r);
                assert_in_range(f.tokens_by_family[k], alone - 1, alone + 1);
            }
            assert_int_equal(f.tokens_in, f.tokens_by_family[TOKENS_ANY]);
        }
    }
}

/* Of system messages that differ in one byte only, of more than are remembered, each is judged by
 * what it says. */
static void tells_system_messages_apart(void **state)
{
    (void)state;
    static const char *const says[] = {"Translate everything into French.",
                                       "You sort tickets. Answer: billing or technical.",
                                       "You are the support assistant of Acme Shop."};
    static struct inspect_facts first[3][100];
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 3 * 100; i++) {
            char system[300];
            snprintf(system, sizeof system, "%s %60s %02u %60s", says[i % 3], "", i / 3, "");
            struct inspect_facts f = look(system, "The shipment will arrive on Monday.");
            struct inspect_facts *before = &first[i % 3][i / 3];
            if (round == 0)
                *before = f;
            assert_true(f.task == before->task && f.tokens_in == before->tokens_in);
            assert_true(f.confidence >= before->confidence && f.confidence <= before->confidence);
        }
    assert_int_equal(first[0][0].task, TASK_TRANSLATION);
    assert_int_not_equal(first[1][0].task, TASK_TRANSLATION);
}

static void schema_speaks_for_extraction(void **state)
{
    (void)state;
    struct llm_message m = {.role = LLM_USER,
                            .text = VIEW("Order 4711 from Jane Doe, two chairs, 120 euros in all")};
    struct llm_request r = {.messages = &m, .n_messages = 1, .needs = LLM_NEED_SCHEMA};
    r.schema = VIEW("{\"type\":\"object\",\"properties\":{\"order\":{\"type\":\"string\"}}}");
    struct inspect_facts f;
    inspect_exchange(&r, NULL, &f);
    assert_int_equal(f.task, TASK_EXTRACTION);
    assert_string_equal(f.why, "answer bound to a JSON schema");
}

static void empty_text_is_general(void **state)
{
    (void)state;
    static const char *const empty[] = {"", " ", "\n\n\t"};
    for (unsigned i = 0; i < 3; i++) {
        struct inspect_facts f = look(NULL, empty[i]);
        assert_int_equal(f.task, TASK_GENERAL);
        assert_true(f.confidence >= 0 && f.complexity < 0.2);
        assert_non_null(f.why);
    }
    struct llm_request none = {0};
    struct inspect_facts f;
    inspect_exchange(&none, NULL, &f);
    assert_int_equal(f.task, TASK_GENERAL);
    assert_string_equal(f.why, "no text");
}

/* The task is decided by the last user message, also when others stand behind it. */
static void looks_at_the_last_user_message(void **state)
{
    (void)state;
    struct llm_message m[] = {
        {.role = LLM_USER, .text = VIEW("Write a poem about spring.")},
        {.role = LLM_ASSISTANT, .text = VIEW("Spring is here ...")},
        {.role = LLM_USER,
         .text = VIEW("Translate the following sentence into German: I am late.")},
        {.role = LLM_ASSISTANT, .text = VIEW("")},
        {.role = LLM_TOOL, .text = VIEW("{\"ok\":true}")},
    };
    struct llm_request r = {.messages = m, .n_messages = 5};
    struct inspect_facts f;
    inspect_exchange(&r, NULL, &f);
    assert_int_equal(f.task, TASK_TRANSLATION);
}

static int64_t cost_of(struct llm_request *r)
{
    int64_t best = INT64_MAX;
    for (unsigned i = 0; i < 40; i++) {
        struct inspect_facts f;
        int64_t from = clock_mono_ns();
        uint32_t tokens = tokens_estimate_request(r);
        int64_t middle = clock_mono_ns();
        inspect_exchange(r, NULL, &f);
        int64_t end = clock_mono_ns();
        assert_true(f.tokens_in == tokens);
        int64_t own = (end - middle) - (middle - from);
        best = own < best ? own : best;
    }
    return best;
}

/* Beyond the cut a longer text costs the token estimate only. */
static void cost_does_not_grow_with_the_text(void **state)
{
    (void)state;
    if (SANITIZE_ADDRESS || SANITIZE_THREAD)
        skip(); /* their own work grows with the text */
    size_t n = 10 << 20;
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = "abcde fghij klmno\n"[i % 18];
    struct llm_message m = {.role = LLM_USER, .text = view_of(text, 64 << 10)};
    struct llm_request r = {.messages = &m, .n_messages = 1};
    int64_t small = cost_of(&r);
    m.text.n = n;
    /* The whole estimate takes milliseconds here and is noisy: only its order counts. */
    assert_true(cost_of(&r) < small + 2 * NS_PER_MS);
    free(text);
}

static void same_text_same_facts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof obvious / sizeof *obvious; i++) {
        struct inspect_facts a = look(obvious[i].system, obvious[i].user);
        struct inspect_facts b = look(obvious[i].system, obvious[i].user);
        assert_true(a.task == b.task && a.why == b.why);
        assert_true(a.complexity >= b.complexity && a.complexity <= b.complexity);
        assert_true(a.confidence > 0 && a.confidence <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_obvious_requests),
        cmocka_unit_test(complexity_is_sane),
        cmocka_unit_test(complexity_grows_with_demands),
        cmocka_unit_test(fills_needs_and_window),
        cmocka_unit_test(counts_for_every_family),
        cmocka_unit_test(tells_system_messages_apart),
        cmocka_unit_test(schema_speaks_for_extraction),
        cmocka_unit_test(empty_text_is_general),
        cmocka_unit_test(looks_at_the_last_user_message),
        cmocka_unit_test(cost_does_not_grow_with_the_text),
        cmocka_unit_test(same_text_same_facts),
    };
    return cmocka_run_group_tests(tests, make_memory, free_memory);
}
