"""Hedging: a second node for a stream whose first token is late. The first with content answers."""
import concurrent.futures
import contextlib
import itertools
import json
import threading
import time

import pytest

import continuing
import faulty
import wire
from harness import SLACK, backend, chat, config_of, eventually, request

WARM = 25          # streams until a node's p95 is known, and to spare
AT_ONCE_S = 3 * SLACK  # against a patience of 20 s: for nothing but the machine
PATIENT = {"first_token": "20s", "total": "60s"}
LOOKS_FOR_NOTHING = {"perimeter": {"presets": []}}
SENSITIVE = "Write to schulze@klinik.example that card 4111 1111 1111 1111 was charged."


@pytest.fixture
def nodes():
    """Three of one backend (lab_of() says which is asked first)."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(faulty.Upstream(engine="vllm", models=["lab-model"]))
               for _ in range(3)]


def says(text, before=0.0):
    """A stream that thinks for so long."""
    def run(exchange):
        if before:
            yield before
        yield faulty.Stream(text, " there", use=wire.usage(10, 2))(exchange)
    return run


def asked(node):
    """A step: until that node is asked, too."""
    return faulty.until(lambda: node.chats)


def over_at(node):
    """A step: until that node has answered, or was left."""
    return faulty.until(lambda: node.chats and node.chats[-1].done)


def lab_of(*nodes, near=1, side="inside", **more):
    """The first ones stand in the gateway's own zone, and so are asked first."""
    placed = [{"url": node.url, "zone": "near" if i < near else "far"}
              for i, node in enumerate(nodes)]
    return backend("lab", side, nodes[0], nodes=placed, **more)


def hedging(start, *backends, share=1, after="100ms", **more):
    more = {**LOOKS_FOR_NOTHING, **more}
    return start(*backends, zone="near", hedge={"share": share, "after_min": after}, **more)


def warm(weir, *upstreams, text="Say hello."):
    for upstream in upstreams:
        upstream.script(says("quick"))
    for _ in range(WARM):
        assert weir.ask(text, stream=True).status == 200
    for upstream in upstreams:
        upstream.reset()


@pytest.fixture
def pair(start, nodes):
    weir = hedging(start, lab_of(*nodes[:2], cost_per_hour="3.6", **PATIENT))
    warm(weir, *nodes[:2])
    return weir


def hedges(weir):
    metrics = weir.metrics()
    return {o: metrics[f'weir_hedges_total{{outcome="{o}"}}'] for o in ("won", "lost", "failed")}


def outcomes(record):
    return [(a["node"], a["outcome"]) for a in record["attempts"]]


# who answers

@pytest.mark.core
def test_the_second_answers_and_the_first_is_left(pair, nodes):
    first, second = nodes[:2]
    first.script([faulty.STALL])
    second.script([faulty.CHUNKED_HEAD, faulty.role(), faulty.piece("quick "),
                   over_at(first),  # left when the second began, and not when it ended
                   faulty.piece("there"), faulty.finish(usage=wire.usage(10, 2)),
                   faulty.DONE + faulty.END])
    began = time.monotonic()
    answer = pair.ask(stream=True)
    assert answer.stream_text == "quick there" and answer.events[-1] == "[DONE]"
    assert 0.1 <= answer.head_at - began < 0.1 + AT_ONCE_S
    record = pair.record(answer)
    assert record["node"] == second.url and record["outcome"] == "ok"
    assert outcomes(record) == [(first.url, "hedge_lost"), (second.url, "ok")]
    assert record["attempts"][0]["tokens_in"] > 0 and record["attempts"][0]["tokens_out"] == 0
    assert record["tokens_in"] == 10 and record["tokens_out"] == 2
    assert hedges(pair) == {"won": 1, "lost": 0, "failed": 0}
    assert pair.metrics()["weir_failovers_total"] == 0


@pytest.mark.core
def test_the_first_answers_after_all(pair, nodes):
    first, second = nodes[:2]
    first.script([asked(second), says("late")])
    second.script([faulty.CHUNKED_HEAD, faulty.role("lab-model"), faulty.STALL])
    answer = pair.ask(stream=True)
    assert answer.stream_text == "late there" and answer.events[-1] == "[DONE]"
    second.chats[0].wait_done()
    assert second.chats[0].gone_at - answer.head_at < AT_ONCE_S
    record = pair.record(answer)
    assert record["node"] == first.url
    assert outcomes(record) == [(first.url, "ok"), (second.url, "hedge_lost")]
    assert hedges(pair) == {"won": 0, "lost": 1, "failed": 0}


