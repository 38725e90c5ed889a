"""An engine that works on a few requests at a time and queues the others, first come first served.

    with Upstream(engine="vllm") as up:
        engine = Slots(up, 2, seconds=0.2)   # from now on the upstream's script, and its load
        ... engine.most_queued, engine.order ...
    engine.held = True                   # what is worked on does not end before this is False
"""
import threading
import time

import faulty


class Slots:
    """A script for an upstream. Who leaves is out of the line at once."""

    def __init__(self, upstream, slots, seconds=0.01, text="Hello from the lab.", held=False):
        self.upstream, self.slots, self.seconds, self.text = upstream, slots, seconds, text
        self.held = held
        self.lock, self.line = threading.Lock(), []
        self.most_queued = 0
        self.queued_at = None  # when as many as `overflow.queue` first waited
        self.order = []        # what was asked, in the order in which it was worked on
        upstream.script(self)
        self._tell()

    def _tell(self):
        queued = max(0, len(self.line) - self.slots)
        self.most_queued = max(self.most_queued, queued)
        if queued >= 4 and not self.queued_at:
            self.queued_at = time.monotonic()
        self.upstream.load = {"running": len(self.line) - queued, "queued": queued, "kv": 0.0}

    def __call__(self, exchange):
        mine = object()
        with self.lock:
            self.line.append(mine)
            self._tell()
        try:
            while mine not in self.line[:self.slots]:
                yield 0.005
            self.order.append(exchange.json["messages"][-1]["content"])
            yield self.seconds
            yield faulty.until(lambda: not self.held)
            yield from faulty.Auto(self.text)(exchange)
        finally:
            with self.lock:
                self.line.remove(mine)
                self._tell()
