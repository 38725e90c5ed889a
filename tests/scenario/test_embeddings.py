"""Embeddings: one model each, whoever has it; OpenAI's way and Ollama's two, in and out."""
import ollama
import openai
import pytest

import faulty
import speech
from harness import backend, eventually

MODEL = "nomic-embed-text"
TEXTS = ["a brown fox", "a lazy dog"]
ENGINES = ["vllm", "ollama"]


@pytest.fixture
def embedder():
    """embedder(engine, models) is an upstream that has models for embeddings."""
    ups = []

    def make(engine="vllm", models=(MODEL,)):
        up = faulty.Upstream(engine=engine, models=models).up()
        up.script(speech.Speak(speech.Said(tokens_in=7)))
        ups.append(up)
        return up

    yield make
    for up in ups:
        up.__exit__()


def olla(weir):
    return ollama.Client(host=weir.url, timeout=20)


def post(weir, path="/v1/embeddings", **body):
    return weir.post({"model": MODEL, **body}, path=path)


@pytest.mark.parametrize("form", ["float", "base64", None])
@pytest.mark.parametrize("engine", ENGINES)
def test_openai_sdk(start, embedder, engine, form):
    up = embedder(engine)
    weir = start(backend("lab", "inside", up, models=[]))
    more = {"encoding_format": form} if form else {}
    answer = weir.sdk().embeddings.create(model=MODEL, input=TEXTS, dimensions=8, **more)
    wanted = [speech.vector(t) for t in TEXTS]
    got = [d.embedding for d in answer.data]
    if form == "base64":
        import base64
        import struct
        got = [list(struct.unpack("<8f", base64.b64decode(g))) for g in got]
    assert [pytest.approx(g) for g in got] == wanted
    assert answer.model == MODEL and [d.index for d in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 7
    assert [c.path for c in up.chats] == ["/api/embed" if engine == "ollama" else "/v1/embeddings"]
    assert up.chats[0].json["dimensions"] == 8 and not up.complaints
    [record] = weir.ledger()
    assert (record["side"], record["model"], record["dialect"], record["outcome"]) == \
        ("inside", MODEL, "openai-embeddings", "ok")
    assert (record["tokens_in"], record["tokens_out"], record["tokens_estimated"]) == (7, 0, 0)
    assert (record["notes"] or "").startswith("openai-embeddings to ollama-embed") == \
        (engine == "ollama")


@pytest.mark.parametrize("engine", ENGINES)
def test_ollama_sdk(start, embedder, engine):
    up = embedder(engine)
    weir = start(backend("lab", "inside", up))

    def slowly(exchange):
        yield 0.01
        yield from speech.Speak(speech.Said(tokens_in=7))(exchange)

    up.queue(slowly)
    answer = olla(weir).embed(MODEL, TEXTS)
    assert [pytest.approx(e) for e in answer.embeddings] == [speech.vector(t) for t in TEXTS]
    assert answer.model == MODEL and answer.prompt_eval_count == 7
    assert answer.total_duration > 0
    old = olla(weir).embeddings(MODEL, TEXTS[0])
    assert list(old.embedding) == pytest.approx(speech.vector(TEXTS[0]))
    assert [c.path for c in up.chats] == (["/api/embed", "/api/embeddings"]
                                          if engine == "ollama" else ["/v1/embeddings"] * 2)
    assert [r["dialect"] for r in weir.ledger()] == ["ollama-embed", "ollama-embeddings"]
    assert [r["outcome"] for r in weir.ledger()] == ["ok", "ok"]


def test_managed(start, managed):
    """The default of the SDK is base64."""
    weir = start(backend("far", "outside", managed.url, engine="openai", key=managed.key,
                         models=["gpt-5-mini", "text-embedding-3-small"]))
    answer = weir.sdk().embeddings.create(model="text-embedding-3-small", input="hello")
    assert answer.data[0].embedding == pytest.approx(speech.vector("hello"))
    record = weir.ledger()[-1]
    assert record["side"] == "outside" and record["tokens_in"] == answer.usage.prompt_tokens
    assert record["cost_nano"] == record["tokens_in"] * 20  # $0.02 a million


def test_bytes_are_untouched_but_for_the_name(start, embedder):
    up = embedder()
    weir = start(backend("lab", "inside", up), aliases={"mine": MODEL})
    body = b'{ "input" :[1,2, 3], "model":"mine","own_field": [ 1.50 ] ,"user":"u"}'
    answer = weir.post(body, path="/v1/embeddings")
    assert answer.status == 200 and answer.json["model"] == "mine"
    assert up.chats[0].body == body.replace(b'"mine"', b'"%s"' % MODEL.encode())


def test_token_numbers_for_ollama(start, embedder):
    up = embedder("ollama")
    weir = start(backend("lab", "inside", up))
    with pytest.raises(openai.BadRequestError, match="token numbers") as refused:
        weir.sdk().embeddings.create(model=MODEL, input=[[1, 2], [3]])
    assert refused.value.param == "input" and not up.chats


def test_failover_to_who_has_the_same_model(start, embedder):
    first, second = embedder(), embedder("ollama")
    other = embedder(models=["bge-m3"])
    weir = start(backend("one", "inside", first), backend("other", "inside", other),
                 backend("two", "inside", second))
    first.script(faulty.failing(503))
    answer = weir.sdk().embeddings.create(model=MODEL, input=TEXTS)
    assert answer.data[1].embedding == pytest.approx(speech.vector(TEXTS[1]))
    record = weir.ledger()[-1]
    assert [(a["backend"], a["outcome"]) for a in record["attempts"]] == \
        [("one", "upstream_status"), ("two", "ok")]
    second.down()
    with pytest.raises(openai.InternalServerError):
        weir.sdk().embeddings.create(model=MODEL, input=TEXTS)
    assert not other.chats


@pytest.mark.parametrize("script", [
    faulty.json_answer(200, b'{"error": "no memory"}'), faulty.json_answer(200, b'{"data": 1}'),
    faulty.json_answer(200, b'{"object": "list"'), [faulty.FIN],
    faulty.json_answer(501, b'{"error": {"message": "does not support embeddings"}}')])
def test_what_is_no_answer_fails_over(start, embedder, script):
    first, second = embedder(), embedder()
    weir = start(backend("one", "inside", first), backend("two", "inside", second))
    first.script(script)
    assert post(weir, input="x").json["data"][0]["embedding"] == speech.vector("x")
    assert weir.ledger()[-1]["backend"] == "two"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_as_many_vectors_as_texts(start, embedder, count):
    """Across dialects they are counted: a vector too few would be another text's."""
    up = embedder("ollama")
    up.script(faulty.json_answer(200, b'{"embeddings":[%s]}' % b",".join([b"[1]"] * count)))
    weir = start(backend("lab", "inside", up))
    assert post(weir, input=TEXTS).status == 503


def test_a_breaker_closes_again_where_no_model_chats(start, embedder):
    up = embedder()
    weir = start(backend("lab", "inside", up), breaker={"failures": 1, "open": "200ms"},
                 health={"interval": "200ms"})
    up.queue(faulty.failing(500))
    assert post(weir, input="x").status == 503
    assert up.wait_chats(2).json["input"] == "ping"
    eventually(lambda: "state=up" in weir.log().split("node_open")[1])
    assert [c.path for c in up.chats] == ["/v1/embeddings"] * 2
    assert post(weir, input="x").status == 200


# which model

def test_auto_is_the_first_inside(start, embedder, lab):
    far, near = embedder(models=["text-embedding-3-large"]), embedder(models=["bge-m3", MODEL])
    weir = start(backend("far", "outside", far), backend("lab", "inside", lab),
                 backend("near", "inside", near),
                 policy={"matrix": {"general": "outside"}})
    assert weir.post({"model": "auto", "input": "x"}, path="/v1/embeddings").status == 200
    assert near.chats[0].json["model"] == "bge-m3" and not lab.chats and not far.chats
    near.script(faulty.failing(500))  # its vectors are of no use among another's
    assert weir.post({"model": "auto", "input": "x"}, path="/v1/embeddings").status == 503
    assert not far.chats
    answer = weir.post({"model": "outside", "input": "x"}, path="/v1/embeddings")
    assert answer.status == 200 and far.chats[0].json["model"] == "text-embedding-3-large"


def test_aliases(start, embedder):
    """One that names a model counts; one that stands for any model does not."""
    up = embedder(models=[MODEL, "bge-m3"])
    weir = start(backend("lab", "inside", up),
                 aliases={"text-embedding-3-small": "inside/bge-m3", "text-*": "auto"})
    assert post(weir, input="x", model="text-embedding-3-small").status == 200
    assert up.chats[0].json["model"] == "bge-m3"
    answer = post(weir, input="x", model="text-embedding-3-large")
    assert answer.status == 404 and answer.error["code"] == "model_not_found"


def test_chats_and_embeddings_keep_apart(start, embedder, lab):
    up = embedder(models=[MODEL])
    weir = start(backend("up", "inside", up), backend("lab", "inside", lab))
    assert weir.ask().status == 200
    assert len(lab.chats) == 1 and not up.chats
    answer = weir.ask(model=MODEL)
    assert answer.status == 400 and answer.error["param"] == "model"
    answer = post(weir, input="x", model="lab-model")
    assert answer.status == 400 and answer.error["param"] == "model"
    assert "embeddings" in answer.error["message"]
    assert len(lab.chats) == 1 and not up.chats


def test_an_ability_of_the_config(start, lab):
    """A name that nobody knows, on an engine that says nothing of it."""
    lab.script(speech.Speak())
    weir = start(backend("lab", "inside", lab,
                         models=[{"name": "lab-model", "abilities": ["embeddings"]}]))
    assert post(weir, input="x", model="lab-model").status == 200
    assert weir.ask().status == 400


def test_many_texts_are_not_one_long_prompt(start, embedder):
    up = embedder(models=["all-minilm"])  # 512 tokens each
    weir = start(backend("lab", "inside", up))
    answer = post(weir, input=["a few words that are embedded"] * 400, model="all-minilm")
    assert answer.status == 200 and len(answer.json["data"]) == 400


def test_a_backend_without_an_endpoint(start, embedder):
    with faulty.Upstream(engine="anthropic", models=["claude-x"]) as up:
        weir = start(backend("claude", "outside", up,
                             models=[{"name": "claude-x", "abilities": ["embeddings"]}]))
        answer = post(weir, input="x", model="claude-x")
        assert answer.status == 400 and "no endpoint" in answer.error["message"]
        assert not up.chats


def test_a_rule_keeps_them_inside(start, embedder):
    far = embedder(models=["text-embedding-3-small"])
    weir = start(backend("far", "outside", far), policy={"rules": [
        {"name": "secret", "when": {"user": "doctor"}, "go": "inside_only"}]})
    assert post(weir, input="x", model="text-embedding-3-small").status == 200
    answer = post(weir, input="x", model="text-embedding-3-small", user="doctor")
    assert answer.status == 503 and len(far.chats) == 1


def test_they_are_listed(start, embedder, lab):
    up = embedder("ollama", [MODEL])
    weir = start(backend("up", "inside", up, models=[]), backend("lab", "inside", lab))
    assert MODEL in {m.id for m in weir.sdk().models.list()}
    client = olla(weir)
    assert MODEL in {m.model for m in client.list().models}
    assert client.show(MODEL).capabilities == ["embedding"]
    assert "embedding" not in client.show("lab-model").capabilities


# errors

BAD = [
    ({}, "input"), ({"input": []}, "input"), ({"input": 5}, "input"),
    ({"input": ["a", 1]}, "input"), ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
    ({"input": "x", "dimensions": "8"}, "dimensions"), ({"input": "x", "model": ""}, "model"),
]


@pytest.mark.parametrize("body,param", BAD)
def test_bad_requests(start, embedder, body, param):
    weir = start(backend("lab", "inside", embedder()))
    answer = post(weir, **body)
    assert answer.status == 400 and answer.error["param"] == param
    assert weir.record(answer)["status"] == 400


def test_errors_in_the_clients_shape(start, embedder):
    up = embedder("ollama")
    weir = start(backend("lab", "inside", up))
    up.script(speech.Refuse(400, "input length exceeds the context length"))
    with pytest.raises(openai.BadRequestError, match="context length"):
        weir.sdk().embeddings.create(model=MODEL, input="x")
    with pytest.raises(ollama.ResponseError, match="context length") as refused:
        olla(weir).embed(MODEL, "x")
    assert refused.value.status_code == 400
    for call in (olla(weir).embed, olla(weir).embeddings):
        with pytest.raises(ollama.ResponseError, match="does not exist") as refused:
            call("no-such-model", "x")
        assert refused.value.status_code == 404
