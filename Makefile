# Every target sets itself up: a virtual environment in .venv, dependencies pinned by constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests wait for processes and browsers half of their time: three workers for two cores.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(max(2, 3 * os.cpu_count() // 2))")

.DEFAULT_GOAL := help
.PHONY: help demo app test chaos lint bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,app,dev]'
	@touch $(STAMP)

demo: $(STAMP) ## train, evaluate and predict on the built-in digits: about 3 minutes on 2 cores
	$(BIN)/lakesight demo

app: $(STAMP) ## look at your runs in the browser, on 127.0.0.1:5006
	$(BIN)/lakesight app --open

test: $(STAMP) lint ## lint, types, architecture and every test
	@# The processes that tests start would else compile our code anew, each of them.
	$(BIN)/python -m compileall -q cvcore conf launch panel_app tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

chaos: $(STAMP) ## kill trainer, rank, launcher and MLflow at random moments, 10 each: about 35 minutes
	LAKESIGHT_CHAOS_ROUNDS=10 $(BIN)/python -m pytest tests/chaos -p no:xdist

lint: $(STAMP) ## ruff, mypy, import-linter, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell cvcore conf launch panel_app tests docs benchmarks README.md CHANGELOG.md

bench: $(STAMP) ## print the benchmark table (ratios against named alternatives)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,app,dev,bench]'
	$(BIN)/python -m benchmarks

docs: $(STAMP) ## regenerate the reference pages from the schema and the catalogue
	$(BIN)/python -m cvcore.cli.reference docs/reference

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
