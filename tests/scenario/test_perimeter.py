"""The perimeter: what is sensitive does not leave, whatever fails.

The stand-ins outside keep every byte that reached them; each test looks there first.
"""
import json

import pytest

import faulty
import speech
from harness import CHAT, TASKS, backend, chat, request

PATIENT = ("Summarise this note. Patient: Margaret Whitfield, born 14 March 1962, MRN 48213377, "
           "was admitted on 3 May 2024 with type 2 diabetes. Her card is 4111 1111 1111 1111, her "
           "e-mail margaret.whitfield@northmail.org.")
CARD, EMAIL = "4111 1111 1111 1111", "margaret.whitfield@northmail.org"
CLEAN = "Write a function that sorts a list of numbers and explain its cost."
OUTSIDE = {"matrix": {task: "outside" for task in TASKS}}


def left(upstream):
    """All that reached it: request lines, heads and bodies."""
    return b"\n".join(c.head + b"\n" + c.body for c in [*upstream.chats, *upstream.probes])


def clean(upstream, *secrets):
    seen = left(upstream).lower()
    return [s for s in secrets if s.lower().encode() in seen
            or s.replace(" ", "").lower().encode() in seen]


@pytest.fixture
def both(start, lab, cloud):
    """Outside first; `more` is of the perimeter."""
    def make(**more):
        policy = more.pop("policy", OUTSIDE)
        return start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                     policy=policy, perimeter=more)
    return make


@pytest.mark.core
def test_what_is_sensitive_stays_inside(both, lab, cloud):
    weir = both()
    answer = weir.ask(PATIENT)
    assert answer.text == "Hello from the lab."
    assert not cloud.chats
    plan = weir.record(answer)["plan"]
    assert plan["sensitive"][:2] == ["found", "local"]
    assert "PERSON" in plan["sensitive"][2] and "CREDIT_CARD 1" in plan["sensitive"][2]
    assert [c["backend"] for c in plan["candidates"]] == ["lab"]
    assert "stays inside" in plan["left_out"][0][2]


@pytest.mark.core
def test_what_is_clean_goes_out(both, lab, cloud):
    weir = both()
    answer = weir.ask(CLEAN)
    assert answer.text == "Hello from the cloud."
    assert weir.record(answer)["plan"]["sensitive"] == ["clean"]


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["fin_before_head", "status_500", "error_in_200", "not_json"])
def test_no_fallback_leads_out(start, lab, cloud, fault, stream):
    """Inside first, and inside fails: the classic way in which data leaves."""
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.script(faulty.FAULTS[fault][0 if stream else 1])
    answer = weir.ask(PATIENT, stream=stream)
    assert answer.status == 503, answer.body
    assert not cloud.chats
    assert weir.ask(CLEAN, stream=stream).status == 200
    assert len(cloud.chats) == 1


