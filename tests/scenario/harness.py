"""Runs Weir for a test: a config made from Python, its own folder, free ports, and clients.

Only processes that were started here are ever signalled.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request

import openai

from faulty import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build" / "weir")).resolve()
LOOPS = int(os.environ.get("WEIR_LOOPS", "4"))
SLACK = float(os.environ.get("WEIR_SLACK", "1"))  # sanitizers: every time limit is this much longer
TASKS = ["classification", "extraction", "summarization", "translation", "support_faq",
         "reasoning", "coding", "creative", "general"]
CHAT = "/v1/chat/completions"
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:).*")


def yaml(value, indent=0):
    """Block-style YAML of maps, lists, strings and numbers; enough for a config."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            name = key if re.fullmatch(r"[A-Za-z_][\w-]*", key) else json.dumps(key)
            nested = isinstance(item, (dict, list)) and item
            lines.append(f"{pad}{name}:" + ("\n" + yaml(item, indent + 1) if nested
                                           else " " + yaml(item)))
        return "\n".join(lines)
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            text = yaml(item, indent + 1)
            lines.append(f"{pad}- " + text.lstrip())
        return "\n".join(lines)
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def backend(name, side, *upstreams, engine=None, models=None, **more):
    """A config entry for fakes (or anything with .url), or for URLs."""
    urls = [u if isinstance(u, str) else u.url for u in upstreams]
    first = upstreams[0]
    entry = {"name": name, "side": side, "engine": engine or getattr(first, "engine", "openai"),
             "nodes": urls}
    models = getattr(first, "models", None) if models is None else models
    if models:
        entry["models"] = list(models)
    entry.update(more)
    return entry


def config_of(*backends, **more):
    """Everything inside first. `more` replaces or, for maps, adds. The waits are short, so that
    a stall costs little, and so long that no fake needs them on a busy machine."""
    config = {
        "backends": list(backends),
        "loops": LOOPS,
        "policy": {"matrix": {task: "inside" for task in TASKS}},
        "timeouts": {"connect": "1500ms", "first_token": "1500ms", "between_tokens": "1500ms",
                     "total": "15s", "drain": "5s", "client_stall": "2s", "keepalive": "20s",
                     "head": "2s", "body": "5s"},
        "breaker": {"failures": 3, "open": "30s"},
        "health": {"interval": "30s", "load_interval": "30s"},
    }
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            config[key] = {**config[key], **value}
        else:
            config[key] = value
    if SLACK > 1:
        config["timeouts"] = {k: _stretch(v) for k, v in config["timeouts"].items()}
        for entry in config["backends"]:
            for name in ("connect", "first_token", "between_tokens", "total"):
                if name in entry:
                    entry[name] = _stretch(entry[name])
    return config


def _stretch(text):
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()
    return f"{int(int(number) * SLACK)}{unit}"


