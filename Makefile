# The doors of the project; `make help` lists them. What they do stands in scripts/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Debian keeps its daemons where a plain user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin
BIN := .venv/bin
DATA ?= data/demo
ARGS ?=

.NOTPARALLEL:
.PHONY: help env deploy-check setup app wheels demo test check prove audit chaos bench pictures chart docs lock format

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: ## Make .venv, install the services that the demo and the tests need, and build the app
	@scripts/setup.sh mosquitto mariadb chromium app

# Many have EMAIL in their environment, and do not mean this one.
env: EMAIL := $(if $(filter command,$(firstword $(origin EMAIL))),$(EMAIL))
env: ## Write .env for docker compose, with secrets drawn at random (DOMAIN=sun.example.org EMAIL= PRIVATE= WSS=yes)
	@python3 deploy/env.py --domain "$(DOMAIN)" --email "$(EMAIL)" --private "$(PRIVATE)" --wss "$(WSS)"

app: ## Build the app for the browser (ARGS=--best: as for a release, smaller by a tenth)
	@scripts/setup.sh
	@$(BIN)/python -m sunsweep.app.words compile
	@$(BIN)/python -m sunsweep.app.bundle $(ARGS)

wheels: ## Build what a release is, in dist/: the program, and the app for servers
	@scripts/setup.sh
	@mkdir -p dist
	@deploy/image/wheels.sh .venv dist

demo: ## Run everything on this computer: broker, backend, simulated machines (DATA=dir, ARGS=…)
	@scripts/setup.sh mosquitto app
	@exec $(BIN)/sunsweep up --free-ports --show --data $(DATA) $(ARGS)

test: ## Run the tests (ARGS="-k name")
	@scripts/setup.sh mosquitto mariadb chromium app
	@scripts/test.sh $(ARGS)

check: ## Linters, types, the law of the rooms, and the generated documents
	@scripts/setup.sh
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src
	@echo $(BIN)/lint-imports; $(BIN)/lint-imports --no-cache > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	$(BIN)/python -m sunsweep.contract.schema docs --check
	$(BIN)/python -m sunsweep.server.openapi docs --check
	$(BIN)/python -m sunsweep.server.metrics_page docs --check
	$(BIN)/python -m bench.scale docs --check
	$(BIN)/python -m sunsweep.server.doctor.page docs --check
	$(BIN)/python -m sunsweep.app.words check

prove: ## Run the long proofs (ARGS="-k name")
	@scripts/setup.sh mosquitto mariadb chromium caddy prometheus app
	@$(BIN)/pytest -n 2 --dist loadgroup -m prove -o faulthandler_timeout=2000 $(ARGS)

deploy-check: ## Check what is under deploy/ without an engine; with docker's compose, by that as well
	@scripts/setup.sh mosquitto mariadb caddy prometheus
	@$(BIN)/pytest -n 2 --dist loadgroup -m "prove or not prove" tests/deploy tests/emqx $(ARGS)
	@if docker compose version >/dev/null 2>&1; then scripts/compose-check.sh; \
	  else echo "deploy-check: docker's compose is not here; the file was checked against its schema alone"; fi

chaos: ## An hour of kills, cut networks and full disks under load (ARGS="--minutes 5 --seed 1")
	@scripts/setup.sh mosquitto mariadb
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: ## Run every executable bench/*.py
	@scripts/setup.sh mosquitto mariadb chromium app
	@for bench in bench/*.py; do \
	  if [[ -x $$bench ]]; then echo "== $$bench"; PYTHONPATH=. $(BIN)/python "$$bench" $(ARGS); fi; \
	done

pictures: ## Draw the app's pages in docs/pictures anew, from machines of a demo
	@scripts/setup.sh mosquitto chromium app
	@$(BIN)/python -m tests.app.pictures $(ARGS)

chart: ## Lint the Helm chart and render its examples anew (ARGS=--check: only compare)
	@scripts/setup.sh
	@$(BIN)/python -m tests.deploy.render_chart $(ARGS)

audit: ## Ask for known holes in what requirements.lock names (needs the network: PyPI)
	@scripts/setup.sh
	$(BIN)/pip-audit --strict --disable-pip --requirement requirements.lock $(ARGS)

docs: ## Generate the published documents under docs/
	@scripts/setup.sh
	$(BIN)/python -m sunsweep.contract.schema docs
	$(BIN)/python -m sunsweep.server.openapi docs
	$(BIN)/python -m sunsweep.server.metrics_page docs
	$(BIN)/python -m bench.scale docs
	$(BIN)/python -m sunsweep.server.doctor.page docs

COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet
SUBSET = $(COMPILE) --constraint requirements.lock --no-annotate

lock: ## Resolve requirements.lock anew from pyproject.toml (ARGS=--upgrade), and what of it goes into each image
	@scripts/setup.sh
	$(COMPILE) --all-extras --group dev $(ARGS) -o requirements.lock
	$(SUBSET) --extra server --extra otel -o deploy/image/backend.lock
	$(SUBSET) --extra machine --extra pi -o deploy/image/machine.lock
	$(SUBSET) --extra app --group build -o deploy/image/wheels.lock

format: ## Format and repair what can be repaired
	@scripts/setup.sh
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format
