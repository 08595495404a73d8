# `make` or `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PACKAGES := libs/ocpp/src libs/bus/src libs/db/src libs/runtime/src libs/testing/src services/gateway/src services/auth/src \
            services/transactions/src services/device-mgmt/src services/history/src services/standalone/src clients/cli/src
TYPESCRIPT := tests/clients/typescript
ARGS ?=
# What builds images: the first of these that works here, or any command that takes the same arguments.
ENGINE ?= $(shell for engine in buildah podman docker; do $$engine info >/dev/null 2>&1 && echo $$engine && break; done)
IMAGE ?= localhost/csms:dev
# What gives the nodes of a cluster images, by name: `kind load docker-image`, `minikube image load`, ...
LOAD ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf "\nArguments for the program behind a target: make demo ARGS='--help'\n"

# --- set-up: each stamp is made once and again when what it depends on changes

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the services need into $(VENV) (once)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.runtime
	@echo "Installing what tests, simulator and checks need into $(VENV) (once)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.fuzz: | $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[fuzz]'
	@touch $@

$(VENV)/.npm: $(TYPESCRIPT)/package-lock.json | $(VENV)/bin/python
	@if command -v npm >/dev/null; then echo "Installing what the TypeScript client's test needs (once)"; \
	  npm ci --prefix $(TYPESCRIPT) --ignore-scripts --no-audit --no-fund --loglevel=error; \
	else echo "There is no npm: the TypeScript client is not tested"; fi
	@touch $@

$(BIN)/helm: | $(VENV)/bin/python
	@tools/helm.sh $@

$(BIN)/kube-score: tools/kube-score/go.mod | $(VENV)/bin/python
	@tools/kube-score.sh $@

##@ Use it

.PHONY: run
run: $(VENV)/.runtime ## Run the whole CSMS in one process: stations on :9000, HTTP on :8080, data in ./data
	CSMS_UNKNOWN_STATIONS=$${CSMS_UNKNOWN_STATIONS:-accept} $(BIN)/csms serve $(ARGS)

.PHONY: demo
demo: $(VENV)/.dev ## Show 20 simulated stations charging, with a live view (starts a CSMS when none is running)
	$(BIN)/python -m csms_testing.demo $(ARGS)

.PHONY: kafka
kafka: $(VENV)/.dev ## Run a local Apache Kafka on :9092 (Java and Maven needed, no containers)
	$(BIN)/python -m csms_testing.kafka $(ARGS)

.PHONY: cluster
cluster: $(VENV)/.dev ## Run Kafka, PostgreSQL, two gateways and the other services as local processes
	$(BIN)/python -m csms_testing.cluster $(ARGS)

.PHONY: image
image: ## Build the container image IMAGE (localhost/csms:dev) with ENGINE (buildah, podman or docker)
	@test -n "$(ENGINE)" || { echo "Neither buildah nor podman nor docker works here; ENGINE names another one"; exit 1; }
	$(ENGINE) build --tag $(IMAGE) --file deploy/image/Dockerfile $(ARGS) \
	  --build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) \
	  --build-arg REVISION=$$(git describe --always --abbrev=40 --dirty 2>/dev/null || echo unknown) .
	$(ENGINE) images $(IMAGE)

##@ Work on it

.PHONY: setup
setup: $(VENV)/.dev $(VENV)/.npm ## Install everything for development into .venv

.PHONY: test
test: $(VENV)/.dev $(VENV)/.npm ## Run all tests, also on Apache Kafka and PostgreSQL, in two processes
	$(BIN)/python -m pytest -n 2 $(ARGS)

.PHONY: test-fast
test-fast: $(VENV)/.dev ## Run the libraries' and services' tests that need neither Kafka nor PostgreSQL, in two processes
	$(BIN)/python -m pytest libs/ocpp libs/bus libs/db libs/runtime services -m 'not kafka and not postgres and not slow' -n 2 $(ARGS)

