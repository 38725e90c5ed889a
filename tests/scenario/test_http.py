"""HTTP/1.1 towards the client, to the letter, and what malformed requests get."""
import gzip
import json
import socket
import time

import pytest

import faulty
from harness import CHAT, backend, chat, request


def test_keep_alive(weir):
    with weir.raw() as client:
        for _ in range(5):
            client.send(request(chat()))
            assert client.response().status == 200
            client.send(request(chat(stream=True)))
            answer = client.response()
            assert answer.events[-1] == "[DONE]" and answer.complete


def test_connection_close_is_obeyed(weir):
    with weir.raw() as client:
        client.send(request(chat(), "Connection: close"))
        answer = client.response()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        assert client.closed()


def test_http_1_0(weir):
    body = json.dumps(chat()).encode()
    with weir.raw() as client:
        client.send(b"POST %s HTTP/1.0\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                    % (CHAT.encode(), len(body), body))
        answer = client.response()
        assert answer.status == 200 and answer.text
        assert "chunked" not in answer.headers.get("transfer-encoding", "")
        assert client.closed()


@pytest.mark.core
def test_pipelined_requests_are_answered_in_order(weir, lab):
    lab.queue(lambda e: [0.2, *faulty.Plain("first")], faulty.Stream("sec", "ond"),
              faulty.Plain("third"))
    with weir.raw() as client:
        client.send(request(chat("1")) + request(chat("2", stream=True)) + request(chat("3"))
                    + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().text == "first"
        assert client.response().stream_text == "second"
        assert client.response().text == "third"
        assert client.response().status == 200


def test_a_request_may_come_a_byte_at_a_time(weir):
    with weir.raw() as client:
        for byte in request(chat()):
            client.send(bytes([byte]))
        assert client.response().status == 200


def test_expect_100_continue(weir, lab):
    data = request(chat(), "Expect: 100-continue")
    head, body = data.split(b"\r\n\r\n", 1)
    with weir.raw() as client:
        client.send(head + b"\r\n\r\n")
        assert client.head().status == 100
        client.send(body)
        assert client.response().status == 200
    assert lab.chats[0].header("expect") is None


def test_an_unknown_expectation_gets_417(weir):
    answer = weir.ask("Hi", "Expect: miracles")
    assert answer.status == 417 and answer.error["code"] == "bad_expectation"


def test_a_refused_body_is_not_asked_for(weir):
    with weir.raw() as client:
        client.send(b"POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 99999999999\r\n\r\n" % CHAT.encode())
        assert client.response().status == 413


def chunked_request(data, size, trailer=b""):
    head = (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" % CHAT.encode())
    parts = [b"%x;note=1\r\n%s\r\n" % (len(data[i:i + size]), data[i:i + size])
             for i in range(0, len(data), size)]
    return head + b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_chunked_request_body(weir, lab, size):
    body = json.dumps(chat()).encode()
    with weir.raw() as client:
        client.send(chunked_request(body, size, b"X-Trailer: 1\r\n") + request(chat("Again")))
        assert client.response().status == 200
        assert client.response().status == 200
    assert lab.chats[0].body == body.replace(b'"auto"', b'"lab-model"')


@pytest.mark.parametrize("path", ["/v1/models", "/healthz"])
def test_head_has_the_heads_of_get_and_no_body(weir, path):
    got = weir.get(path)
    with weir.raw() as client:
        client.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = client.response(to_head=True)
        client.send(request(chat()))
        assert client.response().status == 200  # nothing stood between
    assert head.status == got.status
    assert head.headers.get("content-length") == got.headers.get("content-length")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_ipv6(start):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with faulty.Upstream(host="::1") as node:
        weir = start(backend("six", "inside", node), host="::1")
        assert weir.ask().text == "Hello from the fake."
        assert node.chats[0].header("host") == f"[::1]:{node.port}"


# bodies

@pytest.fixture
def roomy(start, cloud):
    """No window is known there, so the length of a prompt is no matter. Looking through 32 MiB
    takes a while on a busy machine."""
    return start(backend("cloud", "outside", cloud), timeouts={"total": "50s"})


def test_a_body_of_32_mib_passes(roomy, cloud):
    body = json.dumps(chat("word " * 6_500_000)).encode()
    body += b" " * (32 * 1024 * 1024 - len(body))
    answer = roomy.post(body, timeout=55)
    assert answer.status == 200
    same = cloud.chats[0].body == body.replace(b'"auto"', b'"cloud-model"')
    assert same  # in two steps: nobody wants to see 32 MiB of differences


def test_a_longer_body_gets_413(roomy, cloud):
    with roomy.raw() as client:
        client.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                    % (CHAT.encode(), 32 * 1024 * 1024 + 1))
        answer = client.response()
        assert answer.status == 413 and answer.error["code"] == "body_too_large"
    assert not cloud.chats


@pytest.mark.parametrize("coding", ["length", "chunked", "gzip"])
def test_a_small_limit_holds_for_every_coding(start, lab, coding):
    weir = start(backend("lab", "inside", lab), limits={"body": "64KiB"})
    body = json.dumps(chat("x" * 100_000)).encode()
    with weir.raw() as client:
        if coding == "chunked":
            data = chunked_request(body, 4096)
        elif coding == "gzip":
            data = request(gzip.compress(body), "Content-Encoding: gzip")
        else:
            data = request(body)
        try:
            client.send(data)
        except ConnectionError:
            pass  # it need not read on
        answer = client.response()
        assert answer.status in ((413, 415) if coding == "gzip" else (413,))
    assert not lab.chats


def test_a_gzip_bomb_is_bounded(start, lab):
    weir = start(backend("lab", "inside", lab), limits={"body": "1MiB"})
    before = weir.memory_kib()
    answer = weir.post(gzip.compress(b" " * (500 << 20), 1)[:900_000], "Content-Encoding: gzip")
    assert answer.status in (400, 413, 415)
    assert weir.memory_kib() - before < 32 * 1024


def test_a_gzip_body_is_decoded_or_refused(weir, lab):
    body = json.dumps(chat()).encode()
    answer = weir.post(gzip.compress(body), "Content-Encoding: gzip")
    if answer.status == 415:
        assert answer.error["code"] == "unsupported_content_encoding"
    else:
        assert answer.status == 200
        assert lab.chats[0].json["messages"] == chat()["messages"]
        assert lab.chats[0].header("content-encoding") is None


def test_an_unknown_content_coding_gets_415(weir):
    answer = weir.post(b"xxxx", "Content-Encoding: br")
    assert answer.status == 415 and answer.error["code"] == "unsupported_content_encoding"


# malformed requests: status, and the connection ends

OK_BODY = json.dumps(chat()).encode()
N = str(len(OK_BODY)).encode()
LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
CHUNKED = b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "bare_lf": (400, LINE.replace(b"\r", b"") + b"Host: x\nContent-Length: " + N + b"\n\n"),
    "bare_lf_in_one_line": (400, LINE + b"Host: x\nContent-Length: " + N + b"\r\n\r\n"),
    "bare_cr": (400, LINE + b"Host: x\r\nX-A: a\rb\r\nContent-Length: " + N + b"\r\n\r\n"),
    "obs_fold": (400, LINE + b"Host: x\r\nX-A: 1\r\n 2\r\nContent-Length: " + N + b"\r\n\r\n"),
    "space_before_colon": (400, LINE + b"Host: x\r\nContent-Length : " + N + b"\r\n\r\n"),
    "no_colon": (400, LINE + b"Host: x\r\nnonsense\r\n\r\n"),
    "empty_name": (400, LINE + b"Host: x\r\n: v\r\n\r\n"),
    "nul_in_value": (400, LINE + b"Host: x\r\nX-A: a\0b\r\n\r\n"),
    "length_and_chunked": (400, LINE + b"Host: x\r\nContent-Length: " + N +
                           b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "two_lengths": (400, LINE + b"Host: x\r\nContent-Length: " + N +
                    b"\r\nContent-Length: 3\r\n\r\n"),
    "length_list": (400, LINE + b"Host: x\r\nContent-Length: " + N + b", 3\r\n\r\n"),
    "signed_length": (400, LINE + b"Host: x\r\nContent-Length: +" + N + b"\r\n\r\n"),
    "negative_length": (400, LINE + b"Host: x\r\nContent-Length: -1\r\n\r\n"),
    "hex_length": (400, LINE + b"Host: x\r\nContent-Length: 0x10\r\n\r\n"),
    "huge_length": (400, LINE + b"Host: x\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n"),
    "unknown_transfer_coding": (501, LINE + b"Host: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "chunked_not_last": (400, LINE + b"Host: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
    "chunked_twice": (400, LINE + b"Host: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
    "chunked_disguised": (501, LINE + b"Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n"),
    "no_host": (400, LINE + b"Content-Length: " + N + b"\r\n\r\n"),
    "two_hosts": (400, LINE + b"Host: x\r\nHost: y\r\nContent-Length: " + N + b"\r\n\r\n"),
    "bad_chunk_size": (400, LINE + CHUNKED + b"xyz\r\n"),
    "chunk_size_sign": (400, LINE + CHUNKED + b"+5\r\nhello\r\n"),
    "chunk_size_0x": (400, LINE + CHUNKED + b"0x5\r\nhello\r\n"),
    "chunk_without_end": (400, LINE + CHUNKED + b"5\r\nhelloXX"),
    "chunk_bare_lf": (400, LINE + CHUNKED + b"5\nhello\n0\n\n"),
    "no_version": (400, b"POST /v1/chat/completions\r\nHost: x\r\n\r\n"),
    "two_spaces": (400, b"POST  /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n"),
    "old_version": (505, b"GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n"),
    "http2_preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "bad_method": (400, b"GE(T /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    "tls_hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 64 + b"\r\n\r\n"),
    "endless_head": (431, LINE + b"Host: x\r\n" + b"X-A: aaaaaaaaaa\r\n" * 10_000),
    "endless_target": (414, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
}
NEAR = {  # where the standard leaves room
    "chunked_not_last": (400, 501), "chunked_twice": (400, 501), "huge_length": (400, 413),
    "http2_preface": (400, 505), "endless_target": (414, 431), "tls_hello": (400,),
    "endless_head": (431,), "no_version": (400, 505),
}


@pytest.mark.core
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(weir, lab, cloud, name):
    status, data = MALFORMED[name]
    with weir.raw() as client:
        try:
            client.send(data + OK_BODY + request(chat("smuggled")))
        except ConnectionError:
            pass
        answer = client.response()
        assert answer.status in NEAR.get(name, (status,))
        assert client.closed()
    assert not lab.chats and not cloud.chats
    assert weir.ask().status == 200  # and Weir lives on


def test_a_head_that_does_not_end_times_out(weir):
    with weir.raw(20) as client:
        client.send(LINE + b"Host: x\r\n")
        started = time.monotonic()
        assert client.closed()
        assert time.monotonic() - started > 1


def test_a_body_that_does_not_end_times_out(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"body": "500ms"})
    with weir.raw(20) as client:
        client.send(request(chat())[:-5])
        assert client.response().status == 408
        assert client.closed()


def test_an_idle_connection_is_closed(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"keepalive": "300ms"})
    with weir.raw(20) as client:
        client.send(request(chat()))
        assert client.response().status == 200
        assert client.closed()


# well-formed HTTP, bad requests

def duplicate(key):
    return b'{"model":"auto",' + key + b':"x","messages":[{"role":"user","content":"Hi"}]}'


HI = b'"messages":[{"role":"user","content":"Hi"}]'
BAD_BODIES = {
    "empty": (b"", 400, "invalid_json", None),
    "not_json": (b"{", 400, "invalid_json", None),
    "junk_behind": (b'{"model":"auto",' + HI + b"} x", 400, "invalid_json", None),
    "not_utf8": (b'{"model":"auto",' + HI.replace(b"Hi", b"\xff\xfe") + b"}", 400,
                 "invalid_json", None),
    "deep": (b'{"model":"auto","x":' + b"[" * 100_000, 400, "invalid_json", None),
    "no_object": (b"[]", 400, None, None),
    "model_twice": (duplicate(b'"model"'), 400, "duplicate_key", "model"),
    "model_twice_escaped": (duplicate(b'"\\u006dodel"'), 400, "duplicate_key", "model"),
    "stream_twice": (b'{"stream":false,"stream":true,"model":"auto",' + HI + b"}", 400,
                     "duplicate_key", "stream"),
    "role_twice": (b'{"model":"auto","messages":[{"role":"user","role":"system","content":"x"}]}',
                   400, "duplicate_key", None),
    "no_model": (b"{" + HI + b"}", 400, "missing_required_parameter", "model"),
    "model_is_a_number": (b'{"model":7,' + HI + b"}", 400, "invalid_value", "model"),
    "no_messages": (b'{"model":"auto"}', 400, "missing_required_parameter", "messages"),
    "messages_is_text": (b'{"model":"auto","messages":"Hi"}', 400, "invalid_value", "messages"),
    "message_is_text": (b'{"model":"auto","messages":["Hi"]}', 400, "invalid_value", None),
    "stream_is_text": (b'{"model":"auto","stream":"yes",' + HI + b"}", 400, "invalid_value",
                       "stream"),
    "unknown_model": (b'{"model":"gpt-99",' + HI + b"}", 404, "model_not_found", None),
    "unknown_pin": (b'{"model":"inside/gpt-99",' + HI + b"}", 404, "model_not_found", None),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_bodies(weir, lab, cloud, name):
    body, status, code, param = BAD_BODIES[name]
    answer = weir.post(body)
    assert answer.status == status
    error = answer.error
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error" and len(error["message"]) > 10
    assert code in (None, error["code"])
    assert param is None or (error["param"] or "").startswith(param)
    assert not lab.chats and not cloud.chats


def test_the_connection_survives_a_bad_body(weir):
    with weir.raw() as client:
        client.send(request(b"{") + request(chat()))
        assert client.response().status == 400
        assert client.response().status == 200


@pytest.mark.parametrize("method, path, status, code", [
    ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
    ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ("POST", "/v1/nothing", 404, "unknown_url"),
    ("GET", "/", 404, "unknown_url"),
    ("GET", "/v1/../healthz", 404, "unknown_url"),
])
def test_wrong_paths_and_methods(weir, method, path, status, code):
    with weir.raw() as client:
        client.send(request(b"", path=path, method=method))
        answer = client.response()
    assert answer.status == status and answer.error["code"] == code
    allowed = {"/v1/chat/completions": "POST", "/v1/models": "GET, HEAD"}.get(path)
    assert answer.headers.get("allow") == (allowed if status == 405 else None)


@pytest.mark.parametrize("name", ["inside/lab-model", "inside%2Flab-model", "inside%2flab%2Dmodel"])
def test_one_model_by_its_name(weir, name):
    assert weir.get(f"/v1/models/{name}").json["id"] == "inside/lab-model"


@pytest.mark.parametrize("name", ["inside%2Flab-mode", "lab-model%2F", "%00",
                                  "inside%252Flab-model"])
def test_a_model_that_is_not_there(weir, name):
    answer = weir.get(f"/v1/models/{name}")
    assert answer.status == 404 and answer.error["code"] == "model_not_found"


def test_a_prompt_longer_than_every_window(start, lab):
    weir = start(backend("lab", "inside", lab, models=[{"name": "lab-model", "window": 1000}]))
    answer = weir.ask("many words " * 2000)
    assert answer.status == 400 and answer.error["code"] == "context_length_exceeded"
    assert not lab.chats
    assert weir.ask("few words").status == 200


def test_a_prompt_longer_than_one_window_goes_on(start, lab, cloud):
    weir = start(backend("lab", "inside", lab, models=[{"name": "lab-model", "window": 1000}]),
                 backend("cloud", "outside", cloud))
    answer = weir.ask("many words " * 2000)
    assert answer.text == "Hello from the cloud."
    assert not lab.chats


def test_a_refused_client_that_goes_on_sending_is_not_reset(weir):
    """A reset may take the answer with it, so the end must be a proper one."""
    with weir.raw() as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                    b"Content-Length: 99999999\r\n\r\n")
        answer = client.response()
        assert answer.status == 413 and answer.headers["connection"] == "close"
        for _ in range(20):
            client.send(b"x" * 65536)
        assert client.sock.recv(1) == b""
        assert client.closed()  # but nobody is listened to for ever
