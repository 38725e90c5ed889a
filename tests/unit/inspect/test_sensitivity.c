/* What is found in a text, where it begins and ends, and what is left alone. */
#include "inspect/sensitivity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sensitivity *sensitivity;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    struct error err;
    sensitivity = sensitivity_new(NULL, &err);
    arena = arena_new(64 << 20);
    return sensitivity && arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    sensitivity_free(sensitivity);
    arena_free(arena);
    return 0;
}

static struct findings scan(const char *text, enum data_profile profile)
{
    struct sensitivity_options options = {
        .profile = profile, .classes = UINT32_MAX, .no_tagger = true};
    struct findings found;
    struct error err;

    arena_reset(arena);
    assert_true(sensitivity_scan_text(sensitivity, view_str(text), &options, arena, &found, &err));
    return found;
}

struct row {
    const char *text;
    enum data_class class;
    const char *value; /* its bytes as they stand in the text */
};

static bool has(const struct row *row)
{
    struct findings found = scan(row->text, DATA_BALANCED);

    for (unsigned i = 0; i < found.n; i++)
        if (found.all[i].class == row->class &&
            view_eq(view_of(row->text + found.all[i].start, found.all[i].end - found.all[i].start),
                    view_str(row->value)))
            return true;
    print_error("%s: no %s '%s'; there are:\n", row->text, data_class_name(row->class), row->value);
    for (unsigned i = 0; i < found.n; i++)
        print_error("  %s '%.*s'\n", data_class_name(found.all[i].class),
                    (int)(found.all[i].end - found.all[i].start), row->text + found.all[i].start);
    return false;
}

static void all_are_found(const struct row *rows, size_t n)
{
    unsigned missed = 0;

    for (size_t i = 0; i < n; i++)
        missed += !has(&rows[i]);
    assert_int_equal(missed, 0);
}

