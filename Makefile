# Every target sets up what it needs: a virtual environment in .venv from constraints.txt.
FITS = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
# Bytecode makes every start of a process faster, so it is made at install, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help install demo demo-ui dev test test-slow test-nightly mutate lint format aws-policies aws-reference metrics-reference bench clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: .venv/installed ## Set up .venv

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv was found; name one: make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/installed ## Run the whole workflow on a simulated AWS and check what became of it
	$(BIN)/resoto demo

demo-ui: .venv/installed ## The same estate under `dagster dev`, until you press Ctrl-C
	$(BIN)/resoto demo --ui

dev: .venv/installed ## Dagster's UI with your resoto.yaml, on http://127.0.0.1:3000
	$(BIN)/dagster dev

test: .venv/installed ## The fast tests
	$(PYTEST) -q -n 2 -m 'not slow and not nightly'

test-slow: .venv/installed ## The slow tests: a real `dagster dev`, kills, large buckets; Debian's Prometheus must be there
	$(PYTEST) -q -n 2 --dist loadfile -m slow

test-nightly: .venv/installed ## Thousands of sequences of what may happen to a cleanup, new ones each time
	$(PYTEST) -q -n 2 -m nightly

mutate: .venv/installed ## Take the guards of the cleanup away one by one, and show which test misses each
	$(BIN)/python -m resoto_dagster_tests.cleanup.mutation

lint: .venv/installed ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

aws-policies: .venv/installed ## Write deploy/aws anew, as the kinds are declared
	$(BIN)/resoto aws iam-policy --collect --into deploy/aws
	$(BIN)/resoto aws iam-policy --cleanup --tagging --into deploy/aws
	$(BIN)/resoto aws role-template > deploy/aws/role-template.yaml
	$(BIN)/resoto aws events-template > deploy/aws/events.yaml

aws-reference: .venv/installed ## Write docs/reference/aws.md anew, as the kinds are declared and tested
	$(BIN)/python -m resoto_dagster_tests.providers.aws.reference > docs/reference/aws.md.new
	mv docs/reference/aws.md.new docs/reference/aws.md

metrics-reference: .venv/installed ## Write docs/reference/metrics.md anew, as the metrics are defined
	$(BIN)/python -m resoto_dagster.metrics.reference > docs/reference/metrics.md.new
	mv docs/reference/metrics.md.new docs/reference/metrics.md

bench: .venv/installed ## Measure, and print the tables of benchmarks/README.md; ENDPOINT=URL adds a collect
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/events.py
	$(BIN)/python benchmarks/exporter.py
	$(BIN)/python benchmarks/inventory.py
	$(BIN)/python benchmarks/cleanup.py
	$(BIN)/python benchmarks/metrics.py
	$(if $(ENDPOINT),$(BIN)/python benchmarks/collect.py --endpoint $(ENDPOINT))

clean: ## Remove the virtual environment and all caches; local state in .resoto stays
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
