# `make help` lists what there is. Needs python3 (3.11 or newer) and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
HOST ?=
SHAPE ?= steady
IMAGE ?= tidecast
VERSION ?= $(shell git describe --tags --always --dirty 2> /dev/null | tr A-Z a-z)
PYTHON_IMAGE ?= python:3.11-slim
READY := $(VENV)/.ready
PEERS := .venv-peers
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links
PROTOC = $(BIN)/python -m grpc_tools.protoc --proto_path=. --python_out=$(1) --pyi_out=$(1) \
	--grpc_python_out=$(1) service/proto/forecast.proto service/proto/inference.proto

.PHONY: help setup peers run test check fmt bench bench-serving loadtest terraform-test image manifests chart-test e2e requirements proto openapi settings-docs metrics-docs values-docs

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment in .venv with the pinned packages

$(READY): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' \
		|| { echo "Tidecast needs Python 3.11 or newer; name one: make setup PYTHON=python3.12" >&2; exit 1; }
	if [ ! -x $(BIN)/pip ]; then
		echo "setup: making the environment in $(VENV)"
		$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a venv; Debian and Ubuntu: \
	apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	fi
	echo "setup: installing the pinned packages (about 150, minutes when nothing is cached)"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
	echo "setup: ready"

peers: $(PEERS)/.ready ## make the environment in .venv-peers: clients and servers of others

$(PEERS)/.ready: requirements/peers.txt | $(READY)
	@echo "peers: installing clients and servers of others in $(PEERS)"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	VIRTUAL_ENV=$(abspath $(PEERS)) $(BIN)/uv pip sync --quiet --require-hashes requirements/peers.txt
	touch $@

run: setup ## set up, then the whole loop; ARGS="--replay" and so on go to `tidecast up`
	@exec $(BIN)/tidecast up $(ARGS)

test: check peers ## every check, then every test that needs no cluster; ARGS go to pytest
	@$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: setup ## format, lint, types, import floors, generated files
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/settings_page.py | diff -u docs/settings.md - \
		|| { echo "docs/settings.md is old: make settings-docs" >&2; exit 1; }
	$(BIN)/python docs/metrics_page.py | diff -u docs/metrics.md - \
		|| { echo "docs/metrics.md is old: make metrics-docs" >&2; exit 1; }
	$(BIN)/python docs/values_page.py | diff -u helm/tidecast/README.md - \
		|| { echo "helm/tidecast/README.md is old: make values-docs" >&2; exit 1; }
	$(BIN)/python -m service.rest.openapi | diff -u docs/openapi.json - \
		|| { echo "docs/openapi.json is old: make openapi" >&2; exit 1; }
	fresh=$$(mktemp -d)
	trap 'rm -rf "$$fresh"' EXIT
	$(call PROTOC,$$fresh)
	for stub in $$(cd "$$fresh" && find . -type f); do
		diff -u "$$stub" "$$fresh/$$stub" || { echo "$$stub is old: make proto" >&2; exit 1; }
	done

fmt: setup ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure the numbers of the README; writes benchmarks/
	@$(BIN)/python benchmarks/run.py $(ARGS)

bench-serving: setup peers ## measure serving beside other servers, a quarter of an hour; ARGS="--only throughput"
	@$(BIN)/python benchmarks/serving/run.py $(ARGS)

loadtest: setup ## load a running service and judge it; HOST=, SHAPE=steady|step|spike|soak, ARGS go to Locust
	@HOST="$(HOST)" $(BIN)/python -m loadtests --shape $(SHAPE) $(ARGS)

terraform-test: .venv-terraform/.ready .venv-checkov/.ready ## Terraform: form, plans, rules, and an apply to an imitation of AWS
	@CHECKOV=$(abspath .venv-checkov)/bin/checkov .venv-terraform/bin/pytest \
		--config-file=tests/terraform/pytest.ini tests/terraform $(ARGS)

