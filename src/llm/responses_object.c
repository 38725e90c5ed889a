/* The response object and its output items, as clients read them. */
#include "llm/responses.h"

static struct view type_of(const struct responses_item *item)
{
    return item->kind == LLM_PART_TEXT      ? VIEW("output_text")
           : item->kind == LLM_PART_REFUSAL ? VIEW("refusal")
                                            : VIEW("reasoning_text");
}

static void put_token(struct json_writer *j, struct json_reader *r, struct view no_bytes, bool top);

/* The likeliest tokens at one place. */
static void put_tokens(struct json_writer *j, struct json_reader *r, struct view no_bytes)
{
    struct json_array array;

    json_put_array(j);
    json_array_begin(r, &array);
    while (json_array_next(r, &array)) {
        if (json_peek(r) == JSON_OBJECT)
            put_token(j, r, no_bytes, false);
        else
            json_skip(r);
    }
    json_put_close(j);
}

/* `top`: it may hold the tokens that were nearly taken. */
static void put_token(struct json_writer *j, struct json_reader *r, struct view no_bytes, bool top)
{
    struct json_object o;
    struct view raw;
    bool has_bytes = false, has_top = false;

    json_put_object(j);
    json_object_begin(r, &o);
    while (json_object_next(r, &o)) {
        bool kept = json_key_is(&o, "token") || json_key_is(&o, "logprob");
        bool is_bytes = no_bytes.n && json_key_is(&o, "bytes") && json_peek(r) == JSON_ARRAY;
        if (top && json_key_is(&o, "top_logprobs") && json_peek(r) == JSON_ARRAY) {
            json_put_key(j, o.key);
            put_tokens(j, r, no_bytes);
            has_top = true;
        } else if ((kept || is_bytes) && json_value(r, &raw)) {
            json_put_key(j, o.key);
            responses_put_raw(j, raw);
            has_bytes |= is_bytes;
        } else {
            json_skip(r);
        }
    }
    if (no_bytes.n && !has_bytes) {
        json_put_key(j, VIEW("bytes"));
        json_put_raw(j, no_bytes);
    }
    if (top && !has_top) {
        json_put_key(j, VIEW("top_logprobs"));
        json_put_raw(j, VIEW("[]"));
    }
    json_put_close(j);
}

bool responses_put_logprobs(struct buf *out, struct view array, struct view no_bytes)
{
    struct json_writer j = JSON_WRITER(out);
    struct json_reader r;
    struct json_array tokens;

    json_begin(&r, array);
    json_array_begin(&r, &tokens);
    for (bool first = true; json_array_next(&r, &tokens); first = false) {
        if (json_peek(&r) != JSON_OBJECT) {
            json_skip(&r);
            continue;
        }
        if (!first)
            buf_append_char(out, ',');
        j = JSON_WRITER(out);
        put_token(&j, &r, no_bytes, true);
    }
    return !json_failed(&r) && buf_ok(out);
}

/* The content part; `whole`: with its text, else as it begins. */
void responses_put_part(struct json_writer *j, const struct responses_item *item, bool whole)
{
    struct view text = whole ? buf_view(&item->text) : VIEW("");

    json_put_object(j);
    json_put_member_string(j, VIEW("type"), type_of(item));
    if (item->kind == LLM_PART_REFUSAL) {
        json_put_member_string(j, VIEW("refusal"), text);
    } else {
        json_put_member_string(j, VIEW("text"), text);
        if (item->kind == LLM_PART_TEXT) {
            json_put_key(j, VIEW("annotations"));
            json_put_raw(j, VIEW("[]"));
            json_put_key(j, VIEW("logprobs"));
            json_put_array(j);
            if (whole && item->logprobs.len)
                json_put_raw(j, buf_view(&item->logprobs));
            json_put_close(j);
        }
    }
    json_put_close(j);
}

static void put_message(struct json_writer *j, const struct responses_item *item, bool whole)
{
    json_put_member_string(j, VIEW("role"), VIEW("assistant"));
    json_put_key(j, VIEW("content"));
    json_put_array(j);
    if (whole)
        responses_put_part(j, item, true);
    json_put_close(j);
}

static void put_reasoning(struct json_writer *j, const struct responses_item *item, bool whole)
{
    json_put_key(j, VIEW("summary"));
    json_put_raw(j, VIEW("[]"));
    if (whole && item->text.len) {
        json_put_key(j, VIEW("content"));
        json_put_array(j);
        responses_put_part(j, item, true);
        json_put_close(j);
    }
    if (whole && item->signature.len)
        json_put_member_string(j, VIEW("encrypted_content"), buf_view(&item->signature));
}

void responses_put_item(struct json_writer *j, const struct responses_item *item,
                        struct view status)
{
    bool whole = !view_eq(status, VIEW("in_progress"));
    struct view type = item->kind == LLM_PART_CALL       ? VIEW("function_call")
                       : item->kind == LLM_PART_THINKING ? VIEW("reasoning")
                                                         : VIEW("message");

