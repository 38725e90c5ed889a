"""The perimeter under attack: ways in which a value might still leave, crash or tell on somebody.

Each test is one idea of somebody who wants a value outside; it looks first at what the stand-in
outside has got, head and body.
"""
import base64
import gzip
import json
import random

import pytest

import faulty
from harness import CHAT, TASKS, backend, chat, request
from test_perimeter import CARD, CLEAN, EMAIL, MASKED, NOTE, PATIENT, clean, left

DIGITS = CARD.replace(" ", "")
KEY = "sk-proj-Ab3kQ9zLx81mVt2RfYw7uHc5PdNs0GjE6oKiX4bTqZ1"
OUTSIDE = {"matrix": {task: "outside" for task in TASKS}}
EMBEDDERS = ["text-embedding-3-small"]


@pytest.fixture
def both(start, lab, cloud):
    """Outside first, with a model for embeddings on either side; `more` is of the perimeter."""
    lab.models, cloud.models = ["lab-model", "lab-embed"], ["cloud-model", *EMBEDDERS]

    def make(**more):
        policy = more.pop("policy", OUTSIDE)
        outside = more.pop("outside", {})
        responses = more.pop("responses", {})
        return start(backend("lab", "inside", lab), backend("cloud", "outside", cloud, **outside),
                     policy=policy, perimeter=more, responses=responses)
    return make


def said(text, **more):
    return [{"role": "user", "content": text, **more}]


# path -> body with a text in it
SPOKEN = {
    CHAT: lambda text: chat(text),
    "/v1/responses": lambda text: {"model": "auto", "input": text},
    "/v1/responses items": lambda text: {"model": "auto", "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]},
    "/v1/messages": lambda text: {"model": "auto", "max_tokens": 50, "messages": said(text)},
    "/api/chat": lambda text: {"model": "auto", "messages": said(text), "stream": False},
    "/api/generate": lambda text: {"model": "auto", "prompt": text, "stream": False},
    "/v1/completions": lambda text: {"model": "auto", "prompt": text},
    "/v1/completions list": lambda text: {"model": "auto", "prompt": [text]},
    "/v1/embeddings": lambda text: {"model": EMBEDDERS[0], "input": [CLEAN, text]},
    "/api/embed": lambda text: {"model": EMBEDDERS[0], "input": [CLEAN, text]},
    "/api/embeddings": lambda text: {"model": EMBEDDERS[0], "prompt": text},
}


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("modes", ["local", "mask", "split"])
@pytest.mark.parametrize("spoken", SPOKEN)
def test_every_dialect(both, lab, cloud, spoken, modes, dialect):
    if dialect == "anthropic":
        cloud.engine = "anthropic"
    weir = both(modes={"DEFAULT": modes})
    for text in (PATIENT, NOTE):
        answer = weir.post(SPOKEN[spoken](text), path=spoken.split()[0])
        assert answer.status in (200, 400, 403, 404), answer.body
        assert clean(cloud, CARD, EMAIL, "48213377") == []
    assert clean(cloud, base64.b64encode(EMAIL.encode()).decode()) == []


# path -> body whose parts are the pieces of one text
PIECES = {
    CHAT: lambda *t: chat(messages=said([{"type": "text", "text": p} for p in t])),
    "/v1/responses": lambda *t: {"model": "auto", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": p} for p in t]}]},
    "/v1/messages": lambda *t: {"model": "auto", "max_tokens": 50, "messages": said(
        [{"type": "text", "text": p} for p in t])},
}


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize("path", PIECES)
@pytest.mark.parametrize("text", [(DIGITS[:7], DIGITS[7:]), (CARD[:10], CARD[10:]),
                                  (CARD[:9], CARD[9:]), (EMAIL[:19], EMAIL[19:]),
                                  ("Pay with " + DIGITS[:8], DIGITS[8:]),
                                  ("mail " + EMAIL[:-8], EMAIL[-8:]),
                                  ("key " + KEY[:20], KEY[20:])])
def test_pieces_of_a_value(both, lab, cloud, text, path, dialect):
    """The parts of a message are one text to the model, and to another dialect one string."""
    cloud.engine = dialect
    weir = both()
    weir.post(PIECES[path](*text), path=path)
    seen = left(cloud).decode()
    assert "".join(text).split()[-1] not in seen
    assert text[-1] not in seen, "in pieces"
    assert "".join(text) not in seen


@pytest.mark.parametrize("body", [
    lambda: {"model": "auto", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "https://files.northmail.org/a/scan.png"}]}]},
    lambda: {"model": "auto", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_file", "file_id": "file-abc"}]}]},
    lambda: {"model": "auto", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_file", "file_url": "https://files.northmail.org/a/letter.pdf"}]}]},
])
def test_media_of_responses(both, cloud, body):
    cloud.models = ["gpt-4o"]
    weir = both()
    weir.post(body(), path="/v1/responses")
    assert not cloud.chats


