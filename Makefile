# SPDX-License-Identifier: Apache-2.0
# The whole vocabulary. `make help` lists it.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?= python3
TOOLS   := PYTHONPATH=tools
SHIM    := tools/pkcs11_shim/target/release/libpkcs11_shim.so
EXT     := build/stamps/extension
RUST    := $(shell find core_rs -name '*.rs' -o -name 'Cargo.*' 2>/dev/null | grep -v /target/)
TYPED   := server/kagimori clients/python/kagimori_client tools tests proto
CARGO   := nice cargo

export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo dev test lint format bench bench-smoke mutants races proto docs setup lock clean

help: ## list these words
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: setup ## the main job, end to end, printed step by step; leaves nothing running
	@$(TOOLS) $(BIN)/python -m development.demo

dev: setup ## a development authority that keeps serving; Ctrl-C ends it
	@exec env $(TOOLS) $(BIN)/python -m development.dev

test: setup $(SHIM) ## every test
	@$(CARGO) test --quiet --locked --manifest-path core_rs/Cargo.toml --workspace
	@$(CARGO) test --quiet --locked --release --manifest-path tools/pkcs11_shim/Cargo.toml
	@$(CARGO) test --quiet --locked --release --manifest-path tools/loadgen/Cargo.toml
	@$(BIN)/pytest -q -n 2 --dist loadfile

lint: setup ## every check that is not a test
	@tools/lint.sh

format: setup ## put every file into its shape
	@$(BIN)/ruff format $(TYPED)
	@$(BIN)/ruff check --fix $(TYPED)
	@cargo fmt --manifest-path core_rs/Cargo.toml --all
	@cargo fmt --manifest-path tools/pkcs11_shim/Cargo.toml --all
	@cargo fmt --manifest-path tools/loadgen/Cargo.toml --all

bench: setup $(SHIM) ## every figure beside its ceiling, into build/bench.json; curves into docs/bench/
	@$(TOOLS):tests $(BIN)/python tests/bench/run.py

bench-smoke: setup $(SHIM) ## the same in little more than a minute; fails below half of what is wanted
	@$(TOOLS):tests $(BIN)/python tests/bench/run.py --smoke

mutants: setup $(SHIM) ## broken builds: each must fail its race tests
	@$(TOOLS):tests nice $(BIN)/python tools/mutants.py

races: setup $(SHIM) ## the race tests with their full numbers (long)
	@KAGIMORI_RACES=full nice $(BIN)/pytest -q tests/races

proto: setup ## generate the API into server and client
	@$(BIN)/uv run -q --no-project --isolated --with-requirements requirements/proto.txt python proto/generate.py

docs: setup ## generate the configuration and API reference
	@$(TOOLS) $(BIN)/python -m development.reference

setup: $(EXT) ## what the others need: system packages, virtual environment, extension

lock: ## resolve the locked requirements anew
	@for name in dev proto; do $(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --universal --python-version 3.11 --upgrade requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove what was built
	rm -rf build .venv core_rs/target tools/pkcs11_shim/target tools/loadgen/target server/kagimori/core/*.so

build/stamps/system: tools/system_packages.sh
	@tools/system_packages.sh
	@mkdir -p $(@D) && touch $@

build/stamps/venv: requirements/dev.txt build/stamps/system
	@echo "setup: virtual environment"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[^ ]*' requirements/dev.txt)"
	@$(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	@mkdir -p $(@D) && touch $@

$(EXT): $(RUST) pyproject.toml clients/python/pyproject.toml build/stamps/venv
	@echo "setup: extension and packages (the first build takes a minute or two)"
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e . -e clients/python
	@mkdir -p $(@D) && touch $@

$(SHIM): $(wildcard tools/pkcs11_shim/src/*.rs tools/pkcs11_shim/Cargo.*)
	@$(CARGO) build --quiet --release --locked --manifest-path tools/pkcs11_shim/Cargo.toml
	@touch $@