static void numbers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"pay with 4111 1111 1111 1111 today", DATA_CREDIT_CARD, "4111 1111 1111 1111"},
        {"3782-822463-10005", DATA_CREDIT_CARD, "3782-822463-10005"},
        {"to DE89 3704 0044 0532 0130 00, thanks", DATA_IBAN, "DE89 3704 0044 0532 0130 00"},
        {"gb82west12345698765432", DATA_IBAN, "gb82west12345698765432"},
        {"it is 536-22-8726.", DATA_NATIONAL_ID, "536-22-8726"},
        {"my ssn: 536228726", DATA_NATIONAL_ID, "536228726"},
        {"social security number is 536 22 8726", DATA_NATIONAL_ID, "536 22 8726"},
        {"Meine Steuer-ID lautet 86095742719", DATA_NATIONAL_ID, "86095742719"},
        {"num\xc3\xa9ro de s\xc3\xa9"
         "curit\xc3\xa9 sociale 2 55 08 14 168 025 38",
         DATA_NATIONAL_ID, "2 55 08 14 168 025 38"},
        {"con DNI 12345678Z.", DATA_NATIONAL_ID, "12345678Z"},
        {"CPF 390.533.447-05", DATA_NATIONAL_ID, "390.533.447-05"},
        {"NINO: AB 12 34 56 C", DATA_NATIONAL_ID, "AB 12 34 56 C"},
        {"hetu 131052-308T", DATA_NATIONAL_ID, "131052-308T"},
        {"Personnummer 19811228-9874", DATA_NATIONAL_ID, "19811228-9874"},
        {"PESEL 44051401359", DATA_NATIONAL_ID, "44051401359"},
        {"codice fiscale RSSMRA85T10A562S", DATA_NATIONAL_ID, "RSSMRA85T10A562S"},
        {"IMEI 49-015420-323751-8", DATA_DEVICE_ID, "49-015420-323751-8"},
        {"VIN 1M8GDM9AXKP042788", DATA_VEHICLE_ID, "1M8GDM9AXKP042788"},
        {"routing number 021000021", DATA_BANK_ACCOUNT, "021000021"},
        {"NHS number 943 476 5919", DATA_HEALTH_PLAN_ID, "943 476 5919"},
        {"Medicare 1EG4-TE5-MK73", DATA_HEALTH_PLAN_ID, "1EG4-TE5-MK73"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

static void cues(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Passport No C01X00T47, issued", DATA_PASSPORT, "C01X00T47"},
        {"Reisepassnummer: C01X00T47", DATA_PASSPORT, "C01X00T47"},
        {"driver licence no. D123-4567-8901", DATA_DRIVER_LICENSE, "D123-4567-8901"},
        {"license plate K-QT 3835, red", DATA_VEHICLE_ID, "K-QT 3835"},
        {"plate TK18 ODO on the road", DATA_VEHICLE_ID, "TK18 ODO"},
        {"MRN: 668-16-482 Visit", DATA_MEDICAL_RECORD_NUMBER, "668-16-482"},
        {"\"member_id\": \"YAZ612545241\"", DATA_HEALTH_PLAN_ID, "YAZ612545241"},
        {"serial number 63CE6812-C9CE-4667-A9E6-3C64D316CAAE", DATA_DEVICE_ID,
         "63CE6812-C9CE-4667-A9E6-3C64D316CAAE"},
        {"account no. 62834239", DATA_BANK_ACCOUNT, "62834239"},
        {"Student Maria Barozzi (STU1077086) failed", DATA_OTHER_ID, "STU1077086"},
        {"employeeId=E873036", DATA_OTHER_ID, "E873036"},
        {"DOB 05 Oct 1960", DATA_DATE_OF_BIRTH, "05 Oct 1960"},
        {"geboren am 3. M\xc3\xa4rz 1980 in Ulm", DATA_DATE_OF_BIRTH, "3. M\xc3\xa4rz 1980"},
        {"dateOfBirth=19880514", DATA_DATE_OF_BIRTH, "19880514"},
        {"born on May 31st, 1980", DATA_DATE_OF_BIRTH, "May 31st, 1980"},
        {"And your date of birth?\nCustomer: 16 May 1974", DATA_DATE_OF_BIRTH, "16 May 1974"},
        {"MRN 4455667, admitted 2026-07-10", DATA_MEDICAL_DATE, "2026-07-10"},
        {"salary $95,923 a year", DATA_FINANCIAL, "$95,923"},
        {"do not share: the bid is 47.6 million USD", DATA_FINANCIAL, "47.6 million USD"},
        {"Gehalt: 4.200 Euro", DATA_FINANCIAL, "4.200 Euro"},
        {"username: jsmith7", DATA_USERNAME, "jsmith7"},
        {"ssh chris@84.169.247.109", DATA_USERNAME, "chris"},
        {"81.2.69.160 - jamie_stone [10/Oct/2025:13:55:36 +0000]", DATA_USERNAME, "jamie_stone"},
        {"docker login -u ann-ruiz87 -p WBb62aDHxjuv@1 r.io", DATA_PASSWORD, "WBb62aDHxjuv@1"},
        {"The password for brian is Liverpool-419O!, keep it", DATA_PASSWORD, "Liverpool-419O!"},
        {"DB_PASS=Falcon17!!\nDB_NAME=shop", DATA_PASSWORD, "Falcon17!!"},
        {"contrase\xc3\xb1"
         "a: Verano2024",
         DATA_PASSWORD, "Verano2024"},
        {"My mother has type 2 diabetes.", DATA_MEDICAL_CONDITION, "type 2 diabetes"},
        {"Mein Vater hat Bluthochdruck", DATA_MEDICAL_CONDITION, "Bluthochdruck"},
        {"our employee is transgender", DATA_SPECIAL_CATEGORY, "transgender"},
        {"Dear Mr. Alan Porter, thanks", DATA_PERSON, "Alan Porter"},
        {"my name is Ana de la Cruz and", DATA_PERSON, "Ana de la Cruz"},
        {"Nachname: M\xc3\xbcller", DATA_PERSON, "M\xc3\xbcller"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

static void keys_and_contacts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"key AKIAIOSFODNN7EXAMPLQ here", DATA_API_KEY, "AKIAIOSFODNN7EXAMPLQ"},
        {"ghp_16C7e42F292c6912E7710c838347Ae178B4a", DATA_API_KEY,
         "ghp_16C7e42F292c6912E7710c838347Ae178B4a"},
        {"token: 'xoxb-246337843379-795996038958-BD3pVA9c'", DATA_API_KEY,
         "xoxb-246337843379-795996038958-BD3pVA9c"},
        {"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", DATA_API_KEY,
         "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"},
        {"client_secret=wJXCGlpVuuZbK6XZc82ORUSl&client_id=x", DATA_SECRET,
         "wJXCGlpVuuZbK6XZc82ORUSl"},
        {"a\n-----BEGIN EC PRIVATE KEY-----\nMHQ\n-----END EC PRIVATE KEY-----\nb",
         DATA_PRIVATE_KEY, "-----BEGIN EC PRIVATE KEY-----\nMHQ\n-----END EC PRIVATE KEY-----"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP", DATA_JWT,
         "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"},
        {"see https://a.io/reset?token=cNO2yHekXNWohdrJNk3X.", DATA_URL_WITH_TOKEN,
         "https://a.io/reset?token=cNO2yHekXNWohdrJNk3X"},
        {"https://bob:Falcon1864@git.io/repo.git", DATA_URL_WITH_TOKEN,
         "https://bob:Falcon1864@git.io/repo.git"},
        {"https://hooks.slack.com/services/TLA906JDD/BLBGMU9BJ/bYmWEBLKV6gZ", DATA_URL_WITH_TOKEN,
         "https://hooks.slack.com/services/TLA906JDD/BLBGMU9BJ/bYmWEBLKV6gZ"},
        {"postgres://joel42:EkocgqwLRabD#@db:5432/crm", DATA_PASSWORD, "EkocgqwLRabD#"},
        {"mail bob.o'neil+x@northfield-health.org!", DATA_EMAIL,
         "bob.o'neil+x@northfield-health.org"},
        {"last IP 188.2.40.17, then", DATA_IP_ADDRESS, "188.2.40.17"},
        {"from 2a02:9b4:6c22:e67e::b1.", DATA_IP_ADDRESS, "2a02:9b4:6c22:e67e::b1"},
        {"(MAC 796a.d02e.9ffc)", DATA_MAC_ADDRESS, "796a.d02e.9ffc"},
        {"to D1-3F-D0-B4-77-06 (x)", DATA_MAC_ADDRESS, "D1-3F-D0-B4-77-06"},
        {"send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", DATA_CRYPTO_WALLET,
         "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
        {"0x17fbb14778c7b42ddc99901b018a62e5ffeee7a6", DATA_CRYPTO_WALLET,
         "0x17fbb14778c7b42ddc99901b018a62e5ffeee7a6"},
        {"at +44 7215 267395 now", DATA_PHONE, "+44 7215 267395"},
        {"call (415) 502-5831", DATA_PHONE, "(415) 502-5831"},
        {"06 36 27 07 07 le soir", DATA_PHONE, "06 36 27 07 07"},
        {"Telefon: 0221 5551234", DATA_PHONE, "0221 5551234"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

static void addresses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"at 9271 Sanders Pike, Priceburgh, NC 23185. Which", DATA_ADDRESS,
         "9271 Sanders Pike, Priceburgh, NC 23185"},
        {"in 7, rue Blanc, 09608 Barbe, mon", DATA_ADDRESS, "7, rue Blanc, 09608 Barbe"},
        {"wohnt Spie\xc3\x9fgasse 5, 12651 Bad Liebenwerda.", DATA_ADDRESS,
         "Spie\xc3\x9fgasse 5, 12651 Bad Liebenwerda"},
        {"Camino de Lisandro Pineda 74, Melilla, 34724.", DATA_ADDRESS,
         "Camino de Lisandro Pineda 74, Melilla, 34724"},
        {"ulica Zbo\xc5\xbcowa 98/84, 75-661 Piast\xc3\xb3w", DATA_ADDRESS,
         "ulica Zbo\xc5\xbcowa 98/84, 75-661 Piast\xc3\xb3w"},
        {"Flat 89, Danny Court, South Cameron, E0 2UN", DATA_ADDRESS,
         "Flat 89, Danny Court, South Cameron, E0 2UN"},
        {"send it to 17 bis rue du Port, 13002 Marseille please", DATA_ADDRESS,
         "17 bis rue du Port, 13002 Marseille"},
        {"send it to Via Roma 8, 10121 Torino (TO) please", DATA_ADDRESS,
         "Via Roma 8, 10121 Torino (TO)"},
        {"send it to ul. Lipowa 3/7, 30-702 Kraków please", DATA_ADDRESS,
         "ul. Lipowa 3/7, 30-702 Kraków"},
        {"send it to Kungsgatan 5 B, lgh 1204, 411 19 Göteborg please", DATA_ADDRESS,
         "Kungsgatan 5 B, lgh 1204, 411 19 Göteborg"},
        {"send it to Blk 18 Sago Lane Road #05-11, Singapore 050018 please", DATA_ADDRESS,
         "Blk 18 Sago Lane Road #05-11, Singapore 050018"},
        {"send it to 812 Oak Ridge Dr, Apt 4F, Boise, ID 83702 please", DATA_ADDRESS,
         "812 Oak Ridge Dr, Apt 4F, Boise, ID 83702"},
        {"send it to 31 Maple Hill Rd, Kelowna, BC V1Y 4N7 please", DATA_ADDRESS,
         "31 Maple Hill Rd, Kelowna, BC V1Y 4N7"},
        {"send it to No. 9, Jalan Ampang, 50450 Kuala Lumpur please", DATA_ADDRESS,
         "No. 9, Jalan Ampang, 50450 Kuala Lumpur"},
        {"send it to Flat 2, 40 Mill Lane, Cork, T12 X70A please", DATA_ADDRESS,
         "Flat 2, 40 Mill Lane, Cork, T12 X70A"},
        {"send it to Rua das Flores 9, 2.º Dto, 4050-262 Porto please", DATA_ADDRESS,
         "Rua das Flores 9, 2.º Dto, 4050-262 Porto"},
        {"send it to Avenida Central 77, Recife - PE, 51020-000 please", DATA_ADDRESS,
         "Avenida Central 77, Recife - PE, 51020-000"},
        {"send it to Vestergade 3, 2. tv, 1456 København K please", DATA_ADDRESS,
         "Vestergade 3, 2. tv, 1456 København K"},
        {"send it to Kerkstraat 45 bus 3, 9000 Gent please", DATA_ADDRESS,
         "Kerkstraat 45 bus 3, 9000 Gent"},
        {"send it to Unit 5, 10 Hill St., Newtown, NSW 2042 please", DATA_ADDRESS,
         "Unit 5, 10 Hill St., Newtown, NSW 2042"},
        {"to Am Alten Markt Road, moved to Jalan Ampang 9, 50450 Ipoh now", DATA_ADDRESS,
         "Jalan Ampang 9, 50450 Ipoh"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Evidence that stands a little away, or in another form than that of a field. */
static void wider_evidence(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"write to ann.roe (at) clinic (dot) org today", DATA_EMAIL,
         "ann.roe (at) clinic (dot) org"},
        {"bo_li[at]posteo.de answers", DATA_EMAIL, "bo_li[at]posteo.de"},
        {"it is ann at clinic dot org, I think", DATA_EMAIL, "ann at clinic dot org"},
        {"travel documents: Ada Roe - P1234567 (PL), Bo Li - AB1234567 (IT)", DATA_PASSPORT,
         "AB1234567"},
        {"<table><tr><th>Name</th><th>Passport no.</th></tr><tr><td>x</td><td>525118892</td></tr>",
         DATA_PASSPORT, "525118892"},
        {"<TR><TH>DOB</TH></TR>\n<tr>\n<td> 1980-05-31 </td></tr>", DATA_DATE_OF_BIRTH,
         "1980-05-31"},
        {"first name: Ada Roe (* 31.05.1980)", DATA_DATE_OF_BIRTH, "31.05.1980"},
        {"full name: Ada Roe, 31.05.1980, single", DATA_DATE_OF_BIRTH, "31.05.1980"},
        {"full name: Ada Roe (80022396525)", DATA_OTHER_ID, "80022396525"},
        {"We pay our doctor, Mr. Alan Porter, $84,000 a year", DATA_FINANCIAL, "$84,000"},
        {"nur intern: Umsatz 48,2 Mio. Euro", DATA_FINANCIAL, "48,2 Mio. Euro"},
        {"the old signing secret 5f4dcc3b5aa765d61d8327deb882cf99 leaked", DATA_SECRET,
         "5f4dcc3b5aa765d61d8327deb882cf99"},
        {"admin-password: My_dog_Rex53", DATA_PASSWORD, "My_dog_Rex53"},
        {"sshpass -p 'Falcon17!!' ssh 10.0.0.4", DATA_PASSWORD, "Falcon17!!"},
        {"redis-cli -h db -a Falcon1788 ping", DATA_PASSWORD, "Falcon1788"},
        {"# TO"
         "DO(jmiller): remove this",
         DATA_USERNAME, "jmiller"},
        {"Mitarbeiter: MWANGI Lena", DATA_PERSON, "MWANGI Lena"},
        {"Ol\xc3\xa1, sou Ana Braga, tudo bem", DATA_PERSON, "Ana Braga"},
        {"Je soussign\xc3\xa9 Marc Petit certifie", DATA_PERSON, "Marc Petit"},
        {"cc: Roe, Ada; Li, Bo; Ruiz, Ana", DATA_PERSON, "Li, Bo"},
        {"58M, known epilepsy, stable", DATA_MEDICAL_CONDITION, "epilepsy"},
        {"\xd1\x82\xd0\xb5\xd0\xbb\xd0\xb5\xd1\x84\xd0\xbe\xd0\xbd: 6991694067", DATA_PHONE,
         "6991694067"},
        {"\"street\":\"14 Harbour Row\",\"zip\":\"T12 X70A\",\"city\":\"Cork\"", DATA_ADDRESS,
         "Cork"},
        {"id;strasse;plz;ort\n1;Gartenweg 7;79098;Freiburg", DATA_ADDRESS, "79098"},
        {"see https://a.io/join?invitation_token=cNO2yHekXNWohdrJ", DATA_URL_WITH_TOKEN,
         "https://a.io/join?invitation_token=cNO2yHekXNWohdrJ"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

static void other_spellings(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"4111\xe2\x80\x8b 1111 1111 1111", DATA_CREDIT_CARD, "4111\xe2\x80\x8b 1111 1111 1111"},
        {"41\xc2\xad"
         "11111111111111",
         DATA_CREDIT_CARD,
         "41\xc2\xad"
         "11111111111111"},
        {"\xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91 1111 1111 1111", DATA_CREDIT_CARD,
         "\xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91 1111 1111 1111"},
        {"4111\xe2\x80\x91"
         "1111\xe2\x80\x91"
         "1111\xe2\x80\x91"
         "1111",
         DATA_CREDIT_CARD,
         "4111\xe2\x80\x91"
         "1111\xe2\x80\x91"
         "1111\xe2\x80\x91"
         "1111"},
        {"bob%40northfield.org", DATA_EMAIL, "bob%40northfield.org"},
        {"bob&#64;northfield.org", DATA_EMAIL, "bob&#64;northfield.org"},
        {"bob&commat;northfield&period;org", DATA_EMAIL, "bob&commat;northfield&period;org"},
        {"bob\\u0040northfield.org", DATA_EMAIL, "bob\\u0040northfield.org"},
        /* a Cyrillic a in "bank", mathematical digits, Arabic digits */
        {"\xd1\x95sn: 536-22-8726", DATA_NATIONAL_ID, "536-22-8726"},
        {"ssn \xd9\xa5\xd9\xa3\xd9\xa6-\xd9\xa2\xd9\xa2-\xd9\xa8\xd9\xa7\xd9\xa2\xd9\xa6",
         DATA_NATIONAL_ID,
         "\xd9\xa5\xd9\xa3\xd9\xa6-\xd9\xa2\xd9\xa2-\xd9\xa8\xd9\xa7\xd9\xa2\xd9\xa6"},
        {"\xf0\x9d\x9f\x92"
         "111 1111 1111 1111",
         DATA_CREDIT_CARD,
         "\xf0\x9d\x9f\x92"
         "111 1111 1111 1111"},
        {"\xef\xac\x81rst name: Anna Berg", DATA_PERSON, "Anna Berg"},
        {"code cGFzc3dvcmQ6IEZhbGNvbjE3ISEgYm9iQG5vcnRoZmllbGQub3Jn end", DATA_PASSWORD,
         "cGFzc3dvcmQ6IEZhbGNvbjE3ISEgYm9iQG5vcnRoZmllbGQub3Jn"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

static void tables(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"patient_id,mrn,condition\n1,41-85082,COPD\n2,58-41234,PTSD", DATA_MEDICAL_RECORD_NUMBER,
         "58-41234"},
        {"patient_id,mrn,condition\n1,41-85082,COPD\n", DATA_MEDICAL_CONDITION, "COPD"},
        {"| Name | DOB | MRN |\n|---|---|---|\n| Marc Mills | 11-25-63 | 194960 |",
         DATA_DATE_OF_BIRTH, "11-25-63"},
        {"nr;name;iban;salary\n1;Carl Davies;x;$527.5M\n", DATA_FINANCIAL, "$527.5M"},
    };
    all_are_found(rows, sizeof(rows) / sizeof(rows[0]));
}

static void names_are_found_again(void **state)
{
    (void)state;
    static const char text[] =
        "Patient name: Olga Brandt\nBrandt was late. BRANDT called. Olga left.";
    struct findings found = scan(text, DATA_BALANCED);
    unsigned persons = 0;

    for (unsigned i = 0; i < found.n; i++)
        persons += found.all[i].class == DATA_PERSON;
    assert_int_equal(persons, 4);
}

static void harmless_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Use the API key YOUR_API_KEY as a placeholder in the README.",
        "Use the API key sk-xxxxxxxxxxxxxxxx as a placeholder.",
        "Checksum sha256:8c16cbe8370bb59eb298fadc176e96aeef944c2b917fa81db4d0f07a8c0e3f30 is wrong",
        "{\"id\": \"09e27026-8697-4cdd-a9bf-1ff3d8266f3d\", \"status\": \"shipped\", \"qty\": 3}",
        "Where is my order ORD-16992776? The tracking number is 935201749625.",
        "Release notes for 2.17.7.45 (2024-01-27): fixed memory leak.",
        "version 84.169.247.109 of the library",
        "Write a test for validate_email(\"admin@example.org\").",
        "host=198.51.100.7 port=1966, 127.0.0.1, 10.0.12.7, 192.168.1.1, ::1, 2001:db8::1",
        "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----",
        "How do doctors diagnose multiple sclerosis?",
        "patient education leaflet about high blood pressure, one page",
        "Plan a three day trip to Paris with a budget of $228.30.",
        "What happened on February 1, 2024 in world history?",
        "SKU 86639638,3,32.55 and part 208-87-0732I, model 314-71-4743Y",
        "ISBN 978-3-16-148410-0",
        "ticket #507079; see RFC 7231 section 6.5.1 and ISO 8601.",
        "token = changeme, password: required, secret = os.environ['X']",
        "Explain Newton's method to a ten year old.",
        "What is the difference between IBAN, BIC and SWIFT?",
        "Dr. Who or Dr. Strange: which film is longer?",
        "proxy_pass http://10.2.0.14:3000;",
        "It should match (555) 555-5555.",
        "The average salary of a nurse is about $37,000.",
        "name,price,stock\nChair Oslo,89.00,14\nTable Bergen,249.00,3",
        "Can a first-year student with asthma dive?",
        "The user name must have three characters.",
        "todo: rename the file; look at (at least) one dot. Or none",
        "city,orders\nMilano,12\nCork,9",
        "The Pro plan is $29 a month.",
    };
    unsigned wrong = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct findings found = scan(texts[i], DATA_BALANCED);
        for (unsigned k = 0; k < found.n; k++, wrong++)
            print_error("%s: %s '%.*s'\n", texts[i], data_class_name(found.all[k].class),
                        (int)(found.all[k].end - found.all[k].start),
                        texts[i] + found.all[k].start);
    }
    assert_int_equal(wrong, 0);
}

static void strict_asks_for_less(void **state)
{
    (void)state;
    assert_int_equal(scan("it says 44051401359 there", DATA_BALANCED).n, 0);
    assert_int_equal(scan("it says 44051401359 there", DATA_STRICT).n, 1);
}

static void classes_can_be_left_out(void **state)
{
    (void)state;
    struct sensitivity_options options = {.classes = 1U << DATA_EMAIL, .no_tagger = true};
    struct findings found;
    struct error err;

    assert_true(sensitivity_scan_text(sensitivity,
                                      VIEW("bob@northfield.org, DE89 3704 0044 0532 0130 00"),
                                      &options, arena, &found, &err));
    assert_int_equal(found.n, 1);
    assert_int_equal(found.classes, 1U << DATA_EMAIL);
    assert_int_equal(found.counts[DATA_EMAIL], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(cues),
        cmocka_unit_test(keys_and_contacts),
        cmocka_unit_test(addresses),
        cmocka_unit_test(wider_evidence),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(tables),
        cmocka_unit_test(names_are_found_again),
        cmocka_unit_test(harmless_texts),
        cmocka_unit_test(strict_asks_for_less),
        cmocka_unit_test(classes_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
