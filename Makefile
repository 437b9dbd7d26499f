# Ranvier: every job is a target. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
FEED   ?=
ARGS   ?=
STAMP_RUN := $(VENV)/.run-ready
STAMP_DEV := $(VENV)/.dev-ready
WEB_SRC := $(shell find platform/web -path '*/node_modules' -prune -o -type f -print 2>/dev/null)
WEB_OUT := platform/ranvier/gateway/web/static/index.html

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: run
run: $(STAMP_RUN) $(WEB_OUT) ## set up, then run the platform on its embedded defaults (FEED=path for your own files)
	@exec $(BIN)/ranvier run $(if $(FEED),--feed "$(FEED)") $(ARGS)

.PHONY: test
test: $(STAMP_DEV) $(WEB_OUT) ## set up, then run all the tests, with real servers where they can be built
	@scripts/browser.sh
	@echo "== kernels of the simulator (a minute or so, once for each version of them)"
	@OMP_NUM_THREADS=1 $(BIN)/python -c "from ranvier.dtops.simulator import kernel_cache; kernel_cache.fill()"
	@echo "== tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.servers run -- \
	  $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

.PHONY: servers servers-up servers-down servers-status
servers: | $(BIN)/python ## fetch, build and cache Kafka, Neo4j and InfluxDB for the tests (minutes, once)
	@$(BIN)/python -m tests.servers install

servers-up: | $(BIN)/python ## start them on this machine, and say how to use them (ARGS="--kafka PORT")
	@$(BIN)/python -m tests.servers up $(ARGS)

servers-down: | $(BIN)/python ## stop them (their data stays in .servers)
	@$(BIN)/python -m tests.servers down

servers-status: | $(BIN)/python ## which of them run, where, and in how much memory
	@$(BIN)/python -m tests.servers status

.PHONY: test-faults
test-faults: $(STAMP_DEV) ## strike random faults at the real servers and account for every record (ARGS="--faults 200 --seed 7")
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults $(ARGS)

.PHONY: soak
soak: $(STAMP_DEV) ## hold a steady load for an hour: flat memory and lag? (ARGS="--minutes 10")
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.soak $(ARGS)

.PHONY: simulator
simulator: $(STAMP_RUN) ## add what the simulator needs (torch without CUDA's extras; GPU=1: with them)
	@echo "== installing what the simulator needs"
	@[ -f $(STAMP_DEV) ] || $(UV) pip sync --python $(BIN)/python requirements/simulator$(if $(GPU),-gpu).txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .

.PHONY: surrogate
surrogate: $(STAMP_RUN) ## add what surrogates need, the simulator's own needs among it (GPU=1: with CUDA)
	@echo "== installing what surrogates need"
	@[ -f $(STAMP_DEV) ] || $(UV) pip sync --python $(BIN)/python requirements/surrogate$(if $(GPU),-gpu).txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .

.PHONY: calibrate
calibrate: $(STAMP_DEV) ## the simulator against the companies' curves of TR 38.901 (ARGS="--drops 60 --out DIR")
	@OMP_NUM_THREADS=1 $(BIN)/python -m ranvier.dtops.simulator.calibration $(ARGS)

.PHONY: error-budget
error-budget: $(STAMP_DEV) ## what 3 dB of error make of each KPI (ARGS="--scenario uma-21 --draws 24")
	@OMP_NUM_THREADS=1 $(BIN)/python -m ranvier.dtops.simulator.error_propagation $(ARGS)

.PHONY: lint
lint: $(STAMP_DEV) ## ruff, mypy and the layer contracts
	@echo "== ruff" && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== mypy" && $(BIN)/mypy
	@echo "== import-linter" && $(BIN)/lint-imports

.PHONY: format
format: $(STAMP_DEV) ## reformat and fix what ruff can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

.PHONY: backtest
backtest: $(STAMP_RUN) ## score the predictors on your files: make backtest FEED=path
	@$(BIN)/ranvier backtest "$(FEED)" $(ARGS)

.PHONY: bench
bench: $(STAMP_DEV) $(WEB_OUT) ## measure, and write docs/benchmarks.md (ARGS=--quick: less, only printed)
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench $(ARGS)

.PHONY: docs
docs: $(STAMP_DEV) ## build the manual into site/
	@$(BIN)/mkdocs build --strict --quiet && echo "site/index.html"

.PHONY: docs-settings
docs-settings: $(STAMP_DEV) ## write the manual's page of settings
	@$(BIN)/python -m ranvier.gateway.settings_page > docs/settings.md

.PHONY: web
web: $(WEB_OUT) ## build the web page

.PHONY: ontology
ontology: $(STAMP_DEV) ## check the Turtle files and compile what the platform loads
	@$(BIN)/python -m ranvier.ontology.compile

.PHONY: lock
lock: ## pin the dependencies again, with hashes and without addresses
	@scripts/lock.sh $(UV)

.PHONY: wheel
wheel: $(STAMP_DEV) $(WEB_OUT) ## build the wheel into dist/
	@$(UV) build --wheel --quiet --out-dir dist && ls dist/*.whl

.PHONY: clean
clean: ## remove what the targets made (the stores under .ranvier and .servers stay)
	rm -rf $(VENV) .tools dist build site platform/web/node_modules platform/ranvier/gateway/web/static

.tools/bin/uv:
	@echo "== getting uv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Ranvier needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv

$(BIN)/python: | $(if $(findstring .tools,$(UV)),.tools/bin/uv)
	@$(UV) venv --quiet --python $(PYTHON) $(VENV)

$(STAMP_RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "== installing what the platform needs"
	@[ -f $(STAMP_DEV) ] || $(UV) pip sync --python $(BIN)/python requirements/run.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(STAMP_DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "== installing what development and tests need"
	@$(UV) pip sync --python $(BIN)/python requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@ $(STAMP_RUN)

$(WEB_OUT): $(WEB_SRC)
	@scripts/web.sh $(UV)
