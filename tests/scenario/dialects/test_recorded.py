"""What real engines said (tests/golden), byte for byte through Weir to each dialect's official
client. What the engine's own dialect's official client makes of the same bytes without Weir is what
every client must get: text, calls, usage, finish. Each is replayed as it was recorded, byte by
byte, and in chunks cut anywhere."""
import dataclasses
import itertools
import json

import pytest

import faulty
import judge
import wire
from clients import CLIENTS, ERRORS, Ask
from harness import ROOT
from tap import Recorded
from test_table import WEATHER

GOLDEN = ROOT / "tests" / "golden"
ENGINES = ("llamacpp", "ollama", "vllm")
HELLO = Ask([("user", "Say hello.")], tools=[WEATHER])


class Recording:
    def __init__(self, path):
        self.name = f"{path.parent.name}-{path.stem}"
        self.engine = path.parent.name
        asked, self.answer = path.read_bytes().split(b"\n##### response\n", 1)
        head, body = asked.split(b"\r\n\r\n", 1)
        self.request = wire.Request(head, body.strip())
        self.response = Recorded(self.answer).response()
        self.kind = self.request.speaks
        self.whole = self.response.complete

    @property
    def stream(self):
        body = self.request.body.replace(b" ", b"")  # not each is JSON
        return b'"stream":true' in body or \
            (self.kind == "ollama" and b'"stream":false' not in body)

    def head(self):
        return self.answer[:self.answer.index(b"\r\n\r\n") + 4]

    def replays(self):
        """Scripts for an upstream."""
        yield [self.answer, faulty.FIN]
        yield [self.answer[at:at + 1] for at in range(len(self.answer))] + [faulty.FIN]
        if "transfer-encoding" in self.response.headers:
            yield [self.head(), *odd_chunks(self.response.body), wire.LAST_CHUNK, faulty.FIN]


def odd_chunks(body):
    """Cut where no server would: inside characters, line ends and names of fields."""
    sizes, at = itertools.cycle([1, 2, 3, 5, 7, 11, 13, 29]), 0
    while at < len(body):
        size = next(sizes)
        yield wire.chunk(body[at:at + size])
        at += size


RECORDINGS = [r for r in (Recording(path) for engine in ENGINES
                          for path in sorted((GOLDEN / engine).glob("*.http")))
              if r.kind in judge.DIALECTS]
ANSWERS = [r for r in RECORDINGS if r.response.status == 200]
REFUSALS = [r for r in RECORDINGS if r.response.status == 400]
sources = pytest.mark.parametrize("source", judge.DIALECTS)


def recordings(some):
    return pytest.mark.parametrize("recording", some, ids=lambda r: r.name)


def ask(kind, url, recording):
    """Asks with a client of this kind. Usage: what came last of it, and none where an OpenAI chat
    client would have asked for it and the recorded one had not."""
    client, usages = CLIENTS[kind](url), []
    count = getattr(client, "_usage", None)
    client._usage = lambda seen, usage: usages.append(usage)
    seen = client.ask(HELLO, recording.stream)
    if usages and "nousage" not in recording.name:
        count(seen, usages[-1])
    seen.models.discard(None)  # llama.cpp's response.created names none
    return seen


def told(recording, script):
    """What the official client of the engine's dialect makes of it; and where an engine says one
    thing and means another, what it means to clients of other dialects."""
    with faulty.Upstream(models=["fake-model"]) as upstream:
        upstream.script(script)
        seen = ask(recording.kind, upstream.url, recording)
    meant = dataclasses.replace(seen, calls=[
        # an object, as all but OpenAI's clients must have it
        (i, name, a if isinstance(a, dict) else {"arguments": json.dumps(a)})
        for i, name, a in seen.calls])
    if seen.calls and seen.finish == "stop":  # vLLM, of a call that was forced by its name
        meant.finish = "calls"
    if recording.name.startswith("ollama-responses"):  # `completed`, when the length was reached
        meant.finish = "length"
    return seen, meant


def engine_of(recording):
    return {"engine": recording.engine, "dialect": recording.kind}


@recordings(ANSWERS)
@sources
def test_an_answer(make_pair, source, recording):
    pair = make_pair(source, recording.kind, engine=engine_of(recording))
    for script in recording.replays():
        wanted, meant = told(recording, script)
        pair.upstream.script(script)
        seen = ask(source, pair.tap.url, recording)
        assert (seen.text, seen.thinking) == (wanted.text, wanted.thinking)
        calls = (meant if source in ("anthropic", "ollama") else wanted).calls
        assert [c[1:] for c in seen.calls] == [c[1:] for c in calls]
        if "ollama" not in (source, recording.kind):  # whose clients know no ids
            assert [c[0] for c in seen.calls] == [c[0] for c in calls]
        if source == recording.kind:
            assert seen.finish == wanted.finish
        else:
            assert seen.finish == meant.finish
            pair.judge()
        assert seen.models == {"asked"}
        record = pair.weir.ledger()[-1]
        assert record["outcome"] == "ok"
        if wanted.tokens:
            assert (record["tokens_in"], record["tokens_out"], record["tokens_estimated"]) == (
                wanted.tokens[0], wanted.tokens[2], 0)
            assert (seen.tokens[0], seen.tokens[2]) == (wanted.tokens[0], wanted.tokens[2])
            assert source == "ollama" or (seen.tokens[1] or 0) == (wanted.tokens[1] or 0)


@recordings(REFUSALS)
@sources
def test_a_refusal(make_pair, source, recording):
    """The engine's words reach the client, whatever the shape of its error was."""
    pair = make_pair(source, recording.kind, engine=engine_of(recording))
    words = said(recording.response.json)
    for script in recording.replays():
        pair.upstream.script(script)
        with pytest.raises(ERRORS[source]) as caught:
            pair.client.ask(HELLO, recording.stream)
        assert caught.value.status_code == 400
        answer = pair.tap.answers()[-1].json
        if source == recording.kind:
            assert said(answer) == words
        else:  # one line, and not without end
            assert said(answer).startswith(" ".join(words.split())[:200])
        if source == "anthropic" != recording.kind:
            assert not judge.answer("anthropic-error", answer)


def said(body):
    return body["error"] if isinstance(body["error"], str) else body["error"]["message"]


def test_the_recordings_are_there():
    """Each engine, each dialect that it speaks, plain and streamed."""
    held = {(r.engine, r.kind, r.stream) for r in ANSWERS if r.whole}
    for engine in ENGINES:
        for kind in judge.DIALECTS:
            for stream in (False, True):
                if kind != "ollama" or engine == "ollama":
                    assert (engine, kind, stream) in held, (engine, kind, stream)
    assert not [r.name for r in ANSWERS if not r.whole]
