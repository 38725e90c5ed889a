#!/usr/bin/env python3
"""A stand-in for a managed OpenAI-compatible API. No model is behind it, and it says so: on the
screen, in each answer's head (x-stand-in) and in the text of the answers.

It answers chat completions (plain, streamed, tools, JSON schema) and /v1/models, refuses what the
real API refuses, and sends the heads that it sends. Responses, Anthropic's messages, Ollama's own
API, embeddings and legacy completions are answered too, without pauses. Standard library only.

    managed.py [--port N] [--key TOKEN] [--models A,B] [--first-token-ms N] [--token-ms N]
"""
import argparse
import asyncio
import json
import random
import re
import signal
import threading
import time

import asked
import speech
import wire

STAND_IN = "this is not a model: a stand-in for the managed API"
MODELS = ["gpt-5-mini", "gpt-5", "gpt-4.1-mini", "o4-mini", "text-embedding-3-small"]
BODY_MAX = 64 << 20
SCHEMA_DEPTH = 12
COUNT = re.compile(r"count to (\d{1,5})")  # the one thing it can do: numbered pieces, for tests

WORDS = ("the answer that a model would give here depends on the question and so this text only "
         "has its length and its pace one word after another until enough has been said").split()


def strict(model):
    """The families that take max_completion_tokens and only the default sampling."""
    return model.startswith("gpt-5") or (len(model) > 1 and model[0] == "o" and model[1].isdigit())


class Refused(Exception):
    def __init__(self, status, message, code, param=None, kind="invalid_request_error"):
        super().__init__(message)
        self.status = status
        self.body = wire.error(message, kind, code, param)


def check(request, models):
    """Refuses as the real API does."""
    if not isinstance(request, dict):
        raise Refused(400, "We could not parse the JSON body of your request.", None)
    model = request.get("model")
    if not model:
        raise Refused(400, "you must provide a model parameter", None)
    if model not in models:
        raise Refused(404, f"The model `{model}` does not exist or you do not have access to it.",
                      "model_not_found")
    if not isinstance(request.get("messages"), list) or not request["messages"]:
        raise Refused(400, "Missing required parameter: 'messages'.",
                      "missing_required_parameter", "messages")
    if not strict(model):
        return
    if request.get("max_tokens") is not None:
        raise Refused(400, "Unsupported parameter: 'max_tokens' is not supported with this model. "
                      "Use 'max_completion_tokens' instead.", "unsupported_parameter", "max_tokens")
    for name in ("temperature", "top_p"):
        if request.get(name) not in (None, 1):
            raise Refused(400, f"Unsupported value: '{name}' does not support {request[name]} with "
                          "this model. Only the default (1) value is supported.",
                          "unsupported_value", name)


def instance(schema, depth=0):
    """The smallest value that a JSON schema describes; enough for flat and nested objects."""
    if not isinstance(schema, dict) or depth > SCHEMA_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return instance(schema[choice][0], depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object" or "properties" in schema:
        return {name: instance(part, depth + 1)
                for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema.get("items", {}), depth + 1)]
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(kind, "stand-in")


def compose(request):
    """The answer to a request: message, finish reason, and its text in pieces for streaming."""
    tools = request.get("tools") or []
    last = request["messages"][-1]
    form = request.get("response_format") or {}
    if tools and last.get("role") != "tool" and request.get("tool_choice") != "none":
        function = tools[0]["function"]
        choice = request.get("tool_choice")
        if isinstance(choice, dict):
            name = choice["function"]["name"]
            function = next(t["function"] for t in tools if t["function"]["name"] == name)
        arguments = json.dumps(instance(function.get("parameters") or {"type": "object"}))
        call = {"id": f"call_{random.getrandbits(48):012x}", "type": "function",
                "function": {"name": function["name"], "arguments": arguments}}
        return {"content": None, "tool_calls": [call]}, "tool_calls", [arguments]
    if form.get("type") == "json_schema":
        text = json.dumps(instance(form["json_schema"].get("schema", {})))
        return {"content": text}, "stop", [text[i:i + 8] for i in range(0, len(text), 8)]
    if form.get("type") == "json_object":
        return {"content": '{"stand-in": true}'}, "stop", ['{"stand-in": ', "true}"]
    limit = request.get("max_completion_tokens") or request.get("max_tokens") or 1 << 20
    prompt = wire.prompt_text(request)
    counting = COUNT.search(prompt)
    if counting:
        pieces = [f"{n} " for n in range(1, int(counting[1]) + 1)]
    else:
        want = 24 + len(prompt) % 60
        pieces = ["[stand-in] "] + [WORDS[i % len(WORDS)] + " " for i in range(want)]
    finish = "length" if len(pieces) > limit else "stop"
    pieces = pieces[:limit]
    return {"content": "".join(pieces)}, finish, pieces


