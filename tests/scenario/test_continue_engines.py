"""Real engines, cut behind each event and gone on with: the text has no gap and no repeat. Another
node may say on something else than the first one would have, but at temperature 0 most do not."""
import contextlib
import http.client
import json

import pytest

import faulty
import wire
from harness import backend

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600), pytest.mark.xdist_group("engines")]
SLOW = {"first_token": "120s", "between_tokens": "60s", "total": "200s"}
TOKENS = 24
PROMPTS = ["Name three colours and say where each is seen in nature.",
           "Write a Python function that sorts a list, with comments."]


def has_text(engine, event):
    if engine == "ollama":
        return bool(json.loads(event).get("message", {}).get("content"))
    if not event.startswith(b"data: {"):
        return False
    choices = json.loads(event[6:])["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def events(answer, separator):
    rest = b""
    while part := answer.read1(65536):
        *whole, rest = (rest + part).split(separator)
        yield from (event + separator for event in whole)


def Relay(engine, after):
    """What the engine says, up to so many events with text."""
    def run(exchange):
        host = engine.url.removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(host, timeout=120)) as there:
            there.request("POST", exchange.path, exchange.body,
                          {"content-type": "application/json"})
            answer = there.getresponse()
            yield wire.head(answer.status, [("content-type", answer.getheader("content-type")),
                                            ("transfer-encoding", "chunked")])
            seen = 0
            for event in events(answer, b"\n" if engine.engine == "ollama" else b"\n\n"):
                more = has_text(engine.engine, event)
                if more and seen == after:
                    yield from [0.05, faulty.FIN]
                    return
                seen += more
                yield wire.chunk(event)
            yield wire.LAST_CHUNK
    return run


@pytest.fixture
def pair(start, engine):
    with faulty.Upstream(engine=engine.engine, models=engine.models) as near:
        weir = start(backend("near", "inside", near, models=engine.models, **SLOW),
                     backend("far", "inside", engine, models=engine.models, **SLOW),
                     timeouts=SLOW, breaker={"failures": 1000, "error_rate": 0})
        weir.near = near
        yield weir


@pytest.mark.slow
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_cut_behind_each_event(pair, engine, prompt):
    def ask(after):
        pair.near.script(Relay(engine, after))
        answer = pair.ask(prompt, stream=True, max_tokens=TOKENS, temperature=0, timeout=200)
        choices = [c for e in answer.events if e != "[DONE]" for c in e["choices"]]
        assert answer.complete and answer.events[-1] == "[DONE]"
        assert len([c for c in choices if c["finish_reason"]]) == 1
        return [c["delta"]["content"] for c in choices if c["delta"].get("content")]
    pieces = ask(1000)
    whole, same = "".join(pieces), 0
    for after in range(1, len(pieces)):
        text = "".join(ask(after))
        said = "".join(pieces[:after])
        assert text.startswith(said) and len(text) > len(said)
        attempts = pair.ledger()[-1]["attempts"]
        assert [a["outcome"] for a in attempts] == ["upstream_cut", "ok"]
        assert attempts[0]["tokens_out"] == after
        same += text == whole
    print(f"{engine.name}: {same} of {len(pieces) - 1} texts are the uncut one")
    assert same >= 0.8 * (len(pieces) - 1)
