"""Which of a backend's nodes is asked."""
import concurrent.futures
import contextlib
import random
import time

import pytest

from faulty import Plain, Upstream, failing, until
from harness import HUP, backend, eventually

ALL_NEW = {"slow_start": "0ms"}


@pytest.fixture
def nodes():
    """Starts so many upstreams of one engine."""
    with contextlib.ExitStack() as stack:
        yield lambda n, engine="vllm", **more: [
            stack.enter_context(Upstream(engine=engine, **more)) for _ in range(n)]


def lab(*ups, **more):
    """A backend of these nodes; `more` has a list for each key, of what its nodes have."""
    entries = [{"url": up.url, **{k: v[i] for k, v in more.items() if v[i] is not None}}
               for i, up in enumerate(ups)]
    return backend("lab", "inside", *ups, nodes=entries)


def reload(weir, **changes):
    weir.write_config(**changes)
    weir.signal(HUP)
    eventually(lambda: weir.metrics()["weir_reloads_total"] > 0)


def state_of(weir, up):
    nodes = weir.get("/nodes", admin=True).json["nodes"]
    return next(node for node in nodes if node["node"] == up.url)


def asked(ups):
    return [len(up.chats) for up in ups]


def words(n, seed):
    draw = random.Random(seed)
    return " ".join(draw.choice(("river", "stone", "lamp", "cloud", "seven", "green", "paper"))
                    for _ in range(n))


# shares

def test_equal_nodes_take_turns(start, nodes):
    ups = nodes(4)
    weir = start(lab(*ups))
    for _ in range(200):
        assert weir.ask().status == 200
    assert min(asked(ups)) >= 20, asked(ups)


def test_weights_shift_the_share(start, nodes):
    ups = nodes(2)
    weir = start(lab(*ups, weight=[300, 100]))
    for _ in range(200):
        assert weir.ask().status == 200
    assert 0.62 * 200 <= len(ups[0].chats) <= 0.88 * 200, asked(ups)


def test_weights_shift_the_load(start, nodes):
    ups = nodes(2)
    for up in ups:
        up.script([0.05, *Plain("Hi")])
    weir = start(lab(*ups, weight=[300, 100]))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert {a.status for a in pool.map(lambda _: weir.ask(), range(400))} == {200}
    assert 0.65 * 400 <= len(ups[0].chats) <= 0.85 * 400, asked(ups)


def test_a_slow_node_is_given_less(start, nodes):
    fast, slow = ups = nodes(2)
    fast.script([0.02, *Plain("Hi")])
    slow.script([0.2, *Plain("Hi")])
    weir = start(lab(*ups))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert {a.status for a in pool.map(lambda _: weir.ask(), range(300))} == {200}
    assert len(slow.chats) < 0.25 * 300, asked(ups)


def test_what_others_have_there_counts(start, nodes):
    ups = nodes(2)
    ups[0].load = {"running": 4, "queued": 9, "kv": 0.5}
    weir = start(lab(*ups), health={"load_interval": "100ms"})
    eventually(lambda: state_of(weir, ups[0])["queued"] == 9)
    for _ in range(20):
        assert weir.ask().status == 200
    assert asked(ups) == [0, 20]


# zones

def test_the_own_zone_goes_first(start, nodes):
    ups = nodes(3)
    weir = start(lab(*ups, zone=["east", "west", None]), zone="west")
    for _ in range(20):
        assert weir.ask().status == 200
    assert asked(ups) == [0, 20, 0]


def test_the_others_answer_while_the_own_zone_is_down(start, nodes):
    ups = nodes(3)
    weir = start(lab(*ups, zone=["east", "west", "east"]), zone="west", balance=ALL_NEW,
                 breaker={"failures": 1, "open": "200ms"}, health={"interval": "100ms"})
    ups[1].script(failing(500))
    for _ in range(10):
        assert weir.ask().status == 200
    assert asked(ups)[0] + asked(ups)[2] == 10
    ups[1].script(Plain("Hi again."))
    eventually(lambda: weir.ask().json["choices"][0]["message"]["content"] == "Hi again.")
    before = asked(ups)
    for _ in range(10):
        assert weir.ask().status == 200
    assert asked(ups)[0] == before[0] and asked(ups)[2] == before[2]


def test_a_reload_moves_the_gateway_to_another_zone(start, nodes):
    ups = nodes(2)
    weir = start(lab(*ups, zone=["east", "west"]), zone="west")
    assert weir.ask().status == 200
    assert asked(ups) == [0, 1]
    reload(weir, zone="east")
    for _ in range(10):
        assert weir.ask().status == 200
    assert asked(ups) == [10, 1]


# slow start