.PHONY: conformance
conformance: $(VENV)/.dev ## Run the OCPP test cases in both modes and write docs/conformance.md
	@mkdir -p .cache
	$(BIN)/python -m pytest tests/conformance --conformance-all --conformance-results .cache/conformance.json $(ARGS); status=$$?; \
	  $(BIN)/python tools/conformance.py .cache/conformance.json > docs/conformance.md; exit $$status

.PHONY: check
check: $(VENV)/.dev chart ## Check format, lint, types, import boundaries, dependencies, generated code and the chart
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(PACKAGES) tools bench
	$(BIN)/lint-imports
	$(BIN)/deptry .
	tools/proto.sh --check
	cd proto && ../$(BIN)/buf lint && ../$(BIN)/buf breaking --against released.binpb
	$(BIN)/python -m csms_bus.topics --check docs/topics.md
	$(BIN)/python -m csms_bus.events --check
	$(BIN)/python tools/configuration.py --check docs/configuration.md
	$(BIN)/python tools/conformance.py --check docs/conformance.md
	tools/rules.sh

.PHONY: chart
chart: $(VENV)/.dev $(BIN)/helm $(BIN)/kube-score ## Check the Helm chart: lint, README, values, kube-score, objects of the oldest and newest Kubernetes
	$(BIN)/helm lint --quiet deploy/helm/csms --values deploy/helm/csms/values-trial.yaml
	$(BIN)/python tools/chart_readme.py --check deploy/helm/csms/README.md
	$(BIN)/python -m pytest -q deploy/helm/tests tests/deploy/test_names.py

.PHONY: format
format: $(VENV)/.dev ## Format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: drill
drill: $(VENV)/.dev ## Break the running system in every known way, check that nothing is lost
	$(BIN)/python -m csms_testing.drills $(ARGS)

.PHONY: k8s-images
k8s-images: $(VENV)/.dev image ## Build what make k8s-test runs, Kafka, PostgreSQL and nginx too; LOAD gives the nodes images
	$(BIN)/python -m csms_testing.k8s.images --engine "$(ENGINE)" --load "$(LOAD)" --also $(IMAGE)

.PHONY: k8s-test
k8s-test: $(VENV)/.dev ## Install the chart on the cluster that KUBECONFIG names, break it, upgrade it, roll it back
	$(BIN)/python -m csms_testing.k8s --image $(IMAGE) $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Measure throughput and latency beside the baselines (ARGS="--name 2-cores": the published set)
	$(BIN)/python -m bench $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## Search for input from outside that breaks something, a minute per target (Linux on x86-64)
	$(BIN)/python tests/fuzz/run.py $(ARGS)

.PHONY: report
report: $(VENV)/.dev ## Write docs/performance.md from a result set of the benchmarks (ARGS: its name)
	$(BIN)/python -m bench.report $(ARGS)

.PHONY: proto
proto: $(VENV)/.dev ## Generate Python code from proto/
	tools/proto.sh

.PHONY: docs
docs: $(VENV)/.dev ## Generate docs/topics.md, docs/events.md, docs/asyncapi.json, docs/configuration.md, the chart's README and its list of settings
	$(BIN)/python -m csms_bus.topics > docs/topics.md
	$(BIN)/python -m csms_bus.events
	$(BIN)/python tools/configuration.py > docs/configuration.md
	$(BIN)/python tools/configuration.py --names > deploy/helm/csms/settings.json
	$(BIN)/python tools/chart_readme.py > deploy/helm/csms/README.md

.PHONY: lock
lock: ## Resolve the dependencies anew and write both lock files (needs uv)
	uv pip compile --quiet pyproject.toml --extra dev --extra build --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 --output-file requirements-dev.lock
	uv pip compile --quiet pyproject.toml --extra build --constraint requirements-dev.lock --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 --output-file requirements.lock

.PHONY: clean
clean: ## Remove the virtual environment and all caches (data/ stays)
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
