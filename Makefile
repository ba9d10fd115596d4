# Every target that a person calls has a ## line; `make help` shows them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
RUN_EXTRAS := orchestration,mapper,analysis,local
# The model server's own, so that nothing that the services run on has to fit it, or to hold its torch.
MODEL_VENV := $(or $(LLAMA_MAPPER_MODEL_VENV),.venv-model)
# What makes and tests models: everything in one, for the pipelines train, build a Bento and ask it.
TRAIN_VENV := .venv-train
TRAIN := $(TRAIN_VENV)/bin
WEIGHTS := deploy/local/weights.txt
RECIPE ?= smollm2-135m
TESTS ?= tests
WORKERS ?= 2

.PHONY: help up down demo status test coverage lint format export bench constraints

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.run-installed model-if-possible ## Install what is missing, start everything, show one real answer, stay until Ctrl-C
	@exec $(BIN)/python -m deploy.local up

down: $(VENV)/.run-installed ## Stop what `make up` started, from another terminal; the data is kept
	@exec $(BIN)/python -m deploy.local down

demo: $(VENV)/.run-installed ## Send the demo request to the stack that is up
	@exec $(BIN)/python -m deploy.local demo

status: $(VENV)/.run-installed ## Say what runs and whether it is ready
	@exec $(BIN)/python -m deploy.local status

test: $(VENV)/.dev-installed ## Run every test (TESTS=path to run some, WORKERS=1 to run them in one process)
	$(BIN)/pytest -q -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS) $(TESTS)

coverage: $(VENV)/.dev-installed ## Run every test, then fail under 80 % of the services' domain/ and api/ lines
	@$(MAKE) --no-print-directory test PYTEST_ARGS="--cov --cov-report= $(PYTEST_ARGS)"
	$(BIN)/coverage report --skip-covered --fail-under=80 --include='**/*_svc/domain/**,**/*_svc/api/**'

lint: $(VENV)/.dev-installed ## Check style, types, imports between layers, and that the exported contracts are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/union_openapi.py --check

format: $(VENV)/.dev-installed ## Format the code and put right what can be put right by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

export: $(VENV)/.dev-installed ## Write each service's openapi.json and their union, docs/openapi.yaml
	$(BIN)/python docs/union_openapi.py

bench: $(VENV)/.dev-installed ## Measure what the README claims; the stack must be up
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

constraints: ## Renew constraints.txt: the exact pins of everything
	@deploy/local/compile_constraints.sh $(PYTHON) $(VENV)

model: $(MODEL_VENV)/.installed ## Install what the model server needs; `make up` does it, too

.PHONY: model model-if-possible
# Without a model the stack still comes up, and rules answer alone.
model-if-possible:
ifneq ($(LLAMA_MAPPER_MODEL),off)
	@$(MAKE) --no-print-directory model || echo '  ! the model server could not be installed: rules answer alone' >&2
endif

# A stamp is newer than what it was built from; the second install finds most of the first done.
$(VENV)/.run-installed: pyproject.toml constraints.txt deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(VENV) '$(RUN_EXTRAS)'
	@touch $@

$(VENV)/.dev-installed: pyproject.toml constraints.txt deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(VENV) dev
	@touch $(VENV)/.run-installed $@

$(MODEL_VENV)/.installed: pyproject.toml constraints.txt $(WEIGHTS) deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(MODEL_VENV) serving $(WEIGHTS)
	@touch $@

$(TRAIN_VENV)/.installed: pyproject.toml constraints.txt $(WEIGHTS) deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(TRAIN_VENV) dev,training,serving $(WEIGHTS)
	@touch $@
