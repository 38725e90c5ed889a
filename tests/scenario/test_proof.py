"""The ledger's chain, from a running gateway to a verifier on another machine."""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import sqlite3
import struct
import subprocess

import pytest

from harness import BIN, KILL, backend, eventually


def prove(*args, folder=None):
    done = subprocess.run([BIN, "prove", *map(str, args), "--json"], capture_output=True,
                          text=True, cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
    assert "proven" in report, report["error"]
    assert (done.returncode == 0) == report["proven"]
    return report


def public_key(weir, folder):
    """As an auditor has it: the public key alone."""
    done = weir.run("ledger", "key")
    assert done.returncode == 0, done.stderr
    path = folder / "public.pem"
    path.write_text(done.stdout)
    assert "PRIVATE" not in done.stdout
    return path


def export(weir, path):
    done = weir.run("ledger", "export", "--proof", path)
    assert done.returncode == 0, done.stderr
    return path


def sql(weir, *statements):
    with contextlib.closing(sqlite3.connect(weir.config["ledger"]["path"])) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


@pytest.fixture
def anchored(start, lab, cloud, tmp_path):
    """A gateway with an anchor on other storage."""
    return start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                 ledger={"anchor_file": str(tmp_path / "anchor")})


def test_an_export_proves_with_the_public_key_alone(anchored, tmp_path):
    weir = anchored
    for model in ("auto", "auto", "outside/cloud-model"):
        assert weir.ask(model=model).status == 200
    key = public_key(weir, tmp_path)
    weir.stop()
    path = export(weir, tmp_path / "proof.jsonl")
    os.rename(weir.folder / "weir.db.key", tmp_path / "elsewhere")
    report = prove(path, "--key", key, "--anchor", tmp_path / "anchor", folder=tmp_path)
    assert report["proven"] and report["findings"] == [] and report["unsigned"] == 0
    assert (report["chains"], report["records"], report["requests"]) == (1, 3, 3)
    assert report["not_scanned_inside"] == 2
    assert report["clean"] == 1 and report["not_scanned_outside"] == 0
    assert [(host["requests"], host["sensitive"]) for host in report["hosts"]] == [(1, 0)]
    assert prove(path, "--key", key, "--since", "2020-01-01", "--until",
                 "2020-01-02")["requests"] == 0


def test_without_an_anchor_the_first_line_says_what_cannot_be_seen(weir):
    weir.ask()
    weir.stop()
    done = weir.run("prove")
    assert done.returncode == 0
    first = done.stdout.splitlines()[0]
    assert "no anchor" in first and "cut" in first and "old" in first


def test_wrong_use_is_told_from_no_proof(weir):
    weir.ask()
    weir.stop()
    assert weir.run("prove", "--nonsense").returncode == 2
    assert weir.run("prove", weir.folder / "nothing").returncode == 1
    other = weir.folder / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True)
    done = weir.run("prove", "--key", other)
    assert done.returncode == 1 and "a key that was not given" in done.stdout


def test_the_private_key_is_nobody_elses(weir):
    path = weir.folder / "weir.db.key"
    assert path.stat().st_mode & 0o777 == 0o600
    weir.ask()
    weir.stop()
    path.chmod(0o644)
    done = weir.run("serve", timeout=10)
    assert done.returncode != 0 and "chmod 600" in done.stderr
    path.rename(path.with_suffix(".away"))
    done = weir.run("serve", timeout=10)
    assert done.returncode != 0 and "key" in done.stderr and not path.exists()


# another implementation, written from docs/proof.md

COLUMNS = {
    "record": """id time_ms request_id key dialect model_asked alias task confidence complexity side
        backend node model stream status outcome tokens_in tokens_out tokens_cached
        tokens_reasoning tokens_estimated first_token_us total_us cost_nano other_cost_nano
        other_model writer seq scan profile findings modes peer portions sent notes attempts
        plan""".split(),
    "writer": "writer name opened_ms before before_n before_seq before_ms old_records old_id "
              "key".split(),
    "checkpoint": "writer n seq chain time_ms up_ms last".split(),
}
REALS, BLOBS = {"confidence", "complexity"}, {"chain", "key", "signature"}


def canonical(kind, row):
    out = b"weir 1 " + kind.encode() + b"\n"
    for name in COLUMNS[kind]:
        if name not in row:
            continue
        value = row[name]
        if name in REALS:
            typed = b"r" + struct.pack(">d", value)
        elif isinstance(value, int):
            typed = b"i" + struct.pack(">q", value)
        elif kind != "record" and name in BLOBS:
            typed = b"b" + struct.pack(">I", len(value) // 2) + bytes.fromhex(value)
        else:
            typed = b"t" + struct.pack(">I", len(value.encode())) + value.encode()
        out += bytes([len(name)]) + name.encode() + typed
    return out


def test_another_implementation_comes_to_the_same(anchored, tmp_path):
    weir = anchored
    weir.ask("Translate 'cat' to French.")
    weir.ask(model="outside/cloud-model", stream=True)
    weir.post(b"no JSON")
    key = public_key(weir, tmp_path)
    weir.stop()
    chain, records, seals = None, 0, []
    for line in export(weir, tmp_path / "proof.jsonl").read_text().splitlines():
        [(kind, row)] = [(k, v) for k, v in json.loads(line).items() if isinstance(v, dict)] or \
            [("head", {})]
        if kind == "writer":
            chain = hashlib.sha256(canonical(kind, row)).digest()
        elif kind == "record":
            chain = hashlib.sha256(chain + canonical(kind, row)).digest()
            assert chain.hex() == row["chain"]
            records += 1
        elif kind == "checkpoint":
            assert chain.hex() == row["chain"]
        if kind in ("writer", "checkpoint"):
            seals.append((canonical(kind, row), bytes.fromhex(row["signature"])))
    assert records == 3 and len(seals) >= 2
    for text, signature in seals:
        (tmp_path / "text").write_bytes(text)
        (tmp_path / "signature").write_bytes(signature)
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in",
                        tmp_path / "text", "-sigfile", tmp_path / "signature"], check=True,
                       capture_output=True)


