"""The official clients, asked in no dialect's words; and what a backend heard, back in the same.

    client = CLIENTS["anthropic"](tap.url)
    seen = client.ask(Ask([user("Say hello.")]), stream=True)
    heard(exchange) == ask.turns
"""
import base64
import dataclasses
import json

import anthropic
import ollama
import openai

TAKEN_FOR_WHOLE = "the stream was cut, and the SDK did not raise"
KEY = "client-key-0123456789"
ERRORS = {"openai-chat": openai.APIError, "openai-responses": openai.APIError,
          "anthropic": anthropic.APIError, "ollama": ollama.ResponseError}


@dataclasses.dataclass
class Tool:
    name: str
    description: str
    schema: dict


@dataclasses.dataclass
class Ask:
    """`turns`: ("system", text), ("user", text), ("image", base64 of a PNG), ("assistant", text),
    ("call", id, name, arguments), ("result", id, name, text)."""
    turns: list
    tools: list = dataclasses.field(default_factory=list)
    schema: dict = None
    max_tokens: int = 500
    temperature: float = None
    stop: list = None
    choice: str = None  # auto, none, any, or a tool's name
    model: str = None


@dataclasses.dataclass
class Seen:
    """An answer. Tokens: all of the input, the cached part (None: not said), the output."""
    text: str = ""
    thinking: str = ""
    calls: list = dataclasses.field(default_factory=list)  # (id, name, arguments)
    finish: str = None
    models: set = dataclasses.field(default_factory=set)
    tokens: tuple = None


def merged(turns):
    """Neighbours that one message holds: the turns in groups by who speaks."""
    who = {"image": "user", "call": "assistant"}
    groups = []
    for turn in turns:
        role = who.get(turn[0], turn[0])
        if groups and groups[-1][0] == role:
            groups[-1][1].append(turn)
        else:
            groups.append((role, [turn]))
    return groups


class OpenAIChat:
    finishes = {"stop": "stop", "length": "length", "tool_calls": "calls",
                "content_filter": "filter"}

    def __init__(self, url, model="asked", timeout=20):
        self.model = model
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0,
                                 timeout=timeout)

    def build(self, ask):
        messages = []
        for role, turns in merged(ask.turns):
            if role == "user":
                parts = [{"type": "text", "text": t[1]} if t[0] == "user" else
                         {"type": "image_url", "image_url":
                          {"url": "data:image/png;base64," + t[1]}} for t in turns]
                only = len(parts) == 1 and parts[0]["type"] == "text"
                messages.append({"role": role, "content": parts[0]["text"] if only else parts})
            elif role == "assistant":
                message = {"role": role, "content": "".join(
                    t[1] for t in turns if t[0] == "assistant") or None}
                calls = [{"id": t[1], "type": "function",
                          "function": {"name": t[2], "arguments": json.dumps(t[3])}}
                         for t in turns if t[0] == "call"]
                if calls:
                    message["tool_calls"] = calls
                messages.append(message)
            elif role == "result":
                messages += [{"role": "tool", "tool_call_id": t[1], "content": t[3]}
                             for t in turns]
            else:
                messages += [{"role": role, "content": t[1]} for t in turns]
        more = {"max_completion_tokens": ask.max_tokens}
        if ask.tools:
            more["tools"] = [{"type": "function", "function": {
                "name": t.name, "description": t.description, "parameters": t.schema}}
                for t in ask.tools]
        if ask.choice:
            more["tool_choice"] = {"any": "required"}.get(ask.choice, ask.choice) \
                if ask.choice in ("auto", "none", "any") else \
                {"type": "function", "function": {"name": ask.choice}}
        if ask.schema:
            more["response_format"] = {"type": "json_schema", "json_schema": {
                "name": "answer", "schema": ask.schema, "strict": True}}
        if ask.temperature is not None:
            more["temperature"] = ask.temperature
        if ask.stop:
            more["stop"] = ask.stop
        return {"model": ask.model or self.model, "messages": messages, **more}

    def ask(self, ask, stream):
        request = self.build(ask)
        seen = Seen()
        if not stream:
            answer = self.sdk.chat.completions.create(**request)
            message = answer.choices[0].message
            seen.text, seen.finish = message.content or "", answer.choices[0].finish_reason
            seen.thinking = getattr(message, "reasoning_content", None) or ""
            seen.calls = [(c.id, c.function.name, json.loads(c.function.arguments))
                          for c in message.tool_calls or []]
            seen.models = {answer.model}
            self._usage(seen, answer.usage)
        else:
            calls = {}
            events = self.sdk.chat.completions.create(
                **request, stream=True, stream_options={"include_usage": True})
            for event in events:
                seen.models.add(event.model)
                if event.usage:
                    assert seen.tokens is None, "usage came twice"
                    self._usage(seen, event.usage)
                for choice in event.choices:
                    seen.text += choice.delta.content or ""
                    seen.thinking += getattr(choice.delta, "reasoning_content", None) or ""
                    seen.finish = choice.finish_reason or seen.finish
                    for c in choice.delta.tool_calls or []:
                        call = calls.setdefault(c.index, [None, "", ""])
                        call[0] = call[0] or c.id
                        call[1] += c.function.name or ""
                        call[2] += c.function.arguments or ""
            seen.calls = [(i, name, json.loads(arguments)) for i, name, arguments in calls.values()]
            assert seen.finish is not None, TAKEN_FOR_WHOLE
        seen.finish = self.finishes[seen.finish]
        return seen

    @staticmethod
    def _usage(seen, usage):
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        details = usage.prompt_tokens_details
        seen.tokens = (usage.prompt_tokens, details and details.cached_tokens,
                       usage.completion_tokens)


