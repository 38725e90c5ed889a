"""Turns a GGUF file of a llama-like model into the folder that vLLM loads: config.json,
tokenizer.json and model.safetensors in bfloat16. Needs numpy and gguf.

    gguf_to_hf.py MODEL.gguf FOLDER
"""
import json
import pathlib
import struct
import sys

import numpy
from gguf import GGUFReader
from gguf.quants import dequantize

WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}
CONTROL_TOKEN = 3


def unpermute(weight, heads):
    """llama.cpp interleaves the two halves of each rotary head; the others keep them apart."""
    rows = weight.shape[0]
    return weight.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def bfloat16(weight):
    bits = weight.astype(numpy.float32).view(numpy.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")  # to nearest, ties to even


def tensors(reader, values):
    heads = {"attn_q": values["llama.attention.head_count"],
             "attn_k": values["llama.attention.head_count_kv"]}
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            continue
        weight = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        weight = weight.reshape([int(n) for n in reversed(tensor.shape)])
        parts = tensor.name.split(".")
        if parts[0] == "blk":
            if parts[2] in heads:
                weight = unpermute(weight, heads[parts[2]])
            name = f"model.layers.{parts[1]}.{LAYER[parts[2]]}.weight"
        else:
            name = WHOLE[parts[0]] + ".weight"
        yield name, bfloat16(weight)


def write_tensors(path, items):
    head, offset, weights = {}, 0, list(items)
    for name, weight in weights:
        head[name] = {"dtype": "BF16", "shape": list(weight.shape),
                      "data_offsets": [offset, offset + weight.nbytes]}
        offset += weight.nbytes
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, weight in weights:
            file.write(weight.tobytes())
    return set(head)


def tokenizer(values):
    tokens, kinds = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    special = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True}
               for i, (token, kind) in enumerate(zip(tokens, kinds)) if kind == CONTROL_TOKEN]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
            "normalizer": None, "post_processor": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": True}, {**byte_level, "use_regex": True}]},
            "decoder": {**byte_level, "add_prefix_space": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None,
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False,
                      "vocab": {token: i for i, token in enumerate(tokens)},
                      "merges": [m.split(" ", 1) for m in values["tokenizer.ggml.merges"]]}}


def main():
    source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    reader = GGUFReader(source)
    values = {name: field.contents() for name, field in reader.fields.items()
              if not name.startswith("GGUF.")}
    folder.mkdir(parents=True, exist_ok=True)
    names = write_tensors(folder / "model.safetensors", tensors(reader, values))

    def dump(name, data):
        (folder / name).write_text(json.dumps(data, ensure_ascii=False))

    tokens = values["tokenizer.ggml.tokens"]
    first, last = values["tokenizer.ggml.bos_token_id"], values["tokenizer.ggml.eos_token_id"]
    dump("tokenizer.json", tokenizer(values))
    dump("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": tokens[first],
        "eos_token": tokens[last], "unk_token": tokens[0], "pad_token": tokens[last],
        "clean_up_tokenization_spaces": False, "model_max_length": values["llama.context_length"],
        "chat_template": values["tokenizer.chat_template"]})
    dump("generation_config.json",
         {"bos_token_id": first, "eos_token_id": last, "pad_token_id": last})
    dump("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
        "hidden_act": "silu", "hidden_size": values["llama.embedding_length"],
        "intermediate_size": values["llama.feed_forward_length"],
        "num_hidden_layers": values["llama.block_count"],
        "num_attention_heads": values["llama.attention.head_count"],
        "num_key_value_heads": values["llama.attention.head_count_kv"],
        "rms_norm_eps": values["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": values["llama.rope.freq_base"],
        "max_position_embeddings": values["llama.context_length"], "vocab_size": len(tokens),
        "bos_token_id": first, "eos_token_id": last, "pad_token_id": last,
        "attention_bias": False, "mlp_bias": False,
        "tie_word_embeddings": "lm_head.weight" not in names})


if __name__ == "__main__":
    main()
