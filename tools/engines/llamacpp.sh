# llama.cpp's own HTTP server, as the wheel xllamacpp carries it; nothing is compiled.
# Settings: LLAMACPP_CONTEXT (4096, shared out among the slots), LLAMACPP_SLOTS (2),
# LLAMACPP_THREADS (2), LLAMACPP_KEY (the token it asks for), LLAMACPP_TEMPLATE (a chat template),
# LLAMACPP_KV_TYPE (F16), LLAMACPP_VERBOSITY (3; with 4 the log says what memory it takes).
xllamacpp=2026.10.11549
model_name=smollm2-135m

installed() { [ -f "$dir/venv/.xllamacpp-$xllamacpp" ] && [ -f "$gguf" ]; }

install_engine() {
    if installed; then return 0; fi
    make_venv
    say "installing xllamacpp $xllamacpp (34 MB)"
    "$dir/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir --no-compile \
        "xllamacpp==$xllamacpp"
    fetch_model
    touch "$dir/venv/.xllamacpp-$xllamacpp"
}

start_engine() {
    # Spinning OpenMP threads are 30 times slower as soon as anything else wants a core.
    GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-0} LLAMACPP_PORT=$port LLAMACPP_MODEL=$gguf \
        LLAMACPP_NAME=$model_name launch "$dir/venv/bin/python" "$here/engines/llamacpp_serve.py"
    await /health 120
}
