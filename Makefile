# Everything a newcomer and CI call. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Tests wait about as much as they work, so some run at once, also where there are two cores. Each worker has a broker
# and a database of its own.
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
AT_ONCE_ON_KAFKA := -n 2 --dist worksteal

# Compiled modules are kept, whatever this shell says: a stack of seven processes begins in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage test-kafka test-browser faults bench lint format lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready  ## make .venv with the command `guldadra` in it

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Guldådra needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "could not make $(VENV): install your system's venv package (Debian: python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## the main job on this machine: three years of a hip register, with the Inter-op case in it
	$(BIN)/guldadra demo

test: setup  ## all tests that need nothing but pip
	$(BIN)/python -m pytest $(AT_ONCE)

coverage: setup  ## the same tests, and which lines and branches none of them reaches; takes twice the processor time
	$(BIN)/python -m pytest $(AT_ONCE) --cov --cov-report=term:skip-covered

test-kafka: setup  ## the tests on a real Kafka broker (Java 17 and Maven)
	GULDADRA_REAL_KAFKA=1 $(BIN)/python -m pytest -m kafka $(AT_ONCE_ON_KAFKA)

test-browser: setup  ## the portal in a real browser (Debian's package chromium); pictures in .guldadra/screenshots
	$(BIN)/python -m pytest -m browser tests/browser

faults: setup  ## kill -9 drills on a real Kafka broker
	GULDADRA_REAL_KAFKA=1 GULDADRA_FAULT_ROUNDS=$${GULDADRA_FAULT_ROUNDS:-20} $(BIN)/python -m pytest -m faults $(AT_ONCE_ON_KAFKA) -p no:randomly

bench: setup  ## measured speed: one run, side by side, on real Kafka where Java is there
	$(BIN)/python -m tests.bench

lint: setup  ## ruff, mypy, import-linter, bandit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml schemas streams sinks deploy

format: setup  ## put the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## pin every dependency anew, with hashes
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt

clean:  ## remove what the tools left behind
	rm -rf $(VENV) .guldadra .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
