"""Inside is inside: by the address of each connection, past no proxy, and nowhere else."""
import socket
import threading

import pytest

import faulty
import wire
from harness import backend, eventually

ELSEWHERE = {"perimeter": {"inside_networks": ["10.0.0.0/8"]}}  # the labs here are at 127.0.0.1
PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]


class Trap:
    """Notes who connects, and what the first bytes are."""

    def __enter__(self):
        self.caught = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
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
                with sock:
                    sock.settimeout(5)
                    try:
                        self.caught.append(sock.recv(4096))
                    except OSError:
                        self.caught.append(b"")


@pytest.fixture
def trap():
    with Trap() as trap:
        yield trap


def by_name(upstream):
    """A name is not looked up before a connection is made, so the config cannot know better."""
    return f"http://localhost:{upstream.port}"


def violations(weir, name="lab"):
    found = [v for k, v in weir.metrics().items()
             if k.startswith("weir_inside_violations_total") and f'backend="{name}"' in k]
    assert len(found) == 1
    return found[0]


@pytest.mark.core
def test_a_name_that_leads_elsewhere_gets_not_a_byte(start, trap, cloud):
    weir = start(backend("lab", "inside", by_name(trap), engine="vllm", models=["lab-model"]),
                 backend("cloud", "outside", cloud), **ELSEWHERE)
    answer = weir.ask("a secret of the house")
    assert answer.text == "Hello from the cloud."
    assert weir.record(answer)["attempts"][0]["outcome"] == "not_inside"
    pinned = weir.ask("a secret of the house", model="inside/lab-model")
    assert pinned.status == 503
    assert weir.record(pinned)["attempts"][-1]["outcome"] == "not_inside"
    assert violations(weir) >= 2
    eventually(lambda: trap.caught)  # TCP stood before the address was known
    assert set(trap.caught) == {b""}
    lines = [line for line in weir.log().splitlines() if "event=not_inside " in line]
    assert len(lines) == 1 and "localhost is at 127.0.0.1" in lines[0]  # once a node
    assert "secret of the house" not in weir.log()


def test_a_probe_finds_it_at_the_start(start, lab):
    weir = start(backend("lab", "inside", by_name(lab), engine="vllm"), **ELSEWHERE)
    eventually(lambda: "event=not_inside " in weir.log())
    eventually(lambda: violations(weir) >= 1)
    assert not lab.probes
    check = weir.run("check")
    assert check.returncode == 1
    assert "localhost is at 127.0.0.1, which is not inside" in check.stdout
    assert "perimeter.inside_networks" in check.stdout


def test_the_outside_may_be_anywhere(start, cloud):
    weir = start(backend("cloud", "outside", by_name(cloud), engine="openai",
                         models=["cloud-model"]), **ELSEWHERE)
    assert weir.ask().text == "Hello from the cloud."


def test_a_reload_moves_the_border(start, lab):
    """An idle connection from before is not used any more."""
    weir = start(backend("lab", "inside", by_name(lab), engine="vllm", models=["lab-model"]))
    assert weir.ask().text == "Hello from the lab."
    weir.write_config(**ELSEWHERE)
    weir.signal(1)
    eventually(lambda: weir.metrics()["weir_reloads_total"] == 1)
    assert weir.ask().status == 503
    assert len(lab.chats) == 1


def test_an_address_that_is_outside_is_no_config(start):
    weir = start(backend("lab", "inside", "http://192.0.2.1:8000", engine="vllm"), run=False)
    check = weir.run("check", "--offline")
    assert check.returncode == 1
    assert "192.0.2.1 is in none of perimeter.inside_networks" in check.stderr


# redirects

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
def test_a_redirect_is_a_failed_attempt(start, lab, cloud, trap, status, stream):
    lab.script([wire.head(status, [("content-length", 0), ("location", trap.url + "/v1")],
                          "Moved")])
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    answer = weir.ask(stream=stream)
    assert (answer.stream_text if stream else answer.text).strip() == "Hello from the cloud."
    attempt = weir.record(answer)["attempts"][0]
    assert (attempt["outcome"], attempt["status"]) == ("upstream_status", status)
    assert weir.ask(model="inside/lab-model").status == 503
    assert not trap.caught


def test_a_probe_follows_no_redirect(start, lab, trap):
    lab.moved = trap.url + "/v1/models"
    weir = start(backend("lab", "inside", lab, models=[]))
    check = weir.run("check")
    assert check.returncode == 1 and "302" in check.stdout
    assert lab.probes and not trap.caught


# proxies of the environment

@pytest.mark.parametrize("secure", [False, True])
def test_no_proxy_of_the_environment_is_used(start, lab, trap, certificates, secure):
    env = {name: trap.url for name in PROXIES}
    tls = tuple(str(certificates / f"good-server.{end}") for end in ("pem", "key"))
    with faulty.Upstream(engine="vllm", models=["lab-model"], tls=tls) as encrypted:
        encrypted.script(faulty.Auto("Hello from the lab.", model="lab-model"))
        used = encrypted if secure else lab
        more = {"ca_file": str(certificates / "good-ca.pem")} if secure else {}
        weir = start(backend("lab", "inside", used, models=[], **more), env=env)
        assert weir.ask().text == "Hello from the lab."
        assert weir.run("check").returncode == 0
        assert used.probes and used.chats
    assert not trap.caught


# Ollama's remote models

REMOTE = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}


def test_a_model_that_ollama_passes_on_is_told(start):
    models = ["mine:latest", "qwen3-coder:480b-cloud", "smollm2:135m"]
    with faulty.Upstream(engine="ollama", models=models) as desk:
        desk.remote = {"mine:latest": REMOTE}
        weir = start(backend("desk", "inside", desk, models=[]))
        eventually(lambda: weir.log().count("event=remote_model ") >= 2)
        lines = [line for line in weir.log().splitlines() if "event=remote_model " in line]
        assert len(lines) == 2
        assert any("model=mine:latest" in line for line in lines)
        assert any("model=qwen3-coder:480b-cloud" in line for line in lines)
        eventually(lambda: [v for k, v in weir.metrics().items()
                            if k.startswith("weir_inside_remote_models")] == [2])
        check = weir.run("check")
        assert check.stdout.count("is served by somebody else: it counts as outside") == 2
