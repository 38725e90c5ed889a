"""The same with real engines: llama.cpp always, Ollama and vLLM with `make test-engines`."""
import json

import pytest

from harness import backend, eventually

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300), pytest.mark.xdist_group("engines")]
HELLO = [{"role": "user", "content": "Say hello."}]
SLOW = {"first_token": "120s", "between_tokens": "60s", "total": "200s"}


@pytest.fixture
def real(start, engine, managed):
    """Its models are what it lists itself."""
    return start(backend("lab", "inside", engine, models=[], **SLOW),
                 backend("managed", "outside", managed.url, engine="openai", key=managed.key,
                         models=["gpt-5-mini"]),
                 timeouts=SLOW, breaker={"open": "500ms"}, health={"interval": "300ms"})


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
    assert not any("minilm" in n for n in names)  # an embedding model answers no chat


def test_a_prompt_longer_than_its_window_goes_out(real):
    text = "This sentence is only here to fill the window of the model. " * 600
    answer = real.sdk().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": text}])
    assert "stand-in" in answer.choices[0].message.content


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
