"""Stored answers of the responses API: conversations that go on by the id of an answer, whoever
gave it. The fakes give every answer the same id: what the client names is Weir's own."""
import signal
import time

import openai
import pytest

import faulty
import judge
import speech
from clients import KEY, heard
from harness import eventually
from speech import Call, Said

targets = pytest.mark.parametrize("target", judge.DIALECTS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
MEMORY = {"responses": {"store": "memory"}}
WEATHER = {"type": "function", "name": "get_weather", "description": "The weather.",
           "strict": False, "parameters": {"type": "object", "required": ["city"],
                                           "properties": {"city": {"type": "string"}}}}


@pytest.fixture
def pair(make_pair, target):
    return make_pair("openai-responses", target, **MEMORY)


def say(pair, stream=False, sdk=None, **request):
    """One turn; the whole answer."""
    sdk = sdk or pair.client.sdk
    if not stream:
        return sdk.responses.create(model="asked", **request)
    *_, last = sdk.responses.create(model="asked", stream=True, **request)
    assert last.type in ("response.completed", "response.incomplete")
    return last.response


def turns(pair):
    """What the backend was asked last."""
    return heard(pair.target, pair.upstream.chats[-1].json).turns


@targets
@both_ways
def test_three_turns(pair, stream):
    former = None
    expected = []
    for question, answer in [("One?", "First."), ("Two?", "Second."), ("Three?", "Third.")]:
        pair.upstream.script(speech.Speak(Said(answer)))
        seen = say(pair, stream, input=question, previous_response_id=former)
        expected.append(("user", question))
        assert turns(pair) == expected
        assert seen.output_text == answer and seen.id != former
        expected.append(("assistant", answer))
        former = seen.id
    pair.judge()


@targets
@both_ways
def test_a_tool_is_called_and_answered(pair, stream):
    pair.upstream.script(speech.Speak(Said("", [Call("call_1", "get_weather", {"city": "Rome"})])))
    first = say(pair, stream, input=[{"role": "user", "content": "Rome?"}], tools=[WEATHER])
    call = first.output[-1]
    pair.upstream.script(speech.Speak(Said("It is sunny.")))
    second = say(pair, stream, previous_response_id=first.id, tools=[WEATHER], input=[
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}])
    assert turns(pair) == [("user", "Rome?"), ("call", 0, "get_weather", {"city": "Rome"}),
                           ("result", 0, "get_weather", "sunny")]
    say(pair, stream, previous_response_id=second.id, input="Sure?", tools=[WEATHER])
    assert turns(pair)[2:] == [("result", 0, "get_weather", "sunny"),
                               ("assistant", "It is sunny."), ("user", "Sure?")]
    pair.judge()


@targets
def test_a_conversation_may_branch(pair):
    first = say(pair, input="Root.")
    for branch in ("Left.", "Right."):
        say(pair, input=branch, previous_response_id=first.id)
        assert [text for who, text in turns(pair) if who == "user"] == ["Root.", branch]


@targets
def test_instructions_are_of_one_turn(pair):
    first = say(pair, input="Hi.", instructions="Be loud.")
    say(pair, input="Again.", previous_response_id=first.id, instructions="Be quiet.")
    told = turns(pair)
    assert told[0] == ("system", "Be quiet.") and "Be loud." not in str(told)


@pytest.mark.parametrize("target", ["openai-responses"])
def test_a_backend_of_the_dialect_keeps_no_part_of_it(pair):
    first = say(pair, input="Hi.")
    assert pair.upstream.chats[-1].json == {"model": "fake-model", "input": "Hi."}
    say(pair, input="Again.", previous_response_id=first.id, store=True, temperature=0.5)
    asked = pair.upstream.chats[-1].json
    assert asked.pop("input")[-1] == {"type": "message", "role": "user", "content": "Again."}
    assert asked == {"model": "fake-model", "temperature": 0.5, "store": False}


