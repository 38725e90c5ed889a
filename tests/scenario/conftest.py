import json
import os
import pathlib
import subprocess

import pytest

import faulty
import harness
from managed import Managed


# mark of a test -> the parameters that name a row of its table
TABLES = {"dialect_cell": ("source", "target"), "engine_cell": ("engine", "target", "source")}


def pytest_configure(config):
    if not harness.BIN.exists():
        pytest.exit(f"{harness.BIN} is not there: run make, or set WEIR_BIN", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    for name, rows in TABLES.items():
        mark = item.get_closest_marker(name)
        if mark:
            row = " ".join(item.callspec.params[part] for part in rows)
            report.user_properties.append((name, [row, mark.args[0], item.location[1] + 1]))
    if report.when == "call" and report.failed:
        for weir in getattr(item, "weirs", []):
            log = weir.log()
            report.sections.append((f"log of {weir.folder.name}", log[-6000:]))


# the tables of docs/dialects.md: what passed in this run, for tests/dialects_table.py

CELLS = {name: {} for name in TABLES}


def pytest_runtest_logreport(report):
    """Each test of a cell counts; one that failed, or ran no further than its set-up, spoils it."""
    for name, value in report.user_properties:
        if name in TABLES and (report.when == "call" or report.outcome != "passed"):
            row, column, line = value
            cell = CELLS[name].setdefault(row, {}).setdefault(
                column, {"tests": [], "passed": 0, "line": line,
                         "file": report.nodeid.split("::")[0]})
            cell["tests"].append(report.nodeid.split("::")[1])
            cell["passed"] += report.outcome == "passed" and report.when == "call"


def pytest_sessionfinish(session):
    """The table of engines keeps the rows of those that did not run: hardly anybody has all."""
    if hasattr(session.config, "workerinput"):
        return
    folder = pathlib.Path(os.environ.get("WEIR_DIALECTS", harness.ROOT / "build"))
    for name, cells in CELLS.items():
        if not cells:
            continue
        path = folder / f"{name}s.json"
        if name == "engine_cell" and path.exists():
            cells = {**json.loads(path.read_text()), **cells}
        folder.mkdir(exist_ok=True)
        path.write_text(json.dumps(cells, indent=1, sort_keys=True) + "\n")


@pytest.fixture
def start(request, tmp_path):
    """start(backend, ..., **config) runs a Weir for this test; start.later does not start it."""
    request.node.weirs = []

    def make(*backends, env=None, host="127.0.0.1", run=True, **more):
        config = harness.config_of(*backends, **more)
        folder = tmp_path / f"weir{len(request.node.weirs)}"
        weir = harness.Weir(folder, config, env, host)
        request.node.weirs.append(weir)
        return weir.start() if run else weir

    yield make
    problems = []
    for weir in request.node.weirs:
        try:
            weir.stop()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, problems


@pytest.fixture
def lab():
    """The self-hosted side."""
    with faulty.Upstream(engine="vllm", models=["lab-model"]) as upstream:
        upstream.script(faulty.Auto("Hello from the lab.", model="lab-model"))
        yield upstream


@pytest.fixture
def cloud():
    """The managed side."""
    with faulty.Upstream(models=["cloud-model"]) as upstream:
        upstream.script(faulty.Auto("Hello from the cloud.", model="cloud-model"))
        yield upstream


@pytest.fixture
def managed():
    with Managed(key="sk-stand-in-0123456789") as api:
        yield api


@pytest.fixture
def weir(start, lab, cloud):
    """Both sides, the lab first."""
    return start(harness.backend("lab", "inside", lab), harness.backend("cloud", "outside", cloud))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority and a certificate for localhost, 127.0.0.1 and api.managed.test; another
    authority that nobody trusts. By the openssl command, as anybody would."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=folder)

    for name in ("good", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem", "-days", "2",
                "-subj", f"/CN={name} authority")
        for leaf, names in (("server", "DNS:localhost,DNS:api.managed.test,IP:127.0.0.1"),
                            ("stranger", "DNS:elsewhere.test")):
            (folder / "names").write_text(f"subjectAltName={names}\n")
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{name}-{leaf}.key", "-out", f"{name}-{leaf}.csr",
                    "-subj", f"/CN={leaf}")
            openssl("x509", "-req", "-in", f"{name}-{leaf}.csr", "-CA", f"{name}-ca.pem", "-CAkey",
                    f"{name}-ca.key", "-CAcreateserial", "-out", f"{name}-{leaf}.pem", "-days",
                    "2", "-extfile", "names")
    return folder


# real engines

ENGINES = os.environ.get("WEIR_ENGINES", "llamacpp").split(",")


class Engine:
    """A real engine of tools/engine."""

    def __init__(self, name):
        self.name, self.engine, self.port = name, name, faulty.free_port()
        self.models = [self._run("model")]

    def _run(self, verb, *args):
        command = [harness.ROOT / "tools" / "engine", self.name, verb, *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self):
        self.url = self._run("start", self.port)
        return self

    def stop(self):
        self._run("stop", self.port)


@pytest.fixture(scope="session", params=ENGINES)
def engine(request):
    server = Engine(request.param)
    server.start()
    yield server
    server.stop()
