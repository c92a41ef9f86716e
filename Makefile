# Everything is installed into .venv; everything a local run writes lies in lake/ and .dagster/.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 3000
export DAGSTER_HOME ?= $(CURDIR)

.PHONY: help setup shell demo dev test chromium test-browser java test-spark test-all test-postgres check audit audit-update soak simulate mutate format realism calibration replayed-seasons calibration-quick backtest bench bench-merchants bench-warehouse bench-servers bench-lambda base-image check-aws test-live fuzz-tills full-disk faulty-s3 warehouse-kill warehouse-feeds dictionary lock clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, found " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable . # -qq: no warning about editable installs
	@touch $@

setup: .venv/installed ## Install everything into .venv

shell: setup ## Open a shell in which pizza-assets, dagster and python are those of .venv
	@. $(BIN)/activate && echo "pizza-assets is ready; 'exit' leaves." && exec "$${SHELL:-sh}" -i

demo: setup ## Make a mock season, run everything on it, say what was found
	$(BIN)/pizza-assets demo

dev: setup ## Start the UI on http://localhost:3000 (PORT=3001: another port), with schedules and sensors
	@$(BIN)/pizza-assets dev --port $(PORT)

test: setup ## Run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal --ignore=pizza_assets_tests/browser --ignore=pizza_assets_tests/spark
	$(BIN)/python -m pytest -n auto -rs pizza_assets_tests/browser # on its own: Playwright keeps an event loop running

chromium: # Debian's Chromium, for the tests that need a browser
	@command -v chromium chromium-browser google-chrome >/dev/null || [ -n "$$CHROMIUM" ] || \
		{ sudo=$$(command -v sudo || true); $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium; }

test-browser: setup chromium ## Run the dashboard's tests in Chromium (installs Chromium when it is missing)
	$(BIN)/python -m pytest pizza_assets_tests/browser

java: # Debian's Java 17, for the tests that need Spark
	@command -v java >/dev/null || [ -n "$$JAVA_HOME" ] || \
		{ sudo=$$(command -v sudo || true); $$sudo apt-get update -qq && $$sudo apt-get install -y -qq openjdk-17-jre-headless; }

.venv/spark: .venv/installed requirements-spark.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-spark.lock
	@touch $@

test-spark: setup java .venv/spark ## Run the merchants' tests on Spark: local, and a cluster of two workers (installs pyspark, Java)
	$(BIN)/python -m pytest -rs pizza_assets_tests/spark

test-all: chromium test ## Run all tests, those in Chromium too (installs Chromium when it is missing; Spark: make test-spark)

test-postgres: setup ## Run the warehouse's tests on Debian's PostgreSQL 15 (installs it when it is missing)
	.ci/test-postgres $(BIN)/python

test-live: setup ## Ask football-data.org (FOOTBALL_API_KEY) and S3 (PIZZA_LIVE_BUCKET), where they are set
	$(BIN)/python -m pytest -rs pizza_assets_tests/live.py

check: setup ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: setup ## Look up known vulnerabilities of what is locked (exit code 2: some were not looked up)
	$(BIN)/python .ci/audit.py

audit-update: setup ## The same, and store the answer for where no network is
	$(BIN)/python .ci/audit.py --update

soak: setup ## Run a real daemon through weeks of a season in minutes, with faults, kills and outages
	$(BIN)/python -W ignore -m benchmarks.soak

simulate: setup ## Play faulty worlds, in none of which something real may be lost (SEEDS=10000; BUGS=1: plant bugs)
	$(BIN)/python -W ignore -m benchmarks.simulation --seeds $(or $(SEEDS),1000) $(if $(BUGS),--bugs)

mutate: setup ## Change the code in small ways and list what no test notices (SAMPLE=300 of each subject; half an hour)
	$(BIN)/python -m pip install --quiet "mutmut>=3.8,<4"
	$(BIN)/python -m benchmarks.mutation --sample $(or $(SAMPLE),300)

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

realism: setup ## Measure the mock data against its targets
	$(BIN)/python -m benchmarks.realism

calibration: setup ## Prove the statistics on simulated worlds (an hour and a half; make calibration-quick: minutes)
	$(BIN)/python -m benchmarks.calibration

replayed-seasons: setup ## Find planted effects around real matches again (URL=http://127.0.0.1:8901/v4)
	$(BIN)/python -m benchmarks.replayed_seasons $(URL)

