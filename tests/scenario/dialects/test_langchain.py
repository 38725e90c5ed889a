"""LangChain's chat models, which many applications talk through (`make test-engines` installs
them: tests/requirements-langchain.txt)."""
import pytest

import faulty
import judge
import speech
from harness import backend
from speech import Call, Said

pytest.importorskip("langchain_openai", reason="LangChain is not installed")
pytest.importorskip("langchain_anthropic")
pytest.importorskip("langchain_ollama")

pytestmark = [pytest.mark.engines, pytest.mark.timeout(120)]
TEXT = 'Grüße — 你好 😀 "quoted".'


def chat_model(kind, url, limit=500):
    if kind == "anthropic":
        from langchain_anthropic import ChatAnthropic
        return ChatAnthropic(model="asked", base_url=url, api_key="client-key-0123456789",
                             max_retries=0, max_tokens=limit)
    if kind == "ollama":
        from langchain_ollama import ChatOllama
        return ChatOllama(model="asked", base_url=url, num_predict=limit)
    from langchain_openai import ChatOpenAI
    return ChatOpenAI(model="asked", base_url=url + "/v1", api_key="client-key-0123456789",
                      max_retries=0, max_tokens=limit, stream_usage=True,
                      use_responses_api=kind == "openai-responses")


def get_weather(city: str) -> str:
    """The weather in a city."""


def smoke(kind, url, upstream):
    model = chat_model(kind, url)
    upstream.script(speech.Speak(Said(TEXT, step=1)))
    answer = model.invoke("Say hello.")
    assert answer.text == TEXT
    assert answer.usage_metadata["input_tokens"] == 57
    total = None
    for piece in model.stream("Say hello."):
        total = piece if total is None else total + piece
    assert total.text == TEXT
    assert total.usage_metadata["output_tokens"] == 23

    upstream.script(speech.Speak(Said(calls=[Call("call_1", "get_weather", {"city": "Pa\"ris"})])))
    answer = model.bind_tools([get_weather]).invoke("The weather in Paris?")
    assert [(c["name"], c["args"]) for c in answer.tool_calls] == \
        [("get_weather", {"city": "Pa\"ris"})]
    # the SDK's type wants `strict`, which LangChain leaves out
    problems = [c for c in upstream.complaints
                if c != "/v1/responses tools[0].strict: missing in FunctionToolParam"]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("kind", judge.DIALECTS)
def test_the_fakes(kind):
    with faulty.Upstream(models=["asked"]) as upstream:
        smoke(kind, upstream.url, upstream)


@pytest.mark.parametrize("target", judge.DIALECTS)
@pytest.mark.parametrize("source", judge.DIALECTS)
def test_through_weir(make_pair, source, target):
    pair = make_pair(source, target)
    smoke(source, pair.weir.url, pair.upstream)


@pytest.mark.xdist_group("engines")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", judge.DIALECTS)
def test_a_real_engine(start, engine, source):
    slow = {"first_token": "120s", "between_tokens": "60s", "total": "200s"}
    weir = start(backend("lab", "inside", engine, models=[
        {"name": engine.models[0], "abilities": ["tools"]}], **slow), timeouts=slow,
        aliases={"asked": f"inside/{engine.models[0]}"})
    model = chat_model(source, weir.url, 16)
    answer = model.invoke("Tell a story.")
    assert answer.text and 0 < answer.usage_metadata["output_tokens"] <= 16
    assert len([piece for piece in model.stream("Tell a story.") if piece.text]) > 1
    answer = model.bind_tools([get_weather]).invoke("Tell a story of Rome.")
    assert answer.text or answer.tool_calls
    assert {r["outcome"] for r in weir.ledger()} == {"ok"} and len(weir.ledger()) == 3
