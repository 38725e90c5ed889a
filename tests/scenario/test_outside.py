"""TLS and proxies on the way to the outside."""
import pytest

import faulty
from harness import backend, chat, request


def files(folder, name):
    return str(folder / f"{name}.pem"), str(folder / f"{name}.key")


@pytest.fixture
def secure(certificates):
    with faulty.Upstream(models=["tls-model"], tls=files(certificates, "good-server")) as upstream:
        upstream.script(faulty.Auto("Hello over TLS.", model="tls-model"))
        yield upstream


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True])
def test_tls_with_its_own_authority(start, secure, certificates, stream):
    weir = start(backend("tls", "outside", secure, ca_file=str(certificates / "good-ca.pem")))
    with weir.raw() as client:
        for _ in range(3):
            client.send(request(chat(stream=stream)))
            answer = client.response()
            text = answer.stream_text.strip() if stream else answer.text
            assert text == "Hello over TLS."
    assert len({id(c.connection) for c in secure.chats}) == 1


@pytest.mark.parametrize("certificate, trusted", [
    ("other-server", "good-ca"),    # nobody that is trusted signed it
    ("good-stranger", "good-ca"),   # signed well, for another name
    ("good-server", None),          # the system's trust store does not know the authority
])
def test_a_wrong_certificate_is_a_failed_attempt(start, cloud, certificates, certificate, trusted):
    with faulty.Upstream(models=["tls-model"], tls=files(certificates, certificate)) as wrong:
        more = {"ca_file": str(certificates / f"{trusted}.pem")} if trusted else {}
        weir = start(backend("tls", "outside", wrong, **more), backend("cloud", "outside", cloud))
        answer = weir.ask()
        assert answer.text == "Hello from the cloud."
        assert weir.record(answer)["attempts"][0]["outcome"] == "upstream_tls"
        assert not wrong.chats


def test_a_server_that_speaks_no_tls(start, lab, cloud, certificates):
    weir = start(backend("tls", "outside", f"https://127.0.0.1:{lab.port}", engine="openai",
                         models=["m"], ca_file=str(certificates / "good-ca.pem")),
                 backend("cloud", "outside", cloud))
    assert weir.ask().text == "Hello from the cloud."


@pytest.mark.parametrize("cut", ["fin", "rst"])
def test_a_tls_answer_that_ends_without_its_close_is_a_cut(start, secure, certificates, cut):
    """An answer without a length: only the TLS close says that it is whole."""
    import wire
    weir = start(backend("tls", "outside", secure, ca_file=str(certificates / "good-ca.pem")))
    secure.script([wire.head(200, [("content-type", "text/event-stream"),
                                   ("connection", "close")]),
                   wire.event(wire.delta("m", {"content": "Hel"})), 0.2,
                   faulty.RST if cut == "rst" else faulty.FIN])
    answer = weir.ask(stream=True)
    assert "[DONE]" not in answer.events and "error" in answer.events[-1]


def test_a_proxy_is_used_for_the_outside_only(start, certificates, lab):
    tls = files(certificates, "good-server")
    with faulty.Upstream(models=["tls-model"], tls=tls) as api, \
            faulty.ConnectProxy(("127.0.0.1", api.port)) as proxy:
        api.script(faulty.Auto("Through the proxy.", model="tls-model"))
        weir = start(backend("lab", "inside", lab),
                     backend("api", "outside", "https://api.managed.test", engine="openai",
                             models=["tls-model"], ca_file=str(certificates / "good-ca.pem")),
                     env={"HTTPS_PROXY": proxy.url})
        assert weir.ask(model="outside/tls-model").text == "Through the proxy."
        assert set(proxy.asked) == {"api.managed.test:443"}
        asked = len(proxy.asked)
        assert weir.ask(model="inside/lab-model").text == "Hello from the lab."
        assert len(proxy.asked) == asked
        assert api.chats[0].header("host") == "api.managed.test"


def test_an_inside_backend_with_tls_does_not_use_the_proxy(start, secure, certificates):
    with faulty.ConnectProxy(("127.0.0.1", secure.port)) as proxy:
        weir = start(backend("tls", "inside", secure, ca_file=str(certificates / "good-ca.pem")),
                     env={"HTTPS_PROXY": proxy.url})
        assert weir.ask().text == "Hello over TLS."
        assert not proxy.asked


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "localhost,127.0.0.1", "*"])
def test_no_proxy(start, secure, certificates, no_proxy):
    with faulty.ConnectProxy(("127.0.0.1", 9)) as proxy:
        weir = start(backend("tls", "outside", secure, ca_file=str(certificates / "good-ca.pem")),
                     env={"HTTPS_PROXY": proxy.url, "NO_PROXY": no_proxy})
        assert weir.ask().text == "Hello over TLS."
        assert not proxy.asked


def test_a_proxy_that_refuses_is_a_failed_attempt(start, cloud, certificates):
    dead = f"http://127.0.0.1:{faulty.free_port()}"
    weir = start(backend("api", "outside", "https://api.managed.test", engine="openai",
                         models=["m"], ca_file=str(certificates / "good-ca.pem")),
                 backend("cloud", "inside", cloud), env={"HTTPS_PROXY": dead},
                 policy={"matrix": {"general": "outside"}})
    assert weir.ask("Hello there").text == "Hello from the cloud."