@pytest.mark.parametrize("path,body", [
    ("/v1/completions", {"model": "auto", "prompt": [40, 2127, 318, 604]}),
    ("/v1/completions", {"model": "auto", "prompt": [[40, 2127, 318, 604]]}),
    ("/v1/embeddings", {"model": EMBEDDERS[0], "input": [40, 2127, 318, 604]}),
    ("/v1/embeddings", {"model": EMBEDDERS[0], "input": [[40, 2127], [318, 604]]}),
])
def test_tokens_are_no_silence(both, cloud, path, body):
    """A text as the numbers of its tokens: nobody can read it here, and the other side can."""
    weir = both()
    weir.post(body, path=path)
    assert not cloud.chats


@pytest.mark.parametrize("body", [
    f'{{"model":"auto","messages":[{{"role":"user","content":"Hi"}}],"seed":{DIGITS}}}',
    f'{{"model":"auto","messages":[{{"role":"user","content":"Hi"}}],"metadata":{{"n":{DIGITS}}}}}',
    f'{{"model":"auto","messages":[{{"role":"user","content":"{CARD}","content":"Hi"}}]}}',
    f'{{"model":"auto","messages":[{{"role":"user","conten\\u0074":"{CARD}","content":"Hi"}}]}}',
    '{"model":"auto","messages":[{"role":"user","content":"%s"}]}'
    % "".join(f"\\u{ord(c):04x}" for c in CARD),
    '{"model":"auto","messages":[{"role":"user","content":"\\ud83d %s \\ude00"}]}' % CARD,
    '{"model":"auto","messages":[{"role":"user","content":"%s"}]}'
    % "".join(chr(0xff10 + int(c)) for c in DIGITS),
    '{"model":"auto","messages":[{"role":"user","content":"%s"}]}' % "\u200b".join(DIGITS),
    '{"model":"%s","messages":[{"role":"user","content":"Hi"}]}' % DIGITS,
    '{"model":"auto","messages":[{"role":"user","content":"Hi","name":"%s"}]}' % DIGITS,
    '{"model":"auto","stop":["%s"],"messages":[{"role":"user","content":"Hi"}]}' % CARD,
    '{"model":"auto","messages":[{"role":"user","content":"see %s"}]}'
    % base64.b64encode(f"card {CARD} of {EMAIL}".encode()).decode(),
    '{"model":"auto","messages":[{"role":"user","content":"see card%%3D%s"}]}'
    % CARD.replace(" ", "%20"),
])
@pytest.mark.parametrize("mode", ["local", "mask", "split"])
def test_spellings(both, cloud, body, mode):
    weir = both(modes={"DEFAULT": mode})
    weir.post(body.encode())
    seen = left(cloud).decode()
    for form in (CARD, DIGITS, CARD.replace(" ", "%20"), "\\u0034\\u0031",
                 base64.b64encode(f"card {CARD} of".encode()).decode()[:20],
                 "".join(chr(0xff10 + int(c)) for c in DIGITS)):
        assert form not in seen
    assert "\u200b".join(DIGITS) not in seen


