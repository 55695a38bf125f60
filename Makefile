# Everything runs from here: `make demo` to see the service at work, `make test` to prove it.
# Assumed: Python 3.11 or newer, make; for the tests also Node 20, Java 17, Maven and PostgreSQL 15 (`make test` says what is missing).

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python -m
UV     := VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip
NODE   := tests/node/node_modules
NPM    := tests/node/package-lock.json $(wildcard tests/servers/*/package-lock.json)
SHEET  := docs/review/NCT06722105.md

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.run ## Screen the sample charts: no server, no configuration
	@$(RUN) service demo

.PHONY: test
test: check $(VENV)/.java $(VENV)/.postgres ## Install what the tests need, run all checks, then all tests with coverage
	$(RUN) pytest -q --cov

.PHONY: check
check: $(VENV)/.test $(VENV)/.node ## Lint, types, import floors, openapi.yaml, Dockerfile; writes nothing
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(NODE)/.bin/spectral lint --quiet --fail-severity=warn openapi.yaml
	$(VENV)/bin/hadolint Dockerfile

.PHONY: fix
fix: $(VENV)/.test ## Format the code and apply the linter's safe corrections
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

.PHONY: openapi
openapi: $(VENV)/.test ## Write openapi.yaml from the code
	$(RUN) service.api.openapi > openapi.yaml

.PHONY: review-sheet
review-sheet: $(VENV)/.test ## Write the page that a clinician signs
	@mkdir -p $(dir $(SHEET))
	$(RUN) service review-sheet > $(SHEET)

.PHONY: bench
bench: $(VENV)/.test ## Measure one chart side by side with other parsers, and patients over REST
	$(RUN) bench.chart
	$(RUN) bench.online

.PHONY: bench-service
bench-service: $(VENV)/.test ## Measure the service under many callers: throughput, waiting, event loop, memory
	$(RUN) bench.service

.PHONY: bench-population
bench-population: $(VENV)/.test ## Measure the nightly search beside other tools: make bench-population N="2000 20000" DATA=FOLDER
	$(RUN) bench.population $(N) $(if $(DATA),--data "$(DATA)")

.PHONY: fuzz
fuzz: $(VENV)/.test ## Call every operation of openapi.yaml with 10,000 examples, other ones each time
	FUZZ_EXAMPLES=350 $(RUN) pytest -q --hypothesis-profile=explore tests/fuzz

.PHONY: mutation
mutation: $(VENV)/.test ## Change the rules bit by bit, list what no test notices: make mutation MODULE=leaves.pair
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" mutmut run $(if $(MODULE),"service.eligibility.$(MODULE).*")
	@$(VENV)/bin/mutmut results | grep -Ev 'not checked|caught by type check' || echo "Nothing survived."

.PHONY: crash
crash: $(VENV)/.test $(VENV)/.node $(VENV)/.postgres ## Kill the service 200 times, inside all it does, and count what is lost
	$(RUN) tests.crash $(KILLS)

.PHONY: lock
lock: $(VENV)/.uv ## Resolve the dependencies of pyproject.toml anew, with hashes
	$(COMPILE) pyproject.toml --group test --output-file requirements-test.lock
	$(COMPILE) pyproject.toml --constraint requirements-test.lock --output-file requirements.lock
	$(COMPILE) --group build --constraint requirements-test.lock --output-file requirements-build.lock

# Names no index, so that the locks hold wherever packages are fetched from.
COMPILE = $(VENV)/bin/uv pip compile --quiet --upgrade --python-version 3.11 --universal \
	--generate-hashes --no-emit-index-url --no-header

# pip brings uv, which fills an environment in seconds where pip takes a minute.
$(VENV)/.uv: requirements-build.lock
	@PYTHON=$(PYTHON) .ci/tools python
	$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.run: requirements.lock $(VENV)/.uv
	@$(UV) install --quiet --require-hashes -r $<
	@touch $@

$(VENV)/.test: requirements-test.lock pyproject.toml $(VENV)/.uv
	@$(UV) sync --quiet --require-hashes $<
	@$(UV) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

$(VENV)/.node: $(NPM) $(VENV)/.uv
	@.ci/tools node
	@for lock in $(NPM); do npm ci --prefix "$$(dirname "$$lock")" --silent || exit 1; done
	@touch $@

$(VENV)/.postgres: .ci/tools $(VENV)/.uv
	@.ci/tools postgres
	@touch $@

$(VENV)/.java: tests/servers/hapi/pom.xml tests/servers/validator/pom.xml $(shell find tests/servers -name '*.java') $(VENV)/.uv
	@.ci/tools java
	mvn -B -ntp -q -f tests/servers/validator/pom.xml package
	mvn -B -ntp -q -f tests/servers/hapi/pom.xml package
	@touch $@
