"""Many at once."""
import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time

import pytest

import faulty
from harness import LOOPS, ROOT, SLACK, backend, chat, request

EVENTS = 62  # and one with the role, one with the finish: 64


@pytest.fixture
def counter(tmp_path):
    """The stand-in in a process of its own, so that it does not share an interpreter with us."""
    log = open(tmp_path / "counter.log", "w+")
    process = subprocess.Popen([sys.executable, ROOT / "tests" / "fakes" / "managed.py",
                                "--models", "counter", "--token-ms", "5"], stdout=log, stderr=log)
    url = ""
    while not url:
        assert process.poll() is None
        line = (tmp_path / "counter.log").read_text()
        url = line.split()[-1] if "http://" in line else ""
        time.sleep(0.02)
    yield url
    process.terminate()
    process.wait(5)


async def one_stream(weir, start_at):
    reader, writer = await asyncio.open_connection(weir.host, weir.port)
    await start_at.wait()
    writer.write(request(chat(f"count to {EVENTS}", stream=True)))
    numbers, done = [], False
    async for line in reader:
        if not line.startswith(b"data: "):
            continue
        if line.startswith(b"data: [DONE]"):
            done = True
            break
        event = json.loads(line[6:])
        assert "error" not in event, event
        for choice in event["choices"]:
            if choice["delta"].get("content"):
                numbers.append(int(choice["delta"]["content"]))
    writer.close()
    return done and numbers == list(range(1, EVENTS + 1))


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.xdist_group("load")
def test_a_thousand_parallel_streams(start, counter):
    weir = start(backend("counter", "inside", counter, engine="openai", models=["counter"]),
                 timeouts={"first_token": "60s", "between_tokens": "60s", "total": "100s",
                           "connect": "10s", "keepalive": "60s", "head": "60s"})

    async def run():
        start_at = asyncio.Event()
        streams = [asyncio.create_task(one_stream(weir, start_at)) for _ in range(1000)]
        await asyncio.sleep(1)
        start_at.set()
        return await asyncio.gather(*streams)

    results = asyncio.run(run())
    assert results.count(True) == 1000
    records = weir.ledger()
    assert len(records) == 1000 and {r["outcome"] for r in records} == {"ok"}


@pytest.mark.xdist_group("load")
def test_no_stream_waits_for_anothers_large_body(start, lab, cloud):
    """Streams with an event each 20 ms beside requests of 1 MiB."""
    lab.script(faulty.Stream(*[f"{n} " for n in range(60)], delay=0.02, model="lab-model"))
    cloud.script(faulty.Plain("read it all", model="cloud-model"))
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    longest = []
    for _ in range(3):  # the best of three: the machine may be busy
        gaps = gaps_beside_large_bodies(weir)
        assert len(gaps) > 300
        longest.append(max(gaps))
        if longest[-1] < 1.0 * SLACK:
            break
    assert min(longest) < 1.0 * SLACK, longest


def gaps_beside_large_bodies(weir):
    """Seconds between what eight streams bring while others send 1 MiB after 1 MiB."""
    gaps, stop = [], threading.Event()

    def stream():
        with weir.raw(20) as client:
            client.send(request(chat(stream=True)))
            last, seen = None, 0
            while b"[DONE]" not in client.data:
                assert client._more()
                now = time.monotonic()
                if last:
                    gaps.append(now - last)
                last, seen = now, seen + 1

    big = chat("words and words " * 65536, model="outside/cloud-model")

    def bodies():
        while not stop.is_set():
            assert weir.post(big).status == 200

    streams = [threading.Thread(target=stream) for _ in range(8)]
    senders = [threading.Thread(target=bodies) for _ in range(2)]
    for thread in streams + senders:
        thread.start()
    for thread in streams:
        thread.join(30)
    stop.set()
    for thread in senders:
        thread.join(30)
    return gaps


@pytest.mark.core
def test_parallel_requests_of_every_kind(weir, lab, cloud):
    """Several threads, so that with more loops everything shared is shared."""
    failures = []

    def work(number):
        try:
            for turn in range(15):
                kind = (number + turn) % 4
                if kind == 0:
                    assert weir.ask().status == 200
                elif kind == 1:
                    assert weir.ask(stream=True).events[-1] == "[DONE]"
                elif kind == 2:
                    assert weir.ask(model="outside/cloud-model", stream=True).complete
                else:
                    assert weir.post(b"{").status == 400
        except (AssertionError, OSError) as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(weir.ledger(outcome="ok")) == 90


def test_a_connection_for_every_loop(start, lab, cloud):
    """Requests that cannot share a loop's pool still all find their upstream."""
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 loops=max(4, LOOPS))
    clients = [weir.raw() for _ in range(16)]
    for _ in range(3):
        for client in clients:
            client.send(request(chat()))
        assert [client.response().status for client in clients] == [200] * 16


def test_connections_that_say_nothing_cost_little(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"head": "20s"})
    assert weir.ask().status == 200
    before, count = weir.memory_kib(), 400
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(weir.raw()) for _ in range(count)]
        assert weir.ask().status == 200
        for client in clients:
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX: ")
        assert weir.ask().status == 200
        time.sleep(0.5)
        if SLACK == 1:  # not under a sanitizer
            assert weir.memory_kib() - before < 16 * count