@pytest.mark.parametrize("target", ["openai-responses"])
@both_ways
def test_reasoning_that_only_its_provider_has_stays_there(pair, stream):
    pair.upstream.script(speech.Speak(Said("Done.", thinking="Hm.")))
    first = say(pair, stream, input="Think.")
    say(pair, input="More.", previous_response_id=first.id)
    items = pair.upstream.chats[-1].json["input"]
    assert [item["type"] for item in items] == ["message"] * 3
    assert "id" not in items[1]  # the provider would miss the reasoning that belongs to it


# the kept answer itself

@targets
@both_ways
def test_it_can_be_fetched_and_deleted(pair, stream):
    answer = say(pair, stream, input="Hi.")
    kept = pair.client.sdk.responses.retrieve(answer.id)
    assert kept.id == answer.id and kept.output == answer.output
    pair.client.sdk.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError) as caught:
        pair.client.sdk.responses.retrieve(answer.id)
    assert caught.value.code == "response_not_found"
    gone(pair, answer.id)


def gone(pair, former, match="not found", **more):
    count = len(pair.upstream.chats)
    with pytest.raises(openai.BadRequestError, match=match) as caught:
        say(pair, input="Go on.", previous_response_id=former, **more)
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.param == "previous_response_id"
    assert len(pair.upstream.chats) == count
    return caught.value.message


chat = pytest.mark.parametrize("target", ["openai-chat"])


@chat
def test_an_unknown_id_names_the_option(pair):
    assert "responses.keep" in gone(pair, "resp_never")


@chat
def test_what_the_client_does_not_want_kept_is_not(pair):
    gone(pair, say(pair, input="Hi.", store=False).id)


@chat
@pytest.mark.parametrize("how", ["fin", "error"])
def test_a_broken_stream_is_not_kept(pair, how):
    pair.upstream.script(speech.Cut(Said("A long answer that breaks."), how))
    ids = []
    with pytest.raises(openai.APIError):
        for event in pair.client.sdk.responses.create(model="asked", input="Hi.", stream=True):
            if hasattr(event, "response"):
                ids.append(event.response.id)
    gone(pair, ids[0])


@chat
def test_a_stream_whose_client_left_is_not_kept(pair):
    pair.upstream.script(faulty.Stream(*["word "] * 200, delay=0.05))
    stream = pair.client.sdk.responses.create(model="asked", input="Hi.", stream=True)
    former = next(iter(stream)).response.id
    stream.close()
    pair.client.sdk.close()
    pair.client = type(pair.client)(pair.tap.url)
    pair.weir.wait_record(outcome="client_closed_request")
    gone(pair, former)


@chat
def test_only_a_whole_answer_is_kept(pair):
    pair.upstream.script(speech.Speak(Said("Cut sho", finish="length")))
    first = say(pair, input="Hi.", stream=True)
    assert first.status == "incomplete"
    say(pair, input="Go on.", previous_response_id=first.id)
    assert ("assistant", "Cut sho") in turns(pair)


@chat
def test_a_reload_keeps_it_and_switching_off_wipes_it(pair):
    def reload(**changes):
        before = pair.weir.metrics()["weir_reloads_total"]
        pair.weir.write_config(**changes)
        pair.weir.signal(signal.SIGHUP)
        eventually(lambda: pair.weir.metrics()["weir_reloads_total"] > before)

    first = say(pair, input="Hi.")
    reload(policy={"min_confidence": 0.5})
    second = say(pair, input="Again.", previous_response_id=first.id)
    assert len(turns(pair)) == 3
    assert pair.weir.metrics()["weir_kept_answers_bytes"] > 0
    reload(responses={"store": "off"})
    assert pair.weir.metrics()["weir_kept_answers_bytes"] == 0
    reload(responses={"store": "memory"})
    gone(pair, second.id)


@chat
def test_each_key_has_its_own(make_pair, target):
    other = "another-key-9876543210"
    pair = make_pair("openai-responses", target, keys={"alice": KEY, "bob": other}, **MEMORY)
    bob = pair.client.sdk.with_options(api_key=other)
    answer = say(pair, input="My secret.")
    gone(pair, answer.id, sdk=bob)
    for act in (bob.responses.retrieve, bob.responses.delete):
        with pytest.raises(openai.NotFoundError):
            act(answer.id)
    with pytest.raises(openai.AuthenticationError):
        pair.client.sdk.with_options(api_key="unknown-key-1234567").responses.retrieve(answer.id)
    assert pair.client.sdk.responses.retrieve(answer.id).id == answer.id