def test_a_dead_inside_is_no_way_out(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.down()
    for _ in range(5):
        assert weir.ask(PATIENT).status == 503
        assert weir.ask(CLEAN).status == 200
    assert clean(cloud, CARD, EMAIL, "Whitfield") == []


def test_nobody_inside(start, cloud):
    weir = start(backend("cloud", "outside", cloud))
    answer = weir.ask(PATIENT)
    assert answer.status == 403 and answer.error["code"] == "sensitive_data"
    assert "PERSON" in answer.error["message"] and "Whitfield" not in answer.error["message"]
    assert not cloud.chats
    assert weir.ask(CLEAN).status == 200


def test_a_pin_leads_nothing_out(both, lab, cloud):
    weir = both()
    answer = weir.ask(PATIENT, model="outside/cloud-model")
    assert answer.status == 403 and not cloud.chats


def test_block(both, lab, cloud):
    weir = both(modes={"CREDIT_CARD": "block"})
    answer = weir.ask(PATIENT)
    assert answer.status == 403 and answer.error["code"] == "sensitive_data"
    assert not cloud.chats and not lab.chats


def test_block_counts_inside_too(both, lab, cloud):
    weir = both(modes={"CREDIT_CARD": "block"}, policy={"matrix": {t: "inside" for t in TASKS}})
    assert weir.ask(PATIENT).status == 403
    assert weir.ask(CLEAN).status == 200
    assert len(lab.chats) == 1


def test_allow_is_recorded(both, cloud):
    weir = both(modes={"DEFAULT": "allow"})
    answer = weir.ask(PATIENT)
    assert answer.text == "Hello from the cloud."
    sensitive = weir.record(answer)["plan"]["sensitive"]
    assert sensitive[:2] == ["found", "allow"] and sensitive[3] == "perimeter.modes"


def test_modes_of_a_rule(both, cloud):
    policy = {**OUTSIDE, "rules": [{"name": "research", "when": {"header": {"x-team": "research"}},
                                    "sensitive": {"DEFAULT": "allow"}}]}
    weir = both(policy=policy)
    assert weir.ask(PATIENT).text == "Hello from the lab."
    answer = weir.ask(PATIENT, "x-team: research")
    assert answer.text == "Hello from the cloud."
    assert weir.record(answer)["plan"]["sensitive"][3] == "research"


def test_no_presets_no_scan(both, cloud):
    weir = both(presets=[])
    answer = weir.ask(PATIENT)
    assert answer.text == "Hello from the cloud."
    assert "sensitive" not in weir.record(answer)["plan"]


def test_the_organisations_own_words(both, cloud):
    weir = both(words=["Project Falcon"], patterns=["KD-[0-9]{6}"])
    for text in ("What is new in project falcon?", "Look up KD-482133 please."):
        answer = weir.ask(text)
        assert answer.text == "Hello from the lab.", text
        assert "CONFIDENTIAL 1" in weir.record(answer)["plan"]["sensitive"][2]
    assert weir.ask("What is a falcon?").text == "Hello from the cloud."


def test_a_bad_pattern_is_told_at_the_start(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), perimeter={"patterns": ["KD-[0-9"]}, run=False)
    done = weir.run("check")
    assert done.returncode == 1 and "KD-[0-9" in done.stderr


def test_pictures_stay_inside(both, cloud):
    weir = both()
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
    answer = weir.ask(messages=messages)
    assert answer.text == "Hello from the lab." and not cloud.chats
    assert "UNREADABLE" in weir.record(answer)["plan"]["sensitive"][2]


@pytest.mark.parametrize("place", ["system", "assistant", "tool", "arguments", "schema", "user",
                                   "metadata", "unknown", "key"])
def test_every_place_is_read(both, cloud, place):
    weir = both()
    body = chat(CLEAN)
    if place in ("system", "assistant"):
        body["messages"].insert(0, {"role": place, "content": f"The card is {CARD}."})
    elif place in ("tool", "arguments"):
        arguments = json.dumps({"card": CARD}) if place == "arguments" else "{}"
        call = {"id": "c1", "type": "function",
                "function": {"name": "pay", "arguments": arguments}}
        result = f"paid with {CARD}" if place == "tool" else "paid"
        body["messages"] += [{"role": "assistant", "content": None, "tool_calls": [call]},
                             {"role": "tool", "tool_call_id": "c1", "content": result}]
    elif place == "schema":
        body["tools"] = [{"type": "function", "function": {
            "name": "pay", "parameters": {"type": "object", "properties": {
                "card": {"type": "string", "description": f"for example {CARD}"}}}}}]
    elif place == "key":
        body["metadata"] = {CARD: "x"}
    else:
        body[place] = {"note": CARD} if place == "metadata" else CARD
    answer = weir.post(body)
    assert not cloud.chats, place
    assert answer.status in (200, 400)


def test_what_only_the_gate_sees(both, lab, cloud):
    """A head field that passes to the provider holds a card number: no step before reads heads."""
    weir = both()
    answer = weir.ask(CLEAN, f"Idempotency-Key: {CARD.replace(' ', '')}")
    assert answer.text == "Hello from the lab."
    assert not cloud.chats
    assert weir.metrics()["weir_gate_catches_total"] == 1
    attempts = weir.record(answer)["attempts"]
    assert attempts[0]["outcome"] == "stopped_at_gate"


def test_a_query_is_looked_at(both, lab, cloud):
    weir = both()
    weir.post(chat(CLEAN), path=CHAT + f"?note={CARD.replace(' ', '%20')}")
    assert clean(cloud, CARD) == []


