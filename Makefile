# One front door: what a person types is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LABEL_STUDIO_VENV := .venv-label-studio
PIP := pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-classes demo-text demo-video demo-outlines cold-start real test test-long lint format docs bench bench-tiles bench-effort bench-anomalies \
	bench-formats bench-score bench-suggest bench-video chaos screenshots \
	up down clean browser s3

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/installed $(LABEL_STUDIO_VENV)/installed ## Create the two environments (about 3 minutes, 7 GB)

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) --constraint constraints.txt --editable '.[team,fast,video,faults,embedders,bench,docs,dev]'
	$(BIN)/python -m infra.stack.servers.prefect_tables # made once, so that no first start has to
	@touch $@

# Label Studio pins an older Django and friends, so it lives alone.
$(LABEL_STUDIO_VENV)/installed: $(VENV)/installed constraints-label-studio.txt
	$(PYTHON) -m venv $(LABEL_STUDIO_VENV)
	$(LABEL_STUDIO_VENV)/bin/$(PIP) --requirement constraints-label-studio.txt
	$(BIN)/python -m infra.stack.servers.label_studio # migrates an empty database once, so that no first start has to
	@touch $@

# A real S3 server for the contract tests of the object store.
.venv-s3/installed: tests/s3_swift.sh
	bash tests/s3_swift.sh install .venv-s3
	@touch $@

s3: .venv-s3/installed

# Debian's Chromium for the tests that look at pages; elsewhere, and without root, they skip and say so.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get -qq update && apt-get -qq install -y chromium >/dev/null; } || true

demo: setup ## Draw parking lots and run the whole line on them (KEEP=1: servers stay up; DRAWING=corners: by dragging)
	$(BIN)/labelline demo $(if $(KEEP),--keep) $(if $(DRAWING),--drawing $(DRAWING))

demo-classes: setup ## Give each of 540 drawn pictures one class: from no model to a champion, and on to pages in rounds (KEEP=1)
	$(BIN)/python -m infra.demo.classes $(if $(KEEP),--keep)

demo-text: setup ## Give each of 400 texts one class, from a CSV file to a champion (KEEP=1; TEXTS=news, messages or letters; news where they are)
	$(BIN)/python -m infra.demo.texts $(if $(KEEP),--keep) $(if $(TEXTS),--texts $(TEXTS))

demo-video: setup ## Label a drawn video of traffic: key frames, followed between them, to tracks (KEEP=1; FRAMES=60 for less)
	$(BIN)/python -m infra.demo.video $(if $(KEEP),--keep) $(if $(FRAMES),--frames $(FRAMES))

demo-outlines: setup ## Outline drawn dishes of cells from nothing: by four clicks, then with a network, to exports (KEEP=1; LABELS=masks; PICTURES=40 STEPS=150 for less)
	$(BIN)/python -m infra.demo.outlines $(if $(KEEP),--keep) $(if $(LABELS),--labels $(LABELS)) \
		$(if $(PICTURES),--pictures $(PICTURES)) $(if $(STEPS),--steps $(STEPS)) $(if $(DRAWING),--drawing $(DRAWING))

cold-start: setup ## Label 100 drawn lots from no weights at all, and by hand beside it (PICTURES=24 STEPS=100 for less; DRAWING=corners; KEEP=1)
	$(BIN)/python -m infra.demo.cold_start $(if $(PICTURES),--pictures $(PICTURES)) $(if $(STEPS),--steps $(STEPS)) \
		$(if $(DRAWING),--drawing $(DRAWING)) \
		$(if $(KEEP),--keep)

real: setup ## The same on real aerial pictures (LABELLINE_DATA, or ../shared/data)
	$(BIN)/python -m infra.demo.real $(if $(KEEP),--keep)

# Three processes on two cores, as tests/work_units.py shares the tests out: many tests wait for servers. Each takes up to
# 2 GB, and its servers 1 GB.
AT_ONCE ?= 3

