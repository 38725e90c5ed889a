"""What fails is asked again where that helps, and nowhere too often."""
import json
import threading
import time

import pytest

import faulty
from faulty import Plain, Upstream, failing, free_port
from harness import SLACK, backend, chat, eventually, request

OFTEN = {"interval": "100ms"}
FLOOR_S = 9  # a budget is of ten seconds, the first of which may have begun before


def nodes_of(weir):
    done = weir.run("nodes", "--json")
    assert done.returncode == 0, done.stderr
    return {n["node"]: n for n in json.loads(done.stdout)["nodes"]}


def state(weir, up):
    return nodes_of(weir)[up.url]["state"]


def retries(weir, reason):
    return weir.metrics()[f'weir_retries_total{{reason="{reason}"}}']


# again after a pause

PASSING = {
    "reset": ([faulty.CHUNKED_HEAD, 0.05, faulty.RST], "cut"),
    "502": (failing(502), "unavailable"),
    "503": (failing(503), "unavailable"),
    "529": (failing(529), "unavailable"),
    "429": (failing(429), "rate_limited"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_asked_again(start, lab, name, stream):
    script, reason = PASSING[name]
    weir = start(backend("lab", "inside", lab))
    lab.queue(script, script)
    started = time.monotonic()
    answer = weir.ask(stream=stream)
    assert (answer.stream_text.strip() if stream else answer.text) == "Hello from the lab."
    assert time.monotonic() - started < 5 * SLACK  # at most 50 ms and 100 ms are needed
    assert len(weir.record(answer)["attempts"]) == 3
    assert retries(weir, reason) == 2


@pytest.mark.parametrize("how", [failing(500), faulty.json_answer(200, {"error": {"message": "x"}}),
                                 failing(404)], ids=["500", "error", "404"])
def test_what_does_not_pass_is_not_asked_again(start, lab, how):
    weir = start(backend("lab", "inside", lab))
    lab.queue(how)
    assert weir.ask().status == 503
    assert len(lab.chats) == 1


def test_rounds_are_counted(start, lab):
    weir = start(backend("lab", "inside", lab), breaker={"failures": 100},
                 retry={"attempts": 5})
    lab.script(failing(503))
    assert len(weir.record(weir.ask())["attempts"]) == 5
    assert retries(weir, "unavailable") == 4


def test_nobody_waits_for_a_node_that_is_open(start, lab):
    weir = start(backend("lab", "inside", lab), breaker={"failures": 2}, retry={"attempts": 9})
    lab.script(failing(503))
    assert len(weir.record(weir.ask())["attempts"]) == 2
    assert len(weir.record(weir.ask())["attempts"]) == 1  # in despair, once


def test_the_deadline_covers_all_rounds(start, lab):
    weir = start(backend("lab", "inside", lab), breaker={"failures": 100},
                 timeouts={"total": "600ms"}, retry={"attempts": 16})
    lab.script([0.25 * SLACK, *failing(503)])
    assert weir.ask().status in (503, 504)
    assert len(lab.chats) <= 4


def test_a_client_that_leaves_during_the_pause_is_not_asked_for(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"total": "60s"})
    lab.script(failing(429, "busy", ("retry-after", "30")))
    with weir.raw() as client:
        client.send(request(json.dumps(chat()).encode()))
        lab.wait_chats(1)
    weir.wait_record(status=499)
    assert len(lab.chats) == 1


# the budget

def test_a_backend_in_trouble_gets_little_more_than_it_would(start, lab):
    """Twenty requests, all of which fail: 20 attempts, ten retries beside them, and a fifth."""
    weir = start(backend("lab", "inside", lab), breaker={"failures": 1000, "error_rate": 0})
    lab.script(failing(503))
    answers = [weir.ask() for _ in range(20)]
    assert {a.status for a in answers} == {503}
    assert "retry budget is used up" in answers[-1].error["message"]
    assert len(lab.chats) <= 20 + 10 + 0.2 * 20
    assert len(lab.chats) >= 30
    metrics = weir.metrics()
    assert metrics["weir_retry_budget_exhausted_total"] > 0
    assert weir.log().count("event=retry_budget") == 1


def test_without_a_share_the_floor_is_left(start, lab):
    weir = start(backend("lab", "inside", lab), breaker={"failures": 1000, "error_rate": 0},
                 retry={"budget": 0})
    lab.script(failing(503))
    started = time.monotonic()
    for _ in range(15):
        weir.ask()
    anew = int((time.monotonic() - started) / FLOOR_S)  # how often the floor was given again
    assert 15 + 10 <= len(lab.chats) <= 15 + 10 * (1 + anew)


def test_the_next_backend_is_free(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"failures": 1000, "error_rate": 0}, retry={"budget": 0})
    lab.script(failing(503))
    for _ in range(30):
        assert weir.ask().text == "Hello from the cloud."
    assert weir.metrics()["weir_retry_budget_exhausted_total"] == 0


