# One word for each thing people do with this project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run setup test lint bench battery demo-history messages clean

PYTHON := .venv/bin/python
SETUP := sh scripts/setup.sh requirements.txt
SETUP_DEV := $(SETUP) requirements-dev.txt
# `make run PORT=8080`: make hands what stands on its command line to what it starts.

help:  ## list the words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run:  ## start the whole site (PORT=8000; DATABASE_URL and CELERY_BROKER_URL for servers of your own)
	@$(SETUP) && exec $(PYTHON) manage.py start

setup:  ## install what running and developing need into .venv
	@$(SETUP_DEV)

test:  ## run the test suite, on PostgreSQL too where it answers
	@$(SETUP_DEV) && exec $(PYTHON) scripts/test.py $(ARGS)

lint:  ## check style, types, migrations and translations
	@$(SETUP_DEV) && exec $(PYTHON) scripts/lint.py

bench:  ## measure speed, as ratios beside a baseline of the same run
	@$(SETUP_DEV) && exec $(PYTHON) scripts/bench.py $(ARGS)

battery:  ## run the reliability battery and write docs/reliability-report.md
	@$(SETUP_DEV) && exec $(PYTHON) scripts/battery.py $(ARGS)

demo-history:  ## replay a purchase history in a scratch database (FILE=orders.csv.gz)
	@$(SETUP) && exec $(PYTHON) scripts/demo_history.py "$(FILE)" $(ARGS)

messages:  ## collect new texts for translation and compile the catalogues (needs gettext)
	@$(SETUP_DEV) && $(PYTHON) manage.py makemessages -l vi --add-location file --no-wrap --no-obsolete --ignore .venv --ignore var --ignore tests && $(PYTHON) manage.py compilemessages --ignore .venv

clean:  ## remove what can be made again; the database in var/ stays
	@rm -rf .venv var/static .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
