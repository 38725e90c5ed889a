"""The official clients of Node: tests/node/clients.test.js against a Weir for each dialect."""
import fcntl
import os
import shutil
import subprocess

import pytest

import faulty
import judge
import speech
from harness import ROOT
from speech import Call, Said

FOLDER = ROOT / "tests" / "node"
TEXT = 'Grüße — 你好 😀 "quoted" \\ and\nlines.'

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("node")]


@pytest.fixture(scope="session")
def node():
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm here")
    installed = FOLDER / "node_modules" / ".weir-installed"
    lock = FOLDER / "package-lock.json"
    with open(FOLDER / ".install-lock", "w", encoding="ascii") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FOLDER,
                                  timeout=150, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            installed.touch()  # only a whole installation counts
    return "node"


def answer(exchange):
    """What the last question wants."""
    asked = exchange.body.decode()
    if '"cut"' in asked:
        return speech.Cut(Said("one two three four five six seven"), "fin")(exchange)
    if '"tools"' in asked and "get_weather" in asked:
        return speech.Speak(Said(calls=[Call("call_1", "get_weather", {"city": 'Pa"ris 😀'})]))(
            exchange)
    return speech.Speak(Said(TEXT, step=1))(exchange)


def run(node, dialect, url):
    env = {**os.environ, "WEIR_URL": url, "WEIR_MODEL": "asked", "WEIR_DIALECT": dialect}
    done = subprocess.run([node, "--test", "--test-reporter=tap", "clients.test.js"], cwd=FOLDER,
                          env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "# pass 5" in done.stdout, done.stdout


@pytest.mark.parametrize("dialect", judge.DIALECTS)
def test_the_fakes(node, dialect):
    """The clients and the fakes agree without Weir."""
    with faulty.Upstream(models=["asked"]) as upstream:
        upstream.script(answer)
        run(node, dialect, upstream.url)
        assert not upstream.complaints, "\n".join(upstream.complaints)


@pytest.mark.parametrize("target", judge.DIALECTS)
@pytest.mark.parametrize("source", judge.DIALECTS)
def test_through_weir(node, make_pair, source, target):
    pair = make_pair(source, target)
    pair.upstream.script(answer)
    run(node, source, pair.weir.url)
    assert not pair.upstream.complaints, "\n".join(pair.upstream.complaints)
