"""Real engines as backends, by each dialect that they speak themselves, for clients of each
dialect: the second table of docs/dialects.md. What leaves Weir to the client is judged where it is
translated; the model is too small to say anything that could be compared."""
import json

import pytest

import judge
from clients import CLIENTS, Ask
from harness import backend
from tap import Tap
from test_table import SCHEMA, WEATHER

SLOW = {"first_token": "120s", "between_tokens": "60s", "total": "200s"}
# what the engines' own endpoints make of a schema, as they were found
OBEY_SCHEMA = {("llamacpp", "openai-chat"), ("ollama", "openai-chat"), ("ollama", "ollama"),
               ("ollama", "openai-responses"), ("vllm", "openai-chat"),
               ("vllm", "openai-responses"), ("vllm", "anthropic")}
# the form that Ollama reads a call from, when it is all that the model may say
CALL = {"type": "object", "required": ["name", "arguments"], "additionalProperties": False,
        "properties": {"name": {"enum": ["get_weather"]}, "arguments": {
            "type": "object", "properties": {"city": {"enum": ["Rome"]}}, "required": ["city"]}}}
SPEAKS = {"llamacpp": judge.DIALECTS[:3], "vllm": judge.DIALECTS[:3], "ollama": judge.DIALECTS}

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300), pytest.mark.xdist_group("engines"),
              pytest.mark.parametrize("source", judge.DIALECTS),
              pytest.mark.parametrize("target", judge.DIALECTS)]
cell = pytest.mark.engine_cell


class Real:
    def __init__(self, engine, source, target, weir, tap):
        self.engine, self.source, self.target = engine, source, target
        self.weir, self.tap = weir, tap
        self.client = CLIENTS[source](tap.url, timeout=240)

    def ask(self, ask, stream):
        seen = self.client.ask(ask, stream)
        if self.source != self.target:
            found, _ = self.tap.judge(self.source)
            assert not found, "\n".join(found)
        assert seen.models - {None} == {"asked"}
        record = self.weir.ledger()[-1]
        assert record["outcome"] == "ok" and record["backend"] == "lab"
        assert record["tokens_estimated"] == 0
        assert (seen.tokens[0], seen.tokens[2]) == (record["tokens_in"], record["tokens_out"])
        assert 0 < seen.tokens[0] and 0 < seen.tokens[2] <= ask.max_tokens
        return seen


@pytest.fixture
def real(start, engine, source, target):
    if target not in SPEAKS[engine.name]:
        pytest.skip(f"{engine.name} does not speak it")
    models = [{"name": engine.models[0], "abilities": ["tools", "schema"]}]
    weir = start(backend("lab", "inside", engine, dialect=target, models=models, **SLOW),
                 timeouts=SLOW,
                 aliases={"asked": f"inside/{engine.models[0]}"})
    with Tap(weir.port) as tap:
        yield Real(engine, source, target, weir, tap)


@cell("plain")
def test_plain(real):
    seen = real.ask(Ask([("system", "Be brief."), ("user", "Say hello."), ("assistant", "Hello."),
                         ("user", "Again, please.")], max_tokens=8, temperature=0.0), False)
    assert seen.text and seen.finish in ("stop", "length")


@cell("stream")
def test_stream(real):
    ask = Ask([("user", "Tell a story.")], max_tokens=8, temperature=0.0)
    seen = real.ask(ask, True)
    assert seen.text and seen.finish in ("stop", "length")


@cell("tools")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_tools(real, stream):
    """A tool that was called, and what it said; and another call, where the engine can be made to:
    the model never does by itself, and llama.cpp's template for it knows no tools. vLLM's Anthropic
    endpoint fails on the arguments that so small a model makes up, which are no object."""
    turns = [("user", "The weather in Paris?"),
             ("call", "call_1", "get_weather", {"city": "Paris"}),
             ("result", "call_1", "get_weather", "rainy, 9 °C"), ("user", "Tell a story of Rome.")]
    ask = Ask(turns, tools=[WEATHER], max_tokens=60, temperature=0.0)
    if real.target != "anthropic":
        if real.engine.name == "vllm" and real.source != "ollama":  # which cannot say it
            ask.choice = "any"
        elif real.engine.name == "ollama":
            ask.schema = CALL
    seen = real.ask(ask, stream)
    if ask.choice or ask.schema:
        assert {name for _, name, _ in seen.calls} == {"get_weather"} and seen.finish == "calls"
    else:
        assert seen.text or seen.calls
    if ask.schema:
        assert [arguments for _, _, arguments in seen.calls] == [{"city": "Rome"}]


@cell("schema")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_schema(real, stream):
    if (real.engine.name, real.target) not in OBEY_SCHEMA:
        pytest.skip("this endpoint of the engine takes no notice of a schema")
    seen = real.ask(Ask([("user", "Count to one, and tell your mood, as JSON.")], schema=SCHEMA,
                        max_tokens=60, temperature=0.0), stream)
    answer = json.loads(seen.text)
    assert set(answer) == {"count", "mood"} and answer["mood"] in ("good", "bad")
