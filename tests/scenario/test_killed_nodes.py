"""Three nodes that can go on with each other's answers, one killed every two seconds and brought
back, under fifty clients: no request fails, no answer is less than whole.

WEIR_KILLED_SECONDS says for how long: 20, and 300 for the bar.
"""
import collections
import contextlib
import itertools
import os
import threading
import time

import pytest

from continuing import TEXT, Tell
from faulty import Upstream
from harness import SLACK, backend, chat, request

SECONDS = int(os.environ.get("WEIR_KILLED_SECONDS", "20"))
CLIENTS, KILL_EVERY_S, DOWN_S = 50, 2.0, 1.0
# Whether it is a stream; seconds for each of its 60 pieces.
FORMS = {"plain": (False, 0.04), "stream": (True, 0.06)}


class Load:
    """Clients that ask again and again, each over a connection of its own."""

    def __init__(self, weir, stream):
        self.weir, self.stream = weir, stream
        self.whole, self.problems = 0, collections.Counter()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60 * SLACK)

    def _client(self):
        with self.weir.raw(60) as client:
            while not self.stopping.is_set():
                try:
                    problem = self._ask(client)
                except (OSError, AssertionError, ValueError) as error:
                    problem = f"{type(error).__name__}: {error}"
                with self.lock:
                    self.whole += not problem
                    if problem:
                        self.problems[problem] += 1
                        return

    def _ask(self, client):
        """What is wrong with an answer; None when nothing is."""
        client.send(request(chat("Tell me.", stream=self.stream)))
        answer = client.response()
        if answer.status != 200 or not answer.complete:
            return f"status {answer.status}, complete: {answer.complete}"
        if not self.stream:
            return None if answer.text == TEXT else f"another text: {answer.text[:200]}"
        ends = [e for e in answer.events if e == "[DONE]"]
        finishes = [choice["finish_reason"] for e in answer.events if e != "[DONE]"
                    for choice in e.get("choices", []) if choice["finish_reason"]]
        if answer.stream_text != TEXT:
            return f"another text: {answer.stream_text}, {answer.events[-1]}"
        return None if (ends, finishes) == (["[DONE]"], ["stop"]) else f"ends: {ends} {finishes}"


def kill_in_turn(nodes, until):
    """How many were killed; all are up in the end."""
    killed = 0
    for node in itertools.cycle(nodes):
        started = time.monotonic()
        if started > until:
            return killed
        node.down()
        time.sleep(DOWN_S)
        node.up()
        killed += 1
        time.sleep(max(0, started + KILL_EVERY_S - time.monotonic()))


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_nobody_notices_that_nodes_are_killed(start, form):
    stream, piece_s = FORMS[form]
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Upstream(engine="vllm", models=["lab-model"]))
                 for _ in range(3)]
        for node in nodes:
            node.script(Tell("vllm", delay=piece_s))
        weir = start(backend("lab", "inside", *nodes), breaker={"open": "500ms"},
                     health={"interval": "500ms"}, timeouts={"total": "60s",
                                                             "first_token": "5s",
                                                             "between_tokens": "5s"})
        with Load(weir, stream) as load:
            killed = kill_in_turn(nodes, time.monotonic() + SECONDS)
    records = weir.ledger()
    failed = [r["attempts"] for r in records if r["outcome"] != "ok"]
    assert not load.problems and not failed, (load.problems, failed[:5])
    assert killed >= 0.8 * SECONDS / KILL_EVERY_S
    assert len(records) == load.whole
    broken = sum(len(r["attempts"]) > 1 for r in records)
    print(f"{load.whole} answers, {killed} kills, {broken} went on at another node")
    assert broken >= killed  # else nothing of it was tried
