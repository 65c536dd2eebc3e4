# fluxrig: `make demo` and `make test` are all a new machine needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint bench venv clean
.DEFAULT_GOAL := demo

demo: $(VENV)/demo.stamp  ## A simulated press, a broker and a rig, live in this terminal
	@$(BIN)/fluxrig demo $(ARGS)

test: venv lint  ## Every test, on both interpreters
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: venv  ## Formatting, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/bench.stamp  ## Every figure beside its peer (AREA="codec modbus" for some)
	$(BIN)/python -m tests.bench $(AREA) $(ARGS)

venv: $(VENV)/dev.stamp  ## The environment with every extra

# Debian keeps `venv` in a package of its own. Root gets it; anybody else is told how.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	    { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -y -q python3-venv; } || \
	    { echo "$(PYTHON) cannot make environments: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV), which takes a minute the first time …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) with every extra, which takes a minute the first time …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -m tests.umqtt >/dev/null
	@touch $@ $(VENV)/demo.stamp

# What the benchmarks measure beside ours, and nothing else needs.
$(VENV)/bench.stamp: $(VENV)/dev.stamp
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python -m tests.micropython_modbus >/dev/null
	@touch $@

clean:  ## Remove everything that make made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
