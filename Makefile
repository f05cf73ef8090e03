# The two commands: make demo, make test. The others: make check (daily use), make book, make bench, make clean.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= digits
# Real data sets for tests and benchmarks, where such a folder lies beside the checkout.
DATASETS ?= $(wildcard $(abspath ../shared/datasets))
export HORNPIPE_DATASETS ?= $(DATASETS)

.PHONY: demo book test check slow bench clean

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[plot]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet -e '.[test]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/python examples/first_look.py --data $(DATA)

# The book's workflows in full, in today's spelling and in that of 2016, and one table of what the book prints and what came out.
book: $(VENV)/.demo
	$(BIN)/python -m book

test: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" ./check

check: test

slow: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" ./check --slow

.venv-bench/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade pip
	.venv-bench/bin/python -m pip install --quiet 'keras==3.15.*' jax tensorflow-cpu torch==2.13.0
	touch $@

bench: $(VENV)/.test .venv-bench/.ready
	KERAS_PYTHON="$(abspath .venv-bench/bin/python)" $(BIN)/python -m benchmarks --readme

clean:
	rm -rf $(VENV) .venv-bench build dist *.egg-info
