"""The same with real engines: llama.cpp always, Ollama and vLLM with `make test-engines`."""
import json

import ollama
import openai
import pytest

from harness import backend, eventually

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300), pytest.mark.xdist_group("engines")]
HELLO = [{"role": "user", "content": "Say hello."}]
TOO_LONG = "This sentence is only here to fill the window of the model. " * 600
SLOW = {"first_token": "120s", "between_tokens": "60s", "total": "200s"}


@pytest.fixture
def real(start, engine, managed):
    """Its models are what it lists itself."""
    return start(backend("lab", "inside", engine, models=[], **SLOW),
                 backend("managed", "outside", managed.url, engine="openai", key=managed.key,
                         models=["gpt-5-mini"]),
                 timeouts=SLOW, breaker={"open": "500ms"},
                 health={"interval": "300ms", "load_interval": "200ms"})


def test_plain(real, engine):
    answer = real.sdk().chat.completions.create(model="auto", messages=HELLO, max_tokens=12)
    assert answer.choices[0].message.content and answer.model == "auto"
    record = real.ledger()[-1]
    assert record["side"] == "inside" and record["model"] == engine.models[0]
    assert record["tokens_in"] == answer.usage.prompt_tokens
    assert record["tokens_out"] == answer.usage.completion_tokens
    assert record["tokens_estimated"] == 0


def test_stream(real):
    events = list(real.sdk().chat.completions.create(
        model="auto", messages=HELLO, max_tokens=12, stream=True))
    assert "".join(e.choices[0].delta.content or "" for e in events)
    assert events[-1].choices[0].finish_reason in ("stop", "length")
    record = real.ledger()[-1]
    assert record["side"] == "inside" and record["tokens_estimated"] == 0
    assert record["tokens_out"] > 0 and 0 < record["first_token_us"] < record["total_us"]


def test_usage_when_asked(real):
    events = list(real.sdk().chat.completions.create(
        model="auto", messages=HELLO, max_tokens=8, stream=True,
        stream_options={"include_usage": True}))
    assert events[-1].usage.completion_tokens > 0


def test_json_schema(real):
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}},
              "required": ["mood"], "additionalProperties": False}
    answer = real.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "I am happy. My mood as JSON?"}],
        max_tokens=40, temperature=0, response_format={
            "type": "json_schema", "json_schema": {"name": "mood", "schema": schema}})
    assert json.loads(answer.choices[0].message.content)["mood"] in ("good", "bad")


def test_a_client_that_leaves_frees_the_engine(real):
    stream = real.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "Tell a long story."}],
        max_tokens=1000, stream=True)
    for _ in stream:
        break
    stream.close()
    real.wait_record(timeout=5, status=499)
    answer = real.sdk().chat.completions.create(model="auto", messages=HELLO, max_tokens=4)
    assert answer.choices[0].message.content is not None


def test_the_engines_models_are_listed(real, engine):
    names = {m.id for m in real.sdk().models.list()}
    assert any(engine.models[0] in n for n in names)


def test_what_the_engine_says_of_itself(real, engine):
    def node():
        return next(n for n in json.loads(real.run("nodes", "--json").stdout)["nodes"]
                    if n["side"] == "inside")
    known = eventually(lambda: node() if node()["load_age_ms"] is not None else None, 20)
    assert known["version"] and known["state"] == "up"
    model = next(m for m in known["models"] if engine.models[0] in m["name"])
    assert model["window"] > 0
    stream = real.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "Tell a long story."}],
        max_tokens=300, stream=True)
    for _ in stream:
        break
    if engine.engine == "ollama":
        assert model["digest"]
        eventually(lambda: node()["loaded"] >= 1, 20)
    else:
        eventually(lambda: node()["running"] == 1 and node()["queued"] == 0, 20)
        eventually(lambda: 0 < node()["kv_use"] < 1, 20)
    stream.close()
    if engine.engine != "ollama":
        eventually(lambda: node()["running"] == 0, 20)


