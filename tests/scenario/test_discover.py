"""Nodes that are looked up while Weir runs: by DNS, and in a file."""
import json
import os
import re
import signal
import threading
import time

import pytest

from faulty import (CHUNKED_HEAD, DONE, END, ConnectProxy, Plain, Upstream, finish, free_port,
                    piece, role, until)
from harness import SLACK, backend, chat, eventually, request, stands_still
from names import Names

SOON = {"interval": "200ms"}
OFTEN = {"interval": "200ms", "load_interval": "200ms"}
LONG = {"between_tokens": "30s", "total": "60s"}


@pytest.fixture
def names():
    with Names() as server:
        yield server


@pytest.fixture
def engines():
    """Three engines at one port, on addresses of their own."""
    port = free_port()
    ups = [Upstream(engine="vllm", port=port, host=f"127.0.0.{i}").up() for i in (1, 2, 3)]
    for i, up in enumerate(ups, 1):
        up.script(Plain(f"from {i}"))
    yield ups
    for up in ups:
        up.__exit__()


def by_dns(names, engines, **more):
    return {"name": "lab", "side": "inside", "engine": "vllm",
            "discover": {"dns": f"http://engines.test:{engines[0].port}",
                         "resolver": names.resolver, **SOON, **more}}


def by_srv(names, **more):
    return {"name": "lab", "side": "inside", "engine": "vllm",
            "discover": {"srv": "http://_vllm._tcp.engines.test", "resolver": names.resolver,
                         **SOON, **more}}


def by_file(name="nodes.yaml", **more):
    return {"name": "lab", "side": "inside", "engine": "vllm", "discover": {"file": name}, **more}


def nodes_of(weir):
    done = weir.run("nodes", "--json")
    assert done.returncode == 0, done.stderr
    return {n["node"]: n for n in json.loads(done.stdout)["nodes"]}


def has_nodes(weir, *ups, timeout=10):
    eventually(lambda: set(nodes_of(weir)) == {up.url for up in ups}, timeout)


def metric(weir, name):
    return weir.metrics()[name + '{backend="lab"}']


# by DNS

def test_each_address_of_a_name_is_a_node(start, names, engines):
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    weir = start(by_dns(names, engines), health=OFTEN)
    assert weir.ask().status == 200  # the first request waits for the first look
    known = nodes_of(weir)
    assert list(known) == [engines[0].url, engines[1].url]
    assert {n["state"] for n in known.values()} == {"up"}
    assert [m["name"] for n in known.values() for m in n["models"]] == ["fake-model"] * 2
    answer = weir.ask()
    assert weir.record(answer)["node"] in known
    chats = engines[0].chats + engines[1].chats
    assert {c.header("host") for c in chats} == {f"engines.test:{engines[0].port}"}
    assert metric(weir, "weir_discover_nodes") == 2
    assert "looked up: http://engines.test" in weir.log()


def test_a_stream_finishes_on_a_node_that_has_left(start, names, engines):
    one, two, _ = engines
    names.records["engines.test"] = ["127.0.0.1"]
    weir = start(by_dns(names, engines), health=OFTEN, timeouts=LONG)
    has_left = threading.Event()
    one.script([CHUNKED_HEAD, role(), piece("Hel"), until(has_left.is_set), piece("lo"),
                piece("!"), finish(), DONE, END])
    with weir.raw() as client:
        client.send(request(json.dumps(chat(stream=True)).encode()))
        client.read_until(b"Hel")
        names.records["engines.test"] = ["127.0.0.2"]
        has_nodes(weir, two)
        asked = len(one.chats)
        assert [weir.ask().text for _ in range(5)] == ["from 2"] * 5
        assert len(one.chats) == asked
        has_left.set()
        assert client.response().stream_text == "Hello!"
    stands_still(lambda: len(one.probes), 0.6)  # nobody looks at it any more
    assert not any(one.url in key for key in weir.metrics())
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]  # and it comes back
    has_nodes(weir, one, two)
    assert nodes_of(weir)[one.url]["requests"] == 1  # as the one that it was
    assert f"came={two.url} left={one.url}" in weir.log()


