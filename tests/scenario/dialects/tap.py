"""Between a client and a server: passes all bytes, and keeps what the server said."""
import json
import socket
import threading

from harness import Raw

import judge
import speech


class Recorded(Raw):
    """Reads answers from what was kept."""

    def __init__(self, data):
        self.data = data

    def _more(self):
        return False


class Tap:
    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.said = []  # a bytearray for each connection

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
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
                    client, _ = self._listener.accept()
                    server = socket.create_connection(self.target)
                except OSError:
                    return
                kept = bytearray()
                self.said.append(kept)
                for ends in ((client, server), (server, client, kept)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    @staticmethod
    def _pump(source, target, kept=None):
        try:
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                target.sendall(data)
        except OSError:
            pass
        with source:
            try:
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def answers(self):
        found = []
        for kept in self.said:
            recorded = Recorded(bytes(kept))
            while recorded.data:
                found.append(recorded.response())
        return found

    def judge(self, kind):
        """All that is wrong with the last answer, plain or streamed, by the SDK's types; and the
        events: (name, data), the end mark as the text [DONE]."""
        answer = self.answers()[-1]
        content = answer.headers.get("content-type", "").split(";")[0]
        if content == "application/json":
            body = json.loads(answer.body)
            return judge.answer(kind, body), [("", body)]
        assert content == ("application/x-ndjson" if kind in speech.NDJSON else
                           "text/event-stream"), content
        events = parsed(kind, answer.body)
        found = []
        for name, data in events:
            if data != "[DONE]" and not is_error(data):
                found += judge.event(kind, name, data)
        return found, events


def is_error(data):
    return bool(data.get("error")) or data.get("type") == "error"


def parsed(kind, body):
    if kind in speech.NDJSON:
        return [("", json.loads(line)) for line in body.splitlines() if line.strip()]
    events = []
    for block in body.decode().split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
        if data:
            text = "\n".join(data)
            events.append((name, text if text == "[DONE]" else json.loads(text)))
    return events
