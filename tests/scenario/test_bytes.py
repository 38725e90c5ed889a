"""What passes through, byte for byte, and what must not."""
import hashlib
import json

import pytest

import faulty
import wire
from harness import CHAT, backend, chat, request

ODD_BODY = (b'{ "messages" : [ {"role":"user","content":"caf\\u00e9 \xc3\xa9 \\ud83d\\ude00"} ],'
            b'\n\t"x_unknown": {"deep": [1.50e+01, -0, true, null, "\\u0000"]},'
            b' "model" :"auto" , "temperature":0.70,"seed":12345678901234567890 }')
TOKEN = "sk-weir-0123456789abcdef"


def test_the_request_body_passes_byte_for_byte(weir, lab):
    answer = weir.post(ODD_BODY)
    assert answer.status == 200
    assert lab.chats[0].body == ODD_BODY.replace(b'"auto"', b'"lab-model"')


def test_a_streamed_request_gets_only_the_usage_option(weir, lab):
    body = b'{"stream" : true,"model": "auto","messages":[{"role":"user","content":"Say hello"}]}'
    assert weir.post(body).status == 200
    sent = lab.chats[0]
    expected = json.loads(body.replace(b'"auto"', b'"lab-model"'))
    assert sent.json == {**expected, "stream_options": {"include_usage": True}}
    assert b'"stream" : true' in sent.body


def test_usage_option_is_added_to_stream_options_that_are_there(weir, lab):
    weir.ask(stream=True, stream_options={"include_obfuscation": False})
    assert lab.chats[0].json["stream_options"] == {"include_obfuscation": False,
                                                   "include_usage": True}
    weir.ask(stream=True, stream_options={"include_usage": False})
    assert lab.chats[1].json["stream_options"] == {"include_usage": True}


def test_the_answer_body_passes_byte_for_byte(weir, lab):
    body = (b'{\n "id":"chatcmpl-7", "object":"chat.completion", "model" : "lab-model",\n'
            b' "x_timings": {"a": 1.0e-3},"choices":[{"index":0,"message":{"role":"assistant",'
            b'"content":"\\u00e9 \xc3\xa9 \\/ \\n"},"finish_reason":"stop"}],'
            b'"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7} }\n')
    lab.script(faulty.json_answer(200, body))
    assert weir.ask().body == body.replace(b'"lab-model"', b'"auto"')


def test_events_pass_byte_for_byte(weir, lab):
    data = (b'{"id":"x","model": "lab-model", "choices":[{"index":0,"delta":'
            b'{"content":"caf\\u00e9 \xc3\xa9"},"finish_reason":null,"token_ids":null}] }')
    lab.script([faulty.CHUNKED_HEAD, wire.chunk(wire.event(data)),
                faulty.finish(), faulty.DONE, faulty.END])
    answer = weir.ask(stream=True)
    assert b"data: " + data.replace(b'"lab-model"', b'"auto"') + b"\n\n" in answer.body
    assert answer.events[-1] == "[DONE]" and answer.complete


def test_events_split_anywhere_arrive_whole(weir, lab):
    stream = (wire.event(wire.delta("lab-model", {"role": "assistant", "content": ""}))
              + b": a comment\n\n" + b"event: message\r\nid: 7\r\n"
              + wire.event(wire.delta("lab-model", {"content": "one "})).replace(b"\n", b"\r\n")
              + wire.event(wire.delta("lab-model", {"content": "two"}))
              + wire.event(wire.delta("lab-model", {}, "stop")) + wire.event("[DONE]"))
    lab.script([faulty.CHUNKED_HEAD]
               + [s for i in range(0, len(stream), 7) for s in (wire.chunk(stream[i:i + 7]), 0.001)]
               + [faulty.END])
    answer = weir.ask(stream=True)
    assert answer.stream_text == "one two" and answer.events[-1] == "[DONE]"


def test_a_large_event_passes(weir, lab):
    lab.script(faulty.Stream("x" * 200_000, "y", model="lab-model"))
    assert len(weir.ask(stream=True).stream_text) == 200_001


def test_several_choices_pass(weir, lab):
    answer = wire.completion("lab-model", {"content": "a"})
    answer["choices"].append({"index": 1, "message": {"role": "assistant", "content": "b"},
                              "finish_reason": "stop"})
    lab.script(faulty.json_answer(200, answer))
    assert [c["message"]["content"] for c in weir.ask(n=2).json["choices"]] == ["a", "b"]


# heads

def test_heads_pass_by_a_list_to_the_upstream(weir, lab):
    weir.ask("Say hello.", "traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01",
             "x-request-id: mine-1", "Idempotency-Key: key-1", "OpenAI-Beta: a=b",
             "Cookie: secret=1", "X-Forwarded-For: 10.1.1.1", "Accept-Encoding: gzip, br",
             "Authorization: Bearer sk-of-the-client", "X-Api-Key: also-of-the-client",
             "Proxy-Authorization: Basic eHg6eXk=", "X-Internal: nothing-for-them")
    sent = lab.chats[0]
    assert sent.header("traceparent") == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert sent.header("x-request-id") == "mine-1"
    assert sent.header("idempotency-key") == "key-1"
    assert sent.header("openai-beta") == "a=b"
    assert sent.header("accept-encoding") == "identity"
    for name in ("cookie", "x-forwarded-for", "authorization", "x-api-key",
                 "proxy-authorization", "x-internal"):
        assert sent.header(name) is None, name
    assert sent.header("host") == f"127.0.0.1:{lab.port}"
    assert int(sent.header("content-length")) == len(sent.body)