backtest: setup ## Forecast simulated seasons from 12 origins each, beside public methods and an oracle (20 minutes)
	$(BIN)/python -m benchmarks.backtest
	$(BIN)/python -m benchmarks.backtest.evenings

calibration-quick: setup ## The same on few worlds
	$(BIN)/python -m benchmarks.calibration --quick

bench: setup ## Compare ranges with DuckDB, Polars and pandas, and measure one more day, in a folder and a bucket (minutes)
	$(BIN)/python -W ignore -m benchmarks.ranges

bench-merchants: setup java .venv/spark ## Time the merchant questions on DuckDB, Spark and pandas (minutes; 3 GB of disk)
	$(BIN)/python -m benchmarks.merchants
bench-warehouse: setup ## Measure the warehouse: a million lines, and the views (minutes)
	$(BIN)/python -m benchmarks.warehouse

bench-servers: setup ## Load the two local servers: 200 clients, 50 that never read, 50 half requests (3 minutes)
	$(BIN)/python -m benchmarks.servers

.venv/lambda/installed: .venv/installed # Lambda's runtime client, apart from our packages
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv/lambda awslambdaric==4.2.2 snapshot-restore-py==1.0.0 simplejson==4.3.0
	@touch $@

bench-lambda: .venv/lambda/installed ## Run the function under Lambda's runtime client and limits: cold start, an evening, memory (as root; minutes)
	$(BIN)/python -W ignore -m benchmarks.lambda_function --client .venv/lambda

.venv/aws/installed: # checkov and parliament pin packages that ours do not go with: a venv of their own
	$(PYTHON) -m venv .venv/aws
	.venv/aws/bin/python -m pip install --quiet --disable-pip-version-check checkov==3.3.30 parliament==1.6.4
	@touch $@

base-image: # the digest of the image that ours builds on (needs Docker and a network)
	@tag=$$(grep -v '^#' deploy/base-image | cut -d@ -f1); docker pull --quiet $$tag >/dev/null && \
		digest=$$(docker inspect --format '{{index .RepoDigests 0}}' $$tag | cut -d@ -f2) && \
		sed -i "s|^[^#].*|$$tag@$$digest|" deploy/base-image && cat deploy/base-image

check-aws: setup .venv/aws/installed ## Look at the templates of AWS with cfn-lint and checkov, at the policies with parliament
	$(BIN)/cfn-lint deploy/aws/*.yaml
	.venv/aws/bin/checkov --directory deploy/aws --framework cloudformation --compact --quiet --skip-download
	$(BIN)/python .ci/policies.py .venv/aws/bin/parliament

fuzz-tills: setup ## Read 20,000 mutated till exports of each format: no row vanishes, no traceback (hours)
	$(BIN)/python -m benchmarks.fuzz_tills

full-disk: setup ## Fill a small file system at 20 points of demo and backfill (minutes; mounts tmpfs, so as root)
	$(BIN)/python -m benchmarks.full_disk

warehouse-feeds: setup ## Compare the warehouse's checks and views with pandas on 100 seeded feeds (minutes)
	$(BIN)/python -W ignore -m benchmarks.warehouse_feeds

faulty-s3: setup ## Backfill 50 times into a bucket that fails in 30 % of all requests, and with two writers (half an hour)
	$(BIN)/python -W ignore -m benchmarks.faulty_s3

warehouse-kill: setup ## Kill a load 50 times and compare what it made (minutes)
	$(BIN)/python -m benchmarks.warehouse_kill

dictionary: setup ## Write what derives from the code: the data dictionary, .env.example, the page's compiled charts
	$(BIN)/python -m pizza_assets.cli.documents

lock: setup ## Resolve the dependencies again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 --extra dev --extra delta --upgrade --output-file requirements.lock pyproject.toml
	grep -oE '^[A-Za-z0-9._-]+==[^\\]+' requirements.lock | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --python-version 3.11 --extra production --extra lambda --constraint - \
		--output-file requirements-image.lock pyproject.toml
	echo "pyspark>=4.1,<5" | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 --upgrade --output-file requirements-spark.lock -

clean: ## Remove what was installed and what local runs wrote (not the lake)
	rm -rf .venv .dagster build *.egg-info .mypy_cache .ruff_cache .hypothesis
