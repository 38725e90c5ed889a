"""A prompt goes where it fits, or is refused; it is never cut without a word."""
import json

import pytest

from faulty import Auto, Plain, Upstream, json_answer
from harness import backend, eventually
from wire import usage

LONG = "a word and " * 1000  # about 3,000 tokens
OFTEN = {"interval": "100ms"}


def wait_for_lists(weir):
    """Until the first look at each node is done: before it no window is known."""
    def listed():
        nodes = json.loads(weir.run("nodes", "--json").stdout)["nodes"]
        return all(n["models"] for n in nodes)
    eventually(listed)


@pytest.mark.parametrize("named", [True, False], ids=["named", "listed"])
def test_of_two_nodes_the_one_that_holds_it_is_asked(start, named):
    with Upstream(engine="vllm") as small, Upstream(engine="vllm") as large:
        small.window, large.window = 1024, 8192
        weir = start(backend("lab", "inside", small, large, models=None if named else []))
        wait_for_lists(weir)
        for _ in range(4):
            assert weir.ask(LONG).status == 200
        assert (len(small.chats), len(large.chats)) == (0, 4)
        for _ in range(6):
            assert weir.ask("Hello").status == 200
        assert small.chats
        answer = weir.ask(LONG * 4)
        assert answer.status == 400 and answer.error["code"] == "context_length_exceeded"


def test_a_window_that_the_config_names_stands(start):
    with Upstream(engine="vllm") as one, Upstream(engine="vllm") as two:
        one.window = two.window = 1024
        weir = start(backend("lab", "inside", one, two,
                             models=[{"name": "fake-model", "window": 100000}]))
        wait_for_lists(weir)
        assert weir.ask(LONG).status == 200


TOO_LONG = json_answer(400, {"error": {"message": "too many tokens", "type": "Bad Request",
                                       "param": "input_tokens", "code": 400}})


def test_a_node_that_refuses_it_leaves_it_to_a_larger_one(start):
    """The estimate was too low."""
    with Upstream(engine="vllm") as small, Upstream(engine="vllm") as large:
        small.window, large.window = 1024, 8192
        small.script(TOO_LONG)
        large.script(Plain("it fits"))
        weir = start(backend("lab", "inside", small, large))
        wait_for_lists(weir)
        for _ in range(4):
            assert weir.ask("Hello").text == "it fits"
        assert small.chats
        large.script(TOO_LONG)
        answer = weir.ask("Hello")
        assert answer.status == 400


# Ollama

@pytest.mark.parametrize("source", ["openai-chat", "ollama"])
def test_ollama_is_told_to_cut_nothing(start, source):
    with Upstream(engine="ollama") as up:
        up.script(Auto("hello"))
        weir = start(backend("lab", "inside", up))
        if source == "ollama":
            body = {"model": "auto", "stream": False, "options": {"num_ctx": 1234},
                    "messages": [{"role": "user", "content": "hi"}]}
            assert weir.post(json.dumps(body).encode(), path="/api/chat").status == 200
            assert up.chats[0].json["options"] == {"num_ctx": 1234}
        else:
            assert weir.ask().status == 200
        sent = up.chats[0].json
        assert (sent["truncate"], sent["shift"]) == (False, False)


def test_a_client_of_ollama_may_have_it_cut(start):
    with Upstream(engine="ollama") as up:
        up.script(Auto("hello"))
        weir = start(backend("lab", "inside", up))
        body = {"model": "auto", "stream": False, "truncate": True, "shift": True,
                "messages": [{"role": "user", "content": "hi"}]}
        assert weir.post(json.dumps(body).encode(), path="/api/chat").status == 200
        sent = up.chats[0].json
        assert (sent["truncate"], sent["shift"]) == (True, True)


@pytest.mark.parametrize("dialect, status", [("ollama", 200), ("openai-chat", 400)])
def test_where_it_cannot_be_told_a_margin_is_kept(start, dialect, status):
    with Upstream(engine="ollama") as up:
        up.script(Auto("hello"))
        up.window = 3400  # the estimate is between that and four fifths of it
        weir = start(backend("lab", "inside", up, models=[], dialect=dialect), health=OFTEN)
        eventually(lambda: weir.ask("Hello").status == 200)
        assert weir.ask(LONG).status == status


@pytest.mark.parametrize("used, cut", [(4096, 1), (4095, 0)])
def test_a_prompt_that_fills_the_window_is_told(start, used, cut):
    with Upstream(engine="ollama") as up:
        weir = start(backend("lab", "inside", up, models=[], dialect="openai-chat"), health=OFTEN)
        up.script(Plain("hello", use=usage(used, 3)))
        answer = eventually(lambda: (a := weir.ask()).status == 200 and a)
        assert weir.metrics()["weir_prompts_cut_total"] == cut
        assert ("cut most likely" in (weir.record(answer)["notes"] or "")) == bool(cut)
