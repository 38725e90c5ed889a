"""`weir size`: a table for people, JSON for programs, and what a real llama-server takes."""
import json
import os
import pathlib
import re
import struct
import subprocess

import pytest

from faulty import free_port
from harness import BIN, ROOT, backend

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "weir"
SMOLLM2 = CACHE / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
GIB = 1 << 30
LLAMA_8B = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
            "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 32,
            "vocab_size": 128256, "max_position_embeddings": 131072, "torch_dtype": "bfloat16"}


def size(*options, status=0):
    done = subprocess.run([BIN, "size", *map(str, options)], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def sized(*options, status=0):
    return json.loads(size(*options, "--json", status=status).stdout)


@pytest.fixture
def llama(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA_8B))
    return path


# against the engine

def reported(log):
    """Bytes that llama-server says it took, from the lines `... KV buffer size = 90.00 MiB`."""
    found = re.findall(r"(model|KV|compute|output) buffer size = +([\d.]+) MiB", log)
    sums = {}
    for name, mib in found:
        sums[name] = sums.get(name, 0) + float(mib) * (1 << 20)
    return sums


def llama_server(context, slots, kv_type):
    """Starts one, reads what it took, and stops it."""
    port, tool = free_port(), ROOT / "tools" / "engine"
    env = {**os.environ, "LLAMACPP_CONTEXT": str(context), "LLAMACPP_SLOTS": str(slots),
           "LLAMACPP_KV_TYPE": kv_type, "LLAMACPP_VERBOSITY": "4"}
    try:
        done = subprocess.run([tool, "llamacpp", "start", str(port)], env=env, timeout=150,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return reported((CACHE / "llamacpp" / "run" / f"{port}.log").read_text())
    finally:
        subprocess.run([tool, "llamacpp", "stop", str(port)], env=env, timeout=60, check=True)


@pytest.mark.engines
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("engines")
@pytest.mark.parametrize("context, parallel, kv_type", [
    (1024, 1, "F16"), (2048, 2, "F16"), (4096, 4, "F16"), (8192, 1, "F16"), (8192, 2, "Q8_0")])
def test_what_a_real_llama_server_takes(context, parallel, kv_type):
    real = llama_server(context * parallel, parallel, kv_type)
    assert set(real) == {"model", "KV", "compute", "output"}
    said = sized("--model", SMOLLM2, "--context", context, "--parallel", parallel,
                 "--kv-type", kv_type)["bytes"]
    print(f"\n{context} x {parallel} {kv_type}: {said['total']} said, "
          f"{sum(real.values()):.0f} taken")
    assert said["total"] == pytest.approx(sum(real.values()), rel=0.05)
    assert said["weights"] == pytest.approx(real["model"], rel=0.01)
    assert said["kv_cache"] == pytest.approx(real["KV"], rel=0.01)
    assert said["compute"] == pytest.approx(real["compute"], rel=0.05)


# the command

def test_it_fits(llama):
    done = size("--model", llama, "--gpu", "80GB", "--context", 8192, "--parallel", 8)
    assert "it fits" in done.stdout and "vllm serve" in done.stdout
    assert "--max-model-len 8192 --max-num-seqs 8" in done.stdout
    # the formula, with the numbers in it
    assert "8 x (32 layers x 8 heads x (128 + 128) x 2 bytes (bf16) x 8192 tokens)" in done.stdout


def test_it_does_not_fit_and_what_would(llama):
    done = size("--model", llama, "--gpu", "24GB", "--context", 32768, "--parallel", 8, status=1)
    assert "it does NOT fit" in done.stdout and "What would fit instead" in done.stdout
    assert "vllm serve" not in done.stdout
    answer = sized("--model", llama, "--gpu", "24GB", "--context", 32768, "--parallel", 8, status=1)
    assert answer["fits"] is False and answer["instead"]
    for choice in answer["instead"]:
        again = sized("--model", llama, "--gpu", "24GB", "--context", choice["context"],
                      "--parallel", choice["parallel"], "--kv-type", choice["kv_type"],
                      *(["--quant", choice["quant"]] if "quant" in choice else []))
        assert again["fits"] is True and again["bytes"]["total"] == choice["total"]
    enough = answer["memory_needed"] // GIB + 1
    assert sized("--model", llama, "--gpu", f"{enough}GB", "--context", 32768, "--parallel", 8)


def test_json(llama):
    answer = sized("-m", llama, "-g", "2x24GB", "-c", "8192", "-p", "4", "--kv-type", "fp8")
    assert answer["engine"] == "vllm" and answer["fits"] is True
    assert answer["bytes"]["weights"] == 2 * 8030261248
    assert answer["bytes"]["kv_cache"] == 2 * GIB
    assert answer["bytes"]["available"] == int(48 * GIB * 0.9)
    assert answer["model"]["weights"] == 8030261248
    assert set(answer["formulas"]) == {"weights", "kv_cache", "compute"}
    assert "--kv-cache-dtype fp8" in answer["command"]


def test_without_a_gpu_only_what_is_needed(llama):
    answer = sized("--model", llama, "--context", 8192)
    assert "fits" not in answer and "instead" not in answer
    assert sized("--model", llama)["context"] == 131072  # what it was trained for


@pytest.mark.parametrize("options, available", [
    (["--gpu", "24GB"], int(24 * GIB * 0.9)),
    (["--gpu", "80GB", "--gpu-memory-utilization", "0.5"], 40 * GIB),
    (["--gpu", "24GiB", "--reserve", "1.5GB", "--gpu-memory-utilization", "1"], int(22.5 * GIB)),
    (["--gpu", "24GB", "--engine", "llamacpp"], 23 * GIB),
    (["--gpu", "20480MB", "--engine", "llamacpp", "--reserve", "0GB"], 20 * GIB)])
def test_what_may_be_taken(llama, options, available):
    assert sized("--model", llama, "--context", 256, *options)["bytes"]["available"] == available


def test_types_of_weights(llama):
    taken = {quant: sized("--model", llama, "--context", 256, "--quant", quant)["bytes"]["weights"]
             for quant in ("f32", "bf16", "fp8", "int4", "Q4_K_M")}
    assert taken["f32"] == 2 * taken["bf16"] == 4 * 8030261248
    assert taken["bf16"] > taken["fp8"] > taken["int4"] > taken["Q4_K_M"]


@pytest.mark.parametrize("options, words", [
    (["--model", "/nowhere/model.gguf"], "cannot read"),
    (["--model", "/"], "no file"),
    (["--model", BIN], "neither GGUF nor a config.json"),
    (["--model", ROOT / "meson.build"], "no config.json"),
    (["--kv-type", "q8_0"], "vllm has no cache of type q8_0")])
def test_what_cannot_be_sized(llama, options, words):
    options = ["--model", llama, *options] if "--model" not in options else options
    done = size(*options, status=1)
    assert words in done.stderr, done.stderr


@pytest.mark.parametrize("options", [
    [], ["--gpu", "24"], ["--gpu", "0x24GB"], ["--gpu", "-1GB"], ["--context", "0"],
    ["--parallel", "5000"], ["--kv-type", "q9"], ["--quant", "q9"], ["--engine", "tgi"],
    ["--gpu-memory-utilization", "1.5"], ["--nothing"], ["more"]])
def test_usage(llama, options):
    model = ["--model", llama] if options else []
    said = size(*model, *options, status=2).stderr
    if len(options) == 2:
        assert f"{options[0]} cannot be '{options[1]}'" in said and "weir size --help" in said
    else:
        assert "usage: weir size" in said
    assert "usage: weir size" in size("--help").stdout


# models in several files

def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path, numbers, tensor_bytes):
    """A model of one tensor of bytes."""
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("llama")]
    keys += [text(key) + struct.pack("<II", 4, number) for key, number in numbers.items()]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(keys)) + b"".join(keys)
    head += text("t") + struct.pack("<IQIQ", 1, tensor_bytes, 24, 0)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(tensor_bytes))


