"""The canary: mixed requests while everything fails that can, and nothing sensitive may leave.

Each request carries a mark that is no secret, so what the stand-ins outside got can be held against
what `weir scan` finds in that very request on a quiet day. WEIR_CANARY sets their number (`make
canary`: 10,000).
"""
import base64
import concurrent.futures
import contextlib
import itertools
import json
import os
import random
import re
import resource
import signal
import subprocess
import threading
import urllib.parse

import pytest

import faulty
import harness
from harness import TASKS, backend, eventually

COUNT = int(os.environ.get("WEIR_CANARY", "600"))
MARK = re.compile(rb"note-(\d{6})x")
FIRST = ("Margaret Johannes Priya Lukas Ingrid Rafael Siobhan Dmitri Amelia Tomasz Yuki Fatima "
         "Olivier Chiara").split()
LAST = ("Whitfield Bergstrom Okonkwo Lindqvist Moreau Castellano Hargreaves Petrov Nakamura "
        "Haddad Lefebvre Romano").split()
LETTERS = "abcdefghkmnpqrtuvwxyzABCDEFGHK23456789"
MODES = ["local", "mask", "split"]


def digits(rng, n):
    return "".join(str(rng.randrange(10)) for _ in range(n))


def luhn(number):
    total = sum(d if i % 2 else (d * 2 - 9 if d > 4 else d * 2)
                for i, d in enumerate(int(c) for c in reversed(number)))
    return number + str(-total % 10)


def iban(rng):
    account = digits(rng, 18)
    check = 98 - int(account + "131400") % 97  # DE00
    return f"DE{check:02d}{account}"