@pytest.mark.parametrize("mood", ["SERVFAIL", "NXDOMAIN", "silent", "REFUSED"])
def test_a_failing_dns_empties_no_fleet(start, names, engines, mood):
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    weir = start(by_dns(names, engines), health=OFTEN)
    has_nodes(weir, *engines[:2])
    names.mood = mood
    eventually(lambda: metric(weir, "weir_discover_failures_total") >= 1, 12)
    assert set(nodes_of(weir)) == {engines[0].url, engines[1].url}
    assert weir.ask().status == 200
    if mood != "silent":
        eventually(lambda: metric(weir, "weir_discover_failures_total") >= 3)
    assert len(re.findall("nodes_not_found.*backend=lab", weir.log())) == 1  # told once
    names.mood = None
    names.records["engines.test"] = ["127.0.0.3"]
    has_nodes(weir, engines[2])


def test_half_an_answer_takes_no_node_away(start, names, engines):
    """Addresses of IPv6 that could not be asked for may still be there."""
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    weir = start(by_dns(names, engines), health=OFTEN)
    has_nodes(weir, *engines[:2])
    names.mood, names.only = "SERVFAIL", "AAAA"
    names.records["engines.test"] = ["127.0.0.1"]
    eventually(lambda: metric(weir, "weir_discover_failures_total") >= 2)
    assert set(nodes_of(weir)) == {engines[0].url, engines[1].url}


def test_addresses_of_ipv6(start, names, engines):
    with Upstream(engine="vllm", port=engines[0].port, host="::1") as six:
        six.script(Plain("from six"))
        names.records["engines.test"] = ["::1"]
        weir = start(by_dns(names, engines), health=OFTEN)
        assert weir.ask().text == "from six"
        assert list(nodes_of(weir)) == [six.url]


def test_a_long_answer_comes_by_tcp_and_is_cut_at_256(start, names, engines):
    names.records["engines.test"] = [f"127.0.{i}.{k}" for i in (1, 2) for k in range(1, 151)]
    weir = start(by_dns(names, engines, interval="10s"), health={"interval": "30s"})
    eventually(lambda: metric(weir, "weir_discover_nodes") == 256)
    assert any(how == "tcp" for *_, how in names.asked)
    assert "more than 256 nodes" in weir.log()


def test_a_name_that_is_not_there_yet(start, names, engines, cloud):
    weir = start(by_dns(names, engines), backend("cloud", "outside", cloud), health=OFTEN)
    assert weir.ask().text == "Hello from the cloud."
    assert metric(weir, "weir_discover_nodes") == 0
    names.records["engines.test"] = ["127.0.0.2"]
    eventually(lambda: weir.ask().text == "from 2")


def test_the_first_request_waits_for_the_first_look(start, names, engines, cloud):
    """Weir serves at once; a DNS that is silent holds nobody up for longer than 3 s."""
    names.mood = "silent"
    weir = start(by_dns(names, engines), backend("cloud", "outside", cloud), health=OFTEN,
                 timeouts=LONG)
    begun = time.monotonic()
    assert weir.ask().text == "Hello from the cloud."
    assert time.monotonic() - begun < 12 * SLACK


def test_the_certificate_is_for_the_name(start, names, certificates):
    port = free_port()
    tls = tuple(str(certificates / f"good-server{end}") for end in (".pem", ".key"))
    with Upstream(engine="vllm", tls=tls, port=port, host="127.0.0.2") as up:
        up.script(Plain("by TLS"))
        for name, works in (("api.managed.test", True), ("other.test", False)):
            names.records[name] = ["127.0.0.2"]
            weir = start({"name": "lab", "side": "inside", "engine": "vllm",
                          "models": ["fake-model"], "ca_file": str(certificates / "good-ca.pem"),
                          "discover": {"dns": f"https://{name}:{port}",
                                       "resolver": names.resolver}})
            assert (weir.ask().status == 200) == works