@chat
def test_it_expires(make_pair, target):
    pair = make_pair("openai-responses", target, responses={"store": "memory", "keep": "1s"})
    answer = say(pair, input="Hi.")
    time.sleep(1.2)
    gone(pair, answer.id)


@chat
def test_a_conversation_that_is_too_long_says_so(make_pair, target):
    pair = make_pair("openai-responses", target,
                     responses={"store": "memory", "max_bytes": "64KiB"})
    short = say(pair, input="Hi.")
    long = say(pair, input="x" * 70000)
    gone(pair, long.id, "responses.max_bytes")
    assert pair.client.sdk.responses.retrieve(short.id).id == short.id


@chat
def test_the_whole_conversation_counts_for_the_limit_of_a_body(make_pair, target):
    pair = make_pair("openai-responses", target, limits={"body": "64KiB"}, **MEMORY)
    first = say(pair, input="x" * 40000)
    with pytest.raises(openai.APIStatusError, match="limits.body") as caught:
        say(pair, input="y" * 40000, previous_response_id=first.id)
    assert caught.value.status_code == 413


@chat
def test_the_whole_conversation_counts_for_a_models_window(make_pair, target):
    pair = make_pair("openai-responses", target, **MEMORY,
                     more={"models": [{"name": "fake-model", "window": 700}]})
    first = say(pair, input="word " * 400)
    say(pair, input="word " * 400)
    with pytest.raises(openai.BadRequestError) as caught:
        say(pair, input="word " * 400, previous_response_id=first.id)
    assert caught.value.code == "context_length_exceeded"
    assert len(pair.upstream.chats) == 2


@targets
@both_ways
def test_a_long_answer(pair, stream):
    said = Said("word " * 30000, step=5000)  # large enough to be read off the loop
    pair.upstream.script(speech.Speak(said))
    first = say(pair, stream, input="Talk.")
    say(pair, stream, previous_response_id=first.id, input="Go on.")
    assert turns(pair) == [("user", "Talk."), ("assistant", said.text), ("user", "Go on.")]


@chat
def test_a_long_conversation(pair):
    first = say(pair, input="word " * 50000)  # large enough to be read off the loop
    pair.upstream.script(speech.Speak(Said("Fine.")))
    say(pair, input="Again.", previous_response_id=first.id)
    assert len(turns(pair)) == 3
    say(pair, input="word " * 50000 + "Last.", previous_response_id=first.id)
    assert len(turns(pair)) == 3 and turns(pair)[-1][1].endswith("Last.")


@chat
def test_off_it_is_refused_by_its_name(make_pair, target):
    pair = make_pair("openai-responses", target)
    answer = say(pair, input="Hi.")
    with pytest.raises(openai.BadRequestError, match="responses.store"):
        say(pair, input="Go on.", previous_response_id=answer.id)
    for act in (pair.client.sdk.responses.retrieve, pair.client.sdk.responses.delete):
        with pytest.raises(openai.NotFoundError, match="responses.store"):
            act(answer.id)


@chat
def test_what_else_may_be_asked_of_a_response(pair):
    answer = pair.weir.post({}, path="/v1/responses/resp_1")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, DELETE"
    kept = say(pair, input="Hi.").id
    with pytest.raises(openai.BadRequestError) as caught:
        pair.client.sdk.responses.retrieve(kept, stream=True)
    assert caught.value.param == "stream"
    for act in (pair.client.sdk.responses.cancel, pair.client.sdk.responses.input_items.list):
        with pytest.raises(openai.NotFoundError, match="nothing at"):
            act(kept)


@chat
def test_nothing_of_it_is_on_disk(pair):
    pair.upstream.script(speech.Speak(Said("A confidential answer.")))
    first = say(pair, input="A confidential question.")
    say(pair, input="Again.", previous_response_id=first.id)
    for path in pair.weir.folder.rglob("*"):
        if path.is_file():
            assert b"confidential" not in path.read_bytes(), path
