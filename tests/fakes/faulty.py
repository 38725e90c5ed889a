"""An upstream that does what a script says, down to the byte: stalls, cuts, lies.

    with Upstream() as up:
        up.script(Stream("Hello", " there"))        # every chat request from now on
        up.queue(Plain("one"), [head_only, STALL])  # the next two, then the script again
        ... up.chats[0].json, up.chats[0].gone_after(1.0) ...

A script is a list of steps: bytes to send, seconds to wait (a number), or one of STALL, FIN, RST,
KEEP, or a function of the exchange, which says what to do then: a step, or more of them. STALL
waits until the other side leaves and notes when it did. A script that ends without a step that
says otherwise keeps the connection (as KEEP).

Requests that ask no model (health, lists of models) are answered by the engine's habit and do not
use up scripts; `up.probes` has them. What asks one may speak any dialect: `exchange.speaks`, and
speech.py for answers; `up.complaints` has what the official SDKs' types say of the requests.
"""
import ctypes
import gzip
import itertools
import json
import os
import select
import socket
import ssl
import threading
import time

import speech
import wire

STALL, FIN, RST, KEEP = "stall", "fin", "rst", "keep"
HEAD_MAX = 256 << 10
STALL_MAX_S = 60
UNTIL_MAX_S = 20
_LIBC = ctypes.CDLL(None)
ANTHROPIC_VERSIONS = ("2023-06-01", "2026-10-21")  # the latter is what its SDK 2.x sends


# Runs side by side (of two work trees, say) are told apart by WEIR_TEST_RANGE.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:] or 0)
_RANGE = (_WORKER + int(os.environ.get("WEIR_TEST_RANGE", "0"))) % 10
_ports = itertools.count()


def free_port():
    """Each worker has a range of its own, below those that the kernel gives to clients."""
    while True:
        port = 12000 + _RANGE * 2000 + next(_ports) % 2000
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


METRICS = {
    "vllm": """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="fake-model"}} {running}
vllm:num_requests_waiting{{engine="0",model_name="fake-model"}} {queued}
vllm:kv_cache_usage_perc{{engine="0",model_name="fake-model"}} {kv}
""",
    "llamacpp": """# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing {running}
llamacpp:requests_deferred {queued}
""",
}


# What an engine takes beyond its dialect.
CONTINUING = ("continue_final_message", "add_generation_prompt")
OWN_WORDS = {"vllm": CONTINUING, "llamacpp": CONTINUING, "ollama": ("_debug_render_only",)}


class Exchange(wire.Request):
    """A chat request, and what became of it."""

    def __init__(self, head, connection):
        super().__init__(head)
        self.connection = connection
        self.gone_at = None  # when the other side was seen to leave
        self.sent = 0        # bytes of the answer that the kernel took
        self._done = threading.Event()

    def gone_after(self, timeout):
        """Seconds from the request to the other side's leaving; fails when it stayed."""
        if not self._done.wait(timeout) or self.gone_at is None:
            raise AssertionError(f"the gateway did not leave within {timeout} s")
        return self.gone_at - self.at

    @property
    def done(self):
        return self._done.is_set()

    def wait_done(self, timeout=10):
        assert self._done.wait(timeout), "the answer did not end"


# answers

JSON_HEAD = [("content-type", "application/json")]
SSE_HEAD = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
CHUNKED_HEAD = wire.head(200, [*SSE_HEAD, ("transfer-encoding", "chunked")])
MODEL = "fake-model"


