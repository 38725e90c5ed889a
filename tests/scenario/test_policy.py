"""Where requests go, and what `weir route` and `weir check` say about it."""
import json

import pytest

import faulty
from harness import backend, chat

LABELS = "Classify the review as positive, negative or neutral.\n\n"
SHOTS = "".join(f"Review: {r}\nLabel: {label}\n\n" for r, label in (
    ("Great phone, lasts for days.", "positive"), ("Broke after a week.", "negative"),
    ("It is a phone.", "neutral")))
REASONING = ("Prove that for every prime p > 3 the number p^2 - 1 is divisible by 24. Think "
             "step by step, consider each residue class, and justify every step of the proof.")
CODING = ("Write a Python function that parses an ISO 8601 duration and returns seconds. Add type "
          "hints and unit tests.\n```python\ndef parse(text: str) -> float:\n    ...\n```")
EXTRACTION = ("Extract the invoice number, date and total from this text and answer as JSON with "
              "the keys number, date, total.\n\nInvoice 2024-117, 3 May 2024, total EUR 1,250.00")
CREATIVE = "Write a short poem about a lighthouse keeper who falls in love with the fog."

CASES = [
    ("classification", "inside", LABELS + SHOTS + "Review: Not bad at all.\nLabel:"),
    ("extraction", "inside", EXTRACTION),
    ("reasoning", "outside", REASONING),
    ("coding", "outside", CODING),
    ("creative", "outside", CREATIVE),
    ("summarization", "inside", "Summarize this in one sentence: The meeting was moved to Monday."),
    ("translation", "inside", "Translate to German: Where is the station?"),
    ("general", "inside", "What is the capital of France?"),
]
SUPPORT = [{"role": "system", "content": "You are the support assistant of Acme. Answer customers' "
            "questions about orders, returns and shipping from the FAQ."},
           {"role": "user", "content": "How do I reset my password?"}]


@pytest.fixture
def default(start, lab, cloud):
    """The matrix as it is built in."""
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud), run=False)
    del weir.config["policy"]
    weir.write_config()
    return weir.start()


@pytest.mark.parametrize("task, side, text", CASES, ids=[c[0] for c in CASES])
def test_the_built_in_matrix(default, task, side, text):
    record = default.record(default.ask(text))
    assert (record["task"], record["side"]) == (task, side)


def test_support_questions_stay_inside(default):
    record = default.record(default.ask(messages=SUPPORT))
    assert (record["task"], record["side"]) == ("support_faq", "inside")


def test_the_task_header_decides(default):
    for task, side in (("coding", "outside"), ("extraction", "inside")):
        record = default.record(default.ask("Hello", f"x-weir-task: {task}"))
        assert (record["task"], record["side"]) == (task, side)
    assert default.ask("Hello", "x-weir-task: juggling").status == 400


def test_rules_come_before_the_matrix(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud), policy={
        "rules": [
            {"name": "legal stays", "when": {"metadata": {"team": "legal*"}}, "go": "inside_only"},
            {"when": {"user": "vip-*"}, "go": "outside"},
            {"when": {"header": {"x-tier": "gold"}}, "go": "outside"}]})
    assert weir.record(weir.ask(user="vip-7"))["side"] == "outside"
    assert weir.record(weir.ask(user="joe"))["side"] == "inside"
    assert weir.record(weir.ask("Hi", "X-Tier: gold"))["side"] == "outside"
    lab.script(faulty.failing(500))
    answer = weir.ask(metadata={"team": "legal-eu"}, user="vip-7")
    assert answer.status in (502, 503)
    assert weir.record(answer)["attempts"][-1]["backend"] == "lab"


def test_a_need_that_a_model_lacks_goes_on(start, lab, cloud):
    weir = start(backend("lab", "inside", lab, models=[{"name": "lab-model", "abilities": []}]),
                 backend("cloud", "outside", cloud,
                         models=[{"name": "cloud-model", "abilities": ["tools", "images"]}]),
                 perimeter={"modes": {"UNREADABLE": "allow"}})  # pictures stay inside otherwise
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    picture = [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]
    assert weir.record(weir.ask())["side"] == "inside"
    assert weir.record(weir.ask(tools=[tool]))["side"] == "outside"
    assert weir.record(weir.ask(messages=picture))["side"] == "outside"
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert weir.ask(response_format=form).status == 400


def test_the_first_model_that_fits_is_chosen(start, lab):
    weir = start(backend("lab", "inside", lab, models=[
        {"name": "small", "window": 500}, {"name": "large", "window": 100000}]))
    weir.ask("short")
    weir.ask("a longer prompt " * 500)
    assert [c.json["model"] for c in lab.chats] == ["small", "large"]


# weir route

def write(weir, body):
    path = weir.folder / "request.json"
    path.write_text(json.dumps(body))
    return path


def test_route_prints_the_plan_and_sends_nothing(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud), run=False)
    del weir.config["policy"]
    weir.write_config()
    path = write(weir, chat(CODING))
    table = weir.run("route", path)
    assert table.returncode == 0
    for word in ("coding", "lab", "cloud", "outside", "inside"):
        assert word in table.stdout
    done = weir.run("route", path, "--json")
    plan = json.loads(done.stdout)
    assert plan["task"] == "coding"
    assert [c["backend"] for c in plan["candidates"]] == ["cloud", "lab"]
    assert all(c["reason"] for c in plan["candidates"])
    assert not lab.chats and not cloud.chats


def test_route_works_while_nodes_are_down(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud), run=False)
    lab.down()
    cloud.down()
    assert weir.run("route", write(weir, chat())).returncode == 0


def test_route_and_serve_make_the_same_plan(default):
    for _, _, text in CASES:
        served = default.record(default.ask(text))["plan"]
        routed = json.loads(default.run("route", write(default, chat(text)), "--json").stdout)
        assert [c["backend"] for c in routed["candidates"]] == [
            c["backend"] for c in served["candidates"]]


@pytest.mark.parametrize("body", [b"{", b'{"model":"gpt-99","messages":[]}', b""])
def test_route_refuses_what_serve_refuses(start, lab, body):
    weir = start(backend("lab", "inside", lab), run=False)
    path = weir.folder / "bad.json"
    path.write_bytes(body)
    done = weir.run("route", path)
    assert done.returncode == 1 and done.stderr
    assert weir.run("route", weir.folder / "no-such-file.json").returncode == 1


# weir check, weir config

def test_check_probes_every_backend(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud), run=False)
    done = weir.run("check")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "lab" in said and "cloud" in said and "lab-model" in said
    assert not lab.chats and not cloud.chats
    cloud.down()
    said = weir.run("check")
    assert f"{cloud.port}" in said.stdout + said.stderr


def test_config_show_prints_the_defaults(start, lab, tmp_path):
    weir = start(backend("lab", "inside", lab), run=False)
    weir.path.write_text("backends:\n  - name: lab\n    side: inside\n    engine: vllm\n"
                         f"    url: {lab.url}\n")
    shown = weir.run("config", "show")
    assert shown.returncode == 0
    for text in ("127.0.0.1:8484", "127.0.0.1:8485", "first_token: ", "32MiB", "matrix:"):
        assert text in shown.stdout
    # what it prints is a config, and the same one
    weir.path.write_text(shown.stdout)
    assert weir.run("config", "show").stdout == shown.stdout
