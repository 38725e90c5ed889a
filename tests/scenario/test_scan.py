"""`weir scan`: a table for people, JSON and rows for programs."""
import json
import subprocess

import pytest

from harness import BIN

NOTE = "Patient name: Olga Brandt, card 4111 1111 1111 1111, mail bob@northfield.org.\n"


def scan(*options, text=NOTE):
    return subprocess.run([BIN, "scan", *options], input=text.encode(), capture_output=True,
                          timeout=20)


def spans(text, found):
    data = text.encode()
    return {(s["type"], data[s["start"]:s["end"]].decode()) for s in found}


def test_a_table_and_a_status():
    done = scan("-")
    assert done.returncode == 1
    assert b"CREDIT_CARD" in done.stdout and b"4111 1111 1111 1111" in done.stdout
    done = scan("-", text="The weather is fine.")
    assert (done.returncode, done.stdout) == (0, b"nothing found\n")


def test_json():
    done = scan("-", "--json")
    found = json.loads(done.stdout)
    assert spans(NOTE, found) == {("PERSON", "Olga Brandt"), ("CREDIT_CARD", "4111 1111 1111 1111"),
                                  ("EMAIL", "bob@northfield.org")}
    assert all(f["maskable"] and 0 < f["confidence"] <= 100 for f in found)


def test_a_body_is_read_as_one():
    text = json.dumps({"messages": [{"role": "user", "content": "I am at bob\u0040north.org\n"}],
                       "user": "anna@north.org"})
    found = json.loads(scan("-", "--json", text=text).stdout)
    assert spans(text, found) == {("EMAIL", "bob@north.org"), ("EMAIL", "anna@north.org")}


def test_rows():
    rows = [{"id": "a", "text": "ssn 536-22-8726 of Zoë", "spans": []}, {"id": 7, "text": "fine"},
            {"id": "img", "text": json.dumps({"messages": [{"content": [{"type": "image_url"}]}]})}]
    done = scan("-", "--jsonl", text="".join(json.dumps(r) + "\n" for r in rows))
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [(r["id"], r["route"]) for r in out] == [("a", "api"), (7, "api"), ("img", "local")]
    assert out[0]["spans"][0] == {"start": 4, "end": 15, "type": "NATIONAL_ID"}
    assert out[1]["spans"] == []


def test_a_row_that_is_none():
    done = scan("-", "--jsonl", text='{"id": 1, "text": "fine"}\n{"id": 2\n')
    assert done.returncode == 1 and done.stdout.count(b"\n") == 1 and b"line 2" in done.stderr


def test_presets_and_profile():
    found = json.loads(scan("-", "--json", "--presets", "pci").stdout)
    assert {f["type"] for f in found} == {"CREDIT_CARD"}
    number = "it says 44051401359 there"
    assert scan("-", text=number).returncode == 0
    assert scan("-", "--profile", "strict", text=number).returncode == 1


@pytest.mark.parametrize("options", [(), ("-", "--profile", "lax"), ("-", "--presets", "x"),
                                     ("a", "b")])
def test_usage(options):
    done = scan(*options)
    assert done.returncode == 2 and b"usage: weir scan" in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = scan(str(tmp_path / "none.txt"))
    assert done.returncode == 1 and b"none.txt" in done.stderr


def test_masks():
    done = scan("-", "--mask", text=NOTE + "Again bob@northfield.org, <PERSON_1> is no mask.\n")
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "4111" not in text and "bob@" not in text and "Olga" not in text
    assert "is no mask" in text and text.count("<EMAIL_") == 2
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": NOTE}]})
    done = scan("-", "--mask", text=body)
    masked = json.loads(done.stdout)
    assert masked["model"] == "m" and "<CREDIT_CARD_" in masked["messages"][0]["content"]


def test_what_cannot_be_masked():
    body = json.dumps({"messages": [], "metadata": {"4111 1111 1111 1111": "x"}})
    done = scan("-", "--mask", text=body)
    assert done.returncode == 1 and done.stdout == b"" and b"CREDIT_CARD" in done.stderr


def test_classes():
    done = scan("--classes")
    assert done.returncode == 0
    assert b"CREDIT_CARD            card numbers  [hipaa, gdpr, pci]\n" in done.stdout


def test_a_configs_own_words(tmp_path):
    (tmp_path / "weir.yaml").write_text(
        "backends: [{name: a, side: inside, engine: vllm, url: http://127.0.0.1:1}]\n"
        "perimeter: {words: [Project Falcon]}\n")
    done = scan("-", "--config", str(tmp_path / "weir.yaml"), text="about project falcon")
    assert done.returncode == 1 and b"CONFIDENTIAL" in done.stdout
    assert scan("-", text="about project falcon").returncode == 0


def test_the_end_users_name_is_no_cue():
    """Most applications send a number of their own making in it."""
    body = {"model": "m", "user": "vip-7", "messages": []}
    assert scan("-", text=json.dumps(body)).returncode == 0
    body["user"] = "bob@northfield.org"
    assert b"EMAIL" in scan("-", text=json.dumps(body)).stdout


def test_a_cue_behind_a_name_is_no_name():
    text = "Patient name: Ada Miller, MRN 48213377, and Jonas Weber."
    assert spans(text, json.loads(scan("-", "--json", text=text).stdout)) == {
        ("PERSON", "Ada Miller"), ("MEDICAL_RECORD_NUMBER", "48213377"), ("PERSON", "Jonas Weber")}
