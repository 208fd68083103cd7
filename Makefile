# The words of this house. `make demo` and `make test` set up everything they need first.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-real check bench campaign docs lock format clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/ready ## .venv with the program and everything its tests need

# pip checks every file against the hashes in requirements.lock; the program itself is linked in, so edits take effect.
.venv/ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "sendworthy needs Python 3.11 or newer: $(PYTHON) was not found" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sendworthy needs Python 3.11 or newer: set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Setting up .venv from requirements.lock (once; about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole road on the bundled simulator, no AWS account (ARGS="--exit" to end after the summary)
	@$(BIN)/sendworthy demo $(ARGS)

test: setup ## everything that Python packages can bring
	@$(BIN)/pytest -n auto -m "not real" $(ARGS)

test-real: setup ## real clients from the system's packages and npm; says what it installs
	@tests/real/run $(ARGS)

check: setup ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup ## ratios against named peers, in one run
	@$(BIN)/python -m bench $(ARGS)

campaign: setup ## kills the gateway a thousand times at every step, on one store (ARGS="--store postgresql --runs 200")
	@$(BIN)/python -m tests.journeys.campaign $(ARGS)

docs: setup ## writes the generated pages (docs/checks, docs/commands.md, docs/simulator.md) anew
	@$(BIN)/python -m docs.generate

format: setup ## rewrites the code as ruff likes it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet . || true

UV_LOCK := uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --quiet

lock: ## requirements.lock and its part that a running program needs, anew from pyproject.toml (needs uv)
	$(UV_LOCK) --extra dev --upgrade --output-file requirements.lock
	$(UV_LOCK) --extra postgresql --extra opentelemetry --constraint requirements.lock --output-file requirements-run.lock

clean: ## removes what make made
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build
