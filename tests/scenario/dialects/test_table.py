"""Every dialect in, every dialect out: the table of docs/dialects.md.

The client is the official SDK, the backend a fake of the out dialect. What leaves Weir either way
is judged by the official SDKs' types, unknown fields reported.
"""
import base64
import json
import struct
import zlib

import pytest

import judge
import speech
from clients import ERRORS, Ask, Tool, heard, numbered
from speech import Call, Said

pytestmark = [pytest.mark.parametrize("source", judge.DIALECTS),
              pytest.mark.parametrize("target", judge.DIALECTS)]
cell = pytest.mark.dialect_cell
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])

TEXT = 'Grüße — 你好 😀 "quoted" \\ and\nlines.\u2028'
SYSTEM = ("system", "Be brief, ünd \"exact\".")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "The weather in a city", CITY)
CLOCK = Tool("get_time", "The time in a city", CITY)
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"},
                                           "mood": {"enum": ["good", "bad"]}},
          "required": ["count", "mood"], "additionalProperties": False}


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + \
            struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([y * 16, y * 16, 99]) * 8 for y in range(8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PNG = base64.b64encode(png()).decode()


def converse(pair, ask, said, stream):
    """Asks, checks what arrived at the backend and all that came back of the answer."""
    pair.upstream.script(speech.Speak(said))
    seen = pair.client.ask(ask, stream)
    pair.judge()
    exchange = pair.upstream.chats[-1]
    assert exchange.speaks == pair.target
    body = exchange.json
    assert body.get("stream", pair.target in speech.NDJSON) is stream
    assert body["model"] == "fake-model"
    got = heard(pair.target, body)
    turns = numbered(ask.turns)
    if pair.source == "ollama":  # its messages say nothing of the order of text and images
        got.turns, turns = sorted(got.turns), sorted(turns)
    assert got.turns == turns
    assert got.max_tokens == ask.max_tokens
    assert (got.tools, got.schema) == (ask.tools, ask.schema)
    check(pair, seen, said)
    return seen, body


def check(pair, seen, said):
    assert seen.text == said.text
    assert [(name, arguments) for _, name, arguments in seen.calls] == \
        [(c.name, c.arguments) for c in said.calls]
    if pair.source != "ollama":
        ids = [call_id for call_id, _, _ in seen.calls]
        assert all(ids) and len(set(ids)) == len(ids)
        assert ids == [c.id for c in said.calls]
    assert seen.finish == said.finish
    assert seen.models == {"asked"}
    cached = 0 if pair.target == "ollama" else said.cached
    assert (seen.tokens[0], seen.tokens[2]) == (said.tokens_in, said.tokens_out)
    if pair.source != "ollama":
        assert (seen.tokens[1] or 0) == cached
    record = pair.weir.ledger()[-1]
    assert (record["tokens_in"], record["tokens_out"]) == (said.tokens_in, said.tokens_out)
    assert (record["tokens_cached"] or 0) == cached
    assert record["tokens_estimated"] == 0 and record["outcome"] == "ok"


@cell("plain")
def test_plain(pair):
    ask = Ask([SYSTEM, ("user", "Say hello."), ("assistant", "Hello."), ("user", TEXT)],
              temperature=0.5)
    _, body = converse(pair, ask, Said(TEXT), stream=False)
    assert heard(pair.target, body).temperature == 0.5


@cell("stream")
def test_stream(pair):
    converse(pair, Ask([SYSTEM, ("user", TEXT)]), Said(TEXT, step=1), stream=True)
    events = pair.judge()
    text = json.dumps([data for _, data in events], ensure_ascii=False)
    assert text.count("😀") >= 1  # never in halves
    ends = {"openai-chat": lambda e: e[1] == "[DONE]",
            "openai-responses": lambda e: e[0] == "response.completed",
            "anthropic": lambda e: e[0] == "message_stop",
            "ollama": lambda e: e[1]["done"]}[pair.source]
    assert [n for n, e in enumerate(events) if ends(e)] == [len(events) - 1]


@cell("tools")
@both_ways
def test_tools(pair, stream):
    ask = Ask([("user", "The weather in Paris?")], tools=[WEATHER, CLOCK],
              choice=None if pair.source == "ollama" else "auto")
    said = Said(calls=[Call("call_abc123", "get_weather", {"city": 'Pa"ris 😀'})])
    seen, body = converse(pair, ask, said, stream)
    assert heard(pair.target, body).choice in ("auto", None)

    # and the next turn: the call goes back with what the tool said
    ask.turns += [("call", *seen.calls[0]),
                  ("result", seen.calls[0][0], "get_weather", "rainy, 9 °C")]
    converse(pair, ask, Said("Take an umbrella."), stream)


@cell("parallel tools")
@both_ways
def test_parallel_tools(pair, stream):
    ask = Ask([("user", "Weather and time in Paris, weather in Rome?")], tools=[WEATHER, CLOCK])
    said = Said(calls=[Call("call_1", "get_weather", {"city": "Paris"}),
                       Call("call_2", "get_time", {"city": "Paris"}),
                       Call("call_3", "get_weather", {"city": "Rome"})])
    seen, _ = converse(pair, ask, said, stream)
    ask.turns += [("call", *call) for call in seen.calls]
    ask.turns += [("result", call[0], call[1], f"the answer {n}")
                  for n, call in enumerate(seen.calls)]
    converse(pair, ask, Said("Rain and noon."), stream)


@cell("image")
@both_ways
def test_image(pair, stream):
    converse(pair, Ask([("user", "What is on it?"), ("image", PNG)]), Said("A gradient."), stream)


@cell("schema")
@both_ways
def test_schema(pair, stream):
    answer = {"count": 1, "mood": "good"}
    seen, _ = converse(pair, Ask([("user", "Count.")], schema=SCHEMA),
                       Said(json.dumps(answer)), stream)
    assert json.loads(seen.text) == answer


@cell("error")
@both_ways
@pytest.mark.parametrize("status", [400, 429, 529])
def test_error_before_the_first_byte(pair, stream, status):
    pair.upstream.script(speech.Refuse(status, "no, says the fäke", ("retry-after", "60")))
    with pytest.raises(ERRORS[pair.source]) as caught:
        pair.client.ask(Ask([("user", "Say hello.")]), stream)
    error = caught.value
    # 400 is about the request and is told; the others are about the backend, and none is left
    assert error.status_code in ([400] if status == 400 else [429, 503, 529])
    answer = pair.tap.answers()[-1]
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json
    if status == 400:
        assert "no, says the fäke" in json.dumps(body, ensure_ascii=False)
    if pair.source == "ollama":
        assert set(body) == {"error"} and isinstance(body["error"], str)
        assert error.error == body["error"]
    elif pair.source == "anthropic":
        assert not judge.answer("anthropic-error", body), judge.answer("anthropic-error", body)
        assert answer.headers["request-id"] == body.get("request_id", answer.headers["request-id"])
        if status == 400:
            assert body["error"]["type"] == "invalid_request_error"
    else:
        assert set(body) == {"error"} and {"message", "type", "param", "code"} == set(body["error"])
        assert error.request_id == answer.headers["x-request-id"]


@cell("cut stream")
@pytest.mark.parametrize("how", speech.CUTS)
def test_cut_stream(pair, how):
    pair.upstream.script(speech.Cut(Said("one two three four five six seven eight"), how,
                                    "the fäke's memory ran out"))
    with pytest.raises(ERRORS[pair.source]):
        pair.client.ask(Ask([("user", "Count.")]), stream=True)
    events = pair.judge()
    ends = ("[DONE]", "response.completed", "response.incomplete", "message_stop")
    for name, data in events:
        assert data not in ends and name not in ends
        assert pair.source != "ollama" or not data.get("done")
    error = events[-1][1]
    if pair.source == "openai-responses":
        assert error["type"] in ("error", "response.failed")
    elif pair.source == "anthropic":
        assert events[-1][0] == "error"
        assert not judge.answer("anthropic-error", error), judge.answer("anthropic-error", error)
    elif pair.source == "ollama":
        assert isinstance(error["error"], str)
    else:
        assert {"message", "type", "param", "code"} == set(error["error"])
    record = pair.weir.wait_record()
    assert record["outcome"] != "ok"