# processes that come and go

def test_kill_9_leaves_a_chain_that_proves(anchored, tmp_path):
    weir = anchored
    weir.expected_exit = None
    for turn in range(6):
        for _ in range(5):
            assert weir.ask().status == 200
        if turn % 2:
            weir.kill()
            weir.start()
        else:
            [child] = weir.children()
            os.kill(child, KILL)
            eventually(lambda old=child: weir.children() not in ([], [old]))
            weir.wait_ready()
    weir.ask()
    report = prove(weir.folder / "weir.db", "--anchor", tmp_path / "anchor")
    assert report["proven"], report["findings"]
    assert report["chains"] == 7 and report["records"] == 31
    weir.stop()
    assert prove(weir.folder / "weir.db", "--anchor", tmp_path / "anchor")["proven"]


def test_two_gateways_side_by_side(start, lab, cloud, tmp_path):
    """The old one drains while the new one answers: two chains in one file."""
    old = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                ledger={"anchor_file": str(tmp_path / "anchor")})
    path = old.config["ledger"]["path"]
    new = start(backend("lab", "inside", lab), backend("cloud", "outside", cloud),
                ledger={"path": path, "anchor_file": str(tmp_path / "anchor")})
    for _ in range(10):
        assert old.ask().status == new.ask().status == 200
    old.stop()
    assert new.ask().status == 200
    new.stop()
    report = prove(path, "--anchor", tmp_path / "anchor")
    assert report["proven"] and report["chains"] == 2 and report["records"] == 21
    assert report["unsigned"] == 0


def test_an_export_goes_into_what_is_no_file(anchored, tmp_path):
    """A pipe stays one, as /dev/null does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        export(anchored, pipe)
        assert pipe.is_fifo()
        assert read.result(20).startswith("{")


def test_an_export_replaces_nothing_that_it_cannot(anchored, tmp_path):
    """Neither the ledger itself nor, when it fails, an export that stands there."""
    weir, ledger, proof = anchored, anchored.config["ledger"]["path"], tmp_path / "proof.jsonl"
    assert weir.ask().status == 200
    weir.stop()
    done = weir.run("ledger", "export", "--proof", ledger)
    assert done.returncode == 1 and "is the ledger itself" in done.stderr
    assert prove("--config", weir.path)["proven"]
    export(weir, proof)
    whole = proof.read_bytes()
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + bytes(200))
    done = weir.run("ledger", "export", "--file", tmp_path / "broken.db", "--proof", proof)
    assert done.returncode == 1
    assert proof.read_bytes() == whole and not list(tmp_path.glob("*.part*"))


def test_a_ledger_that_is_not_there_is_what_prove_speaks_of(tmp_path):
    done = subprocess.run([BIN, "prove", "nope.db"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "nope.db" in done.stderr and "key" not in done.stderr


def test_pruned_and_still_proven(anchored, tmp_path):
    weir = anchored
    for _ in range(4):
        weir.ask()
    weir.stop()
    weir.start()
    weir.ask()
    weir.wait_record()
    done = weir.run("ledger", "prune", "--before", "0s")
    assert done.returncode == 0 and "5 records of" in done.stdout, done.stdout + done.stderr
    assert weir.ask().status == 200
    weir.stop()
    report = prove(weir.folder / "weir.db", "--anchor", tmp_path / "anchor")
    assert report["proven"], report["findings"]
    assert report["removed"] == 5 and report["removed"] + report["records"] == 6


def test_what_an_intruder_does_is_found(anchored, tmp_path):
    weir = anchored
    for _ in range(5):
        weir.ask()
    weir.stop()
    whole = (weir.folder / "weir.db").read_bytes()
    weir.start()
    weir.ask()
    weir.stop()
    newest = (weir.folder / "weir.db").read_bytes()
    anchor = tmp_path / "anchor"
    for statement, said in [
            ("UPDATE exchange SET status = status + 1 WHERE seq = 3", "record was changed"),
            ("DELETE FROM exchange WHERE seq = 3", "records 3 to 3 are missing"),
            ("DELETE FROM writer WHERE before IS NULL", "opening")]:
        sql(weir, statement)
        report = prove(weir.folder / "weir.db", "--anchor", anchor)
        assert said in report["findings"][0]["text"], report["findings"]
        (weir.folder / "weir.db").write_bytes(newest)
    assert prove(weir.folder / "weir.db", "--anchor", anchor)["proven"]
    (weir.folder / "weir.db").write_bytes(whole)
    report = prove(weir.folder / "weir.db", "--anchor", anchor)
    assert "an old file was put back" in report["findings"][0]["text"]
    assert prove(weir.folder / "weir.db")["proven"]  # as the first line of the text says
