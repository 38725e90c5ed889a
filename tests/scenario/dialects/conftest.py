import pytest

import faulty
from harness import backend

from clients import CLIENTS
from tap import Tap

ENGINE = {"openai-chat": {"engine": "openai"},
          "openai-responses": {"engine": "openai", "dialect": "openai-responses"},
          "anthropic": {"engine": "anthropic"}, "ollama": {"engine": "ollama"}}
BACKEND_KEY = "backend-key-0123456789"


class Pair:
    """A client of one dialect, Weir, a backend of another."""

    def __init__(self, source, target, upstream, weir, tap):
        self.source, self.target = source, target
        self.upstream, self.weir, self.tap = upstream, weir, tap
        self.client = CLIENTS[source](tap.url)

    def judge(self, kind=None):
        """The last answer's events, after all that left Weir was judged, both ways."""
        found, events = self.tap.judge(kind or self.source)
        assert not found, "\n".join(found)
        assert not self.upstream.complaints, "\n".join(self.upstream.complaints)
        return events


@pytest.fixture
def make_pair(start):
    """make_pair(source, target, **config): both ends of a running Weir."""
    open_ends = []

    def make(source, target, engine=None, more=None, **config):
        entry = {**(engine or ENGINE[target]), **(more or {})}
        upstream = faulty.Upstream(engine=entry["engine"], models=["fake-model"],
                                   window=131072).up()
        open_ends.append(upstream)
        weir = start(backend("far", "inside", upstream, key=BACKEND_KEY, **entry),
                     aliases={"asked": "inside/fake-model"}, **config)
        tap = Tap(weir.port)
        open_ends.append(tap)
        return Pair(source, target, upstream, weir, tap.__enter__())

    yield make
    for end in open_ends:
        end.__exit__(None, None, None)


@pytest.fixture
def pair(make_pair, source, target):
    return make_pair(source, target)
