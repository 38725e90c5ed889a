"""What is known of the nodes while Weir runs."""
import json
import pathlib
import signal
import socket
import threading
import time

import pytest

from faulty import (CHUNKED_HEAD, DONE, END, Plain, Upstream, failing, finish, free_port, piece,
                    json_answer, role, until)
from harness import SLACK, Raw, backend, chat, eventually, request, stands_still

OFTEN = {"load_interval": "100ms"}


@pytest.fixture
def engine(request):
    with Upstream(engine=request.param) as up:
        yield up


def engines(*names):
    return pytest.mark.parametrize("engine", names, indirect=True)


def of_node(weir, name, up):
    """A metric's value, None when it has no line for the node."""
    found = [v for k, v in weir.metrics().items() if k.startswith(name + "{") and up.url in k]
    return found[0] if found else None


def load_of(weir, up):
    return [of_node(weir, f"weir_node_{name}", up) for name in ("running", "queued", "kv_use")]


# the load that engines tell

@engines("vllm", "llamacpp")
def test_the_load_that_an_engine_tells(start, engine):
    weir = start(backend("lab", "inside", engine), health=OFTEN)
    engine.load = {"running": 3, "queued": 7, "kv": 0.5}
    kv = 0.5 if engine.engine == "vllm" else 3 * 0.5 / 4
    eventually(lambda: load_of(weir, engine) == [3, 7, kv])
    engine.load = {"running": 1, "queued": 0, "kv": 0.25}
    eventually(lambda: load_of(weir, engine)[:2] == [1, 0])


@engines("vllm", "llamacpp", "ollama")
def test_it_is_read_over_one_connection_that_is_kept(start, engine):
    start(backend("lab", "inside", engine), health=OFTEN)
    eventually(lambda: len(engine.probes) > 20)
    assert len(engine.connections) <= 2  # one more for the look at its models, at the same time


@engines("llamacpp")
@pytest.mark.parametrize("off, told", [("/metrics", [2, None, 0.25]), ("/slots", [2, 5, None])])
def test_what_is_switched_off_is_left_alone(start, engine, off, told):
    engine.switched_off = (off,)
    engine.load = {"running": 2, "queued": 5, "kv": 0.5}
    weir = start(backend("lab", "inside", engine), health=OFTEN)
    eventually(lambda: load_of(weir, engine) == told)
    asked = len(engine.probes)
    eventually(lambda: len(engine.probes) > asked + 10)
    assert len([p for p in engine.probes if p.path == off]) == 1
    assert of_node(weir, "weir_node_up", engine) == 1


@engines("vllm")
def test_an_old_load_counts_as_unknown(start, engine):
    engine.load = {"running": 3, "queued": 7, "kv": 0.5}
    weir = start(backend("lab", "inside", engine), health=OFTEN)
    eventually(lambda: load_of(weir, engine) == [3, 7, 0.5])
    engine.switched_off = ("/metrics",)
    eventually(lambda: load_of(weir, engine) == [None, None, None])
    assert of_node(weir, "weir_node_up", engine) == 1  # it says nothing of the node's health


@engines("vllm")
def test_a_slow_reading_holds_nobody_up(start, engine):
    weir = start(backend("lab", "inside", engine), health=OFTEN, loops=1)
    engine.probe_delay = 15
    read = len(engine.probes)
    eventually(lambda: len(engine.probes) > read)
    started = time.monotonic()
    assert weir.ask().status == 200
    assert time.monotonic() - started < 5 * SLACK


@engines("vllm")
def test_nobody_outside_is_read(start, engine):
    start(backend("cloud", "outside", engine), health=OFTEN)
    time.sleep(0.5)
    assert not [p for p in engine.probes if p.path == "/metrics"]


@engines("vllm")
def test_an_open_node_is_left_to_its_probe(start, engine):
    weir = start(backend("lab", "inside", engine), health=OFTEN, breaker={"failures": 1})
    engine.script(failing(500))
    assert weir.ask().status == 503
    stands_still(lambda: len(engine.probes))


# what nodes have

def ask_with_picture(weir):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    return weir.ask(messages=[{"role": "user", "content": [{"type": "text", "text": "What?"},
                                                           picture]}])


@engines("ollama")
@pytest.mark.parametrize("capabilities, status", [(["completion", "vision"], 200),
                                                  (["completion", "tools"], 400)])
def test_ollama_says_what_its_models_can_do(start, engine, capabilities, status):
    engine.capabilities = capabilities
    weir = start(backend("lab", "inside", engine, models=[]), health={"interval": "100ms"})
    eventually(lambda: ask_with_picture(weir).status == status)
    # of a model that it knows it is not asked again
    looks = len([p for p in engine.probes if p.path == "/api/tags"])
    eventually(lambda: len([p for p in engine.probes if p.path == "/api/tags"]) > looks + 3)
    assert len([p for p in engine.probes if p.path == "/api/show"]) == 1


