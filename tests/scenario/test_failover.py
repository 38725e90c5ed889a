"""What fails before the first event that counts is followed by the next candidate; what fails
behind it ends with an error event and without the end mark."""
import json
import threading
import time

import pytest

import faulty
import wire
from harness import SLACK, backend, chat, config_of, eventually, request

CASES = [(name, stream) for name, scripts in faulty.FAULTS.items()
         for stream in (True, False) if scripts[0 if stream else 1] is not None]


@pytest.fixture
def pair(start, lab, cloud):
    """A plain answer has only the total time, so the lab's is short."""
    return start(backend("lab", "inside", lab, total="1200ms"),
                 backend("cloud", "outside", cloud))


def assert_failed_over(weir, answer, stream):
    assert answer.status == 200
    if stream:
        assert answer.stream_text.strip() == "Hello from the cloud."
        assert answer.events[-1] == "[DONE]" and answer.complete
        assert {e["model"] for e in answer.events[:-1]} == {"auto"}
    else:
        assert answer.text == "Hello from the cloud."
    record = weir.record(answer)
    assert record["side"] == "outside" and record["outcome"] == "ok" and record["status"] == 200
    attempts = record["attempts"]
    assert attempts[0]["backend"] == "lab" and attempts[0]["outcome"] != "ok"
    assert attempts[-1]["backend"] == "cloud" and attempts[-1]["outcome"] == "ok"
    assert all(a["ms"] >= 0 for a in attempts)


@pytest.mark.parametrize("name, stream", CASES,
                         ids=[f"{n}-{'stream' if s else 'plain'}" for n, s in CASES])
def test_a_fault_is_followed_by_the_next_candidate(pair, lab, name, stream):
    lab.script(faulty.FAULTS[name][0 if stream else 1])
    answer = pair.ask(stream=stream)
    assert_failed_over(pair, answer, stream)
    assert len(lab.chats) >= 1


@pytest.mark.core
@pytest.mark.parametrize("stream", [True, False])
def test_a_refused_connection(pair, lab, stream):
    lab.down()
    assert_failed_over(pair, pair.ask(stream=stream), stream)


def test_a_name_that_does_not_resolve(start, cloud):
    weir = start(backend("lab", "inside", "http://no-such-host.invalid:80", engine="openai",
                         models=["lab-model"]), backend("cloud", "outside", cloud))
    assert_failed_over(weir, weir.ask(timeout=30), False)


def test_the_outside_fails_over_to_the_inside(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 policy={"matrix": {"general": "outside"}})
    cloud.script(faulty.failing(500))
    answer = weir.ask("Hello there")
    assert answer.text == "Hello from the lab."
    assert weir.record(answer)["side"] == "inside"


def test_failover_never_crosses_a_pin(pair, lab, cloud):
    lab.script(faulty.failing(500))
    answer = pair.ask(model="inside/lab-model")
    assert answer.status in (502, 503)
    assert answer.error["type"] == "api_error" and not cloud.chats
    record = pair.record(answer)
    assert [a["backend"] for a in record["attempts"]] == ["lab"] * len(record["attempts"])


def test_a_refusal_of_the_request_itself_does_not_fail_over(pair, lab, cloud):
    lab.script(faulty.json_answer(400, wire.error("'logprobs' is not for this model",
                                                  "invalid_request_error"), reason="Bad"))
    answer = pair.ask()
    assert answer.status == 400 and "logprobs" in answer.error["message"]
    assert not cloud.chats


def test_nothing_available_gets_503_and_retry_after(pair, lab, cloud):
    lab.down()
    cloud.down()
    for stream in (False, True):
        answer = pair.ask(stream=stream)
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
        assert answer.error["code"] in ("no_backend_available", "upstream_unreachable")
    assert pair.ledger()[-1]["status"] == 503 and pair.ledger()[-1]["side"] is None


def test_interim_answers_are_skipped(pair, lab):
    lab.script([b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", 0.05,
                b"HTTP/1.1 100 Continue\r\n\r\n", *faulty.Plain("after the hints")])
    assert pair.ask().text == "after the hints"


def test_an_answer_without_length_ends_with_the_connection(pair, lab):
    body = json.dumps(wire.completion("lab-model", {"content": "no length"})).encode()
    lab.script([wire.head(200, [("content-type", "application/json"), ("connection", "close")]),
                body, faulty.FIN])
    assert pair.ask().text == "no length"


