"""Independent judges: what the official SDKs' own types say of a request, an answer or an event.

    judge.request("/v1/messages", body)      -> ["max_tokens: missing", ...]; empty: it is right
    judge.answer("anthropic", body)          -> the same for a plain answer
    judge.event("anthropic", name, data)     -> the same for an event or a line of a stream

The SDKs themselves do not look: their clients build objects from whatever comes, request types are
hints only, and an unknown field passes everywhere. So their types are walked here, by their
annotations: each field must be known, present when it is required, and of its type. Of the
variants of a union the one counts that complains least.

BEYOND holds what an API documents and its SDK's types leave out; nothing else is let through.
"""
import datetime
import functools
import types
import typing

import typing_extensions

import anthropic.types
import anthropic.types.message_count_tokens_params
import anthropic.types.message_create_params
import anthropic.types.shared
import ollama
import ollama._types
import openai.types
import openai.types.chat
import openai.types.chat.completion_create_params
import openai.types.completion_create_params
import openai.types.embedding_create_params
import openai.types.responses
import openai.types.responses.response_create_params
import pydantic

DIALECTS = ("openai-chat", "openai-responses", "anthropic", "ollama")

REQUESTS = {
    "/v1/chat/completions": openai.types.chat.completion_create_params.CompletionCreateParams,
    "/v1/responses": openai.types.responses.response_create_params.ResponseCreateParams,
    "/v1/completions": openai.types.completion_create_params.CompletionCreateParams,
    "/v1/embeddings": openai.types.embedding_create_params.EmbeddingCreateParams,
    "/v1/messages": anthropic.types.message_create_params.MessageCreateParams,
    "/v1/messages/count_tokens":
        anthropic.types.message_count_tokens_params.MessageCountTokensParams,
    "/api/chat": ollama._types.ChatRequest,
    "/api/generate": ollama._types.GenerateRequest,
    "/api/embed": ollama._types.EmbedRequest,
    "/api/show": ollama._types.ShowRequest,
}

ANSWERS = {
    "openai-chat": openai.types.chat.ChatCompletion,
    "openai-responses": openai.types.responses.Response,
    "anthropic": anthropic.types.Message,
    "ollama": ollama.ChatResponse,
    "completion": openai.types.Completion,
    "embeddings": openai.types.CreateEmbeddingResponse,
    "count_tokens": anthropic.types.MessageTokensCount,
    "generate": ollama.GenerateResponse,
    "embed": ollama.EmbedResponse,
    "tags": ollama.ListResponse,
    "ps": ollama.ProcessResponse,
    "show": ollama.ShowResponse,
    "anthropic-error": anthropic.types.shared.ErrorResponse,
}

EVENTS = {
    "openai-chat": openai.types.chat.ChatCompletionChunk,
    "openai-responses": openai.types.responses.ResponseStreamEvent,
    "anthropic": anthropic.types.RawMessageStreamEvent,
    "ollama": ollama.ChatResponse,
    "generate": ollama.GenerateResponse,
    "completion": openai.types.Completion,
}

# class name -> field -> type
BEYOND = {
    # sampling, which the API takes and the SDK's types have no more
    "MessageCreateParamsNonStreaming": {"temperature": float, "top_p": float, "top_k": int},
    "MessageCreateParamsStreaming": {"temperature": float, "top_p": float, "top_k": int},
    # what the server sends and takes beside what its Python client knows
    "ToolCall": {"id": str},
    "Function": {"index": int},
    "Message": {"tool_call_id": str},
    "ListResponse.Model": {"name": str},
    "Details": {"parent_model": str},
    "Logprob": {"bytes": list, "id": int},  # the latter is llama.cpp's
    "TokenLogprob": {"bytes": list, "id": int},
    # null until the last event of a stream
    "CompletionChoice": {"finish_reason": typing.Optional[
        typing_extensions.Literal["stop", "length", "content_filter"]]},
    # with this member its SDK raises; with the documented ones alone it does not
    "ResponseErrorEvent": {"error": dict},
    # vLLM's and DeepSeek's reasoning, which clients read there
    "ChatCompletionMessage": {"reasoning": str, "reasoning_content": str},
    "ChoiceDelta": {"reasoning": str, "reasoning_content": str},
    "ChatCompletionAssistantMessageParam": {"reasoning": str, "reasoning_content": str},
    # Ollama's server knows them, its SDK does not
    "ChatRequest": {"truncate": bool, "shift": bool},
    "GenerateRequest": {"truncate": bool, "shift": bool},
}
# these speak JSON schema or anything else in a place that the class describes too narrowly
FREE = {"ollama._types.Parameters"}


def request(path, body):
    return walk(REQUESTS[path], body)


def answer(kind, body):
    return walk(ANSWERS[kind], body)


def event(kind, name, data):
    """`name`: the SSE event field ("" where a dialect has none)."""
    if kind == "anthropic" and data == {"type": "ping"}:
        return [] if name == "ping" else [f"event {name!r}: its data says ping"]
    found = walk(EVENTS[kind], data)
    if kind in ("anthropic", "openai-responses"):
        if name != data.get("type"):
            found.append(f"event {name!r}: its data says {data.get('type')!r}")
    elif name:
        found.append(f"event {name!r}: this dialect names none")
    return found


# the walk