def json_answer(status, body, *headers, reason="OK"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [wire.head(status, [*JSON_HEAD, ("content-length", len(data)), *headers], reason) + data]


def Plain(text="Hello from the fake.", *headers, use=None, model=MODEL, finish="stop", **message):
    """A plain answer; `message` adds to the assistant's message."""
    return json_answer(200, wire.completion(model, {"content": text, **message}, finish, use),
                       *headers)


def failing(status, message="the fake fails on purpose", *headers):
    return json_answer(status, wire.error(message, "server_error"), *headers, reason="Failing")


def role(model=MODEL):
    return wire.chunk(wire.event(wire.delta(model, {"role": "assistant", "content": ""})))


def piece(text, model=MODEL, **more):
    return wire.chunk(wire.event(wire.delta(model, {"content": text}, **more)))


def finish(reason="stop", model=MODEL, **more):
    return wire.chunk(wire.event(wire.delta(model, {}, reason, **more)))


def usage_chunk(use=None, model=MODEL):
    return wire.chunk(wire.event(wire.usage_event(model, use or wire.usage(10, 5))))


DONE = wire.chunk(wire.event("[DONE]"))
END = wire.LAST_CHUNK


def Stream(*texts, use=None, delay=0.0, model=MODEL, usage_at="last"):
    """A whole stream. Usage: `last` (a chunk without choices, only when asked for), `finish` (on
    the finish chunk, asked for or not), `each` (on every chunk, growing) or `never`."""
    def run(exchange):
        asked = (exchange.json.get("stream_options") or {}).get("include_usage")
        yield CHUNKED_HEAD
        yield role(model)
        for count, text in enumerate(texts, 1):
            more = {"usage": wire.usage(10, count)} if usage_at == "each" else {}
            yield piece(text, model, **more)
            if delay:
                yield delay
        total = use or wire.usage(10, len(texts))
        yield finish(model=model, **({"usage": total} if usage_at in ("finish", "each") else {}))
        if usage_at == "last" and asked:
            yield usage_chunk(total, model)
        yield DONE + END
    return run


def Auto(text="Hello from the fake.", **more):
    """Plain or streamed, as the request asks, in its dialect."""
    def run(exchange):
        if not exchange.chat:
            return speech.Speak(speech.Said(text))(exchange)
        if exchange.json.get("stream"):
            words = [w + " " for w in text.split(" ")]
            return Stream(*words, **more)(exchange)
        return Plain(text, **more)
    return run


def gzipped(script_text="Hello in gzip."):
    body = gzip.compress(json.dumps(wire.completion(MODEL, {"content": script_text})).encode())
    return [wire.head(200, [*JSON_HEAD, ("content-encoding", "gzip"),
                            ("content-length", len(body))]) + body]


def until(happened):
    """A step that takes until happened() is true, for what must come later than something else,
    however slow the machine is."""
    def wait(_):
        end = time.monotonic() + UNTIL_MAX_S
        while not happened():
            assert time.monotonic() < end, "what a script waits for did not happen"
            yield 0.005
    return wait


def drip(data, pause=0.1):
    """A byte at a time."""
    return [step for byte in data for step in (bytes([byte]), pause)]


# What can go wrong before the first event that counts; each must lead to the next candidate.
# name -> (script for a stream, script for a plain answer); None: does not apply.
_PLAIN_BODY = json.dumps(wire.completion(MODEL, {"content": "x" * 200})).encode()
_PLAIN_HEAD = wire.head(200, [*JSON_HEAD, ("content-length", len(_PLAIN_BODY))])
_ERROR_IN_200 = json_answer(200, wire.error("the model fell over", "server_error"))
_EVENTS = CHUNKED_HEAD + role()

FAULTS = {
    "accept_then_stall": ([STALL], [STALL]),
    "fin_before_head": ([FIN], [FIN]),
    "rst_before_head": ([RST], [RST]),
    "cut_inside_head": ([b"HTTP/1.1 200 OK\r\ncontent-ty", FIN],) * 2,
    "stall_after_head": ([CHUNKED_HEAD, STALL], [_PLAIN_HEAD, STALL]),
    "fin_after_head": ([CHUNKED_HEAD, FIN], [_PLAIN_HEAD, FIN]),
    "rst_after_head": ([CHUNKED_HEAD, 0.02, RST], [_PLAIN_HEAD, 0.02, RST]),
    "stall_after_role": ([_EVENTS, STALL], None),
    "fin_after_role": ([_EVENTS, FIN], None),
    "cut_inside_event": ([_EVENTS, b'40\r\ndata: {"choices":[{"index":0,"de', FIN], None),
    "cut_inside_chunk_size": ([CHUNKED_HEAD, b"4", FIN], None),
    "cut_in_length_body": (None, [_PLAIN_HEAD + _PLAIN_BODY[:100], FIN]),
    "stall_in_length_body": (None, [_PLAIN_HEAD + _PLAIN_BODY[:100], STALL]),
    "comments_only": ([CHUNKED_HEAD, *[wire.chunk(b": ping\n\n"), 0.1] * 30, STALL], None),
    "comments_then_end": ([CHUNKED_HEAD, wire.chunk(b": ping\n\n"), END], None),
    "end_mark_without_content": ([_EVENTS, DONE, END], None),
    "error_in_first_event": ([CHUNKED_HEAD, wire.chunk(wire.event(
        wire.error("out of memory", "server_error"))), END], None),
    "error_after_role": ([_EVENTS, wire.chunk(wire.event(
        wire.error("out of memory", "server_error"))), DONE, END], None),
    "error_in_200": (_ERROR_IN_200, _ERROR_IN_200),
    "status_429": (failing(429),) * 2,
    "status_500": (failing(500),) * 2,
    "status_502_html": (json_answer(502, b"<html>bad gateway</html>", reason="Bad"),) * 2,
    "status_503": (failing(503),) * 2,
    "status_529": (failing(529),) * 2,
    "bad_chunk_size": ([CHUNKED_HEAD, b"zz\r\nhello\r\n", FIN],) * 2,
    "signed_chunk_size": ([CHUNKED_HEAD, b"+5\r\nhello\r\n", FIN],) * 2,
    "huge_chunk_size": ([CHUNKED_HEAD, b"fffffffffffffffff\r\nhello\r\n", FIN],) * 2,
    "length_and_chunked": ([wire.head(200, [*SSE_HEAD, ("content-length", "5"),
                                            ("transfer-encoding", "chunked")]), role(), FIN],) * 2,
    "two_lengths": (None, [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"
                           b"hello!", FIN]),
    "bare_lf_head": ([b"HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n", FIN],) * 2,
    "folded_head": ([b"HTTP/1.1 200 OK\r\nx-a: 1\r\n  2\r\ncontent-length: 2\r\n\r\n{}", FIN],) * 2,
    "junk_head": ([b"SSH-2.0-OpenSSH_9.2\r\n", FIN],) * 2,
    "huge_head": ([b"HTTP/1.1 200 OK\r\nx-filler: " + b"a" * (200 << 10) + b"\r\n\r\n", FIN],) * 2,
    "unknown_transfer_coding": ([wire.head(200, [("transfer-encoding", "zstd")]), b"x", FIN],) * 2,
    "not_json": ([CHUNKED_HEAD, wire.chunk(wire.event("this is not JSON")), END],
                 json_answer(200, b"this is not JSON")),
    "empty_200": (json_answer(200, b""),) * 2,
    "wrong_content_type": ([wire.head(200, [("content-type", "text/html"), ("content-length", 21)]),
                            b"<html>Sign in.</html>"],) * 2,
    "drip_inside_event": ([_EVENTS, b"40\r\n", *drip(b'data: {"choices":[{"index":0,"de')], None),
    "drip_in_length_body": (None, [_PLAIN_HEAD, *drip(_PLAIN_BODY[:60])]),
    "slow_drip_head": (drip(b"HTTP/1.1 200 OK\r\nx-slow: 1\r\n" * 6),) * 2,
}


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.opened_at = time.monotonic()
        self.requests = 0


class Upstream:
    def __init__(self, engine="openai", models=(MODEL,), tls=None, port=0, host="127.0.0.1",
                 window=4096, loaded=True):
        """`tls`: (certificate file, key file). `window`: what Ollama's /api/ps shows."""
        self.engine, self.models, self.tls = engine, list(models), tls
        self.window, self.loaded = window, loaded
        # Not the kernel's choice: that port could be a client's while this upstream is down.
        self.host, self.port = host, port or free_port()
        self.lock = threading.Lock()
        self.healthy = True  # False: probes are answered 503
        self.probe_delay = 0
        self.lists = True    # False: there is no /v1/models
        self.moved = None    # a Location: probes are answered 302
        self.load = {"running": 0, "queued": 0, "kv": 0.0}  # what it says of itself
        self.switched_off = ()  # of /metrics and /slots: answered 501, as llama.cpp does
        self.version = "0.17.4"
        self.digest = "6cf97aa9ab2e"
        self.capabilities = None  # what Ollama says of each model; None: by its name
        self.remote = {}     # what /api/tags says beyond the usual, by model
        self.reset()
        self._script = Auto()
        self._listener = None
        self._sockets = set()
        self._up = False

    def reset(self):
        """Forgets what was recorded and queued."""
        with self.lock:
            self.chats, self.probes, self.connections = [], [], []
            self._queue = []

    def script(self, steps):
        self._script = steps

    def queue(self, *scripts):
        with self.lock:
            self._queue.extend(scripts)

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"

    @property
    def complaints(self):
        """What is wrong with the requests that came, by the official SDKs' types."""
        import judge  # here: the fakes themselves need no packages
        found = []
        for chat in self.chats:
            path = "/v1/" + chat.path.split("/v1/")[-1] if "/v1/" in chat.path else chat.path
            problems = judge.request(path, {name: value for name, value in chat.json.items()
                                            if name not in OWN_WORDS.get(self.engine, ())})
            if (chat.header("content-type") or "").split(";")[0] != "application/json":
                problems.append(f"content-type: {chat.header('content-type')}")
            if chat.speaks in ("anthropic", "count_tokens") and \
                    chat.header("anthropic-version") not in ANTHROPIC_VERSIONS:
                problems.append(f"anthropic-version: {chat.header('anthropic-version')}")
            found += [f"{path} {problem}" for problem in problems]
        return found

    # up and down

    def up(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        self._listener, self._up = listener, True
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._acceptor.start()
        return self

    def down(self):
        """As if the process was killed: no listener, every connection reset."""
        self._up = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(STALL_MAX_S)
        with self.lock:  # what is in the set is open
            for sock in self._sockets:
                _reset(sock)

    __enter__ = up

    def __exit__(self, *_):
        if self._up:
            self.down()

    def wait_chats(self, count, timeout=10):
        end = time.monotonic() + timeout
        while len(self.chats) < count:
            assert time.monotonic() < end, f"{len(self.chats)} of {count} requests came"
            time.sleep(0.005)
        return self.chats[count - 1]

    # the server

    def _accept(self, listener):
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
        with listener:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._connection, args=(sock, context),
                                 daemon=True).start()

    def _connection(self, sock, context):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(STALL_MAX_S)
        try:
            if context:
                sock = context.wrap_socket(sock, server_side=True)
            connection = Connection(sock)
            with self.lock:
                self._sockets.add(sock)
                self.connections.append(connection)
            if not self._up:  # accepted while it went down
                _reset(sock)
                return
            buffered = b""
            while buffered is not None:
                buffered = self._exchange(connection, buffered)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self._sockets.discard(sock)
            sock.close()

    def _exchange(self, connection, data):
        """Reads and answers one request; the bytes behind it, or None when the connection ends."""
        sock = connection.sock
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more or len(data) > HEAD_MAX:
                return None
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        exchange = Exchange(head, connection)
        connection.requests += 1
        length = wire.body_length(exchange)
        if length is None:
            exchange.body, data = self._chunked(sock, data)
        else:
            body = bytearray(data)
            while len(body) < length:
                more = sock.recv(1 << 20)
                if not more:
                    return None
                body += more
            exchange.body, data = bytes(body[:length]), bytes(body[length:])
        if not exchange.speaks:
            with self.lock:
                self.probes.append(exchange)
            time.sleep(self.probe_delay)
            sock.sendall(self._habit(exchange))
            return data
        with self.lock:
            self.chats.append(exchange)
            script = self._queue.pop(0) if self._queue else self._script
        try:
            return data if self._play(exchange, script) else None
        except OSError:
            exchange.gone_at = time.monotonic()
            return None
        finally:
            exchange._done.set()

    @staticmethod
    def _chunked(sock, data):
        body = bytearray()
        while True:
            while b"\r\n" not in data:
                data += sock.recv(65536) or _ended()
            line, data = data.split(b"\r\n", 1)
            size = int(line.split(b";")[0], 16)
            while len(data) < size + 2:
                data += sock.recv(65536) or _ended()
            body += data[:size]
            data = data[size + 2:]
            if size == 0:
                return bytes(body), data

    def _play(self, exchange, script):
        """True: the connection goes on."""
        sock = exchange.connection.sock
        for step in _steps(script, exchange):
            if isinstance(step, bytes):
                view = memoryview(step)
                while view:
                    sent = sock.send(view)
                    exchange.sent += sent
                    view = view[sent:]
            elif isinstance(step, (int, float)):
                if _left(sock, step):
                    exchange.gone_at = time.monotonic()
                    return False
            elif step == STALL:
                if _left(sock, STALL_MAX_S):
                    exchange.gone_at = time.monotonic()
                return False
            elif step == FIN:
                return False
            elif step == RST:
                _reset(sock)
                return False
        return True

    def _habit(self, request):
        """What the engine says to requests that are no chat."""
        if not self.healthy:
            return failing(503, "Loading model")[0]
        if self.moved:
            return wire.head(302, [("content-length", 0), ("location", self.moved)], "Found")
        path = request.path
        if path in self.switched_off:
            return json_answer(501, wire.error("not supported", "not_supported_error"),
                               reason="Not Implemented")[0]
        if path == "/metrics" and self.engine in METRICS:
            return json_answer(200, METRICS[self.engine].format(**self.load).encode())[0]
        if path == "/slots" and self.engine == "llamacpp":
            tokens = int(1000 * self.load["kv"])
            slots = [{"id": i, "n_ctx": 1000, "n_prompt_tokens": tokens,
                      "is_processing": i < self.load["running"]} for i in range(4)]
            return json_answer(200, slots)[0]
        if path == "/v1/models" and self.lists and self.engine == "anthropic":
            data = [{"type": "model", "id": m, "display_name": m,
                     "created_at": "2025-02-19T00:00:00Z"} for m in self.models]
            return json_answer(200, {"data": data, "has_more": False, "first_id": self.models[0],
                                     "last_id": self.models[-1]})[0]
        if path == "/v1/models" and self.lists:
            data = []
            for name in self.models:
                model = {"id": name, "object": "model", "created": 1, "owned_by": self.engine}
                if self.engine == "vllm":
                    model["max_model_len"] = self.window
                if self.engine == "llamacpp":
                    model["meta"] = {"n_ctx": self.window}
                data.append(model)
            return json_answer(200, {"object": "list", "data": data})[0]
        if self.engine == "ollama":
            listed = [{"name": m, "model": m, "size": 1, "digest": self.digest,
                       "modified_at": "2026-11-24T06:17:03Z",
                       "details": {"parent_model": "", "format": "gguf", "family": "llama",
                                   "families": ["llama"], "parameter_size": "134.52M",
                                   "quantization_level": "Q4_1"}} for m in self.models]
            if path == "/":
                return json_answer(200, b"Ollama is running")[0]
            if path == "/api/version":
                return json_answer(200, {"version": self.version})[0]
            if path == "/api/tags":
                listed = [{**m, **self.remote.get(m["name"], {})} for m in listed]
                return json_answer(200, {"models": listed})[0]
            if path == "/api/ps":
                shown = [{**m, "context_length": self.window, "size_vram": 0,
                          "expires_at": "2026-11-24T06:26:32Z"} for m in listed]
                for model in shown:
                    del model["modified_at"]
                return json_answer(200, {"models": shown if self.loaded else []})[0]
            if path == "/api/show":
                embeds = any(word in request.json["model"] for word in ("embed", "minilm", "bge"))
                by_name = ["embedding"] if embeds else ["completion", "tools", "vision"]
                return json_answer(200, {"capabilities": self.capabilities or by_name,
                                         "model_info": {"llama.context_length": 8192}})[0]
        if self.engine == "llamacpp" and path == "/props":
            return json_answer(200, {"default_generation_settings": {"n_ctx": self.window},
                                     "total_slots": 4, "build_info": self.version})[0]
        if self.engine == "vllm" and path == "/version":
            return json_answer(200, {"version": self.version})[0]
        if path == "/health":
            return json_answer(200, {"status": "ok"})[0]
        return json_answer(404, wire.error("Not found", "invalid_request_error"),
                           reason="Not Found")[0]


def _steps(script, exchange):
    told = script(exchange) if callable(script) else script
    if isinstance(told, (bytes, str, int, float)):
        yield told
    else:
        for step in told:
            yield from _steps(step, exchange)


def _ended():
    raise OSError("ended inside the body")


def _readable(socks, seconds):
    """Those that have something to read, or ended; select() knows no descriptor above 1023."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(seconds * 1000)}
    return [sock for sock in socks if sock.fileno() in ready]


def _left(sock, seconds):
    """Waits; True as soon as the other side closed or reset."""
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        if not _readable([sock], min(rest, 0.5)):
            continue
        try:
            if not sock.recv(65536):
                return True
        except (ConnectionError, ssl.SSLError):
            return True
    return False


def _reset(sock):
    """A reset, now; the socket stays open. A close() by one thread while another polls it would
    not do: when that one wakes it looks up the number again, which may be a pipe of a child by
    then, and sleeps on with the connection in its hands, which nobody answers nor resets."""
    unspecified = bytes(16)  # AF_UNSPEC: connect() to it disconnects
    _LIBC.connect(sock.fileno(), unspecified, len(unspecified))


class ConnectProxy:
    """A CONNECT proxy that brings every name to one address, and notes the names."""

    def __init__(self, target):
        self.target = target
        self.asked = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)  # close() alone would not wake who accepts

    def _accept(self):
        with self._listener:
            while True:
                try:
                    sock, _ = self._listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._tunnel, args=(sock,), daemon=True).start()

    def _tunnel(self, sock):
        head = b""
        try:
            while b"\r\n\r\n" not in head:
                more = sock.recv(4096)
                if not more:
                    return
                head += more
            method, name = head.split(b" ")[:2]
            self.asked.append(name.decode() if method == b"CONNECT" else head.decode("latin-1"))
            if method != b"CONNECT":
                sock.sendall(b"HTTP/1.1 405 Only CONNECT\r\ncontent-length: 0\r\n\r\n")
                return
            other = socket.create_connection(self.target)
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {sock: other, other: sock}
            while True:
                for end in _readable(ends, STALL_MAX_S):
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)
        except OSError:
            pass
        finally:
            sock.close()
