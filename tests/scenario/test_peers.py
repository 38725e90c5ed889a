"""Whom Weir connects to, by the kernel's word: every address outside is one that the gate booked.

`strace` writes down each connect() of the serving process while requests of all kinds run; the side
outside lives on a loopback address of its own.
"""
import json
import re
import shutil
import subprocess
import time

import pytest

import faulty
from harness import TASKS, backend, eventually
from test_perimeter import CARD, CLEAN, NOTE, PATIENT

OUTSIDE = "127.0.0.2"
CONNECT = re.compile(r'connect\(\d+, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\), .*?'
                     r'"([0-9a-f.:]+)"')


class Watch:
    """strace on the serving process, from now on."""

    def __init__(self, weir, path):
        self.path = path
        self.process = subprocess.Popen(
            ["strace", "-f", "-e", "trace=connect,sendto,sendmsg", "-o", path, "-p",
             str(weir.children()[0])], stderr=subprocess.PIPE, text=True)
        assert "attached" in self.process.stderr.readline()

    def peers(self):
        time.sleep(0.2)
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
        text = self.path.read_text()
        return {address for _, address in CONNECT.findall(text)}


@pytest.fixture
def far():
    with faulty.Upstream(models=["cloud-model"], host=OUTSIDE) as upstream:
        upstream.script(faulty.Auto("Hello from the cloud.", model="cloud-model"))
        yield upstream


@pytest.fixture
def watched(start, lab, far, tmp_path):
    if not shutil.which("strace"):
        pytest.fail("strace is not here: tools/bootstrap test installs it")
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", far),
                 policy={"matrix": {t: "outside" for t in TASKS},
                         "rules": [{"when": {"header": {"x-mode": mode}},
                                    "sensitive": {"DEFAULT": mode}} for mode in ("mask", "split")]})
    return weir, Watch(weir, tmp_path / "strace")


def test_what_is_sensitive_opens_no_connection(watched, lab, far):
    weir, watch = watched
    lab.queue(faulty.failing(500))
    for stream in (False, True):
        for _ in range(5):
            weir.ask(PATIENT, stream=stream)
            weir.ask(CLEAN, f"Idempotency-Key: {CARD.replace(' ', '')}")
    lab.down()
    weir.ask(PATIENT)
    peers = watch.peers()
    assert peers == {"127.0.0.1"}
    assert not far.connections


def test_every_peer_is_booked(watched, lab, far):
    weir, watch = watched
    for stream in (False, True):
        weir.ask(CLEAN, stream=stream)
        weir.ask(PATIENT, stream=stream)
        weir.ask(NOTE, "x-mode: mask", stream=stream)
        weir.ask(f"What is it?\n\n{NOTE}", "x-mode: split", stream=stream)
    far.queue(faulty.failing(500), [faulty.RST])
    weir.ask(CLEAN)
    weir.ask(CLEAN)
    peers = watch.peers()
    sent = [s for record in eventually(weir.ledger) for s in json.loads(record["sent"] or "[]")]
    assert OUTSIDE in peers  # it was looked for where it was
    assert peers - {"127.0.0.1"} == {s["peer"] for s in sent}
    assert len(far.chats) == len(sent)
    assert all(s["scan"] == "clean" and len(s["digest"]) == 64 for s in sent)