def test_bytes_that_are_no_text(both, cloud):
    weir = both()
    for bad in (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80"):
        body = json.dumps(chat("XX " + CARD)).encode().replace(b"XX", bad)
        assert weir.post(body).status == 400
    assert not cloud.chats


def test_a_gzip_body(both, lab, cloud):
    weir = both()
    answer = weir.post(gzip.compress(json.dumps(chat(PATIENT)).encode()), "Content-Encoding: gzip")
    assert answer.text == "Hello from the lab." and not cloud.chats


@pytest.mark.parametrize("field", [
    "traceparent: {0}", "tracestate: card={0}", "x-request-id: {0}",
    "idempotency-key: {0}", "openai-project: {0}", "openai-organization: {0}"])
@pytest.mark.parametrize("mode", ["local", "mask", "allow"])
def test_fields_of_the_head(both, cloud, field, mode):
    weir = both(modes={"DEFAULT": mode} if mode != "allow" else {"EMAIL": "allow"})
    for value in (DIGITS, EMAIL, KEY):
        if mode == "allow" and value == EMAIL:
            continue
        weir.ask(CLEAN, field.format(value))
        assert clean(cloud, value) == [], value


@pytest.mark.parametrize("query", ["note={0}", "a=b&c=d%26note%3D{0}", "{0}"])
def test_queries(both, cloud, query):
    weir = both()
    plus, percent = CARD.replace(" ", "+"), CARD.replace(" ", "%20")
    hexed = "".join(f"%{ord(c):02x}" for c in CARD)
    for value in (DIGITS, plus, percent, hexed, EMAIL, EMAIL.replace("@", "%40")):
        weir.post(chat(CLEAN), path=CHAT + "?" + query.format(value))
        assert value not in left(cloud).decode()


def test_a_harmless_head_goes_out(both, cloud):
    """What tracing and idempotency put there is random and no secret."""
    weir = both()
    rng = random.Random(4)
    for _ in range(100):
        trace, span = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}"
        weir.ask(CLEAN, f"traceparent: 00-{trace}-{span}-01",
                 f"idempotency-key: stainless-node-retry-{trace[:8]}-{trace[8:12]}-4a{span[:2]}-"
                 f"8{span[3:6]}-{span[4:]}",
                 f"x-request-id: {trace[:8]}-{trace[8:12]}-{trace[12:16]}-{trace[16:20]}-"
                 f"{span[:12]}")
    assert len(cloud.chats) == 100


def test_a_kept_conversation(both, lab, cloud):
    """The value stands in the turn that Weir keeps; the second request is clean by itself."""
    for mode in ("local", "mask", "split"):
        weir = both(modes={"DEFAULT": mode}, responses={"store": "memory"})
        first = weir.post({"model": "auto", "input": NOTE}, path="/v1/responses")
        assert first.status == 200
        second = weir.post({"model": "auto", "input": "And now shorter, please.",
                            "previous_response_id": first.json["id"]}, path="/v1/responses")
        assert second.status == 200, second.body
        assert clean(cloud, CARD, EMAIL) == []
        weir.stop()


def test_count_tokens_asks_nobody(both, lab, cloud):
    weir = both()
    body = {"model": "cloud-model", "messages": said(PATIENT)}
    assert weir.post(body, path="/v1/messages/count_tokens").status == 200
    weir.post({"model": CARD}, path="/api/show")
    weir.get("/v1/models/" + DIGITS)
    assert not cloud.chats and not lab.chats
    assert clean(cloud, CARD, EMAIL) == []


def masks_of(count):
    return [f"user{i}.of.{i * 7919 % 9973}@northmail.org" for i in range(count)]


@pytest.mark.parametrize("count", [200, 3000, 17000])
def test_many_values(both, lab, cloud, count):
    weir = both(modes=MASKED)
    text = "\n".join(masks_of(count))
    answer = weir.ask(text, timeout=60)
    assert answer.status == 200 or count > 16383
    assert b"@northmail.org" not in left(cloud)
    assert bool(cloud.chats) == (count <= 16383)
    record = weir.record(answer)
    assert "northmail" not in json.dumps(record, default=str)


def test_a_large_body(both, lab, cloud):
    """Looking through it takes longer than a connection may: that is no fault of the backend's."""
    weir = both(modes=MASKED, outside={"connect": "100ms"})
    filler = "The quick brown fox jumps over the lazy dog. " * 120000  # 5 MB
    answer = weir.ask(filler + NOTE, timeout=60)
    assert answer.text == "Hello from the cloud."
    assert clean(cloud, CARD, EMAIL) == []


# who leaves, and when

@pytest.mark.parametrize("mode", ["local", "mask", "split"])
@pytest.mark.parametrize("size", [3000, 60000, 600000])
def test_the_client_leaves_at_any_moment(both, lab, cloud, size, mode):
    weir = both(modes={"DEFAULT": mode})
    body = request(chat((CLEAN + " ") * (size // len(CLEAN)) + "\n\n" + NOTE))
    for i in range(25):
        with weir.raw() as client:
            client.send(body)
            if i:
                client.sock.settimeout(0.001 * i)
                try:
                    client.sock.recv(1)
                except OSError:
                    pass
    assert weir.ask(CLEAN).status == 200
    assert clean(cloud, CARD, EMAIL) == []
    assert weir.metrics()["weir_gate_failed_total"] == 0
