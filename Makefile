# The two commands: make demo, make test. The others: make check (daily use), make kernels, make wheel, make book, make bench,
# make clean.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= digits
# Real data sets for tests and benchmarks, where such a folder lies beside the checkout.
DATASETS ?= $(wildcard $(abspath ../shared/datasets))
export HORNPIPE_DATASETS ?= $(DATASETS)

.PHONY: demo book test check fast slow kernels wheel bench clean

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[plot]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet -e '.[test]'
	touch $@

# The compiled CPU kernels, where there is a compiler; everything works without them.
KERNEL_SOURCES := $(wildcard hornpipe/kernels/*.cpp hornpipe/kernels/*.h hornpipe/kernels/build.py)
$(VENV)/.kernels: $(VENV)/.demo $(KERNEL_SOURCES)
	-$(BIN)/hornpipe kernels --build
	touch $@

kernels: $(VENV)/.demo
	$(BIN)/hornpipe kernels --build

# A wheel for this platform and this JAX with the compiled kernels inside, in dist/.
wheel: $(VENV)/.demo
	rm -rf build hornpipe/kernels/built
	HORNPIPE_HOME="$(abspath build/home)" $(BIN)/hornpipe kernels --build
	mv build/home/kernels hornpipe/kernels/built
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist . && rm -rf build hornpipe/kernels/built
	$(BIN)/python -m pip install --quiet wheel
	$(BIN)/python -m wheel tags --remove --platform-tag \
	  $$($(BIN)/python -c 'import sysconfig, re; print(re.sub("[^a-z0-9_]", "_", sysconfig.get_platform().lower()))') \
	  dist/hornpipe-*-none-any.whl

demo: $(VENV)/.demo $(VENV)/.kernels
	$(BIN)/python examples/first_look.py --data $(DATA)

# The book's workflows in full, in today's spelling and in that of 2016, and one table of what the book prints and what came out.
book: $(VENV)/.demo
	$(BIN)/python -m book

test: $(VENV)/.test $(VENV)/.kernels
	PATH="$(abspath $(BIN)):$$PATH" ./check

check: test

fast: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" ./check --fast

slow: $(VENV)/.test $(VENV)/.kernels
	PATH="$(abspath $(BIN)):$$PATH" ./check --slow

.venv-bench/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade pip
	.venv-bench/bin/python -m pip install --quiet 'keras==3.15.*' jax tensorflow-cpu torch==2.13.0
	touch $@

bench: $(VENV)/.test $(VENV)/.kernels .venv-bench/.ready
	KERAS_PYTHON="$(abspath .venv-bench/bin/python)" $(BIN)/python -m benchmarks --readme

clean:
	rm -rf $(VENV) .venv-bench build dist *.egg-info