def test_a_new_digest_is_asked_again(start):
    with Upstream(engine="ollama") as up:
        weir = start(backend("lab", "inside", up, models=[]), health={"interval": "100ms"})
        eventually(lambda: ask_with_picture(weir).status == 200)
        up.capabilities, up.digest = ["completion"], "77777"
        eventually(lambda: ask_with_picture(weir).status == 400)


def test_two_nodes_with_different_models_of_one_name_are_told_once(start):
    with Upstream(engine="ollama") as one, Upstream(engine="ollama") as other:
        other.digest = "0123456789ab"
        weir = start(backend("lab", "inside", one, other), health={"interval": "100ms"})
        eventually(lambda: "event=models_differ" in weir.log())
        one.loaded = False  # a change of another kind tells nothing again
        eventually(lambda: weir.log().count("event=node ") >= 3)
        line, = [line for line in weir.log().splitlines() if "event=models_differ" in line]
        assert "digest=6cf97aa9ab2e" in line and "other_digest=0123456789ab" in line
        done = weir.run("check")
        assert done.returncode == 0 and "not the same on both" in done.stdout
        shown = weir.run("nodes").stdout.splitlines()
        assert shown[3] == f"warning: fake-model is not the same on {one.url} and {other.url}"
        other.digest = one.digest
        assert "not the same" not in weir.run("check").stdout


# weir nodes

def nodes_of(weir):
    """What `weir nodes --json` says, by the address of the node."""
    done = weir.run("nodes", "--json")
    assert done.returncode == 0, done.stderr
    return {n["node"]: n for n in json.loads(done.stdout)["nodes"]}


def node_of(weir, up):
    return nodes_of(weir)[up.url]


def test_what_is_known_of_each_node(start, cloud):
    with Upstream(engine="vllm") as gpu, Upstream(engine="llamacpp") as cpu, \
            Upstream(engine="ollama") as desk:
        gpu.load = {"running": 3, "queued": 3, "kv": 0.5}
        gpu.version, cpu.window = "0.32.0", 2048
        weir = start(backend("gpu", "inside", gpu), backend("cpu", "inside", cpu),
                     backend("desk", "inside", desk, nodes=[{"url": desk.url, "zone": "east",
                                                             "weight": 250}]),
                     backend("cloud", "outside", cloud), health={"load_interval": "4s"})
        eventually(lambda: node_of(weir, gpu)["queued"] == 3)
        eventually(lambda: node_of(weir, cpu)["slots"] == 4)
        eventually(lambda: node_of(weir, desk)["loaded"] == 1)
        assert weir.ask().status == 200
        known = nodes_of(weir)
        assert list(known) == [gpu.url, cpu.url, desk.url, cloud.url]  # the config's order
        one = known[gpu.url]
        assert {k: one[k] for k in ("backend", "side", "engine", "version", "state", "breaker",
                                    "running", "queued", "kv_use", "in_flight", "requests",
                                    "failures", "why", "last_error", "zone", "weight")} == {
            "backend": "gpu", "side": "inside", "engine": "vllm", "version": "0.32.0",
            "state": "up", "breaker": "closed", "running": 3, "queued": 3, "kv_use": 0.5,
            "in_flight": 0, "requests": 1, "failures": 0, "why": "first seen", "last_error": "",
            "zone": "", "weight": 100}
        assert one["latency_ms"] >= 0 and 0 <= one["load_age_ms"] < 12000
        assert one["models"] == [{"name": "fake-model", "digest": "", "window": 4096,
                                  "loaded": True, "remote": False}]
        assert known[cpu.url]["slots"] == 4 and known[cpu.url]["models"][0]["window"] == 2048
        assert known[desk.url]["models"][0]["digest"] == desk.digest
        assert known[desk.url]["queued"] is None
        assert (known[desk.url]["zone"], known[desk.url]["weight"]) == ("east", 250)
        assert known[cloud.url]["running"] is None and known[cloud.url]["state"] == "up"

        table = weir.run("nodes").stdout.splitlines()
        assert len(table) == 5 and table[0].split()[:3] == ["state", "node", "backend"]
        row = next(line for line in table if gpu.url in line)
        assert row.split()[:11] == ["up", gpu.url, "gpu", "-", "100", "vllm", "0.32.0", "0", "3",
                                    "3", "50%"]
        row = next(line for line in table if desk.url in line)
        assert row.split()[3:5] == ["east", "250"]
        assert "fake-model* (4096)" in row