@pytest.mark.parametrize("ending", [faulty.FIN, faulty.RST])
def test_a_stale_connection_is_retried(pair, lab, ending):
    """The upstream closes an idle connection just when the next request comes."""
    def once(exchange):
        return [ending] if exchange.connection.requests > 1 else faulty.Plain("fresh")

    lab.script(once)
    with pair.raw() as client:  # one connection, so that it is one loop and its pool
        for _ in range(4):
            client.send(request(chat()))
            answer = client.response()
            assert answer.status == 200, answer.error
            assert answer.text == "fresh"
            assert pair.record(answer)["side"] == "inside"
    # Four fresh ones, and those of a probe and a reading where the client came to that loop.
    assert 4 <= len({id(c.connection) for c in lab.chats}) <= 6


def test_an_upstream_that_dies_at_work_was_no_stale_connection(start, lab, cloud):
    """Asked over a connection that was used before, it dies behind the time for a new one."""
    weir = start(backend("lab", "inside", lab, connect="500ms"), backend("cloud", "outside", cloud))
    lab.script(lambda exchange: [0.7 * SLACK, faulty.RST] if exchange.connection.requests > 1 else
               faulty.Plain("fresh"))
    died = []
    with weir.raw() as client:
        for _ in range(2):  # or both, by those of a probe and a reading, if they are of that loop
            client.send(request(chat()))
            attempts = weir.record(client.response())["attempts"]
            died += [attempts] if len(attempts) > 1 else []
    assert {tuple(a["outcome"] for a in attempts) for attempts in died} == {("upstream_cut", "ok")}


def test_a_connection_that_was_closed_meanwhile_is_not_used(pair, lab):
    lab.script([*faulty.Plain("fresh"), faulty.FIN])
    with pair.raw() as client:
        for _ in range(3):
            client.send(request(chat()))
            assert client.response().text == "fresh"
            time.sleep(0.05)
    assert len(lab.chats) == 3


def test_upstream_connections_are_kept(pair, lab):
    with pair.raw() as client:
        for turn in range(12):
            client.send(request(chat(stream=turn % 2 == 0)))
            assert client.response().status == 200
    # a second one where Weir read the node's load over the first at that moment
    assert len({id(c.connection) for c in lab.chats}) <= 2


# the first event that counts

def first_event_scripts():
    call = {"tool_calls": [{"index": 0, "id": "c1", "type": "function",
                            "function": {"name": "f", "arguments": "{}"}}]}
    return {
        "content": [faulty.piece("Hello")],
        "tool_call": [wire.chunk(wire.event(wire.delta("m", call)))],
        "finish": [faulty.finish("content_filter")],
        "role_with_content": [wire.chunk(wire.event(wire.delta(
            "m", {"role": "assistant", "content": "Hello"})))],
    }


@pytest.mark.parametrize("kind", first_event_scripts())
def test_the_head_leaves_with_the_first_event_that_counts(pair, lab, kind):
    going, headed = threading.Event(), threading.Event()
    lab.script([faulty.CHUNKED_HEAD, 0.1, faulty.role(), wire.chunk(b": ping\n\n"),
                faulty.until(going.is_set), *first_event_scripts()[kind],
                faulty.until(headed.is_set), faulty.finish(), faulty.DONE, faulty.END])
    with pair.raw() as client:
        client.send(request(chat(stream=True)))
        client.sock.settimeout(0.4)
        with pytest.raises(TimeoutError):
            client.head()
        client.sock.settimeout(10 * SLACK)
        going.set()
        client.read_until(b"\r\n\r\n")
        headed.set()
        answer = client.response()
    assert answer.status == 200 and pair.record(answer)["side"] == "inside"
    roles = [e for e in answer.events[:-1] if e["choices"][0]["delta"].get("role")]
    assert len(roles) >= 1  # what was held back is there


@pytest.mark.parametrize("change", [
    {"role": "assistant", "content": None}, {"role": "assistant", "content": "", "tool_calls": []},
    {"content": ""}, {"role": "assistant"}, {"role": "assistant", "refusal": None}, {},
])
def test_an_event_without_content_does_not_count(pair, lab, change):
    lab.script([faulty.CHUNKED_HEAD, wire.chunk(wire.event(wire.delta("m", change))), 0.05,
                faulty.FIN])
    assert_failed_over(pair, pair.ask(stream=True), True)


# refusals