class OpenAIResponses:
    def __init__(self, url, model="asked", timeout=20):
        self.model = model
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0,
                                 timeout=timeout)

    def build(self, ask):
        items, more = [], {"max_output_tokens": ask.max_tokens}
        for role, turns in merged(ask.turns):
            if role == "user":
                items.append({"role": "user", "content": [
                    {"type": "input_text", "text": t[1]} if t[0] == "user" else
                    {"type": "input_image", "detail": "auto",
                     "image_url": "data:image/png;base64," + t[1]} for t in turns]})
            elif role == "result":
                items += [{"type": "function_call_output", "call_id": t[1], "output": t[3]}
                          for t in turns]
            elif role == "assistant":
                for t in turns:
                    items.append({"type": "message", "role": "assistant", "content": t[1]}
                                 if t[0] == "assistant" else
                                 {"type": "function_call", "call_id": t[1], "name": t[2],
                                  "arguments": json.dumps(t[3])})
            elif not items and "instructions" not in more:
                more["instructions"] = "\n".join(t[1] for t in turns)
            else:
                items += [{"role": role, "content": t[1]} for t in turns]
        if ask.tools:
            more["tools"] = [{"type": "function", "name": t.name, "description": t.description,
                              "parameters": t.schema, "strict": False} for t in ask.tools]
        if ask.choice:
            more["tool_choice"] = {"any": "required"}.get(ask.choice, ask.choice) \
                if ask.choice in ("auto", "none", "any") else \
                {"type": "function", "name": ask.choice}
        if ask.schema:
            more["text"] = {"format": {"type": "json_schema", "name": "answer", "strict": True,
                                       "schema": ask.schema}}
        if ask.temperature is not None:
            more["temperature"] = ask.temperature
        return {"model": ask.model or self.model, "input": items, **more}

    def ask(self, ask, stream):
        request = self.build(ask)
        seen = Seen()
        if not stream:
            answer = self.sdk.responses.create(**request)
        else:
            answer, text, arguments = None, "", {}
            for event in self.sdk.responses.create(**request, stream=True):
                if event.type == "response.output_text.delta":
                    text += event.delta
                elif event.type == "response.function_call_arguments.delta":
                    arguments[event.output_index] = \
                        arguments.get(event.output_index, "") + event.delta
                elif event.type in ("response.completed", "response.incomplete"):
                    answer = event.response
                if hasattr(event, "response"):
                    seen.models.add(event.response.model)
            assert answer is not None, TAKEN_FOR_WHOLE
            assert text == answer.output_text
            assert arguments == {n: item.arguments for n, item in enumerate(answer.output)
                                 if item.type == "function_call"}
        seen.models.add(answer.model)
        seen.text = answer.output_text
        for item in answer.output:
            if item.type == "function_call":
                seen.calls.append((item.call_id, item.name, json.loads(item.arguments)))
            elif item.type == "reasoning":
                seen.thinking += "".join(s.text for s in item.summary or item.content or [])
        reason = answer.incomplete_details and answer.incomplete_details.reason
        seen.finish = {"max_output_tokens": "length", "content_filter": "filter"}[reason] \
            if answer.status == "incomplete" else "calls" if seen.calls else "stop"
        usage = answer.usage
        if not usage:  # the API's own type allows that
            return seen
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        seen.tokens = (usage.input_tokens, usage.input_tokens_details.cached_tokens,
                       usage.output_tokens)
        return seen


