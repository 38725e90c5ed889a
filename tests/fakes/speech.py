"""What a fake says, in each dialect: one `Said`, written as an OpenAI chat completion, a Response,
an Anthropic message or Ollama's lines, plain or streamed.

    up.script(speech.Speak(Said("Hello.")))               # as the request's path and body ask
    up.script(speech.Cut(Said("Hello."), "error"))        # half of it, then this way to break
    up.script(speech.Refuse(529, "overloaded"))           # this dialect's error object
"""
import dataclasses
import json

import wire

PATHS = {"openai-chat": "/v1/chat/completions", "openai-responses": "/v1/responses",
         "anthropic": "/v1/messages", "ollama": "/api/chat"}
CREATED = 1700000000
CREATED_TEXT = "2023-11-14T22:13:20.5Z"
CUTS = ("fin", "error", "end")


@dataclasses.dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclasses.dataclass
class Said:
    """An answer in no dialect's words. Tokens: all of the input, the cached part of it; all of the
    output, the reasoning part of it."""
    text: str = ""
    calls: list = dataclasses.field(default_factory=list)
    thinking: str = ""
    signature: str = ""
    refusal: str = ""
    finish: str = ""  # stop, length, calls, filter
    tokens_in: int = 57
    cached: int = 32
    tokens_out: int = 23
    reasoning: int = 0
    model: str = "fake-model"
    id: str = "fake0123456789"
    step: int = 7     # characters in a piece of the stream

    def __post_init__(self):
        self.finish = self.finish or ("calls" if self.calls else "stop")

    def cut(self, text):
        return [text[i:i + self.step] for i in range(0, len(text), self.step)]


def dumped(value):
    return json.dumps(value, ensure_ascii=False)


# OpenAI chat completions

CHAT_FINISH = {"stop": "stop", "length": "length", "calls": "tool_calls",
               "filter": "content_filter"}


def chat_usage(said):
    return {**wire.usage(said.tokens_in, said.tokens_out, said.cached),
            "completion_tokens_details": {"reasoning_tokens": said.reasoning}}


def chat_plain(said, request):
    message = {"content": said.text or None, "refusal": said.refusal or None}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function",
             "function": {"name": c.name, "arguments": dumped(c.arguments)}} for c in said.calls]
    return wire.completion(said.model, message, CHAT_FINISH[said.finish], chat_usage(said),
                           "chatcmpl-" + said.id)


def chat_stream(said, request):
    def event(change, finish=None):
        return "", wire.delta(said.model, change, finish, "chatcmpl-" + said.id)

    yield event({"role": "assistant", "content": ""})
    for piece in said.cut(said.thinking):
        yield event({"reasoning_content": piece})
    for piece in said.cut(said.text):
        yield event({"content": piece})
    for piece in said.cut(said.refusal):
        yield event({"refusal": piece})
    for index, call in enumerate(said.calls):
        yield event({"tool_calls": [{"index": index, "id": call.id, "type": "function",
                                     "function": {"name": call.name, "arguments": ""}}]})
        for piece in said.cut(dumped(call.arguments)):
            yield event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield event({}, CHAT_FINISH[said.finish])
    if (request.get("stream_options") or {}).get("include_usage"):
        yield "", wire.usage_event(said.model, chat_usage(said), "chatcmpl-" + said.id)
    yield "", "[DONE]"


# OpenAI Responses

def response_body(said, request, status, output):
    done = status != "in_progress"
    return {
        "id": "resp_" + said.id, "object": "response", "created_at": CREATED, "status": status,
        "error": None, "model": said.model, "output": output,
        "incomplete_details": {"reason": "max_output_tokens" if said.finish == "length"
                               else "content_filter"} if status == "incomplete" else None,
        "instructions": request.get("instructions"), "metadata": request.get("metadata") or {},
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "temperature": 1.0, "top_p": 1.0, "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools") or [], "max_output_tokens": request.get("max_output_tokens"),
        "usage": {"input_tokens": said.tokens_in, "output_tokens": said.tokens_out,
                  "total_tokens": said.tokens_in + said.tokens_out,
                  "input_tokens_details": {"cached_tokens": said.cached, "cache_write_tokens": 0},
                  "output_tokens_details": {"reasoning_tokens": said.reasoning}}
        if done else None}


