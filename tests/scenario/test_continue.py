"""A stream that breaks goes on with another node, from the text so far: no byte of it comes twice
and none is missing, whatever dialects the client and the two backends speak."""
import json

import pytest

import continuing
import faulty
import speech
import wire
from clients import CLIENTS, ERRORS, Ask, Tool
from continuing import PIECES, TEXT, Tell
from faulty import FIN, RST, STALL
from harness import TASKS, backend

CAN, CANNOT = "claude-haiku-4-5", "claude-opus-4-6"
MODELS = {"vllm": "m", "llamacpp": "m", "ollama": "m", "openai": "m", "anthropic": CAN}
ABLE = ["vllm", "llamacpp", "ollama", "anthropic"]
SOURCES = ["openai-chat", "anthropic", "ollama", "openai-responses"]


@pytest.fixture
def fleet(start):
    """Weir before fakes, in the order in which they are asked; each a backend of its own."""
    ups = []

    def make(*engines, entries=(), models=MODELS, **more):
        ups.extend(faulty.Upstream(engine=engine, models=[models[engine]], window=131072).up()
                   for engine in engines)
        for up in ups:
            up.script(Tell(up.engine))
        entries = list(entries) + [{}] * (len(ups) - len(entries))
        weir = start(*[backend(f"b{i}", entry.pop("side", "inside"), up, **entry)
                       for i, (up, entry) in enumerate(zip(ups, map(dict, entries)))], **more)
        weir.ups = ups
        return weir

    yield make
    for up in ups:
        up.__exit__(None, None, None)


def breaks(up, after, then=(FIN,), said=continuing.STORY):
    up.script(Tell(up.engine, said, after, then if callable(then) else list(then)))


def ask(weir, source="openai-chat", max_tokens=900, tools=()):
    client = CLIENTS[source](f"http://127.0.0.1:{weir.port}", model="auto")
    return client.ask(Ask([("user", "Tell me.")], list(tools), max_tokens=max_tokens), True)


def outcomes(weir):
    return [a["outcome"] for a in weir.ledger()[-1]["attempts"]]


def assert_broken(weir, source="openai-chat", **more):
    with pytest.raises(ERRORS[source]):
        ask(weir, source, **more)
    record = weir.wait_record()
    assert record["outcome"] != "ok"
    assert weir.metrics()["weir_cut_streams_total"] == 1


@pytest.mark.parametrize("far", ABLE)
@pytest.mark.parametrize("near", [*ABLE, "openai"])
@pytest.mark.parametrize("source", SOURCES)
def test_the_text_is_joined(fleet, source, near, far):
    weir = fleet(near, far)
    breaks(weir.ups[0], 40)
    seen = ask(weir, source)
    assert (seen.text, seen.finish) == (TEXT, "stop")
    record = weir.ledger()[-1]
    assert (record["outcome"], record["backend"]) == ("ok", "b1")
    assert outcomes(weir) == ["upstream_cut", "ok"]
    assert not weir.ups[1].complaints, weir.ups[1].complaints


@pytest.mark.parametrize("near, far", [("vllm", "llamacpp"), ("anthropic", "anthropic"),
                                       ("vllm", "ollama")])
def test_wherever_it_breaks(fleet, near, far):
    """Behind each of its pieces, white space at their ends too."""
    weir = fleet(near, far, breaker={"failures": 1000, "error_rate": 0})
    for after in range(1, len(PIECES) + 1):
        breaks(weir.ups[0], after)
        seen = ask(weir)
        assert (after, seen.text, seen.finish) == (after, TEXT, "stop")
    assert weir.metrics()["weir_continued_total"] == len(PIECES)
    assert weir.metrics()["weir_cut_streams_total"] == 0


def broken_event(kind):
    return [wire.chunk(speech.frame(kind, "", "{]")) + wire.LAST_CHUNK]


def event_of_an_error(kind):
    return [wire.chunk(speech.error_event(kind, "lost the GPU")) + wire.LAST_CHUNK]