def test_an_address_that_is_not_inside_is_sent_nothing(start, names, engines, cloud):
    names.records["engines.test"] = ["127.0.0.1"]
    weir = start(by_dns(names, engines), backend("cloud", "outside", cloud), health=OFTEN,
                 perimeter={"inside_networks": ["127.0.0.2/32"]})
    assert weir.ask().text == "Hello from the cloud."
    eventually(lambda: "event=not_inside" in weir.log() or "not_inside" in weir.log())
    assert not engines[0].chats and not engines[0].probes


def test_outside_nodes_pass_the_gate(start, names, engines):
    names.records["engines.test"] = ["127.0.0.1"]
    away = {**by_dns(names, engines), "name": "away", "side": "outside", "engine": "openai",
            "models": ["fake-model"]}
    weir = start(away)
    answer = weir.ask()
    assert answer.text == "from 1"
    record = weir.record(answer)
    assert (record["side"], record["node"]) == ("outside", engines[0].url)
    sent = json.loads(record["sent"])[0]
    assert (sent["host"], sent["peer"]) == ("engines.test", "127.0.0.1")
    assert weir.metrics()["weir_egress_requests_total"] >= 1


def test_a_proxy_is_asked_for_the_address(start, names, certificates):
    """The node that was chosen, and not whichever one the proxy finds by the name."""
    tls = tuple(str(certificates / f"good-server{end}") for end in (".pem", ".key"))
    with Upstream(models=["tls-model"], tls=tls) as api, \
            ConnectProxy(("127.0.0.1", api.port)) as proxy:
        api.script(Plain("through the proxy"))
        names.records["api.managed.test"] = ["192.0.2.7"]
        weir = start({"name": "api", "side": "outside", "engine": "openai",
                      "models": ["tls-model"], "ca_file": str(certificates / "good-ca.pem"),
                      "discover": {"dns": "https://api.managed.test", "resolver": names.resolver}},
                     env={"HTTPS_PROXY": proxy.url})
        assert weir.ask().text == "through the proxy"
        assert set(proxy.asked) == {"192.0.2.7:443"}
        assert api.chats[0].header("host") == "api.managed.test"


def test_the_systems_own_hosts_file(start):
    own = [line.split("#")[0].split() for line in open("/etc/hosts")]
    own = [(f[0], f[1]) for f in own if len(f) > 1 and "." in f[0] and "localhost" not in f]
    if not own:
        pytest.skip("/etc/hosts has localhost only")
    address, name = own[0]
    with Upstream(engine="vllm", host=address) as up:
        weir = start({"name": "lab", "side": "inside", "engine": "vllm",
                      "discover": {"dns": f"http://{name}:{up.port}"}}, health=OFTEN,
                     perimeter={"inside_networks": [f"{address}/32"]})
        assert weir.ask().status == 200
        assert list(nodes_of(weir)) == [up.url]


# by SRV

@pytest.mark.parametrize("records, weights", [
    ((10, 30), (10, 30)), ((0, 0), (100, 100)), ((0, 50), (1, 50)), ((16000, 64000), (250, 1000)),
])
def test_services_have_ports_and_weights(start, names, records, weights):
    with Upstream(engine="vllm", host="127.0.0.1") as one, \
            Upstream(engine="vllm", host="127.0.0.2") as two:
        names.records = {"_vllm._tcp.engines.test": [(0, records[0], one.port, "a.engines.test"),
                                                     (0, records[1], two.port, "b.engines.test")],
                         "a.engines.test": ["127.0.0.1"], "b.engines.test": ["127.0.0.2"]}
        weir = start(by_srv(names), health=OFTEN)
        assert weir.ask().status == 200
        known = nodes_of(weir)
        assert (known[one.url]["weight"], known[two.url]["weight"]) == weights
        hosts = {c.header("host") for c in one.chats + two.chats}
        assert hosts <= {f"engines.test:{one.port}", f"engines.test:{two.port}"} and hosts


