"""What both fakes share: reading an HTTP request, and the shapes of OpenAI's answers."""
import json
import time


SPEAKS = (("/chat/completions", "openai-chat"), ("/responses", "openai-responses"),
          ("/messages", "anthropic"), ("/messages/count_tokens", "count_tokens"),
          ("/completions", "completion"), ("/api/embeddings", "embed_old"),
          ("/embeddings", "embeddings"), ("/api/chat", "ollama"),
          ("/api/generate", "generate"), ("/api/embed", "embed"))


class Request:
    """One request as it came."""

    def __init__(self, head, body=b""):
        self.head = head
        self.body = body
        self.at = time.monotonic()
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target = lines[0].split(" ")[:2]
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers.append((name.lower(), value.strip()))

    def header(self, name, default=None):
        return next((v for n, v in self.headers if n == name.lower()), default)

    @property
    def path(self):
        return self.target.split("?")[0]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def chat(self):
        return self.speaks == "openai-chat"

    @property
    def speaks(self):
        """The dialect, or the smaller API, of a request that asks a model; None for all others."""
        if self.method != "POST":
            return None
        return next((kind for end, kind in SPEAKS if self.path.endswith(end)), None)

    def __repr__(self):
        return f"<{self.method} {self.target} {len(self.body)} bytes>"


def body_length(request):
    """Bytes of the body, or None for a chunked one."""
    if "chunked" in (request.header("transfer-encoding") or "").lower():
        return None
    return int(request.header("content-length") or 0)


def head(status, headers, reason="OK"):
    lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def event(data):
    if not isinstance(data, (str, bytes)):
        data = json.dumps(data, separators=(",", ":"))
    if isinstance(data, str):
        data = data.encode()
    return b"data: " + data + b"\n\n"


def tokens(text):
    """About what a tokenizer would count; the fakes only need to be consistent."""
    return max(1, (len(text) + 3) // 4)


def usage(prompt, completion, cached=0):
    return {"prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached}}


def completion(model, message, finish="stop", use=None, ident="chatcmpl-fake"):
    return {"id": ident, "object": "chat.completion", "created": 1700000000, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", **message},
                         "finish_reason": finish}], "usage": use or usage(10, 5)}


def delta(model, change, finish=None, ident="chatcmpl-fake", **more):
    return {"id": ident, "object": "chat.completion.chunk", "created": 1700000000, "model": model,
            "choices": [{"index": 0, "delta": change, "finish_reason": finish}], **more}


def usage_event(model, use, ident="chatcmpl-fake"):
    return {"id": ident, "object": "chat.completion.chunk", "created": 1700000000, "model": model,
            "choices": [], "usage": use}


def error(message, kind, code=None, param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def prompt_text(request):
    """All text of a chat request, for counting."""
    parts = []
    for message in request.get("messages", []):
        content = message.get("content") or ""
        if isinstance(content, list):
            content = " ".join(part.get("text", "") for part in content)
        parts.append(content)
    return "\n".join(parts)