def test_the_last_change_and_why(start):
    with Upstream(engine="vllm") as up:
        weir = start(backend("lab", "inside", up), breaker={"failures": 1, "open": "3s"},
                     health={"interval": "100ms"})
        before = node_of(weir, up)["changed_ms"]
        up.script(failing(500))
        assert weir.ask().status == 503
        down = node_of(weir, up)
        assert (down["state"], down["breaker"], down["failures"]) == ("open", "open", 1)
        assert down["why"] == "failed too often in a row" and "answered 500" in down["last_error"]
        assert down["changed_ms"] > before
        assert "answered 500" in weir.run("nodes").stdout
        up.script(Plain("back"))
        eventually(lambda: node_of(weir, up)["state"] == "up")
        assert node_of(weir, up)["why"] == "it answered again"


def test_a_node_that_asked_for_patience_is_waiting(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    lab.script(failing(429, "busy", ("retry-after", "30")))
    assert weir.ask().status == 200
    assert node_of(weir, lab)["state"] == "waiting"


def test_no_weir_runs(start, lab):
    weir = start(backend("lab", "inside", lab))
    weir.stop()
    done = weir.run("nodes")
    assert done.returncode == 1 and "no Weir answers at 127.0.0.1:" in done.stderr


# weir node

def node(weir, verb, name):
    done = weir.run("node", verb, name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_drained_node_gets_nothing_and_its_stream_finishes(start):
    with Upstream(engine="vllm") as one, Upstream(engine="vllm") as two:
        weir = start(backend("lab", "inside", one, two), health={"interval": "100ms", **OFTEN},
                     timeouts={"between_tokens": "20s", "total": "30s"})
        seen = threading.Event()
        one.script([CHUNKED_HEAD, role(), piece("Hel"), until(seen.is_set), piece("l"), piece("o"),
                    finish(), DONE, END])
        two.script(Plain("from two"))
        body = json.dumps(chat(stream=True)).encode()
        with weir.raw() as client:
            client.send(request(body))
            client.read_until(b"Hel")
            assert node(weir, "drain", one.url) == f"{one.url} (lab) is draining\n"
            for _ in range(5):
                assert weir.ask().text == "from two"
            assert node_of(weir, one)["state"] == "draining"
            seen.set()
            assert client.response().stream_text == "Hello"
        eventually(lambda: node_of(weir, one)["state"] == "drained")
        assert node_of(weir, one)["why"] == "drained by the operator"
        stands_still(lambda: len(one.probes))
        assert len(one.chats) == 1  # it may be switched off now
        node(weir, "resume", one.url)
        one.script(Plain("from one"))
        assert node_of(weir, one)["state"] == "up"
        eventually(lambda: weir.ask().text == "from one")


@pytest.mark.parametrize("verb, state", [("drain", "drained"), ("cordon", "cordoned")])
def test_out_of_service_holds_over_restart_and_reload(start, lab, cloud, verb, state):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    node(weir, verb, lab.url)
    weir.stop()
    weir.start()
    assert node_of(weir, lab)["state"] == state
    assert weir.ask().text == "Hello from the cloud."
    reloads = weir.metrics()["weir_reloads_total"]
    weir.signal(signal.SIGHUP)
    eventually(lambda: weir.metrics()["weir_reloads_total"] == reloads + 1)
    assert node_of(weir, lab)["state"] == state
    assert not lab.chats
    node(weir, "resume", lab.url)
    assert weir.ask().text == "Hello from the lab."


def test_a_cordoned_node_is_still_looked_at(start):
    with Upstream(engine="vllm") as up:
        weir = start(backend("lab", "inside", up), health=OFTEN)
        node(weir, "cordon", up.url)
        up.load = {"running": 2, "queued": 0, "kv": 0}
        eventually(lambda: node_of(weir, up)["running"] == 2)
        assert node_of(weir, up)["state"] == "cordoned"


def test_the_last_node_out_of_service_is_not_asked_in_despair(start, lab):
    weir = start(backend("lab", "inside", lab))
    node(weir, "drain", "lab")  # by its backend's name
    answer = weir.ask()
    assert answer.status == 503 and "out of service" in answer.error["message"]
    assert not lab.chats
    assert weir.record(answer)["attempts"] == []


def test_a_node_by_its_address(start, lab):
    weir = start(backend("lab", "inside", lab))
    assert "is cordoned" in node(weir, "cordon", lab.url.removeprefix("http://"))


@pytest.mark.parametrize("args, code, says", [
    (["drain", "nobody"], 1, "no node and no backend is called that"),
    (["drain", "x" * 3000], 1, "too long"),
    (["drain"], 2, "usage"),
    (["destroy", "lab"], 2, "not 'destroy'"),
])
def test_names_that_are_none(start, lab, args, code, says):
    done = start(backend("lab", "inside", lab)).run("node", *args)
    assert done.returncode == code and says in done.stderr


@pytest.mark.parametrize("line, status", [
    ("POST /nodes/lab/drain HTTP/1.1\r\nOrigin: http://evil.test", 403),
    ("POST /nodes/lab/explode HTTP/1.1", 404),
    ("POST /nodes/lab HTTP/1.1", 404),
    ("POST /nodes/%6cabx/drain HTTP/1.1", 404),
    ("GET /nodes/lab/drain HTTP/1.1", 404),
    ("POST /nodes HTTP/1.1", 405),
    ("POST /nodes/%6cab/cordon HTTP/1.1", 200),
])
def test_who_may_change_a_node(start, lab, line, status):
    weir = start(backend("lab", "inside", lab))
    with Raw("127.0.0.1", weir.admin_port, 5) as client:
        client.send(f"{line}\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        assert client.response().status == status
    assert node_of(weir, lab)["state"] == ("cordoned" if status == 200 else "up")


def test_nobody_from_another_address_may(start, lab):
    """The machine's own address, from which a connection is not one of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    weir = start(backend("lab", "inside", lab), run=False)
    weir.write_config(admin=f"0.0.0.0:{weir.admin_port}", insecure=True)
    weir.start()
    with Raw(own, weir.admin_port, 5) as client:
        client.send(b"POST /nodes/lab/drain HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert client.response().status == 403
    assert node_of(weir, lab)["state"] == "up"
    assert "is drained" in node(weir, "drain", "lab")


def test_a_broken_file_of_nodes_is_no_start(start, lab):
    weir = start(backend("lab", "inside", lab))
    weir.stop()
    pathlib.Path(weir.config["ledger"]["path"] + ".nodes").write_text("drian lab http://x:1\n")
    with pytest.raises(AssertionError):
        weir.start()
    assert ".nodes:1 is no node that rests" in weir.log()
    weir.process = None


# loading

def test_a_model_that_loads_costs_nobody_an_attempt(start, cloud):
    with Upstream(engine="llamacpp") as up:
        up.healthy = False  # as llama.cpp: 503, "Loading model"
        weir = start(backend("lab", "inside", up), backend("cloud", "outside", cloud))
        eventually(lambda: node_of(weir, up)["state"] == "loading")
        assert of_node(weir, "weir_node_up", up) == 0
        for _ in range(4):
            answer = weir.ask()
            assert answer.text == "Hello from the cloud."
            assert [a["backend"] for a in weir.record(answer)["attempts"]] == ["cloud"]
        assert not up.chats and node_of(weir, up)["breaker"] == "closed"
        up.script(Plain("loaded"))
        up.healthy = True  # within a second or so, whatever health.interval is
        eventually(lambda: weir.ask().text == "loaded")
        assert node_of(weir, up)["state"] == "up"


def test_one_that_dies_while_it_loads_is_open(start):
    with Upstream(engine="llamacpp") as up:
        up.healthy = False
        weir = start(backend("lab", "inside", up))
        eventually(lambda: node_of(weir, up)["state"] == "loading")
        up.down()
        eventually(lambda: node_of(weir, up)["state"] == "open")
        assert "cannot connect" in node_of(weir, up)["last_error"]


def test_vllm_that_does_not_listen_yet_is_loading(start):
    up = Upstream(engine="vllm", port=free_port())
    weir = start(backend("lab", "inside", up))
    eventually(lambda: node_of(weir, up)["state"] == "loading")
    with up:
        eventually(lambda: node_of(weir, up)["state"] == "up")
        assert weir.ask().status == 200


@engines("openai", "ollama")
def test_others_that_answer_503_are_not_loading(start, engine):
    engine.healthy = False
    weir = start(backend("lab", "inside", engine), health={"interval": "100ms"})
    eventually(lambda: len(engine.probes) > 5)
    assert node_of(weir, engine)["state"] == "up"  # of no request it is known that it fails


def test_an_upstreams_own_words_are_not_shown(start, lab):
    """They may repeat a prompt."""
    weir = start(backend("lab", "inside", lab), breaker={"failures": 1})
    lab.script(json_answer(200, {"error": {"message": "cannot parse 'my secret prompt'"}}))
    assert weir.ask().status == 503
    shown = weir.run("nodes", "--json").stdout
    assert "secret" not in shown and node_of(weir, lab)["last_error"]
