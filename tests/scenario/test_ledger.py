"""One record an answer, before its last byte, whatever happens."""
import contextlib
import json
import os
import subprocess
import threading
import time

import pytest

import faulty
import wire
from harness import KILL, backend, chat, eventually, request


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True])
def test_the_record_is_there_when_the_answer_is(weir, stream):
    for _ in range(20):
        answer = weir.ask(stream=stream)
        record = weir.record(answer)
        assert record["outcome"] == "ok" and record["stream"] == int(stream)


def test_what_a_record_holds(weir):
    before = time.time() * 1000
    answer = weir.ask("Translate 'good morning' to French.", stream=True)
    record = weir.record(answer)
    assert before - 50 <= record["time_ms"] <= time.time() * 1000 + 50
    assert record["model_asked"] == "auto" and record["model"] == "lab-model"
    assert record["side"] == "inside" and record["backend"] == "lab"
    assert record["node"] and record["status"] == 200
    assert 0 <= record["complexity"] <= 1 and 0 <= record["confidence"] <= 1
    assert record["task"] and record["plan"]
    assert (record["tokens_in"], record["tokens_estimated"]) == (10, 0)
    assert 0 < record["first_token_us"] <= record["total_us"]
    attempt = record["attempts"][0]
    assert {"backend", "node", "model", "outcome", "ms", "status"} <= set(attempt)
    assert attempt["outcome"] == "ok"


def test_no_prompt_and_no_answer_is_in_the_file(weir, lab):
    lab.script(faulty.Auto("a very unusual answer: zyzzyva", model="lab-model"))
    weir.ask("a very unusual prompt: quokka")
    weir.ask("a very unusual prompt: quokka", stream=True)
    for path in weir.folder.glob("weir.db*"):
        data = path.read_bytes()
        assert b"quokka" not in data and b"zyzzyva" not in data


def test_refused_requests_have_a_record_too(weir):
    answer = weir.post(b'{"model":"gpt-99","messages":[{"role":"user","content":"Hi"}]}')
    record = weir.record(answer)
    assert record["status"] == 404 and record["outcome"] == "model_not_found"


def test_prices(start, lab, cloud):
    weir = start(backend("lab", "inside", lab, cost_per_hour=3.6),
                 backend("cloud", "outside", cloud),
                 prices={"cloud-model": {"input": 2.0, "cached_input": 0.5, "output": 8.0}})
    cloud.script(faulty.Plain("Hi", use=wire.usage(1000, 500, cached=400), model="cloud-model"))
    lab.script([0.5, *faulty.Plain("Hi", use=wire.usage(1000, 500), model="lab-model")])
    record = weir.record(weir.ask(model="outside/cloud-model"))
    # 600 x $2/M + 400 x $0.5/M + 500 x $8/M
    assert record["cost_nano"] == 600 * 2000 + 400 * 500 + 500 * 8000
    record = weir.record(weir.ask(model="auto"))
    # $3.6/h is a tenth of a cent a second; it ran for half a second, alone
    assert 0.45e6 < record["cost_nano"] <= 1000 * (record["total_us"] // 1000 + 1)
    assert record["other_model"] == "cloud-model"
    assert record["other_cost_nano"] == 1000 * 2000 + 500 * 8000


def test_requests_share_the_time_of_their_node(start, lab, cloud):
    weir = start(backend("lab", "inside", lab, cost_per_hour=3.6),
                 backend("cloud", "outside", cloud))
    lab.script([0.6, *faulty.Plain("Hi", model="lab-model")])
    clients = [weir.raw() for _ in range(4)]
    began = time.monotonic()
    for client in clients:
        client.send(request(chat()))
    costs = [weir.record(client.response())["cost_nano"] for client in clients]
    # four at once: each moment is paid once, not four times
    assert 0.5e6 < sum(costs) < 1e6 * (time.monotonic() - began)


def test_a_model_without_a_price_is_unpriced_and_never_free(start, lab, cloud):
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    record = weir.record(weir.ask(model="outside/cloud-model"))
    assert record["cost_nano"] is None
    listed = weir.run("ledger")
    assert listed.returncode == 0 and "unpriced" in listed.stdout


def test_the_managed_table_has_prices(start, lab, managed):
    weir = start(backend("lab", "inside", lab),
                 backend("managed", "outside", managed.url, engine="openai", key=managed.key,
                         models=["gpt-5-mini"]))
    record = weir.record(weir.ask(model="outside/gpt-5-mini"))
    assert record["cost_nano"] > 0


# the command

def test_ledger_command(weir):
    answers = [weir.ask(), weir.ask("Translate 'cat' to French."),
               weir.ask(model="outside/cloud-model"), weir.ask(stream=True)]
    listed = weir.run("ledger", "--json")
    assert listed.returncode == 0
    records = parse_json(listed.stdout)
    assert len(records) >= 4
    text = listed.stdout
    for answer in answers:
        assert answer.headers["x-request-id"] in text
    for group in ("task", "side", "model", "key"):
        done = weir.run("ledger", "--by", group)
        assert done.returncode == 0 and done.stdout.strip()
    by_side = weir.run("ledger", "--by", "side").stdout
    assert "inside" in by_side and "outside" in by_side
    assert weir.run("ledger", "--since", "1h").returncode == 0
    assert weir.run("ledger", "--by", "nonsense").returncode != 0


def test_ledger_show(weir):
    record = weir.record(weir.ask())
    done = weir.run("ledger", "show", record["id"])
    assert done.returncode == 0
    for text in ("lab-model", "inside", record["request_id"]):
        assert text in done.stdout
    assert weir.run("ledger", "show", "999").returncode != 0


def parse_json(text):
    """An array, an object around one, or a record a line."""
    try:
        data = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(data, dict):
        return next((v for v in data.values() if isinstance(v, list)), [data])
    return data


# kill -9

@pytest.mark.timeout(120)
def test_kill_9_under_load_loses_no_answered_request(start, lab, cloud):
    """Fifty times, child and parent in turn."""
    weir = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud))
    weir.expected_exit = None
    answered, stop = set(), threading.Event()

    def load(number):
        while not stop.is_set():
            with contextlib.suppress(OSError, AssertionError, ValueError):
                answer = weir.ask(stream=number % 2 == 0, timeout=5)
                whole = answer.complete and answer.status == 200
                if whole and (number % 2 or answer.events[-1] == "[DONE]"):
                    answered.add(answer.headers["x-request-id"])
            time.sleep(0.001)

    threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(50):
        time.sleep(0.15)
        eventually(lambda least=turn: len(answered) > least)
        if turn % 2:
            weir.kill()
            weir.start()
        else:
            [child] = weir.children()
            os.kill(child, KILL)
            eventually(lambda old=child: weir.children() not in ([], [old]))
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join(10)
    known = {r["request_id"] for r in weir.ledger()}
    print(f"{len(answered)} answered requests, {len(answered - known)} of them not in the ledger")
    assert len(answered) >= 50 and not answered - known
    check = subprocess.run(["python3", "-c", "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]"
                            "); print(db.execute('PRAGMA integrity_check').fetchone()[0])",
                            weir.config["ledger"]["path"]], capture_output=True, text=True)
    assert check.stdout.strip() == "ok"


