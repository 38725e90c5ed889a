"""Every field that the official clients can send is known: held by the neutral form, or by a row of
losses.def that says what its loss means. A new version of a client brings new fields; they are
reported here before anybody misses one."""
import re
import typing

import pytest
from anthropic.types import message_create_params as message
from anthropic.types.beta import message_create_params as beta_message
from ollama import Options
from ollama._types import ChatRequest, GenerateRequest
from openai.types.chat import completion_create_params as chat
from openai.types.responses import response_create_params as response

from harness import ROOT

LLM = ROOT / "src" / "llm"
ROWS = {name: loss for name, loss in re.findall(
    r'^LOSS\("(\w+)",\s*(HARMLESS|FATAL),', (LLM / "losses.def").read_text(), re.M)}


def fields(*types):
    return {name for t in types for name in typing.get_type_hints(t)}


# A client's request types; the functions that read the top-level members of its dialect.
CLIENTS = {
    "chat.completions": (
        fields(chat.CompletionCreateParamsNonStreaming, chat.CompletionCreateParamsStreaming),
        "openai_chat_neutral.c", ["neutral_member"]),
    "responses": (
        fields(response.ResponseCreateParamsNonStreaming, response.ResponseCreateParamsStreaming),
        "responses_request*.c", ["read_member", "read_flags", "read_rest"]),
    "messages": (
        fields(message.MessageCreateParamsNonStreaming, message.MessageCreateParamsStreaming),
        "anthropic_request_read.c", ["read_member", "read_sampling"]),
    # `betas` is a header of the same name
    "messages, beta": (
        fields(beta_message.MessageCreateParamsNonStreaming,
               beta_message.MessageCreateParamsStreaming) - {"betas"},
        "anthropic_request_read.c", ["read_member", "read_sampling"]),
    "ollama chat": (set(ChatRequest.model_fields), "ollama_request.c",
                    ["ollama_chat_read", "ollama_read_member"]),
    "ollama generate": (set(GenerateRequest.model_fields), "ollama_request.c",
                        ["ollama_generate_read", "ollama_read_member"]),
    "ollama options": (set(Options.model_fields), "ollama_request.c", ["read_option"]),
}


def read_by(files, functions):
    """The members that these functions look at, and those of the table of plain values."""
    text = "\n".join(path.read_text() for path in sorted(LLM.glob(files)))
    bodies = [found for name in functions for found in re.findall(
        rf"^(?:static )?bool {name}\(.*?^}}", text, re.M | re.S)]
    assert len(bodies) == len(functions), "a reader has another name now"
    tables = re.findall(r"^static const struct simple simples\[\] = {.*?^};", text, re.M | re.S)
    return set(re.findall(r'(?:json_key_is\(&?o, |VIEW_LIT\()"(\w+)"', "\n".join(bodies + tables)))


@pytest.mark.parametrize("client", CLIENTS)
def test_each_field_is_known(client):
    offered, files, functions = CLIENTS[client]
    assert len(offered) > 8, "the client's types are made another way now"
    unknown = offered - read_by(files, functions) - set(ROWS)
    assert not unknown, f"nobody has said what the loss of these means: {sorted(unknown)}"


def test_no_row_is_there_twice():
    names = re.findall(r'^LOSS\("(\w+)"', (LLM / "losses.def").read_text(), re.M)
    assert len(names) == len(set(names)) and len(names) == len(ROWS)