TOO_LONG = {
    "llamacpp": {"code": 400, "message": "request (5031 tokens) exceeds the available context size",
                 "type": "exceed_context_size_error", "n_prompt_tokens": 5031, "n_ctx": 2048},
    "openai": {"message": "too long", "type": "invalid_request_error", "param": "messages",
               "code": "context_length_exceeded"},
    "vllm": {"message": "too long", "type": "BadRequestError", "param": "input_tokens",
             "code": 400},
}


def windows(start, lab, cloud, inside, outside):
    return start(backend("lab", "inside", lab, models=[{"name": "lab-model", **inside}]),
                 backend("cloud", "outside", cloud, models=[{"name": "cloud-model", **outside}]))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("engine", TOO_LONG)
def test_a_prompt_that_is_too_long_after_all_goes_on(start, lab, cloud, engine, stream):
    """Weir's count is an estimate; the engine's is not."""
    weir = windows(start, lab, cloud, {"window": 2048}, {"window": 4096})
    lab.script(faulty.json_answer(400, {"error": TOO_LONG[engine]}, reason="Bad Request"))
    for _ in range(5):
        answer = weir.ask(stream=stream)
        assert_failed_over(weir, answer, stream)
        assert weir.record(answer)["attempts"][0]["outcome"] == "context_length_exceeded"
    assert len(lab.chats) == 5  # it is the prompt that was refused, not the node that failed


@pytest.mark.parametrize("inside, outside", [(4096, 4096), (4096, 2048)])
def test_a_prompt_that_is_too_long_for_all_is_refused(start, lab, cloud, inside, outside):
    weir = windows(start, lab, cloud, {"window": inside}, {"window": outside})
    lab.script(faulty.json_answer(400, {"error": TOO_LONG["llamacpp"]}, reason="Bad Request"))
    answer = weir.ask()
    assert answer.status == 400 and answer.error == TOO_LONG["llamacpp"]
    assert not cloud.chats


@pytest.mark.parametrize("status", [204, 302, 401, 402, 403, 404, 408, 429, 529])
def test_a_status_that_speaks_of_the_node_fails_over(pair, lab, status):
    lab.script([wire.head(status, [("content-length", 0), ("location", "/")], "Whatever")])
    assert_failed_over(pair, pair.ask(), False)


def test_the_type_of_a_stream_is_read_without_case(pair, lab):
    head = wire.head(200, [("Content-Type", "Text/Event-Stream"), ("transfer-encoding", "chunked")])
    lab.script([head, faulty.piece("still a stream"), faulty.finish(), faulty.DONE, faulty.END])
    assert pair.ask(stream=True).stream_text == "still a stream"


def test_failovers_are_counted_once_each(start, lab, cloud):
    pair = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 retry={"attempts": 1})
    lab.down()
    assert pair.ask().status == 200
    cloud.down()
    assert pair.ask().status == 503
    assert pair.metrics()["weir_failovers_total"] == 2


# behind it

CUTS = {
    "fin": [faulty.FIN],
    "rst": [0.05, faulty.RST],
    "stall": [faulty.STALL],
    "inside_an_event": [b"60\r\ndata: {\"choi", faulty.FIN],
    "end_of_chunks_without_end_mark": [faulty.END],
    "bad_chunk_size": [b"-1\r\n", faulty.FIN],
    "error_event": [wire.chunk(wire.event(wire.error("lost the GPU", "server_error"))), faulty.DONE,
                    faulty.END],
    "not_json": [wire.chunk(wire.event("{]")), faulty.DONE, faulty.END],
    "comments_for_ever": [s for _ in range(40) for s in (wire.chunk(b": ping\n\n"), 0.1)],
}


@pytest.mark.parametrize("name", CUTS)
def test_a_stream_that_breaks_ends_with_an_error_event(pair, lab, cloud, name):
    lab.script([faulty.CHUNKED_HEAD, faulty.role(), faulty.piece("Hel"), 0.05, *CUTS[name]])
    answer = pair.ask(stream=True)
    assert answer.status == 200 and answer.stream_text == "Hel"
    last = answer.events[-1]
    assert last != "[DONE]" and "[DONE]" not in answer.events
    assert last["error"]["message"] and last["error"]["type"] and last["error"]["code"]
    assert answer.complete  # the HTTP framing is whole: only the answer is not
    assert not cloud.chats
    record = pair.record(answer)
    assert record["outcome"] != "ok" and record["tokens_out"] >= 1


# several nodes