@pytest.mark.parametrize("source", ["openai-chat", "anthropic"])
@pytest.mark.parametrize("then", [[FIN], [RST], [STALL], [wire.LAST_CHUNK], broken_event,
                                  event_of_an_error], ids=["fin", "rst", "stall", "no-end-mark",
                                                           "broken-event", "error-event"])
def test_however_it_breaks(fleet, then, source):
    weir = fleet("vllm", "vllm")
    breaks(weir.ups[0], 25, then)
    seen = ask(weir, source)
    assert (seen.text, seen.finish) == (TEXT, "stop")


@pytest.mark.core
def test_the_clients_stream_is_one(fleet):
    """One id, one role, one finish, one usage, one end mark."""
    weir = fleet("vllm", "llamacpp")
    breaks(weir.ups[0], 30)
    answer = weir.ask("Tell me.", stream=True, stream_options={"include_usage": True})
    events = answer.events
    assert answer.complete and events.count("[DONE]") == 1 and events[-1] == "[DONE]"
    chunks = events[:-1]
    assert len({(c["id"], c["created"], c["model"]) for c in chunks}) == 1
    deltas = [choice for c in chunks for choice in c["choices"]]
    assert sum("role" in d["delta"] for d in deltas) == 1
    assert [d["finish_reason"] for d in deltas if d["finish_reason"]] == ["stop"]
    used = [c["usage"] for c in chunks if c.get("usage")]
    assert len(used) == 1 and used[0]["completion_tokens"] == len(PIECES)
    assert used[0]["prompt_tokens"] == continuing.STORY.tokens_in
    assert answer.stream_text == TEXT
    record = weir.record(answer)
    assert (record["tokens_in"], record["tokens_out"]) == (continuing.STORY.tokens_in, len(PIECES))
    assert record["tokens_estimated"] == 1
    assert f"continued after {len(''.join(PIECES[:30]).encode())} bytes" in record["notes"]
    first, last = record["attempts"]
    assert (first["tokens_out"], last["tokens_out"]) == (30, len(PIECES) - 30)


def test_messages_have_one_block(fleet):
    weir = fleet("anthropic", "anthropic")
    breaks(weir.ups[0], 30)
    answer = weir.post({"model": "auto", "max_tokens": 900, "stream": True,
                        "messages": [{"role": "user", "content": "Tell me."}]}, path="/v1/messages")
    kinds = [e["type"] for e in answer.events]
    for once in ("message_start", "content_block_start", "content_block_stop", "message_delta",
                 "message_stop"):
        assert kinds.count(once) == 1, once
    assert {e["index"] for e in answer.events if "index" in e} == {0}


def test_several_breaks(fleet):
    weir = fleet("vllm", "llamacpp", "ollama", "vllm")
    for up, after in zip(weir.ups, (10, 10, 10)):
        breaks(up, after)
    seen = ask(weir)
    assert (seen.text, seen.finish) == (TEXT, "stop")
    assert outcomes(weir) == ["upstream_cut"] * 3 + ["ok"]
    assert weir.metrics()["weir_continued_total"] == 3


def test_who_broke_may_go_on_behind_somebody_else(fleet):
    weir = fleet("vllm", "vllm")
    for up in weir.ups:
        breaks(up, 10)
    seen = ask(weir)
    assert (seen.text, seen.finish) == (TEXT, "stop")
    assert len(outcomes(weir)) == 7  # the last one has nothing but the finish to say


def test_it_ends_where_nobody_says_more(fleet):
    weir = fleet("vllm", "vllm")
    for up in weir.ups:
        breaks(up, 0)
    weir.ups[0].queue(Tell("vllm", after=10, then=[FIN]))
    assert_broken(weir)
    assert [len(up.chats) for up in weir.ups] == [2, 1]