def test_so_is_a_second_node_but_no_third(start):
    with Upstream(engine="vllm") as a, Upstream(engine="vllm") as b, Upstream(engine="vllm") as c:
        weir = start(backend("lab", "inside", a, b, c), retry={"budget": 0, "attempts": 1},
                     breaker={"failures": 1000, "error_rate": 0})
        for up in (a, b, c):
            up.script(failing(500))
        started = time.monotonic()
        for _ in range(12):
            weir.ask()
        anew = int((time.monotonic() - started) / FLOOR_S)
        assert 10 <= retries(weir, "failed") <= 10 * (1 + anew)
        assert sum(len(up.chats) for up in (a, b, c)) == 12 * 2 + retries(weir, "failed")


# an engine that loads

def test_an_engine_that_loads_is_waited_for(start):
    with Upstream(engine="llamacpp") as up:
        up.healthy = False
        weir = start(backend("lab", "inside", up), timeouts={"total": "60s"})
        eventually(lambda: state(weir, up) == "loading")
        started = time.monotonic()
        threading.Timer(1.0, lambda: setattr(up, "healthy", True)).start()
        answer = weir.ask()
        assert answer.status == 200 and len(weir.record(answer)["attempts"]) == 1
        # It is looked at each second, not each health.interval, which is 30 s.
        assert 0.8 < time.monotonic() - started < 12 * SLACK
        assert len(up.chats) == 1


def test_the_next_candidate_goes_before_the_wait(start, cloud):
    with Upstream(engine="llamacpp") as up:
        up.healthy = False
        weir = start(backend("lab", "inside", up), backend("cloud", "outside", cloud))
        eventually(lambda: state(weir, up) == "loading")
        started = time.monotonic()
        answer = weir.ask()
        assert answer.text == "Hello from the cloud."
        assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["cloud"]
        assert time.monotonic() - started < 5 * SLACK  # the load never ends


@pytest.mark.parametrize("more", [{"retry": {"loading_wait": "20s"}},
                                  {"timeouts": {"total": f"{int(20000 / SLACK)}ms"}}],
                         ids=["wait", "total"])
def test_nobody_waits_for_a_load_that_takes_too_long(start, more):
    """Of a load that nobody has seen 30 s are expected."""
    with Upstream(engine="llamacpp") as up:
        up.healthy = False
        weir = start(backend("lab", "inside", up), **more)
        eventually(lambda: state(weir, up) == "loading")
        started = time.monotonic()
        answer = weir.ask()
        assert answer.status == 503 and time.monotonic() - started < 8 * SLACK
        assert 20 <= int(answer.headers["retry-after"]) <= 31
        assert not up.chats


def test_a_load_is_expected_to_take_as_long_as_the_last_one(start):
    with Upstream(engine="llamacpp") as up:
        up.healthy = False
        weir = start(backend("lab", "inside", up), health=OFTEN,
                     retry={"loading_wait": "20s"})
        eventually(lambda: state(weir, up) == "loading")
        assert weir.ask().status == 503
        up.healthy = True
        eventually(lambda: state(weir, up) == "up")
        up.healthy = False
        eventually(lambda: state(weir, up) == "loading")
        threading.Timer(0.3, lambda: setattr(up, "healthy", True)).start()
        assert weir.ask().status == 200


def test_a_client_that_leaves_ends_the_wait(start):
    with Upstream(engine="llamacpp") as up:
        up.healthy = False
        weir = start(backend("lab", "inside", up), timeouts={"total": "60s"})
        eventually(lambda: state(weir, up) == "loading")
        with weir.raw() as client:
            client.send(request(json.dumps(chat()).encode()))
            time.sleep(0.2)
        weir.wait_record(status=499)
        up.healthy = True
        eventually(lambda: state(weir, up) == "up")
        assert weir.ask().status == 200 and len(up.chats) == 1


# a node that comes back

@pytest.mark.parametrize("engine", ["vllm", "llamacpp", "ollama", "openai"])
def test_a_restarted_engine_is_back_within_seconds(start, cloud, engine):
    """It was up, so it is down and not loading, and is looked at each second."""
    with Upstream(engine=engine) as up:
        up.script(faulty.Auto("from the lab"))
        weir = start(backend("lab", "inside", up), backend("cloud", "outside", cloud),
                     health=OFTEN)
        assert weir.ask().text == "from the lab"
        up.down()
        eventually(lambda: state(weir, up) == "open")
        assert nodes_of(weir)[up.url]["why"] == "it is gone"
        answer = weir.ask()
        assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["cloud"]
        time.sleep(2.5)  # looks in vain
        up.up()
        eventually(lambda: weir.ask().text == "from the lab", step=0.1)  # of the breaker's 30 s


