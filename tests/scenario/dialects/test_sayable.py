"""A candidate whose dialect has no words for the request is no candidate."""
import json

import pytest

from conftest import ENGINE
from harness import backend, chat

SEARCH = [{"type": "web_search"}]


@pytest.fixture
def mixed(start, lab, cloud):
    """An Anthropic backend first, OpenAI chat behind it."""
    lab.engine = "anthropic"
    return start(backend("lab", "inside", lab, **ENGINE["anthropic"]),
                 backend("cloud", "outside", cloud))


def test_it_is_skipped_before_anything_is_sent(mixed, lab, cloud):
    record = mixed.record(mixed.ask(tools=SEARCH))
    assert (record["backend"], record["status"]) == ("cloud", 200)
    assert len(record["attempts"]) == 1 and not lab.chats and len(cloud.chats) == 1
    assert record["plan"]["left_out"] == [
        ["lab", "lab-model", "tools[0].type: anthropic has no web_search"]]
    assert [c["backend"] for c in record["plan"]["candidates"]] == ["cloud"]


def test_nobody_can_be_told(mixed, lab, cloud):
    answer = mixed.ask(model="inside", tools=SEARCH)
    assert answer.status == 400 and answer.error["param"] == "tools[0].type"
    record = mixed.record(answer)
    assert not record["attempts"] and not lab.chats and not cloud.chats
    assert record["plan"]["left_out"][-1][2] == "tools[0].type: anthropic has no web_search"


def test_route_shows_the_same(mixed):
    asked = mixed.folder / "request.json"
    asked.write_text(json.dumps(chat(n=2)))
    plan = json.loads(mixed.run("route", "--json", asked).stdout)
    assert [c["backend"] for c in plan["candidates"]] == ["cloud"]
    assert plan["skipped"][0]["backend"] == "lab" and "n " in plan["skipped"][0]["reason"]


def test_a_large_request_is_read_off_the_loop(mixed, lab, cloud):
    """The same verdict where the CPU pool reads: above 128 KiB."""
    record = mixed.record(mixed.ask("word " * 40000, tools=SEARCH, timeout=30))
    assert record["backend"] == "cloud" and record["plan"]["left_out"]
    record = mixed.record(mixed.ask("word " * 40000))
    assert record["backend"] == "lab" and not record["plan"].get("left_out")
