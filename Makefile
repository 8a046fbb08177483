PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEBIAN := nginx haproxy wrk curl

.PHONY: help run setup dev debian check test bench soak generate clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: setup  ## the sidecar; UPSTREAM=http://… [SHADOW=name=http://…] beside a real endpoint, without them beside two demo models
	@exec $(BIN)/watchtower $(if $(UPSTREAM),run --upstream $(UPSTREAM) $(foreach s,$(SHADOW),--shadow $(s)),demo) $(ARGS)

setup: $(VENV)/.setup-run  ## only the virtual environment

$(VENV)/.setup-run: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

dev: $(VENV)/.setup-dev

$(VENV)/.setup-dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.setup-run

debian:
	@sh tests/debian_packages.sh $(DEBIAN)

check: dev  ## ruff, formatting, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_layers.py
	$(BIN)/python -m watchtower.generate --check

generate: dev  ## rebuild what is generated from code
	$(BIN)/python -m watchtower.generate

test: dev debian  ## the whole suite
	$(BIN)/pytest -m 'not soak' $(ARGS)

soak: dev debian  ## minutes at load, watching for growth
	$(BIN)/pytest -m soak $(ARGS)

bench: dev debian  ## CPU, latency and memory beside nginx, HAProxy, Envoy and aiohttp
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