def response_items(said):
    """The output items, each whole."""
    status = "incomplete" if said.finish in ("length", "filter") else "completed"
    if said.thinking:
        yield {"id": "rs_" + said.id, "type": "reasoning",
               "summary": [{"type": "summary_text", "text": said.thinking}],
               **({"encrypted_content": said.signature} if said.signature else {})}
    content = []
    if said.text:
        content.append({"type": "output_text", "text": said.text, "annotations": [],
                        "logprobs": []})
    if said.refusal:
        content.append({"type": "refusal", "refusal": said.refusal})
    if content:
        yield {"id": "msg_" + said.id, "type": "message", "role": "assistant", "status": status,
               "content": content}
    for call in said.calls:
        yield {"id": "fc_" + call.id, "type": "function_call", "status": status,
               "call_id": call.id, "name": call.name, "arguments": dumped(call.arguments)}


def response_end(said):
    return "incomplete" if said.finish in ("length", "filter") else "completed"


def response_plain(said, request):
    return response_body(said, request, response_end(said), list(response_items(said)))


def response_stream(said, request):
    count = 0

    def event(kind, **more):
        nonlocal count
        data = {"type": kind, "sequence_number": count, **more}
        count += 1
        return kind, data

    yield event("response.created", response=response_body(said, request, "in_progress", []))
    yield event("response.in_progress", response=response_body(said, request, "in_progress", []))
    items = list(response_items(said))
    for index, item in enumerate(items):
        place = {"item_id": item["id"], "output_index": index}
        empty = {name: [] if isinstance(value, list) else value for name, value in item.items()}
        if "status" in item:
            empty["status"] = "in_progress"
        if "arguments" in item:
            empty["arguments"] = ""
        yield event("response.output_item.added", output_index=index, item=empty)
        if item["type"] == "reasoning":
            at = {**place, "summary_index": 0}
            text = said.thinking
            yield event("response.reasoning_summary_part.added", **at,
                        part={"type": "summary_text", "text": ""})
            for piece in said.cut(text):
                yield event("response.reasoning_summary_text.delta", **at, delta=piece)
            yield event("response.reasoning_summary_text.done", **at, text=text)
            yield event("response.reasoning_summary_part.done", **at,
                        part={"type": "summary_text", "text": text})
        elif item["type"] == "message":
            for part_index, part in enumerate(item["content"]):
                at = {**place, "content_index": part_index}
                if part["type"] == "refusal":
                    yield event("response.content_part.added", **at,
                                part={"type": "refusal", "refusal": ""})
                    for piece in said.cut(said.refusal):
                        yield event("response.refusal.delta", **at, delta=piece)
                    yield event("response.refusal.done", **at, refusal=said.refusal)
                else:
                    yield event("response.content_part.added", **at, part={**part, "text": ""})
                    for piece in said.cut(said.text):
                        yield event("response.output_text.delta", **at, delta=piece, logprobs=[])
                    yield event("response.output_text.done", **at, text=said.text, logprobs=[])
                yield event("response.content_part.done", **at, part=part)
        else:
            for piece in said.cut(item["arguments"]):
                yield event("response.function_call_arguments.delta", **place, delta=piece)
            yield event("response.function_call_arguments.done", **place,
                        arguments=item["arguments"])
        yield event("response.output_item.done", output_index=index, item=item)
    end = response_end(said)
    yield event("response." + end, response=response_body(said, request, end, items))


# Anthropic messages

STOP_REASON = {"stop": "end_turn", "length": "max_tokens", "calls": "tool_use",
               "filter": "refusal"}


def message_usage(said, out=None):
    """Its input excludes what came from the cache."""
    return {"input_tokens": said.tokens_in - said.cached,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": said.cached,
            "output_tokens": said.tokens_out if out is None else out}


def message_blocks(said):
    if said.thinking:
        yield {"type": "thinking", "thinking": said.thinking, "signature": said.signature or "c2ln"}
    if said.text or said.refusal:
        yield {"type": "text", "text": said.text or said.refusal}
    for call in said.calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def message_plain(said, request):
    return {"id": "msg_" + said.id, "type": "message", "role": "assistant", "model": said.model,
            "content": list(message_blocks(said)), "stop_reason": STOP_REASON[said.finish],
            "stop_sequence": None, "usage": message_usage(said)}


