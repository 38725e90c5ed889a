# A short front for Meson: `make help` lists what there is.
BUILD        ?= build
FUZZ_SECONDS ?= 60
PREFIX       ?= /usr/local
JOBS         ?= $(shell nproc 2>/dev/null || echo 2)
PYTEST_ARGS  ?=
BENCH_ARGS   ?=
VENV         := .venv
PYTEST       := $(VENV)/bin/python -m pytest -c tests/pytest.ini tests/scenario

.PHONY: all help demo test unit scenario scenario-one-loop test-engines canary dialects bench asan \
        tsan fuzz style layers clean install

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $(JOBS)

help:
	@echo 'make               build/weir'
	@echo 'make demo          twelve requests through a real engine and a stand-in managed API'
	@echo 'make test          unit and scenario tests (make unit, make scenario: one of the two)'
	@echo 'make test-engines  the scenarios of real engines, with Ollama and vLLM too, and LangChain'
	@echo 'make canary        10,000 mixed requests while everything fails: nothing sensitive may leave'
	@echo 'make dialects      the tables of docs/dialects.md, from what passed in the two above'
	@echo 'make bench         nginx and Weir, side by side'
	@echo 'make asan, tsan    builds with sanitizers; WEIR_BIN=build-asan/weir make scenario uses one'
	@echo 'make fuzz          each fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make style layers  the checks of form'
	@echo 'make install       to PREFIX ($(PREFIX)), DESTDIR is obeyed; make clean'

$(BUILD)/build.ninja:
	@tools/bootstrap --check build
	meson setup $(BUILD) --prefix $(PREFIX)

$(VENV)/.ready: tests/requirements.txt
	@tools/bootstrap test
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -r tests/requirements.txt
	@touch $@

$(VENV)/.langchain: $(VENV)/.ready tests/requirements-langchain.txt
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check \
	    -r tests/requirements-langchain.txt
	@touch $@

demo:
	@tools/bootstrap demo
	@$(MAKE) --no-print-directory all
	@tools/demo

test:
	@tools/bootstrap test
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory scenario
	@$(MAKE) --no-print-directory scenario-one-loop

unit: all
	meson test -C $(BUILD) --print-errorlogs --no-rebuild

scenario: all $(VENV)/.ready
	tools/engine llamacpp install
	$(PYTEST) $(PYTEST_ARGS)

scenario-one-loop: all $(VENV)/.ready
	WEIR_LOOPS=1 $(PYTEST) -m core $(PYTEST_ARGS)

test-engines: all $(VENV)/.langchain
	tools/engine llamacpp install
	tools/engine ollama install
	tools/engine vllm install
	WEIR_ENGINES=llamacpp,ollama,vllm $(PYTEST) -n 0 -m engines $(PYTEST_ARGS)

canary: all $(VENV)/.ready
	WEIR_CANARY=10000 $(PYTEST) -n 0 -k nothing_leaves $(PYTEST_ARGS)

# docs/dialects.md, from what passed in the last `make scenario` and `make test-engines`
dialects:
	tests/dialects_table.py

bench: all
	@tools/bootstrap bench
	@ninja -C $(BUILD) -j $(JOBS) $(addprefix bench/,load upstream micro_json micro_ledger micro_pick \
	    micro_plan micro_scan micro_tagger micro_translate)
	bench/run $(BENCH_ARGS)

asan: build-asan/build.ninja
	ninja -C build-asan -j $(JOBS)

tsan: build-tsan/build.ninja
	ninja -C build-tsan -j $(JOBS)

build-asan/build.ninja:
	@tools/bootstrap --check build
	meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false

# clang's: the run-time of gcc 12 stops at 8,128 fibers
build-tsan/build.ninja:
	@tools/bootstrap --check ci
	CC=clang meson setup build-tsan -Db_sanitize=thread -Db_lundef=false

fuzz:
	@tools/bootstrap --check ci
	FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz

style:
	@tools/bootstrap --check ci
	tools/check-style

layers:
	tools/check-layers

install: all
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-asan build-tsan build-fuzz
