"""Split requests: the sensitive portion is answered inside, the rest outside.

The models follow a script: the one inside writes the digest that it is told to write, the one
outside repeats what it was given, the one inside then returns the draft. So what is asked for can
be followed through all the steps, and what must not leave is looked for in what left.
"""
import json
import random

import pytest

import faulty
from harness import TASKS, backend, chat

SPLIT = {"modes": {"DEFAULT": "split"}}
OUTSIDE = {"matrix": {task: "outside" for task in TASKS}}
FIRST = "Margaret Johannes Priya Lukas Ingrid Rafael Siobhan Dmitri Amelia Tomasz".split()
LAST = "Whitfield Bergstrom Okonkwo Lindqvist Moreau Castellano Hargreaves Petrov".split()
SUBJECTS = {"notice period": ("weeks", "The notice period is {} weeks."),
            "warranty": ("months", "The warranty of the pump runs for {} months."),
            "delivery time": ("days", "Spare parts arrive within {} days."),
            "largest load": ("kilograms", "The shelf carries {} kilograms at the most.")}


def luhn(digits):
    total = sum(d if i % 2 else (d * 2 - 9 if d > 4 else d * 2)
                for i, d in enumerate(int(c) for c in reversed(digits)))
    return digits + str(-total % 10)


def document(rng):
    """A letter with planted spans, the fact that is asked for, the spans."""
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    card = luhn("4" + "".join(str(rng.randrange(10)) for _ in range(14)))
    card = " ".join(card[i:i + 4] for i in range(0, 16, 4))
    email = f"{name.split()[0].lower()}.{name.split()[1].lower()}{rng.randrange(90)}@northmail.org"
    subject = rng.choice(list(SUBJECTS))
    number = str(rng.randrange(3, 300))
    fact = SUBJECTS[subject][1].format(number)
    text = (f"Dear {name},\nthank you for your letter. Your card {card} was charged. {fact} "
            f"We write to {email} from now on.")
    return subject, f"{number} {SUBJECTS[subject][0]}", text, [name, card, email]


def prompt_of(exchange):
    return "\n".join(m["content"] for m in exchange.json["messages"])


def inside(word_for_word):
    def run(exchange):
        prompt = prompt_of(exchange)
        if "Write a digest" in prompt:
            documents = prompt.split("Document 1:\n", 1)[1]
            facts = [s + "." for s in documents.replace("\n", " ").split(".")
                     if any(unit in s for unit, _ in SUBJECTS.values())]
            text = documents if word_for_word else " ".join(facts).strip()
        elif "has drafted this answer:" in prompt:
            text = prompt.split("has drafted this answer:\n\n", 1)[1].split("\n\nGive the final")[0]
        else:
            text = "All inside: " + prompt
        return faulty.Auto(text, model="lab-model")(exchange)
    return run


def outside(exchange):
    return faulty.Auto("As the digest says: " + prompt_of(exchange)[-400:],
                       model="cloud-model")(exchange)


def left(cloud):
    return b"\n".join(c.head + c.body for c in cloud.chats).decode().lower()


@pytest.fixture
def split(start, lab, cloud):
    lab.script(inside(False))
    cloud.script(outside)
    return start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 policy=OUTSIDE, perimeter=SPLIT)


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True])
def test_question_out_document_in(split, lab, cloud, stream):
    subject, fact, text, spans = document(random.Random(1))
    answer = split.ask(f"What is the {subject}?\n\n{text}", stream=stream)
    said = answer.stream_text if stream else answer.text
    assert fact in said
    assert len(cloud.chats) == 1 and len(lab.chats) == 2
    assert not [s for s in spans if s.lower() in left(cloud)]
    record = split.record(answer)
    assert record["backend"] == "lab" and record["plan"]["sensitive"][1] == "split"
    assert [a.get("purpose") for a in record["attempts"]] == ["digest", "draft", None]
    assert record["attempts"][1]["backend"] == "cloud"
    assert "gave the draft from a digest" in json.dumps(record["plan"]["left_out"])


