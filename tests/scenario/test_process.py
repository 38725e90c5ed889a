"""Stop, reload, crash: what happens to the port and to what runs."""
import contextlib
import ctypes
import os
import platform
import socket
import threading
import time
import urllib.request

import pytest

import faulty
from harness import BIN, HUP, KILL, SLACK, TERM, alive, backend, chat, eventually, request

SLOW = faulty.Stream("a ", "b ", "c ", "d ", delay=0.3)


def refused(weir):
    try:
        socket.create_connection((weir.host, weir.port), 1).close()
        return False
    except OSError:
        return True


@pytest.mark.core
@pytest.mark.parametrize("stream", [True, False])
def test_sigterm_lets_running_answers_end(start, lab, stream):
    weir = start(backend("lab", "inside", lab), timeouts={"first_token": "15s"})
    lab.script([faulty.until(lambda: refused(weir)),
                faulty.Stream("a ", "b ", "c ", "d ") if stream else faulty.Plain("a b c d ")])
    with weir.raw() as client, weir.raw() as idle:
        idle.send(request(chat(), path="/v1/models", method="GET"))
        assert idle.response().status == 200
        client.send(request(chat(stream=stream)))
        lab.wait_chats(1)
        weir.signal(TERM)
        assert idle.closed()
        answer = client.response()
        assert (answer.stream_text if stream else answer.text) == "a b c d "
        if stream:
            assert answer.events[-1] == "[DONE]"
        assert client.closed()
    assert weir.process.wait(10 * SLACK) == 0
    assert weir.ledger()[-1]["outcome"] == "ok"


@pytest.mark.parametrize("apart", [False, True])
def test_an_idle_connection_does_not_hold_up_a_stop(start, lab, apart):
    """Also one whose last request came in two pieces, as the SDK sends it."""
    weir = start(backend("lab", "inside", lab), timeouts={"drain": "60s", "keepalive": "60s"})
    head, body = request(chat()).split(b"\r\n\r\n")
    with weir.raw() as client:
        client.send(head + b"\r\n\r\n" + (b"" if apart else body))
        if apart:
            time.sleep(0.05)
            client.send(body)
        assert client.response().status == 200
        weir.signal(TERM)
        assert client.closed()
        assert weir.process.wait(10 * SLACK) == 0


def test_the_drain_is_bounded(start, lab):
    weir = start(backend("lab", "inside", lab), timeouts={"drain": "500ms", "total": "30s",
                                                         "between_tokens": "30s"})
    lab.script([faulty.CHUNKED_HEAD, faulty.role(), faulty.piece("Hello"), faulty.STALL])
    with weir.raw() as client:
        client.send(request(chat(stream=True)))
        client.read_until(b"Hello")
        started = time.monotonic()
        weir.signal(TERM)
        answer = client.response()
        assert "[DONE]" not in answer.events
        assert weir.process.wait(15 * SLACK) == 0
        assert time.monotonic() - started > 0.4
    assert weir.ledger()[-1]["outcome"] != "ok"


def test_sigint_stops_too(weir):
    weir.signal(2)
    assert weir.process.wait(5) == 0


def test_sighup_reloads_and_a_running_request_keeps_its_config(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 aliases={"fast": "inside/lab-model"})
    lab.queue(SLOW)
    with weir.raw() as client:
        client.send(request(chat(model="fast", stream=True)))
        lab.wait_chats(1)
        weir.write_config(aliases={"fast": "outside/cloud-model", "newer": "inside/lab-model"})
        weir.signal(HUP)
        eventually(lambda: weir.ask(model="newer").status == 200)
        assert weir.ask(model="fast").text == "Hello from the cloud."
        assert client.response().stream_text == "a b c d "


def test_a_reload_forgets_no_models(start, lab):
    """An engine that is slow to list them keeps nobody waiting."""
    weir = start(backend("lab", "inside", lab, models=[]))
    assert weir.ask().status == 200
    lab.probe_delay = 10
    weir.signal(HUP)
    eventually(lambda: "taken over" in weir.log())
    started = time.monotonic()
    assert weir.ask().status == 200
    assert time.monotonic() - started < 5


def test_a_reload_can_change_the_backends(start, lab, cloud):
    weir = start(backend("lab", "inside", lab))
    assert weir.ask().text == "Hello from the lab."
    weir.write_config(backends=[backend("cloud", "outside", cloud)])
    weir.signal(HUP)
    eventually(lambda: weir.ask().text == "Hello from the cloud.")


@pytest.mark.parametrize("text", ["", "listen: [\n", "backends: []\n", "no_such_option: 1\n",
                                  "listen: 127.0.0.1:99999\n"])
