# Recourse: what one can do with this checkout. `make` alone lists it.
# RECOURSE_PORT, RECOURSE_DATA, RECOURSE_DATABASE_URL and the other settings in README come from the environment.
.DEFAULT_GOAL := help
.PHONY: help run chat test lint fmt types unit conversations conversations-stack mutants browser bench nlu-gate train seed doctor clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start everything and keep it running: http://localhost:8000 (RECOURSE_PORT); Ctrl-C stops it
	@scripts/bootstrap
	@.venv/bin/recourse up

chat: ## talk to the assistant in this terminal; RECORD=FILE keeps the chat as a conversation test (FORCE=1 replaces it)
	@scripts/bootstrap
	@.venv/bin/recourse chat $(if $(RECORD),--record "$(RECORD)") $(if $(FORCE),--force)

test: ## every check, from lint to browser tests; stops at the first that fails
	@scripts/test

lint: ## style and common mistakes (ruff)
	@scripts/test setup lint

fmt: ## format the Python code and fix what can be fixed
	@scripts/bootstrap --dev
	@.venv/bin/ruff check --quiet --fix-only
	@.venv/bin/ruff format

types: ## types (mypy) and who may import whom (import-linter)
	@scripts/test setup types imports

unit: ## unit tests: services, conversation runner, engine, web
	@scripts/test setup unit plugin engine web

conversations: ## whole conversations with Rasa, actions and a database, in process, with coverage
	@scripts/test setup train stories conversations

conversations-stack: ## all conversations over the running stack as well; they must go the same way
	@scripts/test setup train conversations stackall

mutants: ## ten deliberate bugs, one at a time: do the conversations notice each? (about ten minutes)
	@scripts/bootstrap --dev
	@.venv/bin/python tests/mutants/run.py $(ONLY)

browser: ## the chat in a real browser, from the button to the order store
	@scripts/test setup train browser

bench: ## is the order store as quick with 1,000,000 orders as with 1,000? (about ten minutes)
	@scripts/bootstrap --dev
	@.venv/bin/python -m tests.load.bench_store

nlu-gate: ## are the intents told apart as well as in tests/nlu/report.json? ACCEPT=1 keeps the present state
	@scripts/bootstrap
	@.venv-rasa/bin/python -m engine.nlu_gate $(if $(ACCEPT),--accept)

train: ## train the model, unless one for this very project is there
	@scripts/bootstrap
	@.venv/bin/recourse train

seed: ## fill an empty database with the demo's buyers, sellers and orders
	@scripts/bootstrap
	@.venv/bin/recourse seed

doctor: ## check the installation; says how to repair what is wrong
	@scripts/bootstrap
	@.venv/bin/recourse doctor

clean: ## remove caches and built web pages; keeps data, models and environments
	rm -rf web/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .rasa results
	find . \( -name .venv -o -name .venv-rasa -o -name node_modules -o -name var \) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## clean, and remove the environments too; keeps data and models
	rm -rf .venv .venv-rasa .tools web/node_modules
