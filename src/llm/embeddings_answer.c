#include "llm/embeddings.h"

#include "llm/ollama.h"

#include <stdlib.h>

struct answer_in {
    struct json_reader r;
    struct arena *a;
    struct llm_embed_answer answer;
    bool failed, wrong, has_data;
};

static void add_vector(struct answer_in *in, struct llm_embed_vector vector)
{
    struct llm_embed_answer *q = &in->answer;

    if (q->n_vectors == LLM_EMBED_MAX) {
        in->wrong = true;
        return;
    }
    q->vectors = ollama_grow(in->a, q->vectors, q->n_vectors, sizeof(*q->vectors));
    if (q->vectors)
        q->vectors[q->n_vectors++] = vector;
    else
        in->wrong = true;
}

static void take_vector(struct answer_in *in, struct llm_embed_vector *ret_vector)
{
    struct json_text text;

    if (json_peek(&in->r) == JSON_ARRAY) {
        json_value(&in->r, &ret_vector->numbers);
    } else if (json_peek(&in->r) == JSON_STRING) {
        if (json_string(&in->r, &text))
            ret_vector->base64 = json_decode(text, in->a);
    } else {
        in->wrong = true;
        json_skip(&in->r);
    }
}

/* One entry of OpenAI's `data`; they come in the order of the inputs, and `index` must say so. */
static void take_datum(struct answer_in *in)
{
    struct llm_embed_vector vector = {.numbers = VIEW_NONE};
    struct json_object o;
    struct view raw;
    uint64_t index;

    if (json_peek(&in->r) != JSON_OBJECT) {
        in->wrong = true;
        json_skip(&in->r);
        return;
    }
    json_object_begin(&in->r, &o);
    while (json_object_next(&in->r, &o)) {
        if (json_key_is(&o, "embedding"))
            take_vector(in, &vector);
        else if (json_key_is(&o, "index") && json_peek(&in->r) == JSON_NUMBER)
            in->wrong |= json_number(&in->r, &raw) &&
                         (!view_to_u64(raw, &index) || index != in->answer.n_vectors);
        else
            json_skip(&in->r);
    }
    in->wrong |= !vector.numbers.n && !vector.base64.n;
    add_vector(in, vector);
}

static void take_vectors(struct answer_in *in, bool objects)
{
    struct json_array array;

    in->has_data = true;
    if (json_peek(&in->r) != JSON_ARRAY) {
        in->wrong = true;
        json_skip(&in->r);
        return;
    }
    json_array_begin(&in->r, &array);
    while (json_array_next(&in->r, &array)) {
        struct llm_embed_vector vector = {.numbers = VIEW_NONE};
        if (objects) {
            take_datum(in);
            continue;
        }
        take_vector(in, &vector);
        add_vector(in, vector);
    }
}

static void take_count(struct answer_in *in)
{
    struct view raw;
    uint64_t value;

    if (json_peek(&in->r) != JSON_NUMBER) {
        json_skip(&in->r);
    } else if (json_number(&in->r, &raw) && view_to_u64(raw, &value)) {
        in->answer.usage.input = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
        in->answer.usage.reported = true;
    }
}

static void take_answer_member(struct answer_in *in, enum llm_embed_form form,
                               const struct json_object *o)
{
    bool openai = form == LLM_EMBED_OPENAI;

    if (openai && json_key_is(o, "data")) {
        take_vectors(in, true);
    } else if (openai && json_key_is(o, "usage")) {
        openai_usage(&in->r, &in->answer.usage);
    } else if (!openai && json_key_is(o, "embeddings")) {
        take_vectors(in, false);
    } else if (form == LLM_EMBED_OLLAMA_OLD && json_key_is(o, "embedding")) {
        struct llm_embed_vector vector = {.numbers = VIEW_NONE};
        in->has_data = true;
        take_vector(in, &vector);
        add_vector(in, vector);
    } else if (!openai && json_key_is(o, "prompt_eval_count")) {
        take_count(in);
    } else if (json_key_is(o, "error")) {
        in->failed = json_peek(&in->r) != JSON_NULL;
        json_skip(&in->r);
    } else {
        json_skip(&in->r);
    }
}

bool llm_embed_answer_read(enum llm_embed_form form, struct view body, struct arena *a,
                           struct llm_embed_answer *ret, struct error *err)
{
    struct answer_in in = {.a = a};
    struct json_object o;

    json_begin(&in.r, body);
    json_object_begin(&in.r, &o);
    while (json_object_next(&in.r, &o))
        take_answer_member(&in, form, &o);
    if (!json_end(&in.r))
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "The backend's answer is not JSON.");
    if (in.failed)
        return llm_upstream_error(body, err);
    if (arena_failed(a))
        return ollama_no_memory(err);
    if (in.wrong || !in.has_data)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                         "The backend's answer holds no embeddings as they should be.");
    *ret = in.answer;
    return true;
}