def test_a_body_beyond_the_scanner_stays_inside(both, lab, cloud):
    """Deeper than the scanner reads."""
    weir = both()
    body = chat(CLEAN)
    body["metadata"] = {"x": "[" * 200 + "]" * 200}
    deep = json.dumps(body["metadata"]["x"])
    for _ in range(12):
        deep = json.dumps(deep)
    body["metadata"] = {"x": deep}
    answer = weir.post(body)
    assert answer.text == "Hello from the lab."
    assert not cloud.chats


# masks

MASKED = {"DEFAULT": "mask"}
NOTE = f"Write to {EMAIL} that her card {CARD} was charged, and copy {EMAIL}."


def echo(exchange):
    """A model that repeats the last message word for word."""
    body = exchange.json
    text = body["messages"][-1]["content"]
    return faulty.Auto(text, model="cloud-model")(exchange)


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True])
def test_masks_go_out_and_values_come_back(both, cloud, stream):
    weir = both(modes=MASKED)
    cloud.script(echo)
    answer = weir.ask(NOTE, stream=stream)
    text = answer.stream_text.strip() if stream else answer.text
    assert text == NOTE
    assert clean(cloud, CARD, EMAIL) == []
    sent = cloud.chats[0].json["messages"][-1]["content"]
    assert sent.count("<EMAIL_1>") == 2 and "<CREDIT_CARD_" in sent
    assert weir.record(answer)["plan"]["sensitive"][1] == "mask"


def test_a_placeholder_in_pieces(both, cloud):
    weir = both(modes=MASKED)
    cloud.script(faulty.Stream(*list("Dear <EMAIL_1>, <b> & <EMAIL_9> <EMA"), model="cloud-model"))
    answer = weir.ask(NOTE, stream=True)
    assert answer.stream_text == f"Dear {EMAIL}, <b> & <EMAIL_9> <EMA"


@pytest.mark.parametrize("stream", [False, True])
def test_arguments_of_tools(both, cloud, stream):
    weir = both(modes=MASKED)
    call = speech.Call("call_1", "mail", {"to": "<EMAIL_1>", "about": "<CREDIT_CARD_2>"})
    said = speech.Said(calls=[call])
    cloud.script(speech.Speak(said))
    tool = {"type": "function", "function": {"name": "mail", "parameters": {"type": "object"}}}
    client = weir.sdk()
    made = dict(model="auto", messages=[{"role": "user", "content": NOTE}], tools=[tool])
    if stream:
        arguments = "".join(c.function.arguments or "" for chunk in
                            client.chat.completions.create(stream=True, **made)
                            for choice in chunk.choices for c in choice.delta.tool_calls or [])
    else:
        call = client.chat.completions.create(**made).choices[0].message.tool_calls[0]
        arguments = call.function.arguments
    assert json.loads(arguments)["to"] == EMAIL


def test_a_conversation_keeps_its_placeholders(both, cloud):
    weir = both(modes=MASKED)
    cloud.script(echo)
    first = weir.ask(NOTE)
    weir.ask(messages=[{"role": "user", "content": NOTE},
                       {"role": "assistant", "content": first.text},
                       {"role": "user", "content": f"And now to {EMAIL} again."}])
    assert "<EMAIL_1>" in cloud.chats[1].json["messages"][-1]["content"]
    assert clean(cloud, CARD, EMAIL) == []


def test_inside_sees_the_words_themselves(both, lab, cloud):
    """The outside fails after it got the masked request: inside gets the client's own."""
    weir = both(modes=MASKED)
    cloud.script(faulty.failing(500))
    assert weir.ask(NOTE).text == "Hello from the lab."
    assert lab.chats[0].json["messages"][-1]["content"] == NOTE
    assert clean(cloud, CARD, EMAIL) == []


def test_what_cannot_be_masked_stays_inside(both, lab, cloud):
    weir = both(modes=MASKED)
    body = chat(CLEAN)
    body["metadata"] = {CARD: "x"}  # a key
    assert weir.post(body).text == "Hello from the lab."
    assert not cloud.chats


def test_no_text_in_log_and_ledger(both, cloud):
    weir = both(modes=MASKED)
    weir.ask(NOTE)
    weir.ask(PATIENT, model="outside/cloud-model")
    everything = weir.log() + json.dumps(weir.ledger(), default=str)
    for secret in (CARD, CARD.replace(" ", ""), "1111 1111", EMAIL, "Whitfield"):
        assert secret not in everything
