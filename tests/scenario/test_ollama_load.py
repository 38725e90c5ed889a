"""Ollama's requests without a prompt: they load a model, or with keep_alive 0 unload it."""
import json

import ollama
import pytest

import faulty
from harness import backend

LOADED = {"model": "lab-model", "created_at": "2026-11-24T06:21:32Z", "done": True}


@pytest.fixture
def oven():
    """Loads what it is told to."""
    def answer(exchange):
        asked = exchange.json
        more = {"response": ""} if exchange.path == "/api/generate" else \
            {"message": {"role": "assistant", "content": ""}}
        reason = "unload" if asked.get("keep_alive") in (0, "0s") else "load"
        yield from faulty.json_answer(200, json.dumps(
            {**LOADED, "model": asked["model"], **more, "done_reason": reason}).encode())

    with faulty.Upstream(engine="ollama", models=["lab-model"]) as up:
        up.script(answer)
        yield up


ASKS = [("chat", {}, "load"), ("generate", {}, "load"),
        ("chat", {"keep_alive": 0}, "unload"), ("generate", {"keep_alive": "0s"}, "unload"),
        ("generate", {"keep_alive": "10m"}, "load"), ("chat", {"stream": True}, "load"),
        ("generate", {"stream": True, "keep_alive": 0}, "unload")]


def ask(weir, kind, model="lab-model", **more):
    answer = getattr(ollama.Client(host=weir.url, timeout=20), kind)(model, **more)
    parts = list(answer) if more.get("stream") else [answer]
    assert len(parts) == 1 and parts[0].done
    return parts[0]


@pytest.mark.parametrize("kind,more,reason", ASKS)
def test_an_engine_that_loads(start, oven, cloud, kind, more, reason):
    """Its own answer to its own request, but for the model's name."""
    weir = start(backend("cloud", "outside", cloud, models=["lab-model"]),
                 backend("oven", "inside", oven), aliases={"mine": "lab-model"})
    answer = ask(weir, kind, "mine", **more)
    assert (answer.model, answer.done_reason) == ("mine", reason)
    assert [c.path for c in oven.chats] == ["/api/" + kind] and not cloud.chats
    assert oven.chats[0].json["model"] == "lab-model"
    assert oven.chats[0].json.get("keep_alive") == more.get("keep_alive")
    record = weir.ledger()[-1]
    assert (record["backend"], record["outcome"], record["tokens_out"]) == ("oven", "ok", 0)


@pytest.mark.parametrize("kind,more,reason", ASKS)
def test_nobody_loads(start, lab, cloud, kind, more, reason):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    for model in ("lab-model", "auto"):
        answer = ask(weir, kind, model, **more)
        assert (answer.model, answer.done_reason) == (model, reason)
        assert (answer.response if kind == "generate" else answer.message.content) == ""
    assert not lab.chats and not cloud.chats
    record = weir.ledger()[-1]
    assert (record["side"], record["status"], record["outcome"]) == (None, 200, "ok")
    assert record["notes"] == "answered by Weir: nothing to load"


def test_ollama_outside_is_not_told(start, oven):
    weir = start(backend("far", "outside", oven))
    assert ask(weir, "chat").done_reason == "load" and not oven.chats


def test_unknown_model_and_dead_engine(start, oven):
    weir = start(backend("oven", "inside", oven))
    with pytest.raises(ollama.ResponseError) as refused:
        ask(weir, "chat", "no-such-model")
    assert refused.value.status_code == 404
    oven.down()
    with pytest.raises(ollama.ResponseError) as refused:
        ask(weir, "chat")
    assert refused.value.status_code == 503