.venv-terraform/.ready .venv-checkov/.ready .venv-chart/.ready: .venv-%/.ready: requirements/%.txt | $(READY)
	@echo "$*: installing what its tests need in .venv-$*"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$*
	VIRTUAL_ENV=$(abspath .venv-$*) $(BIN)/uv pip sync --quiet --require-hashes $<
	touch $@

image: ## build the image with docker, podman or buildah; IMAGE=tidecast VERSION=1.2.3
	@builder=
	for one in docker podman buildah; do
		[ -n "$$builder" ] || ! $$one info > /dev/null 2>&1 || builder=$$one
	done
	export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2> /dev/null || echo 0)
	words=(--build-arg VERSION=$(VERSION) --build-arg SOURCE_DATE_EPOCH=$$SOURCE_DATE_EPOCH)
	words+=(--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE) --tag $(IMAGE):$(VERSION) $(ARGS) .)
	case $$builder in
		docker) docker build "$${words[@]}" ;;
		podman | buildah) $$builder build --layers --timestamp $$SOURCE_DATE_EPOCH "$${words[@]}" ;;
		*) echo "image: needs docker, podman or buildah, and none of them answers" >&2; exit 1 ;;
	esac

manifests: ## render k8s/ from the chart; needs helm
	@helm template tidecast helm/tidecast --namespace tidecast --kube-version 1.34.0 --skip-tests \
		--set database.bundled.existingSecret=tidecast-database > k8s/tidecast.yaml.new
	mv k8s/tidecast.yaml.new k8s/tidecast.yaml

chart-test: .venv-chart/.ready ## the chart: lint, schemas, alerts, rendered objects; needs helm and promtool
	@for tool in helm promtool; do
		command -v $$tool > /dev/null || { echo "chart-test: needs $$tool on the PATH" >&2; exit 1; }
	done
	for values in helm/tidecast/values.yaml helm/tidecast/ci/*; do
		helm lint --quiet --strict --kube-version 1.34.0 --values $$values helm/tidecast
	done
	$(BIN)/pytest tests/chart $(ARGS)

e2e: setup ## every scenario on the cluster of KUBECONFIG, half an hour; TIDECAST_E2E_IMAGE= is there already
	@for tool in helm kubectl; do
		command -v $$tool > /dev/null || { echo "e2e: needs $$tool on the PATH" >&2; exit 1; }
	done
	$(BIN)/pytest tests/e2e --timeout=1200 --capture=no --durations=15 --durations-min=5 $(ARGS)

requirements: setup ## compile the pins in requirements/ from pyproject.toml
	@grep -o '^uv==[^ ]*' requirements/bootstrap.txt \
		| $(COMPILE) - --output-file requirements/bootstrap.txt
	$(COMPILE) pyproject.toml --all-extras --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra kubernetes --constraint requirements/dev.txt \
		--output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra kubernetes --extra image --constraint requirements/dev.txt \
		--output-file requirements/image.txt
	$(COMPILE) requirements/peers.in --output-file requirements/peers.txt
	$(COMPILE) requirements/terraform.in --output-file requirements/terraform.txt
	$(COMPILE) requirements/checkov.in --output-file requirements/checkov.txt
	$(COMPILE) requirements/chart.in --output-file requirements/chart.txt

proto: setup ## generate the gRPC stubs from service/proto/*.proto
	@$(call PROTOC,.)

metrics-docs: setup ## write docs/metrics.md from the metrics
	@$(BIN)/python docs/metrics_page.py > docs/metrics.md.new
	mv docs/metrics.md.new docs/metrics.md

openapi: setup ## write docs/openapi.json from the service
	@$(BIN)/python -m service.rest.openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

settings-docs: setup ## write docs/settings.md from the settings
	@$(BIN)/python docs/settings_page.py > docs/settings.md.new
	mv docs/settings.md.new docs/settings.md

values-docs: setup ## write helm/tidecast/README.md from the chart's values
	@$(BIN)/python docs/values_page.py > helm/tidecast/README.md.new
	mv helm/tidecast/README.md.new helm/tidecast/README.md
