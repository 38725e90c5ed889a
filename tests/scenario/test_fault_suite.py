"""Each way in which a backend fails, with a second one behind it: plain and streamed, for chat and
messages clients, by backends of the same and of another dialect.

Before the first content the client gets a whole answer, whoever is second. Behind it a second that
can go on with the text does so, and the client notices nothing; where it cannot: the dialect's
error event, no end mark, and the SDK raises.
"""
import pytest

import continuing
import faulty
import speech
import wire
from continuing import PIECES, TEXT, Tell
from faulty import FIN, RST, STALL
from harness import backend
from clients import CLIENTS, ERRORS, Ask, Tool
from speech import Call
from tap import Tap

KEY = "backend-key-0123456789"
CAN, CANNOT = "claude-haiku-4-5", "claude-opus-4-6"
# name -> the client's dialect, the backend that fails, the second that can go on or cannot
WAYS = {
    "chat-same": ("openai-chat", ("vllm", "m"), ("llamacpp", "m"), ("openai", "m")),
    "chat-other": ("openai-chat", ("anthropic", CAN), ("vllm", "m"), ("anthropic", CANNOT)),
    "messages-same": ("anthropic", ("anthropic", CAN), ("anthropic", CAN), ("anthropic", CANNOT)),
    "messages-other": ("anthropic", ("vllm", "m"), ("ollama", "m"), ("openai", "m")),
}
MANAGED = ("anthropic", "openai")
# of the engines, and not of the SDKs
OWN_FIELDS = ("continue_final_message", "add_generation_prompt", "_debug_render_only")
SECONDS = {"able": 2, "unable": 3}
ways = pytest.mark.parametrize("way", WAYS)
seconds = pytest.mark.parametrize("second", SECONDS)
both_forms = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


class Pair:
    """A client, Weir, and two backends: `near` fails, `far` is asked behind it."""

    def __init__(self, start, way, second, stream, **more):
        """`more`: of the near backend's entry."""
        self.source, near, *_ = WAYS[way]
        far = WAYS[way][SECONDS[second]]
        self.near = faulty.Upstream(engine=near[0], models=[near[1]], window=131072,
                                    tls=more.pop("tls", None)).up()
        self.far = faulty.Upstream(engine=far[0], models=[far[1]], window=131072).up()
        self.far.script(Tell(far[0]))
        url = more.pop("url", self.near.url)
        if not stream:  # a plain answer has only the total time
            more["total"] = "1200ms"
        self.weir = start(
            backend("near", "inside", url, engine=near[0], models=[near[1]], key=KEY, **more),
            backend("far", "outside" if far[0] in MANAGED else "inside", self.far, key=KEY))
        self.tap = Tap(self.weir.port).__enter__()
        self.spoken = "anthropic" if near[0] == "anthropic" else "openai-chat"
        self.client = CLIENTS[self.source](self.tap.url, model="auto")

    def close(self):
        for end in (self.tap, self.near, self.far):
            end.__exit__(None, None, None)

    def fail(self, after=None, then=(), said=continuing.STORY):
        self.near.script(Tell(self.near.engine, said, after, then))

    def ask(self, stream, tools=()):
        return self.client.ask(Ask([("user", "Tell me.")], list(tools), max_tokens=900), stream)

    def judge(self):
        """Its events, after all that left Weir was judged by the SDK's types."""
        found, events = self.tap.judge(self.source)
        assert not found, "\n".join(found)
        complaints = [c for c in self.far.complaints if not any(own in c for own in OWN_FIELDS)]
        assert not complaints, "\n".join(complaints)
        return events

    def assert_whole(self, seen, said=continuing.STORY):
        assert (seen.text, seen.finish) == (said.text, said.finish)
        assert [(name, arguments) for _, name, arguments in seen.calls] == \
            [(call.name, call.arguments) for call in said.calls]
        self.judge()
        record = self.weir.ledger()[-1]
        assert (record["outcome"], record["status"]) == ("ok", 200)
        attempts = [(a["backend"], a["outcome"] == "ok") for a in record["attempts"]]
        assert attempts[0] == ("near", False) and attempts[-1] == ("far", True)

    def assert_broken(self, text, tools=()):
        """Asks; it breaks behind the text, or a part of it where a reset took the rest along."""
        with pytest.raises(ERRORS[self.source]):
            self.ask(True, tools)
        events = self.judge()
        seen = "".join(pieces_of(self.source, events))
        assert seen and text.startswith(seen)
        error = events[-1][1]
        assert error["error"]["type"] and error["error"]["message"]
        for name, data in events:
            assert data != "[DONE]" and name not in ("message_stop", "message_delta")
            assert "choices" not in data or not data["choices"][0]["finish_reason"]
        record = self.weir.wait_record()
        assert record["outcome"] != "ok" and record["tokens_out"] >= 1


def pieces_of(source, events):
    for _, data in events:
        if source == "anthropic":
            yield data.get("delta", {}).get("text") or ""
        elif "choices" in data:
            yield data["choices"][0]["delta"].get("content") or ""


@pytest.fixture
def make_pair(start):
    pairs = []

    def make(*args, **more):
        pairs.append(Pair(start, *args, **more))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.close()


# before the first content

def scripted(name):
    return lambda kind, stream: faulty.FAULTS[name][0 if stream else 1]


def error_in_200(kind, stream):
    return [speech.json_answer(200, speech.error_body(kind, 500, "the model fell over"))]


