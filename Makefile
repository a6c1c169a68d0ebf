# One front door: what a person types is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LABEL_STUDIO_VENV := .venv-label-studio
PIP := pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo real test lint format bench bench-tiles bench-effort bench-anomalies chaos screenshots up down clean \
	browser s3

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/installed $(LABEL_STUDIO_VENV)/installed ## Create the two environments (about 3 minutes, 7 GB)

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) --constraint constraints.txt --editable '.[team,fast,faults,bench,dev]'
	@touch $@

# Label Studio pins an older Django and friends, so it lives alone.
$(LABEL_STUDIO_VENV)/installed: $(VENV)/installed constraints-label-studio.txt
	$(PYTHON) -m venv $(LABEL_STUDIO_VENV)
	$(LABEL_STUDIO_VENV)/bin/$(PIP) --requirement constraints-label-studio.txt
	$(BIN)/python -m infra.stack.label_studio # migrates an empty database once, so that no first start has to
	@touch $@

# A real S3 server for the contract tests of the object store.
.venv-s3/installed: infra/stack/s3_swift.sh
	bash infra/stack/s3_swift.sh install .venv-s3
	@touch $@

s3: .venv-s3/installed

# Debian's Chromium for the tests that look at pages; elsewhere, and without root, they skip and say so.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get -qq update && apt-get -qq install -y chromium >/dev/null; } || true

demo: setup ## Draw parking lots and run the whole line on them (KEEP=1 leaves the servers up)
	$(BIN)/labelline demo $(if $(KEEP),--keep)

real: setup ## The same on real aerial pictures (LABELLINE_DATA, or ../shared/data)
	$(BIN)/python -m infra.demo.real $(if $(KEEP),--keep)

# Two at a time, whole files together: many tests wait for servers, and a file's tests may share one.
test: setup browser s3 ## Run all tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## ruff, mypy --strict, and no outputs left in notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb

format: setup ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure posting, bands, consensus, choosing, memory and the doorbell (see also bench-tiles)
	$(BIN)/python -m infra.bench.posting
	$(BIN)/python -m infra.bench.bands
	$(BIN)/python -m infra.bench.consensus
	$(BIN)/python -m infra.bench.choosing
	$(BIN)/python -m infra.bench.memory
	$(BIN)/python -m infra.bench.doorbell

bench-tiles: setup ## Tiled detection beside SAHI and supervision
	$(BIN)/python -m infra.bench.tiles

bench-effort: setup ## Human seconds against by hand and random order (QUICK=1 only shows that it runs; in full: hours)
	$(BIN)/python -m infra.bench.effort $(if $(QUICK),--quick)

# anomalib, to compare with: some 90 packages that nothing else here needs.
.venv-anomalib/installed: constraints-anomalib.txt
	$(PYTHON) -m venv .venv-anomalib
	.venv-anomalib/bin/$(PIP) --requirement constraints-anomalib.txt
	@touch $@

bench-anomalies: setup .venv-anomalib/installed ## Flawed surfaces beside anomalib, and planted label faults (15 minutes)
	$(BIN)/python -m infra.bench.anomalies

chaos: setup ## Kill, lose and double everything; nothing may be lost or doubled
	$(BIN)/python -m infra.chaos

screenshots: setup browser ## Photograph Label Studio and Prefect for the README (after make demo KEEP=1)
	$(BIN)/python -m infra.browser.screenshots .labelline/demo docs

up: setup ## Start the local stack
	$(BIN)/labelline up

down: ## Stop the local stack
	$(BIN)/labelline down

clean: down ## Remove environments and state
	rm -rf $(VENV) $(LABEL_STUDIO_VENV) .venv-s3 .venv-anomalib .labelline
