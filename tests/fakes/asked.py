"""A request of any dialect as the chat request that it amounts to, as far as the stand-in cares:
who said what, the tools, the schema, the limit."""


def as_chat(kind, body):
    if kind == "anthropic":
        return _anthropic(body)
    if kind == "openai-responses":
        return _responses(body)
    if kind in ("ollama", "generate"):
        return _ollama(kind, body)
    if kind == "completion":
        prompt = body.get("prompt")
        return {**body, "messages": [{"role": "user", "content": prompt if isinstance(prompt, str)
                                      else " ".join(map(str, prompt or []))}]}
    return body


def _text(content):
    if isinstance(content, list):
        return " ".join(_text(part.get("text", "")) for part in content if isinstance(part, dict))
    return content or ""


def _tool(name, parameters):
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def _schema(form):
    schema = (form or {}).get("schema")
    return {"type": "json_schema", "json_schema": {"schema": schema}} if schema else None


def _anthropic(body):
    messages = [{"role": "system", "content": _text(body["system"])}] if body.get("system") else []
    for message in body.get("messages") or []:
        blocks = message.get("content")
        told = isinstance(blocks, list) and any(b.get("type") == "tool_result" for b in blocks)
        messages.append({"role": "tool" if told else message["role"], "content": _text(blocks)})
    choice = body.get("tool_choice") or {}
    named = {"type": "function", "function": {"name": choice.get("name")}}
    return {"model": body.get("model"), "messages": messages,
            "tools": [_tool(t["name"], t.get("input_schema")) for t in body.get("tools") or []],
            "tool_choice": named if choice.get("name") else choice.get("type"),
            "max_completion_tokens": body.get("max_tokens"),
            "response_format": _schema((body.get("output_config") or {}).get("format"))}


def _responses(body):
    given = body.get("input") or []
    messages = [{"role": "system", "content": body.get("instructions") or ""}]
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        told = item.get("type") == "function_call_output"
        messages.append({"role": "tool" if told else item.get("role", "assistant"),
                         "content": _text(item.get("content"))})
    choice = body.get("tool_choice")
    return {"model": body.get("model"), "messages": messages if given else [],
            "tools": [_tool(t["name"], t.get("parameters")) for t in body.get("tools") or []
                      if t.get("type") == "function"],
            "tool_choice": {"type": "function", "function": {"name": choice["name"]}}
            if isinstance(choice, dict) and "name" in choice else choice,
            "max_completion_tokens": body.get("max_output_tokens"),
            "response_format": _schema((body.get("text") or {}).get("format"))}


def _ollama(kind, body):
    messages = body.get("messages") if kind == "ollama" else [
        {"role": "user", "content": body.get("prompt") or ""}]
    form = body.get("format")
    return {"model": body.get("model"), "messages": messages, "tools": body.get("tools"),
            "max_completion_tokens": (body.get("options") or {}).get("num_predict"),
            "response_format": _schema({"schema": form}) if isinstance(form, dict) else
            {"type": "json_object"} if form else None}