def test_the_node_with_the_fewest_requests_is_asked(start, lab):
    with faulty.Upstream(engine="vllm", models=["lab-model"]) as second:
        slow = [faulty.CHUNKED_HEAD, faulty.piece("a"),
                faulty.until(lambda: len(lab.chats) + len(second.chats) == 6),
                faulty.finish(), faulty.DONE, faulty.END]
        lab.script(slow)
        second.script(slow)
        weir = start(backend("lab", "inside", lab, second),
                     timeouts={"between_tokens": "20s", "total": "30s"})
        clients = [weir.raw() for _ in range(6)]
        for count, client in enumerate(clients, 1):
            client.send(request(chat(stream=True)))
            eventually(lambda n=count: len(lab.chats) + len(second.chats) == n, step=0.005)
        assert [client.response().status for client in clients] == [200] * 6
        assert (len(lab.chats), len(second.chats)) == (3, 3)


def test_a_dead_node_is_followed_by_its_neighbour(start, lab, cloud):
    with faulty.Upstream(engine="vllm", models=["lab-model"]) as second:
        second.script(faulty.Plain("second node"))
        lab.script(faulty.failing(503))
        weir = start(backend("lab", "inside", lab, second), backend("cloud", "outside", cloud))
        for _ in range(6):
            assert weir.ask().text == "second node"
        assert not cloud.chats
        assert len(lab.chats) <= 3


# time

def test_one_deadline_covers_the_chain(start, lab, cloud):
    weir = start(backend("lab", "inside", lab, first_token="700ms"),
                 backend("cloud", "outside", cloud, first_token="50s"),
                 timeouts={"total": "1500ms"})
    for upstream in (lab, cloud):
        upstream.script([faulty.STALL])
    started = time.monotonic()
    answer = weir.ask(stream=True)
    assert 1.3 < time.monotonic() - started < 10 * SLACK
    assert answer.status == 504 and answer.error["type"] == "api_error"
    record = weir.record(answer)
    assert [a["backend"] for a in record["attempts"]] == ["lab", "cloud"]
    for upstream in (lab, cloud):
        upstream.chats[0].gone_after(10)


def test_a_plain_answer_may_take_longer_than_a_first_token(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"first_token": "300ms",
                                                         "between_tokens": "300ms"})
    lab.script([1.0, *faulty.Plain("took its time")])
    assert weir.ask().text == "took its time"


def test_the_connect_time_is_bounded(start, cloud):
    """A node that does not even accept: its backlog is full."""
    import socket
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        weir = start(backend("lab", "inside", f"http://127.0.0.1:{address[1]}", engine="openai",
                             models=["lab-model"]), backend("cloud", "outside", cloud),
                     timeouts={"total": "50s"})
        assert_failed_over(weir, weir.ask(timeout=60), False)  # in 50 s, all would be over
        for filler in fillers:
            filler.close()


# Ollama

@pytest.mark.parametrize("window, loaded, words, stays", [
    (4096, True, 50, True), (512, True, 1500, False), (32768, True, 6000, True),
    (4096, False, 500, True), (32768, False, 6000, False),
])
def test_ollamas_window_is_what_it_really_uses(start, cloud, window, loaded, words, stays):
    with faulty.Upstream(engine="ollama", models=["llama3.2:3b"], window=window,
                         loaded=loaded) as ollama:
        weir = start(backend("ollama", "inside", ollama, models=[]),
                     backend("cloud", "outside", cloud))
        answer = weir.ask("Please remember each single word here. " * (words // 6))
        assert answer.status == 200
        assert weir.record(answer)["side"] == ("inside" if stays else "outside")
        assert len(ollama.chats) == (1 if stays else 0)


def test_the_config_can_be_read_back():
    """The harness's own YAML: what it writes is what was meant."""
    text = config_of(backend("a", "inside", "http://x", engine="vllm", models=["m"]))
    assert text["backends"][0]["nodes"] == ["http://x"]


def test_what_came_with_the_error_arrives_in_front_of_it(pair, lab):
    error = wire.chunk(wire.event(wire.error("lost the GPU", "server_error")))
    lab.script([faulty.CHUNKED_HEAD, faulty.piece("one "), 0.2, faulty.piece("two") + error])
    answer = pair.ask(stream=True)
    assert "lost the GPU" in answer.events[-1]["error"]["message"]
    assert [e["choices"][0]["delta"]["content"] for e in answer.events[:-1]] == ["one ", "two"]