@pytest.fixture
def parts(tmp_path):
    shape = {"llama.block_count": 2, "llama.embedding_length": 64, "llama.attention.head_count": 2,
             "llama.context_length": 512}
    paths = [tmp_path / f"big-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    for i, path in enumerate(paths):
        gguf(path, {**({} if i else shape), "split.no": i, "split.count": 3}, 100 * 10 ** i)
    return paths


def test_parts_are_added(parts):
    assert sized("--model", parts[0])["bytes"]["weights"] == 11100


def test_parts_that_are_not_there(parts, tmp_path):
    assert "first of its files" in size("--model", parts[1], status=1).stderr
    parts[2].unlink()
    assert "00003-of-00003" in size("--model", parts[0], status=1).stderr
    other = tmp_path / "other.gguf"
    parts[0].rename(other)
    assert "-00001-of-00003.gguf" in size("--model", other, status=1).stderr


def test_a_cut_download(parts, tmp_path):
    cut = tmp_path / "cut.gguf"
    gguf(cut, {"llama.block_count": 2, "llama.embedding_length": 64,
               "llama.attention.head_count": 2}, 5000)
    os.truncate(cut, 4000)
    assert "incomplete download" in size("--model", cut, status=1).stderr


# weir check

def checked(start, lab, cloud, *options, memory="24GiB", inside=(), outside=()):
    cloud.models = ["gpt-5-mini"]
    weir = start(backend("lab", "inside", lab, memory=memory,
                         models=[{"name": "lab-model", **dict(inside)}]),
                 backend("cloud", "outside", cloud,
                         models=[{"name": "gpt-5-mini", **dict(outside)}]), run=False)
    done = weir.run("check", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    # what is shown is a config, and the same one
    weir.path.write_text(weir.run("config", "show").stdout)
    again = weir.run("check", *options).stdout
    assert sorted(again.splitlines()) == sorted(done.stdout.splitlines())
    return done.stdout


@pytest.mark.parametrize("options", [[], ["--offline"]])
def test_check_warns_of_what_does_not_fit(start, lab, cloud, llama, options):
    model = {"file": str(llama), "window": 32768, "parallel": 8}
    said = checked(start, lab, cloud, *options, inside=model)
    assert said.count("warning: lab-model with 32768 tokens x 8 takes") == 1
    command = re.search(r"weir (size --model .*)\)", said)[1].split()
    assert size(*command[1:], status=1)


@pytest.mark.parametrize("memory, model", [
    ("80GiB", {"window": 32768, "parallel": 8}),
    ("24GiB", {"window": 32768}),
    ("60GiB", {"window": 32768, "parallel": 8, "kv_type": "fp8"})])
def test_check_is_silent_where_it_fits(start, lab, cloud, llama, memory, model):
    said = checked(start, lab, cloud, memory=memory, inside={"file": str(llama), **model})
    assert "warning" not in said


def test_check_of_a_file_that_cannot_be_read(start, lab, cloud):
    said = checked(start, lab, cloud, inside={"file": "/nowhere/x.gguf", "window": 4096})
    assert "warning: lab-model: cannot read /nowhere/x.gguf" in said


@pytest.mark.parametrize("inside, outside, told", [(4096, 128000, True), (128000, 128000, False),
                                                   (4096, None, True)])
def test_check_tells_what_inside_cannot_hold(start, lab, cloud, inside, outside, told):
    said = checked(start, lab, cloud, "--offline", inside={"window": inside},
                   outside={"window": outside} if outside else {})
    assert ("no model inside holds more than 4096 tokens" in said) == told