def test_a_bad_config_never_replaces_a_good_one(weir, text):
    good = weir.path.read_text()
    weir.path.write_text(text)
    weir.signal(HUP)
    eventually(lambda: "level=error" in weir.log() or "level=warn" in weir.log())
    assert weir.ask().text == "Hello from the lab."
    weir.path.write_text(good)


def test_a_reload_that_needs_a_restart_is_refused(weir):
    port = faulty.free_port()
    old = weir.config["listen"]
    weir.write_config(listen=f"127.0.0.1:{port}")
    weir.signal(HUP)
    eventually(lambda: "listen" in weir.log().split("reload", 1)[-1] and "restart" in weir.log())
    assert weir.ask().status == 200
    weir.write_config(listen=old)


def test_a_crashed_child_is_replaced_on_the_same_port(weir, lab):
    weir.expected_exit = None
    for _ in range(3):
        [child] = weir.children()
        os.kill(child, KILL)
        # the parent holds the port: nobody is ever refused
        assert not refused(weir)
        assert weir.ask(timeout=10).text == "Hello from the lab."
        assert weir.children() != [child]
    assert len(weir.ledger()) == 3


def test_a_child_that_keeps_crashing_is_started_ever_later(weir):
    pauses = []
    for _ in range(3):
        child, = weir.children()
        crashed = time.monotonic()
        os.kill(child, KILL)
        eventually(lambda gone=child: weir.children() not in ([], [gone]), step=0.005)
        pauses.append(time.monotonic() - crashed)
    assert all(pause > 0.1 * 2**i for i, pause in enumerate(pauses)), pauses
    weir.wait_ready()
    assert weir.ask().status == 200


# a loop that does not turn: its thread is held in the middle of a turn, as by a debugger

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAITS = {"x86_64": (232, 281, 441), "aarch64": (22, 441)}  # epoll_wait and its kin
WALL = 0x40000000


def ptrace(request, pid):
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.argtypes, call.restype = [ctypes.c_long] * 4, ctypes.c_long
    return call(request, pid, 0, 0) == 0


def hold_in_a_turn(pid):
    """Stops the thread where it does not wait; False: it may not be held here."""
    waits = WAITS[platform.machine()]
    for _ in range(2000):
        if not ptrace(PTRACE_SEIZE, pid):
            return False
        ptrace(PTRACE_INTERRUPT, pid)
        os.waitpid(pid, WALL)
        with open(f"/proc/{pid}/syscall") as file:
            if int(file.read().split()[0]) not in waits:
                return True
        ptrace(PTRACE_DETACH, pid)
        time.sleep(0.001)
    raise AssertionError("the loop waits all the time")


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in WAITS, reason="no system call numbers for this one")
def test_a_loop_that_hangs_is_replaced(start, lab):
    weir = start(backend("lab", "inside", lab), loops=1)
    child, = weir.children()
    end = threading.Event()

    def load():
        with contextlib.suppress(OSError, AssertionError), weir.raw(1) as client:
            while not end.is_set():
                client.send(request(b"", path="/healthz", method="GET"))
                client.response()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    held = hold_in_a_turn(child)
    began = time.monotonic()
    end.set()
    for thread in threads:
        thread.join()
    if not held:
        pytest.skip("may not trace here")
    os.waitpid(child, WALL)  # the tracer is told of its end first
    assert time.monotonic() - began > 4
    eventually(lambda: weir.children() not in ([], [child]))
    assert "event=hang" in weir.log()
    weir.wait_ready()
    assert weir.ask().status == 200


def test_a_child_dies_with_its_parent(weir):
    children = weir.children()
    assert children
    weir.expected_exit = None
    weir.process.kill()
    for child in children:
        eventually(lambda pid=child: not alive(pid))
    eventually(lambda: refused(weir))


def test_a_second_start_on_the_same_port_says_so(weir, start, lab):
    second = start(backend("lab", "inside", lab), run=False)
    second.write_config(listen=weir.config["listen"])
    done = second.run("serve", timeout=10)
    assert done.returncode not in (0, None)
    assert str(weir.port) in done.stderr


def test_a_port_that_becomes_free_in_a_moment_is_waited_for(start, lab):
    weir = start(backend("lab", "inside", lab), run=False)
    with socket.create_server((weir.host, weir.port)) as holder:
        threading.Timer(0.3, holder.close).start()
        weir.start()
    assert weir.ask().status == 200


@pytest.mark.parametrize("text, place, word", [
    ("listen: 127.0.0.1:8484\n", "", "backends"),
    ("listen: 127.0.0.1:8484\nbackendz: []\n", ":2:1", "backends"),
    ("backends:\n  - name: a\n    side: nowhere\n", ":3:", "inside"),
    ("backends: [}\n", ":1:", ""),
])
def test_a_bad_config_never_starts(start, lab, text, place, word):
    weir = start(backend("lab", "inside", lab), run=False)
    weir.path.write_text(text)
    for command in ("serve", "check"):
        done = weir.run(command, timeout=10)
        assert done.returncode == 1, command
        said = done.stdout + done.stderr
        assert "weir.yaml" + place in said and word in said


