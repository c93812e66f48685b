# Needs python3 (3.11 or newer), git and make; everything else is fetched into this folder.
# Settings come from the environment or from .env, e.g.  make serve PORT=9000

PYTHON ?= python3
BIN := .venv/bin
# Tests are compiled with their assertions rewritten; the result is kept for the next run.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest
# Tests that never wait need one process for each processor.
BUSY := --numprocesses=logical
COMPOSE ?= docker compose

# The lock file names the public index only, whatever index this machine prefers.
PUBLIC_LOCK := env -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL \
	-u UV_FIND_LINKS $(PYTHON) tools/bootstrap.py lock --no-config

.DEFAULT_GOAL := help
.PHONY: help serve test test-quick coverage check fmt fuzz mutate bench bench-full audit sbom docs screenshots dev dev-down migrate-up migrate-down lock clean python runtime bootstrap env-file

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

serve: runtime ## run the service on http://localhost:8000 (HOST and PORT change that)
	@exec $(BIN)/doorward serve

test: bootstrap ## run every test; ARGS="-k login" picks some, ARGS=-n0 runs them in one process
	@exec $(PYTEST) $(ARGS)

test-quick: bootstrap ## run the tests that need no server, no database and no other process
	@exec $(PYTEST) $(BUSY) -m "not system and not slow" tests/unit tests/http tests/contracts $(ARGS)

coverage: bootstrap ## run the unit tests of domain and application; fail if they leave out a line
	@exec $(PYTEST) $(BUSY) tests/unit/domain tests/unit/application --cov $(ARGS)

check: bootstrap ## format, lint, types, import contracts and lock file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PUBLIC_LOCK) --check

fmt: bootstrap ## format the code and fix what the linter can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

fuzz: bootstrap ## send the running API what its document allows, and what not, for minutes
	@FUZZ_EXAMPLES=2000 $(PYTEST) -n0 tests/system/test_fuzz.py $(ARGS)

mutate: bootstrap ## test the tests: change the domain and the application, and see which changes they miss
	@$(BIN)/python tools/mutate.py $(ARGS)

bench: bootstrap ## measure and compare, in a quarter of an hour, on real servers; needs wrk and a quiet machine
	@$(BIN)/python -m bench

bench-full: bootstrap ## the same for longer, and with a million users
	@$(BIN)/python -m bench --full

audit: bootstrap ## look up known vulnerabilities of the locked packages (asks pypi.org)
	@$(PYTHON) tools/bootstrap.py export -q --frozen --no-dev --all-extras --no-emit-project -o build/locked.txt
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement build/locked.txt

sbom: python ## write the software bill of materials (CycloneDX) to build/sbom.cdx.json
	@$(PYTHON) tools/bootstrap.py export -q --frozen --no-dev --all-extras --format cyclonedx1.5 \
		-o build/sbom.cdx.json

docs: bootstrap ## write the table of settings into docs/configuration.md
	$(BIN)/python tools/settings_table.py

screenshots: bootstrap ## take a picture of every page into docs/screenshots
	@exec $(BIN)/python -m tests.browser.screenshots

migrate-up: runtime ## bring the database schema to the newest version
	@exec $(BIN)/doorward migrate up

migrate-down: runtime ## take one migration back
	@exec $(BIN)/doorward migrate down

dev: env-file ## run service, PostgreSQL, Redis and pgAdmin in Docker
	$(COMPOSE) up --build --detach
	@echo "Running: '$(COMPOSE) ps' shows where, '$(COMPOSE) logs -f api' what it says, 'make dev-down' ends it."

dev-down: env-file ## stop the containers (their data stays)
	$(COMPOSE) down

lock: python ## resolve the dependencies again, against the public index
	$(PUBLIC_LOCK)

clean: ## remove the tools, caches and builds (never var/, your data)
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis mutants build dist
	find src tests tools alembic bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Doorward needs Python 3.11 or newer, and '$(PYTHON)' is not: install it, or name it with PYTHON=..." >&2; \
		exit 1; }

runtime: python
	@$(PYTHON) tools/bootstrap.py --no-dev

bootstrap: python
	@$(PYTHON) tools/bootstrap.py

env-file:
	@test -f .env || { \
		echo "There is no .env yet: run 'install -m 600 .env.example .env' and fill in the passwords." >&2; \
		exit 1; }