def test_completions(real, engine):
    """vLLM and llama.cpp go on with the text themselves; Ollama chats."""
    client = real.sdk()
    answer = client.completions.create(model="auto", prompt="One two three", max_tokens=8)
    assert answer.object == "text_completion" and answer.choices[0].text
    events = list(client.completions.create(model="auto", prompt="One two three", max_tokens=8,
                                            stream=True))
    assert "".join(e.choices[0].text for e in events if e.choices)
    assert events[-1].choices[0].finish_reason in ("stop", "length")
    passed = engine.engine in ("llamacpp", "vllm")
    for record in real.ledger()[-2:]:
        assert (record["side"], record["tokens_estimated"]) == ("inside", 0)
        assert record["tokens_in"] > 0 and record["tokens_out"] > 0
        assert ("openai-completions to" not in (record["notes"] or "")) == passed


def test_embeddings(real, engine):
    """Ollama has a model for them beside the one that chats; the others have none."""
    client, own = real.sdk(), ollama.Client(host=real.url, timeout=60)
    texts = ["a brown fox", "a red fox", "the price of steel"]
    if engine.engine != "ollama":
        with pytest.raises(openai.BadRequestError, match="embeddings"):
            client.embeddings.create(model="auto", input=texts)
        return
    fox, red, steel = [d.embedding for d in client.embeddings.create(
        model="auto", input=texts).data]
    assert len(fox) == 384 and dot(fox, red) > dot(fox, steel)
    record = real.ledger()[-1]
    assert "minilm" in record["model"] and record["tokens_estimated"] == 0
    named = own.embed(record["model"], texts).embeddings
    assert [pytest.approx(e, abs=1e-6) for e in named] == [fox, red, steel]
    old = own.embeddings(record["model"], texts[0]).embedding
    assert len(old) == 384


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def test_load_requests(real, engine):
    own = ollama.Client(host=real.url, timeout=60)
    for more, reason in (({"keep_alive": 0}, "unload"), ({}, "load"), ({"stream": True}, "load")):
        for ask in (own.generate, own.chat):
            answer = ask(engine.models[0], **more)
            parts = list(answer) if more.get("stream") else [answer]
            assert [(p.done, p.done_reason) for p in parts] == [(True, reason)]
    asked = real.ledger()[-1]["side"] is not None
    assert asked == (engine.engine == "ollama")


def test_a_prompt_longer_than_its_window_goes_out(real):
    answer = real.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": TOO_LONG}])
    assert "stand-in" in answer.choices[0].message.content


@pytest.fixture
def alone(start, engine, managed):
    """Its window is said to be larger than it is, as a wrong estimate would have it."""
    def make(*more):
        model = {"name": engine.models[0], "window": 20000}
        return start(backend("lab", "inside", engine, models=[model], **SLOW), *more, timeouts=SLOW)
    return make


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_engine_refuses_what_its_window_cannot_hold(alone, stream):
    """It is never cut, and the error is the dialect's."""
    weir = alone()
    with pytest.raises(openai.BadRequestError) as refused:
        list(weir.sdk().chat.completions.create(
            model="auto", messages=[{"role": "user", "content": TOO_LONG}], max_tokens=4,
            stream=stream))
    assert "context" in str(refused.value)
    assert weir.ledger()[-1]["outcome"] == "upstream_rejected"


def test_what_an_engine_refuses_goes_to_one_that_holds_it(alone, managed):
    weir = alone(backend("managed", "outside", managed.url, engine="openai", key=managed.key,
                         models=["gpt-5-mini"]))
    answer = weir.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": TOO_LONG}])
    assert "stand-in" in answer.choices[0].message.content
    assert weir.ledger()[-1]["attempts"]


def test_ollama_in_its_own_dialect_cuts_nothing(alone, engine):
    if engine.engine != "ollama":
        pytest.skip("only Ollama cuts")
    weir = alone()
    client = ollama.Client(host=weir.url, timeout=120)
    with pytest.raises(ollama.ResponseError, match="context length"):
        client.chat(model="auto", messages=[{"role": "user", "content": TOO_LONG}])
    with pytest.raises(ollama.ResponseError, match="context length"):
        client.chat(model="auto", options={"num_ctx": 256},
                    messages=[{"role": "user", "content": "word and another " * 200}])


@pytest.mark.slow
def test_killed_and_back(real, engine):
    client = real.sdk()

    def ask():
        client.chat.completions.create(model="auto", messages=HELLO, max_tokens=4)
        return real.ledger()[-1]

    assert ask()["side"] == "inside"
    engine.stop()
    try:
        for _ in range(5):
            assert ask()["side"] == "outside"
    finally:
        engine.start()
    eventually(lambda: ask()["side"] == "inside", 60, 0.5)
