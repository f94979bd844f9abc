# `make demo`: a first look. `make test`: everything CI runs. Both build .venv from requirements*.txt.
PYTHON ?= python3
BIN := .venv/bin

# Tests start the bot a hundred times: its code is compiled once, and so is theirs.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo install test check compiled docs format coverage bench endurance fuzz image lock clean

demo: .venv/installed
	$(BIN)/depot-bot demo

install: .venv/installed

# Processor time is not all that tests take: they also wait, for processes and for real seconds.
test: .venv/installed-dev
	$(MAKE) --no-print-directory --jobs=2 check compiled
	$(BIN)/pytest -n 5 --dist worksteal

# pytest rewrites the tests' asserts: once, beside the checks, and not in each of its processes.
compiled: .venv/installed-dev
	$(BIN)/pytest --collect-only -qq > /dev/null

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The parts of the documents that are made from the code.
docs: .venv/installed-dev
	$(BIN)/python -m tests.docs

format: .venv/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Every branch of the pure rooms must be run by the tests beside them.
coverage: .venv/installed-dev
	$(BIN)/pytest --cov --cov-report=term tests/core tests/parsing tests/rules tests/messages tests/depot tests/github

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/installed-dev: requirements-dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@ .venv/installed

# Trouble of many kinds with real processes, on SQLite and PostgreSQL, as a table.
endurance: .venv/installed-dev
	$(BIN)/python -m tests.crash.endurance

# What the README says of speed and size, measured beside peers that are started in the same run.
bench: .venv/installed-dev
	$(BIN)/python -m tests.bench

# The tests under tests/fuzz with new cases for some minutes; FUZZ_CASES=100000 for longer.
fuzz: .venv/installed-dev
	HYPOTHESIS_PROFILE=long $(BIN)/pytest tests/fuzz

# Builds the image and runs the demo and the bot in it; as root, with buildah. BASE=… names a base.
image: .venv/installed-dev
	BASE=$(BASE) $(BIN)/python -m tests.hosts.image

# Pins every dependency, with hashes, for all platforms; with what `pip install -e` needs of its own.
lock: .venv/bin/python
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes pyproject.toml --group build -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes pyproject.toml --group dev -o requirements-dev.txt

clean:
	rm -rf .venv