class Anthropic:
    finishes = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length",
                "tool_use": "calls", "refusal": "filter"}

    def __init__(self, url, model="asked", timeout=20):
        self.model = model
        self.sdk = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=timeout)

    def build(self, ask):
        messages, more = [], {"max_tokens": ask.max_tokens}
        for role, turns in merged(ask.turns):
            blocks = []
            for t in turns:
                if t[0] in ("user", "assistant", "system"):
                    blocks.append({"type": "text", "text": t[1]})
                elif t[0] == "image":
                    blocks.append({"type": "image", "source": {
                        "type": "base64", "media_type": "image/png", "data": t[1]}})
                elif t[0] == "call":
                    blocks.append({"type": "tool_use", "id": t[1], "name": t[2], "input": t[3]})
                else:
                    blocks.append({"type": "tool_result", "tool_use_id": t[1], "content": t[3]})
            if role == "system":
                more["system"] = blocks[0]["text"] if len(blocks) == 1 else blocks
            else:
                messages.append({"role": "user" if role == "result" else role, "content": blocks})
        if ask.tools:
            more["tools"] = [{"name": t.name, "description": t.description,
                              "input_schema": t.schema} for t in ask.tools]
        if ask.choice:
            more["tool_choice"] = {"type": ask.choice} if ask.choice in ("auto", "none", "any") \
                else {"type": "tool", "name": ask.choice}
        if ask.schema:
            more["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        if ask.stop:
            more["stop_sequences"] = ask.stop
        if ask.temperature is not None:
            more["extra_body"] = {"temperature": ask.temperature}
        return {"model": ask.model or self.model, "messages": messages, **more}

    def ask(self, ask, stream):
        request = self.build(ask)
        seen = Seen()
        if not stream:
            answer = self.sdk.messages.create(**request)
        else:
            with self.sdk.messages.stream(**request) as events:
                ended = False
                for event in events:
                    ended |= event.type == "message_stop"
                assert ended, TAKEN_FOR_WHOLE
                answer = events.get_final_message()
        seen.models = {answer.model}
        for block in answer.content:
            if block.type == "text":
                seen.text += block.text
            elif block.type == "thinking":
                seen.thinking += block.thinking
            elif block.type == "tool_use":
                seen.calls.append((block.id, block.name, block.input))
        seen.finish = self.finishes[answer.stop_reason]
        usage = answer.usage
        seen.tokens = (usage.input_tokens + (usage.cache_read_input_tokens or 0) +
                       (usage.cache_creation_input_tokens or 0), usage.cache_read_input_tokens,
                       usage.output_tokens)
        return seen


class Ollama:
    def __init__(self, url, model="asked", timeout=20):
        self.model = model
        self.sdk = ollama.Client(host=url, timeout=timeout,
                                 headers={"Authorization": "Bearer " + KEY})

    def build(self, ask):
        messages = []
        for role, turns in merged(ask.turns):
            if role in ("user", "assistant"):
                message = {"role": role, "content": "\n".join(
                    t[1] for t in turns if t[0] == role)}
                images = [t[1] for t in turns if t[0] == "image"]
                calls = [{"function": {"name": t[2], "arguments": t[3]}} for t in turns
                         if t[0] == "call"]
                if images:
                    message["images"] = images
                if calls:
                    message["tool_calls"] = calls
                messages.append(message)
            elif role == "result":
                messages += [{"role": "tool", "tool_name": t[2], "content": t[3]} for t in turns]
            else:
                messages += [{"role": role, "content": t[1]} for t in turns]
        options = {"num_predict": ask.max_tokens}
        if ask.temperature is not None:
            options["temperature"] = ask.temperature
        if ask.stop:
            options["stop"] = ask.stop
        more = {"options": options}
        if ask.tools:
            more["tools"] = [{"type": "function", "function": {
                "name": t.name, "description": t.description, "parameters": t.schema}}
                for t in ask.tools]
        if ask.schema:
            more["format"] = ask.schema
        return {"model": ask.model or self.model, "messages": messages, **more}

    def ask(self, ask, stream):
        seen = Seen()
        answers = self.sdk.chat(**self.build(ask), stream=stream)
        last = None
        for answer in answers if stream else [answers]:
            assert last is None, "a line came after the last one"
            seen.models.add(answer.model)
            seen.text += answer.message.content or ""
            seen.thinking += answer.message.thinking or ""
            # the SDK's type knows no ids
            seen.calls += [(None, c.function.name, c.function.arguments)
                           for c in answer.message.tool_calls or []]
            if answer.done:
                last = answer
        assert last is not None, TAKEN_FOR_WHOLE
        seen.finish = "calls" if seen.calls else last.done_reason
        seen.tokens = (last.prompt_eval_count, None, last.eval_count)
        return seen


CLIENTS = {"openai-chat": OpenAIChat, "openai-responses": OpenAIResponses, "anthropic": Anthropic,
           "ollama": Ollama}


# what a backend heard

def heard(kind, body):
    """The request as an Ask; ids of calls become their order, so that dialects without ids compare;
    a result must name a call that was made."""
    ask = {"openai-chat": _heard_chat, "openai-responses": _heard_responses,
           "anthropic": _heard_anthropic, "ollama": _heard_ollama}[kind](body)
    ask.model = body["model"]
    ask.turns = numbered(ask.turns)
    return ask


def numbered(turns):
    """Without an id a result belongs to the first call of its name that has none yet."""
    ids, names, unanswered, told = {}, [], [], []
    for turn in turns:
        if turn[0] == "call":
            if turn[1] is not None:
                assert turn[1] not in ids, f"the call id {turn[1]} stands twice"
                ids[turn[1]] = len(names)
            unanswered.append(len(names))
            told.append(("call", len(names), turn[2], turn[3]))
            names.append(turn[2])
        elif turn[0] == "result":
            number = ids[turn[1]] if turn[1] in ids else next(
                n for n in unanswered if names[n] == turn[2])
            unanswered.remove(number)
            told.append(("result", number, names[number], turn[3]))
        else:
            told.append(turn)
    return told


def _data(url):
    head, data = url.split(",", 1)
    assert head == "data:image/png;base64", head
    base64.b64decode(data, validate=True)
    return data


def _text(content, between=""):
    if isinstance(content, str):
        return content
    return between.join(part["text"] for part in content or [])


def _chosen(choice):
    if choice is None or isinstance(choice, str):
        return {"required": "any"}.get(choice, choice)
    return choice["function"]["name"] if "function" in choice else choice["name"]


def _heard_chat(body):
    turns = []
    for m in body["messages"]:
        role = {"developer": "system"}.get(m["role"], m["role"])
        if role == "tool":
            turns.append(("result", m["tool_call_id"], None, _text(m["content"])))
        elif role == "user" and not isinstance(m["content"], str):
            turns += [("user", p["text"]) if p["type"] == "text" else
                      ("image", _data(p["image_url"]["url"])) for p in m["content"]]
        elif m.get("content"):
            turns.append((role, _text(m["content"])))
        turns += [("call", c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
                  for c in m.get("tool_calls") or []]
    form = body.get("response_format") or {}
    stop = body.get("stop")
    return Ask(turns, [Tool(t["function"]["name"], t["function"].get("description"),
                            t["function"].get("parameters")) for t in body.get("tools") or []],
               form.get("json_schema", {}).get("schema"),
               body.get("max_completion_tokens") or body.get("max_tokens"),
               body.get("temperature"), [stop] if isinstance(stop, str) else stop,
               _chosen(body.get("tool_choice")))


def _heard_responses(body):
    turns = [("system", body["instructions"])] if body.get("instructions") else []
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "function_call":
            turns.append(("call", item["call_id"], item["name"], json.loads(item["arguments"])))
        elif kind == "function_call_output":
            turns.append(("result", item["call_id"], None, _text(item["output"])))
        elif kind == "message":
            role = {"developer": "system"}.get(item["role"], item["role"])
            content = item["content"]
            for p in [{"text": content}] if isinstance(content, str) else content:
                turns.append(("image", _data(p["image_url"])) if "image_url" in p
                             else (role, p["text"]))
    form = (body.get("text") or {}).get("format") or {}
    return Ask(turns, [Tool(t["name"], t.get("description"), t.get("parameters"))
                       for t in body.get("tools") or []], form.get("schema"),
               body.get("max_output_tokens"), body.get("temperature"), None,
               _chosen(body.get("tool_choice")))


def _heard_anthropic(body):
    turns = [("system", _text(body["system"], "\n"))] if body.get("system") else []
    roles = [m["role"] for m in body["messages"]]
    assert roles[0] == "user" and all(a != b for a, b in zip(roles, roles[1:])), roles
    for m in body["messages"]:
        blocks = m["content"]
        for b in [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks:
            if b["type"] == "text":
                turns.append((m["role"], b["text"]))
            elif b["type"] == "image":
                assert b["source"]["type"] == "base64" and b["source"]["media_type"] == "image/png"
                turns.append(("image", b["source"]["data"]))
            elif b["type"] == "tool_use":
                turns.append(("call", b["id"], b["name"], b["input"]))
            elif b["type"] == "tool_result":
                turns.append(("result", b["tool_use_id"], None, _text(b.get("content"))))
    form = (body.get("output_config") or {}).get("format") or {}
    choice = body.get("tool_choice") or {}
    return Ask(turns, [Tool(t["name"], t.get("description"), t["input_schema"])
                       for t in body.get("tools") or []], form.get("schema"), body["max_tokens"],
               body.get("temperature"), body.get("stop_sequences"),
               choice.get("name") or choice.get("type"))


def _heard_ollama(body):
    turns = []
    for m in body["messages"]:
        if m["role"] == "tool":
            turns.append(("result", m.get("tool_call_id"), m.get("tool_name"), m["content"]))
            continue
        if m.get("content"):
            turns.append((m["role"], m["content"]))
        turns += [("image", data) for data in m.get("images") or []]
        turns += [("call", c.get("id"), c["function"]["name"], c["function"]["arguments"])
                  for c in m.get("tool_calls") or []]
    options = body.get("options") or {}
    stop = options.get("stop")
    return Ask(turns, [Tool(t["function"]["name"], t["function"].get("description"),
                            t["function"].get("parameters")) for t in body.get("tools") or []],
               body.get("format"), options.get("num_predict"), options.get("temperature"),
               [stop] if isinstance(stop, str) else stop)