def test_nodes_of_one_backend(start):
    with faulty.Upstream(engine="vllm", models=["m"]) as a, \
            faulty.Upstream(engine="vllm", models=["m"]) as b:
        weir = start(backend("lab", "inside", a, b, models=["m"]))
        a.script(Tell("vllm"))
        b.script(Tell("vllm"))
        (a if not weir.ask(stream=True).complete else a).queue(Tell("vllm", after=9, then=[FIN]))
        b.queue(Tell("vllm", after=9, then=[FIN]))
        seen = ask(weir)
        assert (seen.text, seen.finish) == (TEXT, "stop")


# what was said already counts

@pytest.mark.parametrize("near, far", [("vllm", "llamacpp"), ("ollama", "ollama"),
                                       ("vllm", "ollama")])
def test_the_limit_covers_both_parts(fleet, near, far):
    weir = fleet(near, far)
    breaks(weir.ups[0], 20)
    seen = ask(weir, max_tokens=50)
    assert (seen.text, seen.finish) == ("".join(PIECES[:50]), "length")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("near", ["vllm", "ollama"])
def test_nothing_is_left_to_be_said(fleet, near, source):
    """It broke between its last token and its finish."""
    weir = fleet(near, "vllm")
    breaks(weir.ups[0], 20)
    seen = ask(weir, source, max_tokens=20)
    assert (seen.text, seen.finish) == ("".join(PIECES[:20]), "length")
    assert not weir.ups[1].chats
    assert weir.ledger()[-1]["tokens_out"] == 20


def behind_the_finish(up, then):
    """The stream up to its finish; the end mark never comes."""
    def run(exchange):
        kind = exchange.speaks
        yield speech.stream_head(kind)
        for name, data in speech.STREAM[kind](continuing.STORY, exchange.json):
            if data == "[DONE]" or name == "message_stop" or (
                    isinstance(data, dict) and data.get("choices") == []):
                break
            yield wire.chunk(speech.frame(kind, name, data))
        yield 0.05
        yield then
    up.script(run)


@pytest.mark.parametrize("then", [FIN, STALL])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("near", ["vllm", "anthropic"])
def test_a_break_behind_the_finish_is_none(fleet, source, near, then):
    weir = fleet(near, "vllm")
    behind_the_finish(weir.ups[0], then)
    seen = ask(weir, source)
    assert (seen.text, seen.finish) == (TEXT, "stop")
    assert not weir.ups[1].chats
    assert weir.ledger()[-1]["outcome"] == "ok"


def test_the_finish_of_one_answer_is_not_that_of_two(fleet):
    weir = fleet("vllm", "vllm")
    behind_the_finish(weir.ups[0], FIN)
    answer = weir.ask("Tell me.", stream=True, n=2)
    assert "error" in answer.events[-1]


# who cannot

def test_who_never_goes_on_is_not_asked(fleet):
    weir = fleet("vllm", "openai")
    breaks(weir.ups[0], 10)
    assert_broken(weir)
    assert not weir.ups[1].chats


def test_the_config_knows_better(fleet):
    """A compatible server that goes on, and an engine that shall not."""
    weir = fleet("vllm", "llamacpp", "vllm",
                 entries=[{}, {"continues": "false"}, {"engine": "openai", "continues": "true"}])
    breaks(weir.ups[0], 10)
    assert ask(weir).text == TEXT
    assert [len(up.chats) for up in weir.ups] == [1, 0, 1]


def test_who_refused_is_not_asked_again(fleet):
    """A model that thinks, at llama.cpp."""
    weir = fleet("vllm", "llamacpp", "vllm")
    weir.ups[1].script(Tell("llamacpp", thinking=True))
    breaks(weir.ups[0], 10)
    for _ in range(2):
        assert ask(weir).text == TEXT
    assert [len(up.chats) for up in weir.ups] == [2, 1, 2]


