PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEBIAN := nginx haproxy wrk curl faketime
SOURCES := pyproject.toml hatch_build.py $(shell find watchtower -name '*.py')
# What is compiled is tested once more as it is written.
PLAIN  := tests/analyst tests/compare tests/http1 tests/journal tests/metrics tests/mirror tests/payload tests/proxy tests/upstream
# Tests are of what is installed, not of the folder that they lie in.
export PYTHONSAFEPATH := 1

.PHONY: help run setup dev debian check test bench soak generate clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: setup  ## the sidecar; UPSTREAM=http://… [SHADOW=name=http://…] beside a real endpoint, without them beside two demo models
	@exec $(BIN)/watchtower $(if $(UPSTREAM),run --upstream $(UPSTREAM) $(foreach s,$(SHADOW),--shadow $(s)),demo) $(ARGS)

setup: $(VENV)/.setup-run  ## only the virtual environment

# Installed as users have it: from a wheel, with the hot path compiled where there is a C compiler.
$(VENV)/.setup-run: $(SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

dev: $(VENV)/.setup-dev

$(VENV)/.setup-dev: $(SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@touch $@ $(VENV)/.setup-run

debian:
	@sh tests/debian_packages.sh $(DEBIAN)

check: dev  ## ruff, formatting, types, layers, generated files
	$(BIN)/ruff check --no-cache .  # imports are sorted by which files there are, and a cache does not see one that came
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/pytest tests/test_layers.py
	PYTHONPATH=. $(BIN)/python -m watchtower.generate --check

generate: dev  ## rebuild what is generated from code
	PYTHONPATH=. $(BIN)/python -m watchtower.generate

test: dev debian  ## the whole suite, and the compiled modules' tests once more without compiling
	@$(BIN)/watchtower --version
	$(BIN)/pytest -m 'not soak' $(ARGS)
	PYTHONPATH=. $(BIN)/pytest -m 'not soak' $(PLAIN)

soak: dev debian  ## minutes at load, watching for growth
	$(BIN)/pytest -m soak $(ARGS)

bench: dev debian  ## CPU, latency and memory beside nginx, HAProxy, Envoy and aiohttp
	env -u PYTHONSAFEPATH $(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