def test_the_connection_serves_on(pair, nodes):
    """Of the client, and of the nodes: the loser's place is free again."""
    with pair.raw() as client:
        for slow in (0, 1, 0):
            nodes[slow].script([faulty.STALL])
            nodes[1 - slow].script(says("quick"))
            for _ in range(3):
                client.send(request(chat(stream=True)))
                assert client.response().stream_text == "quick there"
    eventually(lambda: all(n["in_flight"] == 0
                           for n in pair.get("/nodes", admin=True).json["nodes"]))


@pytest.mark.parametrize("path, body", [
    ("/v1/messages", {"model": "auto", "max_tokens": 20, "stream": True,
                      "messages": [{"role": "user", "content": "Say hello."}]}),
    ("/api/chat", {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}),
    ("/v1/responses", {"model": "auto", "input": "Say hello.", "stream": True})])
def test_translated_streams(pair, nodes, path, body):
    """Both attempts read one request and write one client's dialect."""
    nodes[0].script([faulty.CHUNKED_HEAD, faulty.role("lab-model"), faulty.STALL])
    answer = pair.post(body, path=path)
    assert answer.status == 200 and answer.complete and b"quick" in answer.body
    record = pair.record(answer)
    assert outcomes(record) == [(nodes[0].url, "hedge_lost"), (nodes[1].url, "ok")]
    assert record["tokens_out"] == 2


def test_ties(pair, nodes):
    """Both begin to answer in the same moment: each client gets one whole answer."""
    meetings = {}

    def when_both_are_asked(text):
        def run(exchange):
            meeting = meetings.setdefault(exchange.header("x-request-id"), threading.Barrier(2))
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait(20)
            yield from says(text)(exchange)
        return run

    pair.run("node", "cordon", nodes[0].url)
    warm(pair, *nodes[:2])  # the second one's p95 is known too
    pair.run("node", "resume", nodes[0].url)
    nodes[0].script(when_both_are_asked("one"))
    nodes[1].script(when_both_are_asked("two"))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: pair.ask(stream=True), range(60)))
    texts = {nodes[0].url: "one there", nodes[1].url: "two there"}
    records = {record["request_id"]: record for record in pair.ledger()}
    for answer in answers:
        record = records[answer.headers["x-request-id"]]
        assert answer.complete and answer.events[-1] == "[DONE]"
        assert answer.stream_text == texts[record["node"]]
        assert sorted(a["outcome"] for a in record["attempts"]) == ["hedge_lost", "ok"]
    assert hedges(pair)["won"] + hedges(pair)["lost"] == 60


# what fails

def test_the_first_fails_while_two_run(pair, nodes):
    nodes[0].script([asked(nodes[1]), faulty.RST])
    nodes[1].script([over_at(nodes[0]), 0.1, says("second")])
    answer = pair.ask(stream=True)
    assert answer.stream_text == "second there"
    attempts = pair.record(answer)["attempts"]
    assert [a["outcome"] for a in attempts][1] == "ok" and attempts[0]["outcome"] != "hedge_lost"
    assert hedges(pair)["won"] == 1


def test_the_second_fails(pair, nodes):
    nodes[0].script([over_at(nodes[1]), 0.3, says("late")])
    nodes[1].script(faulty.failing(500))
    answer = pair.ask(stream=True)
    assert answer.stream_text == "late there"
    assert outcomes(pair.record(answer)) == [(nodes[0].url, "ok"),
                                             (nodes[1].url, "upstream_status")]
    assert hedges(pair) == {"won": 0, "lost": 0, "failed": 1}


def test_both_fail_and_a_third_is_asked(start, nodes):
    weir = hedging(start, lab_of(*nodes, **PATIENT))
    warm(weir, *nodes)
    nodes[0].script([faulty.CHUNKED_HEAD, faulty.until(lambda: nodes[1].chats or nodes[2].chats),
                     faulty.RST])
    others = iter([lambda exchange: [faulty.CHUNKED_HEAD, over_at(nodes[0]), 0.1, faulty.FIN],
                   says("third")])
    for node in nodes[1:]:  # either may be the second
        node.script(lambda exchange: next(others)(exchange))
    answer = weir.ask(stream=True)
    assert answer.stream_text == "third there"
    attempts = weir.record(answer)["attempts"]
    assert attempts[0]["node"] == nodes[0].url
    assert {a["node"] for a in attempts} == {n.url for n in nodes}
    assert len(nodes[0].chats) == len(nodes[1].chats) == len(nodes[2].chats) == 1
    assert hedges(weir) == {"won": 0, "lost": 0, "failed": 1}


