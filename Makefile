# 知客. `make` alone lists what can be made.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BACKEND := .venv/backend/bin
BOT := .venv/bot/bin
# Pinned libraries warn about their own age; nobody here can mend that.
export PYTHONWARNINGS ?= ignore::SyntaxWarning,ignore::DeprecationWarning

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up:  ## set everything up and run it on http://127.0.0.1:8000 (PORT, BOT_PORT, ACTIONS_PORT, DATABASE_URL, VAR_DIR)
	@python3 tools/up.py

setup:  ## both environments, nothing started
	@python3 tools/environments.py backend bot

model: setup  ## train the model if what it is made of has changed
	@$(BOT)/python -m bot.train

system-packages:  ## what tests need from the system: a browser, a Chinese font, a PostgreSQL server
	@bash tools/system-packages.sh

test: setup system-packages model  ## every test, the browser journeys included
	@$(BACKEND)/python -m pytest tests -n 2 --dist loadscope --no-loadscope-reorder

check: setup  ## style, types, who may import whom, migrations, training data
	@$(BACKEND)/ruff check .
	@$(BACKEND)/mypy
	@$(BACKEND)/lint-imports --config import-laws.toml
	@$(BACKEND)/python -m backend.cli db check
	@RASA_TELEMETRY_ENABLED=false TF_CPP_MIN_LOG_LEVEL=3 $(BOT)/python -W ignore -m rasa data validate --config config.yml --domain data/domain --data data/nlu data/rules --fail-on-warnings --quiet

bench: setup system-packages model  ## benchmarks beside their peers; writes var/bench/*.json
	@$(BACKEND)/python -m benchmarks

lock:  ## resolve the dependencies of pyproject.toml again
	uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.10 --group bot -o requirements/bot.txt
	uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.12 --group backend --group dev -o requirements/backend.txt

.PHONY: help up setup model system-packages test check bench lock