def test_who_began_anew_is_not_asked_again(fleet):
    weir = fleet("vllm", "llamacpp", "vllm")
    weir.ups[1].script(Tell("llamacpp", able=False))
    breaks(weir.ups[0], 10)
    for _ in range(2):
        assert ask(weir).text == TEXT
    assert [len(up.chats) for up in weir.ups] == [2, 1, 2]
    assert outcomes(weir) == ["upstream_cut", "ok"]


def test_a_prompt_that_is_too_long_says_nothing_of_the_model(fleet):
    weir = fleet("vllm", "llamacpp", "vllm",
                 entries=[{}, {"models": [{"name": "m", "window": 1000}]}, {}])
    breaks(weir.ups[0], 10)
    weir.ups[1].queue(faulty.json_answer(400, wire.error(
        "the request exceeds the available context size", "exceed_context_size_error")))
    for _ in range(2):
        assert ask(weir).text == TEXT
    assert [len(up.chats) for up in weir.ups] == [2, 2, 1]


def test_later_claude_models_are_not_asked(fleet):
    weir = fleet("vllm", "anthropic", models={**MODELS, "anthropic": CANNOT})
    breaks(weir.ups[0], 10)
    assert_broken(weir)
    assert not weir.ups[1].chats


# what cannot be gone on with