def test_both_stall(pair, nodes):
    """Each has its backend's patience, and both connections are closed when it is over."""
    pair.write_config(backends=[lab_of(*nodes[:2], first_token="600ms")])
    pair.signal(1)
    eventually(lambda: pair.metrics()["weir_reloads_total"] == 1)
    for node in nodes[:2]:
        node.script([faulty.STALL])
    began = time.monotonic()
    answer = pair.ask(stream=True)
    assert answer.status == 503 and time.monotonic() - began < 6 * SLACK  # of 15 in all
    for node in nodes[:2]:
        node.chats[0].wait_done()
    record = pair.record(answer)
    assert [a["node"] for a in record["attempts"]] == [n.url for n in nodes[:2]]


def test_a_refusal_is_an_answer(pair, nodes):
    nodes[0].script([faulty.STALL])
    nodes[1].script(faulty.json_answer(400, wire.error("no such field", "invalid_request_error"),
                                       reason="Bad"))
    answer = pair.ask(stream=True)
    assert answer.status == 400 and answer.error["message"] == "no such field"
    nodes[0].chats[0].wait_done()
    assert outcomes(pair.record(answer)) == [(nodes[0].url, "hedge_lost"),
                                             (nodes[1].url, "upstream_rejected")]


def test_a_winner_that_breaks_is_a_broken_stream(pair, nodes):
    """Where nobody goes on with it either."""
    nodes[0].queue([faulty.STALL])
    nodes[0].script(faulty.failing(500))
    nodes[1].script([faulty.CHUNKED_HEAD, faulty.role("lab-model"),
                     faulty.piece("Hel", "lab-model"), 0.05, faulty.RST])
    answer = pair.post({"model": "auto", "max_tokens": 20, "stream": True,
                        "messages": [{"role": "user", "content": "Say hello."}]},
                       path="/v1/messages")
    assert b"Hel" in answer.body and b"event: error" in answer.body
    assert b"message_stop" not in answer.body
    record = pair.record(answer)
    assert record["node"] == nodes[1].url and record["outcome"] != "ok"
    assert [a["outcome"] == "hedge_lost" for a in record["attempts"][:2]] == [True, False]


def test_a_winner_that_breaks_is_gone_on_with(pair, nodes):
    nodes[0].queue([faulty.STALL])
    nodes[0].script(continuing.Tell("vllm"))
    nodes[1].script(continuing.Tell("vllm", after=9, then=[faulty.FIN]))
    answer = pair.ask(stream=True)
    assert answer.stream_text == continuing.TEXT and answer.events[-1] == "[DONE]"
    assert [a["outcome"] for a in pair.record(answer)["attempts"]] == [
        "hedge_lost", "upstream_cut", "ok"]


# who leaves

@pytest.mark.core
@pytest.mark.parametrize("streams", [False, True], ids=["both wait", "the second streams"])
def test_the_client_leaves(pair, nodes, streams):
    nodes[0].script([faulty.STALL])
    nodes[1].script([faulty.CHUNKED_HEAD, faulty.role("lab-model"),
                     *([faulty.piece("Hel", "lab-model")] if streams else []), faulty.STALL])
    with pair.raw() as client:
        client.send(request(chat(stream=True)))
        nodes[1].wait_chats(1)
        if streams:
            client.head()
        else:
            time.sleep(0.05)
        left = time.monotonic()
    for node in nodes[:2]:
        node.chats[0].wait_done()
        assert node.chats[0].gone_at - left < AT_ONCE_S
    record = pair.wait_record(status=499)
    assert record["outcome"] == "client_closed_request" and len(record["attempts"]) == 2
    eventually(lambda: hedges(pair) == {"won": int(streams), "lost": 0, "failed": int(not streams)})