def sentence(rng):
    """A sentence that holds something, or nothing."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    return rng.choice([
        lambda: f"My name is {first} {last} and I live at {rng.randrange(1, 300)} Alder Street, "
                f"Portland, OR 97{digits(rng, 3)}.",
        lambda: f"Write to {first.lower()}.{last.lower()}{digits(rng, 2)}@northmail.org please.",
        lambda: f"Charge the card {luhn('4' + digits(rng, 14))} once more.",
        lambda: f"Transfer it to {iban(rng)} by Friday.",
        lambda: f"Patient {first} {last}, MRN {digits(rng, 8)}, was diagnosed with epilepsy.",
        lambda: f"export OPENAI_API_KEY=sk-proj-{''.join(rng.choices(LETTERS, k=48))}",
        lambda: f"Her SSN is {rng.randrange(101, 660)}-{rng.randrange(11, 99)}-"
                f"{rng.randrange(1001, 9999)}.",
        lambda: "Sort the list of numbers and explain the cost.",
        lambda: "Translate the menu into French.",
        lambda: "What is the capital of Australia?",
    ])()


def note(rng, number):
    text = f"note-{number:06d}x. " + " ".join(sentence(rng) for _ in range(rng.randrange(1, 5)))
    shape = rng.randrange(6)
    body = {"model": "auto", "messages": [{"role": "user", "content": text}],
            "stream": rng.random() < 0.5}
    if shape == 0:
        body["messages"].insert(0, {"role": "system", "content": sentence(rng)})
    elif shape == 1:
        body["messages"] = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    elif shape == 2:
        call = {"id": "c1", "type": "function", "function": {
            "name": "look_up", "arguments": json.dumps({"of": sentence(rng)})}}
        body["messages"] += [{"role": "assistant", "content": None, "tool_calls": [call]},
                             {"role": "tool", "tool_call_id": "c1", "content": sentence(rng)}]
    elif shape == 3:
        body["messages"][0]["content"] = f"What does it say?\n\n{text}"
    elif shape == 4:
        deep = sentence(rng)
        for _ in range(rng.randrange(1, 20)):  # beyond what the scanner reads, now and then
            deep = json.dumps(deep)
        body["metadata"] = {"note": deep[:400000]}
    return json.dumps(body, ensure_ascii=rng.random() < 0.5).encode()


def values_of(bodies):
    """What `weir scan` finds in each, as the bytes that stand there."""
    found = {}
    for first in range(0, len(bodies), 500):
        rows = "".join(json.dumps({"id": str(i), "text": bodies[i].decode()}, ensure_ascii=False)
                       + "\n" for i in range(first, min(first + 500, len(bodies))))
        done = subprocess.run([harness.BIN, "scan", "--jsonl", "-"], input=rows.encode(),
                              capture_output=True, timeout=600, check=True)
        for line in done.stdout.splitlines():
            row = json.loads(line)
            body = bodies[int(row["id"])]
            found[int(row["id"])] = [body[s["start"]:s["end"]] for s in row["spans"]]
    return found


def forms(value):
    """As it stands, unescaped, percent-encoded, in base64 at each alignment."""
    plain = {value}
    with contextlib.suppress(ValueError):
        plain.add(json.loads(b'"' + value + b'"').encode())
    out = set(plain)
    for v in plain:
        out.add(urllib.parse.quote(v, safe="").encode())
        out.add(json.dumps(v.decode(errors="replace"))[1:-1].encode())
        for pad in range(3):
            coded = base64.b64encode(b"\0" * pad + v)
            out.add(coded[(0, 2, 3)[pad]:len(coded) - 4].rstrip(b"="))
        if re.fullmatch(rb"[\d -]{9,}", v):
            out.add(re.sub(rb"\D", b"", v))
    return [f.lower() for f in out if len(f) >= 4]


def inside(exchange):
    prompt = json.dumps(exchange.json)
    text = "A digest without anything." if "Write a digest" in prompt else "From inside."
    return faulty.Auto(text, model="lab-model")(exchange)


class Chaos(threading.Thread):
    """Kills, reloads, cuts, takes memory away; until told to end."""

    def __init__(self, rng, weir, labs, clouds):
        super().__init__(daemon=True)
        self.rng, self.weir, self.labs, self.clouds = rng, weir, labs, clouds
        self.over = threading.Event()
        self.done = {"kill": 0, "reload": 0, "memory": 0, "fault": 0}

    def run(self):
        for kind in itertools.cycle(self.done):  # in turn, so that a short run has all of them
            if self.over.wait(self.rng.uniform(0.02, 0.15)):
                break
            with contextlib.suppress(OSError, ProcessLookupError):
                getattr(self, kind)()
                self.done[kind] += 1

    def kill(self):
        lab = self.rng.choice(self.labs)
        lab.down()
        self.over.wait(self.rng.uniform(0.02, 0.3))
        lab.up()

    def reload(self):
        self.weir.write_config(breaker={"failures": self.rng.randrange(2, 6), "open": "200ms"})
        self.weir.signal(signal.SIGHUP)

    def fault(self):
        cut = [faulty.CHUNKED_HEAD, faulty.role(), faulty.piece("Hel"), faulty.FIN]
        script = self.rng.choice([faulty.failing(500), [faulty.FIN], cut])
        self.rng.choice(self.clouds + self.labs).queue(script)

    def memory(self):
        """No more address space for the child than it has, for a moment."""
        pid = self.weir.children()[0]
        with open(f"/proc/{pid}/statm", encoding="ascii") as f:
            now = int(f.read().split()[0]) * resource.getpagesize()
        before = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (now, before[1]))
        self.over.wait(self.rng.uniform(0.01, 0.1))
        resource.prlimit(pid, resource.RLIMIT_AS, before)


@pytest.mark.slow
@pytest.mark.skipif(harness.SLACK > 1, reason="sanitizers need the address space")
def test_nothing_leaves_whatever_fails(start, cloud, capsys):
    rng = random.Random(20)
    rules = [{"name": mode, "when": {"header": {"x-mode": mode}}, "sensitive": {"DEFAULT": mode}}
             for mode in MODES]
    with contextlib.ExitStack() as stack:
        labs = [stack.enter_context(faulty.Upstream(engine="vllm", models=["lab-model"]))
                for _ in range(2)]
        claude = stack.enter_context(faulty.Upstream(engine="anthropic", models=["claude"]))
        clouds = [cloud, claude]
        for lab in labs:
            lab.script(inside)
        claude.script(faulty.Auto("From outside."))
        weir = start(backend("lab", "inside", *labs), backend("cloud", "outside", cloud),
                     backend("claude", "outside", claude, engine="anthropic"),
                     policy={"matrix": {t: rng.choice(["inside", "outside"]) for t in TASKS},
                             "rules": rules},
                     breaker={"failures": 3, "open": "200ms"})
        bodies = [note(rng, i) for i in range(COUNT)]
        values = values_of(bodies)
        modes = [rng.choice(MODES) for _ in bodies]
        statuses = {}

        def ask(i):
            with contextlib.suppress(OSError, AssertionError):
                answer = weir.post(bodies[i], f"x-mode: {modes[i]}", timeout=20)
                statuses[answer.status] = statuses.get(answer.status, 0) + 1

        chaos = Chaos(rng, weir, labs, clouds)
        chaos.start()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(COUNT)))
        chaos.over.set()
        chaos.join()
        eventually(lambda: weir.get("/healthz").status == 200, 20)
        left = [c.head + b"\n" + c.body for upstream in clouds for c in upstream.chats]
    leaks = [(i, value) for bytes_ in left for i in {int(m) for m in MARK.findall(bytes_)}
             for value in values[i] if any(f in bytes_.lower() for f in forms(value))]
    sensitive = sum(bool(v) for v in values.values())
    with capsys.disabled():
        print(f"\ncanary: {COUNT} requests, {sensitive} of them sensitive, {len(left)} reached the "
              f"outside, {len(leaks)} values left; {chaos.done}; statuses {statuses}")
    assert leaks == []
    assert len(left) > COUNT // 20 and statuses.get(200, 0) > COUNT // 3
    assert min(chaos.done.values()) > 0