WEATHER = Tool("get_weather", "The weather in a city", {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
CALLING = continuing.Story("Let me look that up.", calls=[
    speech.Call("call_1", "get_weather", {"city": "Stow on the Wold"})])
SAID_FIRST = len(CALLING.cut(CALLING.text))


@pytest.mark.parametrize("near, source", [("vllm", "openai-chat"), ("vllm", "anthropic"),
                                          ("anthropic", "anthropic")])
def test_a_call_that_has_begun(fleet, near, source):
    weir = fleet(near, "vllm")
    breaks(weir.ups[0], SAID_FIRST + 2, said=CALLING)
    assert_broken(weir, source, tools=[WEATHER])
    assert not weir.ups[1].chats


@pytest.mark.parametrize("near, source", [("vllm", "openai-chat"), ("vllm", "anthropic"),
                                          ("anthropic", "anthropic")])
def test_a_call_that_has_not_begun(fleet, near, source):
    """Nothing of it was sent: the text before it is gone on with, and the call comes whole."""
    weir = fleet(near, "vllm")
    breaks(weir.ups[0], SAID_FIRST - 1, said=CALLING)
    weir.ups[1].script(Tell("vllm", CALLING))
    seen = ask(weir, source, tools=[WEATHER])
    assert seen.text == CALLING.text and seen.finish == "calls"
    assert [(name, args) for _, name, args in seen.calls] == [
        ("get_weather", {"city": "Stow on the Wold"})]


@pytest.mark.parametrize("more", [
    {"n": 2}, {"logprobs": True}, {"response_format": {"type": "json_object"}},
    {"messages": [{"role": "user", "content": "Tell me."},
                  {"role": "assistant", "content": "Once"}]}],
                         ids=["n", "logprobs", "json", "begun"])
def test_what_is_bound_to_a_form(fleet, more):
    weir = fleet("vllm", "vllm")
    breaks(weir.ups[0], 10)
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Tell me."}]}
    answer = weir.post({**body, **more})
    assert "error" in answer.events[-1] and not weir.ups[1].chats


def test_reasoning_is_not_gone_on_with(fleet):
    weir = fleet("vllm", "vllm")
    breaks(weir.ups[0], 10, said=continuing.Story(TEXT, thinking="Let me think."))
    answer = weir.ask(stream=True)
    assert "error" in answer.events[-1] and not weir.ups[1].chats


def test_a_text_is_not_gone_on_with_in_a_chat(fleet):
    """/v1/completions and /api/generate have no turns."""
    weir = fleet("ollama", "vllm")
    breaks(weir.ups[0], 10)
    answer = weir.post({"model": "auto", "prompt": "Tell me."}, path="/api/generate")
    assert "error" in json.loads(answer.body.decode().strip().split("\n")[-1])
    assert not weir.ups[1].chats


# who may

@pytest.mark.parametrize("more", [
    {"streams": {"continue": False}},
    {"policy": {"rules": [{"when": {"model": "auto"}, "continue": False}]}}])
def test_it_can_be_switched_off(fleet, more):
    weir = fleet("vllm", "vllm", **more)
    breaks(weir.ups[0], 10)
    assert_broken(weir)
    assert not weir.ups[1].chats


def test_a_rule_switches_it_on(fleet):
    weir = fleet("vllm", "vllm", streams={"continue": False},
                 policy={"rules": [{"when": {"model": "auto"}, "continue": True}]})
    breaks(weir.ups[0], 10)
    assert ask(weir).text == TEXT


LEAVES = [{}, {"side": "outside"}]
PERSONAL = {"presets": ["gdpr"]}
EMAIL = "margaret.whitfield@northmail.org"


def test_the_text_leaves_where_it_may(fleet):
    weir = fleet("vllm", "vllm", entries=LEAVES, perimeter=PERSONAL)
    breaks(weir.ups[0], 10)
    assert ask(weir).text == TEXT
    assert weir.ledger()[-1]["side"] == "outside"


def test_a_text_with_sensitive_data_does_not_leave(fleet):
    """The request may; what the model has said since may not."""
    said = continuing.Story("Write to erika.mustermann@example.com or to the office in the square.")
    weir = fleet("vllm", "vllm", "vllm", entries=[*LEAVES, {}], perimeter=PERSONAL)
    breaks(weir.ups[0], 6, said=said)
    for up in weir.ups[1:]:
        up.script(Tell(up.engine, said))
    assert ask(weir).text == said.text
    assert [len(up.chats) for up in weir.ups] == [1, 0, 1]


def test_a_sensitive_request_goes_on_inside(fleet):
    weir = fleet("vllm", "vllm", "vllm", entries=[*LEAVES, {}], perimeter=PERSONAL)
    breaks(weir.ups[0], 10)
    answer = weir.ask("Tell erika.mustermann@example.com.", stream=True)
    assert answer.stream_text == TEXT
    assert [len(up.chats) for up in weir.ups] == [1, 0, 1]


class Letters(speech.Said):
    """Each letter is a piece."""

    def cut(self, text):
        return list(text)


@pytest.mark.parametrize("after", [6, 13, 18, 30])
def test_a_masked_answer_goes_on_outside(fleet, after):
    """With placeholders, as the upstream said it, also when it broke within one; nobody inside gets
    the other wording."""
    said = Letters("It went to <EMAIL_1> this morning, and a copy is in your outbox.")
    weir = fleet("vllm", "vllm", "vllm",
                 entries=[{"side": "outside"}, {}, {"side": "outside"}],
                 policy={"matrix": {task: "outside" for task in TASKS}},
                 perimeter={**PERSONAL, "modes": {"DEFAULT": "mask"}})
    for up in weir.ups:
        up.script(Tell(up.engine, said))
    breaks(weir.ups[0], after, said=said)
    answer = weir.ask(f"Write to {EMAIL} that it was charged.", stream=True)
    assert answer.stream_text == said.text.replace("<EMAIL_1>", EMAIL)
    assert [len(up.chats) for up in weir.ups] == [1, 0, 1]
    assert EMAIL not in json.dumps(weir.ups[2].chats[0].json)


def test_the_price_of_both_parts(fleet):
    price = {"m": {"input": 1, "output": 2}}
    weir = fleet("vllm", "vllm", entries=[{"side": "outside"}, {"side": "outside"}], prices=price)
    breaks(weir.ups[0], 20)
    assert ask(weir).text == TEXT
    record = weir.ledger()[-1]
    first, last = record["attempts"]
    used = sum(a["tokens_in"] + 2 * a["tokens_out"] for a in (first, last))
    assert record["cost_nano"] == used * 1000
    assert last["tokens_in"] == record["tokens_in"] + 20
