"""What real engines said (tests/golden), byte for byte through Weir to each dialect's official
client. What the engine's own dialect's official client makes of the same bytes without Weir is what
every client must get: text, calls, usage, finish. Each is replayed as it was recorded, byte by
byte, and in chunks cut anywhere."""
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
        body = self.request.json
        return bool(body.get("stream", self.kind == "ollama"))

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


def ask(client, recording):
    """The client's own sums of usage are left out where the engine was not asked for any."""
    if "nousage" in recording.name:
        client._usage = lambda seen, told: None
    return client.ask(HELLO, recording.stream)


def told(recording, script):
    """What the official client of the engine's dialect makes of it."""
    with faulty.Upstream(models=["fake-model"]) as upstream:
        upstream.script(script)
        return ask(CLIENTS[recording.kind](upstream.url), recording)


def engine_of(recording):
    return {"engine": recording.engine, "dialect": recording.kind}


@recordings(ANSWERS)
@sources
def test_an_answer(make_pair, source, recording):
    pair = make_pair(source, recording.kind, engine=engine_of(recording))
    for script in recording.replays():
        wanted = told(recording, script)
        pair.upstream.script(script)
        seen = ask(pair.client, recording)
        assert seen.text == wanted.text
        assert seen.thinking == wanted.thinking
        assert [c[1:] for c in seen.calls] == [c[1:] for c in wanted.calls]
        if source != "ollama" and recording.kind != "ollama":  # whose clients know no ids
            assert [c[0] for c in seen.calls] == [c[0] for c in wanted.calls]
        if source == recording.kind:
            assert seen.finish == wanted.finish
        else:  # vLLM says `stop` behind a call that was forced by its name
            assert seen.finish == ("calls" if wanted.calls and wanted.finish == "stop"
                                   else wanted.finish)
            pair.judge()
        assert seen.models == {"asked"}
        record = pair.weir.wait_record()
        assert record["outcome"] == "ok"
        if wanted.tokens and seen.tokens:
            assert (seen.tokens[0], seen.tokens[2]) == (wanted.tokens[0], wanted.tokens[2])
            assert source == "ollama" or (seen.tokens[1] or 0) == (wanted.tokens[1] or 0)
            assert (record["tokens_in"], record["tokens_out"]) == (wanted.tokens[0],
                                                                   wanted.tokens[2])
            assert record["tokens_estimated"] == 0


@recordings(REFUSALS)
@sources
def test_a_refusal(make_pair, source, recording):
    """The engine's words reach the client, whatever the shape of its error was."""
    pair = make_pair(source, recording.kind, engine=engine_of(recording))
    error = recording.response.json["error"]
    words = error if isinstance(error, str) else error["message"]
    for script in recording.replays():
        pair.upstream.script(script)
        with pytest.raises(ERRORS[source]) as caught:
            pair.client.ask(HELLO, recording.stream)
        assert caught.value.status_code == 400
        answer = pair.tap.answers()[-1]
        assert words in json.dumps(answer.json, ensure_ascii=False).replace('\\"', '"') or \
            words in str(answer.json)
        if source == "anthropic" != recording.kind:
            assert not judge.answer("anthropic-error", answer.json)


def test_the_recordings_are_there():
    """Each engine, each dialect that it speaks, plain and streamed."""
    held = {(r.engine, r.kind, r.stream) for r in ANSWERS if r.whole}
    for engine in ENGINES:
        for kind in judge.DIALECTS:
            for stream in (False, True):
                if kind != "ollama" or engine == "ollama":
                    assert (engine, kind, stream) in held, (engine, kind, stream)
    assert not [r.name for r in ANSWERS if not r.whole]
