"""A dead node costs nothing, and comes back by Weir's own request."""
import email.utils
import json
import threading
import time

import pytest

import faulty
from harness import SLACK, backend, chat, eventually, request

DOWN = {"stall": [faulty.STALL], "rst": [faulty.RST], "500": faulty.failing(500)}


@pytest.mark.core
@pytest.mark.parametrize("how", DOWN)
def test_the_fourth_request_waits_no_time(start, lab, cloud, how):
    weir = start(backend("lab", "inside", lab, first_token="300ms"),
                 backend("cloud", "outside", cloud))
    lab.script(DOWN[how])
    lab.healthy = False
    for _ in range(3):
        answer = weir.ask(stream=True)
        assert answer.status == 200
        assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["lab", "cloud"]
    # One more where the first used a pooled connection: that is made once again on a new one.
    seen, connections = len(lab.chats), len(lab.connections)
    assert 3 <= seen <= 4
    for _ in range(5):
        answer = weir.ask(stream=True)
        assert answer.status == 200
        assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["cloud"]
    assert len(lab.chats) == seen and len(lab.connections) == connections


def test_a_success_between_closes_the_count(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.queue(*[faulty.failing(500)] * 2, faulty.Plain("ok"), *[faulty.failing(500)] * 2)
    for _ in range(5):
        assert weir.ask().status == 200
    assert weir.ask().text == "Hello from the lab."


def test_it_comes_back_and_no_client_pays_for_the_probe(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"open": "400ms"}, health={"interval": "200ms"})
    lab.down()
    for _ in range(5):
        assert weir.ask().text == "Hello from the cloud."
    time.sleep(0.8)  # probes fail meanwhile
    for _ in range(3):
        answer = weir.ask()
        assert answer.text == "Hello from the cloud."
        assert len(weir.record(answer)["attempts"]) == 1
    lab.reset()
    lab.up()
    eventually(lambda: weir.ask().text == "Hello from the lab.", step=0.1)
    first = min(c.at for c in lab.chats)
    assert any(p.at < first for p in lab.probes)


def test_an_open_node_is_not_probed_before_its_retry_after(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 breaker={"failures": 1, "open": "100ms"}, health={"interval": "100ms"})
    lab.script(faulty.failing(429, "busy", ("retry-after", "3")))
    assert weir.ask().text == "Hello from the cloud."
    refused = lab.chats[0].at
    lab.script(faulty.Auto("back"))
    eventually(lambda: weir.ask().text == "back", 20, 0.05)
    asked = [x.at - refused for x in lab.probes + lab.chats[1:]]
    assert not [at for at in asked if 1 < at < 2.9]  # what was under way may come in the first


def test_a_request_that_opens_the_breaker_asks_the_node_once(start, lab):
    weir = start(backend("lab", "inside", lab), breaker={"failures": 1})
    lab.script(faulty.failing(500))
    for asked in (1, 2):  # the second finds it open
        assert weir.ask().status == 503
        assert len(lab.chats) == asked


def test_the_longest_head_passes_and_hurts_no_node(start, lab):
    """Nearly all of it goes on to the upstream, beside what Weir adds."""
    weir = start(backend("lab", "inside", lab))
    head = [f"tracestate: a{i}={'x' * 1000}" for i in range(64)]
    body = json.dumps(chat()).encode()
    taken = len(request(body, *head)) - len(body) + len("traceparent: \r\n")
    head.append("traceparent: " + "x" * (64 * 1024 - taken))
    for _ in range(4):
        assert weir.post(body, *head).status == 200
    assert lab.chats[0].header("traceparent").startswith("xxx")


def test_an_api_without_a_list_of_models_comes_back_too(start, lab, cloud):
    cloud.lists = False
    weir = start(backend("cloud", "outside", cloud), backend("spare", "outside", lab),
                 breaker={"open": "400ms"})
    cloud.down()
    for _ in range(3):
        assert weir.ask().text == "Hello from the lab."
    cloud.up()
    eventually(lambda: weir.ask().text == "Hello from the cloud.", step=0.1)
    done = weir.run("check")
    assert done.returncode == 0 and "lists no models" in done.stdout


