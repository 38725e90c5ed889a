"""Which fields of a head pass between which dialects, and which must not; the query; and what every
dialect's client gets when all backends are busy."""
import anthropic
import pytest

import judge
import speech
from clients import ERRORS, Ask
from harness import request
from speech import Said

sources = pytest.mark.parametrize("source", judge.DIALECTS)
targets = pytest.mark.parametrize("target", judge.DIALECTS)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
HELLO = Ask([("user", "Say hello.")])
PROVIDER = {"openai-chat": "openai", "openai-responses": "openai", "anthropic": "anthropic",
            "ollama": "ollama"}
ANYWHERE = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "tracestate": "a=1",
            "idempotency-key": "key-1", "x-request-id": "mine-1"}
OF_OPENAI = {"openai-organization": "org-1", "openai-project": "proj-1"}
OF_ANTHROPIC = {"anthropic-version": "2026-10-21", "anthropic-beta": "files-api-2025-04-14,b-1"}
NOWHERE = {"cookie": "a=b", "baggage": "user=alice", "x-forwarded-for": "10.1.1.1",
           "x-api-key": "client-key", "authorization": "Bearer client-key"}


def asked(pair, *headers, query="", stream=False):
    body = pair.client.build(HELLO)
    if stream or pair.source in speech.NDJSON:
        body["stream"] = stream
    with pair.weir.raw() as raw:
        raw.send(request(body, *headers, path=speech.PATHS[pair.source] + query))
        return raw.response()


@targets
@sources
def test_from_the_client(pair):
    lines = [f"{name}: {value}" for some in (ANYWHERE, OF_OPENAI, OF_ANTHROPIC, NOWHERE)
             for name, value in some.items()] + ["OpenAI-Beta: responses=v1"]
    assert asked(pair, *lines).status == 200
    sent = pair.upstream.chats[-1]
    same = PROVIDER[pair.source] == PROVIDER[pair.target]
    for some, provider in ((ANYWHERE, PROVIDER[pair.source]), (OF_OPENAI, "openai"),
                           (OF_ANTHROPIC, "anthropic")):
        pass_here = some is ANYWHERE or (same and provider == PROVIDER[pair.source])
        for name, value in some.items():
            if name == "anthropic-version" and pair.target == "anthropic" and not pass_here:
                assert sent.header(name) == "2023-06-01"  # Weir's own
            else:
                assert sent.header(name) == (value if pass_here else None), name
    # a beta of one API is none of the other's
    beta = pair.source == pair.target and PROVIDER[pair.source] == "openai"
    assert sent.header("openai-beta") == ("responses=v1" if beta else None)
    told = " ".join(value for _, value in sent.headers)
    assert not any(value in told for name, value in NOWHERE.items()), told


@targets
@sources
@both_ways
def test_back_to_the_client(pair, stream):
    limits = {"openai": {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-tokens": "149",
                         "x-ratelimit-reset-requests": "1s", "openai-processing-ms": "12",
                         "openai-version": "2020-10-01"},
              "anthropic": {"anthropic-ratelimit-requests-remaining": "49",
                            "anthropic-ratelimit-tokens-reset": "2026-11-24T10:00:00Z",
                            "anthropic-organization-id": "org-2"},
              "ollama": {}}
    anywhere = {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60',
                "x-should-retry": "false", "deprecation": "@1688169599"}
    nowhere = {"set-cookie": "a=b", "via": "1.1 proxy", "x-envoy-upstream-service-time": "5"}
    headers = [item for some in (*limits.values(), anywhere, nowhere) for item in some.items()]
    pair.upstream.script(speech.Speak(Said("Hi."), *headers))
    answer = asked(pair, stream=stream)
    same = PROVIDER[pair.source] == PROVIDER[pair.target]
    for provider, some in limits.items():
        pass_here = same and provider == PROVIDER[pair.source]
        for name, value in some.items():
            assert answer.headers.get(name) == (value if pass_here else None), name
    assert {name: answer.headers.get(name) for name in anywhere} == anywhere
    assert not set(nowhere) & set(answer.headers)


@targets
@sources
def test_an_answers_own_id(pair):
    """The client's own or Weir's; to Anthropic's clients also that of Anthropic, whose support asks
    for it."""
    pair.upstream.script(speech.Speak(Said("Hi."), ("x-request-id", "req_openai"),
                                      ("request-id", "req_anthropic")))
    answer = asked(pair, "X-Request-Id: mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert pair.weir.ledger(request_id="mine-1")
    if pair.source == "anthropic":
        own = pair.target == "anthropic"
        assert answer.headers["request-id"] == ("req_anthropic" if own else "mine-1")
    else:
        assert "request-id" not in answer.headers
    assert asked(pair).headers["x-request-id"].startswith("weir-")


@targets
@sources
def test_the_query(pair):
    """It is of the dialect, as Anthropic's ?beta=true: no backend of another one gets it."""
    asked(pair, query="?beta=true&x=%20y")
    same = pair.source == pair.target
    assert pair.upstream.chats[-1].target == \
        speech.PATHS[pair.target] + ("?beta=true&x=%20y" if same else "")


@targets
@pytest.mark.parametrize("source", ["anthropic"])
@both_ways
def test_the_beta_client_of_anthropic(pair, stream):
    sdk = anthropic.Anthropic(base_url=pair.weir.url, api_key="client-key-0123456789",
                              max_retries=0)
    asked = dict(model="asked", max_tokens=50, betas=["context-1m-2025-08-07"],
                 messages=[{"role": "user", "content": "Hi"}])
    pair.upstream.script(speech.Speak(Said("Hello.")))
    if stream:
        with sdk.beta.messages.stream(**asked) as events:
            answer = events.get_final_message()
    else:
        answer = sdk.beta.messages.create(**asked)
    assert answer.content[0].text == "Hello." and answer.model == "asked"
    sent = pair.upstream.chats[-1]
    own = pair.target == "anthropic"
    assert (sent.header("anthropic-beta") == "context-1m-2025-08-07") is own


@targets
@sources
@both_ways
def test_all_backends_are_busy(pair, stream):
    """429, when to come back, and the words by which each client knows it."""
    pair.upstream.script(speech.Refuse(429, "slow down", ("retry-after", "60")))
    with pytest.raises(ERRORS[pair.source]) as caught:
        pair.client.ask(HELLO, stream)
    assert caught.value.status_code == 429
    answer = pair.tap.answers()[-1]
    assert 55 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["content-type"] == "application/json"
    if pair.source == "anthropic":
        assert type(caught.value) is anthropic.RateLimitError
        assert not judge.answer("anthropic-error", answer.json)
        assert answer.json["error"]["type"] == "rate_limit_error"
    elif pair.source == "ollama":
        assert list(answer.json) == ["error"] and isinstance(answer.json["error"], str)
    else:
        assert type(caught.value).__name__ == "RateLimitError"
        assert set(answer.json["error"]) == {"message", "type", "param", "code"}
    assert len(pair.upstream.chats) == 1  # it said when: nobody asks before