    json_put_object(j);
    json_put_member_string(j, VIEW("id"), view_str(item->id));
    json_put_member_string(j, VIEW("type"), type);
    json_put_member_string(j, VIEW("status"), status);
    if (item->kind == LLM_PART_CALL) {
        json_put_member_string(j, VIEW("call_id"), item->call_id);
        json_put_member_string(j, VIEW("name"), item->name);
        json_put_member_string(j, VIEW("arguments"), whole ? buf_view(&item->text) : VIEW(""));
    } else if (item->kind == LLM_PART_THINKING) {
        put_reasoning(j, item, whole);
    } else {
        put_message(j, item, whole);
    }
    json_put_close(j);
}

static void put_usage(struct json_writer *j, const struct llm_usage *usage)
{
    json_put_key(j, VIEW("usage"));
    json_put_object(j);
    json_put_member_u64(j, VIEW("input_tokens"), usage->input);
    json_put_key(j, VIEW("input_tokens_details"));
    json_put_object(j);
    json_put_member_u64(j, VIEW("cached_tokens"), usage->cached);
    json_put_member_u64(j, VIEW("cache_write_tokens"), 0);
    json_put_close(j);
    json_put_member_u64(j, VIEW("output_tokens"), usage->output);
    json_put_key(j, VIEW("output_tokens_details"));
    json_put_object(j);
    json_put_member_u64(j, VIEW("reasoning_tokens"), usage->reasoning);
    json_put_close(j);
    json_put_member_u64(j, VIEW("total_tokens"), (uint64_t)usage->input + usage->output);
    json_put_close(j);
}

/* Every item that was closed is complete but the last one of an answer that was cut. */
static void put_output(struct json_writer *j, const struct responses_kept *kept, struct view status)
{
    json_put_key(j, VIEW("output"));
    json_put_array(j);
    if (!view_eq(status, VIEW("in_progress")))
        for (const struct responses_item *item = kept->first; item; item = item->next)
            responses_put_item(j, item, item->next ? VIEW("completed") : status);
    json_put_close(j);
}

void responses_put_object(struct json_writer *j, const struct llm_writer *w, struct view status)
{
    const struct responses_kept *kept = w->own;
    bool cut = view_eq(status, VIEW("incomplete"));

    json_put_object(j);
    json_put_member_string(j, VIEW("id"), view_str(w->id));
    json_put_member_string(j, VIEW("object"), VIEW("response"));
    json_put_member_i64(j, VIEW("created_at"), w->created_s);
    json_put_member_string(j, VIEW("status"), status);
    json_put_key(j, VIEW("error"));
    json_put_null(j);
    json_put_key(j, VIEW("incomplete_details"));
    if (cut) {
        json_put_object(j);
        json_put_member_string(j, VIEW("reason"),
                               w->finish == LLM_FINISH_FILTER ? VIEW("content_filter")
                                                              : VIEW("max_output_tokens"));
        json_put_close(j);
    } else {
        json_put_null(j);
    }
    json_put_member_string(j, VIEW("model"), w->model);
    put_output(j, kept, status);
    if (w->finished && w->usage.reported) {
        put_usage(j, &w->usage);
    } else {
        json_put_key(j, VIEW("usage"));
        json_put_null(j);
    }
    buf_append(j->out, kept->echo);
    json_put_close(j);
}

static void put_or_null(struct json_writer *j, struct view key, struct view raw)
{
    json_put_key(j, key);
    if (raw.n)
        responses_put_raw(j, raw);
    else
        json_put_null(j);
}

static void put_echo(struct json_writer *j, const struct llm_neutral *n)
{
    put_or_null(j, VIEW("temperature"), n->temperature);
    put_or_null(j, VIEW("top_p"), n->top_p);
    json_put_key(j, VIEW("max_output_tokens"));
    if (n->max_tokens)
        json_put_u64(j, n->max_tokens);
    else
        json_put_null(j);
    put_or_null(j, VIEW("metadata"), n->metadata);
    json_put_member_bool(j, VIEW("parallel_tool_calls"), n->parallel_calls != 0);
    responses_put_choice(j, n);
    responses_put_tools(j, n);
    responses_put_format(j, n);
    json_put_key(j, VIEW("reasoning"));
    json_put_object(j);
    json_put_key(j, VIEW("effort"));
    if (n->effort.n)
        json_put_string(j, n->effort);
    else
        json_put_null(j);
    json_put_key(j, VIEW("summary"));
    json_put_null(j);
    json_put_close(j);
    if (n->user.n)
        json_put_member_string(j, VIEW("user"), n->user);
}

/* The members that stay the same in every object of one answer, with a comma before them. */
struct view responses_echo(const struct llm_neutral *request, struct arena *a)
{
    static const struct llm_neutral nothing = {.parallel_calls = -1};
    struct buf out = BUF_MAX(RESPONSES_MAX_KEPT);
    struct json_writer j = JSON_WRITER(&out);

    json_put_object(&j);
    put_echo(&j, request ? request : &nothing);
    json_put_key(&j, VIEW("instructions"));
    json_put_null(&j);
    json_put_key(&j, VIEW("previous_response_id"));
    json_put_null(&j);
    json_put_member_string(&j, VIEW("truncation"), VIEW("disabled"));
    json_put_member_bool(&j, VIEW("background"), false);
    if (!buf_ok(&out)) {
        buf_done(&out);
        return VIEW("");
    }
    out.p[0] = ','; /* where the object's brace stood */
    struct view echo = arena_dup(a, buf_view(&out));
    buf_done(&out);
    return echo;
}
