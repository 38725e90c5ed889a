"""The model that goes on: each engine takes its own words for that, and no others."""
import json

import pytest

import continuing
import faulty
import speech
from harness import Raw, chat, request

FLAGS = {"continue_final_message": True, "add_generation_prompt": False}
USER = {"role": "user", "content": "Tell me."}


def ask(up, path, body):
    with Raw("127.0.0.1", up.port) as raw:
        raw.send(request(body, path=path))
        return raw.response()


def begun(text, model="fake-model", **more):
    return chat(model=model, messages=[USER, {"role": "assistant", "content": text}], max_tokens=90,
                **more)


def said(answer, kind, stream):
    """The text of an answer that came over HTTP."""
    if not stream:
        found = answer.json
        return {"openai-chat": lambda: found["choices"][0]["message"]["content"],
                "anthropic": lambda: found["content"][0]["text"],
                "ollama": lambda: found["message"]["content"],
                "generate": lambda: found["response"]}[kind]()
    if kind in speech.NDJSON:
        lines = [json.loads(line) for line in answer.body.decode().split("\n") if line]
        return "".join(line["response"] if kind == "generate" else line["message"]["content"]
                       for line in lines)
    if kind == "anthropic":
        return "".join(e["delta"].get("text", "") for e in answer.events
                       if e["type"] == "content_block_delta")
    return answer.stream_text


# engine, path, model, what it takes beside the beginning: whether it goes on
TAKES = [
    ("vllm", "openai-chat", "m", FLAGS, True),
    ("vllm", "openai-chat", "m", {}, False),
    ("vllm", "openai-chat", "m", {"continue_final_message": False,
                                  "add_generation_prompt": False}, False),
    ("llamacpp", "openai-chat", "m", {}, True),
    ("ollama", "openai-chat", "m", {}, True),
    ("ollama", "ollama", "m", {}, True),
    ("openai", "openai-chat", "m", {}, False),
    ("anthropic", "anthropic", "claude-haiku-4-5", {}, True),
    ("anthropic", "anthropic", "claude-opus-4-20250514", {}, True),
    ("anthropic", "anthropic", "claude-3-5-haiku-20241022", {}, True),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("engine, kind, model, more, goes_on", TAKES)
def test_it_goes_on_where_its_engine_would(engine, kind, model, more, goes_on, stream):
    with faulty.Upstream(engine=engine) as up:
        up.script(continuing.Tell(engine))
        for count in (1, 11, 26, 40, 59):
            text = "".join(continuing.PIECES[:count]).rstrip()
            answer = ask(up, speech.PATHS[kind], begun(text, model, stream=stream, **more))
            assert said(answer, kind, stream) == \
                (continuing.TEXT[len(text):] if goes_on else continuing.TEXT)


REFUSED = [
    ("vllm", "openai-chat", {"continue_final_message": True}, "fake-model", "Once,"),
    ("anthropic", "anthropic", {}, "claude-opus-4-6", "Once,"),
    ("anthropic", "anthropic", {}, "claude-sonnet-5", "Once,"),
    ("anthropic", "anthropic", {}, "claude-haiku-4-5", "Once, "),
]


@pytest.mark.parametrize("engine, kind, more, model, text", REFUSED)
def test_it_refuses_what_its_engine_would(engine, kind, more, model, text):
    with faulty.Upstream(engine=engine) as up:
        up.script(continuing.Tell(engine))
        assert ask(up, speech.PATHS[kind], begun(text, model, **more)).status == 400


def test_llama_cpp_refuses_while_it_thinks():
    with faulty.Upstream(engine="llamacpp") as up:
        up.script(continuing.Tell("llamacpp", thinking=True))
        assert ask(up, "/v1/chat/completions", begun("Once,")).status == 400
        assert ask(up, "/v1/chat/completions", chat()).text == continuing.TEXT


@pytest.mark.parametrize("stream", [False, True])
def test_ollama_goes_on_behind_its_own_prompt(stream):
    with faulty.Upstream(engine="ollama") as up:
        up.script(continuing.Tell("ollama"))
        shown = ask(up, "/api/chat", {"model": "m", "messages": [USER], "stream": False,
                                      "_debug_render_only": True})
        prompt = shown.json["_debug_info"]["rendered_template"]
        assert prompt.endswith(continuing.TURN) and "Tell me." in prompt
        for text in ("Once, beyond", ""):
            answer = ask(up, "/api/generate", {"model": "m", "raw": True, "stream": stream,
                                               "prompt": prompt + text})
            assert said(answer, "generate", stream) == continuing.TEXT[len(text):]
        answer = ask(up, "/api/generate", {"model": "m", "prompt": prompt + text,
                                           "stream": stream})
        assert said(answer, "generate", stream) == continuing.TEXT


def test_what_it_did_not_say_is_no_beginning_of_it(lab):
    lab.script(continuing.Tell("llamacpp"))
    for text in ("Once, Once, beyond", "beyond the", "Once, bey the"):
        assert ask(lab, "/v1/chat/completions", begun(text)).text == continuing.LOST


def test_a_template_that_ends_each_turn_begins_anew(lab):
    lab.script(continuing.Tell("llamacpp", able=False))
    assert ask(lab, "/v1/chat/completions", begun("Once,")).text == continuing.TEXT


def test_it_says_no_more_than_it_may(lab):
    lab.script(continuing.Tell("llamacpp"))
    answer = ask(lab, "/v1/chat/completions", {**begun("Once, beyond"), "max_tokens": 2})
    assert answer.text == " the Zürichsee,"
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert answer.json["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("kind", speech.PATHS)
@pytest.mark.parametrize("after", [1, 40, 59])
def test_it_breaks_behind_an_event(lab, kind, after):
    lab.script(continuing.Tell("vllm", after=after, then=[faulty.FIN]))
    body = chat(stream=True, **({"input": "Tell me."} if "responses" in kind else {}))
    answer = ask(lab, speech.PATHS[kind], body)
    pieces = continuing.PIECES
    assert not answer.complete
    assert pieces[after].strip() not in answer.body.decode()
    if "responses" not in kind:
        assert said(answer, kind, True) == "".join(pieces[:after])


def test_a_plain_answer_breaks_in_its_body(lab):
    lab.script(continuing.Tell("vllm", after=1, then=[faulty.FIN]))
    assert ask(lab, "/v1/chat/completions", chat()).body is None
