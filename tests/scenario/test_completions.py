"""OpenAI's older /v1/completions: passed on where an engine has it, else a chat's only turn."""
import openai
import pytest

import faulty
import speech
from harness import backend
from speech import Said

SAID = Said("Once upon a time.", tokens_in=11, tokens_out=6, cached=0)
NATIVE = ["vllm", "llamacpp"]
# engine, dialect: where it is asked
OTHERS = {"openai-chat": ("openai", None, "/v1/chat/completions"),
          "openai-responses": ("openai", "openai-responses", "/v1/responses"),
          "anthropic": ("anthropic", None, "/v1/messages"),
          "ollama": ("ollama", None, "/api/chat")}


@pytest.fixture
def far():
    with faulty.Upstream(models=["far-model"]) as up:
        up.script(speech.Speak(SAID))
        yield up


def weir_of(start, far, engine, side="inside", dialect=None, name="far"):
    far.engine = engine
    more = {"dialect": dialect} if dialect else {}
    return start(backend(name, side, far, **more), aliases={"mine": "far-model"})


def create(weir, prompt="Tell me", model="mine", **more):
    return weir.sdk().completions.create(model=model, prompt=prompt, **more)


def text_of(events):
    return "".join(e.choices[0].text for e in events if e.choices)


@pytest.mark.parametrize("engine", NATIVE)
def test_passed_on(start, far, engine):
    weir = weir_of(start, far, engine)
    body = b'{"model" : "mine", "prompt":["a", "b"],"best_of": 2, "echo":true,"min_p" :0.10}'
    answer = weir.post(body, path="/v1/completions")
    assert answer.json["choices"][0]["text"] == SAID.text and answer.json["model"] == "mine"
    assert far.chats[0].path == "/v1/completions"
    assert far.chats[0].body == body.replace(b"mine", b"far-model")
    record = weir.ledger()[-1]
    assert (record["dialect"], record["model"], record["outcome"]) == \
        ("openai-completions", "far-model", "ok")
    assert (record["tokens_in"], record["tokens_out"], record["notes"] or "") == (11, 6, "")


@pytest.mark.parametrize("asks", [{}, {"stream_options": {"include_usage": True}},
                                  {"stream_options": {"include_usage": False}}])
@pytest.mark.parametrize("engine", NATIVE)
def test_stream_passed_on(start, far, engine, asks):
    weir = weir_of(start, far, engine)
    events = list(create(weir, stream=True, max_tokens=20, **asks))
    assert text_of(events) == SAID.text and {e.model for e in events} == {"mine"}
    assert [c.finish_reason for e in events for c in e.choices][-1] == "stop"
    shown = asks == {"stream_options": {"include_usage": True}}
    assert [e.usage.completion_tokens for e in events if e.usage] == ([6] if shown else [])
    assert far.chats[0].json["stream_options"]["include_usage"] and not far.complaints
    record = weir.ledger()[-1]
    assert (record["tokens_in"], record["tokens_out"], record["tokens_estimated"]) == (11, 6, 0)


@pytest.mark.parametrize("prompt", ["Tell me", ["Tell me"]])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("other", OTHERS)
def test_translated(start, far, other, stream, prompt):
    engine, dialect, path = OTHERS[other]
    weir = weir_of(start, far, engine, dialect=dialect)
    asks = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer = create(weir, prompt, max_tokens=30, temperature=0.5, **asks)
    events = list(answer) if stream else [answer]
    assert text_of(events) == SAID.text
    assert {(e.object, e.model) for e in events} == {("text_completion", "mine")}
    assert [c.finish_reason for e in events for c in e.choices][-1] == "stop"
    assert (events[-1].usage.prompt_tokens, events[-1].usage.completion_tokens) == (11, 6)
    assert far.chats[0].path == path and not far.complaints
    assert b"Tell me" in far.chats[0].body
    record = weir.ledger()[-1]
    assert record["notes"].startswith("openai-completions to " + other)
    assert (record["tokens_in"], record["tokens_out"]) == (11, 6)


@pytest.mark.parametrize("field,value", [
    ("suffix", "the end"), ("echo", True), ("best_of", 3), ("logprobs", 2), ("n", 2),
    ("prompt", ["a", "b"]), ("prompt", [1, 2, 3]), ("prompt", [[1], [2]]),
    ("logit_bias", {"5": 1})])
def test_what_a_chat_cannot_say(start, far, field, value):
    weir = weir_of(start, far, "anthropic")
    with pytest.raises(openai.BadRequestError, match=field) as refused:
        create(weir, **{field: value})
    assert refused.value.param == field and not far.chats
    weir.stop()
    weir = weir_of(start, far, "vllm")  # and who says it himself
    assert create(weir, **{field: value}).choices[0].text == SAID.text
    assert far.chats[0].json[field] == value


def test_what_is_usual_is_no_obstacle(start, far):
    weir = weir_of(start, far, "ollama")
    usual = {"suffix": None, "echo": False, "best_of": 1, "n": 1, "logprobs": None}
    assert create(weir, **usual).choices[0].text == SAID.text


def test_the_next_candidate_is_asked_in_its_own_way(start, far, lab):
    far.engine = "vllm"
    far.script(faulty.failing(503))
    weir = start(backend("far", "inside", far, models=["m"]),
                 backend("lab", "inside", lab, models=["m"], engine="openai"))
    assert create(weir, model="m").choices[0].text == "Hello from the lab."
    assert far.chats[0].path == "/v1/completions" and lab.chats[0].path == "/v1/chat/completions"


@pytest.mark.parametrize("how", speech.CUTS)
@pytest.mark.parametrize("engine", ["vllm", "anthropic"])
def test_a_cut_stream_raises(start, far, engine, how):
    weir = weir_of(start, far, engine)
    far.script(speech.Cut(SAID, how))
    with pytest.raises(openai.APIError):
        list(create(weir, stream=True))
    assert weir.ledger()[-1]["outcome"] != "ok"


@pytest.mark.parametrize("body,param", [
    ({"model": "mine"}, "prompt"), ({"prompt": "a"}, "model"), ({"model": "mine", "prompt": 5},
                                                               "prompt"),
    ({"model": "mine", "prompt": ["a", None]}, "prompt"),
    ({"model": "mine", "prompt": "a", "stop": 5}, "stop")])
def test_bad_requests(start, far, body, param):
    weir = weir_of(start, far, "vllm")
    answer = weir.post(body, path="/v1/completions")
    assert answer.status == 400 and answer.error["param"] == param and not far.chats


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
def test_an_upstreams_refusal(start, far, engine):
    weir = weir_of(start, far, engine)
    far.script(speech.Refuse(400, "temperature is too high"))
    with pytest.raises(openai.BadRequestError, match="temperature is too high"):
        create(weir)