def test_a_higher_priority_number_serves_while_all_before_it_are_down(start, names):
    with Upstream(engine="vllm", host="127.0.0.1") as first, \
            Upstream(engine="vllm", host="127.0.0.2") as second:
        names.records = {"_vllm._tcp.engines.test": [(20, 0, second.port, "b.engines.test"),
                                                     (10, 0, first.port, "a.engines.test")],
                         "a.engines.test": ["127.0.0.1"], "b.engines.test": ["127.0.0.2"]}
        first.script(Plain("from the first"))
        second.script(Plain("from the second"))
        weir = start(by_srv(names), health={"interval": "100ms"},
                     breaker={"failures": 1, "open": "300ms"})
        assert weir.ask().text == "from the first"
        has_nodes(weir, first)
        first.down()
        eventually(lambda: weir.ask().status == 200 and len(second.chats) > 0)
        has_nodes(weir, first, second)  # the first one is still looked at
        first.up()
        has_nodes(weir, first)
        assert weir.ask().text == "from the first"


# by a file

def write(weir, name, nodes):
    """As a careful tool does: whole, by a rename."""
    path = weir.folder / name
    fresh = path.with_suffix(".new")
    fresh.write_text(nodes if isinstance(nodes, str) else json.dumps(nodes))
    os.replace(fresh, path)


def test_nodes_come_and_go_with_a_file(start, engines):
    one, two, three = engines
    weir = start(by_file(), run=False, health=OFTEN, timeouts=LONG)
    write(weir, "nodes.yaml", [one.url, {"url": two.url, "zone": "east", "weight": 250}])
    weir.start()
    assert weir.ask().status == 200
    known = nodes_of(weir)
    assert list(known) == [one.url, two.url]
    assert (known[two.url]["zone"], known[two.url]["weight"]) == ("east", 250)
    has_left = threading.Event()
    one.script([CHUNKED_HEAD, role(), piece("Hel"), until(has_left.is_set), piece("lo"),
                piece("!"), finish(), DONE, END])
    write(weir, "nodes.yaml", [one.url])
    has_nodes(weir, one)
    with weir.raw() as client:
        client.send(request(json.dumps(chat(stream=True)).encode()))
        client.read_until(b"Hel")
        write(weir, "nodes.yaml", [three.url])
        has_nodes(weir, three)
        assert weir.ask().text == "from 3"
        has_left.set()
        assert client.response().stream_text == "Hello!"


@pytest.mark.parametrize("text, says", [
    ("- http://127.0.0.1:1\n- [x]\n", r"nodes\.yaml:2:3: a node is a list, not a URL"),
    ("- http://127.0.0.1:1\n  oops: {", r"nodes\.yaml:\d+:\d+: "),
    ("", r"nodes\.yaml:1:1: "),
    ("[]", r"nodes\.yaml:1:1: nodes is empty"),
    ("- {url: 'http://127.0.0.1:1', wieght: 3}\n", r"nodes\.yaml:1:31: unknown option 'wieght'"),
    ("- http://8.8.8.8:1\n", r"nodes\.yaml:1:1: .* 8\.8\.8\.8 is in none of"),
    (None, r"cannot read .*nodes\.yaml: No such file"),
])
def test_a_broken_file_keeps_the_nodes(start, engines, text, says):
    weir = start(by_file(), run=False, health=OFTEN)
    write(weir, "nodes.yaml", [engines[0].url])
    weir.start()
    has_nodes(weir, engines[0])
    if text is None:
        (weir.folder / "nodes.yaml").unlink()
    else:
        write(weir, "nodes.yaml", text)
    eventually(lambda: re.search(says, weir.log()))
    assert metric(weir, "weir_discover_failures_total") >= 1
    assert weir.ask().text == "from 1"
    assert list(nodes_of(weir)) == [engines[0].url]
    assert re.search(says, weir.run("check").stdout)
    write(weir, "nodes.yaml", [engines[1].url])
    has_nodes(weir, engines[1])


def test_a_folder_that_is_exchanged_as_a_whole(start, engines):
    """How Kubernetes renews a ConfigMap: a link to a folder is replaced."""
    weir = start(by_file("live/nodes.yaml"), run=False, health=OFTEN)
    for i in (1, 2):
        (weir.folder / f"v{i}").mkdir()
        (weir.folder / f"v{i}" / "nodes.yaml").write_text(f"- {engines[i - 1].url}\n")
    (weir.folder / "live").symlink_to("v1")
    weir.start()
    has_nodes(weir, engines[0])
    (weir.folder / "live.new").symlink_to("v2")
    os.replace(weir.folder / "live.new", weir.folder / "live")
    has_nodes(weir, engines[1])