class Weir:
    def __init__(self, folder, config, env=None, host="127.0.0.1"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.host, self.port, self.admin_port = host, free_port(), free_port()
        shown = f"[{host}]" if ":" in host else host
        self.config = {"listen": f"{shown}:{self.port}", "admin": f"127.0.0.1:{self.admin_port}",
                       "ledger": {"path": str(self.folder / "weir.db")}}
        self._merge(config)
        self.path = self.folder / "weir.yaml"
        self.log_path = self.folder / "weir.log"
        self.url = f"http://{shown}:{self.port}"
        self.admin = f"http://127.0.0.1:{self.admin_port}"
        self.env = {k: v for k, v in os.environ.items()
                    if k.lower() not in ("https_proxy", "http_proxy", "all_proxy", "no_proxy",
                                         "openai_api_key")}
        self.env.update(env or {})
        self.process = None
        self.expected_exit = 0
        self.write_config()

    def _merge(self, config):
        for key, value in config.items():
            if key == "ledger":
                value = {**self.config["ledger"], **value}
            self.config[key] = value

    def write_config(self, **changes):
        self._merge(changes)
        self.path.write_text(yaml(self.config) + "\n")

    # the process

    def start(self, timeout=15):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BIN, "serve", "--config", self.path], stderr=log,
                                            stdout=log, stdin=subprocess.DEVNULL, env=self.env,
                                            cwd=self.folder)
        self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=15):
        end = time.monotonic() + timeout * SLACK
        while True:
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(self.admin + "/healthz", timeout=1).status == 200:
                    return
            if self.process.poll() is not None:
                raise AssertionError(f"weir ended with {self.process.returncode}:\n{self.log()}")
            assert time.monotonic() < end, f"weir is not ready:\n{self.log()}"
            time.sleep(0.01)

    def children(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in text.read_text().split()]

    def signal(self, name):
        self.process.send_signal(name)

    def stop(self):
        """SIGTERM; checks that it ended well and that no sanitizer complained."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15 * SLACK)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("weir did not end after SIGTERM") from None
        code, self.process = self.process.returncode, None
        complaint = SANITIZER.search(self.log())
        assert not complaint, complaint.group()
        if self.expected_exit is not None:
            assert code == self.expected_exit, f"exit {code}"

    def kill(self):
        """kill -9 of the parent; waits for its child too, which holds the port until it is gone."""
        self.expected_exit = None
        children = self.children()
        self.process.kill()
        self.process.wait(10)
        eventually(lambda: not any(alive(pid) for pid in children))

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def run(self, *args, timeout=30):
        """Another command of the program, with this config."""
        return subprocess.run([BIN, *map(str, args), "--config", self.path], capture_output=True,
                              text=True, timeout=timeout * SLACK, env=self.env, cwd=self.folder)

    def memory_kib(self):
        total = 0
        for pid in [self.process.pid, *self.children()]:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
        return total

    # clients

    def sdk(self, key="no-key-needed", **more):
        return openai.OpenAI(base_url=self.url + "/v1", api_key=key, max_retries=0, timeout=30,
                             **more)

    def raw(self, timeout=10, **more):
        return Raw(self.host, self.port, timeout * SLACK, **more)

    def post(self, body, *headers, path=CHAT, timeout=30):
        """One request over its own connection."""
        with self.raw(timeout) as client:
            client.send(request(body, *headers, path=path))
            return client.response()

    def ask(self, text="Say hello.", *headers, timeout=30, **more):
        return self.post(chat(text, **more), *headers, timeout=timeout)

    def get(self, path, admin=False):
        with Raw("127.0.0.1" if admin else self.host,
                 self.admin_port if admin else self.port, 10) as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return client.response()

    def metrics(self):
        lines = self.get("/metrics", admin=True).body.decode().splitlines()
        return {k: float(v) for k, v in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}

    # the ledger

    def ledger(self, **where):
        """All records, oldest first, as the file holds them; plan and attempts made whole."""
        path = self.config["ledger"]["path"]
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            rows = [dict(r) for r in db.execute("SELECT * FROM exchange ORDER BY id")]
        for row in rows:
            row["attempts"] = attempts_of(row)
            row["plan"] = plan_of(row)
        return [r for r in rows if all(r[k] == v for k, v in where.items())]

    def record(self, response):
        """The record of one answer."""
        found = self.ledger(request_id=response.headers["x-request-id"])
        assert len(found) == 1, f"{len(found)} records of {response.headers['x-request-id']}"
        return found[0]

    def wait_record(self, timeout=10, **where):
        """For what is written after the client has left."""
        return eventually(lambda: self.ledger(**where), timeout)[-1]


def alive(pid):
    """False also for a process that has ended and was not waited for."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return text.rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def attempts_of(row):
    """A record does not repeat its columns when one attempt was all there was."""
    if row["attempts"] or not row["side"]:
        return json.loads(row["attempts"] or "[]")
    return [{"ms": row["total_us"] // 1000} |
            {name: row[name] for name in ("backend", "node", "model", "outcome", "status")}]


def plan_of(row):
    plan = json.loads(row["plan"] or "{}")
    plan["candidates"] = [dict(zip(("backend", "side", "model", "reason"), c))
                          for c in plan.get("try", [])]
    return plan if row["plan"] else []


def eventually(check, timeout=10, step=0.02):
    """Waits until check() is true, and returns what it returned. The time only bounds a failure."""
    end = time.monotonic() + timeout * SLACK
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(step)


def stands_still(count, seconds=0.5):
    """Waits until count() is the same for so long, for what may be under way still."""
    def still():
        before = count()
        time.sleep(seconds)
        return count() == before

    eventually(still)


def chat(text="Say hello.", model="auto", **more):
    messages = more.pop("messages", [{"role": "user", "content": text}])
    return {"model": model, "messages": messages, **more}


def request(body, *headers, path=CHAT, method="POST"):
    """The bytes of a request; a header is a "Name: value"."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: weir.test", "Content-Type: application/json",
             f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Response:
    def __init__(self, status, headers, lines):
        self.status, self.headers, self.lines = status, headers, lines
        self.body = b""
        self.complete = False  # the end that its framing promised came
        self.head_at = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.json["choices"][0]["message"]["content"]

    @property
    def error(self):
        return self.json["error"]

    @property
    def events(self):
        """Data of the stream's events, parsed; the end mark stays the text [DONE]."""
        found = []
        for block in self.body.decode().split("\n\n"):
            data = "\n".join(line[5:].lstrip() for line in block.split("\n")
                             if line.startswith("data:"))
            if data:
                found.append(data if data == "[DONE]" else json.loads(data))
        return found

    @property
    def stream_text(self):
        return "".join(choice["delta"].get("content") or "" for e in self.events
                       if e != "[DONE]" for choice in e.get("choices", []))


class Raw:
    """A connection on which a test says exactly what it wants."""

    def __init__(self, host, port, timeout=10, receive_buffer=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        data = self.sock.recv(1 << 20)
        self.data += data
        return bool(data)

    def head(self):
        while b"\r\n\r\n" not in self.data:
            assert self._more(), f"closed inside the head: {self.data[:200]!r}"
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Response(int(lines[0].split()[1]), headers, lines)

    def _take(self, count):
        while len(self.data) < count:
            if not self._more():
                return None
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def response(self, to_head=False):
        answer = self.head()
        if to_head or answer.status in (204, 304) or answer.status < 200:
            answer.complete = True
            return answer
        if "chunked" in answer.headers.get("transfer-encoding", ""):
            self._chunks(answer)
        elif "content-length" in answer.headers:
            answer.body = self._take(int(answer.headers["content-length"]))
            answer.complete = answer.body is not None
        else:
            while self._more():
                pass
            answer.body, self.data = self.data, b""
        return answer

    def _chunks(self, answer):
        body = bytearray()
        try:
            while not answer.complete:
                while b"\r\n" not in self.data:
                    if not self._more():
                        return
                line, self.data = self.data.split(b"\r\n", 1)
                size = int(line, 16)
                data = self._take(size + 2)
                if data is None:
                    return
                body += data[:size]
                answer.complete = size == 0
        except ConnectionError:
            return
        finally:
            answer.body = bytes(body)

    def read_until(self, wanted):
        """Raw bytes up to and with `wanted`."""
        while wanted not in self.data:
            assert self._more(), f"closed before {wanted!r}: {self.data[-300:]!r}"

    def closed(self, timeout=10):
        """True when the other side ends the connection."""
        self.sock.settimeout(timeout * SLACK)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False


TERM, HUP, KILL = signal.SIGTERM, signal.SIGHUP, signal.SIGKILL