def message_stream(said, request):
    start = {**message_plain(said, request), "content": [], "stop_reason": None,
             "usage": message_usage(said, 1)}
    yield "message_start", {"type": "message_start", "message": start}
    yield "ping", {"type": "ping"}

    def delta(index, kind, **more):
        return "content_block_delta", {"type": "content_block_delta", "index": index,
                                       "delta": {"type": kind, **more}}

    for index, block in enumerate(message_blocks(said)):
        empty = {name: "" if name in ("text", "thinking", "signature") else value
                 for name, value in block.items()}
        if block["type"] == "tool_use":
            empty["input"] = {}
        yield "content_block_start", {"type": "content_block_start", "index": index,
                                      "content_block": empty}
        if block["type"] == "thinking":
            for piece in said.cut(block["thinking"]):
                yield delta(index, "thinking_delta", thinking=piece)
            yield delta(index, "signature_delta", signature=block["signature"])
        elif block["type"] == "text":
            for piece in said.cut(block["text"]):
                yield delta(index, "text_delta", text=piece)
        else:
            yield delta(index, "input_json_delta", partial_json="")
            for piece in said.cut(dumped(block["input"])):
                yield delta(index, "input_json_delta", partial_json=piece)
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    yield "message_delta", {"type": "message_delta", "usage": message_usage(said), "delta": {
        "stop_reason": STOP_REASON[said.finish], "stop_sequence": None}}
    yield "message_stop", {"type": "message_stop"}


# Ollama

def lines_end(said):
    return {"done": True, "done_reason": "length" if said.finish == "length" else "stop",
            "total_duration": 1161043812, "load_duration": 173895591,
            "prompt_eval_count": said.tokens_in, "prompt_eval_duration": 200192777,
            "eval_count": said.tokens_out, "eval_duration": 771013852}


def line(said, message, **more):
    return {"model": said.model, "created_at": CREATED_TEXT,
            "message": {"role": "assistant", "content": "", **message}, "done": False, **more}


def line_calls(calls, first=0):
    return {"tool_calls": [
        {"id": c.id, "function": {"index": n, "name": c.name, "arguments": c.arguments}}
        for n, c in enumerate(calls, first)]}


def lines_plain(said, request):
    message = {"content": said.text or said.refusal}
    if said.thinking:
        message["thinking"] = said.thinking
    if said.calls:
        message.update(line_calls(said.calls))
    return line(said, message, **lines_end(said))


def lines_stream(said, request):
    for piece in said.cut(said.thinking):
        yield "", line(said, {"thinking": piece})
    for piece in said.cut(said.text or said.refusal):
        yield "", line(said, {"content": piece})
    for index, call in enumerate(said.calls):  # whole calls, never pieces
        yield "", line(said, line_calls([call], index))
    yield "", line(said, {}, **lines_end(said))


# and what else the APIs answer

def generate_plain(said, request):
    return {"model": said.model, "created_at": CREATED_TEXT, "response": said.text,
            **lines_end(said)}


def generate_stream(said, request):
    for piece in said.cut(said.text):
        yield "", {"model": said.model, "created_at": CREATED_TEXT, "response": piece,
                   "done": False}
    yield "", {"model": said.model, "created_at": CREATED_TEXT, "response": "", **lines_end(said)}


def completion_body(said, text, finish, **more):
    return {"id": "cmpl-" + said.id, "object": "text_completion", "created": CREATED,
            "model": said.model, "choices": [{"index": 0, "text": text, "logprobs": None,
                                              "finish_reason": finish}], **more}


def completion_plain(said, request):
    return completion_body(said, said.text, CHAT_FINISH[said.finish], usage=chat_usage(said))


def completion_stream(said, request):
    for piece in said.cut(said.text):
        yield "", completion_body(said, piece, None)
    yield "", completion_body(said, "", CHAT_FINISH[said.finish])
    if (request.get("stream_options") or {}).get("include_usage"):
        yield "", {**completion_body(said, "", None, usage=chat_usage(said)), "choices": []}
    yield "", "[DONE]"


def inputs(request):
    given = request["input"]
    return given if isinstance(given, list) and not isinstance(given[0], int) else [given]


def vector(text):
    """The same text, the same vector."""
    seed = sum(str(text).encode())
    return [((seed * (n + 3)) % 17) / 16 - 0.5 for n in range(8)]


def embeddings_plain(said, request):
    data = [{"object": "embedding", "index": n, "embedding": vector(text)}
            for n, text in enumerate(inputs(request))]
    if request.get("encoding_format") == "base64":
        import base64
        import struct
        for one in data:
            one["embedding"] = base64.b64encode(struct.pack("<8f", *one["embedding"])).decode()
    return {"object": "list", "data": data, "model": said.model,
            "usage": {"prompt_tokens": said.tokens_in, "total_tokens": said.tokens_in}}


def embed_plain(said, request):
    return {"model": said.model, "embeddings": [vector(text) for text in inputs(request)],
            "total_duration": 950130364, "load_duration": 23391910,
            "prompt_eval_count": said.tokens_in}


def embed_old_plain(said, request):
    return {"embedding": vector(request["prompt"])}


def count_plain(said, request):
    return {"input_tokens": said.tokens_in}


