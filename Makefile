# fluxrig: `make demo` and `make test` are all a new machine needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint bench venv clean
.DEFAULT_GOAL := demo

demo: $(VENV)/demo.stamp  ## A simulated press, a broker and a rig, live in this terminal
	$(BIN)/fluxrig demo $(ARGS)

test: venv lint  ## Every test, on both interpreters
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: venv  ## Formatting, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv  ## Every figure beside its peer (AREA="codec bus" for some)
	$(BIN)/python -m tests.bench $(AREA) $(ARGS)

venv: $(VENV)/dev.stamp  ## The environment with every extra

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m tests.umqtt
	touch $@ $(VENV)/demo.stamp

clean:  ## Remove everything that make made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