test: setup browser s3 ## Run all tests
	$(BIN)/pytest -n $(AT_ONCE)

# Repetition of what `make test` promises already, and changes to the code that its tests should notice.
test-long: setup browser s3 ## The same with many more examples, and a sample of mutants (hours)
	$(BIN)/$(PIP) --constraint constraints.txt --editable '.[mutants]'
	LABELLINE_LONG=1 $(BIN)/pytest -n $(AT_ONCE)
	$(BIN)/python -m tests.mutants

lint: setup ## ruff, mypy --strict, and no outputs left in notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb

format: setup ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Build the pages as a site in build/site; what they take from the code is written anew before
	$(BIN)/python -m infra.docs
	$(BIN)/zensical build --clean --strict
	@echo "open build/site/index.html, or $(BIN)/zensical serve for the search"

bench: setup ## Measure posting, thresholds, consensus, choosing, memory and the doorbell (see also bench-tiles)
	$(BIN)/python -m tests.bench.posting
	$(BIN)/python -m tests.bench.thresholds
	$(BIN)/python -m tests.bench.consensus
	$(BIN)/python -m tests.bench.risk
	$(BIN)/python -m tests.bench.risk_choices
	$(BIN)/python -m tests.bench.choosing
	$(BIN)/python -m tests.bench.memory
	$(BIN)/python -m tests.bench.doorbell

bench-tiles: setup ## Tiled detection beside SAHI and supervision
	$(BIN)/python -m tests.bench.tiles

bench-effort: setup ## Human seconds against by hand and random order (QUICK=1 only shows that it runs; in full: hours)
	$(BIN)/python -m tests.bench.effort $(if $(QUICK),--quick)

# anomalib, to compare with: some 90 packages that nothing else here needs.
.venv-anomalib/installed: constraints-anomalib.txt
	$(PYTHON) -m venv .venv-anomalib
	.venv-anomalib/bin/$(PIP) --requirement constraints-anomalib.txt
	@touch $@

bench-anomalies: setup .venv-anomalib/installed ## Flawed surfaces beside anomalib, and planted label faults (15 minutes)
	$(BIN)/python -m tests.bench.anomalies

# datumaro, to compare with: it wants other versions of much that stands here.
.venv-datumaro/installed: constraints-datumaro.txt
	$(PYTHON) -m venv .venv-datumaro
	.venv-datumaro/bin/$(PIP) --requirement constraints-datumaro.txt
	@touch $@

bench-formats: setup .venv-datumaro/installed ## Round trips of 100,000 labels in every format, and what others read of it
	$(BIN)/python -m tests.bench.formats

bench-score: setup ## POST /score beside `mlflow models serve` of the same network, at 1, 8 and 64 callers (4 minutes)
	$(BIN)/python -m tests.bench.score

bench-suggest: setup ## Suggested classes after few labels, minutes to label in pages, and how long an opened question waits (half an hour; LABELLINE_DATA, or ../shared/data)
	$(BIN)/python -m tests.bench.suggest
	$(BIN)/python -m tests.bench.unlabelled
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.suggest_live --label-studio

bench-video: setup ## What videos and film stills cost people, and how well is followed (a detector is trained after each round of stills: long; LABELLINE_DATA, or ../shared/data)
	$(BIN)/python -m tests.bench.video

chaos: setup ## Kill, lose and double everything; nothing may be lost or doubled
	$(BIN)/python -m tests.chaos

screenshots: setup browser ## Photograph Label Studio, Prefect and the gallery for the pages (after make demo KEEP=1)
	$(BIN)/python -m infra.browser.screenshots .labelline/demo docs

up: setup ## Start the local stack
	$(BIN)/labelline up

down: ## Stop the local stack
	$(BIN)/labelline down

clean: down ## Remove environments and state
	rm -rf $(VENV) $(LABEL_STUDIO_VENV) .venv-s3 .venv-anomalib .venv-datumaro .labelline build/site .cache
