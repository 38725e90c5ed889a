"""Signed thinking goes back to the provider that signed it, and to no other; the official clients
carry it in between."""
import pytest

import faulty
import speech
from conftest import BACKEND_KEY, ENGINE
from harness import backend

from clients import CLIENTS

SAID = speech.Said("42.", thinking="It müst be 42.", signature="gAAA-proof_1", reasoning=9)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


class Two:
    """Two backends, the second one behind the first, and a client."""

    def __init__(self, weir, first, second, source):
        self.weir, self.first, self.second = weir, first, second
        self.source, self.sdk = source, CLIENTS[source](weir.url).sdk
        self.turns = []

    def say(self, text, stream):
        """One turn: the conversation is sent whole, with what was answered as it came."""
        self.turns.append({"role": "user", "content": text})
        if self.source == "anthropic":
            asked = dict(model="asked", max_tokens=3000, messages=self.turns,
                         thinking={"type": "enabled", "budget_tokens": 1024})
            if stream:
                with self.sdk.messages.stream(**asked) as events:
                    answer = events.get_final_message()
            else:
                answer = self.sdk.messages.create(**asked)
            self.turns.append({"role": "assistant", "content": answer.content})
            return [b.signature for b in answer.content if b.type == "thinking"]
        asked = dict(model="asked", input=self.turns, store=False, reasoning={"effort": "low"},
                     include=["reasoning.encrypted_content"])
        if stream:
            with self.sdk.responses.stream(**asked) as events:
                for _ in events:
                    pass
                answer = events.get_final_response()
        else:
            answer = self.sdk.responses.create(**asked)
        self.turns += [item.model_dump(exclude_none=True) for item in answer.output]
        return [i.encrypted_content for i in answer.output if i.type == "reasoning"]


@pytest.fixture
def two(start, source, first, second):
    ends = [faulty.Upstream(engine=ENGINE[kind]["engine"], models=["fake-model"],
                            window=131072).up() for kind in (first, second)]
    entries = [backend(f"b{i}", "inside", end, key=BACKEND_KEY, **ENGINE[kind])
               for i, (end, kind) in enumerate(zip(ends, (first, second)))]
    weir = start(*entries, aliases={"asked": "inside/fake-model"})
    for end in ends:
        end.script(speech.Speak(SAID))
    yield Two(weir, *ends, source)
    for end in ends:
        end.__exit__(None, None, None)


CASES = pytest.mark.parametrize("source, first, second", [
    ("anthropic", "openai-responses", "anthropic"),
    ("openai-responses", "anthropic", "openai-responses"),
])


def proofs(body):
    """What the backend heard: (text, proof) of each thinking."""
    if "input" in body:
        return [("".join(s["text"] for s in i["summary"]), i.get("encrypted_content"))
                for i in body["input"] if i.get("type") == "reasoning"]
    return [(b["thinking"], b["signature"]) for m in body["messages"]
            if isinstance(m["content"], list) for b in m["content"] if b["type"] == "thinking"]


@CASES
@both_ways
def test_its_own_provider_gets_it_back(two, stream, first):
    told, = two.say("Think.", stream)
    assert told.startswith(f"weir.{first}.") and told.endswith(SAID.signature)
    two.say("Are you sure?", stream)
    assert not two.second.chats and not two.first.complaints
    body = two.first.chats[-1].json
    assert proofs(body) == [(SAID.thinking, SAID.signature)]
    if first == "openai-responses":
        item, = [i for i in body["input"] if i.get("type") == "reasoning"]
        assert item["id"] == "rs_" + SAID.id  # the proof holds for this id alone
        assert body["include"] == ["reasoning.encrypted_content"]


@CASES
@both_ways
def test_another_provider_does_not(two, stream):
    """The second one speaks the client's own dialect: there the bytes pass, but for this."""
    two.say("Think.", stream)
    two.first.script(faulty.failing(500))
    two.say("Are you sure?", stream)
    assert not two.second.complaints
    assert proofs(two.second.chats[-1].json) == []
    record = two.weir.ledger()[-1]
    assert (record["backend"], record["notes"]) == ("b1", "others' thinking dropped")
    two.first.script(speech.Speak(SAID))  # and back: both proofs, each for its own
    two.say("And now?", stream)
    assert (SAID.thinking, SAID.signature) in proofs(two.first.chats[-1].json)
    assert len([p for _, p in proofs(two.first.chats[-1].json) if p]) == 1


@pytest.mark.parametrize("source, first, second", [
    ("anthropic", "openai-chat", "anthropic"), ("anthropic", "ollama", "anthropic")])
@both_ways
def test_thinking_that_nobody_signed(two, stream, first):
    told, = two.say("Think.", stream)
    assert told == f"weir.{first}.{len(SAID.thinking.encode())}."
    two.first.script(faulty.failing(500))
    two.say("Are you sure?", stream)
    assert not two.second.complaints and proofs(two.second.chats[-1].json) == []