@pytest.mark.parametrize("drain", ["20s", "100ms"], ids=["finishes", "is cut"])
def test_a_stop_while_two_run(start, nodes, drain):
    weir = hedging(start, lab_of(*nodes[:2], **PATIENT), timeouts={"drain": drain})
    warm(weir, *nodes[:2])
    nodes[0].script([faulty.STALL])
    nodes[1].script([faulty.until(lambda: "event=drain" in weir.log()), says("second")]
                    if drain == "20s" else [faulty.STALL])
    with weir.raw(30) as client:
        client.send(request(chat(stream=True)))
        nodes[1].wait_chats(1)
        weir.signal(15)
        if drain == "20s":
            assert client.response().stream_text == "second there"
        else:
            assert client.closed()
    assert weir.process.wait(10 * SLACK) == 0
    for node in nodes[:2]:
        node.chats[0].wait_done()


# when, and whether

def test_off_by_default(start, nodes):
    weir = start(lab_of(*nodes[:2]), zone="near", **LOOKS_FOR_NOTHING)
    warm(weir, *nodes[:2])
    nodes[0].script(says("late", 0.4))
    assert weir.ask(stream=True).stream_text == "late there"
    assert not nodes[1].chats and sum(hedges(weir).values()) == 0


@pytest.mark.parametrize("case", ["unknown", "soon enough", "plain", "alone", "no share left"])
def test_who_is_not_hedged(start, nodes, case):
    """`unknown`: too few first tokens came to say what is late."""
    upstreams = nodes[:1] if case == "alone" else nodes[:2]
    weir = hedging(start, lab_of(*upstreams),
                   after="10s" if case == "soon enough" else "100ms",
                   share=0.02 if case == "no share left" else 1)
    if case != "unknown":
        warm(weir, *upstreams)
    slow = [0.3, *faulty.Plain("late")] if case == "plain" else says("late", 0.3)
    nodes[0].script(slow)
    nodes[1].script(says("second"))
    answer = weir.ask(stream=case != "plain")
    assert (answer.text if case == "plain" else answer.stream_text).startswith("late")
    assert not nodes[1].chats


def test_late_is_what_is_late_for_that_node(start, nodes):
    """Its own p95 counts: 300 ms are nothing new for a node that takes 250 ms each time."""
    weir = hedging(start, lab_of(*nodes[:2], **PATIENT))
    for node in nodes[:2]:
        node.script(says("slow", 0.25))
    took = first_tokens(weir, 2 * WARM, threads=4, text="slow there")
    shown = weir.get("/nodes", admin=True).json["nodes"][0]
    p50, p95 = shown["first_token_p50_ms"], shown["first_token_p95_ms"]
    assert f" {p50}/{p95} ms " in weir.run("nodes").stdout
    assert 230 <= p50 <= p95 <= 1100 * took[-1]  # it is told by classes, seven percent wide
    before = len(nodes[1].chats)
    began = time.monotonic()
    nodes[0].script([faulty.STALL])
    nodes[1].script(says("quick"))
    answer = weir.ask(stream=True)
    late = answer.head_at - began
    assert len(nodes[1].chats) == before + 1
    assert p95 / 1000 - 0.01 <= late < p95 / 1000 + AT_ONCE_S


def test_an_open_breaker_stops_hedging(start, nodes):
    weir = hedging(start, lab_of(*nodes), breaker={"failures": 1})
    warm(weir, *nodes)
    for node in (nodes[0], nodes[2]):
        weir.run("node", "cordon", node.url)
    nodes[1].script(faulty.failing(500))
    assert weir.ask(stream=True).status == 503
    assert weir.get("/nodes", admin=True).json["nodes"][1]["breaker"] == "open"
    for node in (nodes[0], nodes[2]):
        weir.run("node", "resume", node.url)
    nodes[0].script(says("late", 0.4))
    assert weir.ask(stream=True).stream_text == "late there"
    assert not nodes[2].chats


def test_a_node_with_a_queue_is_not_hedged_to(start, nodes):
    weir = hedging(start, lab_of(*nodes[:2]),
                   health={"load_interval": "100ms"})
    warm(weir, *nodes[:2])
    nodes[1].load["queued"] = 2
    eventually(lambda: any(n["queued"] == 2
                           for n in weir.get("/nodes", admin=True).json["nodes"]))
    nodes[0].script(says("late", 0.4))
    assert weir.ask(stream=True).stream_text == "late there"
    assert not nodes[1].chats


# the perimeter