def test_heads_pass_by_a_list_to_the_client(weir, lab):
    lab.script(faulty.Plain("Hi", ("x-ratelimit-remaining-requests", "99"),
                            ("openai-processing-ms", "12"), ("set-cookie", "a=b"),
                            ("server", "secret-engine/1.0"), ("x-internal", "10.0.0.7"),
                            ("x-request-id", "req_upstream"), model="lab-model"))
    answer = weir.ask()
    assert answer.headers["x-ratelimit-remaining-requests"] == "99"
    assert answer.headers["openai-processing-ms"] == "12"
    for name in ("set-cookie", "x-internal"):
        assert name not in answer.headers
    assert "secret-engine" not in answer.headers.get("server", "")


def test_every_answer_has_a_request_id(weir):
    answers = [weir.ask(), weir.ask(stream=True), weir.post(b"{"), weir.get("/v1/models"),
               weir.get("/nothing-here")]
    ids = [a.headers["x-request-id"] for a in answers]
    assert len(set(ids)) == len(ids) and all(ids)
    assert weir.record(answers[0])["status"] == 200


def test_a_heads_value_cannot_be_split(weir, lab):
    with weir.raw() as client:
        client.send(request(chat(), "x-request-id: a\rX-Evil: 1"))
        assert client.response().status == 400
    assert not lab.chats


def test_a_gzipped_answer_never_reaches_the_client_as_gzip(weir, lab):
    lab.script(faulty.gzipped())
    answer = weir.ask()
    assert answer.status == 200 and answer.text  # decoded, or answered by the other side
    assert answer.headers.get("content-encoding", "identity") == "identity"


# keys

@pytest.fixture
def guarded(start, lab, cloud):
    digest = hashlib.sha256(b"sk-weir-fedcba9876543210").hexdigest()
    return start(backend("lab", "inside", lab),
                 backend("cloud", "outside", cloud, key="sk-of-weir-itself"),
                 env={"TEAM_TOKEN": "sk-weir-from-the-environment"},
                 keys={"team": TOKEN, "hashed": f"sha256:{digest}", "env": "${TEAM_TOKEN}"})


@pytest.mark.parametrize("headers", [
    [], ["Authorization: Bearer sk-weir-0123456789abcdeX"], ["Authorization: Bearer "],
    ["Authorization: Basic " + TOKEN], ["Authorization: " + TOKEN],
    ["Authorization: Bearer " + TOKEN + "0"], ["Authorization: Bearer " + TOKEN[:-1]],
])
def test_a_wrong_key_gets_401(guarded, lab, headers):
    answer = guarded.ask("Say hello.", *headers)
    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key" and answer.error["message"]
    assert not lab.chats


@pytest.mark.parametrize("name, token", [
    ("team", TOKEN), ("hashed", "sk-weir-fedcba9876543210"),
    ("env", "sk-weir-from-the-environment")])
def test_a_right_key_is_named_in_the_ledger(guarded, name, token):
    answer = guarded.ask("Say hello.", f"authorization: bearer {token}")
    assert answer.status == 200
    assert guarded.record(answer)["key"] == name


def test_the_clients_key_is_never_forwarded(guarded, lab, cloud):
    for model in ("inside/lab-model", "outside/cloud-model"):
        assert guarded.ask("Hi", f"Authorization: Bearer {TOKEN}", model=model).status == 200
    assert lab.chats[0].header("authorization") is None
    assert cloud.chats[0].header("authorization") == "Bearer sk-of-weir-itself"
    for upstream in (lab, cloud):
        assert TOKEN.encode() not in upstream.chats[0].head + upstream.chats[0].body


def test_models_need_a_key_too(guarded):
    assert guarded.get("/v1/models").status == 401
    assert guarded.get("/healthz").status == 200


def test_no_secret_in_the_log_or_the_shown_config(guarded):
    guarded.ask("A very private prompt", f"Authorization: Bearer {TOKEN}")
    guarded.ask("A very private prompt", "Authorization: Bearer sk-wrong-key-of-somebody")
    shown = guarded.run("config", "show").stdout
    for text in (guarded.log(), shown):
        for secret in (TOKEN, "sk-of-weir-itself", "sk-weir-from-the-environment",
                       "very private", "sk-wrong-key"):
            assert secret not in text


def test_without_keys_only_loopback_is_listened_on(start, lab):
    weir = start(backend("lab", "inside", lab), run=False)
    weir.write_config(listen=f"0.0.0.0:{weir.port}")
    checked = weir.run("check")
    assert checked.returncode == 1 and "insecure" in checked.stdout + checked.stderr
    weir.write_config(insecure=True)
    weir.start()
    assert weir.ask().status == 200


def test_paths_keep_their_prefix(start, cloud):
    """A backend may live below a path."""
    weir = start(backend("cloud", "outside", cloud.url + "/proxy/openai", engine="openai",
                         models=["cloud-model"]))
    assert weir.ask().status == 200
    assert cloud.chats[0].target == "/proxy/openai" + CHAT