def test_two_hundred_documents(split, lab, cloud, capsys):
    rng = random.Random(7)
    leaked = held = kept = 0
    for _ in range(200):
        subject, fact, text, spans = document(rng)
        cloud.reset()
        answer = split.ask(f"What is the {subject}?\n\n{text}")
        assert answer.status == 200
        leaked += sum(s.lower() in left(cloud) for s in spans)
        held += fact in answer.text
        kept += not cloud.chats
    with capsys.disabled():
        print(f"\nsplit: {leaked} spans left, {held} of 200 answers hold the fact, "
              f"{kept} kept wholly inside")
    assert leaked == 0
    assert held >= 180


def test_a_model_that_repeats_word_for_word(split, lab, cloud):
    lab.script(inside(True))
    rng = random.Random(8)
    for _ in range(50):
        subject, fact, text, spans = document(rng)
        answer = split.ask(f"What is the {subject}?\n\n{text}")
        assert answer.text.startswith("All inside:")
    assert not cloud.chats


def test_a_question_that_is_itself_sensitive(split, cloud):
    answer = split.ask("Which card does Margaret Whitfield, margaret@northmail.org, have?")
    assert answer.text.startswith("All inside:") and not cloud.chats


def test_earlier_turns(split, cloud):
    subject, fact, text, spans = document(random.Random(3))
    answer = split.ask(messages=[{"role": "user", "content": text},
                                 {"role": "assistant", "content": "I have read it."},
                                 {"role": "user", "content": f"What is the {subject}?"}])
    assert fact in answer.text
    assert len(cloud.chats) == 1 and not [s for s in spans if s.lower() in left(cloud)]


@pytest.mark.parametrize("broken", ["digest", "draft", "completion"])
def test_a_step_that_fails(split, lab, cloud, broken):
    """Nothing leaves because of it; what can be answered inside is."""
    good = inside(False)
    marks = {"digest": "Write a digest", "completion": "has drafted this answer:"}

    def run(exchange):
        return faulty.failing(500) if broken in marks and marks[broken] in prompt_of(exchange) \
            else good(exchange)
    lab.script(run)
    if broken == "draft":
        cloud.script(faulty.failing(500))
    subject, fact, text, spans = document(random.Random(4))
    answer = split.ask(f"What is the {subject}?\n\n{text}")
    assert answer.status == (503 if broken == "completion" else 200)
    assert not [s for s in spans if s.lower() in left(cloud)]


def test_the_next_model_inside_writes_the_digest(start, lab, cloud):
    with faulty.Upstream() as second:
        lab.script(faulty.failing(500))
        second.script(inside(False))
        cloud.script(outside)
        weir = start(backend("lab", "inside", lab), backend("second", "inside", second),
                     backend("cloud", "outside", cloud), policy=OUTSIDE, perimeter=SPLIT)
        subject, fact, text, spans = document(random.Random(9))
        answer = weir.ask(f"What is the {subject}?\n\n{text}")
        assert fact in answer.text and len(cloud.chats) == 1
        assert not [s for s in spans if s.lower() in left(cloud)]
        record = weir.record(answer)
        went_well = [a for a in record["attempts"] if a["outcome"] == "ok"]
        assert [(a["backend"], a.get("purpose")) for a in went_well] == \
            [("second", "digest"), ("cloud", "draft"), ("second", None)]


def test_tools_are_not_split(split, cloud):
    _, _, text, _ = document(random.Random(5))
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    answer = split.post(chat(f"What is it?\n\n{text}", tools=[tool]))
    assert answer.status == 200 and not cloud.chats


def test_nobody_inside(start, cloud):
    weir = start(backend("cloud", "outside", cloud), perimeter=SPLIT)
    _, _, text, _ = document(random.Random(6))
    assert weir.ask(f"What is it?\n\n{text}").status >= 400
    assert not cloud.chats


@pytest.mark.engines
@pytest.mark.timeout(240)
def test_a_real_model_inside(start, engine, cloud):
    """Whatever a very small model writes into the digest: nothing that was found leaves."""
    cloud.script(outside)
    weir = start(backend("lab", "inside", engine), backend("cloud", "outside", cloud),
                 policy=OUTSIDE, perimeter=SPLIT,
                 timeouts={"first_token": "90s", "between_tokens": "60s", "total": "180s"})
    subject, _, text, spans = document(random.Random(9))
    answer = weir.ask(f"What is the {subject}?\n\n{text}", timeout=200, max_tokens=20)
    assert answer.status == 200 and answer.text
    assert not [s for s in spans if s.lower() in left(cloud)]
