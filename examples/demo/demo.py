"""Twelve requests through Weir, between a real engine and a managed API (or its stand-in).

In the middle the engine goes away and comes back. The table at the end is read from the ledger.
Standard library only. Exits 1 when an answer failed or did not go where it should.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WEIR = pathlib.Path(os.environ.get("WEIR_BIN", ROOT / "build" / "weir")).resolve()
ENGINE_DOLLARS_PER_HOUR = 0.04  # about what two cores of a cloud machine cost
MODEL_OUTSIDE = "gpt-5-mini"
STAND_IN_KEY = "sk-stand-in-key-of-the-demo"
KILL_BEFORE, RETURN_BEFORE = 8, 11  # numbers of the requests, from 1
ANSWER_SECONDS = 120
WIDTH = 78


def say(text=""):
    print(text, flush=True)


def step(name, text):
    say(f"  {name:<9} {text}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get_json(url, timeout=2):
    with contextlib.suppress(OSError, ValueError), \
            urllib.request.urlopen(url, timeout=timeout) as answer:
        return json.load(answer)
    return None


def wait_for(check, seconds, what):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} after {seconds} s")
        time.sleep(0.05)


class Relay:
    """The line to an engine that somebody else runs: it is cut, the engine is left alone."""

    def __init__(self, port):
        self.target, self.port, self.sockets = port, free_port(), set()
        self.listener = None

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for sock in list(self.sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self.sockets |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        self.sockets.discard(source)


class Existing:
    """An Ollama or vLLM that runs already."""

    def __init__(self, kind, model, port):
        self.kind, self.model, self.relay = kind, model, Relay(port)
        self.url = f"http://127.0.0.1:{self.relay.port}"
        self.text = f"{kind} with {model}, which runs on port {port} already"
        self.gone = "The line to the engine is cut"
        self.start, self.stop = self.relay.start, self.relay.stop


class LlamaCpp:
    """llama.cpp's server with a small model, run for the demo only."""
    kind, gone = "llamacpp", "The engine is killed"

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.script = ROOT / "tools" / "engine"
        self.model = self._run("model")
        self.text = f"llama.cpp with {self.model}: a real engine, a real (very small) model"
        step("engine", "no Ollama and no vLLM runs here: llama.cpp it is (127 MB once)")
        self._run("install")

    def _run(self, verb, *more):
        done = subprocess.run([self.script, "llamacpp", verb, *more], text=True, timeout=600,
                              stdout=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"tools/engine llamacpp {verb} failed")
        return done.stdout.strip()

    def start(self):
        self._run("start", str(self.port))

    def stop(self):
        self._run("stop", str(self.port))


def find_engine():
    shown = get_json("http://127.0.0.1:11434/api/tags") or {}
    for model in shown.get("models", []):
        family = (model.get("details") or {}).get("family", "")
        if "bert" not in family and "embed" not in model["name"]:
            return Existing("ollama", model["name"], 11434)
    shown = get_json("http://127.0.0.1:8000/v1/models") or {}
    for model in shown.get("data", []):
        if model.get("owned_by") == "vllm":
            return Existing("vllm", model["id"], 8000)
    return LlamaCpp()