def test_half_open_is_one_request_at_a_time(start, lab, cloud):
    """Outside no token is asked for: the first request that is let through closes it."""
    weir = start(backend("first", "outside", lab), backend("second", "outside", cloud),
                 breaker={"failures": 1, "open": "300ms"}, health=OFTEN)
    lab.script(failing(500))
    assert weir.ask().text == "Hello from the cloud."
    answers = []
    lab.script([faulty.until(lambda: len(answers) == 4), *Plain("from the first")])
    eventually(lambda: nodes_of(weir)[lab.url]["state"] == "trial")
    assert nodes_of(weir)[lab.url]["breaker"] == "half-open"
    lab.reset()
    threads = [threading.Thread(target=lambda: answers.append(weir.ask())) for _ in range(5)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join(20)
    texts = sorted(a.text for a in answers)
    assert texts == ["Hello from the cloud."] * 4 + ["from the first"]
    assert len(lab.chats) == 1
    assert nodes_of(weir)[lab.url]["breaker"] == "closed"


@pytest.mark.parametrize("probe, tokens", [("token", True), ("models", False)])
def test_whether_a_token_is_asked_for(start, lab, cloud, probe, tokens):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"failures": 1, "open": "200ms", "probe": probe}, health=OFTEN)
    lab.script(failing(500))
    assert weir.ask().text == "Hello from the cloud."
    if tokens:
        eventually(lambda: len(lab.chats) > 1)
    eventually(lambda: state(weir, lab) == ("open" if tokens else "trial"))
    assert (len(lab.chats) > 1) == tokens


def test_probes_in_vain_come_later_and_later(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"failures": 1, "open": "100ms"}, health=OFTEN)
    lab.script(failing(500))
    assert weir.ask().text == "Hello from the cloud."
    lab.wait_chats(8, 20)  # the request, and seven probes
    times = [chat.at for chat in lab.chats]
    # Alike, 0.7 s; by 100, 150, ... 600 ms, give or take a quarter, at least 1.7
    assert times[7] - times[0] > 1.3


# how a node is opened

def test_one_failure_of_two_opens_it(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.queue(*[failing(500), Plain("ok")] * 5)
    for _ in range(10):
        assert weir.ask().status == 200
    assert state(weir, lab) == "up"
    lab.queue(failing(500))
    assert weir.ask().status == 200
    assert state(weir, lab) == "open"
    assert nodes_of(weir)[lab.url]["why"] == "failed too often of late"


def test_slow_first_tokens_open_it(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"slow": "30ms"})
    slow = [faulty.CHUNKED_HEAD, 0.05, faulty.role(), faulty.piece("slow"), faulty.finish(),
            faulty.DONE, faulty.END]
    lab.script(slow)
    for _ in range(10):
        assert weir.ask(stream=True).stream_text == "slow"
    assert weir.ask(stream=True).stream_text.strip() == "Hello from the cloud."
    assert nodes_of(weir)[lab.url]["why"] == "was too slow of late"
    assert "event=node_open" in weir.log()


# a key that is refused

def test_a_refused_key_is_told_and_opens_nothing(start, cloud):
    with Upstream(engine="vllm") as a, Upstream(engine="vllm") as b:
        weir = start(backend("lab", "inside", a, b, key="sk-wrong"),
                     backend("cloud", "outside", cloud), breaker={"open": "60s"})
        for up in (a, b):
            up.script(failing(401, "bad key"))
        for _ in range(8):
            assert weir.ask().text == "Hello from the cloud."
        assert len(a.chats) == 1 and len(b.chats) == 1  # each is asked once, by two requests
        known = nodes_of(weir)
        for up in (a, b):
            assert (known[up.url]["state"], known[up.url]["breaker"]) == ("refused", "closed")
            assert "answered 401" in known[up.url]["last_error"]
            assert known[up.url]["failures"] == 0
        assert weir.log().count("event=wrong_key") == 2


def test_a_key_that_is_taken_again(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"open": "100ms"}, health=OFTEN)
    lab.queue(failing(401, "bad key"))
    assert weir.ask().text == "Hello from the cloud."
    eventually(lambda: weir.ask().text == "Hello from the lab.")


@pytest.mark.parametrize("status", [402, 403])
def test_what_a_key_may_not_do_opens_nothing(start, lab, cloud, status):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.script(failing(status))
    for _ in range(5):
        answer = weir.ask()
        assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["lab", "cloud"]
    assert state(weir, lab) == "up"
    assert weir.log().count("event=wrong_key") == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_clients_mistake_opens_nothing(start, lab, status):
    weir = start(backend("lab", "inside", lab))
    lab.script(failing(status))
    for _ in range(12):
        weir.ask()
    assert state(weir, lab) == "up" and nodes_of(weir)[lab.url]["failures"] == 0
