# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for those who work on the code.
PYTHON ?= python3.11
ifeq ($(shell command -v $(PYTHON)),)
PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo serve test check style types rules year format lock soak fuzz mutants load bench

help:  ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Some systems have venv but not ensurepip: then the machine's own pip fills the environment.
$(VENV)/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --without-pip --clear $(VENV)
	test -x $(BIN)/pip || $(PYTHON) -m pip --python $(BIN)/python install --quiet pip
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

demo: $(VENV)/installed  ## a sample province, served: address and sign-ins are printed; PORT=8001 where 8000 is taken
	$(BIN)/meisu demo $(if $(PORT),--port $(PORT)) --data .meisu-demo

serve: $(VENV)/installed  ## the service with an empty registry
	$(BIN)/meisu serve $(if $(PORT),--port $(PORT))

test: $(VENV)/installed  ## every test, on real servers of its own
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist load --maxschedchunk 1

check: style types  ## style, types, layers, migrations

style: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint migrations/versions
	$(BIN)/squawk --config .squawk.toml migrations/versions/*.sql

types: $(VENV)/installed
	$(BIN)/mypy

rules: $(VENV)/installed  ## which tests stand for which rule of the notice, and for which case of real life
	$(BIN)/python -m tests.rules

year: $(VENV)/installed  ## the sample province through a whole year by the API on a moved clock, then the audit
	$(BIN)/python -m pytest tests/test_year.py --durations=1

format: $(VENV)/installed  ## put code and imports in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(VENV)/installed  ## ten thousand random histories of the ledger against its oracles, a hundred crashes, and sixty of one of two services
	$(BIN)/python -m pytest tests/ledger tests/test_crash.py tests/test_twins.py --soak

fuzz: $(VENV)/installed  ## send whatever the API's description allows to every route, and look for faults of ours
	$(BIN)/python -m pytest tests/routes/fuzz.py --numprocesses auto --dist worksteal

mutants: $(VENV)/installed  ## break the ledger's rules one by one, and see which law catches each
	$(BIN)/python -m tests.ledger.mutants

load: $(VENV)/installed  ## visitors for half a minute, then the audit; SCENARIO=weighbridges (load/README.md), SECONDS=30
	$(BIN)/python -m load $(or $(SCENARIO),weighbridges) --seconds $(or $(SECONDS),30)

bench: $(VENV)/installed  ## the figures of docs/performance.md, measured here: about a quarter of an hour; QUICK=1 within 3 minutes
	$(BIN)/meisu bench $(if $(QUICK),--quick)

lock: $(VENV)/installed  ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url --no-header \
		--output-file requirements.lock pyproject.toml
