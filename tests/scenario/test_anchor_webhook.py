"""Checkpoints that are told to a webhook: an anchor like a line in a file."""
import contextlib
import http.server
import json
import socket
import sqlite3
import threading

import pytest

from harness import backend, eventually
from test_proof import prove


class Hook(http.server.ThreadingHTTPServer):
    """Keeps what it is told, as lines."""

    def __init__(self):
        self.lines, self.heads, self.refused, self.status = [], [], 0, 204
        super().__init__(("127.0.0.1", 0), Told)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/anchors"


class Told(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        line = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.server.status == 204:
            self.server.heads.append((self.path, dict(self.headers)))
            self.server.lines.append(line)
        else:
            self.server.refused += 1
        self.send_response(self.server.status)
        if self.server.status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    with Hook() as server:
        yield server
        server.shutdown()


@pytest.fixture
def weir(start, lab, hook):
    return start(backend("lab", "inside", lab),
                 ledger={"anchor_webhook": hook.url, "anchor_webhook_key": "${HOOK_KEY}"},
                 env={"HOOK_KEY": "a-key-of-the-webhook"})


def test_a_cut_tail_is_found(weir, hook, tmp_path):
    for _ in range(4):
        assert weir.ask().status == 200
    eventually(lambda: json.loads(hook.lines[-1])["anchor"]["seq"] == 4 if hook.lines else None)
    path, head = hook.heads[0]
    assert path == "/anchors" and head["Authorization"] == "Bearer a-key-of-the-webhook"
    weir.stop()
    anchor = tmp_path / "told"
    anchor.write_text("\n".join(hook.lines) + "\n")
    ledger = weir.folder / "weir.db"
    assert prove(ledger, "--anchor", anchor)["proven"]
    with contextlib.closing(sqlite3.connect(ledger)) as db:
        db.execute("DELETE FROM exchange WHERE seq >= 4")
        db.execute("DELETE FROM checkpoint WHERE seq >= 4")
        db.commit()
    found = prove(ledger, "--anchor", anchor)
    assert not found["proven"] and "tail was cut" in str(found["findings"])


def test_a_webhook_that_fails_is_told_the_newest_later(weir, hook):
    hook.status = 500
    assert weir.ask().status == 200
    eventually(lambda: hook.refused)
    eventually(lambda: weir.metrics()["weir_ledger_anchor_failures_total"] >= 1)
    assert weir.ask().status == 200  # nobody waits for it
    hook.status = 204
    eventually(lambda: hook.lines, 10)


def test_a_stop_does_not_wait_for_it(start, lab):
    with contextlib.closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        weir = start(backend("lab", "inside", lab), ledger={"anchor_webhook": url})
        assert weir.ask().status == 200
        silent.settimeout(5)
        with contextlib.closing(silent.accept()[0]):  # it is asked now, and never answered
            weir.stop()