def walk(kind, value, at=""):
    """All complaints about `value` as a `kind`."""
    if isinstance(kind, typing_extensions.TypeAliasType):
        return walk(kind.__value__, value, at)
    origin = typing_extensions.get_origin(kind)
    args = typing_extensions.get_args(kind)
    if kind is typing.Any or kind is object:
        return []
    if isinstance(kind, typing.TypeVar):
        return []
    if origin in (typing_extensions.Annotated, typing_extensions.Required,
                  typing_extensions.NotRequired, typing.ClassVar):
        return walk(args[0], value, at)
    if origin in (typing.Union, types.UnionType):
        return _union(args, value, at)
    if origin is typing_extensions.Literal:
        return [] if value in args and type(value) in map(type, args) \
            else [f"{at}: {value!r} is none of {args}"]
    if kind is None or kind is type(None):
        return [] if value is None else [f"{at}: {_shown(value)} is not null"]
    if typing_extensions.is_typeddict(kind) or _is_model(kind):
        return _fields(kind, value, at)
    base = origin or kind
    if base in (str, bool):
        return [] if isinstance(value, base) else [f"{at}: {_shown(value)} is no {base.__name__}"]
    if base is int or kind is pydantic.ByteSize:
        return [] if type(value) is int else [f"{at}: {_shown(value)} is no int"]
    if base is float:
        return [] if type(value) in (int, float) else [f"{at}: {_shown(value)} is no number"]
    if base is datetime.datetime:
        return _date(value, at)
    if isinstance(base, type) and issubclass(base, typing.Mapping):
        return _map(args, value, at)
    if base is typing_extensions.get_origin(typing.Iterable[int]) or \
            (isinstance(base, type) and issubclass(base, (list, typing.Sequence))) or \
            getattr(base, "__name__", "") in ("Iterable", "SequenceNotStr"):
        return _list(args, value, at)
    if isinstance(base, type):  # bytes, paths: what Python takes and JSON cannot say
        return [f"{at}: {_shown(value)} is no {base.__name__}"]
    raise TypeError(f"{at}: the judge does not know {kind!r}")


def _shown(value):
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _is_model(kind):
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _union(args, value, at):
    best = None
    for variant in args:
        found = walk(variant, value, at)
        if not found:
            return []
        # a variant that is named by the value's own tag is meant, however much is wrong with it;
        # one that is of another kind altogether is not
        rank = (not _tagged(variant, value), any(f.startswith(f"{at}: ") for f in found),
                len(found))
        if best is None or rank < best[0]:
            best = rank, found
    return best[1]


def _tagged(variant, value):
    while typing_extensions.get_origin(variant) is typing_extensions.Annotated:
        variant = typing_extensions.get_args(variant)[0]
    if not isinstance(value, dict) or not (typing_extensions.is_typeddict(variant)
                                           or _is_model(variant)):
        return False
    fields = _known(variant)[0]
    return any(tag in fields and tag in value and not walk(fields[tag], value[tag])
               for tag in ("type", "role"))


@functools.lru_cache(None)
def _known(kind):
    """Fields by their wire names, and which are required."""
    if typing_extensions.is_typeddict(kind):
        fields = typing_extensions.get_type_hints(kind, include_extras=True)
        # __required_keys__ knows only of total=: the marks are still text when the class is made
        marks = {name: typing_extensions.get_origin(hint) for name, hint in fields.items()}
        required = {name for name, mark in marks.items()
                    if mark is typing_extensions.Required or
                    (name in kind.__required_keys__ and mark is not typing_extensions.NotRequired)}
    else:
        fields, required = {}, set()
        for name, info in kind.model_fields.items():
            wire = info.alias or name
            fields[wire] = info.annotation
            if info.is_required():
                required.add(wire)
    more = BEYOND.get(kind.__qualname__) or BEYOND.get(kind.__name__) or {}
    return {**fields, **more}, frozenset(required)


def _fields(kind, value, at):
    if f"{kind.__module__}.{kind.__name__}" in FREE:
        return []
    if kind is ollama._types.Image:
        return [] if isinstance(value, str) else [f"{at}: {_shown(value)} is no base64 text"]
    if not isinstance(value, dict):
        return [f"{at}: {_shown(value)} is no {kind.__name__}"]
    fields, required = _known(kind)
    found = [f"{_at(at, name)}: missing in {kind.__name__}" for name in required - set(value)]
    for name, item in value.items():
        if name in fields:
            found += walk(fields[name], item, _at(at, name))
        else:
            found.append(f"{_at(at, name)}: unknown in {kind.__name__}")
    return found


def _at(at, name):
    return f"{at}.{name}" if at else name


def _map(args, value, at):
    if not isinstance(value, dict):
        return [f"{at}: {_shown(value)} is no object"]
    if len(args) < 2:
        return []
    return [p for name, item in value.items() for p in walk(args[1], item, _at(at, name))]


def _list(args, value, at):
    if not isinstance(value, list):
        return [f"{at}: {_shown(value)} is no list"]
    if not args:
        return []
    return [p for n, item in enumerate(value) for p in walk(args[0], item, f"{at}[{n}]")]


def _date(value, at):
    try:
        pydantic.TypeAdapter(datetime.datetime).validate_python(value)
        return []
    except pydantic.ValidationError:
        return [f"{at}: {_shown(value)} is no date"]
