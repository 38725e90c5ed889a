"""The fakes themselves: a fake that does not do what it says would make every test worthless."""
import http.client
import itertools
import json
import os
import socket
import ssl
import threading
import time

import openai
import pytest

import faulty
from harness import Raw, chat, eventually, request

HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def client(managed):
    return openai.OpenAI(base_url=managed.url + "/v1", api_key=managed.key, max_retries=0)


def test_the_stand_in_says_what_it_is(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-5-mini", messages=HELLO)
    assert "stand-in" in raw.headers["x-stand-in"]
    assert raw.headers["x-request-id"] and raw.headers["openai-processing-ms"]
    assert "stand-in" in raw.parse().choices[0].message.content


@pytest.mark.parametrize("change, status, code", [
    ({"max_tokens": 5}, 400, "unsupported_parameter"),
    ({"temperature": 0.2}, 400, "unsupported_value"),
    ({"top_p": 0.5}, 400, "unsupported_value"),
    ({"model": "o4-mini", "temperature": 0}, 400, "unsupported_value"),
    ({"model": "no-such"}, 404, "model_not_found"),
])
def test_the_stand_in_refuses_as_the_real_one(client, change, status, code):
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**{"model": "gpt-5-mini", "messages": HELLO, **change})
    assert (caught.value.status_code, caught.value.code) == (status, code)


def test_the_stand_in_takes_what_the_real_one_takes(client):
    client.chat.completions.create(model="gpt-4.1-mini", messages=HELLO, max_tokens=5,
                                   temperature=0.2)
    client.chat.completions.create(model="gpt-5-mini", messages=HELLO, max_completion_tokens=5,
                                   temperature=1)


def test_the_stand_in_wants_its_key(managed):
    client = openai.OpenAI(base_url=managed.url + "/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        client.models.list()


@pytest.mark.parametrize("asked", [True, False])
def test_the_stand_in_counts_and_streams(client, asked):
    more = {"stream_options": {"include_usage": True}} if asked else {}
    events = list(client.chat.completions.create(
        model="gpt-5-mini", stream=True, messages=[{"role": "user", "content": "count to 20"}],
        **more))
    text = "".join(e.choices[0].delta.content or "" for e in events if e.choices)
    assert text.split() == [str(n) for n in range(1, 21)]
    assert (events[-1].usage is not None) == asked
    if asked:
        assert events[-1].usage.completion_tokens == 20


# the scriptable upstream

def connect(upstream):
    return Raw("127.0.0.1", upstream.port)


def test_scripts_are_used_in_order_and_all_is_noted(lab):
    lab.queue(faulty.Plain("one"), faulty.failing(503, "busy", ("retry-after", "7")))
    with connect(lab) as raw:
        raw.send(request(chat("first")) + request(chat("second")) + request(chat(stream=True)))
        assert raw.response().text == "one"
        second = raw.response()
        assert second.status == 503 and second.headers["retry-after"] == "7"
        assert raw.response().stream_text.strip() == "Hello from the lab."
    assert [c.json["messages"][0]["content"] for c in lab.chats][:2] == ["first", "second"]
    assert len(lab.connections) == 1 and not lab.probes


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_it_notes_when_the_other_side_leaves(lab, how):
    lab.script([faulty.CHUNKED_HEAD, faulty.piece("x"), faulty.STALL])
    with connect(lab) as raw:
        raw.send(request(chat(stream=True)))
        raw.read_until(b'"x"')
        time.sleep(0.2)
        if how == "reset":
            faulty._reset(raw.sock)
        elif how == "close":
            raw.sock.close()
        else:
            raw.sock.shutdown(socket.SHUT_WR)
        assert lab.chats[0].gone_after(10) >= 0.2


def test_it_says_when_the_other_side_stays(lab):
    lab.script([faulty.STALL])
    with connect(lab) as raw:
        raw.send(request(chat()))
        exchange = lab.wait_chats(1)
        with pytest.raises(AssertionError):
            exchange.gone_after(0.3)


@pytest.mark.parametrize("step, error", [(faulty.FIN, AssertionError),
                                         (faulty.RST, ConnectionResetError)])
def test_it_cuts(lab, step, error):
    lab.script([step])
    with connect(lab) as raw:
        raw.send(request(chat()))
        with pytest.raises(error):
            raw.response()


def test_down_is_refused_and_up_is_the_same_port(lab):
    with connect(lab) as raw:
        port = lab.port
        eventually(lambda: lab.connections)
        lab.down()
        assert raw.closed()
    with pytest.raises(ConnectionRefusedError):
        connect(lab)
    lab.up()
    assert lab.port == port
    with connect(lab) as raw:
        raw.send(request(chat()))
        assert raw.response().status == 200


def test_down_resets_each_connection_whatever_is_opened_then(lab):
    """Numbers of descriptors are used again at once, while the fake's threads wait on theirs."""
    clients = [connect(lab) for _ in range(100)]
    eventually(lambda: len(lab.connections) == 100)
    pipes, down = [], threading.Event()

    def open_pipes():
        while not down.is_set() and len(pipes) < 300:
            pipes.append(os.pipe())

    thread = threading.Thread(target=open_pipes)
    thread.start()
    lab.down()
    down.set()
    thread.join()
    for client in clients:
        client.sock.settimeout(2)
        with client, pytest.raises(ConnectionResetError):
            client.sock.recv(1)
    for end in itertools.chain(*pipes):
        os.close(end)


def test_its_habits_are_the_engines(lab):
    def get(upstream, path):
        with connect(upstream) as raw:
            raw.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return raw.response()

    assert get(lab, "/v1/models").json["data"][0]["max_model_len"] == 4096
    assert get(lab, "/health").status == 200 and get(lab, "/nothing").status == 404
    lab.healthy = False
    assert get(lab, "/health").status == 503
    with faulty.Upstream(engine="ollama", models=["a:1b"], window=2048) as ollama:
        assert get(ollama, "/api/ps").json["models"][0]["context_length"] == 2048
        assert get(ollama, "/api/tags").json["models"][0]["name"] == "a:1b"


@pytest.mark.parametrize("name", [n for n, s in faulty.FAULTS.items() if s[1] is not None
                                  and "drip" not in n])
def test_no_fault_is_a_good_answer(lab, name):
    """What Python's own client makes of them: none is an answer with a chat completion in it."""
    lab.script(faulty.FAULTS[name][1])
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=1)
    with pytest.raises(Exception):
        connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
        answer = connection.getresponse()
        assert answer.status == 200
        # http.client takes some of what RFC 9112 forbids
        assert name not in ("length_and_chunked", "two_lengths", "bare_lf_head", "folded_head")
        json.loads(answer.read())["choices"]
    connection.close()


def test_tls_and_the_proxy(certificates):
    pair = (str(certificates / "good-server.pem"), str(certificates / "good-server.key"))
    context = ssl.create_default_context(cafile=str(certificates / "good-ca.pem"))
    with faulty.Upstream(tls=pair) as api, \
            faulty.ConnectProxy(("127.0.0.1", api.port)) as proxy:
        connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, context=context)
        connection.set_tunnel("api.managed.test", 443)
        connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
        assert json.load(connection.getresponse())["object"] == "chat.completion"
        connection.close()
        assert proxy.asked == ["api.managed.test:443"]
    other = ssl.create_default_context(cafile=str(certificates / "other-ca.pem"))
    with faulty.Upstream(tls=pair) as api:
        connection = http.client.HTTPSConnection("127.0.0.1", api.port, context=other)
        with pytest.raises(ssl.SSLCertVerificationError):
            connection.request("GET", "/v1/models")
