# Two commands do all the set-up: `make run` and `make test`. Everything lands in .venv and .wdh.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.synced

# The checkout's own state, whatever the shell has set.
export WDH_STATE_DIR := $(CURDIR)/.wdh
export DAGSTER_HOME  := $(CURDIR)/.wdh/dagster
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help run dev serve test test-oldest compose-test check bench dashboards env lock clean

help:  ## What there is to do
	@sed -n 's/^\([a-z-]*\):.*## /  make \1  /p' Makefile

run: $(STAMP) $(DAGSTER_HOME)/dagster.yaml  ## Load a sample folder through Dagster and show what came of it
	@$(BIN)/wdh demo

dev: $(STAMP) $(DAGSTER_HOME)/dagster.yaml  ## Dagster's pages on http://127.0.0.1:3000, schedule and sensors on
	WDH_AUTOSTART=true $(BIN)/dagster dev

serve: $(STAMP) $(DAGSTER_HOME)/dagster.yaml  ## Alerting as a process of its own, metrics on http://127.0.0.1:9464/metrics
	$(BIN)/wdh serve

test: $(STAMP) lint  ## Everything: linters, types, import arrows, all tests
	env -u WDH_STATE_DIR -u DAGSTER_HOME $(BIN)/pytest -n 2 --dist loadgroup -q

# Dagster 1.12.0 itself warns under today's pydantic, so warnings are no errors there.
test-oldest: $(STAMP)  ## The Dagster side once more, on the oldest Dagster that pyproject.toml admits
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-oldest
	UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --python .venv-oldest/bin/python \
	  --editable ".[pipeline,postgres]" --group dev --overrides tests/oldest-dagster.txt
	env -u WDH_STATE_DIR -u DAGSTER_HOME .venv-oldest/bin/pytest -n 2 --dist loadgroup -q \
	  -o filterwarnings=default -m "not processes" tests/observability tests/orchestration

check: $(STAMP) lint  ## The fast half: linters, types, import arrows, tests that start no process
	env -u WDH_STATE_DIR -u DAGSTER_HOME $(BIN)/pytest -n 2 --dist loadgroup -q -m "not processes"

.PHONY: lint
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src dashboards
	$(BIN)/lint-imports

dashboards: $(STAMP)  ## Grafana's dashboards as JSON, from the code in dashboards/
	$(BIN)/python -m dashboards

compose-test: $(STAMP)  ## docker compose up for real: the stack, a failing run, each container killed
	env -u WDH_STATE_DIR -u DAGSTER_HOME $(BIN)/pytest -x -v -s --durations=0 --durations-min=5 tests/compose

bench: $(STAMP)  ## The figures of docs/figures.md, measured side by side
	env -u WDH_STATE_DIR -u DAGSTER_HOME $(BIN)/python -m benchmarks

env:  ## .env for `docker compose up`: new passwords, once
	@$(PYTHON) deploy/write_env.py .env

lock: $(STAMP)  ## Renew the two locks from pyproject.toml: the checkout's, and the image's
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --all-extras --group dev \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --extra pipeline --extra postgres --group image \
	  --constraints requirements.lock \
	  --custom-compile-command "make lock" pyproject.toml -o deploy/requirements.lock

clean:  ## Remove what the other targets made, but never data or the state in .wdh
	rm -rf $(VENV) .venv-oldest .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build
	rm -rf src/*.egg-info

# pip brings uv, held to the lock's hashes; uv brings the rest.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/^ *# via/p' requirements.lock > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

$(DAGSTER_HOME)/dagster.yaml:
	@mkdir -p $(DAGSTER_HOME)
	@printf 'telemetry:\n  enabled: false\n' > $@