# what is remembered

@pytest.mark.slow
def test_nodes_that_left_long_ago_are_forgotten(start, names, engines):
    """Addresses that never come again, as pods have them, must not add up."""
    names.records["engines.test"] = ["127.0.0.1"]
    weir = start(by_dns(names, engines, interval="100ms"), health={"interval": "200ms"})
    assert weir.ask().status == 200
    for i in range(10):
        names.records["engines.test"] = ["127.0.0.1"] + [f"127.1.{i}.{k}" for k in range(1, 200)]
        eventually(lambda: metric(weir, "weir_discover_nodes") == 200 and
                   any(f"127.1.{i}." in key for key in weir.metrics()), 10)
    names.records["engines.test"] = ["127.0.0.1"]
    has_nodes(weir, engines[0])
    eventually(lambda: weir.metrics()["weir_nodes_remembered"] >= 1000)
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    has_nodes(weir, *engines[:2])
    assert weir.metrics()["weir_nodes_remembered"] <= 1024
    assert weir.ask().status == 200


# reload, duties, commands

def reload(weir):
    before = weir.metrics()["weir_reloads_total"]
    weir.signal(signal.SIGHUP)
    eventually(lambda: weir.metrics()["weir_reloads_total"] == before + 1)


def test_a_reload_goes_on_with_the_nodes_that_were_found(start, names, engines):
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    weir = start(by_dns(names, engines), health=OFTEN)
    has_nodes(weir, *engines[:2])
    names.mood = "silent"
    reload(weir)
    assert weir.ask().status == 200  # at once, without the DNS
    assert set(nodes_of(weir)) == {engines[0].url, engines[1].url}
    names.mood = None
    names.records["engines.test"] = ["127.0.0.3"]
    has_nodes(weir, engines[2])
    weir.write_config(backends=[backend("lab", "inside", engines[0])])
    reload(weir)
    assert list(nodes_of(weir)) == [engines[0].url]


def test_a_drained_node_stays_drained(start, names, engines):
    one, two, _ = engines
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    weir = start(by_dns(names, engines), health=OFTEN)
    has_nodes(weir, one, two)
    done = weir.run("node", "drain", one.url.removeprefix("http://"))
    assert done.returncode == 0, done.stderr
    names.records["engines.test"] = ["127.0.0.2"]
    has_nodes(weir, two)
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    has_nodes(weir, one, two)
    assert nodes_of(weir)[one.url]["state"] == "drained"
    weir.stop()
    weir.start()
    has_nodes(weir, one, two)
    assert nodes_of(weir)[one.url]["state"] == "drained"
    assert [weir.ask().text for _ in range(4)] == ["from 2"] * 4
    assert not one.chats


def test_check_looks_once(start, names, engines):
    names.records["engines.test"] = ["127.0.0.1", "127.0.0.2"]
    weir = start(by_dns(names, engines), run=False)
    done = weir.run("check")
    assert done.returncode == 0, done.stdout
    for up in engines[:2]:
        assert re.search(rf"lab +{re.escape(up.url)}  ok, 1 model", done.stdout)
    assert names.count("engines.test", "A") == 1
    names.records.clear()
    done = weir.run("check")
    assert done.returncode == 1
    assert "lab          its nodes are not found: http://engines.test" in done.stdout


def test_nodes_are_watched_anew_by_each_interval(start, names, engines):
    names.records["engines.test"] = ["127.0.0.1"]
    weir = start(by_dns(names, engines, interval="500ms"), health=OFTEN)
    has_nodes(weir, engines[0])
    eventually(lambda: names.count("engines.test", "A") >= 8, 20)
    times = [at for at, _, kind, _ in names.asked if kind == "A"]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert 0.4 < min(gaps) < 0.6 * SLACK, gaps  # a busy machine makes some of them longer