def test_it_is_ready_fast(start, lab):
    took = []
    for _ in range(3):  # the best of three: the machine may be busy
        started = time.monotonic()
        weir = start(backend("lab", "inside", lab))
        assert weir.ask().status == 200
        took.append(time.monotonic() - started)
        weir.stop()
    assert min(took) < 1 * SLACK, took


def test_models_and_health_answer_while_nodes_are_down(start, lab, cloud):
    lab.down()
    cloud.down()
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 aliases={"fast": "auto"})
    answer = weir.get("/v1/models")
    assert answer.status == 200
    assert {"auto", "fast"} <= {m["id"] for m in answer.json["data"]}
    assert weir.get("/healthz").status == 200


def test_models_are_found_when_the_engine_comes_up_later(start, lab):
    lab.down()
    weir = start(backend("lab", "inside", lab, models=[]), health={"interval": "200ms"},
                 breaker={"open": "200ms"})
    assert weir.ask().status in (404, 503)
    lab.up()
    eventually(lambda: weir.ask().status == 200)


@pytest.mark.xdist_group("default-ports")
def test_without_a_config_it_says_what_it_found(tmp_path):
    """Uses Weir's own ports, so it is skipped where something stands on them."""
    import subprocess
    for port in (8484, 8485):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"port {port} is taken")
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env.update(OPENAI_API_KEY="sk-not-a-real-key-0123", ANTHROPIC_API_KEY="sk-ant-not-a-key-0123")
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([BIN, "serve"], cwd=tmp_path, env=env, stdout=out, stderr=out)
    try:
        def ready():
            if process.poll() is not None and "Another program has that port" in log.read_text():
                pytest.skip("somebody took the port meanwhile")
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                return urllib.request.urlopen("http://127.0.0.1:8485/healthz").status == 200
        eventually(ready, 10)
        text = log.read_text()
        assert "OPENAI_API_KEY" in text and "nthropic" in text.lower()
        assert "8484" in text and "sk-not-a-real-key" not in text
    finally:
        process.terminate()
        ended = process.wait(10)
    assert ended == 0


def test_help_and_version(start, lab):
    import subprocess
    for args in (["help"], ["version"]):
        done = subprocess.run([BIN, *args], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and done.stdout
    done = subprocess.run([BIN, "no-such-command"], capture_output=True, text=True, timeout=10)
    assert done.returncode != 0 and "help" in done.stderr


@pytest.mark.parametrize("args, says, see", [
    (["serve", "now"], "'now'", "weir serve --help"),
    (["check", "--offline", "x.yaml"], "'x.yaml'", "weir check --help"),
    (["nodes", "lab"], "'lab'", "weir nodes --help"),
    (["node", "stop", "lab"], "drain, cordon and resume, not 'stop'", "weir node --help"),
    (["import", "nginx", "x"], "'nginx'", "weir import --help"),
    (["size", "-m", "x", "-g", "24XB"], "--gpu cannot be '24XB'", "weir size --help"),
    (["size", "-m", "x", "--kv-type", "q9"], "--kv-type cannot be 'q9'", "weir size --help"),
    (["ledger", "export"], "--proof FILE", "weir ledger export --help"),
    (["ledger", "prune", "--bogus"], "no option", "weir ledger prune --help"),
    (["ledger", "--limit", "-1"], "--limit cannot be '-1'", "from 1 to"),
    (["prove", "a", "b"], "'b' is one file too many", "weir prove --help"),
])
def test_wrong_use_says_what_is_wrong(tmp_path, args, says, see):
    import subprocess
    done = subprocess.run([BIN, *args], capture_output=True, text=True, timeout=10, cwd=tmp_path)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("weir: ") and says in done.stderr and see in done.stderr


def test_each_command_has_its_help():
    import subprocess
    listed = subprocess.run([BIN, "help"], capture_output=True, text=True, timeout=10).stdout
    commands = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    assert "config" in commands and "serve" in commands
    for command in set(commands) - {"help", "version"}:
        done = subprocess.run([BIN, command, "--help"], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and f"weir {command}" in done.stdout and not done.stderr


def test_requests_during_a_reload_all_end_well(weir):
    answers, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            answers.append(weir.ask(stream=True).events[-1])

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        weir.signal(HUP)
        time.sleep(0.1)
        eventually(lambda least=3 * turn: len(answers) > least)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert len(answers) > 20 and set(answers) == {"[DONE]"}