PLAIN = {"openai-chat": chat_plain, "openai-responses": response_plain, "anthropic": message_plain,
         "ollama": lines_plain, "generate": generate_plain, "completion": completion_plain,
         "embeddings": embeddings_plain, "embed": embed_plain, "embed_old": embed_old_plain,
         "count_tokens": count_plain}
STREAM = {"openai-chat": chat_stream, "openai-responses": response_stream,
          "anthropic": message_stream, "ollama": lines_stream, "generate": generate_stream,
          "completion": completion_stream}
NDJSON = ("ollama", "generate", "embed", "embed_old")


GO_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def streams(kind, request):
    return kind in STREAM and bool(request.get("stream", kind in NDJSON))


def frame(kind, name, data):
    if kind in NDJSON:
        # as the server's language does; its Python client takes two of them for ends of a line
        return dumped(data).translate(GO_ESCAPES).encode() + b"\n"
    return (f"event: {name}\n".encode() if name else b"") + \
        wire.event(data if isinstance(data, str) else dumped(data))


# errors

ANTHROPIC_TYPE = {400: "invalid_request_error", 401: "authentication_error",
                  403: "permission_error", 404: "not_found_error", 413: "request_too_large",
                  429: "rate_limit_error", 529: "overloaded_error"}
OPENAI_TYPE = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}


def error_body(kind, status, message):
    if kind in NDJSON:
        return {"error": message}
    if kind in ("anthropic", "count_tokens"):
        return {"type": "error", "request_id": "req_fake", "error": {
            "type": ANTHROPIC_TYPE.get(status, "api_error"), "message": message}}
    return wire.error(message, OPENAI_TYPE.get(status, "invalid_request_error"))


def error_event(kind, message, count=3):
    """An error inside a stream, framed."""
    if kind == "openai-responses":
        return frame(kind, "error", {"type": "error", "sequence_number": count, "code":
                                     "server_error", "message": message, "param": None})
    if kind == "anthropic":
        return frame(kind, "error", error_body(kind, 529, message))
    return frame(kind, "", error_body(kind, 500, message))


# scripts for an Upstream

def stream_head(kind, *headers):
    content = "application/x-ndjson" if kind in NDJSON else "text/event-stream; charset=utf-8"
    return wire.head(200, [("content-type", content), ("cache-control", "no-cache"),
                           ("transfer-encoding", "chunked"), *headers])


def _named(said, exchange):
    """Said by the model that was asked."""
    return dataclasses.replace(said, model=exchange.json.get("model") or said.model)


def json_answer(status, body, *headers, reason="OK"):
    data = dumped(body).encode()
    return wire.head(status, [("content-type", "application/json"),
                              ("content-length", len(data)), *headers], reason) + data


def Speak(said=None, *headers, together=False):
    """The whole answer, as the path and the body ask. `together`: the stream in one write."""
    said = said or Said("Hello from the fake.")

    def run(exchange):
        kind, body = exchange.speaks, exchange.json
        answer = _named(said, exchange)
        if not streams(kind, body):
            yield json_answer(200, PLAIN[kind](answer, body), *headers)
            return
        yield stream_head(kind, *headers)
        frames = [frame(kind, *event) for event in STREAM[kind](answer, body)]
        for data in [b"".join(frames)] if together else frames:
            yield wire.chunk(data)
        yield wire.LAST_CHUNK
    return run


def Raw(*events):
    """These events or lines, whatever they are: (name, data) each."""
    def run(exchange):
        yield stream_head(exchange.speaks)
        for event in events:
            yield wire.chunk(event if isinstance(event, bytes) else frame(exchange.speaks, *event))
        yield wire.LAST_CHUNK
    return run


def Cut(said, how="fin", message="the fake's memory ran out"):
    """About half of the stream, then: `fin`, the connection ends; `error`, the dialect's error
    event and a clean end; `end`, a clean end without the end mark."""
    def run(exchange):
        kind = exchange.speaks
        events = list(STREAM[kind](_named(said, exchange), exchange.json))
        yield stream_head(kind)
        for event in events[:max(1, (len(events) + 1) // 2)]:
            yield wire.chunk(frame(kind, *event))
        yield 0.1  # else it could come before the gateway has said a byte
        if how == "fin":
            yield "fin"
        elif how == "error":
            yield wire.chunk(error_event(kind, message)) + wire.LAST_CHUNK
        else:
            yield wire.LAST_CHUNK
    return run


def Refuse(status, message="the fake fails on purpose", *headers):
    def run(exchange):
        body = error_body(exchange.speaks, status, message)
        own = [("request-id", body["request_id"])] if "request_id" in body else []
        yield json_answer(status, body, *headers, *own, reason="Refused")
    return run