# a full disk

@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, 1 MiB; needs the right to mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "weir-test", folder],
                          capture_output=True)
    if done.returncode:
        pytest.skip("may not mount a tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)


def test_a_full_disk_stops_answers_until_there_is_room(start, lab, small_disk):
    weir = start(backend("lab", "inside", lab), ledger={"path": str(small_disk / "weir.db")},
                 timeouts={"between_tokens": "20s", "total": "20s"})
    assert weir.ask().status == 200
    full = threading.Event()
    lab.queue([faulty.CHUNKED_HEAD, faulty.piece("a"), faulty.until(full.is_set),
               faulty.piece("b"), faulty.finish(), faulty.DONE + faulty.END])
    with weir.raw() as running, weir.raw() as plain:
        running.send(request(chat(stream=True)))
        running.read_until(b'"a"')
        lab.queue([faulty.until(full.is_set), *faulty.Plain("too late")])
        plain.send(request(chat()))
        lab.wait_chats(3)
        fill(small_disk)
        # the WAL may have room left in its last page
        answers = [weir.ask() for _ in range(20)]
        assert answers[-1].status == 503
        assert answers[-1].error["code"] == "ledger_unavailable"
        full.set()
        answer = running.response()
        assert "[DONE]" not in answer.events
        assert answer.events[-1]["error"]["code"] == "ledger_unavailable"
        answer = plain.response()
        assert answer.status == 503 and answer.error["code"] == "ledger_unavailable"
        assert int(answer.headers["retry-after"]) > 0
    assert weir.get("/healthz").status == 503
    (small_disk / "filler").unlink()
    eventually(lambda: weir.ask().status == 200, step=0.2)
    assert weir.get("/healthz").status == 200
    assert weir.ledger()[-1]["outcome"] == "ok"
    log = weir.log()
    assert log.count("event=ledger_failing") == log.count("event=ledger_recovered") == 1


def test_a_ledger_that_is_not_required(start, lab, small_disk):
    weir = start(backend("lab", "inside", lab),
                 ledger={"path": str(small_disk / "weir.db"), "required": False})
    fill(small_disk)
    answers = [weir.ask() for _ in range(20)]
    assert {a.status for a in answers} == {200}
    lost = [v for k, v in weir.metrics().items() if "ledger" in k and "lost" in k]
    assert lost and sum(lost) > 0
    (small_disk / "filler").unlink()


def test_sync_full(start, lab):
    weir = start(backend("lab", "inside", lab), ledger={"sync": "full"})
    answers = [weir.ask() for _ in range(5)]
    assert all(weir.record(a)["outcome"] == "ok" for a in answers)


def test_a_ledger_that_is_no_database_is_not_overwritten(start, lab):
    weir = start(backend("lab", "inside", lab), run=False)
    path = weir.folder / "weir.db"
    path.write_bytes(b"my diary, not a database " * 100)
    done = weir.run("serve", timeout=10)
    assert done.returncode != 0 and "weir.db" in done.stderr
    assert path.read_bytes().startswith(b"my diary")
