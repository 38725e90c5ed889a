"""A model that knows one long answer, and goes on with it where a request says how far it got.

    up.script(continuing.Tell(up.engine))                               # the whole, or the rest
    up.script(continuing.Tell(up.engine, after=40, then=[faulty.FIN]))  # 40 events, then this

It has 60 pieces, an event each. No word comes twice, so what a gateway joins shows each gap and
each repeat; and nothing of it is sensitive, so it may go outside. Whoever hands along what is not
its beginning hears LOST. What an engine takes for "go on":

| engine | goes on when |
| --- | --- |
| vllm | continue_final_message, and add_generation_prompt false; both true: 400 |
| llamacpp | the last message is the assistant's; a thinking model: 400; two such messages: 400 |
| ollama | the last message is the assistant's; /api/generate: raw, behind _debug_render_only's |
| anthropic | the same; later models than 4.5, or white space at its end: 400 |
| openai | never: it begins a new answer |

Templates trim what a message ends in: white space there is said again by the model.
"""
import dataclasses
import re

import speech
import wire
from speech import Said

LOST = "[This is not what was said before.]"
TURN = "<|im_start|>assistant\n"  # Ollama renders ChatML here
PIECE = re.compile(r"\s*\S+\s*$|\s*\S+(?:\n+)?")  # a token has its space in front, as engines say


class Story(Said):
    """A `Said` whose pieces are words."""

    def cut(self, text):
        return PIECE.findall(text)


TEXT = (
    'Once, beyond the Zürichsee, lived a très old clock-maker: blåøyd, alone.\n\nHis shop smelled '
    'of oil; children called it "the tick\\tock house". One winter ☃ fell seven days.\nNobody '
    'came. So he built 🕰️ <himself> company: first birds & then foxes, at last γρύλος, who could '
    'sing naïvely until dawn woke every neighbour.\tThey laughed, paid in apples — spring.')
STORY = Story(TEXT)
PIECES = STORY.cut(TEXT)


def text_of(message):
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)


def rendered(body):
    """The prompt of a chat as Ollama's template makes it: the last turn stays open."""
    turns = [f"<|im_start|>{m['role']}\n{text_of(m)}" for m in body["messages"]]
    if body["messages"][-1]["role"] != "assistant":
        turns.append(TURN)
    return "<|im_end|>\n".join(turns)


class Refused(Exception):
    """The engine takes no such beginning."""


def _chat_beginning(engine, body, thinking):
    turns = body["messages"]
    on = body.get("continue_final_message", False)
    if engine == "vllm":
        if on and body.get("add_generation_prompt", True):
            raise Refused("Cannot set both `continue_final_message` and `add_generation_prompt` to "
                          "True.")
        if on and turns[-1]["role"] != "assistant":
            raise Refused("Cannot set `continue_final_message` without an assistant message.")
        return text_of(turns[-1]) if on else None
    if engine == "openai" or turns[-1]["role"] != "assistant":
        return None
    if engine == "llamacpp" and len(turns) > 1 and turns[-2]["role"] == "assistant":
        raise Refused("Cannot have 2 or more assistant messages at the end of the list.")
    if engine == "llamacpp" and thinking:
        raise Refused("Assistant response prefill is incompatible with enable_thinking.")
    return text_of(turns[-1])


def _message_beginning(body):
    last = body["messages"][-1]
    if last["role"] != "assistant":
        return None
    version = re.search(r"^claude-[a-z]+-(\d+)(?:-(\d\d?))?(?:-|$)", body["model"])
    if version and (int(version[1]), int(version[2] or 0)) > (4, 5):
        raise Refused("This model does not support assistant message prefill. The conversation "
                      "must end with a user message.")
    text = text_of(last)
    if text != text.rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")
    return text


def beginning(engine, kind, body, thinking=False):
    """What the answer shall begin with, None for one of its own; may raise Refused."""
    if kind == "openai-chat":
        return _chat_beginning(engine, body, thinking)
    if kind == "anthropic":
        return _message_beginning(body)
    if kind == "generate":
        return body["prompt"].rsplit(TURN, 1)[-1] or None if body.get("raw") else None
    if kind == "ollama" and body["messages"][-1]["role"] == "assistant":
        return text_of(body["messages"][-1])
    return None


def rest(said, begun):
    """What is left of the answer behind what the template made of its beginning."""
    begun = (begun or "").rstrip()
    text = said.text[len(begun):] if said.text.startswith(begun) else LOST
    return dataclasses.replace(said, text=text, tokens_in=said.tokens_in + len(said.cut(begun)))


def limited(said, body):
    """No more tokens than the request allows."""
    limit = next((body[name] for name in ("max_completion_tokens", "max_tokens",
                                          "max_output_tokens") if body.get(name)),
                 (body.get("options") or {}).get("num_predict"))
    pieces = said.cut(said.text)
    if limit and limit < len(pieces):
        pieces = pieces[:limit]
        said = dataclasses.replace(said, text="".join(pieces), calls=[], finish="length")
    return dataclasses.replace(said, tokens_out=len(pieces))


def carries(kind, name, data):
    """Whether an event has a piece of the answer."""
    if kind == "openai-chat":
        change = data["choices"][0]["delta"] if data != "[DONE]" and data["choices"] else {}
        return bool(change.get("content") or change.get("tool_calls"))
    if kind == "openai-responses":
        return name.endswith(".delta")
    if kind == "anthropic":
        return name == "content_block_delta" and any(
            data["delta"].get(part) for part in ("text", "partial_json"))
    if kind == "generate":
        return bool(data["response"])
    return bool(data["message"]["content"] or data["message"].get("tool_calls"))


def Tell(engine, said=STORY, after=None, then=(), delay=0.0, able=True, thinking=False):
    """The answer, or what is left of it, a piece each `delay` seconds. `after`: this many events
    with a piece of it, and then these steps (or what a function of the kind returns) instead of the
    others; a plain answer breaks in the middle of its body. `able` false: every beginning is passed
    over, as by a template that ends each turn."""
    def run(exchange):
        kind, body = exchange.speaks, exchange.json
        if body.get("_debug_render_only"):
            yield speech.json_answer(200, {
                "model": body["model"], "created_at": speech.CREATED_TEXT, "done": False,
                "message": {"role": "", "content": ""},
                "_debug_info": {"rendered_template": rendered(body)}})
            return
        try:
            begun = beginning(engine, kind, body, thinking)
        except Refused as why:
            yield from speech.Refuse(400, str(why))(exchange)
            return
        answer = limited(rest(said, begun if able else None), body)
        answer = dataclasses.replace(answer, model=body.get("model") or said.model)
        steps = then(kind) if callable(then) else then
        if not speech.streams(kind, body):
            yield delay * answer.tokens_out
            whole = speech.json_answer(200, speech.PLAIN[kind](answer, body))
            yield from [whole] if after is None else [whole[:len(whole) - 40], 0.02, *steps]
            return
        yield speech.stream_head(kind)
        count = 0
        for name, data in speech.STREAM[kind](answer, body):
            if count == after:
                # else it could come before the gateway has said a byte
                yield from [0.05, *steps]
                return
            yield wire.chunk(speech.frame(kind, name, data))
            if carries(kind, name, data):
                count += 1
                yield delay
        yield wire.LAST_CHUNK
    return run