class Managed:
    """The server. In tests: `with Managed(key="sk-test") as api: api.url`."""

    def __init__(self, port=0, key=None, models=MODELS, first_token_ms=0, token_ms=0):
        self.port, self.key, self.models = port, key, list(models)
        self.first_token_s, self.token_s = first_token_ms / 1000, token_ms / 1000
        self.answered = 0
        self._loop = self._thread = None
        self._ready = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # the thread that the tests use

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the stand-in did not start")
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self.listen()
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def listen(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        return server

    # one connection

    async def _serve(self, reader, writer):
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
                ValueError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader, writer):
        try:
            request = wire.Request((await reader.readuntil(b"\r\n\r\n"))[:-4])
        except asyncio.IncompleteReadError:
            return False
        if request.header("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = await self._body(reader, wire.body_length(request))
        started = time.monotonic()
        try:
            await self._answer(request, writer, started)
        except Refused as refused:
            body = refused.body
            if request.speaks in ("anthropic", "count_tokens", *speech.NDJSON):
                body = speech.error_body(request.speaks, refused.status, str(refused))
            self._json(writer, refused.status, body, started)
        await writer.drain()
        return (request.header("connection") or "").lower() != "close"

    @staticmethod
    async def _body(reader, length):
        if length is not None:
            if length > BODY_MAX:
                raise ValueError("body too large")
            return await reader.readexactly(length)
        body = bytearray()
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            body += await reader.readexactly(size)
            await reader.readexactly(2)
            if size == 0:
                return bytes(body)
            if len(body) > BODY_MAX:
                raise ValueError("body too large")

    def _heads(self, started):
        self.answered += 1
        return [("x-stand-in", STAND_IN), ("x-request-id", f"req_{random.getrandbits(64):016x}"),
                ("openai-processing-ms", int((time.monotonic() - started) * 1000)),
                ("openai-version", "2020-10-01"), ("openai-organization", "stand-in"),
                ("x-ratelimit-limit-requests", "10000"),
                ("x-ratelimit-remaining-requests", "9999"),
                ("x-ratelimit-limit-tokens", "2000000"),
                ("x-ratelimit-remaining-tokens", "1999000"),
                ("x-ratelimit-reset-requests", "6ms"), ("x-ratelimit-reset-tokens", "30ms"),
                ("set-cookie", "__cf_bm=stand-in; path=/"), ("server", "cloudflare")]

    def _json(self, writer, status, body, started):
        data = json.dumps(body, indent=2).encode()
        writer.write(wire.head(status, [("content-type", "application/json"),
                                        ("content-length", len(data)), *self._heads(started)],
                               "OK" if status == 200 else "Refused") + data)

    async def _answer(self, request, writer, started):
        if request.path == "/healthz":
            return self._json(writer, 200, {"status": "ok"}, started)
        given = request.header("authorization") or request.header("x-api-key")
        if self.key and given not in (f"Bearer {self.key}", self.key):
            shown = "missing" if not given else "incorrect"
            raise Refused(401, f"Incorrect API key provided ({shown}).", "invalid_api_key")
        if request.path == "/v1/models" and request.method == "GET":
            return self._json(writer, 200, {"object": "list", "data": [
                {"id": m, "object": "model", "created": 1700000000, "owned_by": "stand-in"}
                for m in self.models]}, started)
        if not request.speaks:
            raise Refused(404, f"Invalid URL ({request.method} {request.path})", "unknown_url")
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        if not request.chat:
            return self._other(writer, request.speaks, body, started)
        check(body, self.models)
        message, finish, pieces = compose(body)
        use = wire.usage(wire.tokens(wire.prompt_text(body)), len(pieces))
        use["completion_tokens_details"] = {"reasoning_tokens": 0}
        ident = f"chatcmpl-{random.getrandbits(64):016x}"
        if body.get("stream"):
            return await self._stream(writer, body, message, finish, pieces, use, ident, started)
        await asyncio.sleep(self.first_token_s + self.token_s * len(pieces))
        answer = wire.completion(body["model"], message, finish, use, ident)
        return self._json(writer, 200, answer, started)

    def _other(self, writer, kind, body, started):
        """Another dialect, or a smaller API."""
        if kind in ("embeddings", "embed", "embed_old", "count_tokens"):
            if not isinstance(body, dict) or body.get("model") not in self.models:
                raise Refused(404, "The model does not exist.", "model_not_found")
            said = speech.Said(model=body["model"], tokens_in=wire.tokens(json.dumps(body)))
        else:
            chat = asked.as_chat(kind, body) if isinstance(body, dict) else body
            check(chat, self.models)
            message, finish, pieces = compose(chat)
            calls = [speech.Call(c["id"], c["function"]["name"],
                                 json.loads(c["function"]["arguments"]))
                     for c in message.get("tool_calls") or []]
            said = speech.Said(message["content"] or "", calls, model=body["model"], cached=0,
                               finish="length" if finish == "length" else "",
                               tokens_in=wire.tokens(wire.prompt_text(chat)),
                               tokens_out=len(pieces), id=f"{random.getrandbits(64):016x}")
        if not speech.streams(kind, body):
            return self._json(writer, 200, speech.PLAIN[kind](said, body), started)
        content = "application/x-ndjson" if kind in speech.NDJSON else "text/event-stream"
        writer.write(wire.head(200, [("content-type", content), ("cache-control", "no-cache"),
                                     ("transfer-encoding", "chunked"), *self._heads(started)]))
        for event in speech.STREAM[kind](said, body):
            writer.write(wire.chunk(speech.frame(kind, *event)))
        writer.write(wire.LAST_CHUNK)

    async def _stream(self, writer, body, message, finish, pieces, use, ident, started):
        wants_usage = (body.get("stream_options") or {}).get("include_usage")
        more = {"usage": None} if wants_usage else {}
        writer.write(wire.head(200, [("content-type", "text/event-stream; charset=utf-8"),
                                     ("cache-control", "no-cache"),
                                     ("transfer-encoding", "chunked"), *self._heads(started)]))

        def send(data):
            writer.write(wire.chunk(wire.event(data)))

        await asyncio.sleep(self.first_token_s)
        model = body["model"]
        calls = message.get("tool_calls")
        first = {"role": "assistant", "content": None if calls else ""}
        send(wire.delta(model, first, ident=ident, **more))
        if calls:
            opening = {**calls[0], "index": 0,
                       "function": {"name": calls[0]["function"]["name"], "arguments": ""}}
            send(wire.delta(model, {"tool_calls": [opening]}, ident=ident, **more))
        for piece in pieces:
            change = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if calls \
                else {"content": piece}
            send(wire.delta(model, change, ident=ident, **more))
            await writer.drain()
            if self.token_s:
                await asyncio.sleep(self.token_s)
        send(wire.delta(model, {}, finish, ident=ident, **more))
        if wants_usage:
            send(wire.usage_event(model, use, ident))
        send("[DONE]")
        writer.write(wire.LAST_CHUNK)


async def serve(options):
    api = Managed(options.port, options.key, options.models.split(","), options.first_token_ms,
                  options.token_ms)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with await api.listen():
        print(f"STAND-IN for the managed API (no model behind it) on {api.url}", flush=True)
        await stop.wait()


def main():
    parser = argparse.ArgumentParser(description=STAND_IN)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--first-token-ms", type=int, default=0)
    parser.add_argument("--token-ms", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
