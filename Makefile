# Everything here sets up what it needs: a virtual environment for each supported end of Airflow.
SHELL := /bin/sh
.DEFAULT_GOAL := help
NEWEST := 3.3
OLDEST := 3.1
# more of pytest's options, such as PYTEST="-k bind"
PYTEST :=
# tests side by side: a number, or auto for one and a half for each core, because they wait a lot
WORKERS := auto
SIDE_BY_SIDE = -n $(WORKERS) --dist worksteal
BIN := .venv-$(NEWEST)/bin
# what runs the quick tests: make coverage measures what they cover
RUN := python -m
# or else each worker compiles all tests anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo demo-ui environments test test-slow test-all test-oldest test-executors test-watcher test-clients test-browser \
	coverage covered reliability bench docs pictures dist lint format clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: .venv-$(NEWEST)/ready ## run the first example through a real Airflow against the portal in a box
	@$(BIN)/python scripts/demo.py

demo-ui: .venv-$(NEWEST)/ready ## start Airflow's web UI and the portal in a box side by side
	@$(BIN)/python scripts/demo_ui.py

test: .venv-$(NEWEST)/ready ## run the tests on the newest supported Airflow, without the slow ones
	@$(BIN)/$(RUN) pytest $(SIDE_BY_SIDE) -m "not slow" $(PYTEST)

test-slow: .venv-$(NEWEST)/ready ## run the slow tests on the newest supported Airflow
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow $(PYTEST)

test-all: .venv-$(NEWEST)/ready ## run all tests on the newest supported Airflow
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST)

# What does not depend on Airflow would run the same lines a second time: constraints/ have the same versions of
# requests, httpx2, SQLAlchemy, pendulum, pyarrow and all providers at both ends. tests/rest imports nothing of
# Airflow; "once" are sweeps of which quicker tests run some cases here, too. The portal in a box is tried at both
# ends: its Starlette is another one.
test-oldest: .venv-$(OLDEST)/ready ## run all tests that depend on Airflow on the oldest supported one
	@.venv-$(OLDEST)/bin/python -m pytest $(SIDE_BY_SIDE) --ignore=tests/rest -m "not once" $(PYTEST)

# Slow tests are not measured, which would make them slower still: the quick ones reach the bar alone.
coverage: ## run the tests of make test and fail if they cover less than pyproject.toml says
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory test RUN="coverage run -m"
	@$(MAKE) --no-print-directory covered

covered: .venv-$(NEWEST)/ready ## tell what a run of make test RUN="coverage run -m" covered
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

reliability: .venv-$(NEWEST)/ready ## run every operation under every fault and write the table of docs/reliability.md
	@report=$$(mktemp) && { $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/faults -q --tb=line --junitxml="$$report" \
		-o junit_family=xunit1 || echo "Cells that differ from the table are written into it now."; } && \
	$(BIN)/python tests/faults/fault_table.py "$$report"; status=$$?; rm -f "$$report"; exit $$status

bench: .venv-bench/ready ## measure against other clients: CASES="a e", SIZE="0.1" (docs/benchmarks.md)
	@.venv-bench/bin/python -m benchmarks --size $(or $(SIZE),1) $(CASES)

test-executors: .venv-executors/ready ## run 16 mapped tasks on LocalExecutor and CeleryExecutor; needs Redis, PostgreSQL
	@.venv-executors/bin/python -m pytest tests/executors/executor_suite.py

test-watcher: .venv-$(NEWEST)/ready ## let changes in the CRM start runs of a real Airflow, and its failures reach people
	@$(BIN)/python -m pytest $(PYTEST) tests/executors/watcher_suite.py tests/executors/notifier_suite.py

test-clients: .venv-clients/ready ## drive the portal in a box with b24pysdk, fast_bitrix24 and, with Node.js, b24jssdk
	@.venv-clients/bin/python -m pytest --confcutdir tests/clients tests/clients/*_suite.py

test-browser: .venv-$(NEWEST)/browser .venv-$(OLDEST)/browser ## look at the portal's page and at Airflow's UI; needs Chromium
	@$(BIN)/python -m pytest $(PYTEST) tests/browser/*_suite.py
	@.venv-$(OLDEST)/bin/python -m pytest $(PYTEST) tests/browser/airflow_suite.py

docs: .venv-docs/ready ## build the documentation into build/site; a warning or a dead link is an error
	@rm -rf build/site build/doctrees
	@AIRFLOW_HOME="$(CURDIR)/.airflow/docs" .venv-docs/bin/sphinx-build --builder html --fail-on-warning \
		--keep-going --quiet --doctree-dir build/doctrees docs build/site
	@echo "Open build/site/index.html in a browser."

pictures: .venv-$(NEWEST)/browser ## take the pictures of docs/images again; needs Chromium
	@$(BIN)/python scripts/pictures.py

dist: .venv-dist/ready ## build the wheel and the sdist into dist/, check them, and try the wheel on both ends of Airflow
	@.venv-dist/bin/python scripts/dist.py $(OLDEST) $(NEWEST)

lint: .venv-$(NEWEST)/ready ## ruff, mypy and the walls between the folders
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

environments: $(foreach purpose,$(NEWEST) $(OLDEST) docs executors clients dist,.venv-$(purpose)/ready) ## set up all virtual environments: make --jobs 3 environments

format: .venv-$(NEWEST)/ready ## let ruff format everything
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove the virtual environments, the demo's Airflow and whatever was built
	rm -rf .venv-* .airflow build dist tests/clients/node_modules

# $(call venv,what to install,constraints): set up a virtual environment of its own for a purpose
define venv
@python=$$(scripts/find-python) || exit 1; \
echo "Setting up $(@D) with $$python (a minute or two) ..."; \
rm -rf $(@D) && "$$python" -m venv $(@D) && \
$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1" && \
$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(1) $(2:%=--constraint %)
endef

.venv-bench/ready: constraints/bench.txt constraints/airflow-$(NEWEST).txt pyproject.toml
	@mkdir -p build && grep -vE "^(python-dateutil|tzdata)==" constraints/airflow-$(NEWEST).txt > build/constraints.txt
	$(call venv,--editable . --group bench,build/constraints.txt constraints/bench.txt)
	@touch $@

.venv-executors/ready: constraints/executors.txt constraints/airflow-$(NEWEST).txt pyproject.toml
	$(call venv,--editable . --group executors,constraints/airflow-$(NEWEST).txt constraints/executors.txt)
	@touch $@

.venv-clients/ready: constraints/clients.txt tests/clients/package.json pyproject.toml
	@rm -rf tests/clients/node_modules
	$(call venv,--group clients,constraints/clients.txt)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@! command -v npm >/dev/null || npm install --prefix tests/clients --no-package-lock --no-audit --no-fund \
		--ignore-scripts --silent || rm -rf tests/clients/node_modules
	@touch $@

.venv-docs/ready: constraints/docs.txt constraints/airflow-$(NEWEST).txt pyproject.toml
	$(call venv,--editable . --group docs,constraints/airflow-$(NEWEST).txt constraints/docs.txt)
	@touch $@

.venv-dist/ready: constraints/dist.txt pyproject.toml
	$(call venv,--group dist,constraints/dist.txt)
	@touch $@

.venv-%/browser: .venv-%/ready constraints/browser.txt
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --group browser \
		--constraint constraints/airflow-$*.txt --constraint constraints/browser.txt
	@touch $@

.venv-%/ready: constraints/airflow-%.txt pyproject.toml
	$(call venv,--editable . --group dev,constraints/airflow-$*.txt)
	@touch $@
