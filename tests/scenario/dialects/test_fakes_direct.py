"""The fakes of all dialects, asked by the official SDKs themselves with no Weir between: what the
table takes for granted. And the judge: it must be able to say no."""
import anthropic
import httpx
import ollama
import openai
import pytest

import faulty
import judge
import speech
from managed import Managed
from clients import CLIENTS, ERRORS, KEY, Ask, heard, numbered
from speech import Call, Said
from tap import Tap
from test_table import CLOCK, PNG, SCHEMA, SYSTEM, TEXT, WEATHER

every = pytest.mark.parametrize("kind", judge.DIALECTS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@pytest.fixture
def up(kind):
    engine = {"anthropic": "anthropic", "ollama": "ollama"}.get(kind, "openai")
    with faulty.Upstream(engine=engine, models=["asked"]) as upstream:
        yield upstream


@pytest.fixture
def tap(up):
    with Tap(up.port) as tap:
        yield tap


def good(up, tap, kind):
    found, events = tap.judge(kind)
    assert not found, "\n".join(found)
    assert not up.complaints, "\n".join(up.complaints)
    return events


@every
@both_ways
@pytest.mark.parametrize("ask, said", [
    (Ask([SYSTEM, ("user", "Hi"), ("assistant", "Hello."), ("user", TEXT)]), Said(TEXT, step=1)),
    (Ask([("user", "Paris?")], tools=[WEATHER, CLOCK]), Said(calls=[
        Call("call_1", "get_weather", {"city": "Paris"}), Call("call_2", "get_time", {})])),
    (Ask([("user", "Paris?"), ("call", "call_1", "get_weather", {"city": "Paris"}),
          ("result", "call_1", "get_weather", "rain")], tools=[WEATHER]), Said("Rain.")),
    (Ask([("user", "What?"), ("image", PNG)]), Said("A picture.")),
    (Ask([("user", "Count.")], schema=SCHEMA), Said('{"count": 1, "mood": "good"}')),
    (Ask([("user", "Go on.")], max_tokens=3), Said("and so", finish="length")),
    (Ask([("user", "Think.")]), Said("42", thinking="It must be 42.", signature="c2ln",
                                     reasoning=9)),
], ids=["text", "calls", "result", "image", "schema", "length", "thinking"])
def test_an_exchange(up, tap, kind, stream, ask, said):
    up.script(speech.Speak(said))
    seen = CLIENTS[kind](tap.url).ask(ask, stream)
    good(up, tap, kind)
    assert (seen.text, seen.thinking, seen.finish) == (said.text, said.thinking, said.finish)
    assert [c[1:] for c in seen.calls] == [(c.name, c.arguments) for c in said.calls]
    assert (seen.tokens[0], seen.tokens[2]) == (57, 23)
    assert kind == "ollama" or seen.tokens[1] == 32
    got = heard(kind, up.chats[-1].json)
    assert got.turns == numbered(ask.turns)
    assert (got.tools, got.schema, got.max_tokens) == (ask.tools, ask.schema, ask.max_tokens)


@every
@both_ways
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
def test_refusals(up, tap, kind, stream, status):
    up.script(speech.Refuse(status, "no"))
    with pytest.raises(ERRORS[kind]) as caught:
        CLIENTS[kind](tap.url).ask(Ask([("user", "Hi")]), stream)
    assert caught.value.status_code == status
    if kind == "anthropic":
        assert not judge.answer("anthropic-error", tap.answers()[-1].json)


@every
def test_a_cut_connection_raises(up, tap, kind):
    up.script(speech.Cut(Said("one two three four five"), "fin"))
    with pytest.raises((ERRORS[kind], httpx.HTTPError, *other_httpx())):
        CLIENTS[kind](tap.url).ask(Ask([("user", "Hi")]), True)
    good(up, tap, kind)


@pytest.mark.parametrize("kind", ["openai-chat", "anthropic", "ollama"])
def test_an_error_event_raises(up, tap, kind):
    up.script(speech.Cut(Said("one two three four five"), "error", "out of memory"))
    with pytest.raises(ERRORS[kind], match="out of memory"):
        CLIENTS[kind](tap.url).ask(Ask([("user", "Hi")]), True)
    good(up, tap, kind)


@pytest.mark.parametrize("kind", ["openai-responses"])
def test_the_documented_error_event_of_responses_does_not_raise(up, tap, kind):
    """Its SDK raises only for an event with an `error` member, or when the connection breaks."""
    up.script(speech.Cut(Said("one two three four five"), "error", "out of memory"))
    with pytest.raises(AssertionError, match="did not raise"):
        CLIENTS[kind](tap.url).ask(Ask([("user", "Hi")]), True)
    good(up, tap, kind)


def other_httpx():
    """anthropic and openai bring an HTTP client of their own by now."""
    try:
        import httpx2
        return (httpx2.HTTPError,)
    except ImportError:
        return ()


@pytest.mark.parametrize("kind", ["anthropic"])
def test_count_tokens(up, tap, kind):
    client = anthropic.Anthropic(base_url=tap.url, api_key=KEY, max_retries=0)
    assert client.messages.count_tokens(model="asked", messages=[
        {"role": "user", "content": "Hi"}]).input_tokens == 57
    good(up, tap, "count_tokens")
    assert client.models.list().data[0].id == "asked"


@pytest.mark.parametrize("kind", ["openai-chat"])
def test_refusal_and_the_smaller_apis(up, tap, kind):
    client = openai.OpenAI(base_url=tap.url + "/v1", api_key=KEY, max_retries=0)
    up.script(speech.Speak(Said(refusal="I won't.")))
    assert client.chat.completions.create(model="asked", messages=[
        {"role": "user", "content": "Hi"}]).choices[0].message.refusal == "I won't."
    good(up, tap, "openai-chat")
    answer = client.responses.create(model="asked", input="Hi")
    assert answer.output[0].content[0].refusal == "I won't."
    good(up, tap, "openai-responses")
    deltas = [e.delta for e in client.responses.create(model="asked", input="Hi", stream=True)
              if e.type == "response.refusal.delta"]
    assert "".join(deltas) == "I won't."
    good(up, tap, "openai-responses")

    up.script(speech.Speak(Said("and so on")))
    assert client.completions.create(model="asked", prompt="So").choices[0].text == "and so on"
    good(up, tap, "completion")
    assert "".join(e.choices[0].text for e in client.completions.create(
        model="asked", prompt="So", stream=True)) == "and so on"
    good(up, tap, "completion")
    found = client.embeddings.create(model="asked", input=["a", "b"])
    assert [len(d.embedding) for d in found.data] == [8, 8]
    plain = client.embeddings.create(model="asked", input=["a"], encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(found.data[0].embedding)
    good(up, tap, "embeddings")


@pytest.mark.parametrize("kind", ["ollama"])
def test_the_rest_of_ollama(up, tap, kind):
    client = ollama.Client(host=tap.url)
    assert client.list().models[0].model == "asked"
    assert not judge.answer("tags", tap.answers()[-1].json)
    assert client.ps().models[0].context_length == 4096
    assert not judge.answer("ps", tap.answers()[-1].json)
    assert "tools" in client.show("asked").capabilities
    assert not judge.answer("show", tap.answers()[-1].json)
    assert client.generate("asked", "Hi").response == "Hello from the fake."
    good(up, tap, "generate")
    assert "".join(p.response for p in client.generate("asked", "Hi", stream=True)) == \
        "Hello from the fake."
    good(up, tap, "generate")
    assert len(client.embed("asked", ["a", "b"]).embeddings) == 2
    good(up, tap, "embed")


@every
@both_ways
def test_the_stand_in_speaks_it(kind, stream):
    with Managed(key=KEY, models=["asked"]) as api, Tap(api.port) as tap:
        client = CLIENTS[kind](tap.url)
        seen = client.ask(Ask([("system", "Be brief."), ("user", "count to 12")]), stream)
        assert seen.text.split() == [str(n) for n in range(1, 13)] and seen.finish == "stop"
        seen = client.ask(Ask([("user", "Weather?")], tools=[WEATHER, CLOCK]), stream)
        assert [c[1:] for c in seen.calls] == [("get_weather", {"city": "stand-in"})]
        assert not tap.judge(kind)[0], tap.judge(kind)[0]
        seen = client.ask(Ask([("user", "Count.")], schema=SCHEMA), stream)
        assert seen.text == '{"count": 1, "mood": "good"}'
        with pytest.raises(ERRORS[kind]) as caught:
            client.ask(Ask([("user", "Hi")], model="no-such"), stream)
        assert caught.value.status_code == 404


# the judge

MESSAGE = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize("path, body, complaint", [
    ("/v1/chat/completions", {"model": "m"}, "messages: missing"),
    ("/v1/chat/completions", {"model": "m", "messages": [MESSAGE], "top_k": 3}, "top_k: unknown"),
    ("/v1/chat/completions", {"model": "m", "messages": [{"role": "tool", "content": "x"}]},
     "messages[0].tool_call_id: missing"),
    ("/v1/chat/completions", {"model": "m", "messages": [MESSAGE], "tools": [
        {"type": "function", "function": {"description": "x"}}]}, "function.name: missing"),
    ("/v1/messages", {"model": "m", "messages": [MESSAGE]}, "max_tokens: missing"),
    ("/v1/messages", {"model": "m", "max_tokens": 5, "messages": [
        {"role": "tool", "content": "x"}]}, "messages[0].role: 'tool'"),
    ("/v1/messages", {"model": "m", "max_tokens": 5, "messages": [MESSAGE], "stop": ["x"]},
     "stop: unknown"),
    ("/v1/responses", {"model": "m", "input": [{"type": "function_call", "call_id": "c",
                                                "name": "n", "arguments": {}}]},
     "input[0].arguments: {} is no str"),
    ("/v1/responses", {"model": "m", "input": "x", "messages": []}, "messages: unknown"),
    ("/api/chat", {"model": "m", "messages": [MESSAGE], "temperature": 1}, "temperature: unknown"),
    ("/v1/embeddings", {"model": "m"}, "input: missing"),
])
def test_the_judge_says_no_to_requests(path, body, complaint):
    assert any(complaint in found for found in judge.request(path, body)), \
        judge.request(path, body)


@every
@both_ways
def test_the_judge_says_no_to_answers(kind, stream):
    """Each answer without each of its required parts, and with a part too many."""
    said = Said("Hi", calls=[Call("c", "n", {"a": 1})])
    if stream:
        events = [e for e in speech.STREAM[kind](said, {}) if e[1] not in ("[DONE]",
                                                                           {"type": "ping"})]
        judges = [lambda data, name=name: judge.event(kind, name, data) for name, _ in events]
        bodies = [data for _, data in events]
    else:
        judges, bodies = [lambda data: judge.answer(kind, data)], [speech.PLAIN[kind](said, {})]
    for complain, body in zip(judges, bodies):
        assert complain(body) == []
        assert complain({**body, "surplus": 1})
    needed = {"openai-chat": ("id", "choices", "created", "model", "object"),
              "openai-responses": ("type",) if stream else ("id", "output", "model", "tools"),
              "anthropic": ("type",) if stream else ("id", "content", "usage", "role"),
              "ollama": ("message",)}[kind]
    for complain, body in zip(judges, bodies):
        for name in needed:
            assert complain({k: v for k, v in body.items() if k != name}), name