/* ---- floats ---------------------------------------------------------------------------------- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void put_float(struct json_writer *w, const unsigned char *bytes)
{
    uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                    (uint32_t)bytes[3] << 24;
    float value;

    memcpy(&value, &bits, sizeof(value));
    json_put_double(w, (double)value);
}

/* Little-endian floats in base64 as a JSON array. False when it is no such text. */
static bool put_numbers(struct json_writer *w, struct view base64)
{
    unsigned char bytes[4];
    unsigned have = 0, n_bits = 0;
    uint32_t bits = 0;

    while (base64.n && base64.p[base64.n - 1] == '=')
        base64.n--;
    json_put_array(w);
    for (size_t i = 0; i < base64.n; i++) {
        int value = sextet(base64.p[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        bytes[have++] = (unsigned char)(bits >> n_bits);
        if (have == 4) {
            put_float(w, bytes);
            have = 0;
        }
    }
    json_put_close(w);
    return have == 0;
}

static void put_sextets(struct buf *out, const unsigned char *bytes, unsigned n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)bytes[0] << 16 | (n > 1 ? (uint32_t)bytes[1] << 8 : 0) |
                    (n > 2 ? (uint32_t)bytes[2] : 0);
    char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63], '=', '='};

    if (n > 1)
        text[2] = digits[bits >> 6 & 63];
    if (n > 2)
        text[3] = digits[bits & 63];
    buf_append(out, view_of(text, 4));
}

/* A JSON array of numbers as base64, in quotes. False when it holds something else. */
static bool put_base64(struct buf *out, struct view numbers)
{
    struct json_reader r;
    struct json_array array;
    struct view raw;
    unsigned char bytes[3];
    unsigned have = 0;

    json_begin(&r, numbers);
    buf_append_char(out, '"');
    json_array_begin(&r, &array);
    while (json_array_next(&r, &array)) {
        char text[64];
        if (json_peek(&r) != JSON_NUMBER || !json_number(&r, &raw) || raw.n >= sizeof(text))
            return false;
        memcpy(text, raw.p, raw.n);
        text[raw.n] = '\0';
        float value = strtof(text, NULL);
        uint32_t bits;
        memcpy(&bits, &value, sizeof(bits));
        for (unsigned i = 0; i < 4; i++, bits >>= 8) {
            bytes[have++] = (unsigned char)bits;
            if (have == 3) {
                put_sextets(out, bytes, 3);
                have = 0;
            }
        }
    }
    if (have)
        put_sextets(out, bytes, have);
    buf_append_char(out, '"');
    return json_end(&r);
}

static bool put_vector(struct json_writer *w, const struct llm_embed_vector *v, bool base64)
{
    if (base64 && v->numbers.n) {
        json_put_raw(w, VIEW("")); /* places the comma */
        return put_base64(w->out, v->numbers);
    }
    if (base64)
        json_put_string(w, v->base64);
    else if (v->numbers.n)
        json_put_raw(w, v->numbers);
    else
        return put_numbers(w, v->base64);
    return true;
}

static bool put_openai(struct json_writer *w, const struct llm_embed_request *q,
                       const struct llm_embed_answer *answer, struct view model)
{
    json_put_member_string(w, VIEW("object"), VIEW("list"));
    json_put_key(w, VIEW("data"));
    json_put_array(w);
    for (unsigned i = 0; i < answer->n_vectors; i++) {
        json_put_object(w);
        json_put_member_string(w, VIEW("object"), VIEW("embedding"));
        json_put_member_u64(w, VIEW("index"), i);
        json_put_key(w, VIEW("embedding"));
        if (!put_vector(w, &answer->vectors[i], q->base64))
            return false;
        json_put_close(w);
    }
    json_put_close(w);
    json_put_member_string(w, VIEW("model"), model);
    json_put_key(w, VIEW("usage"));
    json_put_object(w);
    json_put_member_u64(w, VIEW("prompt_tokens"), answer->usage.input);
    json_put_member_u64(w, VIEW("total_tokens"), answer->usage.input);
    json_put_close(w);
    return true;
}

static bool put_ollama(struct json_writer *w, const struct llm_embed_answer *answer,
                       struct view model, int64_t total_ns)
{
    json_put_member_string(w, VIEW("model"), model);
    json_put_key(w, VIEW("embeddings"));
    json_put_array(w);
    for (unsigned i = 0; i < answer->n_vectors; i++)
        if (!put_vector(w, &answer->vectors[i], false))
            return false;
    json_put_close(w);
    if (total_ns > 0)
        json_put_member_i64(w, VIEW("total_duration"), total_ns);
    if (answer->usage.reported)
        json_put_member_u64(w, VIEW("prompt_eval_count"), answer->usage.input);
    return true;
}

bool llm_embed_answer_write(enum llm_embed_form form, const struct llm_embed_request *request,
                            const struct llm_embed_answer *answer, struct view model,
                            int64_t total_ns, struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out);
    size_t from = out->len;
    bool ok = true;

    if (!request->tokens.n && answer->n_vectors != request->n_inputs)
        return error_set(err, ERROR_UPSTREAM_PROTOCOL,
                         "The backend answered with %u embeddings for %u texts.", answer->n_vectors,
                         request->n_inputs);
    json_put_object(&w);
    if (form == LLM_EMBED_OPENAI) {
        ok = put_openai(&w, request, answer, model);
    } else if (form == LLM_EMBED_OLLAMA) {
        ok = put_ollama(&w, answer, model, total_ns);
    } else {
        json_put_key(&w, VIEW("embedding"));
        ok = answer->n_vectors == 1 && put_vector(&w, &answer->vectors[0], false);
    }
    json_put_close(&w);
    if (!buf_ok(out))
        return ollama_no_memory(err);
    if (!ok) {
        out->len = from;
        return error_set(err, ERROR_UPSTREAM_PROTOCOL, "An embedding of the backend is not read.");
    }
    return true;
}