def error_event(kind, stream):
    return speech.Raw(speech.error_event(kind, "out of memory")) if stream else \
        error_in_200(kind, stream)


BEFORE = {
    **{name: scripted(name) for name in (
        "status_429", "status_500", "status_503", "status_529", "rst_before_head",
        "fin_before_head", "accept_then_stall", "stall_after_head", "fin_after_head", "empty_200",
        "not_json", "slow_drip_head", "wrong_content_type")},
    "error_in_200": error_in_200,
    "error_in_first_event": error_event,
}


@seconds
@both_forms
@ways
@pytest.mark.parametrize("fault", BEFORE)
def test_a_fault_before_the_first_content(make_pair, fault, way, stream, second):
    pair = make_pair(way, second, stream)
    pair.near.script(BEFORE[fault](pair.spoken, stream))
    pair.assert_whole(pair.ask(stream))
    assert pair.near.chats


def unreachable(make_pair, certificates, fault, *args):
    if fault == "refused":
        pair = make_pair(*args)
        pair.near.down()
        return pair
    if fault == "no_such_name":
        return make_pair(*args, url="http://no-such-host.invalid:80")
    tls = tuple(str(certificates / f"good-server.{end}") for end in ("pem", "key"))
    return make_pair(*args, tls=tls, ca_file=str(certificates / "other-ca.pem"))


@seconds
@both_forms
@ways
@pytest.mark.parametrize("fault", ["refused", "no_such_name", "certificate"])
def test_a_backend_that_cannot_be_reached(make_pair, certificates, fault, way, stream, second):
    pair = unreachable(make_pair, certificates, fault, way, second, stream)
    pair.assert_whole(pair.ask(stream))
    assert not pair.near.chats


# behind it

@seconds
@ways
@pytest.mark.parametrize("ending", [FIN, RST, STALL, "drip"])
def test_a_plain_answer_that_breaks(make_pair, ending, way, second):
    """Nothing of it has left before all of it is there."""
    pair = make_pair(way, second, False)
    pair.fail(1, faulty.drip(b'"usage": {"prompt_tokens": ') if ending == "drip" else [ending])
    pair.assert_whole(pair.ask(False))


def broken_event(kind):
    return [wire.chunk(speech.frame(kind, "", "{]")) + wire.LAST_CHUNK]


def event_of_an_error(kind):
    return [wire.chunk(speech.error_event(kind, "lost the GPU")) + wire.LAST_CHUNK]


def slow_drip(kind):
    return [b"40\r\n", *faulty.drip(b'data: {"id":"chatcmpl-fake","object":"chat.')]


AFTER = {
    **{f"cut_after_{n}": (n, [FIN]) for n in (1, 40, 59)},
    "reset": (40, [RST]),
    "stall": (40, [STALL]),
    "end_without_end_mark": (40, [wire.LAST_CHUNK]),
    "broken_event": (40, broken_event),
    "error_event": (40, event_of_an_error),
    "slow_drip": (40, slow_drip),
}


@ways
@pytest.mark.parametrize("fault", AFTER)
def test_a_stream_that_breaks_goes_on(make_pair, fault, way):
    pair = make_pair(way, "able", True)
    pair.fail(*AFTER[fault])
    pair.assert_whole(pair.ask(True))


@ways
@pytest.mark.parametrize("fault", AFTER)
def test_a_stream_that_nobody_can_go_on_with(make_pair, fault, way):
    pair = make_pair(way, "unable", True)
    after, then = AFTER[fault]
    pair.fail(after, then)
    pair.assert_broken("".join(PIECES[:after]))


WEATHER = Tool("get_weather", "The weather in a city", {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
CALLING = continuing.Story("Let me look that up.", calls=[
    Call("call_1", "get_weather", {"city": "Stow on the Wold"})])
SAID_FIRST = len(CALLING.cut(CALLING.text))


@seconds
@ways
@pytest.mark.parametrize("ending", [FIN, STALL, event_of_an_error])
def test_a_tool_call_that_breaks_ends_honestly(make_pair, ending, way, second):
    """What was said of it cannot be taken back, and half a call is none."""
    pair = make_pair(way, second, True)
    pair.far.script(Tell(pair.far.engine, CALLING))
    pair.fail(SAID_FIRST + 2, ending if callable(ending) else [ending], CALLING)
    pair.assert_broken(CALLING.text, [WEATHER])


@pytest.mark.parametrize("way", [w for w in WAYS if WAYS[w][2][0] != "ollama"])
def test_what_breaks_before_a_tool_call_goes_on_to_it(make_pair, way):
    """Not at Ollama, which goes on only raw, and then reads no calls."""
    pair = make_pair(way, "able", True)
    pair.far.script(Tell(pair.far.engine, CALLING))
    pair.fail(SAID_FIRST - 1, [FIN], CALLING)
    pair.assert_whole(pair.ask(True, [WEATHER]), CALLING)


@both_forms
@ways
def test_a_slow_answer_is_no_broken_one(make_pair, way, stream):
    """As long as it moves it is let alone: 60 pieces take longer than any wait for one."""
    pair = make_pair(way, "able", True)
    pair.near.script(Tell(pair.near.engine, delay=0.04))
    seen = pair.ask(stream)
    assert (seen.text, seen.finish) == (TEXT, "stop")
    assert not pair.far.chats