def test_a_single_node_without_fallback_is_still_tried(start, lab):
    weir = start(backend("lab", "inside", lab))
    lab.script(faulty.failing(500))
    for _ in range(4):
        assert weir.ask().status in (502, 503)
    lab.script(faulty.Plain("back again"))
    assert weir.ask().text == "back again"


def test_an_open_node_is_tried_by_one_request_at_a_time(start, lab):
    weir = start(backend("lab", "inside", lab))
    lab.script(faulty.failing(500))
    for _ in range(3):
        weir.ask()
    lab.reset()
    answers = []
    lab.script([faulty.until(lambda: len(answers) == 5), *faulty.failing(500)])
    threads = [threading.Thread(target=lambda: answers.append(weir.ask())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(lab.chats) == 1
    assert {a.status for a in answers} <= {502, 503} and len(answers) == 6


# Retry-After

def in_seconds(seconds, form):
    return str(seconds) if form == "seconds" else \
        email.utils.formatdate(time.time() + seconds, usegmt=True)


forms = pytest.mark.parametrize("form", ["seconds", "date"])


@forms
@pytest.mark.parametrize("status", [429, 503])
def test_a_node_is_not_asked_before_its_retry_after(start, lab, cloud, status, form):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.script(faulty.failing(status, "busy", ("retry-after", in_seconds(30, form))))
    for _ in range(4):
        assert weir.ask().text == "Hello from the cloud."
    assert len(lab.chats) == 1


def test_a_request_waits_for_it_when_nothing_else_stands(start, lab):
    weir = start(backend("lab", "inside", lab))
    lab.queue(faulty.failing(429, "busy", ("retry-after", "1")))
    started = time.monotonic()
    answer = weir.ask()
    assert answer.text == "Hello from the lab."
    assert time.monotonic() - started > 0.9


@forms
def test_it_does_not_wait_beyond_its_deadline(start, lab, form):
    weir = start(backend("lab", "inside", lab), timeouts={"total": "10s"})
    lab.script(faulty.failing(429, "busy", ("retry-after", in_seconds(60, form))))
    started = time.monotonic()
    answer = weir.ask()
    assert answer.status in (429, 503)
    assert 30 <= int(answer.headers["retry-after"]) <= 60
    assert time.monotonic() - started < 3 * SLACK


def test_a_model_that_a_node_lacks_does_not_close_the_node(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.script(faulty.failing(404, "no such model"))
    for _ in range(5):
        answer = weir.ask()
        assert answer.text == "Hello from the cloud."
        assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["lab", "cloud"]


def test_a_node_whose_breaker_opens_is_not_asked_twice_for_one_request(start, lab):
    weir = start(backend("lab", "inside", lab))
    lab.script(faulty.failing(500))
    lab.healthy = False
    for _ in range(3):
        assert len(weir.record(weir.ask())["attempts"]) == 1


def test_the_breaker_stands_in_the_metrics(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.script(faulty.failing(500))
    lab.healthy = False
    for _ in range(3):
        weir.ask()
    metrics = weir.get("/metrics", admin=True)
    assert metrics.status == 200 and metrics.headers["content-type"].startswith("text/plain")
    text = metrics.body.decode()
    assert "weir_" in text and "# TYPE" in text and "lab" in text


def test_an_upstreams_words_are_no_part_of_the_log(start, lab):
    """They may repeat the prompt, or forge a line."""
    weir = start(backend("lab", "inside", lab))
    lab.script(faulty.json_answer(200, {"error": {"message": 'x" event=forged\n\x1b[31m y'}}))
    for _ in range(3):
        assert weir.ask().status == 503
    assert "event=node_open" in weir.log()
    assert "forged" not in weir.log() and "\x1b" not in weir.log()
