# One command for each thing that people do here. PYTHON picks the interpreter that makes the environment.
PYTHON ?= python3
BIN := .venv/bin
DEMO := fixtures/repositories/wine-quality
CORPUS ?= pipeaudit

.PHONY: demo test lint bench fuzz table wheel clean

demo: .venv/demo-installed ## audit the bundled example and say where the report is
	$(BIN)/pipeaudit check $(DEMO) --exit-zero
	$(BIN)/pipeaudit audit $(DEMO) --format html --output pipeaudit-report.html
	@echo "Open $(CURDIR)/pipeaudit-report.html in a browser."

test: .venv/dev-installed
	$(BIN)/python -m pytest -n auto

lint: .venv/dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev-installed ## cost against ast.parse over the same files: make bench CORPUS=some/folder
	$(BIN)/python benchmarks/against_parsing.py $(CORPUS)

fuzz: .venv/dev-installed ## the property tests at FUZZ_EXAMPLES (10,000) examples each, readers on FUZZ_BYTES (2 MiB)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m property
	$(BIN)/python -m pytest fuzz

table: .venv/dev-installed ## write the table of rules/README.md anew
	$(BIN)/python tools/write_rule_table.py

wheel: .venv/dev-installed
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo-installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements-dev.lock -e .
	@touch $@

.venv/dev-installed: .venv/bin/python pyproject.toml requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ .venv/demo-installed

clean:
	rm -rf .venv dist build pipeaudit-report.html
