"""What an application sees through the real openai SDK."""
import json

import openai
import pytest

import faulty
import wire
from harness import backend

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def both(start, lab, managed):
    """The lab, and the stand-in for the managed API behind it, with names for each."""
    return start(backend("lab", "inside", lab),
                 backend("managed", "outside", managed.url, engine="openai",
                         models=["gpt-5-mini"], key=managed.key),
                 aliases={"claude-*": "auto", "fast": "inside/lab-model",
                          "best": "outside/gpt-5-mini"})


@pytest.mark.core
def test_plain_answer(both):
    answer = both.sdk().chat.completions.create(model="auto", messages=HELLO)
    assert answer.choices[0].message.content == "Hello from the lab."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens == 10


@pytest.mark.core
def test_stream(both):
    with both.sdk().chat.completions.create(model="auto", messages=HELLO, stream=True) as stream:
        events = list(stream)
    text = "".join(e.choices[0].delta.content or "" for e in events if e.choices)
    assert text.strip() == "Hello from the lab."
    assert events[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", ["auto", "claude-sonnet-4", "fast", "inside/lab-model", "best"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_names_the_model_that_was_asked_for(both, model, stream):
    answer = both.sdk().chat.completions.create(model=model, messages=HELLO, stream=stream)
    names = {e.model for e in answer} if stream else {answer.model}
    assert names == {model}


def test_pins_and_aliases_choose_the_side(both, lab, managed):
    client = both.sdk()
    for model in ("fast", "inside/lab-model"):
        client.chat.completions.create(model=model, messages=HELLO)
        assert both.ledger()[-1]["side"] == "inside"
    for model in ("best", "outside/gpt-5-mini"):
        client.chat.completions.create(model=model, messages=HELLO)
        assert both.ledger()[-1]["side"] == "outside"
        assert both.ledger()[-1]["model"] == "gpt-5-mini"
    assert len(lab.chats) == 2


def test_tools(both):
    answer = both.sdk().chat.completions.create(
        model="best", messages=HELLO, tools=[WEATHER], tool_choice="auto")
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "stand-in"}


def test_tools_streamed(both):
    events = list(both.sdk().chat.completions.create(
        model="best", messages=HELLO, tools=[WEATHER], stream=True))
    calls = [c for e in events if e.choices for c in e.choices[0].delta.tool_calls or []]
    assert calls[0].function.name == "get_weather"
    arguments = "".join(c.function.arguments or "" for c in calls)
    assert json.loads(arguments) == {"city": "stand-in"}


def test_json_schema(both):
    schema = {"type": "object", "properties": {"count": {"type": "integer"}},
              "required": ["count"], "additionalProperties": False}
    answer = both.sdk().chat.completions.create(
        model="best", messages=HELLO, response_format={
            "type": "json_schema",
            "json_schema": {"name": "count", "schema": schema, "strict": True}})
    assert json.loads(answer.choices[0].message.content) == {"count": 1}


def test_usage_is_hidden_unless_asked_for(both, lab):
    client = both.sdk()
    events = list(client.chat.completions.create(model="fast", messages=HELLO, stream=True))
    assert all(e.choices for e in events) and not any(e.usage for e in events)
    # and yet Weir asked for it, because the ledger wants to know
    assert lab.chats[-1].json["stream_options"]["include_usage"] is True
    assert both.ledger()[-1]["tokens_estimated"] == 0
    assert both.ledger()[-1]["tokens_in"] == 10

    events = list(client.chat.completions.create(
        model="fast", messages=HELLO, stream=True, stream_options={"include_usage": True}))
    assert events[-1].choices == [] and events[-1].usage.prompt_tokens == 10


@pytest.mark.parametrize("where", ["last", "finish", "each", "never"])
def test_usage_is_found_wherever_it_stands(both, lab, where):
    lab.script(faulty.Stream("one ", "two ", "three", use=wire.usage(10, 3), usage_at=where,
                             model="lab-model"))
    list(both.sdk().chat.completions.create(model="fast", messages=HELLO, stream=True))
    record = both.ledger()[-1]
    assert record["tokens_estimated"] == (1 if where == "never" else 0)
    if where != "never":
        assert (record["tokens_in"], record["tokens_out"]) == (10, 3)
    assert record["tokens_in"] > 0 and record["tokens_out"] > 0


def test_cached_and_reasoning_tokens_reach_the_ledger(both, lab):
    use = wire.usage(100, 50, cached=64)
    use["completion_tokens_details"] = {"reasoning_tokens": 30}
    lab.script(faulty.Plain("yes", use=use, model="lab-model"))
    both.sdk().chat.completions.create(model="fast", messages=HELLO)
    record = both.ledger()[-1]
    assert (record["tokens_cached"], record["tokens_reasoning"]) == (64, 30)


def test_models_list_both_sides_and_the_names(both):
    names = {m.id for m in both.sdk().models.list()}
    assert {"auto", "fast", "best"} <= names
    assert any("lab-model" in n for n in names) and any("gpt-5-mini" in n for n in names)


def test_a_list_asked_for_at_the_start_is_whole(start, lab):
    """An engine that is slow to list its models is waited for, as a request would be."""
    lab.probe_delay = 1
    weir = start(backend("lab", "inside", lab, models=[]))
    assert "lab-model" in {m.id for m in weir.sdk().models.list()}


@pytest.mark.parametrize("extra, code, param", [
    ({"model": "no-such-model"}, "model_not_found", None),
    ({"messages": []}, None, "messages"),
    ({"temperature": 0.5, "messages": "hello"}, "invalid_value", "messages"),
])
def test_errors_are_the_sdks_own(both, extra, code, param):
    with pytest.raises(openai.APIStatusError) as caught:
        both.sdk().chat.completions.create(**{"model": "auto", "messages": HELLO, **extra})
    error = caught.value
    assert isinstance(error, (openai.NotFoundError, openai.BadRequestError))
    assert code in (None, error.code)
    assert error.type == "invalid_request_error"
    if param:
        assert error.param.startswith(param)
    assert error.request_id


def test_a_cut_stream_raises(both, lab):
    lab.script([faulty.CHUNKED_HEAD, faulty.role(), faulty.piece("Hel"), faulty.FIN])
    with pytest.raises(openai.APIError):
        list(both.sdk().chat.completions.create(model="fast", messages=HELLO, stream=True))


def test_parameters_that_the_model_refuses_are_changed_and_noted(both):
    answer = both.sdk().chat.completions.create(
        model="best", messages=HELLO, max_tokens=5, temperature=0.2, top_p=0.9)
    assert answer.choices[0].finish_reason == "length"
    notes = both.ledger()[-1]["notes"]
    for name in ("max_tokens", "temperature", "top_p"):
        assert name in notes