@pytest.mark.parametrize("scan_always, text, hedged", [
    (True, SENSITIVE, False), (True, "Say hello.", True), (False, "Say hello.", False)],
    ids=["sensitive", "clean", "not looked through"])
def test_what_may_go_outside_for_speed(start, nodes, cloud, scan_always, text, hedged):
    weir = hedging(start, backend("lab", "inside", nodes[0]), backend("cloud", "outside", cloud),
                   perimeter={"scan_always": scan_always, "modes": {"DEFAULT": "allow"}})
    warm(weir, nodes[0])
    nodes[0].script([faulty.STALL] if hedged else says("late", 0.5))
    answer = weir.ask(text, stream=True)
    assert bool(cloud.chats) == hedged
    assert answer.stream_text.strip() == ("Hello from the cloud." if hedged else "late there")
    assert (weir.record(answer)["sent"] is not None) == hedged


def test_what_is_masked_goes_to_one_only(start, nodes):
    """Also where the first is outside too: a second provider need not have it."""
    weir = hedging(start, backend("one", "outside", nodes[0], models=["lab-model"]),
                   backend("two", "outside", nodes[1], models=["lab-model"]),
                   perimeter={"modes": {"DEFAULT": "mask"}},
                   policy={"matrix": {task: "outside" for task in config_of()["policy"]["matrix"]}})
    warm(weir, nodes[0], nodes[1])
    nodes[0].script(says("late", 0.4))
    nodes[1].script(says("second"))
    assert weir.ask(SENSITIVE, stream=True).stream_text == "late there"
    assert not nodes[1].chats
    nodes[0].script([faulty.STALL])
    assert weir.ask(stream=True).stream_text == "second there"


# the money

def test_the_loser_is_paid_for(start, nodes):
    weir = hedging(start, lab_of(*nodes[:2], side="outside"),
                   prices={"lab-model": {"input": 1, "output": 2}},
                   policy={"matrix": {task: "outside" for task in config_of()["policy"]["matrix"]}})
    warm(weir, *nodes[:2])
    nodes[0].script([faulty.STALL])
    record = weir.record(weir.ask(stream=True))
    lost = record["attempts"][0]
    assert lost["outcome"] == "hedge_lost" and lost["tokens_in"] > 0
    assert record["cost_nano"] == 10 * 1000 + 2 * 2000 + lost["tokens_in"] * 1000
    assert len(json.loads(record["sent"])) == 2  # the evidence has both


def test_inside_the_loser_costs_its_time(pair, nodes):
    nodes[0].script([faulty.STALL])
    nodes[1].script(says("second", 0.2))
    record = pair.record(pair.ask(stream=True))
    # At 0.001 dollars a second: 300 ms or more of the first node, and of the second one 100 less.
    assert 450_000 <= record["cost_nano"] <= 1000 * (2 * record["total_us"] // 1000 - 90)


# what it is for

def first_tokens(weir, count, threads=2, text="quick there"):
    def one(_):
        began = time.monotonic()
        answer = weir.ask(stream=True)
        assert answer.stream_text == text
        return answer.head_at - began

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return sorted(pool.map(one, range(count)))


def test_the_slow_tail_goes_and_the_share_holds(start, nodes):
    """Of one node of two every 25th stream takes 2.5 s to begin."""
    count, share = 150, 0.05
    turn = itertools.count(1)

    def sometimes(exchange):
        return says("quick", 2.5 if next(turn) % 25 == 0 else 0.01)(exchange)

    p99 = {}
    for name, given in (("without", 0), ("with", share)):
        weir = hedging(start, lab_of(*nodes[:2], **PATIENT), share=given, after="500ms")
        nodes[0].script(sometimes)
        nodes[1].script(says("quick", 0.01))
        first_tokens(weir, 50)
        before = sum(len(n.chats) for n in nodes[:2])
        times = first_tokens(weir, count)
        extra = sum(len(n.chats) for n in nodes[:2]) - before - count
        p99[name] = times[count * 99 // 100]
        print(f"{name} hedging: p50 {times[count // 2] * 1000:.0f} ms, "
              f"p99 {p99[name] * 1000:.0f} ms, {extra} extra requests of {count}")
        assert extra <= share * (count + 50)
        assert sum(hedges(weir).values()) <= share * (count + 50)
    assert p99["without"] > 2.5
    assert p99["with"] < 2  # which needs 0.5