@pytest.mark.parametrize("slow_start, least, most", [(4, 1, 30), (0, 30, 70)])
def test_a_node_that_is_back_is_given_less_at_first(start, nodes, slow_start, least, most):
    ups = nodes(2)
    weir = start(lab(*ups), breaker={"failures": 1, "open": "200ms"},
                 health={"interval": "100ms"}, balance={"slow_start": f"{slow_start}s"})
    time.sleep(slow_start)  # the other one has all of its weight
    ups[0].healthy = False
    ups[0].script(failing(500))
    eventually(lambda: weir.ask().status == 200 and ups[0].chats)
    ups[0].healthy = True
    ups[0].script(Plain("Hi"))
    eventually(lambda: state_of(weir, ups[0])["state"] == "up")
    for up in ups:
        up.reset()
    back, count = time.monotonic(), 0
    while count < 100 and (not slow_start or time.monotonic() - back < slow_start / 3):
        assert weir.ask().status == 200
        count += 1
    assert len(ups[0].chats) <= max(2, most * count / 100), asked(ups)
    eventually(lambda: weir.ask().status == 200 and len(ups[0].chats) >= least)


# what must be loaded first

def test_a_model_is_asked_for_where_it_is_loaded(start, nodes):
    asleep, = nodes(1, engine="ollama", loaded=False)
    awake, = nodes(1, engine="ollama")
    weir = start(lab(asleep, awake))
    eventually(lambda: all(state_of(weir, up)["models"] for up in (asleep, awake)))
    for _ in range(20):
        assert weir.ask().status == 200
    assert asked([asleep, awake]) == [0, 20]


# affinity

def test_conversations_go_back_to_their_node(start, nodes):
    """Forty conversations, up to eight turns each, eight at a time, over four nodes."""
    ups = nodes(4)
    for up in ups:
        up.script([0.03, *Plain(words(60, up.port))])
    weir = start(lab(*ups))
    system = {"role": "system", "content": words(150, 1)}

    def talk(seed):
        said, turns = [system], 3 + seed % 6
        for turn in range(turns):
            said.append({"role": "user", "content": words(60, f"{seed} {turn}")})
            answer = weir.ask(messages=said)
            assert answer.status == 200
            said.append(answer.json["choices"][0]["message"])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(40)))
    node_of = {}
    returned = hits = 0
    turns = sorted(((len(chat.json["messages"]), chat.json["messages"][1]["content"], up)
                    for up in ups for chat in up.chats), key=lambda turn: turn[0])
    for _, name, up in turns:
        returned += name in node_of
        hits += node_of.get(name) is up
        node_of[name] = up
    print(f"{hits} of {returned} turns hit; asked {asked(ups)}")
    assert hits >= 0.9 * returned
    assert max(asked(ups)) <= 1.25 * sum(asked(ups)) / 4, asked(ups)


def test_so_they_do_when_nodes_are_looked_up(start, nodes, tmp_path):
    ups = nodes(2)
    found = tmp_path / "nodes.yaml"
    found.write_text("".join(f"- {up.url}\n" for up in ups))
    entry = backend("lab", "inside", *ups, discover={"file": str(found)})
    del entry["nodes"]
    weir = start(entry)
    eventually(lambda: len(weir.get("/nodes", admin=True).json["nodes"]) == 2)
    for _ in range(20):
        assert weir.ask(messages=[{"role": "user", "content": words(400, 1)}]).status == 200
    assert sorted(asked(ups)) == [0, 20]


def test_a_busy_node_loses_its_conversation(start, nodes):
    ups = nodes(2)
    weir = start(lab(*ups))
    said = [{"role": "user", "content": words(400, 1)}]
    assert weir.ask(messages=said).status == 200
    keeper, other = ups if ups[0].chats else reversed(ups)
    for _ in range(10):
        assert weir.ask(messages=said).status == 200
    assert asked([keeper, other]) == [11, 0]
    keeper.script([until(lambda: other.chats), *Plain("late")])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert {a.status for a in pool.map(lambda _: weir.ask(messages=said), range(4))} == {200}
    assert len(other.chats) >= 1


def test_affinity_can_be_switched_off(start, nodes):
    ups = nodes(2)
    weir = start(lab(*ups), balance={"affinity": False})
    for _ in range(30):
        assert weir.ask(messages=[{"role": "user", "content": words(400, 1)}]).status == 200
    assert min(asked(ups)) >= 3


def test_no_prompt_is_told(start, nodes):
    """What is remembered are hashes: a prompt stands neither in the log nor among the metrics."""
    ups = nodes(2)
    weir = start(lab(*ups))
    secret = words(200, 5) + " quetzalcoatl"
    assert weir.ask(messages=[{"role": "user", "content": secret}]).status == 200
    told = weir.log() + weir.get("/metrics", admin=True).body.decode() + \
        weir.get("/nodes", admin=True).body.decode()
    assert "quetzalcoatl" not in told
