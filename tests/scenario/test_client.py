"""Clients that leave, and clients that are slow."""
import socket
import time

import pytest

import faulty
import speech
import wire
from harness import SLACK, backend, chat, eventually, request

ENDLESS = [faulty.CHUNKED_HEAD, faulty.role(), faulty.piece("Hello"), faulty.STALL]


@pytest.fixture
def patient(start, lab, cloud):
    """No time-out of its own would end these."""
    return start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 timeouts={"first_token": "50s", "between_tokens": "50s", "total": "60s"})


# What the upstream does before the client leaves: a script for a stream, one for a plain answer.
_JSON_HEAD = wire.head(200, [("content-type", "application/json"), ("content-length", 500)])
STAGES = {
    "before_head": ([faulty.STALL],) * 2,
    "behind_head": ([faulty.CHUNKED_HEAD, faulty.STALL], [_JSON_HEAD, faulty.STALL]),
    "inside_answer": (ENDLESS, [_JSON_HEAD + b'{"id":', faulty.STALL]),
}
LIMITS = {"openai-chat": {}, "anthropic": {"max_tokens": 50}, "ollama": {}}
LEAVE_S = 0.1


def leave(client, how):
    if how == "half_close":
        client.sock.shutdown(socket.SHUT_WR)
    elif how == "reset":
        faulty._reset(client.sock)
    else:
        client.sock.close()


@pytest.mark.core
@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", LIMITS)
def test_a_client_that_leaves_cancels_its_upstream(patient, lab, cloud, kind, stage, stream, how):
    """Within 100 ms; the best of a few, since the machine may be busy, while what waits for a
    timer is not lucky with each stage and dialect."""
    lab.script(STAGES[stage][0 if stream else 1])
    took = []
    for count in range(1, 7):
        with patient.raw() as client:
            client.send(request(chat(stream=stream, **LIMITS[kind]), path=speech.PATHS[kind]))
            exchange = lab.wait_chats(count)
            if stream and stage == "inside_answer":
                client.read_until(b"Hello")
            else:
                time.sleep(0.05)  # for Weir to read what there is
            left = time.monotonic()
            leave(client, how)
            exchange.gone_after(10)
            took.append(exchange.gone_at - left)
        if took[-1] < LEAVE_S * SLACK:
            break
    assert min(took) < LEAVE_S * SLACK, took
    eventually(lambda: len(patient.ledger(status=499, outcome="client_closed_request")) ==
               len(took))
    assert not cloud.chats  # nobody is left to answer


def test_a_fin_behind_pipelined_requests_is_seen(patient, lab):
    lab.script(ENDLESS)
    with patient.raw() as client:
        client.send(request(chat(stream=True)))
        client.read_until(b"Hello")
        exchange = lab.wait_chats(1)
        client.send(request(chat("a second")) + request(chat("a third"))[:40])
        time.sleep(0.1)
        client.sock.shutdown(socket.SHUT_WR)
        exchange.gone_after(10)  # of the 50 s that nothing else would have ended it


def test_a_pipelined_request_is_no_leaving(patient, lab):
    lab.queue(faulty.Stream("a", "b", "c", delay=0.2))
    with patient.raw() as client:
        client.send(request(chat(stream=True)))
        client.read_until(b'"a"')
        client.send(request(chat("next")))
        assert client.response().events[-1] == "[DONE]"
        assert client.response().status == 200


def test_a_client_that_leaves_while_waiting_for_retry_after(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"total": "60s"})
    lab.script(faulty.failing(429, "busy", ("retry-after", "30")))
    with weir.raw() as client:
        client.send(request(chat()))
        lab.wait_chats(1)
        time.sleep(0.2)
    weir.wait_record(status=499)


EVENTS, EVENT_BYTES = 1024, 64 * 1024


def flood(_):
    yield faulty.CHUNKED_HEAD
    event = faulty.piece("x" * EVENT_BYTES)
    for _ in range(EVENTS):
        yield event
    yield faulty.finish() + faulty.DONE + faulty.END


def test_a_client_that_does_not_read_holds_little(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"client_stall": "1500ms"})
    lab.script(flood)
    before = weir.memory_kib()
    with weir.raw(receive_buffer=16 * 1024) as client:
        client.send(request(chat(stream=True)))
        exchange = lab.wait_chats(1)
        time.sleep(1)
        held = exchange.sent
        # what the kernels' buffers take, on both sides, is not Weir's
        assert held < 24 << 20 < EVENTS * EVENT_BYTES
        assert weir.memory_kib() - before < 4 * 1024
        gone = exchange.gone_after(6 * SLACK)
        assert gone > 1.2
    record = weir.wait_record(status=499)
    assert record["stream"] == 1


def test_a_slow_client_gets_everything(start, lab):
    """Slower than every time between tokens, but never still for as long as a stall."""
    weir = start(backend("lab", "inside", lab), timeouts={"between_tokens": "400ms",
                                                         "client_stall": "20s", "total": "50s"})
    lab.script(flood)
    with weir.raw(20, receive_buffer=64 * 1024) as client:
        client.send(request(chat(stream=True)))
        for _ in range(3):
            time.sleep(0.7)
            client.data += client.sock.recv(1 << 16)
        answer = client.response()
        assert answer.complete and answer.body.endswith(b"data: [DONE]\n\n")
        assert answer.body.count(b"x" * EVENT_BYTES) == EVENTS


def test_the_clock_stands_still_for_a_slow_client_of_pings_too(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"between_tokens": "1200ms",
                                                         "client_stall": "20s", "total": "50s"})

    def pings(_):
        yield faulty.CHUNKED_HEAD + faulty.piece("Hello")
        pings = wire.chunk(b":\n\n" * 20_000)
        for _ in range(256):
            yield pings
        yield 0.5
        yield faulty.finish() + faulty.DONE + faulty.END

    lab.script(pings)
    with weir.raw(20, receive_buffer=64 * 1024) as client:
        client.send(request(chat(stream=True)))
        time.sleep(2.4)
        answer = client.response()
        assert answer.complete and answer.body.endswith(b"data: [DONE]\n\n")


def test_many_clients_that_leave_leave_nothing_behind(patient, lab):
    lab.script(ENDLESS)
    for _ in range(30):
        with patient.raw() as client:
            client.send(request(chat(stream=True)))
            client.read_until(b"Hello")
    eventually(lambda: len(patient.ledger(status=499)) == 30)
    lab.script(faulty.Auto("still here"))
    assert patient.ask().text == "still here"