class Demo:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.undo = contextlib.ExitStack()
        self.port, self.admin_port = free_port(), free_port()
        self.stand_in = not os.environ.get("OPENAI_API_KEY")
        self.env = {**os.environ, "DEMO_MANAGED_KEY":
                    os.environ.get("OPENAI_API_KEY") or STAND_IN_KEY}

    # setting up

    def run_process(self, name, command):
        log = self.undo.enter_context(open(self.folder / f"{name}.log", "wb"))
        process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, env=self.env, cwd=self.folder)
        self.undo.callback(self.end_process, process)
        return process

    @staticmethod
    def end_process(process):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start(self):
        self.engine = find_engine()
        started = time.monotonic()
        self.undo.callback(self.engine.stop)
        self.engine.start()
        step("engine", f"{self.engine.text} ({time.monotonic() - started:.1f} s)")
        self.start_managed()
        self.start_weir()
        self.engine_since = time.monotonic()

    def start_managed(self):
        if not self.stand_in:
            self.managed_url = "https://api.openai.com"
            step("managed", f"OpenAI's {MODEL_OUTSIDE}, with your OPENAI_API_KEY (under a cent)")
            return
        port = free_port()
        self.managed_url = f"http://127.0.0.1:{port}"
        self.run_process("managed", [
            sys.executable, ROOT / "tests" / "fakes" / "managed.py", "--port", port, "--key",
            STAND_IN_KEY, "--models", MODEL_OUTSIDE, "--first-token-ms", 400, "--token-ms", 12])
        wait_for(lambda: get_json(self.managed_url + "/healthz"), 10, "no stand-in")
        step("managed", "A STAND-IN for the managed API: no model is behind it, its answers are")
        step("", "filler, but it streams, counts and refuses as the real one does.")
        step("", "Set OPENAI_API_KEY to use the real one.")

    def start_weir(self):
        config = self.folder / "weir.yaml"
        config.write_text(f"""\
listen: 127.0.0.1:{self.port}
admin: 127.0.0.1:{self.admin_port}
backends:
  - name: lab
    side: inside
    engine: {self.engine.kind}
    url: {self.engine.url}
    models: ["{self.engine.model}"]
    cost_per_hour: {ENGINE_DOLLARS_PER_HOUR}
  - name: managed
    side: outside
    engine: openai
    url: {self.managed_url}
    key: ${{DEMO_MANAGED_KEY}}
    models: [{MODEL_OUTSIDE}]
breaker: {{open: 1s}}
health: {{interval: 500ms}}
ledger: {{path: {self.folder}/weir.db}}
""")
        self.weir = self.run_process("weir", [WEIR, "serve", "--config", config])
        wait_for(self.weir_ready, 15, "Weir is not ready")
        step("weir", f"http://127.0.0.1:{self.port}/v1 with this config:")
        for line in config.read_text().splitlines():
            say(f"            {line}")

    def weir_ready(self):
        if self.weir.poll() is not None:
            raise RuntimeError(f"Weir ended with {self.weir.returncode}")
        try:
            address = f"http://127.0.0.1:{self.admin_port}/healthz"
            return urllib.request.urlopen(address, timeout=1).status == 200
        except OSError:
            return False

    # asking

    def ask(self, body):
        """Status, text, milliseconds to the first text and to the end, request id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        started = time.monotonic()
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body),
                               {"content-type": "application/json"})
            answer = connection.getresponse()
            ident = answer.getheader("x-request-id")
            if answer.status != 200:
                return answer.status, answer.read().decode(errors="replace")[:200], 0, 0, ident
            if not body.get("stream"):
                text = json.load(answer)["choices"][0]["message"]["content"] or ""
                passed = (time.monotonic() - started) * 1000
                return 200, text, passed, passed, ident
            text, first = "", 0
            for line in answer:
                if not line.startswith(b"data: {"):
                    continue
                event = json.loads(line[6:])
                if "error" in event:
                    return 200, "(cut) " + event["error"]["message"], 0, 0, ident
                for choice in event["choices"]:
                    text += choice["delta"].get("content") or ""
                    first = first or (time.monotonic() - started) * 1000
            return 200, text, first, (time.monotonic() - started) * 1000, ident
        finally:
            connection.close()

    def record(self, ident):
        path = f"file:{self.folder}/weir.db?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True)) as db:
            db.row_factory = sqlite3.Row
            row = db.execute("SELECT * FROM exchange WHERE request_id = ?", (ident,)).fetchone()
            return dict(row) if row else None

    def run(self):
        requests = json.loads((HERE / "requests.json").read_text())
        rows, failed = [], []
        say()
        say(f"Twelve requests, each to model \"auto\" on http://127.0.0.1:{self.port}/v1")
        for number, item in enumerate(requests, 1):
            if number == KILL_BEFORE:
                self.take_away()
            if number == RETURN_BEFORE:
                self.bring_back()
            how = "streamed" if item["body"].get("stream") else "plain"
            say(f"\n{number:>2}/12 {item['title']} ({how})")
            status, text, first, total, ident = self.ask({"model": "auto", **item["body"]})
            record = ident and self.record(ident)
            if item.get("held"):
                rows.append((number, item, record))
                if not self.show_held(record, status):
                    failed.append(number)
                continue
            if status != 200 or not record:
                say(f"      failed: {status} {text}")
                failed.append(number)
                continue
            rows.append((number, item, record))
            self.show(record, text, first, total)
            down = KILL_BEFORE <= number < RETURN_BEFORE
            if down and record["side"] != "outside":
                failed.append(number)
            if number == RETURN_BEFORE and record["side"] != "inside":
                failed.append(number)
        self.table(rows)
        if failed:
            say(f"\nNot as it should be: request {', '.join(map(str, failed))}.")
        return not failed

    @staticmethod
    def show(record, text, first, total):
        for attempt in json.loads(record["attempts"] or "[]")[:-1]:
            say(f"      {attempt['backend']} failed: {attempt['outcome']} after "
                f"{attempt['ms']} ms; the next one takes over")
        when = f"first text after {first:.0f} ms, " if record["stream"] else ""
        say(f"      {record['task']} -> {record['side']} ({record['model']}), {when}"
            f"all after {total:.0f} ms")
        if record["notes"]:
            say(f"      changed on the way: {record['notes']}")
        say(f"      \"{' '.join(text.split())[:WIDTH - 10]}\"")

    @staticmethod
    def show_held(record, status):
        """With nobody inside it must not be answered: outside is no fallback for it."""
        found = json.loads(record["findings"] or "{}")
        listed = ", ".join(f"{name} {n}" for name, n in found.items())
        say(f"      {record['task']} -> held back, {status}: it holds {listed}")
        say("      The engine is down, and outside is no fallback for that. Nothing left.")
        return status in (403, 503) and record["side"] is None and not record["sent"] and found

    def take_away(self):
        say(f"\n---- {self.engine.gone}. Applications must not notice.")
        self.engine.stop()

    def bring_back(self):
        say("\n---- The engine comes back. Weir asks it by itself, then sends work again.")
        self.engine.start()
        time.sleep(2.5)  # the breaker's second, two looks at the node, and some air

    # the end

    def table(self, rows):
        say(f"\n{'':2} {'task':<15}{'complexity':>10}  {'went':<8}{'why':<31}{'ms':>6}"
            f"{'cost $':>11}{'managed $':>11}")
        paid = managed = 0
        unpriced = False
        for number, _, record in rows:
            other = record["cost_nano"] if record["side"] == "outside" \
                else record["other_cost_nano"]
            held = record["side"] is None
            unpriced = unpriced or not held and None in (other, record["cost_nano"])
            paid += record["cost_nano"] or 0
            managed += 0 if held else other or 0
            say(f"{number:>2} {record['task']:<15}{record['complexity']:>10.2f}  "
                f"{record['side'] or 'held':<8}{self.why(record)[:30]:<31}"
                f"{record['total_us'] / 1000:>6.0f}"
                + ("" if held else f"{dollars(record['cost_nano']):>11}{dollars(other):>11}"))
        say(f"   {'':<72}{dollars(paid):>11}{dollars(managed):>11}")
        if unpriced:
            say("Some models have no price, so there is no saving to tell.")
            return
        hours = (time.monotonic() - self.engine_since) / 3600
        whole = ENGINE_DOLLARS_PER_HOUR * hours
        used = sum(r["cost_nano"] for _, _, r in rows if r["side"] == "inside") / 1e9
        idle = max(0.0, whole - used)
        saved = (managed - paid) / 1e9
        say(f"\nAll managed: ${managed / 1e9:.6f}. With Weir: ${paid / 1e9:.6f}. "
            f"Saved on these requests: ${saved:.6f}"
            + (f" ({100 * saved * 1e9 / managed:.0f} %)." if managed else "."))
        say(f"The engine costs ${ENGINE_DOLLARS_PER_HOUR}/h also when idle: ${idle:.6f} in this "
            f"demo, so what remains is {'-' if idle > saved else ''}${abs(saved - idle):.6f}.")
        inside = sum(r["side"] == "inside" for _, _, r in rows)
        if inside and saved > 0:
            per_request = (saved + used) / inside
            say(f"It pays for itself from {ENGINE_DOLLARS_PER_HOUR / per_request:.0f} such "
                "requests an hour on.")
        if self.stand_in:
            say("The managed side was a stand-in: its tokens are priced as "
                f"{MODEL_OUTSIDE}'s, its length and pace are made up.")

    @staticmethod
    def why(record):
        if record["side"] is None:
            return "sensitive, nobody inside"
        if len(json.loads(record["attempts"] or "[]")) > 1:
            return "failover"
        plan = json.loads(record["plan"])
        if plan["try"][0][0] != record["backend"]:
            return "failover (engine known as down)"
        because = plan.get("because", "")
        return because.removeprefix("matrix: ").removeprefix(record["task"] + " ")


def dollars(nano):
    return "unpriced" if nano is None else f"{nano / 1e9:.6f}"


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the clean-up runs
    folder = tempfile.mkdtemp(prefix="weir-demo.")
    say("Weir's demo")
    demo = Demo(folder)
    good = False
    try:
        with demo.undo:
            demo.start()
            good = demo.run()
    except KeyboardInterrupt:
        say("\nStopped.")
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        say(f"\nThe demo failed: {error}")
    finally:
        if not good:
            for log in sorted(pathlib.Path(folder).glob("*.log")):
                say(f"---- the end of {log.name}")
                say("\n".join(log.read_text(errors="replace").splitlines()[-15:]))
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
